"""A way to a PostgreSQL server that breaks at a COMMIT: before it goes out, or before its answer comes back."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["CutAtCommit", "cut_at_commit"]

_CHUNK_BYTES = 65536


class CutAtCommit:
    """Passes bytes on, in the clear, until `arm`; the next COMMIT then ends all connections."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._armed = ""
        self.cuts = 0
        self.closed = False
        """Whether everybody who comes is sent away."""
        self._open: list[socket.socket] = []

    def arm(self, when: str) -> None:
        """`before`: the server never sees it. `after`: it commits, and nobody hears of it."""
        self._armed = when

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.closed:
                    client.close()
                    continue
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._to)) as server, suppress(OSError):
            self._open += [client, server]
            silent = False
            while True:
                ready, _, _ = select.select([client, server], [], [])
                for here, there in ((client, server), (server, client)):
                    if here not in ready:
                        continue
                    data = here.recv(_CHUNK_BYTES)
                    if not data or (silent and here is server):
                        return  # the answer to COMMIT is there, and stays here
                    if here is client and self._armed and b"COMMIT" in data:
                        when, self._armed = self._armed, ""
                        self.cuts += 1
                        if when == "before":
                            return
                        silent = True
                    there.sendall(data)

    def cut(self) -> None:
        """End every connection and let nobody in any more."""
        self.closed = True
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.cut()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@contextmanager
def cut_at_commit(port: int) -> Iterator[CutAtCommit]:
    """Such a way to the server on `port` of loopback."""
    way = CutAtCommit(port)
    threading.Thread(target=way.serve, daemon=True).start()
    try:
        yield way
    finally:
        way.close()

"""Counts the bytes on the wire: a plain TCP forwarder in front of a node.

The address on a node's card is the meter's, so every byte from and to other members passes here, encrypted as it is:
TLS records, handshakes and HTTP/2 frames included, TCP and IP headers not.
"""

import selectors
import socket
import threading
from contextlib import suppress

__all__ = ["Meter"]

_CHUNK_BYTES = 64 * 1024
_TICK_SECONDS = 0.2


class Meter:
    """Listens on a free port of loopback at once; forwards to `target` from the moment it is set."""

    def __init__(self) -> None:
        self.target: int | None = None
        self.inward = 0
        """Bytes that others sent to the node."""
        self.outward = 0
        """Bytes that the node answered."""
        self._stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(_TICK_SECONDS)
        self.port = int(self._listener.getsockname()[1])
        self._threads = [threading.Thread(target=self._accept, daemon=True, name="meter")]
        self._threads[0].start()

    def close(self) -> None:
        """Stop listening and cut what is open."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(2 * _TICK_SECONDS)
        self._listener.close()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                near, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            thread = threading.Thread(target=self._forward, args=(near,), daemon=True, name="meter-line")
            self._threads.append(thread)
            thread.start()

    def _forward(self, near: socket.socket) -> None:
        with near, suppress(OSError):
            if self.target is None:
                return
            with (
                socket.create_connection(("127.0.0.1", self.target), timeout=5) as far,
                selectors.DefaultSelector() as selector,
            ):
                near.settimeout(5)
                selector.register(near, selectors.EVENT_READ, (near, far))
                selector.register(far, selectors.EVENT_READ, (far, near))
                while not self._stopping.is_set():
                    for key, _events in selector.select(_TICK_SECONDS):
                        source, sink = key.data
                        data = source.recv(_CHUNK_BYTES)
                        if not data:
                            return
                        if source is near:
                            self.inward += len(data)
                        else:
                            self.outward += len(data)
                        sink.sendall(data)

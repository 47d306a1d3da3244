"""Callers that cost much and say little, for tests of what they can take from a node.

with flood(port, idle=500, slow=100):    connections that say nothing, and some that begin a TLS handshake and
    ...                                  send a byte of it each second; whatever the node closes is dialled again
with slow_calls(port, pem, 8):           a member's calls whose request comes a byte each second, and never ends
    ...
"""

import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support import raw_http2

__all__ = ["Flood", "SlowCalls", "flood", "slow_calls"]

BYTE_SECONDS = 1.0
"""How often a slow caller sends its next byte."""
REQUEST_BYTES = 1_000


def hello() -> bytes:
    """A whole first message of a TLS handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="nobody").do_handshake()
    return outgoing.read()


class Flood:
    """`dialled`: connections made, also those in the place of closed ones; `bytes`: sent."""

    def __init__(self, port: int, idle: int, slow: int) -> None:
        self._port = port
        self._said = hello()
        self._stop = threading.Event()
        self._rest = threading.Event()
        self.dialled = self.bytes = self.closed = 0
        self._open: dict[socket.socket, int | None] = {}
        for number in range(idle + slow):
            self._dial(None if number < idle else 0)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def fall_silent(self) -> None:
        """Send and dial no more; what is open stays open on this side."""
        self._rest.set()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        for one in self._open:
            one.close()

    def _dial(self, place: int | None) -> None:
        with suppress(OSError):
            one = socket.create_connection(("127.0.0.1", self._port), 5)
            one.setblocking(False)
            self._open[one] = place
            self.dialled += 1

    def _work(self) -> None:
        while not self._stop.wait(BYTE_SECONDS):
            if self._rest.is_set():
                continue
            for one, place in list(self._open.items()):
                gone = False
                try:
                    gone = one.recv(4096) == b""
                except BlockingIOError:
                    pass
                except OSError:
                    gone = True
                if place is not None and not gone:
                    try:
                        self.bytes += one.send(self._said[place : place + 1])
                        self._open[one] = (place + 1) % len(self._said)
                    except OSError:
                        gone = True
                if gone:
                    self.closed += 1
                    one.close()
                    del self._open[one]
                    self._dial(place if place is None else 0)


@contextmanager
def flood(port: int, *, idle: int, slow: int) -> Iterator[Flood]:
    made = Flood(port, idle, slow)
    try:
        yield made
    finally:
        made.close()


class SlowCalls:
    """One connection with many calls whose requests never come to an end; `ended` of them were ended by the server."""

    def __init__(self, port: int, pem: Path, method: str, calls: int) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        context.load_cert_chain(pem)
        self._tls = context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10))
        self._tls.settimeout(10)
        self._streams = [1 + 2 * number for number in range(calls)]
        self._tls.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + raw_http2.frame(raw_http2.SETTINGS, 0, 0, b""))
        for stream in self._streams:
            headers = raw_http2.frame(raw_http2.HEADERS, raw_http2.END_HEADERS, stream, raw_http2.header_block(method))
            begin = raw_http2.frame(raw_http2.DATA, 0, stream, b"\x00" + struct.pack(">I", REQUEST_BYTES))
            self._tls.sendall(headers + begin)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._tls.close()

    def _work(self) -> None:
        due, heard = time.monotonic(), b""
        with suppress(OSError):
            while not self._stop.is_set():
                if select.select([self._tls], [], [], 0.1)[0] or self._tls.pending():
                    heard = self._answer(heard + self._tls.recv(1 << 16))
                if time.monotonic() >= due:
                    due += BYTE_SECONDS
                    for stream in self._streams:
                        self._tls.sendall(raw_http2.frame(raw_http2.DATA, 0, stream, b"x"))

    def _answer(self, heard: bytes) -> bytes:
        """Answer pings, as every client does: a peer that does not is cut off, which is another defence."""
        while len(heard) >= raw_http2.HEADER_BYTES:
            length, kind, flags, _stream = raw_http2.header(heard)
            if len(heard) < raw_http2.HEADER_BYTES + length:
                break
            body, heard = heard[9 : 9 + length], heard[9 + length :]
            if kind == raw_http2.PING and not flags & raw_http2.ACK:
                self._tls.sendall(raw_http2.frame(raw_http2.PING, raw_http2.ACK, 0, body))
        return heard


@contextmanager
def slow_calls(port: int, pem: Path, method: str, calls: int) -> Iterator[SlowCalls]:
    """`pem`: a file with a member's TLS key and certificate."""
    made = SlowCalls(port, pem, method, calls)
    try:
        yield made
    finally:
        made.close()

"""A gRPC call made by hand over Python's own TLS, for what gRPC's client cannot be told to do: an old TLS version."""

import re
import socket
import ssl
import struct
import tempfile
from pathlib import Path

__all__ = [
    "ACK",
    "DATA",
    "END_HEADERS",
    "HEADERS",
    "HEADER_BYTES",
    "PING",
    "SETTINGS",
    "frame",
    "header",
    "header_block",
    "unary_status",
]

DATA, HEADERS, SETTINGS, PING, GOAWAY = 0, 1, 4, 6, 7
END_STREAM, END_HEADERS, ACK = 1, 4, 1
HEADER_BYTES = 9
"""Of a frame (RFC 9113 section 4.1)."""


def unary_status(
    port: int, method: str, message: bytes, *, certificate: bytes, key: bytes, version: ssl.TLSVersion
) -> int | None:
    """The gRPC status of one call to loopback with exactly this TLS version; None if the connection was cut."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2"])
    with tempfile.TemporaryDirectory() as folder:
        pem = Path(folder) / "client.pem"
        pem.write_bytes(key + certificate)
        context.load_cert_chain(pem)
    try:
        with socket.create_connection(("127.0.0.1", port), 10) as plain, context.wrap_socket(plain) as tls:
            tls.settimeout(10)
            tls.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, b""))
            tls.sendall(frame(HEADERS, END_HEADERS, 1, header_block(method)))
            tls.sendall(frame(DATA, END_STREAM, 1, b"\x00" + struct.pack(">I", len(message)) + message))
            return _read_status(tls)
    except (ssl.SSLError, ConnectionError, EOFError):
        return None


def _read_status(tls: ssl.SSLSocket) -> int:
    while True:
        length, kind, flags, stream = header(_exactly(tls, HEADER_BYTES))
        body = _exactly(tls, length)
        if kind == SETTINGS and not flags & ACK:
            tls.sendall(frame(SETTINGS, ACK, 0, b""))
        elif kind == PING and not flags & ACK:
            tls.sendall(frame(PING, ACK, 0, body))
        elif kind == GOAWAY:
            raise EOFError
        elif kind == HEADERS and stream == 1:
            # gRPC writes new header names in full; the status follows as a short literal.
            found = re.search(rb"grpc-status.([0-9]{1,2})", body, re.DOTALL)
            if found:
                return int(found.group(1))


def header_block(method: str) -> bytes:
    """The headers of a call."""
    headers = {
        ":method": "POST",
        ":scheme": "https",
        ":path": method,
        ":authority": "127.0.0.1",
        "te": "trailers",
        "content-type": "application/grpc",
    }
    # RFC 7541 section 6.2.2: literals without indexing, each name in full.
    return b"".join(b"\x00" + _text(name) + _text(value) for name, value in headers.items())


def _text(text: str) -> bytes:
    return bytes([len(text)]) + text.encode("ascii")


def frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    """A frame of HTTP/2."""
    return struct.pack(">I", len(body))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + body


def header(data: bytes) -> tuple[int, int, int, int]:
    """Length, kind, flags and stream of the frame that begins here."""
    return int.from_bytes(data[:3], "big"), data[3], data[4], int.from_bytes(data[5:], "big")


def _exactly(tls: ssl.SSLSocket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = tls.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data

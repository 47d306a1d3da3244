"""One party of openmined-psi: `python openmined_party.py (server|client) PORT IDENTIFIERS.csv`.

The library computes messages and leaves sending them to its user: here a TCP connection on the loopback. Four
multiplications for each pair of identifiers, as ours; only the client learns the intersection; no proofs. The set-up
message is the raw one, which is as exact as ours and costs no more time than the library's default (Golomb-coded).
"""

import contextlib
import csv
import socket
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import private_set_intersection.python as psi
from cost import report

_LENGTH = struct.Struct(">Q")
_FALSE_POSITIVES = 1e-9
_HELLO = b"!"
_TRIES = 300
_PAUSE_SECONDS = 0.1


def serve(port: int, mine: list[str]) -> Callable[[], int]:
    listener = socket.create_server(("127.0.0.1", port))
    wire, _ = listener.accept()
    wire.sendall(_HELLO)

    def work() -> int:
        party = psi.server.CreateWithNewKey(True)
        setup = party.CreateSetupMessage(_FALSE_POSITIVES, len(mine), mine, psi.DataStructure.RAW)
        request = _receive(wire, psi.Request)  # before anything is sent: two that send at once wait for ever
        _send(wire, setup)
        _send(wire, party.ProcessRequest(request))
        return 0

    return work


def ask(port: int, mine: list[str]) -> Callable[[], int]:
    wire = _connected(port)

    def work() -> int:
        party = psi.client.CreateWithNewKey(True)
        _send(wire, party.CreateRequest(mine))
        setup = _receive(wire, psi.ServerSetup)
        return len(party.GetIntersection(setup, _receive(wire, psi.Response)))

    return work


def _connected(port: int) -> socket.socket:
    """The server may not listen yet; behind a relay that shows as a connection that ends at once."""
    for _ in range(_TRIES):
        with contextlib.suppress(OSError):
            wire = socket.create_connection(("127.0.0.1", port))
            if wire.recv(len(_HELLO)) == _HELLO:
                return wire
            wire.close()
        time.sleep(_PAUSE_SECONDS)
    raise ConnectionError("the server does not answer")


def _send(wire: socket.socket, message: Any) -> None:
    data = message.SerializeToString()
    wire.sendall(_LENGTH.pack(len(data)) + data)


def _receive(wire: socket.socket, kind: Any) -> Any:
    (length,) = _LENGTH.unpack(_exactly(wire, _LENGTH.size))
    message = kind()
    message.ParseFromString(_exactly(wire, length))
    return message


def _exactly(wire: socket.socket, length: int) -> bytes:
    data = bytearray(length)
    view = memoryview(data)
    while view:
        read = wire.recv_into(view)
        if not read:
            raise ConnectionError("the other party ended early")
        view = view[read:]
    return bytes(data)


def main() -> None:
    role, port, path = sys.argv[1:]
    with Path(path).open(newline="", encoding="ascii") as stream:
        identifiers = [row[0] for row in csv.reader(stream)][1:]
    report((serve if role == "server" else ask)(int(port), identifiers), f"openmined-psi {psi.__version__}")


if __name__ == "__main__":
    main()

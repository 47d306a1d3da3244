"""Signed notes and cosignatures read as the specifications say (C2SP signed-note, tlog-cosignature), sharing no code
with node.audit: another parser, another library for Ed25519."""

import base64
import hashlib

from Crypto.Signature import eddsa

from node.audit import NoteKey

__all__ = ["read_cosigned"]


def read_cosigned(note: str, log: NoteKey, cosigner: NoteKey) -> tuple[str, bool, int]:
    """The note's text, whether the log signed it, and the time of the cosignature (-1: there is none)."""
    at = note.rindex("\n\n")
    text, lines = note[: at + 1], note[at + 2 :]
    signed, time = False, -1
    for line in lines.splitlines():
        mark, name, encoded = line.split(" ")
        assert mark == "\u2014"
        data = base64.b64decode(encoded)
        if name == log.name and data[:4] == _id(log, 1):
            _check(log, text.encode(), data[4:])
            signed = True
        elif name == cosigner.name and data[:4] == _id(cosigner, 4):
            time = int.from_bytes(data[4:12], "big")
            _check(cosigner, b"cosignature/v1\ntime %d\n" % time + text.encode(), data[12:])
    return text, signed, time


def _id(key: NoteKey, kind: int) -> bytes:
    return hashlib.sha256(key.name.encode() + b"\n" + bytes([kind]) + key.public_key).digest()[:4]


def _check(key: NoteKey, message: bytes, signature: bytes) -> None:
    """ValueError if it does not hold."""
    eddsa.new(eddsa.import_public_key(key.public_key), "rfc8032").verify(message, signature)

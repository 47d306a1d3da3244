"""What two members say to each other about their audit logs: the content of an envelope of kind WITNESS.

    show      here is my log at the opening (or closing) of this round, and it goes on from what you saw before
    ask       not shown yet: from these states, which you signed, to that one
    cannot    my log does not go on from what you ask for
    cosigned  I saw it: my signature

    show      {"type","moment","checkpoint","proofs":[[size,[hash,..]],..],"restored":null|{"body","path":[hash,..]}}
    ask       {"type","moment","checkpoint","questions":[checkpoint,..],"known":[[size,root],..]}
    cannot    {"type","moment"}
    cosigned  {"type","moment","checkpoint","time","signature"}

Canonical JSON (RFC 8785); a checkpoint is its fixed form of 104 bytes, that and hashes in base64. A proof is between
the size it names and that of the checkpoint, whichever is smaller. `restored` is an entry "node-restored" of the log,
and its inclusion proof: a log that was put back to a backup goes on from that place, and says so itself.

Line ends stand behind the JSON up to a multiple of PAD_BYTES: a proof is as long as the log is large, and how many
entries a round makes is nothing for those who carry its envelopes.
"""

import base64
from dataclasses import dataclass
from typing import Any, TypeAlias

from node.audit.checkpoint import BadCheckpoint, Checkpoint
from node.audit.merkle import HASH_BYTES
from node.wire.strict_json import canonical, parse
from psi.errors import MalformedMessage

__all__ = [
    "MAX_KNOWN",
    "MAX_QUESTIONS",
    "MAX_WITNESS_BYTES",
    "MOMENTS",
    "PAD_BYTES",
    "Ask",
    "Cannot",
    "Cosigned",
    "Note",
    "Proofs",
    "Restored",
    "Show",
    "read_note",
]

MAX_WITNESS_BYTES = 16 * 1024
"""Longest note, in bytes, with its padding."""

PAD_BYTES = 4 * 1024
"""A note has a multiple of this many bytes. One proof, which is all that most rounds need, fits into the first."""

MAX_QUESTIONS = 4
"""States from which a log has to be shown to go on, in number: the last one, and what was seen and not shown yet."""

MAX_KNOWN = 48
"""States named in `ask` so that a restored log can be tied to the newest it still has, in number."""

MOMENTS = ("open", "close")

_MAX_PATH_HASHES = 64
_MAX_BODY_BYTES = 2048
_SIGNATURE_BYTES = 64

Proofs: TypeAlias = dict[int, list[bytes]]
"""Size -> hashes of the consistency proof."""


@dataclass(frozen=True)
class Restored:
    """An entry that says that the log was put back to a backup, and that it is in the log."""

    body: bytes
    path: list[bytes]


@dataclass(frozen=True)
class Show:
    moment: str
    checkpoint: Checkpoint
    proofs: Proofs
    restored: Restored | None = None

    def to_bytes(self) -> bytes:
        restored = self.restored
        return _padded(
            {
                "type": "show",
                "moment": self.moment,
                "checkpoint": _text(self.checkpoint.to_bytes()),
                "proofs": [[size, _texts(path)] for size, path in sorted(self.proofs.items())],
                "restored": restored and {"body": restored.body.decode(), "path": _texts(restored.path)},
            }
        )


@dataclass(frozen=True)
class Ask:
    moment: str
    checkpoint: Checkpoint
    questions: tuple[Checkpoint, ...]
    known: tuple[tuple[int, bytes], ...]

    def to_bytes(self) -> bytes:
        return _padded(
            {
                "type": "ask",
                "moment": self.moment,
                "checkpoint": _text(self.checkpoint.to_bytes()),
                "questions": [_text(one.to_bytes()) for one in self.questions],
                "known": [[size, _text(root)] for size, root in self.known],
            }
        )


@dataclass(frozen=True)
class Cannot:
    moment: str

    def to_bytes(self) -> bytes:
        return _padded({"type": "cannot", "moment": self.moment})


@dataclass(frozen=True)
class Cosigned:
    """`time` in seconds since 1970, `signature` of 64 bytes."""

    moment: str
    checkpoint: Checkpoint
    time: int
    signature: bytes

    def to_bytes(self) -> bytes:
        return _padded(
            {
                "type": "cosigned",
                "moment": self.moment,
                "checkpoint": _text(self.checkpoint.to_bytes()),
                "time": self.time,
                "signature": _text(self.signature),
            }
        )


Note: TypeAlias = Show | Ask | Cannot | Cosigned


def read_note(payload: bytes) -> Note:
    """MalformedMessage for anything that `to_bytes` would not have written."""
    try:
        if len(payload) % PAD_BYTES:
            raise ValueError("not padded")
        found = parse(payload.rstrip(b"\n"), max_bytes=MAX_WITNESS_BYTES)
        note: Note = _READERS[found.pop("type")](**found)
        if note.moment not in MOMENTS or note.to_bytes() != payload:
            raise ValueError("not as it is written")
    except (AttributeError, BadCheckpoint, KeyError, TypeError, ValueError):
        raise MalformedMessage("The other side sent a note about audit logs that is not well formed.") from None
    return note


def _show(*, moment: Any, checkpoint: Any, proofs: Any, restored: Any) -> Show:
    # MAX_QUESTIONS, and the newest state that a restored log still has.
    paths = {_size(size): _hashes(path) for size, path in _few(proofs, MAX_QUESTIONS + 1)}
    claim = None
    if restored is not None:
        body = restored["body"].encode()
        if set(restored) != {"body", "path"} or len(body) > _MAX_BODY_BYTES:
            raise ValueError("not a claim")
        claim = Restored(body, _hashes(restored["path"]))
    return Show(moment, _checkpoint(checkpoint), paths, claim)


def _ask(*, moment: Any, checkpoint: Any, questions: Any, known: Any) -> Ask:
    asked = tuple(_checkpoint(one) for one in _few(questions, MAX_QUESTIONS))
    states = tuple((_size(size), _bytes(root, HASH_BYTES)) for size, root in _few(known, MAX_KNOWN))
    return Ask(moment, _checkpoint(checkpoint), asked, states)


def _cannot(*, moment: Any) -> Cannot:
    return Cannot(moment)


def _cosigned(*, moment: Any, checkpoint: Any, time: Any, signature: Any) -> Cosigned:
    return Cosigned(moment, _checkpoint(checkpoint), _size(time), _bytes(signature, _SIGNATURE_BYTES))


_READERS: dict[str, Any] = {"show": _show, "ask": _ask, "cannot": _cannot, "cosigned": _cosigned}


def _padded(content: dict[str, Any]) -> bytes:
    data = canonical(content)
    return data + b"\n" * (-len(data) % PAD_BYTES)


def _few(found: Any, most: int) -> list[Any]:
    if not isinstance(found, list) or len(found) > most:
        raise ValueError("not a short list")
    return found


def _size(found: Any) -> int:
    if type(found) is not int or not 0 <= found < 2**53:
        raise ValueError("not a size")
    return found


def _hashes(found: Any) -> list[bytes]:
    return [_bytes(one, HASH_BYTES) for one in _few(found, _MAX_PATH_HASHES)]


def _bytes(found: Any, length: int) -> bytes:
    data = base64.b64decode(found, validate=True)
    if len(data) != length:
        raise ValueError("not so many bytes")
    return data


def _checkpoint(found: Any) -> Checkpoint:
    return Checkpoint.from_bytes(base64.b64decode(found, validate=True))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _texts(path: list[bytes]) -> list[str]:
    return [_text(part) for part in path]

"""Cosignatures: one member's statement about another member's log (C2SP tlog-cosignature, Ed25519, "cosignature/v1").

    signed message      cosignature/v1
                        time 1679315147             seconds since 1970, by the clock of whoever cosigns
                        blindmatch/<member id>      from here on: the text of the checkpoint, as its owner signed it
                        4711
                        <base64 of the root>

    line in the note    — blindmatch/<cosigner's id> <base64 of key id (4) | time (8, big-endian) | signature (64)>
    key id              SHA-256(name | 0x0A | 0x04 | public key)[:4]

It says: "at that time this was the largest state of the log that I had seen, and it went on from everything that I had
seen before". So it is only given after a consistency proof, and never over a state older than one seen (`witness`).

The cosigner's identity key signs the message as it stands. That passes for nothing else it signs: its checkpoints begin
with "blindmatch/", everything else with the length of a label. A cosignature does not say that an entry is true.
"""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from node.audit.checkpoint import BadCheckpoint, Checkpoint, NoteKey, NoteSigner, bad_checkpoint, note_parts

__all__ = ["MAX_TIME", "Cosignature", "cosigned_note", "find_cosignature", "key_id"]

MAX_TIME = 2**63 - 1
"""Latest time of a cosignature, in seconds since 1970: C2SP's own limit."""

_COSIGNATURE_V1 = b"\x04"
_TIME_BYTES = 8
_SIGNATURE_BYTES = 64


@dataclass(frozen=True)
class Cosignature:
    """`time` in seconds since 1970, `signature` of 64 bytes."""

    time: int
    signature: bytes

    @classmethod
    def made(cls, checkpoint: Checkpoint, owner: NoteKey, time: int, cosigner: NoteSigner) -> "Cosignature":
        """Cosign a checkpoint of `owner`'s log. `cosigner` signs exactly the bytes it is given.

        ValueError for a time before 1970 or over MAX_TIME.
        """
        if not 0 <= time <= MAX_TIME:
            raise ValueError("not a time that a cosignature can carry")
        return cls(time, cosigner.sign(_message(time, checkpoint.text(owner.name))))

    def verify(self, checkpoint: Checkpoint, owner: NoteKey, cosigner: NoteKey) -> None:
        """BadCheckpoint unless `cosigner` cosigned this checkpoint of `owner`'s log at this time."""
        try:
            public = Ed25519PublicKey.from_public_bytes(cosigner.public_key)
            public.verify(self.signature, _message(self.time, checkpoint.text(owner.name)))
        except (InvalidSignature, ValueError):
            raise bad_checkpoint("the cosignature on it does not hold") from None

    def line(self, cosigner: NoteKey) -> str:
        """The line of the note, with its newline."""
        data = key_id(cosigner) + self.time.to_bytes(_TIME_BYTES, "big") + self.signature
        return f"— {cosigner.name} {base64.b64encode(data).decode()}\n"


def key_id(cosigner: NoteKey) -> bytes:
    """The 4 bytes before a cosignature: another one than for the checkpoints of the same key."""
    return sha256(cosigner.name.encode() + b"\n" + _COSIGNATURE_V1 + cosigner.public_key).digest()[:4]


def cosigned_note(checkpoint: Checkpoint, owner: NoteKey, cosigned: Iterable[tuple[Cosignature, NoteKey]]) -> str:
    """The note of a checkpoint: its owner's signature, then the cosignatures."""
    return checkpoint.to_text(owner) + "".join(one.line(key) for one, key in cosigned)


def find_cosignature(note: bytes, checkpoint: Checkpoint, owner: NoteKey, cosigner: NoteKey) -> Cosignature:
    """The cosignature of `cosigner` in a note, verified; `checkpoint` is what the note holds (`parse_checkpoint`).

    Lines of other keys are passed over. BadCheckpoint if there is none of this one, or one that does not hold.
    """
    wanted, found = key_id(cosigner), None
    for name, data in note_parts(note)[1]:
        if name != cosigner.name or data[:4] != wanted:
            continue
        if len(data) != 4 + _TIME_BYTES + _SIGNATURE_BYTES:
            raise bad_checkpoint("a cosignature on it has the wrong length")
        time = int.from_bytes(data[4 : 4 + _TIME_BYTES], "big")
        if time > MAX_TIME:
            raise bad_checkpoint("a cosignature on it has an impossible time")
        one = Cosignature(time, data[4 + _TIME_BYTES :])
        one.verify(checkpoint, owner, cosigner)
        found = found or one
    if found is None:
        raise BadCheckpoint(
            "A checkpoint of an audit log does not carry the cosignature that it should.",
            advice="Ask the member that should have cosigned it.",
        )
    return found


def _message(time: int, text: bytes) -> bytes:
    return f"cosignature/v1\ntime {time}\n".encode() + text

"""Signed checkpoints of the audit log: "my log has this many entries and this root".

The form is the transparency-log checkpoint of C2SP (c2sp.org/tlog-checkpoint), a signed note (c2sp.org/signed-note):

    blindmatch/<member id>              the origin: whose log
    4711                                entries
    <base64 of the 32-byte root>
                                        (an empty line; the signature is over what stands before it)
    — blindmatch/<member id> <base64 of key id (4) | Ed25519 signature (64)>

    key id = SHA-256(name | 0x0A | 0x01 | public key)[:4]

Inside protocol messages a checkpoint travels in a fixed form of 104 bytes: size (8, big-endian), root, signature. The
origin is known from the sender, so the note can be rebuilt and the signature checked.

The note is signed as it stands, by the identity key. It cannot be taken for anything else that this key signs: a note
begins with "blindmatch/", everything else with the length of its label. A checkpoint proves what its owner claimed,
not that the entries are true.
"""

import base64
import binascii
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from node.audit.merkle import HASH_BYTES
from node.errors import NodeError

__all__ = [
    "CHECKPOINT_BYTES",
    "MAX_NOTE_BYTES",
    "MAX_NOTE_SIGNATURES",
    "BadCheckpoint",
    "Checkpoint",
    "NoteKey",
    "NoteSigner",
    "bad_checkpoint",
    "note_parts",
    "parse_checkpoint",
]

CHECKPOINT_BYTES = 104
"""Bytes of the fixed form."""

MAX_NOTE_BYTES = 16 * 1024
"""Longest note that is parsed, in bytes."""

MAX_NOTE_SIGNATURES = 16
"""Signature lines in a note, in number: what C2SP asks a verifier to accept."""

SIGNATURE_BYTES = 64
_ED25519 = b"\x01"
_FIXED = struct.Struct(">Q32s64s")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


class BadCheckpoint(NodeError):
    """Bytes that are not a checkpoint, or one that its owner did not sign."""

    code = "bad-checkpoint"


@dataclass(frozen=True)
class NoteKey:
    """Who signs: the name in the signature line and the raw Ed25519 public key (32 bytes)."""

    name: str
    public_key: bytes

    @classmethod
    def of_member(cls, member_id: str, public_key: bytes) -> "NoteKey":
        """The key of a member's audit log."""
        return cls(f"blindmatch/{member_id}", public_key)

    @property
    def key_id(self) -> bytes:
        """The 4 bytes before the signature."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public_key).digest()[:4]


@dataclass(frozen=True)
class NoteSigner:
    """A key and the means to sign with it: `sign` gives the raw Ed25519 signature of exactly the bytes it is given."""

    key: NoteKey
    sign: Callable[[bytes], bytes] = field(repr=False)


@dataclass(frozen=True)
class Checkpoint:
    """`tree_size` entries, `root` (32 bytes), `signature` (64 bytes) over the note text."""

    tree_size: int
    root: bytes
    signature: bytes

    @classmethod
    def signed(cls, tree_size: int, root: bytes, signer: NoteSigner) -> "Checkpoint":
        """A new checkpoint. The log must never sign two that do not fit together."""
        unsigned = cls(tree_size, root, b"")
        return cls(tree_size, root, signer.sign(unsigned.text(signer.key.name)))

    @classmethod
    def from_bytes(cls, data: bytes) -> "Checkpoint":
        """The checkpoint in its fixed form, not yet verified. BadCheckpoint if the length or size is wrong."""
        if len(data) != CHECKPOINT_BYTES:
            raise bad_checkpoint("it has the wrong length")
        size, root, signature = _FIXED.unpack(data)
        if size >= 2**63:
            raise bad_checkpoint("its size is impossible")
        return cls(size, root, signature)

    def to_bytes(self) -> bytes:
        """The fixed form: 104 bytes."""
        return _FIXED.pack(self.tree_size, self.root, self.signature)

    def text(self, origin: str) -> bytes:
        """What is signed: the three lines of the note."""
        return f"{origin}\n{self.tree_size}\n{base64.b64encode(self.root).decode()}\n".encode()

    def to_text(self, key: NoteKey) -> str:
        """The signed note."""
        signature = base64.b64encode(key.key_id + self.signature).decode()
        return f"{self.text(key.name).decode()}\n— {key.name} {signature}\n"

    def verify(self, key: NoteKey, *, origin: str | None = None) -> None:
        """BadCheckpoint unless `key` signed this checkpoint for `origin` (by default the key's own name)."""
        try:
            public = Ed25519PublicKey.from_public_bytes(key.public_key)
            public.verify(self.signature, self.text(origin or key.name))
        except (InvalidSignature, ValueError):
            raise bad_checkpoint("its owner did not sign it") from None


def parse_checkpoint(data: bytes, key: NoteKey, *, origin: str | None = None) -> Checkpoint:
    """The checkpoint in a signed note, verified against `key`.

    Signatures of other keys are passed over, as C2SP asks; extension lines are refused, since nothing could audit
    them. Raises BadCheckpoint and nothing else, whatever the bytes.
    """
    lines, signatures = note_parts(data)
    if lines[0] != (origin or key.name):
        raise bad_checkpoint("it is about another log")
    if not _SIZE.fullmatch(lines[1]) or int(lines[1]) >= 2**63:
        raise bad_checkpoint("its size is impossible")
    root = _decode(lines[2])
    if len(root) != HASH_BYTES:
        raise bad_checkpoint("its root has the wrong length")
    found = [
        Checkpoint(int(lines[1]), root, signature[4:])
        for name, signature in signatures
        if name == key.name and signature[:4] == key.key_id
    ]
    if not found:
        raise bad_checkpoint("its owner did not sign it")
    for checkpoint in found:
        checkpoint.verify(key, origin=origin)
    return found[0]


def note_parts(data: bytes) -> tuple[list[str], list[tuple[str, bytes]]]:
    """The three lines of a checkpoint's note, and name and bytes of each signature line; nothing is verified yet.

    Raises BadCheckpoint and nothing else, whatever the bytes.
    """
    if len(data) > MAX_NOTE_BYTES:
        raise bad_checkpoint("it is too long")
    try:
        note = data.decode()
    except UnicodeDecodeError:
        raise bad_checkpoint("it is not text") from None
    if any(char < " " and char != "\n" for char in note):
        raise bad_checkpoint("it holds control characters")
    text, separator, tail = note.rpartition("\n\n")
    lines = text.split("\n")
    signatures = tail.split("\n")
    if not separator or len(lines) != 3 or signatures.pop() != "" or not 1 <= len(signatures) <= MAX_NOTE_SIGNATURES:
        raise bad_checkpoint("it does not have the form of a checkpoint")
    return lines, [_signature_line(line) for line in signatures]


def _signature_line(line: str) -> tuple[str, bytes]:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    if dash != "—" or not name or "+" in name or any(char.isspace() for char in name):
        raise bad_checkpoint("a signature line is malformed")
    signature = _decode(encoded)
    if len(signature) <= 4:
        raise bad_checkpoint("a signature line is malformed")
    return name, signature


def _decode(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise bad_checkpoint("it holds bad base64") from None
    # Two spellings of the same bytes would be two notes with one meaning.
    if base64.b64encode(data).decode() != text:
        raise bad_checkpoint("it holds bad base64")
    return data


def bad_checkpoint(why: str) -> BadCheckpoint:
    """The error, with its reason in the sentence."""
    return BadCheckpoint(
        f"A checkpoint of an audit log is not acceptable: {why}.",
        advice="Ask the member it should come from; do not continue without an answer.",
    )

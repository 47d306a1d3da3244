"""The messages of protocol `pair`, each with its one byte form.

    Open      <->   who, whom, run, nonce, agreement, suite, key, size, audit checkpoint, commitment
    Blinded   <->   one chunk of the blinded list
    Evaluated  ->   one chunk of answers with its proof
    Count      ->   a signed number of records
    Released   ->   single answers, each with its own proof
    Close     <->   audit checkpoint and signed digest of the transcript

A message is one version byte, one type byte and its fields (PROTOCOL.md, "Messages"). Fields have fixed sizes wherever
their content could depend on what a side holds, so that the length of a message tells nothing but the size class.
Decoding checks form only; what a message means in its place is checked by `psi.protocol.pair`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from psi.codec import Reader, Writer
from psi.dleq import PROOF_BYTES
from psi.errors import MalformedMessage, VersionMismatch
from psi.group import ELEMENT_BYTES
from psi.spool import CHUNK_ROWS
from psi.transcript import DIGEST_BYTES

__all__ = [
    "MAX_MESSAGE_BYTES",
    "MAX_NAME_BYTES",
    "MAX_TREE_SIZE",
    "NONCE_BYTES",
    "PROTOCOL_VERSION",
    "RELEASES_PER_MESSAGE",
    "RUN_BYTES",
    "SIGNATURE_BYTES",
    "SUITE",
    "Blinded",
    "Checkpoint",
    "Close",
    "Count",
    "Evaluated",
    "Message",
    "Open",
    "Release",
    "Released",
    "decode",
    "is_name",
]

PROTOCOL_VERSION = 1
SUITE = "ristretto255-SHA512"

RUN_BYTES = 16
NONCE_BYTES = 32
SIGNATURE_BYTES = 64

MAX_NAME_BYTES = 64
"""Longest member id or suite name, in bytes."""

RELEASES_PER_MESSAGE = CHUNK_ROWS
"""Single answers in one message, all but the last of which are full; 4,096 of them are 416 KiB."""

MAX_TREE_SIZE = (1 << 63) - 1
"""Most entries in an audit log that a checkpoint can show: what every database can hold as a number."""

MAX_MESSAGE_BYTES = 512 * 1024
"""Longest message, in bytes. A full chunk of 4,096 elements with its proof is 128 KiB and a little."""


@dataclass(frozen=True)
class Checkpoint:
    """What a side commits to about its audit log: tree size, root (32 bytes) and Ed25519 signature (64 bytes).

    psi does not interpret it; the node signs, checks and stores it.
    """

    tree_size: int
    root: bytes
    signature: bytes

    def write(self, writer: Writer) -> Writer:
        return writer.uint(self.tree_size, 8).fixed(self.root, 32).fixed(self.signature, SIGNATURE_BYTES)

    @staticmethod
    def read(reader: Reader) -> "Checkpoint":
        tree_size = reader.uint(8)
        if tree_size > MAX_TREE_SIZE:
            raise MalformedMessage("The other side shows an audit log of an impossible length.")
        return Checkpoint(tree_size, reader.fixed(32), reader.fixed(SIGNATURE_BYTES))


@dataclass(frozen=True)
class Open:
    """The opening. `size` is the padded number of elements; `commitment` binds the list that will follow."""

    TYPE: ClassVar[int] = 1
    sender: str
    recipient: str
    run: bytes
    nonce: bytes
    agreement: bytes
    suite: str
    public_key: bytes
    size: int
    checkpoint: Checkpoint
    commitment: bytes

    def _write(self, writer: Writer) -> Writer:
        writer.var(self.sender.encode(), MAX_NAME_BYTES).var(self.recipient.encode(), MAX_NAME_BYTES)
        writer.fixed(self.run, RUN_BYTES).fixed(self.nonce, NONCE_BYTES).fixed(self.agreement, DIGEST_BYTES)
        writer.var(self.suite.encode(), MAX_NAME_BYTES).fixed(self.public_key, ELEMENT_BYTES).uint(self.size, 8)
        return self.checkpoint.write(writer).fixed(self.commitment, DIGEST_BYTES)

    @staticmethod
    def _read(reader: Reader) -> "Open":
        return Open(
            _name(reader),
            _name(reader),
            reader.fixed(RUN_BYTES),
            reader.fixed(NONCE_BYTES),
            reader.fixed(DIGEST_BYTES),
            _name(reader),
            reader.fixed(ELEMENT_BYTES),
            reader.uint(8),
            Checkpoint.read(reader),
            reader.fixed(DIGEST_BYTES),
        )

    def encode(self) -> bytes:
        return _encode(self.TYPE, self._write)


@dataclass(frozen=True)
class Blinded:
    """Chunk number `chunk` of the sender's list: n elements of 32 bytes, ascending."""

    TYPE: ClassVar[int] = 2
    chunk: int
    elements: bytes

    def _write(self, writer: Writer) -> Writer:
        return writer.uint(self.chunk, 4).var(self.elements, CHUNK_ROWS * ELEMENT_BYTES)

    @staticmethod
    def _read(reader: Reader) -> "Blinded":
        return Blinded(reader.uint(4), _elements(reader))

    def encode(self) -> bytes:
        return _encode(self.TYPE, self._write)


@dataclass(frozen=True)
class Evaluated:
    """Answers to chunk number `chunk` of the receiver's list, in its order, with one proof for all of them."""

    TYPE: ClassVar[int] = 3
    chunk: int
    elements: bytes
    proof: bytes

    def _write(self, writer: Writer) -> Writer:
        writer.uint(self.chunk, 4).var(self.elements, CHUNK_ROWS * ELEMENT_BYTES)
        return writer.fixed(self.proof, PROOF_BYTES)

    @staticmethod
    def _read(reader: Reader) -> "Evaluated":
        return Evaluated(reader.uint(4), _elements(reader), reader.fixed(PROOF_BYTES))

    def encode(self) -> bytes:
        return _encode(self.TYPE, self._write)


@dataclass(frozen=True)
class Count:
    """How many of the sender's records agree: from `low` to `high`, both included; signed by the sender."""

    TYPE: ClassVar[int] = 4
    low: int
    high: int
    signature: bytes

    def _write(self, writer: Writer) -> Writer:
        return writer.uint(self.low, 8).uint(self.high, 8).fixed(self.signature, SIGNATURE_BYTES)

    @staticmethod
    def _read(reader: Reader) -> "Count":
        return Count(reader.uint(8), reader.uint(8), reader.fixed(SIGNATURE_BYTES))

    def encode(self) -> bytes:
        return _encode(self.TYPE, self._write)


@dataclass(frozen=True)
class Release:
    """One answer: the index in the receiver's list, the evaluated element, the proof of that pair."""

    index: int
    element: bytes
    proof: bytes


@dataclass(frozen=True)
class Released:
    """Message number `number` of the released answers, indices ascending; `last` ends the leg."""

    TYPE: ClassVar[int] = 5
    number: int
    last: bool
    items: tuple[Release, ...]

    def _write(self, writer: Writer) -> Writer:
        writer.uint(self.number, 4).uint(self.last, 1).uint(len(self.items), 4)
        for item in self.items:
            writer.uint(item.index, 8).fixed(item.element, ELEMENT_BYTES).fixed(item.proof, PROOF_BYTES)
        return writer

    @staticmethod
    def _read(reader: Reader) -> "Released":
        number, last, count = reader.uint(4), reader.uint(1), reader.uint(4)
        if last > 1 or count > RELEASES_PER_MESSAGE:
            raise MalformedMessage("The other side sent a release that is not well formed.")
        items = tuple(
            Release(reader.uint(8), reader.fixed(ELEMENT_BYTES), reader.fixed(PROOF_BYTES)) for _ in range(count)
        )
        return Released(number, bool(last), items)

    def encode(self) -> bytes:
        return _encode(self.TYPE, self._write)


@dataclass(frozen=True)
class Close:
    """The end: the sender's audit checkpoint and its signature over the transcript both sides saw."""

    TYPE: ClassVar[int] = 6
    checkpoint: Checkpoint
    transcript: bytes
    signature: bytes

    def _write(self, writer: Writer) -> Writer:
        self.checkpoint.write(writer)
        return writer.fixed(self.transcript, DIGEST_BYTES).fixed(self.signature, SIGNATURE_BYTES)

    @staticmethod
    def _read(reader: Reader) -> "Close":
        return Close(Checkpoint.read(reader), reader.fixed(DIGEST_BYTES), reader.fixed(SIGNATURE_BYTES))

    def encode(self) -> bytes:
        return _encode(self.TYPE, self._write)


Message = Open | Blinded | Evaluated | Count | Released | Close

_READERS: dict[int, Callable[[Reader], Message]] = {
    kind.TYPE: kind._read for kind in (Open, Blinded, Evaluated, Count, Released, Close)
}


def _encode(kind: int, write: Callable[[Writer], Writer]) -> bytes:
    return write(Writer().uint(PROTOCOL_VERSION, 1).uint(kind, 1)).bytes()


def decode(data: bytes) -> Message:
    """The message of these bytes; MalformedMessage or VersionMismatch for anything else."""
    if len(data) > MAX_MESSAGE_BYTES:
        raise MalformedMessage("The other side sent a message that is longer than the protocol allows.")
    reader = Reader(data)
    version = reader.uint(1)
    if version != PROTOCOL_VERSION:
        older = "This node has" if version > PROTOCOL_VERSION else "The other side has"
        raise VersionMismatch(
            f"The other side speaks protocol version {version}, this node speaks version {PROTOCOL_VERSION}.",
            advice=f"{older} the older software, which should be updated there; then propose the round again.",
        )
    read = _READERS.get(reader.uint(1))
    if read is None:
        raise MalformedMessage("The other side sent a message of a kind that does not exist.")
    message = read(reader)
    reader.finish()
    return message


def is_name(text: str) -> bool:
    """Whether a member id or suite name can stand in a message: 1 to MAX_NAME_BYTES of visible ASCII, no blanks."""
    return 0 < len(text) <= MAX_NAME_BYTES and all("!" <= letter <= "~" for letter in text)


def _name(reader: Reader) -> str:
    name = reader.var(MAX_NAME_BYTES).decode("latin-1")
    if not is_name(name):
        raise MalformedMessage("The other side sent a name that is not plain text.")
    return name


def _elements(reader: Reader) -> bytes:
    data = reader.var(CHUNK_ROWS * ELEMENT_BYTES)
    if not data or len(data) % ELEMENT_BYTES:
        raise MalformedMessage("The other side sent a list chunk that does not hold whole elements.")
    return data

"""Parcels: what a relay stores and forwards, and how little of it a relay can read.

    content = Seal(sealing key on the recipient's card, info = a place that no envelope has, kind || bytes)
    mark    = SHA-256(length_prefixed("blindmatch/parcel-mark/1", kind || bytes)), its first 16 bytes

An envelope's payload is sealed already, but its frame names the round, its number and its kind. So that a relay sees
names, sizes and times and nothing else, the whole envelope is sealed once more for its way through the relay, and so
are receipts. The mark lets the relay know the same content again, although sealing never gives the same bytes twice; it
tells nothing, because nobody can guess content that holds a signature.

Who put a parcel there is the relay's word. It decides nothing: an envelope and receipts are believed for the signature
inside them.
"""

import dataclasses
import hashlib
from dataclasses import dataclass

from google.protobuf.unknown_fields import UnknownFieldSet

from node.wire import relay_pb2
from node.wire.envelope import MAX_ENVELOPE_OVERHEAD_BYTES, MAX_PAYLOAD_BYTES, MEMBER_ID_CHARACTERS
from node.wire.sealing import NOTE_GROWTH_BYTES, Place, seal_note
from node.wire.signing import labelled
from psi.errors import MalformedMessage

__all__ = [
    "MARK_BYTES",
    "MARK_LABEL",
    "MAX_CONTENT_BYTES",
    "MAX_PARCELS_PER_CALL",
    "Parcel",
    "SealedParcel",
    "place_of",
    "read_content",
    "seal_parcel",
]

MARK_LABEL = b"blindmatch/parcel-mark/1"
MARK_BYTES = 16
MAX_CONTENT_BYTES = MAX_PAYLOAD_BYTES + MAX_ENVELOPE_OVERHEAD_BYTES + NOTE_GROWTH_BYTES + 1
"""Bytes of a parcel's content: the largest envelope, sealed, and a byte for its kind."""
MAX_PARCELS_PER_CALL = 256
"""Parcels that one call of `Put` or `Take` may carry, and numbers that one call of `Done` may name."""

_ENVELOPE, _RECEIPTS = b"\x01", b"\x02"
_BASE32 = frozenset("abcdefghijklmnopqrstuvwxyz234567")
_NO_ROUND = "0" * 32
_NO_KIND = 0


@dataclass(frozen=True, slots=True)
class Parcel:
    """What a node puts there or takes from there: an envelope's bytes, or those of receipts, and never both.
    `number`: the relay's, of a parcel that was taken."""

    sender: str
    recipient: str
    envelope: bytes = dataclasses.field(default=b"", repr=False)
    receipts: bytes = dataclasses.field(default=b"", repr=False)
    number: int = 0

    def __post_init__(self) -> None:
        if bool(self.envelope) == bool(self.receipts):
            raise ValueError("a parcel holds an envelope or receipts")

    def plaintext(self) -> bytes:
        return _ENVELOPE + self.envelope if self.envelope else _RECEIPTS + self.receipts


@dataclass(frozen=True, slots=True)
class SealedParcel:
    """What a relay sees. Raises MalformedMessage when a field has the wrong shape, whoever builds it."""

    sender: str
    recipient: str
    mark: bytes = dataclasses.field(repr=False)
    content: bytes = dataclasses.field(repr=False)
    number: int = 0

    def __post_init__(self) -> None:
        for name in (self.sender, self.recipient):
            _check(len(name) == MEMBER_ID_CHARACTERS and _BASE32.issuperset(name), "a member id")
        _check(len(self.mark) == MARK_BYTES, "a mark")
        _check(NOTE_GROWTH_BYTES < len(self.content) <= MAX_CONTENT_BYTES, "a content of permitted size")

    def to_proto(self) -> relay_pb2.Parcel:
        return relay_pb2.Parcel(
            sender=self.sender, recipient=self.recipient, mark=self.mark, content=self.content, number=self.number
        )

    @classmethod
    def from_proto(cls, message: relay_pb2.Parcel) -> "SealedParcel":
        """Read what came. Raises MalformedMessage."""
        _check(len(UnknownFieldSet(message)) == 0, "a message without unknown fields")
        return cls(message.sender, message.recipient, message.mark, message.content, message.number)


def place_of(sender: str, recipient: str) -> Place:
    """What ties sealed content to its two ends; no envelope has such a place (node.wire.sealing)."""
    return Place(_NO_ROUND, sender, recipient, 0, _NO_KIND)


def seal_parcel(parcel: Parcel, card_key: bytes) -> SealedParcel:
    """For its recipient, whose card has this sealing key (32 bytes)."""
    plaintext = parcel.plaintext()
    mark = hashlib.sha256(labelled(MARK_LABEL, plaintext)).digest()[:MARK_BYTES]
    sealed = seal_note(card_key, place_of(parcel.sender, parcel.recipient), plaintext)
    return SealedParcel(parcel.sender, parcel.recipient, mark, sealed)


def read_content(sealed: SealedParcel, plaintext: bytes) -> Parcel:
    """The parcel whose content opened as this. Raises MalformedMessage if its kind is not known."""
    kind, body = plaintext[:1], plaintext[1:]
    _check(kind in (_ENVELOPE, _RECEIPTS) and body != b"", "an envelope or receipts")
    envelope, receipts = (body, b"") if kind == _ENVELOPE else (b"", body)
    return Parcel(sealed.sender, sealed.recipient, envelope, receipts, sealed.number)


def _check(holds: bool, what: str) -> None:
    if not holds:
        raise MalformedMessage(f"The message is damaged or does not follow the protocol: expected {what}.")

"""The envelope: one signed message of a round, the same whatever carries it.

    signed bytes = length_prefixed(format, round id, sender, recipient, sequence, kind, payload)

A transport only carries envelopes: who sent one, to whom, in which round and as which message of the conversation
is inside the signature, so that an envelope cannot be shown to another member, in another round or in another
place. A repeated envelope is recognised by (round, sender, sequence); Ed25519 is deterministic, so a resend is
the same bytes.

The payload is sealed for its recipient (`node.wire.sealing`) before it gets in here, so that whoever carries an
envelope sees who speaks to whom, in which round, how much and of which kind, and nothing of what is said.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from node.wire import peer_pb2
from node.wire.older import mismatch, reader_is_older
from node.wire.sealing import Place
from node.wire.signing import SIGNATURE_BYTES, Signer, verify
from psi.codec import length_prefixed
from psi.errors import BadSignature, MalformedMessage

__all__ = [
    "FORMAT",
    "LABEL",
    "MAX_ENVELOPE_OVERHEAD_BYTES",
    "MAX_PAYLOAD_BYTES",
    "MAX_SEQUENCE",
    "MEMBER_ID_CHARACTERS",
    "MOST_IN_BATCH",
    "ROUND_ID_CHARACTERS",
    "Envelope",
    "EnvelopeKind",
    "ReceiptKind",
    "batch_of",
    "batch_size",
]

FORMAT = 2
"""Version of the envelope's byte form. Another number is refused with a sentence, never guessed at."""
LABEL = b"blindmatch/envelope/2"
ROUND_ID_CHARACTERS = 32
"""A round id is 16 random bytes, written in lower-case hex (node.ids)."""
MEMBER_ID_CHARACTERS = 32
"""A member id is 20 bytes of a hash, written in lower-case base32 (node.identity.keys)."""
MAX_ENVELOPE_OVERHEAD_BYTES = 512
"""What the frame around a payload may take: 16 + 32 + 32 + 64 bytes of fields, numbers and protobuf tags."""
MAX_PAYLOAD_BYTES = 1024 * 1024 - MAX_ENVELOPE_OVERHEAD_BYTES
"""Bytes. Under gRPC's cap of 1 MiB for a message together with the frame."""
MOST_IN_BATCH = 8
"""Envelopes that are delivered in one call, in number."""
MAX_SEQUENCE = 2**32 - 1
"""Last number of an envelope within its round and direction."""

_HEX = frozenset("0123456789abcdef")
_BASE32 = frozenset("abcdefghijklmnopqrstuvwxyz234567")
_UNSIGNED = bytes(SIGNATURE_BYTES)


class EnvelopeKind(IntEnum):
    """What a payload is. The numbers are on the wire and in signatures: never reuse one."""

    PROPOSAL = 1
    SIGNATURE = 2
    REFUSAL = 3
    START = 4
    CANCEL = 5
    STATUS = 6
    ROUND = 7
    WITNESS = 8
    FEEDBACK = 9
    CONTACT = 10


class ReceiptKind(IntEnum):
    """What became of an envelope at its recipient: stored, stored before, or not stored now."""

    ACCEPTED = 1
    ALREADY = 2
    RETRY_LATER = 3


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message. `round_id`: 32 hex characters; `sender`, `recipient`: member ids; `sequence`: 0 to 2^32 - 1.

    Raises MalformedMessage when a field has the wrong shape, whoever builds it.
    """

    round_id: str
    sender: str
    recipient: str
    sequence: int
    kind: EnvelopeKind
    payload: bytes = dataclasses.field(repr=False)
    signature: bytes = dataclasses.field(default=_UNSIGNED, repr=False)

    def __post_init__(self) -> None:
        _check(len(self.round_id) == ROUND_ID_CHARACTERS and _HEX.issuperset(self.round_id), "a round id")
        for name in (self.sender, self.recipient):
            _check(len(name) == MEMBER_ID_CHARACTERS and _BASE32.issuperset(name), "a member id")
        _check(0 <= self.sequence <= MAX_SEQUENCE, "a sequence number")
        _check(isinstance(self.kind, EnvelopeKind), "a kind of message")
        _check(len(self.payload) <= MAX_PAYLOAD_BYTES, "a payload of permitted size")
        _check(len(self.signature) == SIGNATURE_BYTES, "a signature")

    @classmethod
    def signed(
        cls, signer: Signer, *, round_id: str, recipient: str, sequence: int, kind: EnvelopeKind, payload: bytes
    ) -> "Envelope":
        """A new envelope from `signer`. `payload` is sealed already."""
        unsigned = cls(round_id, signer.member_id, recipient, sequence, kind, payload)
        return dataclasses.replace(unsigned, signature=signer.sign(LABEL, unsigned.signing_bytes()))

    @property
    def place(self) -> Place:
        """What its seal is tied to."""
        return Place(self.round_id, self.sender, self.recipient, self.sequence, self.kind)

    def signing_bytes(self) -> bytes:
        """The canonical form that the signature covers: everything but the signature."""
        return length_prefixed(
            FORMAT.to_bytes(4, "big"),
            bytes.fromhex(self.round_id),
            self.sender.encode("ascii"),
            self.recipient.encode("ascii"),
            self.sequence.to_bytes(4, "big"),
            self.kind.to_bytes(4, "big"),
            self.payload,
        )

    def verify(self, public_key: bytes) -> None:
        """Check the signature against the sender's identity key (32 bytes). Raises BadSignature."""
        if not verify(public_key, LABEL, self.signing_bytes(), self.signature):
            raise BadSignature("The message was not signed by the member it names as its sender.")

    def to_proto(self) -> peer_pb2.Envelope:
        """The protobuf message that carries this envelope."""
        return peer_pb2.Envelope(
            format=FORMAT,
            round_id=bytes.fromhex(self.round_id),
            sender=self.sender,
            recipient=self.recipient,
            sequence=self.sequence,
            kind=f"KIND_{self.kind.name}",
            payload=self.payload,
            signature=self.signature,
        )

    @classmethod
    def from_proto(cls, message: peer_pb2.Envelope) -> "Envelope":
        """Read what came. Raises VersionMismatch or MalformedMessage; the signature is not checked here."""
        if message.format != FORMAT:
            raise mismatch(
                f"The message has format {message.format}, and the organisation that got it reads format {FORMAT}.",
                older_reader=reader_is_older(message.format, FORMAT),
            )
        _check(not _has_unknown_fields(message), "a message without unknown fields")
        _check(message.HasField("sequence"), "a sequence number")
        try:
            kind = EnvelopeKind(message.kind)
        except ValueError:
            if message.kind > max(EnvelopeKind):
                raise mismatch(
                    "The message is of a kind that the organisation that got it does not know yet.", older_reader=True
                ) from None
            raise _malformed("a kind of message") from None
        return cls(
            message.round_id.hex(),
            message.sender,
            message.recipient,
            message.sequence,
            kind,
            message.payload,
            message.signature,
        )

    def to_bytes(self) -> bytes:
        """The protobuf bytes: for the outbox, and on the wire. Not what is signed."""
        return self.to_proto().SerializeToString(deterministic=True)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Envelope":
        """The reverse of `to_bytes`. Raises VersionMismatch or MalformedMessage."""
        _check(len(data) <= MAX_PAYLOAD_BYTES + MAX_ENVELOPE_OVERHEAD_BYTES, "a message of permitted size")
        try:
            message = peer_pb2.Envelope.FromString(data)
        except DecodeError:
            raise _malformed("an envelope") from None
        return cls.from_proto(message)


def batch_size(envelopes: Sequence[Envelope]) -> int:
    """How many of these, from the first on, can be delivered in one call: at least one. Only messages of the protocol
    of one round go together, at most MOST_IN_BATCH, and no more bytes than a single message may have: a batch takes no
    more room at its recipient than one envelope may."""
    count = size = 0
    for envelope in envelopes[:MOST_IN_BATCH]:
        size += len(envelope.payload) + MAX_ENVELOPE_OVERHEAD_BYTES
        if envelope.kind is not EnvelopeKind.ROUND or size > MAX_PAYLOAD_BYTES + MAX_ENVELOPE_OVERHEAD_BYTES:
            break
        count += 1
    return max(1, count)


def batch_of(message: peer_pb2.Batch) -> list[Envelope]:
    """The envelopes of a batch that came. Raises as `Envelope.from_proto`, and MalformedMessage if they are none or too
    many, or are not all messages of one round's protocol."""
    _check(not _has_unknown_fields(message), "a message without unknown fields")
    _check(0 < len(message.envelopes) <= MOST_IN_BATCH, "a batch of permitted size")
    envelopes = [Envelope.from_proto(one) for one in message.envelopes]
    of_one = all(one.kind is EnvelopeKind.ROUND and one.round_id == envelopes[0].round_id for one in envelopes)
    _check(of_one, "a batch of messages of one round")
    return envelopes


def _has_unknown_fields(message: Message) -> bool:
    # Unknown fields would be carried along outside the signature.
    return len(UnknownFieldSet(message)) > 0


def _check(holds: bool, what: str) -> None:
    if not holds:
        raise _malformed(what)


def _malformed(what: str) -> MalformedMessage:
    return MalformedMessage(f"The message is damaged or does not follow the protocol: expected {what}.")

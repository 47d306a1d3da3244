"""Receipts: what became of envelopes, said by their recipient, for every carrier that gives no answer at once.

    receipts = FORMAT (4) || sender (32) || recipient (32) || number of lines (4) || lines || signature (64)
    line     = round id (16) || sequence (4) || digest (16) || status (1) || length of code (4) || code
    digest   = first 16 bytes of SHA-512(envelope.signing_bytes());  numbers big-endian
    signature: Ed25519 by the sender's identity key, label "blindmatch/receipts/1", over everything before it

Only the recipient of an envelope can acknowledge it: a relay that drops envelopes and says they were taken, or a
carried file that somebody wrote anew, changes nothing. A line names the very bytes, so that a receipt for a note that
was damaged in a database does not pass for the note that got its number. There is no time and no counter in it:
ACCEPTED, ALREADY and REFUSED are final. RETRY_LATER only says when to try again, however often it is said: whoever
carries receipts may keep the newer one back and show this one for ever, and wins time by it and nothing else.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from node.wire.envelope import MAX_SEQUENCE, MEMBER_ID_CHARACTERS, ROUND_ID_CHARACTERS, Envelope, ReceiptKind
from node.wire.older import mismatch, reader_is_older
from node.wire.signing import SIGNATURE_BYTES, Signer, verify
from psi.codec import Reader, Writer
from psi.errors import BadSignature, MalformedMessage

__all__ = [
    "DIGEST_BYTES",
    "FORMAT",
    "LABEL",
    "MAX_CODE_CHARACTERS",
    "MAX_RECEIPTS_BYTES",
    "MOST_LINES",
    "Receipt",
    "Receipts",
    "Status",
    "batches",
    "digest_of",
]

FORMAT = 1
LABEL = b"blindmatch/receipts/1"
MOST_LINES = 4096
"""Lines in one list of receipts, in number."""
MAX_CODE_CHARACTERS = 64
DIGEST_BYTES = 16
"""Whoever wants another envelope of ours to pass for this one would have to make us sign it: 16 bytes are plenty."""

_ROUND_BYTES = ROUND_ID_CHARACTERS // 2
_HEAD_BYTES = 4 + 2 * MEMBER_ID_CHARACTERS + 4
_LINE_BYTES = _ROUND_BYTES + 4 + DIGEST_BYTES + 1 + 4
MAX_RECEIPTS_BYTES = _HEAD_BYTES + MOST_LINES * (_LINE_BYTES + MAX_CODE_CHARACTERS) + SIGNATURE_BYTES
"""Bytes: some 410 KiB, so that receipts fit into one message of every carrier."""

_MEMBER = re.compile(r"[a-z2-7]{32}")
_ROUND = re.compile(r"[0-9a-f]{32}")
_CODE = re.compile(r"(?:[a-z][a-z0-9/-]{0,63})?")


class Status(IntEnum):
    """What became of an envelope. The numbers are on the wire and in signatures: never reuse one."""

    ACCEPTED = ReceiptKind.ACCEPTED
    ALREADY = ReceiptKind.ALREADY
    RETRY_LATER = ReceiptKind.RETRY_LATER
    REFUSED = 4


@dataclass(frozen=True, slots=True)
class Receipt:
    """One line. `digest`: of the envelope; `code`: the reason of a refusal, a slug, else empty."""

    round_id: str
    sequence: int
    digest: bytes
    status: Status
    code: str = ""

    def __post_init__(self) -> None:
        _check(_ROUND.fullmatch(self.round_id) is not None, "a round id")
        _check(0 <= self.sequence <= MAX_SEQUENCE, "a sequence number")
        _check(len(self.digest) == DIGEST_BYTES, "a digest")
        _check(_CODE.fullmatch(self.code) is not None, "a reason")
        _check((self.code != "") == (self.status is Status.REFUSED), "a reason for a refusal, and for nothing else")

    @classmethod
    def of(cls, envelope: Envelope, status: Status, code: str = "") -> "Receipt":
        return cls(envelope.round_id, envelope.sequence, digest_of(envelope), status, code)

    def to_bytes(self) -> bytes:
        line = Writer().fixed(bytes.fromhex(self.round_id), _ROUND_BYTES).uint(self.sequence, 4)
        line = line.fixed(self.digest, DIGEST_BYTES).uint(self.status, 1)
        return line.var(self.code.encode("ascii"), MAX_CODE_CHARACTERS).bytes()

    @classmethod
    def read(cls, data: Reader) -> "Receipt":
        """Take one line off the front. Raises MalformedMessage."""
        round_id, sequence, digest = data.fixed(_ROUND_BYTES).hex(), data.uint(4), data.fixed(DIGEST_BYTES)
        number = data.uint(1)
        _check(number in set(Status), "a known status")
        return cls(round_id, sequence, digest, Status(number), _word(data.var(MAX_CODE_CHARACTERS)))


@dataclass(frozen=True, slots=True)
class Receipts:
    """Signed lines of one member for another, at most MOST_LINES. `signature` covers everything but itself."""

    sender: str
    recipient: str
    lines: tuple[Receipt, ...]
    signature: bytes

    @classmethod
    def signed(cls, signer: Signer, recipient: str, lines: Sequence[Receipt]) -> "Receipts":
        body = _body(signer.member_id, recipient, lines)
        return cls(signer.member_id, recipient, tuple(lines), signer.sign(LABEL, body))

    def verify(self, public_key: bytes) -> None:
        """Check the signature against the sender's identity key (32 bytes). Raises BadSignature."""
        if not verify(public_key, LABEL, _body(self.sender, self.recipient, self.lines), self.signature):
            raise BadSignature("The receipts were not signed by the member they name as their sender.")

    def to_bytes(self) -> bytes:
        return _body(self.sender, self.recipient, self.lines) + self.signature

    @classmethod
    def from_bytes(cls, data: bytes) -> "Receipts":
        """The reverse of `to_bytes`. Raises VersionMismatch or MalformedMessage; the signature is not checked here."""
        _check(len(data) <= MAX_RECEIPTS_BYTES, "receipts of permitted size")
        read = Reader(data)
        if (found := read.uint(4)) != FORMAT:
            raise mismatch(
                f"The list of receipts has format {found}, and the organisation that got it reads format {FORMAT}.",
                older_reader=reader_is_older(found, FORMAT),
            )
        sender, recipient = _word(read.fixed(MEMBER_ID_CHARACTERS)), _word(read.fixed(MEMBER_ID_CHARACTERS))
        for name in (sender, recipient):
            _check(_MEMBER.fullmatch(name) is not None, "a member id")
        number = read.uint(4)
        _check(number <= MOST_LINES, "a permitted number of receipts")
        lines = tuple(Receipt.read(read) for _ in range(number))
        signature = read.fixed(SIGNATURE_BYTES)
        read.finish()
        return cls(sender, recipient, lines, signature)


def digest_of(envelope: Envelope) -> bytes:
    """How a receipt names an envelope: the beginning of what an inbox keeps of it for ever."""
    return hashlib.sha512(envelope.signing_bytes()).digest()[:DIGEST_BYTES]


def batches(signer: Signer, recipient: str, lines: Iterable[Receipt]) -> Iterator[Receipts]:
    """Any number of lines as signed lists of permitted size."""
    waiting = list(lines)
    for start in range(0, len(waiting), MOST_LINES):
        yield Receipts.signed(signer, recipient, waiting[start : start + MOST_LINES])


def _word(data: bytes) -> str:
    _check(data.isascii(), "words in Latin letters")
    return data.decode("ascii")


def _body(sender: str, recipient: str, lines: Sequence[Receipt]) -> bytes:
    assert len(lines) <= MOST_LINES
    head = Writer().uint(FORMAT, 4).fixed(sender.encode("ascii"), MEMBER_ID_CHARACTERS)
    head = head.fixed(recipient.encode("ascii"), MEMBER_ID_CHARACTERS).uint(len(lines), 4)
    return head.bytes() + b"".join(line.to_bytes() for line in lines)


def _check(holds: bool, what: str) -> None:
    if not holds:
        raise MalformedMessage(f"The receipts are damaged or do not follow the protocol: expected {what}.")

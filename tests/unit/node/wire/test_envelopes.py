"""Envelopes: what the signature covers, what the frame refuses, and that the length tells nothing but the payload."""

import dataclasses
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from node.identity.reach import Way
from node.rounds.post import WINDOWS
from node.wire import peer_pb2
from node.wire.envelope import (
    LABEL,
    MAX_ENVELOPE_OVERHEAD_BYTES,
    MAX_PAYLOAD_BYTES,
    MAX_SEQUENCE,
    MOST_IN_BATCH,
    Envelope,
    EnvelopeKind,
    ReceiptKind,
    batch_of,
    batch_size,
)
from node.wire.limits import MAX_MESSAGE_BYTES
from node.wire.sealing import MESSAGE_GROWTH_BYTES
from node.wire.signing import labelled
from psi.dleq import PROOF_BYTES
from psi.errors import BadSignature, MalformedMessage, PeerError, VersionMismatch
from psi.group import ELEMENT_BYTES
from psi.messages import Evaluated
from psi.spool import CHUNK_ROWS

ROUND = "00112233445566778899aabbccddeeff"
US, THEM = "a" * 32, "b" * 32


class Key:
    member_id = US

    def __init__(self, seed: bytes = bytes(32)) -> None:
        self.key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self.key.public_key().public_bytes_raw()

    def sign(self, label: bytes, data: bytes) -> bytes:
        return self.key.sign(labelled(label, data))


def sealed(payload: bytes = b"payload", sequence: int = 3, kind: EnvelopeKind = EnvelopeKind.ROUND) -> Envelope:
    return Envelope.signed(Key(), round_id=ROUND, recipient=THEM, sequence=sequence, kind=kind, payload=payload)


def proto(**changes: object) -> peer_pb2.Envelope:
    message = sealed().to_proto()
    for name, value in changes.items():
        message.ClearField(name) if value is None else setattr(message, name, value)  # type: ignore[arg-type]
    return message


def test_the_bytes_of_a_known_envelope() -> None:
    """A vector for other implementations: zero seed, fixed fields."""
    envelope = sealed()
    expected = (
        "00000004" "00000002"
        "00000010" + ROUND + "00000020" + US.encode().hex() + "00000020" + THEM.encode().hex() +
        "00000004" "00000003" "00000004" "00000007" "00000007" + b"payload".hex()
    )  # fmt: skip
    assert envelope.signing_bytes().hex() == expected
    signed = len(LABEL).to_bytes(4, "big") + LABEL + (len(expected) // 2).to_bytes(4, "big") + bytes.fromhex(expected)
    Key().key.public_key().verify(envelope.signature, signed)


def test_an_envelope_comes_back_as_it_went() -> None:
    envelope = sealed()
    assert Envelope.from_bytes(envelope.to_bytes()) == envelope
    envelope.verify(Key().public)


def test_a_resend_is_the_same_bytes() -> None:
    assert sealed().to_bytes() == sealed().to_bytes()


@pytest.mark.tm("TM-66")
@pytest.mark.parametrize(
    "change",
    [
        {"round_id": "f" * 32},
        {"sender": THEM},
        {"recipient": US},
        {"sequence": 4},
        {"kind": EnvelopeKind.CANCEL},
        {"payload": b"payloae"},
        {"payload": b"payloa"},
        {"payload": b""},
        {"signature": bytes(64)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_signature_covers_every_field(change: dict[str, object]) -> None:
    altered = dataclasses.replace(sealed(), **change)  # type: ignore[arg-type]
    with pytest.raises(BadSignature):
        altered.verify(Key().public)


@pytest.mark.tm("TM-66")
def test_a_signature_check_that_looks_away_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin: with the check off, the altered envelope passes, so the test above can fail."""
    monkeypatch.setattr("node.wire.envelope.verify", lambda *_: True)
    dataclasses.replace(sealed(), payload=b"forged").verify(Key().public)


@pytest.mark.parametrize("public", [Key(b"x" * 32).public, bytes(32), b"", Key().public[:31]])
def test_another_key_does_not_fit(public: bytes) -> None:
    with pytest.raises(BadSignature):
        sealed().verify(public)


def test_a_signature_for_another_purpose_does_not_fit() -> None:
    envelope = sealed()
    other = Key().sign(b"blindmatch/card/1", envelope.signing_bytes())
    with pytest.raises(BadSignature):
        dataclasses.replace(envelope, signature=other).verify(Key().public)


@pytest.mark.parametrize(
    "change",
    [
        {"round_id": "A" * 32},
        {"round_id": ROUND[:-2]},
        {"round_id": ""},
        {"sender": US.upper()},
        {"sender": US + "a"},
        {"sender": "0" * 32},
        {"recipient": ""},
        {"recipient": "ä" * 32},
        {"sequence": -1},
        {"sequence": MAX_SEQUENCE + 1},
        {"payload": bytes(MAX_PAYLOAD_BYTES + 1)},
        {"signature": b""},
        {"signature": bytes(65)},
        {"kind": 7},
    ],
)
def test_a_field_of_another_shape_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(MalformedMessage):
        dataclasses.replace(sealed(), **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"format": 1}, VersionMismatch),
        ({"format": 3}, VersionMismatch),
        ({"format": 0}, VersionMismatch),
        ({"format": None}, VersionMismatch),
        ({"sequence": None}, MalformedMessage),
        ({"kind": None}, MalformedMessage),
        ({"kind": 11}, VersionMismatch),  # kinds are added with their number alone
        ({"kind": 999}, VersionMismatch),
        ({"round_id": None}, MalformedMessage),
        ({"round_id": bytes(15)}, MalformedMessage),
        ({"round_id": bytes(17)}, MalformedMessage),
        ({"sender": None}, MalformedMessage),
        ({"recipient": None}, MalformedMessage),
        ({"signature": None}, MalformedMessage),
        ({"signature": bytes(63)}, MalformedMessage),
    ],
)
def test_a_message_that_is_no_envelope_is_refused(changes: dict[str, object], error: type[PeerError]) -> None:
    with pytest.raises(error):
        Envelope.from_bytes(proto(**changes).SerializeToString())


@pytest.mark.tm("TM-66")
def test_unknown_fields_would_be_outside_of_the_signature() -> None:
    with pytest.raises(MalformedMessage):
        Envelope.from_bytes(sealed().to_bytes() + b"\xfa\x06\x03abc")


@pytest.mark.parametrize("data", [b"", b"\xff" * 9, b"\x0d\x01", bytes(MAX_PAYLOAD_BYTES + 1000)])
def test_bytes_that_are_no_envelope_are_refused(data: bytes) -> None:
    with pytest.raises(PeerError):
        Envelope.from_bytes(data)


def test_the_length_depends_on_the_payload_alone() -> None:
    """Round, sequence, kind, members and signature never change it: an observer learns nothing from them."""
    lengths = {
        len(
            Envelope.signed(
                Key(hashlib.sha256(bytes([i % 256])).digest()),
                round_id=hashlib.sha256(bytes([i % 256])).hexdigest()[:32],
                recipient="a234567z" * 4 if i % 2 else THEM,
                sequence=sequence,
                kind=kind,
                payload=bytes([i % 256]) * 100,
            ).to_bytes()
        )
        for i, sequence in enumerate((0, 1, 127, 128, 255, 2**16, 2**31, MAX_SEQUENCE))
        for kind in EnvelopeKind
    }
    assert len(lengths) == 1


def test_receipts_have_one_length() -> None:
    assert len({len(peer_pb2.Receipt(status=kind.name).SerializeToString()) for kind in ReceiptKind}) == 1


def test_the_largest_envelope_fits_into_a_message() -> None:
    largest = sealed(bytes(MAX_PAYLOAD_BYTES)).to_bytes()
    assert len(largest) <= MAX_PAYLOAD_BYTES + MAX_ENVELOPE_OVERHEAD_BYTES == 1024 * 1024
    assert Envelope.from_bytes(largest).payload == bytes(MAX_PAYLOAD_BYTES)


def test_kinds_and_receipts_have_the_numbers_of_the_wire() -> None:
    assert {f"KIND_{kind.name}": int(kind) for kind in EnvelopeKind} == {
        name: number for name, number in peer_pb2.Kind.items() if number
    }
    assert {kind.name: int(kind) for kind in ReceiptKind} == {
        name: number for name, number in peer_pb2.Receipt.Status.items() if number
    }


def test_a_repr_shows_no_payload() -> None:
    assert "payload" not in repr(sealed(b"+31612345678"))
    assert "+316" not in repr(sealed(b"+31612345678"))


SIZES = st.one_of(st.integers(0, 4096), st.integers(130_000, 136_000), st.sampled_from([MAX_PAYLOAD_BYTES]))
LINES = st.lists(st.tuples(SIZES, st.sampled_from([EnvelopeKind.ROUND] * 5 + [EnvelopeKind.STATUS])), min_size=1)
FULL_ANSWER = Evaluated(0, bytes(CHUNK_ROWS * ELEMENT_BYTES), bytes(PROOF_BYTES)).encode()
UNSIGNED = Envelope(ROUND, US, THEM, 1, EnvelopeKind.ROUND, b"")


@pytest.mark.tm("TM-272")
@given(LINES)
@settings(max_examples=60, deadline=None)
def test_a_batch_holds_as_much_as_one_message_may(line: list[tuple[int, EnvelopeKind]]) -> None:
    envelopes = [
        dataclasses.replace(UNSIGNED, sequence=number, kind=kind, payload=bytes(size))
        for number, (size, kind) in enumerate(line)
    ]
    count = batch_size(envelopes)
    together = envelopes[:count]
    assert 1 <= count <= MOST_IN_BATCH
    if count == 1:  # it goes as an envelope
        return
    data = peer_pb2.Batch(envelopes=[one.to_proto() for one in together]).SerializeToString()
    assert len(data) <= MAX_MESSAGE_BYTES
    assert batch_of(peer_pb2.Batch.FromString(data)) == together
    # Not fewer than would fit, either.
    following = envelopes[count : count + 1]
    room = MAX_MESSAGE_BYTES - sum(len(one.payload) + MAX_ENVELOPE_OVERHEAD_BYTES for one in together)
    for one in following:
        full = count == MOST_IN_BATCH or len(one.payload) + MAX_ENVELOPE_OVERHEAD_BYTES > room
        assert full or one.kind is not EnvelopeKind.ROUND


def test_seven_chunks_of_a_list_go_together() -> None:
    """What a window of messages that are called for directly counts on."""
    chunk = dataclasses.replace(UNSIGNED, payload=bytes(len(FULL_ANSWER) + MESSAGE_GROWTH_BYTES))
    assert batch_size([chunk] * (MOST_IN_BATCH + 1)) == WINDOWS[Way.DIRECT] == 7

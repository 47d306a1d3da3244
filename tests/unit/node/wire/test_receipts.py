"""Receipts: one byte form, signed by the recipient of what they name, and nothing else passes for them."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.wire import receipts as module
from node.wire.envelope import Envelope, EnvelopeKind
from node.wire.receipts import (
    MAX_RECEIPTS_BYTES,
    MOST_LINES,
    Receipt,
    Receipts,
    Status,
    batches,
    digest_of,
)
from psi.errors import BadSignature, MalformedMessage, PsiError, VersionMismatch

ROUND = "00112233445566778899aabbccddeeff"
ME, OTHER = "a" * 32, "b" * 32


class Signer:
    """Signs with a key that everybody knows."""

    def __init__(self, member_id: str = ME, seed: int = 1) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        self.member_id = member_id
        self._key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)

    @property
    def public_key(self) -> bytes:
        return self._key.public_key().public_bytes_raw()

    def sign(self, label: bytes, data: bytes) -> bytes:
        from node.wire.signing import labelled

        return self._key.sign(labelled(label, data))


def line(sequence: int = 1, status: Status = Status.ACCEPTED, code: str = "") -> Receipt:
    return Receipt(ROUND, sequence, bytes(16), status, code)


LINES = st.builds(
    lambda round_id, sequence, digest, status, code: Receipt(
        round_id.hex(), sequence, digest, status, code if status is Status.REFUSED else ""
    ),
    st.binary(min_size=16, max_size=16),
    st.integers(0, 2**32 - 1),
    st.binary(min_size=16, max_size=16),
    st.sampled_from(Status),
    st.from_regex(r"[a-z][a-z0-9/-]{0,63}", fullmatch=True),
)


@given(st.lists(LINES, max_size=5))
def test_what_is_written_is_read_and_has_one_form(lines: list[Receipt]) -> None:
    signer = Signer()
    made = Receipts.signed(signer, OTHER, lines)
    read = Receipts.from_bytes(made.to_bytes())
    read.verify(signer.public_key)
    assert read == made
    assert read.to_bytes() == made.to_bytes()


@given(st.binary(max_size=600), st.booleans(), st.data())
def test_any_bytes_give_receipts_or_our_error(data: bytes, cut: bool, draw: st.DataObject) -> None:
    if cut:  # near what is right
        whole = bytearray(Receipts.signed(Signer(), OTHER, [line(), line(2, Status.REFUSED, "busy")]).to_bytes())
        whole[draw.draw(st.integers(0, len(whole) - 1))] ^= 1 << draw.draw(st.integers(0, 7))
        data = bytes(whole[: draw.draw(st.integers(0, len(whole)))])
    try:
        read = Receipts.from_bytes(data)
    except PsiError:
        return
    assert read.to_bytes() == data


@pytest.mark.tm("TM-117")
def test_every_bit_is_under_the_signature() -> None:
    signer = Signer()
    good = Receipts.signed(signer, OTHER, [line(), line(2, Status.REFUSED, "refused-by-policy")]).to_bytes()
    accepted = 0
    for place in range(8 * len(good)):
        changed = bytearray(good)
        changed[place // 8] ^= 1 << place % 8
        try:
            Receipts.from_bytes(bytes(changed)).verify(signer.public_key)
        except PsiError:
            continue
        accepted += 1
    assert accepted == 0
    with pytest.raises(BadSignature):
        Receipts.from_bytes(good).verify(Signer(seed=2).public_key)


def test_without_the_check_of_signatures_a_changed_bit_would_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin."""
    monkeypatch.setattr(module, "verify", lambda *_: True)
    good = Receipts.signed(Signer(), OTHER, [line()])
    dataclasses.replace(good, lines=(line(2),)).verify(Signer().public_key)


@pytest.mark.tm("TM-117")
def test_a_receipt_names_the_very_bytes() -> None:
    def envelope(payload: bytes) -> Envelope:
        return Envelope.signed(
            Signer(), round_id=ROUND, recipient=OTHER, sequence=7, kind=EnvelopeKind.STATUS, payload=payload
        )

    one, other = envelope(b"one"), envelope(b"other")
    assert Receipt.of(one, Status.ACCEPTED).digest == digest_of(one) != digest_of(other)
    assert digest_of(envelope(b"one")) == digest_of(one)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"round_id": "x"}, "no round id"),
        ({"sequence": -1}, "a negative number"),
        ({"digest": b"short"}, "a short digest"),
        ({"code": "busy"}, "a reason for no refusal"),
        ({"status": Status.REFUSED}, "a refusal without a reason"),
        ({"status": Status.REFUSED, "code": "Free text!"}, "a reason that is no slug"),
    ],
)
def test_what_no_receipt_says(changes: dict[str, object], why: str) -> None:
    with pytest.raises(MalformedMessage):
        dataclasses.replace(line(), **changes)  # type: ignore[arg-type]
    assert why


def test_versions_and_sizes() -> None:
    good = Receipts.signed(Signer(), OTHER, [line()]).to_bytes()
    with pytest.raises(VersionMismatch):
        Receipts.from_bytes(b"\x00\x00\x00\x02" + good[4:])
    with pytest.raises(MalformedMessage):
        Receipts.from_bytes(bytes(MAX_RECEIPTS_BYTES + 1))
    with pytest.raises(MalformedMessage):
        Receipts.from_bytes(good + b"\x00")
    longest = line(1, Status.REFUSED, "a" * 64)
    assert len(Receipts.signed(Signer(), OTHER, [longest] * MOST_LINES).to_bytes()) == MAX_RECEIPTS_BYTES
    many = list(batches(Signer(), OTHER, [line(number) for number in range(MOST_LINES + 1)]))
    assert [len(one.lines) for one in many] == [MOST_LINES, 1]

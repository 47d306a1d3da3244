"""Parcels: sealed for their recipient, tied to their two ends, marked by their content."""

import os
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from node.wire import relay_pb2
from node.wire.parcels import (
    MARK_BYTES,
    MAX_CONTENT_BYTES,
    Parcel,
    SealedParcel,
    place_of,
    read_content,
    seal_parcel,
)
from node.wire.sealing import NOTE_GROWTH_BYTES, SealBrokenError, open_note
from psi.errors import MalformedMessage

ALPHA, BETA, GAMMA = "a" * 32, "b" * 32, "c" * 32
KEY = X25519PrivateKey.generate()
CARD_KEY = KEY.public_key().public_bytes_raw()


def opened(sealed: SealedParcel) -> Parcel:
    return read_content(sealed, open_note(KEY, place_of(sealed.sender, sealed.recipient), sealed.content))


@given(st.binary(min_size=1, max_size=2000), st.booleans())
def test_what_is_sealed_opens_and_says_nothing(content: bytes, receipts: bool) -> None:
    content += bytes(16)
    made = Parcel(ALPHA, BETA, receipts=content) if receipts else Parcel(ALPHA, BETA, envelope=content)
    sealed = seal_parcel(made, CARD_KEY)
    assert opened(sealed) == made
    assert content not in sealed.content
    assert len(sealed.content) == len(content) + 1 + NOTE_GROWTH_BYTES
    assert SealedParcel.from_proto(relay_pb2.Parcel.FromString(sealed.to_proto().SerializeToString())) == sealed


def test_a_mark_is_of_the_content_and_the_bytes_are_not() -> None:
    made = Parcel(ALPHA, BETA, envelope=b"one")
    first, again = seal_parcel(made, CARD_KEY), seal_parcel(made, CARD_KEY)
    assert first.mark == again.mark
    assert len(first.mark) == MARK_BYTES
    assert first.content != again.content
    assert seal_parcel(Parcel(ALPHA, BETA, envelope=b"two"), CARD_KEY).mark != first.mark
    assert seal_parcel(Parcel(ALPHA, BETA, receipts=b"one"), CARD_KEY).mark != first.mark


@pytest.mark.parametrize("change", [{"sender": GAMMA}, {"recipient": GAMMA}, {"content": os.urandom(100)}])
def test_content_opens_between_its_two_ends_only(change: dict[str, object]) -> None:
    sealed = seal_parcel(Parcel(ALPHA, BETA, envelope=b"one"), CARD_KEY)
    with pytest.raises(SealBrokenError):
        opened(replace(sealed, **change))  # type: ignore[arg-type]


def test_every_flipped_bit_is_noticed() -> None:
    sealed = seal_parcel(Parcel(ALPHA, BETA, envelope=b"one"), CARD_KEY)
    tried = 0
    for bit in range(8 * len(sealed.content)):
        content = bytearray(sealed.content)
        content[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SealBrokenError):
            # HPKE ignores the top bit of an X25519 key (RFC 7748), but binds the key's bytes into the shared secret.
            opened(replace(sealed, content=bytes(content)))
        tried += 1
    assert tried == 8 * (NOTE_GROWTH_BYTES + 4)


@pytest.mark.parametrize("plaintext", [b"", b"\x01", b"\x02", b"\x03envelope", b"\x00envelope"])
def test_content_of_no_known_kind_is_refused(plaintext: bytes) -> None:
    sealed = seal_parcel(Parcel(ALPHA, BETA, envelope=b"one"), CARD_KEY)
    with pytest.raises(MalformedMessage):
        read_content(sealed, plaintext)


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"sender": "a", "recipient": BETA, "mark": bytes(16), "content": bytes(100)},
        {"sender": "A" * 32, "recipient": BETA, "mark": bytes(16), "content": bytes(100)},
        {"sender": ALPHA, "recipient": BETA + "b", "mark": bytes(16), "content": bytes(100)},
        {"sender": ALPHA, "recipient": BETA, "mark": bytes(15), "content": bytes(100)},
        {"sender": ALPHA, "recipient": BETA, "mark": bytes(16), "content": bytes(NOTE_GROWTH_BYTES)},
        {"sender": ALPHA, "recipient": BETA, "mark": bytes(16), "content": bytes(MAX_CONTENT_BYTES + 1)},
    ],
)
def test_a_parcel_with_a_wrong_shape_is_refused(message: dict[str, object]) -> None:
    with pytest.raises(MalformedMessage):
        SealedParcel.from_proto(relay_pb2.Parcel(**message))  # type: ignore[arg-type]


def test_unknown_fields_are_refused() -> None:
    good = seal_parcel(Parcel(ALPHA, BETA, envelope=b"one"), CARD_KEY).to_proto().SerializeToString()
    with pytest.raises(MalformedMessage, match="unknown fields"):
        SealedParcel.from_proto(relay_pb2.Parcel.FromString(good + b"\x98\x06\x01"))


@pytest.mark.parametrize("content", [{}, {"envelope": b"one", "receipts": b"two"}])
def test_a_parcel_holds_one_thing(content: dict[str, bytes]) -> None:
    with pytest.raises(ValueError):
        Parcel(ALPHA, BETA, **content)  # type: ignore[arg-type]

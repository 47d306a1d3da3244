"""Seals: they open for their key in their place, and nowhere else."""

import dataclasses
import os
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from node.wire import sealing
from node.wire.sealing import (
    MESSAGE_GROWTH_BYTES,
    NOTE_GROWTH_BYTES,
    ROUND_KEY_BYTES,
    ROUND_SECRET_BYTES,
    Place,
    SealBrokenError,
    is_usable,
    open_message,
    open_note,
    round_key,
    seal_message,
    seal_note,
)
from psi.secret import SecretBytes

PLACE = Place("00112233445566778899aabbccddeeff", "a" * 32, "b" * 32, 7, 3)
ELSEWHERE: dict[str, Place] = {
    "another round": dataclasses.replace(PLACE, round_id="f" * 32),
    "another sender": dataclasses.replace(PLACE, sender="c" * 32),
    "another recipient": dataclasses.replace(PLACE, recipient="c" * 32),
    "sender and recipient exchanged": dataclasses.replace(PLACE, sender=PLACE.recipient, recipient=PLACE.sender),
    "another number": dataclasses.replace(PLACE, sequence=8),
    "another kind": dataclasses.replace(PLACE, kind=4),
}


def secret() -> SecretBytes:
    made = SecretBytes(ROUND_SECRET_BYTES)
    made.view()[:] = os.urandom(ROUND_SECRET_BYTES)
    return made


class Notes:
    """Sealing for a card, in the same shape as for a round."""

    growth = NOTE_GROWTH_BYTES

    def __init__(self) -> None:
        self._key = X25519PrivateKey.generate()

    def seal(self, place: Place, plaintext: bytes) -> bytes:
        return seal_note(self._key.public_key().public_bytes_raw(), place, plaintext)

    def open(self, place: Place, sealed: bytes) -> bytes:
        return open_note(self._key, place, sealed)


class Messages:
    growth = MESSAGE_GROWTH_BYTES

    def __init__(self) -> None:
        self._secret = secret()

    def seal(self, place: Place, plaintext: bytes) -> bytes:
        return seal_message(round_key(self._secret), place, plaintext)

    def open(self, place: Place, sealed: bytes) -> bytes:
        return open_message(self._secret, place, sealed)


BOTH = pytest.mark.parametrize("kind", [Notes, Messages])


@BOTH
@settings(max_examples=40)
@given(plaintext=st.binary(max_size=5_000))
def test_what_was_sealed_opens_and_its_length_says_nothing_else(
    kind: Callable[[], Notes | Messages], plaintext: bytes
) -> None:
    key = kind()
    sealed = key.seal(PLACE, plaintext)
    assert len(sealed) == len(plaintext) + key.growth
    assert key.open(PLACE, sealed) == plaintext
    assert key.seal(PLACE, plaintext) != sealed


@pytest.mark.tm("TM-110")
@BOTH
@pytest.mark.parametrize("where", ELSEWHERE)
def test_it_does_not_open_in_another_place(kind: Callable[[], Notes | Messages], where: str) -> None:
    key = kind()
    with pytest.raises(SealBrokenError):
        key.open(ELSEWHERE[where], key.seal(PLACE, b"said"))


@pytest.mark.tm("TM-110")
@BOTH
def test_without_the_place_it_would(kind: Callable[[], Notes | Messages], monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin."""
    monkeypatch.setattr(sealing.Place, "info", lambda _place: b"")
    key = kind()
    for place in ELSEWHERE.values():
        assert key.open(place, key.seal(PLACE, b"said")) == b"said"


@pytest.mark.tm("TM-109")
@BOTH
def test_it_does_not_open_under_another_key(kind: Callable[[], Notes | Messages]) -> None:
    with pytest.raises(SealBrokenError):
        kind().open(PLACE, kind().seal(PLACE, b"said"))


@pytest.mark.tm("TM-109")
@BOTH
@settings(max_examples=60)
@given(data=st.data())
def test_nothing_altered_opens(kind: Callable[[], Notes | Messages], data: st.DataObject) -> None:
    key = kind()
    sealed = bytearray(key.seal(PLACE, b"what is said"))
    match data.draw(st.sampled_from(("bit", "cut", "more", "any"))):
        case "bit":
            bit = data.draw(st.integers(0, 8 * len(sealed) - 1))
            sealed[bit // 8] ^= 1 << bit % 8
        case "cut":
            del sealed[data.draw(st.integers(0, len(sealed) - 1)) :]
        case "more":
            sealed += data.draw(st.binary(min_size=1, max_size=50))
        case _:
            sealed = bytearray(data.draw(st.binary(max_size=2 * len(sealed))))
    with pytest.raises(SealBrokenError):
        key.open(PLACE, bytes(sealed))


def test_the_key_of_a_round_follows_from_its_secret() -> None:
    one, other = secret(), secret()
    assert len(round_key(one)) == ROUND_KEY_BYTES
    assert round_key(one) == round_key(one) != round_key(other)
    with pytest.raises(ValueError, match="not the secret"):
        round_key(SecretBytes(ROUND_SECRET_BYTES - 1))


@pytest.mark.tm("TM-112")
@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: b"",
        lambda key: key[:-1],
        lambda key: key + b"\0",
        lambda key: bytes(ROUND_KEY_BYTES),
        lambda key: key[:1184] + bytes(32),
        lambda key: key[:1184] + b"\x01" + bytes(31),
        lambda key: b"\xff" * 1184 + key[1184:],
    ],
)
def test_a_key_that_everybody_could_open_is_none(spoil: Callable[[bytes], bytes]) -> None:
    key = round_key(secret())
    assert is_usable(key)
    assert not is_usable(spoil(key))

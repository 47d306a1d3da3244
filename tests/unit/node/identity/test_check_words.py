"""Check words: the same for both sides, different for any other card, and hard to get wrong by accident."""

import hashlib

import pytest

from node.identity import words
from node.identity.words import WORDS, check_words, words_agree

ONE, OTHER = (hashlib.sha256(text).digest() for text in (b"one card", b"another card"))
# Computed by hand from hashlib.scrypt and the published BIP-39 list; if they change, old and new nodes disagree.
KNOWN = ("orchard", "equip", "pink", "blouse", "surface", "slight", "dirt", "demise")


def test_known_words() -> None:
    assert check_words(ONE, OTHER) == KNOWN


def test_both_sides_see_the_same_words() -> None:
    assert check_words(OTHER, ONE) == KNOWN


def test_the_words_are_the_88_bits_of_scrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    # Every combination of extreme bits, without paying for scrypt.
    for stretched, indices in (
        (bytes(11), [0] * 8),
        (b"\xff" * 11, [2047] * 8),
        (b"\x00\x20" + bytes(9), [1] + [0] * 7),
        (bytes(10) + b"\x01", [0] * 7 + [1]),
    ):
        monkeypatch.setattr(hashlib, "scrypt", lambda *_, _result=stretched, **__: _result)
        assert check_words(ONE, OTHER) == tuple(words._word_list()[index] for index in indices)


def test_the_stretching_is_as_slow_as_the_docstring_says(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, int] = {}

    def spy(_password: bytes, **options: int) -> bytes:
        seen.update(options)
        return bytes(11)

    monkeypatch.setattr(hashlib, "scrypt", spy)
    check_words(ONE, OTHER)
    assert (seen["n"], seen["r"], seen["p"], seen["dklen"]) == (2**17, 8, 1, 11)


@pytest.mark.parametrize("typed", ["{}", " {} ", "{}\n"])
def test_case_and_gaps_do_not_matter(typed: str) -> None:
    assert words_agree(KNOWN, typed.format(" ".join(KNOWN)))
    assert words_agree(KNOWN, typed.format(", ".join(KNOWN).upper()))
    assert words_agree(KNOWN, typed.format(" - ".join(KNOWN).title()))


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ".join(KNOWN[:-1]),
        " ".join((*KNOWN, KNOWN[0])),
        " ".join(reversed(KNOWN)),
        " ".join((KNOWN[1], KNOWN[0], *KNOWN[2:])),
        "".join(KNOWN),
        " ".join(word[:4] for word in KNOWN),
        " ".join((*KNOWN[:-1], "zoo")),
        "x" * 100_000,
    ],
)
def test_anything_else_matters(typed: str) -> None:
    assert not words_agree(KNOWN, typed)


@pytest.mark.parametrize("digest", [b"", ONE[:-1], ONE + b"x"])
def test_only_digests_are_taken(digest: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        check_words(digest, OTHER)


def test_there_are_eight_words() -> None:
    assert len(KNOWN) == WORDS == 8

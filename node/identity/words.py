"""Check words: eight words that two organisations read to each other before they trust each other's cards.

    words = scrypt(digest of one card || digest of the other, in ascending order)  ->  88 bits  ->  8 words

Both sides compute the same words if, and only if, each holds the card that the other one really sent. The words are
not secret; what matters is that they are compared by voice with a person one knows, not by mail.

Why so many bits and so much work. Somebody who sits between the two and replaces *both* cards shows A a card B' and
shows B a card A'. He is found unless words(A, B') == words(A', B), and he is free to try: he makes many B' and many A'
and looks for any pair that agrees. That is a birthday search, so 88 bits are worth 44 bits to him: about 2^45
evaluations. A plain hash would do that on one graphics card in hours. scrypt (RFC 7914) with N = 2^17, r = 8 takes
128 MiB and about a third of a second each time: 2^45 of them are some 300,000 years of one core, for one pair of
organisations, since both real cards go into every try. Forging against only *one* side is a search for a given value,
2^88, and out of the question.

The words come from the English BIP-39 list (2,048 words of which the first four letters differ). Order counts: to
forget it would give away 15 of the 88 bits.
"""

import hashlib
import hmac
import re
from functools import cache

from mnemonic import Mnemonic

from node.wording import plural

__all__ = ["SCRYPT_BLOCK_SIZE", "SCRYPT_COST", "WORDS", "check_words", "slip_in", "words_agree"]

WORDS = 8
SCRYPT_COST = 2**17
"""N of scrypt: with a block size of 8, 128 MiB of memory."""
SCRYPT_BLOCK_SIZE = 8

_BITS_PER_WORD = 11
_SALT = b"blindmatch/check-words/1"
_MAX_SCRYPT_MEMORY = 256 * 1024 * 1024
"""Memory that scrypt may take, in bytes; with these parameters it takes 128 MiB."""


def check_words(one: bytes, other: bytes) -> tuple[str, ...]:
    """The eight words of two cards, given their digests (32 bytes each) in any order. Takes about 0.3 s."""
    if len(one) != 32 or len(other) != 32:
        raise ValueError("a card digest has 32 bytes")
    stretched = hashlib.scrypt(
        min(one, other) + max(one, other),
        salt=_SALT,
        n=SCRYPT_COST,
        r=SCRYPT_BLOCK_SIZE,
        p=1,
        maxmem=_MAX_SCRYPT_MEMORY,
        dklen=WORDS * _BITS_PER_WORD // 8,
    )
    bits = int.from_bytes(stretched, "big")
    places = range((WORDS - 1) * _BITS_PER_WORD, -1, -_BITS_PER_WORD)
    return tuple(_word_list()[bits >> place & 2**_BITS_PER_WORD - 1] for place in places)


def words_agree(expected: tuple[str, ...], typed: str) -> bool:
    """Whether somebody typed these words, in this order. Case and what stands between the words do not matter.

    Compared in constant time: the words are no secret, but a local program should not learn them letter by letter.
    """
    given = " ".join(re.findall(r"[a-z]+", typed.lower()))
    return hmac.compare_digest(" ".join(expected).encode("ascii"), given.encode("ascii"))


def slip_in(typed: str) -> str:
    """A sentence on what cannot be any check words: their number is wrong, or one is not in the list. Else "".

    It tells a slip of the keyboard from words that differ, which are a reason for alarm.
    """
    given = re.findall(r"[a-z]+", typed.lower())
    if len(given) != WORDS:
        return f"There are {WORDS} check words; {len(given)} {plural(len(given), 'was', 'were')} given."
    unknown = [place for place, word in enumerate(given, start=1) if word not in _word_list()]
    return f"Word {unknown[0]} is not one that check words are made of." if unknown else ""


@cache
def _word_list() -> tuple[str, ...]:
    words = tuple(Mnemonic("english").wordlist)
    if len(words) != 2**_BITS_PER_WORD:
        raise RuntimeError("the word list does not have 2,048 words")
    return words

"""Words as they are written in several scripts and on several keyboards: for aliases, addresses and case numbers.

Coarser than letters, finer than the sound codes of `names`: a sound code keeps four sounds and would make neighbours of
half a street list. Ours only undoes what romanisation and keyboards do differently.
"""

import re
import unicodedata
from typing import Final

from psi.identifiers.cells import fold
from psi.identifiers.sounds import to_latin

__all__ = ["latin_words", "mixes_alphabets", "spelling"]

_WORD: Final = re.compile(r"[a-z0-9]+")
_JOINING: Final = re.compile(r"[-'`\"]")

_SAME: Final = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"ae", "a"), (r"oe", "o"), (r"ue", "u"),   # ä, ö, ü without dots
        (r"[jy]", "i"), (r"w", "v"), (r"kh", "h"), (r"ck", "k"), (r"ph", "f"), (r"x", "ks"),
        (r"([a-z])\1+", r"\1"),
    )
)  # fmt: skip
"""Romanisations and dead keys, one after the other until nothing changes: Müller, Mueller, Muller."""

_CHANGES: Final = re.compile(r"[jywx]|ae|oe|ue|kh|ck|ph|([a-z])\1")
"""Whether any of them applies. Most words stay as they are."""


def latin_words(text: str) -> list[str]:
    """The words of a text in a-z and 0-9, as they are written: hyphens and apostrophes join, all else separates.

    Unlike `sounds.romanise`, whatever they begin with: a street is not called after an article.
    """
    latin = text.lower() if text.isascii() else to_latin(fold(text))
    return _WORD.findall(_JOINING.sub("", latin))


def spelling(text: str) -> list[str]:
    """The words of a text, equal for the usual ways to write them; the spelling of a spelling is itself."""
    return [_settle(word) for word in latin_words(text)]


def _settle(word: str) -> str:
    if not _CHANGES.search(word):
        return word
    before = ""
    while word != before:
        before = word
        for pattern, replacement in _SAME:
            word = pattern.sub(replacement, word)
    return word


def mixes_alphabets(text: str) -> bool:
    """Whether one word of a text has letters of Latin and of Cyrillic or Greek, which nobody writes on purpose."""
    if text.isascii():
        return False
    return any(len({_alphabet(letter) for letter in word} - {""}) > 1 for word in re.findall(r"[^\W\d_]+", text))


def _alphabet(letter: str) -> str:
    if letter.isascii():
        return "LATIN"
    name = unicodedata.name(letter, "").partition(" ")[0]
    return name if name in ("LATIN", "CYRILLIC", "GREEK") else ""

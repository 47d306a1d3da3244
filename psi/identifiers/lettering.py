"""Capital letters and look-alikes: what document numbers, plates, vehicle numbers and account numbers share.

Their letters are the Latin capitals. A Cyrillic or Greek letter that prints as one of these was typed on another
keyboard, so it is read as what it looks like. A letter with no Latin twin is left alone for the reader to judge.
Nothing here uses `str.upper`, whose tables differ between the supported versions of Python.
"""

import string
from collections.abc import Callable
from typing import Final

from psi.errors import RefusedValue
from psi.identifiers.cells import Cell, clean
from psi.identifiers.several import MAX_VALUES_IN_A_CELL

__all__ = ["CYRILLIC_ONLY", "latin_capitals", "one_or_words", "plain_capitals", "swaps"]

_CYRILLIC_CAPITALS: Final = "АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯЁЂЃЄЅІЇЈЉЊЋЌЎЏҐӘҒҚҢӨҰҮҺ"
_CYRILLIC_SMALL: Final = "абвгдежзийклмнопрстуфхцчшщъыьэюяёђѓєѕіїјљњћќўџґәғқңөұүһ"
_GREEK_CAPITALS: Final = "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ"
_GREEK_SMALL: Final = "αβγδεζηθικλμνξοπρστυφχψω"
_TWINS: Final = dict(zip("АВЕКМНОРСТУХІЈЅΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEKMHOPCTYXIJSABEZHIKMNOPTYX", strict=True))

CYRILLIC_ONLY: Final = "".join(letter for letter in _CYRILLIC_CAPITALS if letter not in _TWINS)
"""Cyrillic capitals that no Latin capital looks like."""

_SMALL: Final = string.ascii_lowercase + _CYRILLIC_SMALL + _GREEK_SMALL
_CAPITALS: Final = string.ascii_uppercase + _CYRILLIC_CAPITALS + _GREEK_CAPITALS
_PLAIN: Final = str.maketrans(_SMALL, _CAPITALS)
_LATIN: Final = str.maketrans(
    dict(zip(_SMALL, (_TWINS.get(great, great) for great in _CAPITALS), strict=True)) | _TWINS
)


def plain_capitals(text: str) -> str:
    """Small Latin, Cyrillic and Greek letters as capitals of their own script."""
    return text.translate(_PLAIN)


def latin_capitals(text: str) -> str:
    """Capitals, with every Cyrillic or Greek letter that prints as a Latin capital read as that."""
    return text.translate(_LATIN)


MAX_SWAPS: Final = 8
"""Characters of one value that are tried both as a letter and as a digit: 256 variants."""

_OTHER_READING: Final = {"O": "0", "0": "O", "I": "1", "1": "I"}


def swaps(text: str, most: int = MAX_SWAPS) -> list[str]:
    """Every other way to read up to `most` of the letters O and I and the digits 0 and 1 of a value; [] if it holds
    more than `MAX_SWAPS` of them."""
    places = [index for index, character in enumerate(text) if character in _OTHER_READING]
    if len(places) > MAX_SWAPS:
        return []
    readings = [(text, 0)]
    for place in places:
        readings += [
            (one[:place] + _OTHER_READING[one[place]] + one[place + 1 :], changed + 1)
            for one, changed in readings
            if changed < most
        ]
    return [one for one, _ in readings[1:]]


def one_or_words(read: Callable[[str], str]) -> Callable[[str], tuple[str, ...]]:
    """A reader of one part of a cell: the part as one value whose spaces only group it, or else every word of it as
    a value of its own. Where neither reads, the refusal is that of the whole part.

    A value that turns out to be a filler once its label is gone (`IMSI: 000...`) is no value.
    """

    def reader(part: str) -> tuple[str, ...]:
        try:
            return _unless_filler(read(part))
        except RefusedValue:
            words = part.split()
            if not 1 < len(words) <= MAX_VALUES_IN_A_CELL:
                raise
            try:
                return tuple(value for word in words for value in _unless_filler(read(word)))
            except RefusedValue:
                pass
            raise

    return reader


def _unless_filler(value: str) -> tuple[str, ...]:
    return (value,) if clean(Cell(value)) else ()

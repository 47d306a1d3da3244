"""A raw cell, and the hygiene every cell passes before anything reads meaning into it.

Both sides of a round must turn the same writing into the same bits, on any supported Python. Python 3.11 to 3.13 ship
different Unicode tables, so a character that Unicode 14 does not know is refused (`unicode14`); for all others the
Unicode stability policy promises that NFKC and case folding never change. Nothing here uses `str.lower`, `isalpha`
and the like, which carry no such promise.

What this does not promise: that two look-alike characters of different scripts are the same. They are not.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Final

from psi.errors import RefusedValue
from psi.identifiers.unicode14 import is_assigned

__all__ = [
    "MAX_CELL_CHARACTERS",
    "Cell",
    "Hints",
    "ascii_digits",
    "clean",
    "fold",
    "is_placeholder",
    "placeholder_endings",
    "whole_number",
]

MAX_CELL_CHARACTERS: Final = 1_000
"""Characters in a cell. Longer ones are documents or damage, not identifiers."""

MAX_EXACT_NUMBER: Final = 10**15
"""Spreadsheets keep 15 significant digits; from here on the last digits of a number cell may be invented. A float keeps
every whole number up to 2**53, nine times as far, but the program that wrote the cell had rounded before that: the
tighter bound is the one that counts."""

_PLACEHOLDER_WORDS: Final = """
    na nan none null nil nothing unknown unk unkn undefined unspecified notknown notgiven notavailable
    notapplicable notprovided notstated missing empty tbd tba tbc test xxx xx x keine keiner keins keinangabe
    keineangabe unbekannt ka necunoscut niciunul fara inconnu aucun aucune onbekend geen desconocido ninguno sconosciuto
    nieznany brak neznamo nepoznato nema neizvestno неизвестно неизвестен неизвестна невідомо немає нет няма нема
    anonymous anonym anonim
"""
"""Words that stand for "we do not know", without spaces and punctuation. Two records that lack the same thing do not
share it, so these give no token at all."""

_FAILED_FORMULA: Final = re.compile(r"#[A-Z0-9/]+[!?]")
"""#DIV/0!, #REF!, #VALUE!, #NAME?"""

_PLACEHOLDERS: Final = frozenset(_PLACEHOLDER_WORDS.split())

_DASHES: Final = str.maketrans(dict.fromkeys("‐‑‒–—―−﹘﹣－", "-"))

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")

_ORDINARY: Final = re.compile("[ -~\u00c0-\u024f\u0400-\u052f\u0621-\u064a\u4e00-\u9fff]*")
"""Characters that need no look at each: letters of Latin, Cyrillic, Arabic and Han that Unicode 14 assigns, and ASCII.
Most cells that are not ASCII hold nothing else."""

_ASCII_MARKS: Final = {code: None for code in range(128) if not chr(code).isalnum()}


@dataclass(slots=True)
class Cell:
    """One cell of a source as it was read: its text, and its number if the spreadsheet stored a number.

    A number is evidence of damage: a telephone number that became a number has lost its leading zero or plus sign.
    Dates arrive as ISO text. The value stays out of `repr`, so that it cannot reach a log by accident.

    Not frozen, for the price of that: one is made of each cell of ten million rows. Nobody changes one.
    """

    text: str = field(repr=False)
    number: float | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Hints:
    """What the source says about a whole column: the country of national numbers as a two-letter code, and the kind's
    qualifier (`catalogue.Kind.qualifier`), such as the platform of a column of accounts. None where it does not say."""

    region: str | None = None
    qualifier: str | None = None


def clean(cell: Cell) -> str:
    """The text of a cell in NFKC, with single spaces and plain dashes; "" for a blank or a placeholder.

    Raises `RefusedValue`: `cell/too-long`, `cell/broken-text`, `cell/control-character`, `cell/unknown-character`.
    """
    text = cell.text
    if len(text) > MAX_CELL_CHARACTERS:
        raise RefusedValue(
            f"This cell holds more than {MAX_CELL_CHARACTERS} characters.",
            advice="Keep one value in a cell, and leave notes out of the columns that take part.",
            reason="cell/too-long",
        )
    if not text.isascii():
        ordinary = _ORDINARY.fullmatch(text)
        if not ordinary:
            _check_characters(text)
            text = "".join(character for character in text if unicodedata.category(character) != "Cf")
        text = unicodedata.normalize("NFKC", text)
        if not ordinary:
            text = text.translate(_DASHES)
    text = " ".join(text.split())
    if _CONTROL.search(text):
        raise RefusedValue(
            "This cell holds an invisible control character.",
            advice="Type the value again by hand.",
            reason="cell/control-character",
        )
    return "" if is_placeholder(text) else text


def fold(text: str) -> str:
    """NFKC and full case folding, in the order that makes the result stable under a second fold."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def ascii_digits(text: str) -> str:
    """Every decimal digit of every script written as 0 to 9; all else unchanged."""
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(character, character)) for character in text)


def whole_number(cell: Cell) -> str | None:
    """The digits of a number cell, None for a text cell.

    Raises `RefusedValue` `cell/not-whole` for fractions, negative and non-finite numbers, `cell/lost-digits` for
    numbers too large for a spreadsheet to have kept every digit.
    """
    number = cell.number
    if number is None:
        return None
    if number >= MAX_EXACT_NUMBER:
        raise RefusedValue(
            "The spreadsheet stored this value as a number and has lost its last digits.",
            advice="Format the column as text and enter the value again from the original.",
            reason="cell/lost-digits",
        )
    if not (number >= 0 and number == int(number)):
        raise RefusedValue(
            "The spreadsheet stored this value as a number that is not a whole one.",
            advice="Format the column as text and enter the value again.",
            reason="cell/not-whole",
        )
    return str(int(number))


def _check_characters(text: str) -> None:
    for character in text:
        category = unicodedata.category(character)
        if category in ("Cs", "Co") or character == "\ufffd":
            raise RefusedValue(
                "This cell holds a broken character; the file was probably read or saved in a wrong encoding.",
                advice="Save the file again as UTF-8 and check how names look.",
                reason="cell/broken-text",
            )
        if category == "Cc" and not character.isspace():
            raise RefusedValue(
                "This cell holds an invisible control character.",
                advice="Type the value again by hand.",
                reason="cell/control-character",
            )
        if not is_assigned(ord(character)):
            raise RefusedValue(
                "This cell holds a character that is newer than Unicode 14, or no character at all.",
                advice="Write the value in the letters of an ordinary keyboard.",
                reason="cell/unknown-character",
            )


def is_placeholder(text: str) -> bool:
    """Blank, only punctuation, one digit repeated (000, 9999), or a word for "unknown"."""
    if _FAILED_FORMULA.fullmatch(text):
        return True
    if text.isascii():
        word = text.translate(_ASCII_MARKS).lower()
        if word.isdigit():
            return len(word) >= _SHORTEST_REPEAT and word == word[0] * len(word)
        return not word or word in _PLACEHOLDERS
    letters = [c for c in fold(text) if unicodedata.category(c)[0] in "LMN"]
    if not letters:
        return True
    if all(unicodedata.category(c) == "Nd" for c in letters):
        return len(letters) >= _SHORTEST_REPEAT and len({unicodedata.decimal(c) for c in letters}) == 1
    return "".join(letters) in _PLACEHOLDERS


def placeholder_endings() -> frozenset[str]:
    """Every ending of every placeholder word: a text whose last letters are none of these is no placeholder."""
    return frozenset(word[start:] for word in _PLACEHOLDERS for start in range(len(word)))


_SHORTEST_REPEAT: Final = 3
"""Digits. "000" says nothing, while "11" or "0" may be a house number."""

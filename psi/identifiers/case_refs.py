"""Numbers that both sides were given for one case: by a court, an Interpol or Europol channel, a joint team.

Canonical are capitals and digits in groups: `AB 12/0345`, `ab-12-345` and `АБ12-345` typed on a Cyrillic keyboard
throughout are one number. Every change between letters and digits begins a group, whatever stood between them, and
zeros in front of a group count for nothing.

Such a number must come from outside. **Never map a column of your own record references to it**: own numbers count
upwards, so the partner could ask for each of them, and two offices that count alike would agree on every record.
"""

import re
import unicodedata
from typing import Final

from psi.errors import RefusedValue
from psi.identifiers.cells import MAX_CELL_CHARACTERS, Cell, Hints, ascii_digits, clean, fold
from psi.identifiers.several import read_each, refuser, undamaged
from psi.identifiers.spelling import mixes_alphabets

__all__ = ["shared_case_refs"]

FEWEST_CHARACTERS: Final = 6
"""Letters and digits. Shorter numbers are anybody's."""

FEWEST_SERIAL_DIGITS: Final = 4
"""Digits besides a year in a number without letters: every office has a 123/2026."""

MAX_CHARACTERS: Final = 64
"""Letters, digits and hyphens in a canonical number."""

_GROUP: Final = re.compile(r"\d+|[a-z]+")
_YEAR: Final = re.compile(r"(?:19|20)\d\d")
_DATE: Final = re.compile(r"\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./](?:19|20)\d\d")
_SEPARATORS: Final = frozenset(" -./\\_:#+()[]№,'")

_refuse = refuser("shared_case_ref")


def shared_case_refs(cell: Cell, _hints: Hints) -> tuple[str, ...]:
    """The case numbers of a cell; () for a blank.

    Raises `RefusedValue`: `shared_case_ref/too-common`, `shared_case_ref/is-a-date`,
    `shared_case_ref/mixed-letters`, `shared_case_ref/not-a-number`, `shared_case_ref/lost-digits`,
    `shared_case_ref/too-many`.
    """
    return read_each(undamaged(cell, "shared_case_ref"), "shared_case_ref", lambda part: (_case_ref(part),))


def _case_ref(text: str) -> str:
    from anyascii import anyascii

    text = fold(ascii_digits(text))
    if _DATE.fullmatch(text):
        raise _is_a_date()
    if mixes_alphabets(text):
        raise _refuse(
            "mixed-letters",
            "This number mixes letters of two alphabets that look alike.",
            "Type it again with one keyboard.",
        )
    plain = "".join(
        character if character in _SEPARATORS else fold(anyascii(unicodedata.normalize("NFKC", character)))
        for character in text
    )
    odd = set(plain) - _SEPARATORS - set("abcdefghijklmnopqrstuvwxyz0123456789")
    groups = [group.lstrip("0") or "0" if group[0].isdigit() else group for group in _GROUP.findall(plain)]
    value = "-".join(groups).upper()
    if odd or len(value) > min(MAX_CHARACTERS, MAX_CELL_CHARACTERS):
        raise _refuse(
            "not-a-number",
            "This cell holds more than a case number.",
            "Keep the number alone, in letters, digits and hyphens.",
        )
    if _DATE.fullmatch(value):
        raise _is_a_date()
    serial = "".join(groups)
    years = [group for group in groups if _YEAR.fullmatch(group)]
    counted = len(serial) - (4 if years else 0)
    if (
        len(serial) < FEWEST_CHARACTERS
        or not re.search(r"\d", serial)
        or (serial.isdigit() and counted < FEWEST_SERIAL_DIGITS)
        or not clean(Cell(value))
    ):
        raise _refuse(
            "too-common",
            "This number is so short that other offices have it as well.",
            "Write it in full, with the letters and the year that belong to it.",
        )
    return value


def _is_a_date() -> RefusedValue:
    return _refuse("is-a-date", "This is a date and no case number.", "Map another column.")

"""One form per person field: what a cell becomes, which spellings share it, and how telling it is.

Every field gives exactly one form that absorbs the usual variation. Several forms per field would be more tolerant,
but tokens multiply with them, and each token is curve work on both sides.

The weights are collision entropies in bits (minus the logarithm of the chance that two strangers agree) as measured on
the FEBRL population, lowered where real sets are less varied than that one: case files of one service share towns and
years of birth. Sex, nationality and region are guesses on the low side. Fields that share a slot of a match key
(`match_keys`) weigh the same, or swapping them would change which keys exist.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from psi.errors import RefusedValue
from psi.identifiers.cells import Cell, ascii_digits, clean, fold, whole_number
from psi.identifiers.dates import BIRTH_DATE, date_form
from psi.identifiers.names import SOUND_CODE, romanise, sound_code, words_of
from psi.identifiers.places import COUNTRY_CODE, country_form

__all__ = ["PERSON_FIELDS", "check_form", "greatest_bits", "read_form", "weigh"]

_SEXES: Final = {
    word: form
    for form, words in {
        "F": "f female w weiblich woman frau fem feminin feminina femenino femme vrouw v ж жен женский жінка жіноча k",
        "M": "m male mann männlich man masc masculin masculino homme м муж мужской чоловік чоловіча мъж",
        "X": "x d diverse divers other nonbinary third",
    }.items()
    for word in words.split()
}

_STREETS: Final = """
    street st road rd avenue ave lane ln drive place square court crescent close flat apt apartment unit house
    strasse str weg platz rue chaussee strada bulevardul bd calle via piazza ul vul ulitsa vulytsya vulitsa ulica bul
    prospekt prospect dom kv
"""
"""Words for "street" and "flat", which one office writes and the next leaves out."""

_STREET_WORDS: Final = frozenset(_STREETS.split())


def _name(cell: Cell) -> str:
    words = words_of(cell)
    return sound_code(words[0]) if words else ""


def _place(cell: Cell) -> str:
    return sound_code("".join(words_of(cell)))


def _address(cell: Cell) -> str:
    """The sounds of the street, else its number: "Flat 4" and "4" keep the 4."""
    text = romanise(clean(cell))
    words = [word for word in text.split() if word not in _STREET_WORDS] or text.split()
    letters = "".join(word for word in words if word.isalpha())
    return sound_code(letters) or _trimmed("".join(words))


def _code(cell: Cell) -> str:
    """Letters and digits without leading zeros, which a spreadsheet drops from 01067."""
    text = whole_number(cell) or clean(cell)
    plain = "".join(character for character in romanise(ascii_digits(text)) if character.isalnum())
    # A number that went through a spreadsheet as text: "2135.0".
    if re.fullmatch(r"\d+[.,]0", text):
        plain = plain[:-1]
    return _trimmed(plain)


def _trimmed(plain: str) -> str:
    return plain.lstrip("0")[:_CODE_CHARACTERS].upper()


_CODE_CHARACTERS: Final = 12


def _sex(cell: Cell) -> str:
    # A lone x stands for "unknown" everywhere else.
    text = cell.text.strip() if fold(cell.text.strip()[:2]) == "x" else clean(cell)
    word = "".join(c for c in fold(text) if c not in " .-")
    if not word:
        return ""
    if word not in _SEXES:
        raise RefusedValue("This cell is no sex that is known here.", advice="Write F, M or X.", reason="sex/unknown")
    return _SEXES[word]


@dataclass(frozen=True, slots=True)
class _Field:
    read: Callable[[Cell], str]
    shape: re.Pattern[str]
    bits: int


_SOUNDS = SOUND_CODE
_CODES = re.compile(r"[1-9A-Z][0-9A-Z]{0,11}")
_LINE = re.compile(rf"{_SOUNDS.pattern}|{_CODES.pattern}")

_FIELDS: Final[Mapping[str, _Field]] = MappingProxyType(
    {
        "given_name": _Field(_name, _SOUNDS, 7),
        "family_name": _Field(_name, _SOUNDS, 7),
        "full_name": _Field(_name, _SOUNDS, 0),
        "father_name": _Field(_name, _SOUNDS, 6),
        "birth_date": _Field(date_form, BIRTH_DATE, 13),
        "birth_place": _Field(_place, _SOUNDS, 6),
        "sex": _Field(_sex, re.compile("[FMX]"), 1),
        "nationality": _Field(country_form, COUNTRY_CODE, 2),
        "street_number": _Field(_code, _CODES, 5),
        "address_1": _Field(_address, _LINE, 8),
        "address_2": _Field(_address, _LINE, 8),
        "locality": _Field(_place, _SOUNDS, 8),
        "postcode": _Field(_code, _CODES, 8),
        "region": _Field(_place, _SOUNDS, 2),
    }
)

PERSON_FIELDS: Final = tuple(_FIELDS)
"""Everything a column may be mapped to. `full_name` is split on reading and never compared itself."""

_YEAR_BITS: Final = 6
_SOUND_BITS: Final = (0, 3, 5)
"""Bits of a sound code of that many sounds: "Ia" and "Li" are one sound, and many people share it."""


def read_form(name: str, cell: Cell) -> str:
    """The form of one field's cell; "" for a blank. Raises `RefusedValue` if the cell cannot be read."""
    return _FIELDS[name].read(cell)


def check_form(name: str, form: str) -> None:
    """Raises `RefusedValue` `person/not-a-form` unless `form` is one that `read_form(name, ...)` can give."""
    if name not in _FIELDS or name == "full_name" or not _FIELDS[name].shape.fullmatch(form):
        raise RefusedValue(
            "A prepared person holds something that is no form of its field.",
            advice="Prepare the dataset again.",
            reason="person/not-a-form",
        )


def greatest_bits(name: str) -> int:
    """How telling a field can be, in bits."""
    return _FIELDS[name].bits


def weigh(name: str, form: str) -> int:
    """How telling this form of a field is, in bits: less than the greatest for a bare year or a very short code."""
    most = _FIELDS[name].bits
    if name == "birth_date" and "-" not in form:
        return min(most, _YEAR_BITS)
    if _FIELDS[name].shape is not _CODES and len(form) < len(_SOUND_BITS) and name not in ("sex", "nationality"):
        return min(most, _SOUND_BITS[len(form)])
    return most

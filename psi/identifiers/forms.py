"""One form per person field: what a cell becomes, and which spellings share it.

Every field gives exactly one form that absorbs the usual variation. Several forms per field would be more tolerant,
but tokens multiply with them, and each token is curve work on both sides. How telling a form is stands in `weights`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from psi.errors import RefusedValue
from psi.identifiers.cells import Cell, ascii_digits, clean, fold, whole_number
from psi.identifiers.dates import BIRTH_DATE, date_form
from psi.identifiers.names import father_or_mother, words_of
from psi.identifiers.places import COUNTRY_CODE, country_form, town
from psi.identifiers.sounds import LETTERS, SOUND_CODE, letters, romanise, sound_code

__all__ = ["PERSON_FIELDS", "PERSON_FORMS", "alias_letters", "check_form", "read_form"]

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
    return sound_code(town(words_of(cell)))


def _alias(cell: Cell) -> str:
    """The sounds of the first alias of a cell; the others are compared as values of the kind alias."""
    return sound_code(_first_alias(cell))


def alias_letters(cell: Cell) -> str:
    """The finer form of the same alias."""
    return letters(_first_alias(cell))


def _first_alias(cell: Cell) -> str:
    if cell.number is not None or not clean(cell):
        return "".join(words_of(cell))
    first = next(part for part in _BETWEEN_ALIASES.split(cell.text) if part.strip())
    return "".join(words_of(Cell(first)))


_BETWEEN_ALIASES: Final = re.compile(r"[;,|\n]")


def _address(cell: Cell) -> str:
    """The sounds of the street, else its number: "Flat 4" and "4" keep the 4."""
    text = romanise(clean(cell))
    words = [word for word in text.split() if word not in _STREET_WORDS] or text.split()
    spelt = "".join(word for word in words if word.isalpha())
    return sound_code(spelt) or _trimmed("".join(words))


def _code(cell: Cell) -> str:
    """Letters and digits without leading zeros, which a spreadsheet drops from 01067."""
    text = whole_number(cell) or clean(cell)
    plain = "".join(character for character in romanise(ascii_digits(text)) if character.isalnum())
    # A number that went through a spreadsheet as text: "2135.0".
    if _FRACTION_ZERO.fullmatch(text):
        plain = plain[:-1]
    return _trimmed(plain)


def _trimmed(plain: str) -> str:
    return plain.lstrip("0")[:_CODE_CHARACTERS].upper()


_CODE_CHARACTERS: Final = 12


def _id_number(cell: Cell) -> str:
    """A personal number as a register writes it, unchecked: letters and digits without leading zeros."""
    text = whole_number(cell) or clean(cell)
    if _SCIENTIFIC.fullmatch(text):
        raise RefusedValue(
            "The spreadsheet has shortened this number and lost its last digits.",
            advice="Format the column as text and enter the value again from the original.",
            reason="cell/lost-digits",
        )
    plain = "".join(romanise(ascii_digits(text)).split())
    if _FRACTION_ZERO.fullmatch(text):
        plain = plain[:-1]
    form = plain.lstrip("0").upper()
    if len(form) > _ID_CHARACTERS:
        raise RefusedValue(
            f"A personal number has at most {_ID_CHARACTERS} letters and digits, and this cell holds more.",
            advice="Keep one number in a cell.",
            reason="id_number/too-long",
        )
    return form


_ID_CHARACTERS: Final = 24
_SCIENTIFIC: Final = re.compile(r"\d[.,]?\d*[eE][+-]?\d+")
_FRACTION_ZERO: Final = re.compile(r"\d+[.,]0")


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


_SOUNDS = SOUND_CODE
_CODES = re.compile(r"[1-9A-Z][0-9A-Z]{0,11}")
_LINE = re.compile(rf"{_SOUNDS.pattern}|{_CODES.pattern}")

_FIELDS: Final[Mapping[str, _Field]] = MappingProxyType(
    {
        "given_name": _Field(_name, _SOUNDS),
        "family_name": _Field(_name, _SOUNDS),
        "full_name": _Field(_name, _SOUNDS),
        "alias": _Field(_alias, _SOUNDS),
        "father_name": _Field(father_or_mother, _SOUNDS),
        "mother_name": _Field(father_or_mother, _SOUNDS),
        "birth_date": _Field(date_form, BIRTH_DATE),
        "birth_place": _Field(_place, _SOUNDS),
        "sex": _Field(_sex, re.compile("[FMX]")),
        "nationality": _Field(country_form, COUNTRY_CODE),
        "id_number": _Field(_id_number, re.compile(rf"[1-9A-Z][0-9A-Z]{{0,{_ID_CHARACTERS - 1}}}")),
        "street_number": _Field(_code, _CODES),
        "address_1": _Field(_address, _LINE),
        "address_2": _Field(_address, _LINE),
        "locality": _Field(_place, _SOUNDS),
        "postcode": _Field(_code, _CODES),
        "region": _Field(_place, _SOUNDS),
    }
)

PERSON_FIELDS: Final = tuple(_FIELDS)
"""Everything a column may be mapped to. `full_name` is split on reading and never compared itself."""

_FINER: Final = ("given_letters", "family_letters", "alias_letters")
PERSON_FORMS: Final = (*PERSON_FIELDS, *_FINER)
"""Every form a person can have: one per field, and the finer ones of three names, which no column is mapped to."""


def read_form(name: str, cell: Cell) -> str:
    """The form of one field's cell; "" for a blank. Raises `RefusedValue` if the cell cannot be read."""
    return _FIELDS[name].read(cell)


def check_form(name: str, form: str) -> None:
    """Raises `RefusedValue` `person/not-a-form` unless `form` is one that `read_form(name, ...)` can give."""
    shape = LETTERS if name in _FINER else _FIELDS[name].shape if name in _FIELDS else None
    if shape is None or name == "full_name" or not shape.fullmatch(form):
        raise RefusedValue(
            "A prepared person holds something that is no form of its field.",
            advice="Prepare the dataset again.",
            reason="person/not-a-form",
        )

"""The machine-readable zone of travel documents: ICAO Doc 9303, parts 3 (check digits), 4 (TD3), 5 (TD1), 6 (TD2), 7.

    TD3, passport, 2 x 44      P<ISSUER<SURNAME<<GIVEN<NAMES<<<...
                               NUMBER   #NATBIRTH #SEXPIRY#OPTIONAL     ##
    TD1, card, 3 x 30          I<ISSNUMBER   #OPTIONAL
                               BIRTH #SEXPIRY#NATOPTIONAL   #
                               SURNAME<<GIVEN<NAMES<<<...
    TD2, card, 2 x 36          as TD3 with a shorter optional part

Each # is a check digit: characters weighted 7, 3, 1 in turn, modulo 10, with A = 10 to Z = 35 and the filler < = 0. All
that a line holds are checked. Where only a digit can stand, O is 0 and I is 1. In the number itself both can stand:
it is read as written, and only if that fails and exchanging one of them, and no other, makes its check digit fit, so.
That costs some of the check: of numbers with another mistake, one in ten per O, I, 0 and 1 is read as a third number.

What check digits cannot see: a letter and the digit ten, twenty or thirty below it weigh the same, so G for 6 and L for
1 pass.

The issuer stands in the first line. The second line of a passport, alone, names only the nationality, which for a
passport is its issuer; papers for refugees and stateless people break that rule, so theirs need their first line. Cards
of 36 characters are residence permits as often as identity cards, and a permit's holder is no national of its issuer:
their second line, alone, says no issuer.
"""

import re
from typing import Final, NamedTuple

from psi.errors import RefusedValue
from psi.identifiers.country_codes import ISSUERS_WITHOUT_STATE, issuer_code
from psi.identifiers.lettering import swaps
from psi.identifiers.several import refuser

__all__ = ["Zone", "check_digit", "looks_like_zone", "read_number_field", "read_zone"]

_refuse = refuser("document")

_WEIGHTS: Final = (7, 3, 1)
_VALUES: Final = {character: value for value, character in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")} | {"<": 0}
_DIGIT_PLACES: Final = str.maketrans("OI", "01")

_NUMBER_FIELD: Final = re.compile(r"([A-Z0-9]{1,8}<+)([0-9OI])")
_LONE_LINES: Final = {30: "[ACI]", 36: "[A-Z0-9]", 44: "[A-Z0-9]"}
_WHOLE_ZONES: Final = {60: "[ACI]", 72: "[ACIPV]", 88: "[PV]", 90: "[ACI]"}
_NUMBER_FIELD_WIDTH: Final = 10


class Zone(NamedTuple):
    """What a zone says of its document: the issuer's code if it is there, and the number without fillers."""

    issuer: str | None
    number: str


def check_digit(field: str) -> str:
    """The check digit of a field of A to Z, 0 to 9 and < (ICAO Doc 9303-3, section 4.9)."""
    return str(sum(_VALUES[one] * _WEIGHTS[index % 3] for index, one in enumerate(field)) % 10)


def looks_like_zone(text: str) -> bool:
    """Whether capitals without spaces are (part of) a zone: by length and fillers, not by check digits."""
    if not re.fullmatch("[A-Z0-9<]+", text):
        return False
    return ("<<" in text and len(text) > _NUMBER_FIELD_WIDTH) or len(text) in _LONE_LINES | _WHOLE_ZONES


def read_zone(text: str) -> Zone:
    """The issuer and number of a zone, its lines written as one text without spaces.

    Raises `RefusedValue`: `document/mrz-length`, `document/mrz-line`, `document/check-digit`, `document/no-number`.
    """
    first = {**_LONE_LINES, **_WHOLE_ZONES}.get(len(text))
    if first is None:
        raise _refuse(
            "mrz-length",
            "This machine-readable line has lost or gained characters.",
            "Copy the line again with every < sign, 44 characters for a passport and 30 for a card.",
        )
    if not re.match(first, text):
        raise _refuse(
            "mrz-line",
            "This is a machine-readable line without the number of the document.",
            "Give both lines of a passport, or the first line of a card.",
        )
    match len(text):
        case 30 | 60 | 90:
            return _card(text[:30], text[30:60])
        case 44:
            return _lone_line(text, optional=14)
        case 88:
            return _two_lines(text[:44], text[44:], optional=14)
        case 36:
            return _lone_line(text, optional=7)
        case _:
            return _two_lines(text[:36], text[36:], optional=7)


def read_number_field(text: str) -> str | None:
    """The number of a number field of ten characters, `L898902C<3`, that was copied alone; None if it is none."""
    found = _NUMBER_FIELD.fullmatch(text) if len(text) == _NUMBER_FIELD_WIDTH else None
    return _plain(_number(found[1], found[2])) if found else None


def _two_lines(first: str, second: str, optional: int) -> Zone:
    return Zone(_issuer(first), _second_line(second, optional, visa=first[0] == "V"))


def _lone_line(line: str, optional: int) -> Zone:
    if re.match(r"[PV][A-Z<][A-Z<]{3}[A-Z<]+$", line):
        raise _refuse(
            "mrz-line",
            "This is a machine-readable line without the number of the document.",
            "Give both lines of a passport, or the first line of a card.",
        )
    number = _second_line(line, optional, visa=False)
    nationality = issuer_code(line[10:13]) if optional == 14 else None
    return Zone(None if nationality in ISSUERS_WITHOUT_STATE - {"UTO"} else nationality, number)


def _second_line(line: str, optional: int, *, visa: bool) -> str:
    """The number in the second line of a passport (14 optional characters), visa or TD2 card (7), all of it checked."""
    number = _number(line[:9], line[9])
    birth, birth_digit = _digits(line[13:19]), _digits(line[19])
    expiry, expiry_digit = _digits(line[21:27]), _digits(line[27])
    _agree(birth, birth_digit)
    _agree(expiry, expiry_digit)
    if not visa:
        rest = line[28 : 28 + optional]
        whole = f"{number}{check_digit(number)}{birth}{birth_digit}{expiry}{expiry_digit}{rest}"
        if optional == 14:
            own = _digits(line[42])
            if not (own == "<" and rest.strip("<") == ""):
                _agree(rest, own)
            whole += own
        _agree(whole, _digits(line[-1]))
    return _plain(number)


def _card(first: str, second: str) -> Zone:
    """A TD1 card by its first line, and by the check digits of its second where that is given."""
    field, digit, optional = first[5:14], first[14], first[15:]
    if digit == "<" and "<" not in field:
        # A number of more than nine characters goes on in the optional part and ends with its check digit.
        tail = optional.split("<")[0]
        number = _number(field + tail[:-1], tail[-1:])
        upper = f"{number[:9]}<{number[9:]}{_digits(tail[-1:])}{optional[len(tail) :]}"
    else:
        number = _number(field, digit)
        upper = f"{number}{check_digit(number)}{optional}"
    if second:
        birth, expiry = _digits(second[:7]), _digits(second[8:15])
        _agree(birth[:6], birth[6])
        _agree(expiry[:6], expiry[6])
        _agree(f"{upper}{birth}{expiry}{second[18:29]}", _digits(second[29]))
    return Zone(_issuer(first), _plain(number))


def _issuer(line: str) -> str | None:
    return issuer_code(line[2:5].replace("0", "O").replace("1", "I"))


def _number(field: str, digit: str) -> str:
    """The number field as its check digit says it is."""
    digit = _digits(digit)
    if digit and digit.isdecimal():
        if check_digit(field) == digit:
            return field
        fitting = [other for other in swaps(field, most=1) if check_digit(other) == digit]
        if len(fitting) == 1:
            return fitting[0]
    raise _wrong_digit()


def _plain(field: str) -> str:
    number = field.replace("<", "")
    if not number:
        raise _refuse("no-number", "This document has no number in its machine-readable line.", "Leave the cell empty.")
    return number


def _digits(field: str) -> str:
    return field.translate(_DIGIT_PLACES)


def _agree(field: str, digit: str) -> None:
    if check_digit(field) != digit:
        raise _wrong_digit()


def _wrong_digit() -> RefusedValue:
    return _refuse(
        "check-digit",
        "A check digit of this machine-readable line is wrong, so a character of it was misread.",
        "Copy the line again from the document, or write ISSUER:NUMBER.",
    )

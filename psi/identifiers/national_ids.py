"""Personal numbers that states give to their people, canonical as `COUNTRY:NUMBER`, with check digits where they exist.

The countries and their rules stand in `national_id_rules`. A country may have several numbers (Spain: DNI, NIE); they
are different values.

What a check digit does not catch: about one typing mistake in ten. Where a number has none (the United States,
Denmark since 2007, Malaysia, Peru), only its form and the date or place in it are checked. Swedish numbers drop their
century, since the short form only tells it to whoever knows today's date: people born a hundred years apart may share
one.
"""

import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Final, cast

from psi.errors import RefusedValue
from psi.identifiers.cells import Cell, Hints, ascii_digits, clean
from psi.identifiers.country_codes import state_code
from psi.identifiers.lettering import latin_capitals, one_or_words, plain_capitals
from psi.identifiers.national_id_rules import COUNTRIES, NUMBERS, PersonalNumber
from psi.identifiers.several import BETWEEN_CODES, is_zero, read_each, refuser, undamaged

__all__ = ["national_ids"]

MOST_LOST_ZEROS: Final = 2
"""Zeros that a spreadsheet may have dropped before a number: a year of birth 00, or a day 0x."""

SHORTEST_LABEL: Final = 3
"""Letters. A name of two letters before a number is the code of a country."""

_refuse = refuser("national_id")


_ALSO_CALLED: Final = {
    "EGN": "BG", "LNCH": "BG", "LNC": "BG", "AMKA": "GR", "INN": "RU", "RNTRC": "UA", "RNOKPP": "UA", "ІПН": "UA",
    "IDNUMMER": "NL", "STEUERID": "DE", "CODICE FISCALE": "IT", "INSZ": "BE", "AADHAR": "IN", "NIF": "ES",
    "ЈМБГ": "BA", "CEDULA": "EC",
}  # fmt: skip


@cache
def _countries_by_label() -> dict[str, str | None]:
    """The name of a number, as it stands before one -> its country, or None where several use that name."""
    found: dict[str, set[str]] = {}
    for name, country in [*((row.name, row.country) for row in NUMBERS), *_ALSO_CALLED.items()]:
        if len(name) >= SHORTEST_LABEL:
            found.setdefault(latin_capitals(name), set()).add(country)
    return {name: countries.pop() if len(countries) == 1 else None for name, countries in found.items()}


_JUST_LABELS: Final = frozenset({"ID", "NO", "NR", "CI", "CC", "PIN", "ID NO", "ID NR"})
"""Labels that tell no country. Some are codes of countries too: before a colon without a space they are the code."""

_HEAD: Final = re.compile(r"([^:]{1,60}?)\s*:(\s*)(.+)")
_WORD: Final = re.compile(r"([^\W\d_]{2,20}(?: FISCALE)?)\.?\s+(.+)")
_SEPARATORS: Final = re.compile(r"[ .\-/]")
_AROUND_SIGN: Final = re.compile(r"[ ./]")


def national_ids(cell: Cell, hints: Hints) -> tuple[str, ...]:
    """The personal numbers of one cell; () for a blank.

    The country stands in the cell (`RO:…`, `RO …`, `CNP …`), or else in `hints.qualifier`, or else is `hints.region`.
    Raises `RefusedValue`: `national_id/no-country`, `unknown-country`, `other-country`, `wrong-form`, `check-digit`,
    `impossible`, `ambiguous`, `lost-digits`, `too-many`.
    """
    column = None if hints.qualifier is None else _known(state_code(hints.qualifier))
    country = column or (hints.region if hints.region in COUNTRIES else None)
    if is_zero(cell):
        return ()
    damaged, cell = cell, undamaged(cell, "national_id")
    if cell is not damaged:
        return (_repaired(cell.text, country, hints),) if clean(cell) else ()
    return read_each(cell, "national_id", one_or_words(lambda part: _one(part, country, column, hints)), BETWEEN_CODES)


def _one(part: str, country: str | None, column: str | None, hints: Hints) -> str:
    written = plain_capitals(ascii_digits(part))
    text = latin_capitals(written)
    if match := _HEAD.fullmatch(text):
        head, gap, rest = match.groups()
        labels = _countries_by_label()
        if head in labels:
            named = labels[head]
        elif head in _JUST_LABELS and (gap or " " in head or (country is not None and head != country)):
            named = None
        else:
            named = _known(state_code(written.partition(":")[0]) or state_code(head))
        return _of(rest, _agreed(named, country, column, hints))
    refusal: RefusedValue | None = None
    if country is not None:
        try:
            return _of(text, country)
        except RefusedValue as refused:
            refusal = refused
    if match := _WORD.fullmatch(text):
        word, rest = match.groups()
        named = _countries_by_label().get(word, "")
        if named == "" and (len(word) > 3 or written.startswith(word)):
            named = state_code(word) or ""
        if named != "":
            return _of(rest, _agreed(named, country, column, hints))
    raise refusal or _no_country(hints)


def _agreed(named: str | None, country: str | None, column: str | None, hints: Hints) -> str:
    """The country that the cell names, or else the source."""
    if named is None and country is None:
        raise _no_country(hints)
    if named is not None and column is not None and named != column:
        raise _refuse(
            "other-country",
            "This number belongs to another country than its column says.",
            "Correct the one that is wrong.",
        )
    return _known(named or country)


def _known(country: str | None) -> str:
    if country is None or country not in COUNTRIES:
        raise _refuse(
            "unknown-country",
            "Personal numbers of this country cannot be checked here.",
            f"Known are: {', '.join(sorted(COUNTRIES))}. For another country use the kind document.",
        )
    return country


def _of(text: str, country: str) -> str:
    """The canonical number of a country from its writing."""
    number = (_AROUND_SIGN if country == "FI" else _SEPARATORS).sub("", text)
    if country == "SE":
        number = number.replace("+", "")
    return f"{country}:{_checked(number, country)}"


def _checked(number: str, country: str) -> str:
    """The number as its country keeps it, if one of the country's rules holds."""
    from stdnum.exceptions import InvalidChecksum, InvalidComponent, ValidationError

    reason = "wrong-form"
    for row in COUNTRIES[country] if clean(Cell(number)) else ():
        if not row.form.fullmatch(number):
            continue
        try:
            return _rule(row)(number)
        except InvalidChecksum:
            reason = "check-digit"
        except InvalidComponent:
            reason = "impossible" if reason == "wrong-form" else reason
        except ValidationError:
            continue
    raise _unreadable(reason)


def _unreadable(reason: str) -> RefusedValue:
    if reason == "check-digit":
        return _refuse(
            "check-digit",
            "The check digit of this personal number is wrong, so one of its digits is.",
            "Check it against the original.",
        )
    if reason == "impossible":
        return _refuse(
            "impossible",
            "This personal number holds a date or place that does not exist.",
            "Check it against the original.",
        )
    return _refuse(
        "wrong-form",
        "This is not what a personal number of its country looks like.",
        "Check that every digit is there, also zeros at the start, and that the country is right.",
    )


@cache
def _rule(row: PersonalNumber) -> Callable[[str], str]:
    if callable(row.check):
        return row.check
    return cast(Callable[[str], str], import_module(f"stdnum.{row.check}").validate)


def _repaired(digits: str, country: str | None, hints: Hints) -> str:
    """The only number of the country that became `digits` when a spreadsheet dropped its leading zeros."""
    if country is None:
        raise _no_country(hints)
    found = set()
    first: RefusedValue | None = None
    for zeros in range(MOST_LOST_ZEROS + 1):
        try:
            found.add(_of("0" * zeros + digits, country))
        except RefusedValue as refused:
            first = first if first is not None and first.reason != "national_id/wrong-form" else refused
    if len(found) > 1:
        raise _refuse(
            "ambiguous",
            "The spreadsheet stored this number as a quantity, and it may or may not have lost a zero.",
            "Format the column as text and enter the number again from the original.",
        )
    if not found:
        raise first or _no_country(hints)
    return found.pop()


def _no_country(hints: Hints) -> RefusedValue:
    if hints.region is not None and hints.region not in COUNTRIES:
        return _refuse(
            "unknown-country",
            "Personal numbers of this country cannot be checked here.",
            f"Known are: {', '.join(sorted(COUNTRIES))}. For another country use the kind document.",
        )
    return _refuse(
        "no-country",
        "This personal number does not say of which country it is.",
        "Map the country's column too, set the dataset's region, or write COUNTRY:NUMBER with the two-letter code.",
    )

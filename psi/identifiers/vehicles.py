"""Vehicles: registration plates, canonical as `COUNTRY:PLATE`, and vehicle identification numbers.

**Plates.** Spaces, dots and dashes are dropped, since most files and all cameras drop them; accents go too, because
foreign systems cannot write them. The price is known: B-AB 1 (Berlin) and BA-B 1 (Bamberg) are one value here, and so
are BO-AB 1 (Bochum) and BÖ-AB 1 (Börde). FUE-AB 1, the way Germans spell out FÜ-AB 1, is read as that.

Where a country's plates use only letters that Latin shares with Cyrillic or Greek, either alphabet is read; elsewhere a
foreign letter is refused. O and 0, I and 1 are exchanged only where the country's form leaves exactly one reading. The
forms stand in `plate_formats`; a country without one has 4 to 9 characters.

**VINs** (ISO 3779) have 17 characters and never the letters I, O and Q, so these can only be 1, 0 and 0. The check
digit (49 CFR 565) is demanded of vehicles made in North America, whose VINs begin with 1 to 5; makers elsewhere may
use its place freely.
"""

import re
from typing import Final

from psi.errors import RefusedValue
from psi.identifiers.cells import Cell, Hints, ascii_digits
from psi.identifiers.country_codes import state_code
from psi.identifiers.lettering import latin_capitals, one_or_words, plain_capitals, swaps
from psi.identifiers.plate_formats import (
    ANY_PLATE,
    FORMS,
    SHARED_LETTERS,
    SIGNS,
    SPELLED_OUT_DISTRICTS,
    without_accents,
)
from psi.identifiers.several import BETWEEN_CODES, is_zero, number_cell, read_each, refuser, undamaged

__all__ = ["plates", "vins"]

_refuse_plate = refuser("plate")
_refuse_vin = refuser("vin")

_HEAD: Final = re.compile(r"([^:]{1,60}?)\s*:\s*(.+)")
_PLATE_LABEL: Final = re.compile(
    r"(?:PLATES?|REG(?:ISTRATION)?|KENNZEICHEN|KFZ|KENTEKEN|IMMATRICULATION|MATRICULA|TARGA)"
    r"(?:\s*(?:NO|NR|NUMBER))?\s*[.:]\s*"
)
_VIN_LABEL: Final = re.compile(r"(?:VIN|CHASSIS|FIN|SASIU|TELAIO)(?:\s*(?:NO|NR|NUMBER))?\s*[.:#]*\s+|VIN:")


def plates(cell: Cell, hints: Hints) -> tuple[str, ...]:
    """The plates of one cell; () for a blank.

    The country stands in the cell (`RO:B101ABC`, `BG CA 1234 AB`), or else in `hints.qualifier` (a code, a name, or the
    sign on the plate), or else is `hints.region`. Raises `RefusedValue`: `plate/no-country`, `unknown-country`,
    `other-country`, `letters`, `wrong-form`, `ambiguous`, `number-cell`, `too-many`.
    """
    column = None if hints.qualifier is None else _country(hints.qualifier)
    if cell.number is not None:
        if is_zero(cell):
            return ()
        raise number_cell(_refuse_plate)
    country = column or (state_code(hints.region) if hints.region is not None else None)
    return read_each(cell, "plate", one_or_words(lambda part: _plate(part, country, column)), BETWEEN_CODES)


def _plate(part: str, country: str | None, column: str | None) -> str:
    text = _PLATE_LABEL.sub("", plain_capitals(ascii_digits(part)), count=1)
    if match := _HEAD.fullmatch(text):
        named = _country(match[1])
        if column is not None and named != column:
            raise _refuse_plate(
                "other-country",
                "This plate is from another country than its column says.",
                "Correct the one that is wrong.",
            )
        return f"{named}:{_of(match[2], named)}"
    refusal: RefusedValue | None = None
    if country is not None:
        try:
            return f"{country}:{_of(text, country)}"
        except RefusedValue as refused:
            refusal = refused
    # A country's sign before the plate, without a colon, counts only if the rest has that country's own form: "B 123"
    # may be Belgium or Bucharest.
    sign, _, rest = text.replace("-", " ").partition(" ")
    named_or_none = SIGNS.get(sign) or (state_code(sign) if len(sign) > 1 else None)
    if rest and named_or_none is not None and named_or_none in FORMS and (len(sign) > 1 or named_or_none == country):
        if column is not None and named_or_none != column:
            raise refusal or _no_country()
        try:
            return f"{named_or_none}:{_of(rest, named_or_none)}"
        except RefusedValue:
            pass
    raise refusal or _no_country()


def _country(text: str) -> str:
    code = state_code(text) or SIGNS.get(plain_capitals(text.strip()))
    if code is None:
        raise _refuse_plate(
            "unknown-country",
            "The country of this plate is not known here.",
            "Use its two-letter code, such as RO, or the sign on the plate.",
        )
    return code


def _of(text: str, country: str) -> str:
    """The plate in its country's form. `text` is in capitals of its own script."""
    text = without_accents(text)
    if country in SHARED_LETTERS:
        text = latin_capitals(text)
    if country == "DE":
        text = _german(text)
    plate = re.sub(r"[ .\-·•*_]", "", text)
    if not re.fullmatch("[A-Z0-9]+", plate):
        raise _refuse_plate(
            "letters",
            "This plate holds characters that plates of its country do not have.",
            "Type it in the letters that the plate shows, without notes.",
        )
    form = FORMS.get(country, ANY_PLATE)
    if form.fullmatch(plate):
        return plate
    fitting = [other for other in swaps(plate) if form.fullmatch(other)] if country in FORMS else []
    if len(fitting) > 1:
        raise _refuse_plate(
            "ambiguous",
            "This plate mixes up letters and digits (O and 0, I and 1) and can be read in several ways.",
            "Check it against the original.",
        )
    if not fitting:
        raise _refuse_plate(
            "wrong-form",
            "This is not what a plate of its country looks like.",
            "Check it, and that the country is right; for a foreign plate write COUNTRY:PLATE.",
        )
    return fitting[0]


def _german(text: str) -> str:
    """A German plate with a spelled-out umlaut as it would be without dots: FUE-AB 1 is FU-AB 1.

    Only where a space or dash ends the district: in FUEAB1 the E may belong to what follows.
    """
    groups = [group for group in re.split(r"[ .\-·•*_]+", text) if group]
    if len(groups) > 2 and all(re.fullmatch("[A-Z]+", group) for group in groups[:3]):
        # Three groups of letters: the first is the country's sign.
        if groups[0] != "D":
            raise _refuse_plate("wrong-form", "This is not what a plate of its country looks like.", "Check it.")
        groups = groups[1:]
    if len(groups) > 1:
        groups[0] = SPELLED_OUT_DISTRICTS.get(groups[0], groups[0])
    return "".join(groups)


def _no_country() -> RefusedValue:
    return _refuse_plate(
        "no-country",
        "This plate does not say of which country it is.",
        "Map the country's column too, set the dataset's region, or write COUNTRY:PLATE with the two-letter code.",
    )


VIN_CHARACTERS: Final = 17

_VIN_DIGITS: Final = str.maketrans("IOQ", "100")
_VIN_VALUES: Final = dict(zip("0123456789ABCDEFGHJKLMNPRSTUVWXYZ", "012345678912345678123457923456789", strict=True))
_VIN_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_CHECK_PLACE: Final = 8
_NORTH_AMERICA: Final = "12345"


def vins(cell: Cell, _hints: Hints) -> tuple[str, ...]:
    """The vehicle identification numbers of one cell; () for a blank.

    Raises `RefusedValue`: `vin/letters`, `length`, `check-digit`, `no-digit`, `lost-digits`, `too-many`.
    """
    if is_zero(cell):
        return ()
    return read_each(undamaged(cell, "vin"), "vin", one_or_words(_vin), BETWEEN_CODES)


def _vin(part: str) -> str:
    text = latin_capitals(ascii_digits(part))
    text = _VIN_LABEL.sub("", text, count=1)
    vin = re.sub(r"[ .\-*]", "", text).translate(_VIN_DIGITS)
    if not re.fullmatch("[A-Z0-9]+", vin):
        raise _refuse_vin(
            "letters", "This cell holds characters that no VIN has.", "Keep only the 17 characters, without notes."
        )
    if len(vin) != VIN_CHARACTERS:
        raise _refuse_vin(
            "length",
            "A vehicle identification number has 17 characters, and this one has not.",
            "Check it against the original; numbers from before 1981 cannot be compared.",
        )
    if not re.search("[0-9]", vin[-4:]):
        raise _refuse_vin("no-digit", "This is a word of 17 letters and no VIN.", "Check it against the original.")
    if vin[0] in _NORTH_AMERICA:
        remainder = sum(int(_VIN_VALUES[one]) * weight for one, weight in zip(vin, _VIN_WEIGHTS, strict=True)) % 11
        if vin[_CHECK_PLACE] != ("X" if remainder == 10 else str(remainder)):
            raise _refuse_vin(
                "check-digit",
                "The check digit of this North American VIN is wrong, so one of its characters is.",
                "Check it against the original.",
            )
    return vin

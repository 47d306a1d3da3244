"""Telephone numbers, canonical as E.164: `+` country code and number, nothing else.

Every number must be valid in the metadata of phonenumbers (not only possible), so that a typing mistake becomes a line
in the report and not a token for somebody else's number. A spreadsheet that took a number for a quantity has dropped
the leading zero or the plus sign: such a cell is repaired only where every digit is still there and exactly one valid
number fits. Extensions are refused: the number without it is a switchboard, shared by all who work there.

Most cells never meet the library: `phone_fast` reads what is plainly one number from the same metadata, and leaves
everything else to the slow path here, which is the one that defines what is right.
"""

import re
from typing import Final

import phonenumbers

from psi.errors import RefusedValue
from psi.identifiers import phone_fast
from psi.identifiers.cells import Cell, Hints, ascii_digits, clean, whole_number

__all__ = ["phone_numbers"]

MAX_NUMBERS_IN_A_CELL: Final = 8
"""Numbers. More in one cell are a list that lost its rows."""

_LABEL: Final = re.compile(r"(?i)\b(?:tel|telefon|phone|mobile|mob|cell|handy|gsm|тел|моб)\b\s*(?:no\b)?\s*[.:]*\s*")
_EXTENSION: Final = re.compile(r"(?i)(?:extension|ext|x|доб|durchwahl|interior|int)\s*[.=:]?\s*\d|#\s*\d")
_BETWEEN: Final = re.compile(r"(?i)\s*(?:[;,|&]|\b(?:or|and|und|oder|si|sau|et|ou|en|of|y|или|и|або|та)\b)\s*")
_ALLOWED: Final = re.compile(r"[+0-9 ()./-]+")
_DAMAGED_TEXT: Final = re.compile(r"(\d+)[.,]0+")
_SCIENTIFIC: Final = re.compile(r"(\d)(?:[.,](\d+))?[eE]\+?(\d{1,2})")


def phone_numbers(cell: Cell, hints: Hints) -> tuple[str, ...]:
    """The numbers of one cell in the order they stand; () for a blank.

    `hints.region` is the country whose national numbers the source holds; None accepts only numbers with a country
    code. One unreadable number refuses the whole cell. Raises `RefusedValue` (`phone/...`, `cell/...`).
    """
    region = hints.region
    if region is not None and region not in phonenumbers.SUPPORTED_REGIONS:
        raise RefusedValue(
            "The dataset's region is no country with telephone numbers.",
            advice="Set it to a two-letter country code, such as RO.",
            reason="phone/unknown-region",
        )
    if cell.number is None and (quick := phone_fast.numbers(cell.text, region)):
        return quick
    digits = whole_number(cell)
    if digits is not None:
        return () if digits.strip("0") == "" else (_repair(digits, region),)
    text = re.sub(r"(?i)^\s*tel:", "", ascii_digits(clean(cell)))
    if not text:
        return ()
    if damaged := _DAMAGED_TEXT.fullmatch(text):
        return (_repair(damaged[1], region),)
    if scientific := _SCIENTIFIC.fullmatch(text):
        first, rest, power = scientific[1], scientific[2] or "", int(scientific[3])
        # 7.21123456E+8 still has all nine digits; 7.2E+8 has two.
        if len(rest) == power:
            return (_repair(first + rest, region),)
        raise RefusedValue(
            "The spreadsheet shortened this number to powers of ten, and its digits are lost.",
            advice="Format the column as text and enter the number again from the original.",
            reason="phone/lost-digits",
        )
    text = _LABEL.sub("", text)
    if _EXTENSION.search(text):
        raise RefusedValue(
            "This number has an extension; without it, it is a switchboard that many people share.",
            advice="Leave it out, or keep only the number if it is one person's own line.",
            reason="phone/extension",
        )
    found: list[str] = []
    for part in filter(None, _BETWEEN.split(text)):
        found.extend(_one_or_more(part.strip(), region))
    if len(found) > MAX_NUMBERS_IN_A_CELL:
        raise _refuse("too-many", f"This cell holds more than {MAX_NUMBERS_IN_A_CELL} numbers.", "Use one row each.")
    return tuple(dict.fromkeys(found))


def _one_or_more(text: str, region: str | None) -> list[str]:
    """Numbers of a piece without clear separators: one number, or several split at "+", "/" or one space."""
    if not _ALLOWED.fullmatch(text):
        raise _refuse(
            "letters", "This cell holds something besides telephone numbers.", "Keep only the number; move notes away."
        )
    pieces = [piece.strip(" /-") for piece in re.split(r"(?=\+)", text)]
    pieces = [piece for piece in pieces if re.search(r"\d", piece)]
    if len(pieces) > 1:
        return [number for piece in pieces for number in _one_or_more(piece, region)]
    # A slash after an area code (030/123456) belongs to the number; any other may part two numbers.
    slash_inside = text.count("/") == 1 and len(_digits(text.split("/")[0])) <= _AREA_CODE_DIGITS
    if "/" not in text or slash_inside:
        readings = _readings(text, region)
        if len(readings) > 1:
            raise _refuse(
                "ambiguous",
                "This number can be read with and without its country code.",
                "Write it with a plus sign and the country code.",
            )
        if readings:
            return list(readings)
    for separator in ("/", " "):
        cuts = [match.start() for match in re.finditer(separator, text)]
        pairs = {
            (first, second)
            for cut in cuts
            if (first := _valid(text[:cut], region)) and (second := _valid(text[cut + 1 :], region))
        }
        if len(pairs) == 1:
            return list(pairs.pop())
        if pairs:
            raise _refuse("ambiguous", "This cell can be read as different numbers.", "Write one number in a cell.")
    raise _explain(text, region)


_AREA_CODE_DIGITS: Final = 5


def _repair(digits: str, region: str | None) -> str:
    """The only valid number that became `digits` when a spreadsheet dropped what stood in front."""
    if region is None:
        raise _refuse(
            "no-region",
            "The spreadsheet dropped the start of this number, and the dataset names no country to complete it.",
            "Set the dataset's region, or write the number with its country code.",
        )
    candidates = _readings(digits, region) | _readings(f"0{digits}", region)
    if len(candidates) > 1:
        raise _refuse(
            "ambiguous",
            "The spreadsheet dropped the start of this number, and more than one number fits.",
            "Write the number again with its country code, as text.",
        )
    if not candidates:
        raise _explain(f"+{digits}" if len(digits) > _NATIONAL_DIGITS else digits, region)
    return candidates.pop()


_NATIONAL_DIGITS: Final = 12


def _parse(text: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    plain = text.replace("(0)", "") if text.lstrip(" (").startswith(("+", "00")) else text
    plain = re.sub(r"^[ (]*00", "+", plain)
    plain = ("+" if plain.lstrip(" (").startswith("+") else "") + _digits(plain)
    if len(plain) > phone_fast.MAX_DIGITS:
        return None
    try:
        return phonenumbers.parse(plain, region)
    except phonenumbers.NumberParseException:
        return None


def _readings(text: str, region: str | None) -> set[str]:
    """The valid numbers, as E.164, that a writing can mean.

    A national number written in full, as its country writes it, is that number. One without its leading zero may as
    well be a foreign number without its plus sign, so both count. Without a region nothing is guessed at.
    """
    if (quick := phone_fast.readings(text, region)) is not None:
        return set(quick)
    formats = phonenumbers.PhoneNumberFormat
    number = _parse(text, region)
    readings = set()
    if number is not None and phonenumbers.is_valid_number(number):
        readings.add(phonenumbers.format_number(number, formats.E164))
        if _digits(phonenumbers.format_number(number, formats.NATIONAL)) == _digits(text):
            return readings
    if region is not None and text.lstrip(" (")[:1] not in ("+", "0"):
        foreign = _parse(f"+{text}", None)
        if foreign is not None and phonenumbers.is_valid_number(foreign):
            readings.add(phonenumbers.format_number(foreign, formats.E164))
    return readings


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _valid(text: str, region: str | None) -> str:
    """The only valid number that a writing can mean, "" if there is none or more."""
    readings = _readings(text, region)
    return readings.pop() if len(readings) == 1 else ""


def _explain(text: str, region: str | None) -> RefusedValue:
    """Why a written number is not valid."""
    number = _parse(text, region)
    if number is None and region is None and not re.match(r"[ (]*(?:\+|00)", text):
        return _refuse(
            "no-region",
            "This number has no country code, and the dataset names no country to complete it.",
            "Set the dataset's region, or write the number with its country code.",
        )
    verdict = phonenumbers.is_possible_number_with_reason(number) if number else None
    if verdict == phonenumbers.ValidationResult.TOO_SHORT or len(_digits(text)) < _FEWEST_DIGITS:
        return _refuse("too-short", "This telephone number is too short.", "Check it against the original.")
    if verdict == phonenumbers.ValidationResult.TOO_LONG or number is None:
        return _refuse("too-long", "This telephone number is too long.", "Check it against the original.")
    return _refuse("not-valid", "No such telephone number exists in its country.", "Check it against the original.")


_FEWEST_DIGITS: Final = 3


def _refuse(slug: str, sentence: str, advice: str) -> RefusedValue:
    return RefusedValue(sentence, advice=advice, reason=f"phone/{slug}")

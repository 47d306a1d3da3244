"""Birth dates as they stand in files, read by hand: psi knows no clock, so no result depends on the day.

The form is the year and the pair of day and month in ascending order, `1987-03-05` for both 5 March and 3 May, so that
a date with day and month swapped agrees with the right one, and 03/05/1987 needs no guess about its country. A date
on 1 January is the year alone: it is what registration offices write when they know nothing more, in any calendar
(`calendars`).
"""

import re
from typing import Final

from psi.errors import RefusedValue
from psi.identifiers.calendars import calendar_of_year, marked, to_gregorian
from psi.identifiers.cells import Cell, ascii_digits, clean, fold, whole_number
from psi.identifiers.months import month_number

__all__ = ["BIRTH_DATE", "date_form"]

EARLIEST_YEAR: Final = 1900
LATEST_YEAR: Final = 2099
"""Years a living person can be born in; a typing mistake in the century falls outside."""

BIRTH_DATE: Final = re.compile(r"(?:19|20)\d\d(?:-\d\d-\d\d)?")
"""The shape of every form."""

_TIME: Final = r"(?:[Tt ]\d{1,2}:\d{2}.{0,20})?"
_YEAR_FIRST: Final = re.compile(r"(\d{4})(?:[-./ ](\d{1,2})(?:[-./ ](\d{1,2}))?)?" + _TIME)
_YEAR_LAST: Final = re.compile(r"(\d{1,2})[-./ ](\d{1,2})[-./ ](\d{4})" + _TIME)
_MONTH_YEAR: Final = re.compile(r"(\d{1,2})[-./ ](\d{4})")
_PACKED: Final = re.compile(r"(\d{4})(\d{2})(\d{2})")
_SHORT_YEAR: Final = re.compile(r"\d{1,2}[-./ ]\d{1,2}[-./ ]\d{2}")
_PLAIN: Final = re.compile(r"[-0-9./ ]+")
_PIECES: Final = re.compile(r"\d+|[^\W\d_]+")
_YEAR_DIGITS: Final = 4
_FILLER_WORDS: Final = "of de den the st nd rd th er le el am al a r г год года року рік р"
_FILLERS: Final = frozenset(_FILLER_WORDS.split())
"""Words beside a month's name: "5th of March", "5 de marzo de", "5 марта 1987 г."."""

_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

_Parts = tuple[int, int, int]
"""Year, and month and day or day and month; 0 for what is unknown."""


def date_form(cell: Cell, calendar: str | None = None) -> str:
    """`YYYY-aa-bb` or `YYYY`; "" for a blank.

    Reads 1987-03-05 (with or without a time), 1987/3/5, 5.3.1987, 03/05/1987, 5-3-1987, 19870305, 1987, 1987-03,
    5 March 1987, and the same in the calendar of the column or of a mark in the cell: 1366/12/14 SH.
    Raises `RefusedValue`: `date/two-digit-year`, `date/impossible`, `date/unreadable`, `date/which-calendar`.
    """
    text = whole_number(cell) or ascii_digits(clean(cell)).rstrip(".")
    if not text:
        return ""
    if not _PLAIN.fullmatch(text):
        text, mark = marked(fold(text))
        calendar = mark or calendar
    year, first, second, day_first = _read(text.rstrip("."))
    meant = calendar_of_year(year, calendar)
    if meant != "gregorian":
        month, day = (second, first) if day_first else (first, second)
        try:
            year, first, second = to_gregorian(meant, year, month, day)
        except (ValueError, OverflowError):
            raise _impossible() from None
    low, high = sorted((first, second))
    if not EARLIEST_YEAR <= year <= LATEST_YEAR or (low and not _possible(low, high)) or high > _DAYS[0]:
        raise _impossible()
    # A part written 00, or left out, is unknown; what remains of such a date is its year.
    if not low or (low, high) == (1, 1):
        return str(year)
    return f"{year}-{low:02}-{high:02}"


def _read(text: str) -> tuple[int, int, int, bool]:
    """Year, two more parts, and whether the day is written before the month."""
    if _SHORT_YEAR.fullmatch(text):
        raise RefusedValue(
            "This date has a year of two digits, which fits two centuries.",
            advice="Write the year with four digits.",
            reason="date/two-digit-year",
        )
    if match := _PACKED.fullmatch(text) or _YEAR_FIRST.fullmatch(text):
        return int(match[1]), int(match[2] or 0), int(match[3] or 0), False
    if match := _YEAR_LAST.fullmatch(text):
        return int(match[3]), int(match[1]), int(match[2]), True
    if match := _MONTH_YEAR.fullmatch(text):
        return int(match[2]), int(match[1]), 0, False
    return *_named_month(text), False


def _named_month(text: str) -> _Parts:
    """Year, month and day of a date whose month is a word; the day is 0 where it is not written."""
    pieces = [piece for piece in _PIECES.findall(fold(text)) if piece not in _FILLERS]
    numbers = [piece for piece in pieces if piece.isdecimal()]
    months = [month_number(piece) for piece in pieces if not piece.isdecimal()]
    years = [piece for piece in numbers if len(piece) == _YEAR_DIGITS]
    days = [piece for piece in numbers if len(piece) <= 2]
    if len(months) == 1 and months[0] and len(years) == 1 and len(years) + len(days) == len(numbers) and len(days) <= 1:
        day = int(days[0]) if days else 0
        if day > _DAYS[months[0] - 1]:
            raise _impossible()
        return int(years[0]), months[0], day
    if len(months) == 1 and months[0] and not years and len(days) == 2:
        raise RefusedValue(
            "This date has a year of two digits, which fits two centuries.",
            advice="Write the year with four digits.",
            reason="date/two-digit-year",
        )
    raise RefusedValue(
        "This cell cannot be read as a date.",
        advice="Write it as 1987-03-05, 05.03.1987 or only the year.",
        reason="date/unreadable",
    )


def _possible(low: int, high: int) -> bool:
    """Whether the two numbers are a day and a month in one of the two orders (29 February in any year)."""
    return low <= len(_DAYS) and (high <= _DAYS[low - 1] or (high <= len(_DAYS) and low <= _DAYS[high - 1]))


def _impossible() -> RefusedValue:
    return RefusedValue(
        "This date does not exist, or is no date of birth of someone alive.",
        advice="Check it against the original document.",
        reason="date/impossible",
    )

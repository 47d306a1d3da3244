"""Birth dates as they stand in files, read by hand: psi knows no clock and no calendar library.

The form is the year and the pair of day and month in ascending order, `1987-03-05` for both 5 March and 3 May, so that
a date with day and month swapped agrees with the right one, and 03/05/1987 needs no guess about its country. A date
on 1 January is the year alone: it is what registration offices write when they know nothing more.
"""

import re
from typing import Final

from psi.errors import RefusedValue
from psi.identifiers.cells import Cell, ascii_digits, clean, whole_number

__all__ = ["BIRTH_DATE", "date_form"]

EARLIEST_YEAR: Final = 1900
LATEST_YEAR: Final = 2099
"""Years a living person can be born in; a typing mistake in the century falls outside."""

BIRTH_DATE: Final = re.compile(r"(?:19|20)\d\d(?:-\d\d-\d\d)?")
"""The shape of every form."""

_YEAR_FIRST: Final = re.compile(r"(\d{4})(?:[-./ ](\d{1,2})(?:[-./ ](\d{1,2}))?)?(?:[T ]\d{2}:\d{2}.{0,20})?")
_YEAR_LAST: Final = re.compile(r"(\d{1,2})[-./ ](\d{1,2})[-./ ](\d{4})")
_PACKED: Final = re.compile(r"(\d{4})(\d{2})(\d{2})")
_SHORT_YEAR: Final = re.compile(r"\d{1,2}[-./ ]\d{1,2}[-./ ]\d{2}")
_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def date_form(cell: Cell) -> str:
    """`YYYY-aa-bb` or `YYYY`; "" for a blank.

    Reads 1987-03-05 (with or without a time), 1987/3/5, 5.3.1987, 03/05/1987, 5-3-1987, 19870305, 1987, 1987-03.
    Raises `RefusedValue`: `date/two-digit-year`, `date/impossible`, `date/unreadable`.
    """
    text = whole_number(cell) or ascii_digits(clean(cell)).rstrip(".")
    if not text:
        return ""
    if _SHORT_YEAR.fullmatch(text):
        raise RefusedValue(
            "This date has a year of two digits, which fits two centuries.",
            advice="Write the year with four digits.",
            reason="date/two-digit-year",
        )
    if match := _PACKED.fullmatch(text) or _YEAR_FIRST.fullmatch(text):
        year, first, second = match.groups()
    elif match := _YEAR_LAST.fullmatch(text):
        first, second, year = match.groups()
    else:
        raise RefusedValue(
            "This cell cannot be read as a date.",
            advice="Write it as 1987-03-05, 05.03.1987 or only the year.",
            reason="date/unreadable",
        )
    low, high = sorted((int(first or 0), int(second or 0)))
    if not EARLIEST_YEAR <= int(year) <= LATEST_YEAR or (low and not _possible(low, high)) or high > _DAYS[0]:
        raise RefusedValue(
            "This date does not exist, or is no date of birth of someone alive.",
            advice="Check it against the original document.",
            reason="date/impossible",
        )
    # A part written 00, or left out, is unknown; what remains of such a date is its year.
    if not low or (low, high) == (1, 1):
        return year
    return f"{year}-{low:02}-{high:02}"


def _possible(low: int, high: int) -> bool:
    """Whether the two numbers are a day and a month in one of the two orders (29 February in any year)."""
    return low <= len(_DAYS) and (high <= _DAYS[low - 1] or (high <= len(_DAYS) and low <= _DAYS[high - 1]))

"""Dates of other calendars as Gregorian ones: Islamic, Persian, Thai and Ethiopian.

A calendar is told by its column (`birth_date:hijri`) or by a mark in the cell, and never guessed from a date, with one
exception: a Buddhist year lies so far ahead that it can be nothing else.

    hijri       the Umm al-Qura tables of Saudi Arabia (hijridate), 1343 to 1500; other countries see the moon a day
                earlier or later, which no table can know
    jalali      the Persian solar calendar (jdatetime), also of Afghanistan
    buddhist    the Thai year: 543 ahead, months and days as here (before 1941 the year began in April: not modelled)
    ethiopian   thirteen months, a leap year every fourth, by the count of days of Dershowitz and Reingold, "Calendrical
                Calculations", chapter 4: 1 Mäskäräm of year 1 is the Julian day 1,724,221

A year alone spans two Gregorian ones; it becomes the one that holds its seventh month, and with it the greater part.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from psi.errors import RefusedValue

__all__ = ["CALENDARS", "Gregorian", "calendar_of_year", "marked", "to_gregorian"]

Gregorian = tuple[int, int, int]
"""Year, month and day."""

BUDDHIST_AHEAD: Final = 543
"""Years. King Rama VI's reform of 1913 counts from the year of the Buddha's passing."""

_ETHIOPIAN_FIRST_DAY: Final = 1_724_221
"""Julian day number of 1 Mäskäräm 1."""

_ETHIOPIAN_MONTH: Final = 30
_ETHIOPIAN_MONTHS: Final = 13


def _hijri(year: int, month: int, day: int) -> Gregorian:
    from hijridate import Hijri

    found = Hijri(year, month, day).to_gregorian()
    return found.year, found.month, found.day


def _jalali(year: int, month: int, day: int) -> Gregorian:
    from jdatetime import date

    found = date(year, month, day).togregorian()
    return found.year, found.month, found.day


def _buddhist(year: int, month: int, day: int) -> Gregorian:
    return year - BUDDHIST_AHEAD, month, day


def _ethiopian(year: int, month: int, day: int) -> Gregorian:
    leap_days = 6 if year % 4 == 3 else 5
    last = _ETHIOPIAN_MONTH if month < _ETHIOPIAN_MONTHS else leap_days
    if not (1 <= month <= _ETHIOPIAN_MONTHS and 1 <= day <= last):
        raise ValueError("no such day")
    return _from_julian_day(
        _ETHIOPIAN_FIRST_DAY + 365 * (year - 1) + year // 4 + _ETHIOPIAN_MONTH * (month - 1) + day - 1
    )


def _from_julian_day(number: int) -> Gregorian:
    """Year, month and day of a Julian day number (Richards, Explanatory Supplement to the Astronomical Almanac)."""
    f = number + 1401 + (4 * number + 274_277) // 146_097 * 3 // 4 - 38
    e = 4 * f + 3
    h = 5 * (e % 1461 // 4) + 2
    month = (h // 153 + 2) % 12 + 1
    return e // 1461 - 4716 + (14 - month) // 12, month, h % 153 // 5 + 1


_CONVERTERS: Final[Mapping[str, Callable[[int, int, int], Gregorian]]] = MappingProxyType(
    {"hijri": _hijri, "jalali": _jalali, "buddhist": _buddhist, "ethiopian": _ethiopian}
)

CALENDARS: Final = tuple(_CONVERTERS)
"""The calendars that a column of birth dates can be told to hold."""

_GREGORIAN_YEARS: Final = range(1900, 2100)
_BUDDHIST_YEARS: Final = range(1900 + BUDDHIST_AHEAD, 2100 + BUDDHIST_AHEAD)
_PERSIAN_YEARS: Final = range(1279, 1478)
_ISLAMIC_YEARS: Final = range(1343, 1501)
_AMBIGUOUS_YEARS: Final = range(1279, 1501)

_MARKS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "hijri": "ah|h|hijri|hidschri|hicri|هـ|ه|هجري|هجرية|هجریه|هـ.ق|ه.ق|هـ ق|ه ق|قمری|هجری قمری|للهجرة",
        "jalali": "sh|ah.sh|shamsi|jalali|هـ.ش|ه.ش|هـ ش|ه ش|ش|شمسی|خورشیدی|هجری شمسی|هجري شمسي|لمریز|ه.خ",
        "buddhist": "be|b.e|พ.ศ|พศ",
        "ethiopian": "ec|e.c|eth|ethiopian|ዓ.ም|ዓም",
        "gregorian": "г|р|г.р|р.н|року|года|год|ce|ad|a.d|c.e|gc|g.c|م|ميلادي|میلادی|ค.ศ|ค.ศ.|እ.ኤ.አ",
    }
)
_MARK: Final = re.compile(
    r"(?P<front>[^\W\d_][^\d]*?)?\s*(?P<date>\d(?:.*\d)?)\s*(?P<back>[^\W\d_](?:[^\d]*[^\W\d_])?)?[.\s]*"
)
_CALENDAR_OF: Final = {mark: name for name, marks in _MARKS.items() for mark in marks.split("|")}


def marked(text: str) -> tuple[str, str | None]:
    """A folded date without the mark of its calendar, and the calendar, "gregorian" included; None without a mark."""
    found = _MARK.fullmatch(text)
    if found is None:
        return text, None
    marks = [mark.strip(" .()") for mark in (found["front"], found["back"]) if mark]
    calendars = {_CALENDAR_OF.get(mark.replace("\u0640", "ـ")) for mark in marks}
    if len(calendars) == 1 and (calendar := calendars.pop()):
        return found["date"], calendar
    return text, None


def calendar_of_year(year: int, told: str | None) -> str:
    """The calendar in which this year is meant, where the column or a mark tells `told`.

    A column of Persian or Islamic dates may hold Gregorian ones too: the years do not overlap. Raises `RefusedValue`
    `date/which-calendar` for a year that no one told about and that fits another calendar.
    """
    if told in ("hijri", "jalali", "buddhist") and year in _GREGORIAN_YEARS:
        return "gregorian"
    if year in _BUDDHIST_YEARS:
        return "buddhist"
    if told is None and year in _AMBIGUOUS_YEARS:
        names = [
            name
            for name, years in (("the Persian solar calendar", _PERSIAN_YEARS), ("the Islamic one", _ISLAMIC_YEARS))
            if year in years
        ]
        raise RefusedValue(
            f"The year of this date is not a Gregorian one; it fits {' and '.join(names)}.",
            advice="Say which calendar the column holds (birth_date:jalali or birth_date:hijri), or write AH or SH.",
            reason="date/which-calendar",
        )
    return told or "gregorian"


@cache
def _middle_year(calendar: str, year: int) -> int:
    return _CONVERTERS[calendar](year, 7, 1)[0]


def to_gregorian(calendar: str, year: int, month: int, day: int) -> Gregorian:
    """A date of another calendar as a Gregorian one; month and day 0 where only the year is known, and stay so.

    Raises ValueError or OverflowError for a date that the calendar does not have.
    """
    if not month or not day or (month, day) == (1, 1):
        return _middle_year(calendar, year), 0, 0
    return _CONVERTERS[calendar](year, month, day)

"""What happens to a cell between a person and a register: typing mistakes, partial and swapped dates, other calendars.

Every function takes the random source as an argument and gives the damaged text; the rates stand in `population`.
"""

from datetime import date
from random import Random
from typing import Final

__all__ = ["CALENDARS", "mistype", "write_date"]

_KEYS: Final = """
q:wa w:qes e:wrd r:etf t:ryg y:tuh u:yij i:uok o:ipl p:ol a:qsz s:adwx d:sfec f:dgrv g:fhtb h:gjyn j:hkum k:jli l:ko
z:asx x:zcd c:xvf v:cbg b:vnh n:bmj m:nk
"""
_NEIGHBOURS: Final = dict(pair.split(":") for pair in _KEYS.split())
"""Keys beside each other on a QWERTY keyboard."""

_FIRST_LETTER: Final = 1 / 12


def mistype(text: str, rng: Random) -> str:
    """One mistake: a letter dropped, doubled, swapped with the next or replaced; of the first letter in one case of 12.

    Published counts of spelling errors find the first letter wrong in 2 to 8 of a hundred (Pollock and Zamora 1984).
    """
    first = rng.random() < _FIRST_LETTER
    places = [index for index in range(len(text)) if text[index].isalpha() and (index > 0 or first)]
    places = places[:1] if first else places
    if not places:
        return text
    at = rng.choice(places)
    kind = rng.choice(("drop", "double", "swap", "replace"))
    near = _NEIGHBOURS.get(text[at].lower())
    if kind == "replace" and near:
        letter = rng.choice(near)
        return text[:at] + (letter.upper() if text[at].isupper() else letter) + text[at + 1 :]
    if kind == "double":
        return text[:at] + text[at].lower() + text[at:]
    if kind == "swap" and at + 1 < len(text):
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text[:at] + text[at + 1 :]


def _jalali(day: date) -> tuple[int, int, int]:
    import jdatetime

    found = jdatetime.date.fromgregorian(date=day)
    return found.year, found.month, found.day


def _hijri(day: date) -> tuple[int, int, int]:
    from hijridate import Gregorian

    year, month, of_month = Gregorian(day.year, day.month, day.day).to_hijri().datetuple()
    return year, month, of_month


def _buddhist(day: date) -> tuple[int, int, int]:
    return day.year + 543, day.month, day.day


def _ethiopian(day: date) -> tuple[int, int, int]:
    """Months of 30 days and a thirteenth of 5 or 6; 1 Meskerem 1976 was 12 September 1983 (1975 a leap year)."""
    cycle = 1461
    since = day.toordinal() - date(1983, 9, 12).toordinal() + 400 * cycle
    fours, rest = divmod(since, cycle)
    # Years 1976, 1977, 1978 have 365 days, 1979 has 366.
    year, of_year = min(rest // 365, 3), rest - 365 * min(rest // 365, 3)
    return 1976 + 4 * (fours - 400) + year, of_year // 30 + 1, of_year % 30 + 1


CALENDARS: Final = {"jalali": _jalali, "hijri": _hijri, "buddhist": _buddhist, "ethiopian": _ethiopian}
"""Name of the calendar in a mapping's role (birth_date:NAME) -> year, month and day of a Gregorian date in it."""


def write_date(day: date, *, calendar: str, partial: str, swapped: bool, form: str) -> str:
    """The cell.

    `partial` is "", "year", "0101" or "month"; `form` is "iso", "dots" or "slashes"; `swapped` swaps day and month.
    """
    year, month, of_month = CALENDARS[calendar](day) if calendar else (day.year, day.month, day.day)
    if partial == "year":
        return str(year)
    if partial == "0101":
        month, of_month = 1, 1
    if partial == "month":
        return f"{year}-{month:02}" if form == "iso" else f"00.{month:02}.{year}"
    if swapped:
        month, of_month = of_month, month
    if form == "iso":
        return f"{year}-{month:02}-{of_month:02}"
    mark = "." if form == "dots" else "/"
    return f"{of_month:02}{mark}{month:02}{mark}{year}"

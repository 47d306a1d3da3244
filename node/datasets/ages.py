"""Whether a date of birth says, or may say, that somebody is a child: under 18 (UN Convention on the Rights of the
Child, article 1).

A date that was read decides by itself. One that could *not* be read must not make an adult of a child by default: if
what stands there holds a year of the last 18, in any calendar that people write, or an age, the person counts as a
child until somebody corrects the cell. The price is a few adults with damaged dates that stay out, with a note.
"""

import re
from datetime import date

from psi.identifiers.cells import ascii_digits

__all__ = ["CHILD_YEARS", "born_recently", "perhaps_born_recently"]

CHILD_YEARS = 18
"""Years below which a person is a child."""

_NUMBER = re.compile(r"[0-9]+")
_WITH_A_YEAR = (4, 6, 8)
"""Digits of a number that begins or ends with a year: 2015, 201503, 12032015."""

_BUDDHIST, _PERSIAN = 543, -621
"""Years between these calendars and ours."""


def born_recently(form: str, today: date) -> bool:
    """Could a person with this form of a birth date (`psi.identifiers.dates`) be under 18? The form holds a year, or a
    year with day and month in either order."""
    year, *parts = map(int, form.split("-"))
    latest = (12, 31)
    if parts:
        first, second = parts
        latest = (second, first) if second <= 12 else (first, second)
    return (today.year - CHILD_YEARS, today.month, today.day) < (year, *latest)


def perhaps_born_recently(text: str, today: date) -> bool:
    """May the text of a date that could not be read be a child's? Generous by a year, since years of other calendars
    begin at other times."""
    numbers = _NUMBER.findall(ascii_digits(text))
    years = [
        int(number[at : at + 4]) for number in numbers if len(number) in _WITH_A_YEAR for at in {0, len(number) - 4}
    ]
    if any(_may_be_a_year(year) for year in years):
        return any(_is_recent(year, today) for year in years)
    short = [int(number) for number in numbers if len(number) <= 2]
    return any(number < CHILD_YEARS or (today.year - number) % 100 <= CHILD_YEARS for number in short)


def _may_be_a_year(number: int) -> bool:
    return 1200 <= number <= 2700


def _is_recent(year: int, today: date) -> bool:
    now = today.year
    # A year of the Islamic calendar is eleven days shorter: 33 of them are 32 of ours.
    present = (now, now + _BUDDHIST, now + _PERSIAN, (now - 622) * 33 // 32)
    return any(-1 <= this - year <= CHILD_YEARS + 1 for this in present)

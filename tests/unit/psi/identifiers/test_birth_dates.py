"""Birth dates in words and in other calendars; Python's own calendar is the judge where it can be."""

from datetime import date, timedelta

import pytest

from psi.identifiers import CALENDARS, Cell, Person, RefusedValue
from psi.identifiers.calendars import to_gregorian
from psi.identifiers.dates import date_form
from psi.identifiers.months import month_number

FIFTH_OF_MARCH = "1987-03-05"


@pytest.mark.parametrize(
    "text",
    [
        "5 March 1987", "March 5, 1987", "5th of March 1987", "5-Mar-1987", "5. März 1987", "5. Maerz 1987",
        "5 martie 1987", "5 март 1987 г.", "5 марта 1987 года", "5 мар. 1987", "5 maart 1987", "5 mrt 1987",
        "5 mars 1987",
        "5 березня 1987 р.", "5 de marzo de 1987", "5 marzo 1987", "1987 March 5", "05.03.1987 00:00",
        "05.03.1987 г.", "1987-03-05T00:00:00",
    ],
)  # fmt: skip
def test_one_day_in_many_words(text: str) -> None:
    assert date_form(Cell(text)) == FIFTH_OF_MARCH


@pytest.mark.parametrize(
    "text", ["March 1987", "03.1987", "1987-03", "mars 1987", "1987", "1 January 1987", "00.03.1987"]
)
def test_without_a_day_it_is_the_year(text: str) -> None:
    assert date_form(Cell(text)) == "1987"


@pytest.mark.parametrize("word", ["jui", "ma", "x", "monday", "янва1", ""])
def test_no_month_is_guessed(word: str) -> None:
    assert month_number(word) == 0


@pytest.mark.parametrize(
    ("text", "calendar", "form"),
    [
        ("1365/12/14", "jalali", FIFTH_OF_MARCH),
        ("14/12/1365", "jalali", FIFTH_OF_MARCH),
        ("1365/12/14 SH", None, FIFTH_OF_MARCH),
        ("۱۳۶۵/۱۲/۱۴ خورشیدی", None, FIFTH_OF_MARCH),
        ("1407-07-05", "hijri", FIFTH_OF_MARCH),
        ("5.7.1407 AH", None, FIFTH_OF_MARCH),
        ("٥/٧/١٤٠٧ هـ", None, FIFTH_OF_MARCH),
        ("AH 1407", None, "1987"),
        ("5/3/2530", None, FIFTH_OF_MARCH),
        ("5/3/2530 BE", "hijri", FIFTH_OF_MARCH),
        ("พ.ศ. 2530", None, "1987"),
        ("26/6/1979", "ethiopian", FIFTH_OF_MARCH),
        ("26/6/1979 ዓ.ም.", None, FIFTH_OF_MARCH),
        ("1979", "ethiopian", "1987"),
        ("1366", "jalali", "1987"),
        ("1987-03-05", "jalali", FIFTH_OF_MARCH),
        ("1987-03-05", "hijri", FIFTH_OF_MARCH),
        ("5.3.1987 م", None, FIFTH_OF_MARCH),
        ("1366/1/1", "jalali", "1987"),
        ("1379/10/12", "jalali", "2001"),
    ],
)
def test_other_calendars(text: str, calendar: str | None, form: str) -> None:
    assert date_form(Cell(text), calendar) == form


@pytest.mark.parametrize(
    ("text", "calendar", "reason"),
    [
        ("1366", None, "date/which-calendar"),
        ("5.7.1407", None, "date/which-calendar"),
        ("1490-01-02", None, "date/which-calendar"),
        ("1407-13-01", "hijri", "date/impossible"),
        ("1407-03-30", "hijri", "date/impossible"),
        ("1300-01-05", "hijri", "date/impossible"),
        ("1366-07-31", "jalali", "date/impossible"),
        ("1367-12-30", "jalali", "date/impossible"),
        ("2000-13-06", "ethiopian", "date/impossible"),
        ("1979-14-01", "ethiopian", "date/impossible"),
        ("2530-02-30", None, "date/impossible"),
        ("1200", None, "date/impossible"),
        ("3000", None, "date/impossible"),
        ("5 March 87", None, "date/two-digit-year"),
        ("5 March April 1987", None, "date/unreadable"),
        ("5 6 March 1987", None, "date/unreadable"),
        ("31 April 1987", None, "date/impossible"),
        ("5.3.1987 XY", None, "date/unreadable"),
    ],
)
def test_what_is_refused(text: str, calendar: str | None, reason: str) -> None:
    with pytest.raises(RefusedValue) as refusal:
        date_form(Cell(text), calendar)
    assert refusal.value.reason == reason
    assert text not in refusal.value.diagnostics()


def test_the_sentence_names_the_calendars_that_fit() -> None:
    for text, names in (("1366", ("Persian", "Islamic")), ("1490", ("Islamic",))):
        with pytest.raises(RefusedValue) as refusal:
            date_form(Cell(text))
        assert all(name in refusal.value.sentence for name in names)
    assert "Persian" not in refusal.value.sentence


def test_an_unknown_calendar_is_refused() -> None:
    with pytest.raises(RefusedValue) as refusal:
        Person.from_cells({}, calendar="mayan")
    assert refusal.value.reason == "person/unknown-calendar"


@pytest.mark.parametrize("calendar", CALENDARS)
def test_days_follow_one_another(calendar: str) -> None:
    """Every day of two years of a calendar, in order, is the day after the one before, by Python's calendar."""
    first_year = {"hijri": 1406, "jalali": 1374, "buddhist": 2530, "ethiopian": 1998}[calendar]
    days = []
    for year in (first_year, first_year + 1):
        for month in range(1, 14):
            for day in range(1, 33):
                try:
                    found = to_gregorian(calendar, year, month, day)
                    days.append(date(*found) if found[1] else None)
                except (ValueError, OverflowError):
                    continue
    known = [(place, day) for place, day in enumerate(days) if day]
    assert len(known) > 700
    start = known[0][1] - timedelta(days=known[0][0])
    assert all(day == start + timedelta(days=place) for place, day in known)


@pytest.mark.parametrize(
    ("calendar", "parts", "day"),
    [
        ("ethiopian", (2000, 1, 2), date(2007, 9, 13)),  # the millennium was on 12 September 2007
        ("ethiopian", (1999, 13, 6), date(2007, 9, 11)),
        ("jalali", (1357, 11, 22), date(1979, 2, 11)),
        ("hijri", (1400, 1, 2), date(1979, 11, 21)),
        ("buddhist", (2500, 5, 13), date(1957, 5, 13)),
    ],
)
def test_published_days(calendar: str, parts: tuple[int, int, int], day: date) -> None:
    assert date(*to_gregorian(calendar, *parts)) == day

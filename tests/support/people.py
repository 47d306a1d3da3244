"""Made-up people for data sets of any small size, with names that occur nowhere else, so that a search can find them.

Two offices share the first `shared` people: the same telephone number, and nothing else. Of the rest, some have no
telephone number, some no name or date of birth, some no mail address or account. Telephone numbers are from ranges
that the German regulator keeps for films and books, mail addresses end in example.org.
"""

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

from tests.support.canaries import phone_spellings

__all__ = ["MOST_ROWS", "MOST_SHARED", "Person", "people", "values_of", "write_people"]

MOST_ROWS = 60
MOST_SHARED = 10

_HEADER = (
    "Case number", "Family name", "First name", "Date of birth", "Place of birth", "Sex", "Nationality", "City",
    "Phone", "E-mail", "Handle", "Consent",
)  # fmt: skip


@dataclass(frozen=True)
class Person:
    """One row, as it is written. `phone` with its leading zero; `birth_date` as day, month, year."""

    reference: str
    family_name: str
    given_name: str
    birth_date: str
    birth_place: str
    sex: str
    nationality: str
    locality: str
    phone: str
    email: str
    handle: str


def people(office: str, rows: int, shared: int) -> list[Person]:
    """The people of an office, `shelter` or `police`; the first `shared` have a telephone number in both."""
    assert shared <= min(rows, MOST_SHARED)
    assert rows <= MOST_ROWS
    return [_person(office, number, number < shared) for number in range(rows)]


def _person(office: str, number: int, shared: bool) -> Person:
    def word(what: str) -> str:
        digest = hashlib.sha256(f"{office} {number} {what}".encode()).digest()
        return "".join("bdfgklmnprstvz"[a % 14] + "aeiou"[b % 5] for a, b in zip(digest[:6], digest[6:12], strict=True))

    named = number % 4 != 2
    reachable = number % 3 != 1
    own = f"0171 39200{number + 10:02}" if office == "shelter" else f"0176 040690{number:02}"
    phone = f"0171 39200{number:02}" if shared else own
    birthday = f"{number % 28 + 1:02}.{number % 12 + 1:02}.{(1970 if office == 'shelter' else 1985) + number % 15}"
    return Person(
        reference=f"{office}-case-{word('reference')}-{number}",
        family_name=word("family").capitalize() if named else "",
        given_name=word("given").capitalize() if named else "",
        birth_date=birthday if named else "",
        birth_place=word("birth place").capitalize() if named else "",
        sex="F" if number % 2 else "M",
        nationality=("RO", "BG", "DE", "NL", "FR")[number % 5],
        locality=word("city").capitalize() if number % 5 != 3 else "",
        # Nobody is without anything to compare.
        phone="" if not shared and named and number % 5 == 3 else phone,
        email=f"{word('mail')}.{number}@example.org" if reachable else "",
        handle=f"telegram:{word('handle')}" if reachable and named else "",
    )


def write_people(path: Path, rows: list[Person]) -> Path:
    """A file with a consent in every row."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_HEADER)
        writer.writerows((*vars(person).values(), "yes") for person in rows)
    return path


def values_of(rows: list[Person]) -> dict[str, str]:
    """Everything in the rows that must stay with their owner, in the usual spellings: what it is -> value."""
    values: dict[str, str] = {}
    for person in rows:
        for field, value in vars(person).items():
            if value and field not in ("sex", "nationality"):
                for number, spelling in enumerate(_spellings(field, value)):
                    values[f"{field} of {person.reference} ({number})"] = spelling
    return values


def _spellings(field: str, value: str) -> tuple[str, ...]:
    if field == "phone":
        return phone_spellings(value)
    if field == "birth_date":
        day, month, year = value.split(".")
        return (value, f"{year}-{month}-{day}", f"{month}/{day}/{year}")
    if field == "handle":
        return (value, value.partition(":")[2])
    return (value,)

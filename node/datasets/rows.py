"""One row of a table becomes one prepared record, or a reason why not.

The order matters: whether a row may take part (its class, its consent) is decided before any identifier in it is even
read, so a row without consent leaves no trace but a count. A cell that cannot be read does not cost the row: it is
reported, and the other cells take part. A blank child cell leaves the row out where the column exists, because taking
a child for an adult is the worse mistake; a recent date of birth overrules a "no".
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import date

from node.datasets.mapping import Binding
from node.datasets.records import Consent, PreparedRecord
from node.datasets.report import USUAL_ROOM, Problem
from node.datasets.tables import Row, Value, column_letter, is_blank, plain
from node.datasets.terms import Terms, read_child, read_class, read_consent
from psi.errors import RefusedValue
from psi.identifiers import Cell, Hints, Person, canonicalise, identifiers_in

__all__ = ["MAX_REFERENCE_CHARACTERS", "Reading", "RowReader"]

MAX_REFERENCE_CHARACTERS = 200
"""Characters in a record reference."""

CHILD_YEARS = 18
"""Years below which a person is a child (UN Convention on the Rights of the Child, article 1)."""

_MAX_EXACT = 1e15
"""Case numbers from here on may have lost digits in a cell that a spreadsheet made a number of."""
_ERROR = re.compile(r"#(?:N/A|REF!|VALUE!|DIV/0!|NAME\?|NUM!|NULL!|SPILL!|CALC!|#+)")
_CONSENT_ROLES = ("consent", "consent_until", "consent_kinds", "consent_receivers")


@dataclass(frozen=True, slots=True, repr=False)
class Reading:
    """What came of a row: a record or None, and what was found on the way. `blank`: there was nothing in it."""

    record: PreparedRecord | None
    problems: tuple[Problem, ...] = ()
    blank: bool = False


class RowReader:
    """Reads the rows of one table under one mapping. `today` decides about consents and ages."""

    def __init__(self, binding: Binding, terms: Terms, width: int, today: date) -> None:
        self._binding = binding
        self._terms = terms
        self._width = width
        self._today = today
        reference = binding.one("reference")
        assert reference is not None, "a mapping has a reference"
        self._reference = reference
        self._consent = {role: binding.one(role) for role in _CONSENT_ROLES}
        self._child = binding.one("child")
        self._class = binding.one("record_class")

    def read(self, row: Row) -> Reading:
        """The record of one row; never an exception for what stands in it."""
        if row.problem:
            return self._left_out(row, row.problem)
        if all(map(is_blank, row.cells)):
            return Reading(None, blank=True)
        if not all(map(is_blank, row.cells[self._width :])):
            return self._left_out(row, "row/too-many-cells")
        problems = []
        if len(row.cells) < self._width:
            problems.append(Problem.of("row/too-few-cells", f"row {row.number}"))
        reason, reference = self._read_reference(row)
        if reason:
            return self._left_out(row, reason, self._reference)
        if self._class is not None and (
            reason := read_class(plain(self._at(row, self._class)), self._terms.record_class)
        ):
            return self._left_out(row, reason, self._class)
        consent = self._read_consent(row)
        if isinstance(consent, str):
            return self._left_out(row, consent, self._consent_column(consent))
        child = False
        if self._child is not None:
            said = read_child(plain(self._at(row, self._child)))
            if isinstance(said, str):
                return self._left_out(row, said, self._child)
            child = said
        identifiers = self._read_identifiers(row, problems)
        person = self._read_person(row, problems)
        if not identifiers and person is None:
            problems.append(Problem.of("row/nothing-to-compare", f"row {row.number}"))
            return Reading(None, tuple(problems))
        if not child and person is not None and self._born_recently(person):
            child = True
            problems.append(Problem.of("child/born-recently", f"row {row.number}"))
        if not child:
            problems.extend(
                Problem.of(f"row/many-{kind}", f"row {row.number}")
                for kind, (room, _) in USUAL_ROOM.items()
                if len(identifiers.get(kind, ())) > room
            )
        return Reading(PreparedRecord(reference, identifiers, person, consent, child), tuple(problems))

    def forms(self, row: Row) -> dict[int, tuple[str, ...]]:
        """For the preview: what each identifier cell of the row becomes, by column. Shown to the owner only."""
        found: dict[int, tuple[str, ...]] = {}
        for kind, platform, index in self._binding.identifiers:
            with suppress(RefusedValue):
                found[index] = self._canonical(kind, platform, row, index)
        for field, index in self._binding.person:
            person, _ = Person.from_cells({field: self.cell(row, index)})
            found[index] = tuple(person.to_dict().values())
        return found

    def cell(self, row: Row, index: int) -> Cell:
        """A cell as psi reads it."""
        value = self._at(row, index)
        return Cell(plain(value), value) if isinstance(value, float) else Cell(value)

    def reference_address(self, number: int) -> str:
        return f"{column_letter(self._reference)}{number}"

    @staticmethod
    def _at(row: Row, index: int) -> Value:
        return row.cells[index] if index < len(row.cells) else ""

    def _left_out(self, row: Row, reason: str, index: int | None = None) -> Reading:
        address = f"row {row.number}" if index is None else f"{column_letter(index)}{row.number}"
        return Reading(None, (Problem.of(reason, address),))

    def _read_reference(self, row: Row) -> tuple[str, str]:
        """(reason code or "", reference)."""
        value = self._at(row, self._reference)
        if isinstance(value, float) and not (value.is_integer() and abs(value) < _MAX_EXACT):
            # 2024.10 became 2024.1 and long numbers lost their last digits: two cases could now share one number.
            return "reference/unusable", ""
        text = " ".join(plain(value).split())
        if not text:
            return "reference/blank", ""
        if len(text) > MAX_REFERENCE_CHARACTERS or not text.isprintable():
            return "reference/unusable", ""
        return "", text

    def _read_consent(self, row: Row) -> Consent | str:
        texts = {role: plain(self._at(row, index)) for role, index in self._consent.items() if index is not None}
        return read_consent(texts, self._today)

    def _consent_column(self, reason: str) -> int | None:
        role = {
            "consent/until-not-a-date": "consent_until",
            "consent/expired": "consent_until",
            "consent/unknown-kind": "consent_kinds",
            "consent/unknown-receiver": "consent_receivers",
        }.get(reason, "consent")
        return self._consent[role]

    def _read_identifiers(self, row: Row, problems: list[Problem]) -> dict[str, tuple[str, ...]]:
        found: dict[str, set[str]] = {}
        for kind, platform, index in self._binding.identifiers:
            if self._is_error(row, index, problems):
                continue
            try:
                for other, value in identifiers_in(kind, self.cell(row, index), Hints(self._terms.region, platform)):
                    found.setdefault(other, set()).add(value)
            except RefusedValue as refusal:
                problems.append(self._refused(row, index, refusal))
        return {kind: tuple(sorted(values)) for kind, values in found.items() if values}

    def _canonical(self, kind: str, platform: str | None, row: Row, index: int) -> tuple[str, ...]:
        return canonicalise(kind, self.cell(row, index), region=self._terms.region, qualifier=platform)

    def _read_person(self, row: Row, problems: list[Problem]) -> Person | None:
        cells = {
            field: self.cell(row, index)
            for field, index in self._binding.person
            if not self._is_error(row, index, problems)
        }
        if not cells:
            return None
        person, refused = Person.from_cells(cells)
        columns = dict(self._binding.person)
        problems.extend(self._refused(row, columns[field], refusal) for field, refusal in refused.items())
        return person if person.to_dict() else None

    def _is_error(self, row: Row, index: int, problems: list[Problem]) -> bool:
        value = self._at(row, index)
        if isinstance(value, float) or not value.startswith("#") or not _ERROR.fullmatch(value.strip()):
            return False
        problems.append(Problem.of("cell/spreadsheet-error", f"{column_letter(index)}{row.number}"))
        return True

    @staticmethod
    def _refused(row: Row, index: int, refusal: RefusedValue) -> Problem:
        return Problem(f"{column_letter(index)}{row.number}", refusal.reason, refusal.sentence, refusal.advice)

    def _born_recently(self, person: Person) -> bool:
        """Could the person be under 18? The form holds a year, or a year with day and month in either order."""
        form = person.to_dict().get("birth_date")
        if not form:
            return False
        year, *parts = map(int, form.split("-"))
        latest = (12, 31)
        if parts:
            first, second = parts
            latest = (second, first) if second <= 12 else (first, second)
        return (self._today.year - CHILD_YEARS, self._today.month, self._today.day) < (year, *latest)

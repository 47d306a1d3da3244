"""One row of a table becomes one prepared record, or a reason why not.

The order matters: whether a row may take part (its class, its consent) is decided before any identifier in it is even
read, so a row without consent leaves no trace but a count. A cell that cannot be read does not cost the row: it is
reported, and the other cells take part. A blank child cell leaves the row out where the column exists, because taking
a child for an adult is the worse mistake; a recent date of birth overrules a "no" (`ages`).

A reader is made once for a table and reads every row of it, so what a row needs is bound beforehand: the reader of
each column's kind, its hints, the counters of its report. What few different words stand for (yes, no, victim) is
looked up once and remembered.
"""

import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

from node.datasets.ages import born_recently, perhaps_born_recently
from node.datasets.mapping import Binding
from node.datasets.records import Consent, PreparedRecord
from node.datasets.report import ACCEPTED, BLANK, REFUSED, REPAIRED, ColumnCount, Problem
from node.datasets.room import USUAL_ROOM
from node.datasets.tables import Row, Value, column_letter, is_blank, plain
from node.datasets.terms import Terms, read_child, read_class, read_consent
from psi.errors import RefusedValue
from psi.identifiers import Cell, Hints, Person
from psi.identifiers.canonical import MIXED_KINDS, Reader, identifiers_in, reader_of

__all__ = ["MAX_REFERENCE_CHARACTERS", "Reading", "RowReader"]

MAX_REFERENCE_CHARACTERS = 200
"""Characters in a record reference."""

MAX_WORDS_REMEMBERED = 4_096
"""Different consents, child marks and the like whose meaning is kept; more of them are read anew."""

_MAX_EXACT = 1e15
"""Case numbers from here on may have lost digits in a cell that a spreadsheet made a number of."""
_ERROR = re.compile(r"#(?:N/A|REF!|VALUE!|DIV/0!|NAME\?|NUM!|NULL!|SPILL!|CALC!|#+)")
_DAMAGED = re.compile(r"\s*[0-9]+(?:[.,]0+|[.,][0-9]+[eE]\+?[0-9]+|[eE]\+?[0-9]+)\s*")
"""What a spreadsheet makes of a long number in a text file: 721123456.0, 7.21123456E+8."""
_NAMES = frozenset(("given_name", "family_name"))
_Words = TypeVar("_Words")
_Meaning = TypeVar("_Meaning")
_CONSENT_ROLES = (
    "consent", "consent_until", "consent_kinds", "consent_receivers", "consent_purposes", "urgent_danger",
)  # fmt: skip


@dataclass(slots=True, repr=False)
class Reading:
    """What came of a row: a record or None, and what was found on the way. `blank`: there was nothing in it.

    `outcomes` has a letter of `report` for each column of identifiers, then of person fields, in the order of the
    binding, if they were read. Not frozen, as `PreparedRecord` is not.
    """

    record: PreparedRecord | None
    problems: tuple[Problem, ...] = ()
    blank: bool = False
    outcomes: bytes = b""


@dataclass(slots=True)
class _Column:
    """What reading the cells of one column of identifiers needs."""

    kind: str
    index: int
    read: Reader | None
    """None for a kind whose cells may hold values of another one."""
    hints: Hints
    companion: int | None
    """The column that gives the qualifier row by row."""
    count: ColumnCount = field(default_factory=ColumnCount)


class RowReader:
    """Reads the rows of one table under one mapping.

    `today` decides about consents and ages. The values in `stop` (kind, value) are the organisation's own contacts and
    take no part. `refused` holds the case numbers under which some row says no (`urgent`).
    """

    def __init__(
        self,
        binding: Binding,
        terms: Terms,
        width: int,
        today: date,
        stop: frozenset[tuple[str, str]] = frozenset(),
        refused: frozenset[str] = frozenset(),
    ) -> None:
        self._terms = terms
        self._width = width
        self._today = today
        self._stop = stop
        self._said_no = refused
        reference = binding.one("reference")
        assert reference is not None, "a mapping has a reference"
        self._reference = reference
        self._consent = {role: index for role in _CONSENT_ROLES if (index := binding.one(role)) is not None}
        self._no_consent = None if self._consent else read_consent({}, today)
        """What every row has where no column says anything about consent."""
        self._last_consent = max(self._consent.values(), default=-1)
        self._child = binding.one("child")
        self._class = binding.one("record_class")
        self._person = binding.person
        self._born = dict(binding.person).get("birth_date")
        self._born_outcome = len(binding.identifiers) + [*dict(binding.person), "birth_date"].index("birth_date")
        self._calendar = {} if binding.calendar is None else {"calendar": binding.calendar}
        self._identifiers = [
            _Column(
                kind,
                index,
                None if kind in MIXED_KINDS else reader_of(kind),
                Hints(terms.region, qualifier),
                binding.companions.get(kind) if qualifier is None else None,
            )
            for kind, qualifier, index in binding.identifiers
        ]
        self.columns = tuple(column.index for column in self._identifiers) + tuple(index for _, index in self._person)
        """The columns that `Reading.outcomes` is about, in its order."""
        self._held = frozenset(column.index for column in self._identifiers)
        """Columns of identifiers. One that is a person field too (alias) is counted and reported once."""
        self._counts: dict[int, ColumnCount] = {}
        self._consents: dict[tuple[str, ...], Consent | str] = {}
        self._children: dict[str, bool | str] = {}
        self._classes: dict[str, str] = {}
        self.take_counts()

    def take_counts(self) -> dict[int, ColumnCount]:
        """What became of the cells since this was called last, by column; the counters start again."""
        found = self._counts
        self._counts = {index: ColumnCount() for index in (*self._held, *(index for _, index in self._person))}
        for column in self._identifiers:
            column.count = self._counts[column.index]
        return found

    def read(self, row: Row) -> Reading:
        """The record of one row; never an exception for what stands in it."""
        if row.problem:
            return self._left_out(row, row.problem)
        cells = row.cells
        problems: list[Problem] = []
        if len(cells) != self._width or is_blank(cells[self._reference]):
            if all(map(is_blank, cells)):
                return Reading(None, blank=True)
            if not all(map(is_blank, cells[self._width :])):
                return self._left_out(row, "row/too-many-cells")
            if len(cells) <= self._last_consent:
                # Cut off, so that nobody knows what stood there: a consent without its limits would be a wider one.
                return self._left_out(row, "consent/cut-off")
            if len(cells) < self._width:
                problems.append(Problem.of("row/too-few-cells", f"row {row.number}"))
        reason, reference = self._read_reference(row)
        if reason:
            return self._left_out(row, reason, self._reference)
        if self._class is not None and (reason := self._read_class(row, self._class)):
            return self._left_out(row, reason, self._class)
        consent = self._read_consent(row)
        if isinstance(consent, str):
            return self._left_out(row, consent, self._consent_column(consent))
        if consent.urgent and reference in self._said_no:
            return self._left_out(row, "urgent/person-said-no", self._consent_column("urgent/person-said-no"))
        child = False
        if self._child is not None:
            said = self._read_child(row, self._child)
            if isinstance(said, str):
                return self._left_out(row, said, self._child)
            child = said
        outcomes = bytearray()
        identifiers = self._read_identifiers(row, problems, outcomes)
        person = self._read_person(row, problems, outcomes) if self._person else None
        if not identifiers and person is None:
            problems.append(Problem.of("row/nothing-to-compare", f"row {row.number}"))
            return Reading(None, tuple(problems))
        if not child and (reason := self._child_by_date(row, person, outcomes)):
            child = True
            problems.append(Problem.of(reason, f"row {row.number}"))
        for kind, values in identifiers.items():
            if len(values) > 1 and not child and len(values) > USUAL_ROOM[kind].values:
                problems.append(Problem.of(f"row/many-{kind}", f"row {row.number}"))
        record = PreparedRecord(reference, identifiers, person, consent, child)
        return Reading(record, tuple(problems), False, bytes(outcomes))

    def forms(self, row: Row) -> dict[int, tuple[str, ...]]:
        """For the preview: what each identifier cell of the row becomes, by column. Shown to the owner only."""
        found: dict[int, tuple[str, ...]] = {}
        for column in self._identifiers:
            with suppress(RefusedValue):
                read = self._values(column, self.cell(row, column.index), row)
                found[column.index] = tuple(value for values in read.values() for value in values)
        for name, index in self._person:
            person, _ = Person.from_cells({name: self.cell(row, index)}, **self._calendar)
            if index not in self._held:
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
        if index is None:
            return Reading(None, (Problem.of(reason, f"row {row.number}"),))
        count = self._counts.setdefault(index, ColumnCount())
        if is_blank(self._at(row, index)):
            count.blank += 1
        else:
            count.refused += 1
        return Reading(None, (Problem.of(reason, f"{column_letter(index)}{row.number}"),))

    def _read_reference(self, row: Row) -> tuple[str, str]:
        """(reason code or "", reference)."""
        value = self._at(row, self._reference)
        if isinstance(value, float):
            if not (value.is_integer() and abs(value) < _MAX_EXACT):
                # 2024.10 became 2024.1 and long numbers lost their last digits: two cases could share one number.
                return "reference/unusable", ""
            value = plain(value)
        text = " ".join(value.split())
        if not text:
            return "reference/blank", ""
        if len(text) > MAX_REFERENCE_CHARACTERS or not text.isprintable() or not any(map(str.isalnum, text)):
            return "reference/unusable", ""
        return "", text

    def _read_class(self, row: Row, index: int) -> str:
        text = plain(self._at(row, index))
        if (reason := self._classes.get(text)) is None:
            reason = _remember(self._classes, text, read_class(text, self._terms.record_class))
        return reason

    def _read_child(self, row: Row, index: int) -> bool | str:
        text = plain(self._at(row, index))
        if (said := self._children.get(text)) is None:
            said = _remember(self._children, text, read_child(text))
        return said

    def _read_consent(self, row: Row) -> Consent | str:
        if self._no_consent is not None:
            return self._no_consent
        texts = tuple([plain(self._at(row, index)) for index in self._consent.values()])
        if (said := self._consents.get(texts)) is None:
            cells = dict(zip(self._consent, texts, strict=True))
            said = read_consent(cells, self._today, urgent_second=self._terms.urgent_second)
            _remember(self._consents, texts, said)
        return said

    def _consent_column(self, reason: str) -> int | None:
        role = {
            "consent/until-not-a-date": "consent_until",
            "consent/expired": "consent_until",
            "consent/unknown-kind": "consent_kinds",
            "consent/unknown-receiver": "consent_receivers",
            "consent/unknown-purpose": "consent_purposes",
        }.get(reason, "urgent_danger" if reason.startswith("urgent/") else "consent")
        return self._consent.get(role)

    def _read_identifiers(self, row: Row, problems: list[Problem], outcomes: bytearray) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        cells = row.cells
        for column in self._identifiers:
            index, count = column.index, column.count
            value = cells[index] if index < len(cells) else ""
            outcome = self._read_cell(column, row, value, found, problems) if value != "" else BLANK
            outcomes.append(outcome)
            if outcome == ACCEPTED:
                count.accepted += 1
            elif outcome == BLANK:
                count.blank += 1
            elif outcome == REPAIRED:
                count.repaired += 1
            else:
                count.refused += 1
        for kind, values in found.items():
            if len(values) > 1:
                found[kind] = tuple(sorted(set(values)))
        return found

    def _read_cell(
        self, column: _Column, row: Row, value: Value, found: dict[str, tuple[str, ...]], problems: list[Problem]
    ) -> int:
        """Add what one cell holds to `found`; the outcome."""
        if isinstance(value, float):
            cell = Cell(plain(value), value)
        elif value[0] == "#" and _ERROR.fullmatch(value.strip()):
            problems.append(self._problem("cell/spreadsheet-error", row, column.index))
            return REFUSED
        else:
            cell = Cell(value)
        try:
            if column.read is None or column.companion is not None or self._stop:
                outcome = self._take(column, cell, row, found, problems)
                if outcome != ACCEPTED:
                    return outcome
            else:
                values = column.read(cell, column.hints)
                if not values:
                    return BLANK
                found[column.kind] = (*found[column.kind], *values) if column.kind in found else values
        except RefusedValue as refusal:
            problems.append(self._refused(row, column.index, refusal))
            return REFUSED
        text = cell.text
        if cell.number is None and (text[0] == "+" or text.isdigit() or not _DAMAGED.fullmatch(text)):
            return ACCEPTED
        problems.append(self._problem("cell/repaired-number", row, column.index))
        return REPAIRED

    def _take(
        self, column: _Column, cell: Cell, row: Row, found: dict[str, tuple[str, ...]], problems: list[Problem]
    ) -> int:
        """Add what a cell of any column holds to `found`, but for the organisation's own contacts; the outcome."""
        some = left = False
        for kind, values in self._values(column, cell, row).items():
            taking = tuple([one for one in values if (kind, one) not in self._stop])
            some, left = some or bool(values), left or bool(taking)
            if taking:
                found[kind] = (*found.get(kind, ()), *taking)
            if len(taking) < len(values):
                problems.append(self._problem("stop-list/own-contact", row, column.index))
        if left:
            return ACCEPTED
        return REFUSED if some else BLANK

    def _values(self, column: _Column, cell: Cell, row: Row) -> dict[str, tuple[str, ...]]:
        """Kind -> values of one cell. Raises `RefusedValue`."""
        hints = column.hints
        if column.companion is not None:
            hints = Hints(hints.region, plain(self._at(row, column.companion)) or None)
        if column.read is not None:
            return {column.kind: column.read(cell, hints)}
        read: dict[str, tuple[str, ...]] = {}
        for kind, value in identifiers_in(column.kind, cell, hints):
            read[kind] = (*read.get(kind, ()), value)
        return read

    def _read_person(self, row: Row, problems: list[Problem], outcomes: bytearray) -> Person | None:
        cells: dict[str, Cell] = {}
        letters: dict[str, int] = {}
        for name, index in self._person:
            value = self._at(row, index)
            letters[name] = BLANK
            if isinstance(value, str) and value.startswith("#") and _ERROR.fullmatch(value.strip()):
                letters[name] = REFUSED
                if index not in self._held:
                    problems.append(self._problem("cell/spreadsheet-error", row, index))
            elif value != "":
                cells[name] = self.cell(row, index)
        person, refused = Person.from_cells(cells, **self._calendar)
        forms = person.to_dict()
        for name, index in self._person:
            if name in refused:
                letters[name] = REFUSED
                if index not in self._held:
                    problems.append(self._refused(row, index, refused[name]))
            elif name in forms or (name == "full_name" and name in cells and forms.keys() & _NAMES):
                letters[name] = ACCEPTED
            if index not in self._held:
                self._count(index, letters[name])
        outcomes.extend(letters.values())
        return person if forms else None

    def _count(self, index: int, outcome: int) -> None:
        count = self._counts[index]
        if outcome == ACCEPTED:
            count.accepted += 1
        elif outcome == BLANK:
            count.blank += 1
        else:
            count.refused += 1

    @staticmethod
    def _problem(reason: str, row: Row, index: int) -> Problem:
        return Problem.of(reason, f"{column_letter(index)}{row.number}")

    @staticmethod
    def _refused(row: Row, index: int, refusal: RefusedValue) -> Problem:
        return Problem(f"{column_letter(index)}{row.number}", refusal.reason, refusal.sentence, refusal.advice)

    def _child_by_date(self, row: Row, person: Person | None, outcomes: bytearray) -> str:
        """Why the date of birth makes this row a child's, or may: a reason code, "" if it does not."""
        if self._born is None:
            return ""
        form = None if person is None else person.forms.get("birth_date")
        if form is not None:
            return "child/born-recently" if born_recently(form, self._today) else ""
        # Where a column says who is a child, it has said no. A blank or a placeholder is no date at all.
        if self._child is not None or outcomes[self._born_outcome] != REFUSED:
            return ""
        unread = perhaps_born_recently(plain(self._at(row, self._born)), self._today)
        return "child/date-unreadable" if unread else ""


def _remember(known: dict[_Words, _Meaning], words: _Words, meaning: _Meaning) -> _Meaning:
    """Keep what words mean, as long as they are few: a column of free text must not fill the memory."""
    if len(known) >= MAX_WORDS_REMEMBERED:
        known.clear()
    known[words] = meaning
    return meaning

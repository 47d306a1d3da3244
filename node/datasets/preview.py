"""The first rows of a table as blindmatch would understand them, shown to their owner before anything is stored.

The one place of `datasets` that hands out values: what each cell becomes, so that the owner can see a swapped column
or a wrong country at a glance. A preview goes to the person who asked, never to a log, a report or an error.
"""

from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass, field
from datetime import date
from itertools import islice

from node.datasets.mapping import Mapping, is_forbidden
from node.datasets.report import Report
from node.datasets.rows import RowReader
from node.datasets.tables import Facts, Row, Table, column_letter, is_blank, plain
from node.datasets.terms import Terms

__all__ = ["PREVIEW_ROWS", "Preview", "PreviewCell", "PreviewColumn", "PreviewRow", "glance", "preview"]

PREVIEW_ROWS = 20
"""Rows shown unless asked otherwise."""

MAX_PREVIEW_ROWS = 1_000
"""Rows shown at most."""

EXAMPLE_ROWS = 100
"""Rows searched for an example of each column."""

_EXAMPLE_CHARACTERS = 30
_TEXT_CHARACTERS = 80
"""Characters shown of a cell."""


@dataclass(frozen=True, slots=True)
class PreviewColumn:
    """`example` is the first cell below the header that is not blank; "" for a column about something refused."""

    letter: str
    name: str
    role: str
    example: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, repr=False)
class PreviewCell:
    """A cell as it stands (shortened) and what it becomes; `forms` is empty for a blank or refused identifier, and
    for columns that are not compared."""

    text: str
    forms: tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class PreviewRow:
    """One row: does it take part, or is it prepared but kept out of rounds as a `child`'s, or left out; why; and its
    mapped cells by column letter."""

    number: int
    takes_part: bool
    child: bool
    notes: tuple[str, ...]
    cells: dict[str, PreviewCell]


@dataclass(frozen=True, slots=True, repr=False)
class Preview:
    facts: Facts
    columns: tuple[PreviewColumn, ...]
    rows: tuple[PreviewRow, ...]
    report: Report


def preview(table: Table, mapping: Mapping, terms: Terms, *, today: date, rows: int = PREVIEW_ROWS) -> Preview:
    """The first `rows` rows that are not blank (at most MAX_PREVIEW_ROWS). UserError as for `prepare`, but for the
    number of usable rows: seeing that there are none is what a preview is for."""
    terms.check(mapping)
    binding = mapping.bind(table.header)
    roles = binding.columns()
    reader = RowReader(binding, terms, len(table.header), today)
    report = Report()
    shown: list[PreviewRow] = []
    for row in table.rows():
        if len(shown) >= min(max(rows, 1), MAX_PREVIEW_ROWS):
            break
        reading = reader.read(row)
        if reading.blank:
            continue
        report.rows += 1
        for problem in reading.problems:
            report.add(problem)
        if reading.record is not None:
            report.take(reading.record)
        shown.append(
            PreviewRow(
                number=row.number,
                takes_part=reading.record is not None and not reading.record.child,
                child=reading.record is not None and reading.record.child,
                notes=tuple(
                    f"{problem.address}: {problem.sentence} {problem.fix}".strip() for problem in reading.problems
                ),
                cells=_cells(reader, row, roles),
            )
        )
    return Preview(table.facts, glance(table, roles), tuple(shown), report)


def glance(table: Table, roles: AnyMapping[int, str]) -> tuple[PreviewColumn, ...]:
    """Every column with its role (by index, as far as it has one) and an example, so that a person can say what it is.

    The only place where a column without a role is read, and its cells go nowhere else.
    """
    examples: dict[int, str] = {}
    for row in islice(table.rows(), EXAMPLE_ROWS):
        for index, value in enumerate(row.cells[: len(table.header)]):
            if index not in examples and not is_blank(value) and is_forbidden(table.header[index]) is None:
                examples[index] = plain(value)[:_EXAMPLE_CHARACTERS]
    return tuple(
        PreviewColumn(column_letter(index), name, roles.get(index, "ignore"), examples.get(index, ""))
        for index, name in enumerate(table.header)
    )


def _cells(reader: RowReader, row: Row, roles: dict[int, str]) -> dict[str, PreviewCell]:
    if row.problem:
        return {}
    forms = reader.forms(row)
    return {
        column_letter(index): PreviewCell(reader.cell(row, index).text[:_TEXT_CHARACTERS], forms.get(index, ()))
        for index in roles
    }

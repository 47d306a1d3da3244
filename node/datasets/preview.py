"""The first rows of a table as blindmatch would understand them, shown to their owner before anything is stored.

The one place of `datasets` that hands out values: what each cell becomes, so that the owner can see a swapped column
or a wrong country at a glance. A preview goes to the person who asked, never to a log, a report or an error.
"""

from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass, field
from datetime import date
from itertools import islice

from node.datasets.columns import Proposal
from node.datasets.mapping import Mapping, is_forbidden
from node.datasets.report import ACCEPTED, BLANK, REFUSED, REPAIRED, Report
from node.datasets.rows import Reading, RowReader
from node.datasets.tables import Facts, Row, Table, column_letter, is_blank, plain
from node.datasets.terms import Terms
from node.datasets.urgent import those_who_refused

__all__ = ["FATES", "PREVIEW_ROWS", "Preview", "PreviewCell", "PreviewColumn", "PreviewRow", "glance", "preview"]

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
    """`example` is the first cell below the header that is not blank; "" for a column about something refused.

    `origin` says where the role comes from (`columns.ORIGINS`, "" for a column without one), `hint` the role that its
    cells look like, if it has none: only a person can make it one.
    """

    letter: str
    name: str
    role: str
    example: str = field(default="", repr=False)
    origin: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class PreviewCell:
    """A cell as it stands (shortened) and what it becomes; `forms` is empty for a blank or refused identifier, and
    for columns that are not compared.

    `fate`: one of FATES for a cell of a column that is compared, in a row that was read that far; else "".
    """

    text: str
    forms: tuple[str, ...]
    fate: str = ""


FATES = ("compared", "repaired", "stopped", "refused", "blank")
"""What becomes of a cell: it is compared as it stands, or after the damage of a spreadsheet was undone; it holds a
contact of one's own, which stays out (`forms` are what is left); it cannot be read; there is nothing in it."""


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


def preview(
    table: Table,
    mapping: Mapping,
    terms: Terms,
    *,
    today: date,
    rows: int = PREVIEW_ROWS,
    stop: frozenset[tuple[str, str]] = frozenset(),
    proposal: Proposal | None = None,
) -> Preview:
    """The first `rows` rows that are not blank (at most MAX_PREVIEW_ROWS). UserError as for `prepare`, but for the
    number of usable rows: seeing that there are none is what a preview is for. `stop` are the contacts of one's own,
    `proposal` says where the mapping comes from."""
    terms.check(mapping)
    binding = mapping.bind(table.header)
    roles = binding.columns()
    reader = RowReader(binding, terms, len(table.header), today, stop, those_who_refused(table, binding))
    report = Report()
    own = frozenset(value for _, value in stop)
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
                cells=_cells(reader, row, roles, reading, own),
            )
        )
    return Preview(table.facts, glance(table, roles, proposal), tuple(shown), report)


def glance(table: Table, roles: AnyMapping[int, str], proposal: Proposal | None = None) -> tuple[PreviewColumn, ...]:
    """Every column with its role (by index, as far as it has one) and an example, so that a person can say what it is.

    The only place where a column without a role is read, and its cells go nowhere else. A column that is about
    something refused, by its name or by its cells, shows none.
    """
    hidden = frozenset(name for name, found in proposal.refused.items() if found.strong) if proposal else frozenset()
    examples: dict[int, str] = {}
    for row in islice(table.rows(), EXAMPLE_ROWS):
        for index, value in enumerate(row.cells[: len(table.header)]):
            name = table.header[index]
            if index not in examples and not is_blank(value) and is_forbidden(name) is None and name not in hidden:
                examples[index] = plain(value)[:_EXAMPLE_CHARACTERS]
    return tuple(
        PreviewColumn(
            letter=column_letter(index),
            name=name,
            role=roles.get(index, "ignore"),
            example=examples.get(index, ""),
            origin=proposal.origins.get(name, "") if proposal else "",
            hint=proposal.hints.get(name, "") if proposal else "",
        )
        for index, name in enumerate(table.header)
    )


def _cells(
    reader: RowReader, row: Row, roles: dict[int, str], reading: Reading, own: frozenset[str]
) -> dict[str, PreviewCell]:
    if row.problem:
        return {}
    forms = reader.forms(row)
    fates = dict(zip(reader.columns, map(_FATES.__getitem__, reading.outcomes), strict=False))
    stopped = {problem.address for problem in reading.problems if problem.reason == "stop-list/own-contact"}
    found = {}
    for index in roles:
        letter = column_letter(index)
        fate, shown = fates.get(index, ""), forms.get(index, ())
        if f"{letter}{row.number}" in stopped:
            fate, shown = "stopped", tuple(form for form in shown if form not in own)
        found[letter] = PreviewCell(reader.cell(row, index).text[:_TEXT_CHARACTERS], shown, fate)
    return found


_FATES = {ACCEPTED: "compared", REPAIRED: "repaired", REFUSED: "refused", BLANK: "blank"}

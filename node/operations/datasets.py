"""Operations on data sets. File paths are absolute and read by the node; the source is never changed."""

from collections.abc import Mapping as AnyMapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from node.datasets import Dataset, Mapping, Report, Terms, glance, open_table, preview, suggest
from node.datasets.columns import merged, needed, placed, warnings
from node.datasets.preview import PreviewColumn, PreviewRow
from node.datasets.tables import Table, column_letter
from node.errors import UserError
from node.operations.parts import Parts, Progress
from node.operations.table import Nothing, Operation, Reply, Request

__all__ = [
    "OPERATIONS",
    "AddReply",
    "AddRequest",
    "CellView",
    "ColumnView",
    "DatasetList",
    "DatasetView",
    "NameRequest",
    "PreviewReply",
    "PreviewRequest",
    "ProblemView",
    "RemoveReply",
    "RowView",
    "Source",
]


class Source(Request):
    """How to open a file; what is None is detected."""

    path: str
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    header_row: int | None = None


class PreviewRequest(Source):
    """`mapping` gives column -> role; what it does not name comes from memory or is suggested."""

    mapping: dict[str, str] = Field(default_factory=dict)
    record_class: str
    basis: str = "consent"
    legal_reference: str = ""
    region: str | None = None
    rows: int = 20


class AddRequest(PreviewRequest):
    name: str
    by: str


class NameRequest(Request):
    name: str
    by: str


class ColumnView(Reply):
    """`role` is "ignore" for a column that is not used; `example` its first cell, in a preview only."""

    letter: str
    name: str
    role: str
    example: str = ""


class CellView(Reply):
    text: str
    forms: list[str]


class RowView(Reply):
    """`takes_part`: in rounds. A `child`'s row is prepared and kept out of them; any other row is left out."""

    number: int
    takes_part: bool
    child: bool
    notes: list[str]
    cells: dict[str, CellView]


class ProblemView(Reply):
    address: str
    reason: str
    sentence: str
    fix: str


class PreviewReply(Reply):
    """`needed`: what must still be said before a data set can be made; as long as that is something, no row is read."""

    format: str
    header_row: int
    encoding: str
    encoding_guessed: bool
    delimiter: str
    sheet: str
    sheets: list[str]
    remembered: bool
    columns: list[ColumnView]
    needed: list[str]
    warnings: list[str]
    rows: list[RowView]
    counts: dict[str, Any]


class DatasetView(Reply):
    dataset_id: str
    name: str
    record_class: str
    basis: str
    region: str | None
    records: int
    usable: int
    created_at: str
    counts: dict[str, Any]
    source: str
    mapping: dict[str, str]


class AddReply(Reply):
    dataset: DatasetView
    columns: list[ColumnView]
    warnings: list[str]
    problems: list[ProblemView]


class DatasetList(Reply):
    datasets: list[DatasetView]


class RemoveReply(DatasetList):
    """`removed` is what is gone, `datasets` what is left."""

    removed: DatasetView


def _open(request: Source) -> Table:
    return open_table(
        Path(request.path),
        encoding=request.encoding,
        delimiter=request.delimiter,
        sheet=request.sheet,
        header_row=request.header_row,
    )


def _columns(parts: Parts, request: PreviewRequest, table: Table) -> tuple[dict[str, str], bool]:
    """What was said for this call, on top of what is remembered for this header or, without that, suggested."""
    remembered = parts.datasets.memory.recall(table.header)
    base: AnyMapping[str, str] = remembered.columns if remembered is not None else suggest(table.header)
    return merged(table.header, base, request.mapping), remembered is not None


def _terms(request: PreviewRequest) -> Terms:
    return Terms(request.record_class, request.basis, request.legal_reference, request.region)


def _preview(parts: Parts, request: PreviewRequest, _progress: Progress) -> PreviewReply:
    terms = _terms(request)  # a wrong option is told before a wrong file
    shown: Sequence[PreviewRow] = ()
    report = Report()
    with _open(request) as table:
        columns, remembered = _columns(parts, request, table)
        missing = needed(columns, terms)
        if missing:
            seen_columns = glance(table, placed(table.header, columns))
        else:
            seen = preview(table, Mapping.of(columns), terms, today=parts.clock.now().date(), rows=request.rows)
            seen_columns, shown, report = seen.columns, seen.rows, seen.report
        facts = table.facts
    return PreviewReply(
        format=facts.format,
        header_row=facts.header_row,
        encoding=facts.encoding,
        encoding_guessed=facts.encoding_guessed,
        delimiter=facts.delimiter,
        sheet=facts.sheet,
        sheets=list(facts.sheets),
        remembered=remembered,
        columns=[_column(c) for c in seen_columns],
        needed=list(missing),
        warnings=list(warnings(columns, terms)),
        rows=[
            RowView(
                number=row.number,
                takes_part=row.takes_part,
                child=row.child,
                notes=list(row.notes),
                cells={letter: CellView(text=cell.text, forms=list(cell.forms)) for letter, cell in row.cells.items()},
            )
            for row in shown
        ],
        counts=report.counts(),
    )


def _add(parts: Parts, request: AddRequest, progress: Progress) -> AddReply:
    terms = _terms(request)
    with _open(request) as table:
        columns, _remembered = _columns(parts, request, table)
        if missing := needed(columns, terms):
            raise UserError(
                f"Still needed: {'; '.join(missing)}.",
                advice="`blindmatch dataset preview` shows the columns of the file; its --help lists the roles.",
            )
        dataset, report = parts.datasets.add(
            request.name,
            table,
            terms,
            Mapping.of(columns),
            by=request.by,
            source=Path(request.path).name,
            progress=lambda rows: progress({"what": "rows", "done": rows}),
        )
        roles = placed(table.header, columns)
        header = table.header
    return AddReply(
        dataset=_view(dataset),
        columns=[
            ColumnView(letter=column_letter(index), name=name, role=roles.get(index, "ignore"))
            for index, name in enumerate(header)
        ],
        warnings=list(warnings(columns, terms)),
        problems=[ProblemView.model_validate(problem.to_dict()) for problem in report.problems],
    )


def _list(parts: Parts, _request: Nothing, _progress: Progress) -> DatasetList:
    return DatasetList(datasets=[_view(dataset) for dataset in parts.datasets.list()])


def _remove(parts: Parts, request: NameRequest, _progress: Progress) -> RemoveReply:
    dataset = parts.datasets.get(request.name)
    if any(found.dataset_id == dataset.dataset_id and not found.over for found in parts.book.all()):
        raise UserError(
            "A round that is not over uses this data set.", advice="Wait for its end, or cancel it, and try again."
        )
    parts.datasets.remove(request.name, by=request.by)
    return RemoveReply(removed=_view(dataset), datasets=_list(parts, Nothing(), _progress).datasets)


def _column(column: PreviewColumn) -> ColumnView:
    return ColumnView(letter=column.letter, name=column.name, role=column.role, example=column.example)


def _view(dataset: Dataset) -> DatasetView:
    return DatasetView(
        dataset_id=dataset.dataset_id,
        name=dataset.name,
        record_class=dataset.record_class,
        basis=dataset.basis,
        region=dataset.region,
        records=dataset.records,
        usable=dataset.usable,
        created_at=dataset.created_at,
        counts=dataset.counts,
        source=dataset.details["source"],
        mapping=dataset.details["mapping"],
    )


OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation("dataset.preview", PreviewRequest, _preview),
    Operation("dataset.add", AddRequest, _add),
    Operation("dataset.list", Nothing, _list),
    Operation("dataset.remove", NameRequest, _remove),
)

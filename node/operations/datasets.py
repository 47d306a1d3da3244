"""Operations on data sets. File paths are absolute and read by the node; the source is never changed."""

from collections.abc import Mapping as AnyMapping
from pathlib import Path
from typing import Any

from pydantic import Field

from node.datasets import Dataset, Mapping, Terms, open_table, preview, suggest
from node.datasets.tables import Table
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
    letter: str
    name: str
    role: str


class CellView(Reply):
    text: str
    forms: list[str]


class RowView(Reply):
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
    format: str
    encoding: str
    encoding_guessed: bool
    delimiter: str
    sheet: str
    sheets: list[str]
    remembered: bool
    columns: list[ColumnView]
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
    problems: list[ProblemView]


class DatasetList(Reply):
    datasets: list[DatasetView]


def _open(request: Source) -> Table:
    return open_table(
        Path(request.path),
        encoding=request.encoding,
        delimiter=request.delimiter,
        sheet=request.sheet,
        header_row=request.header_row,
    )


def _mapping(parts: Parts, request: PreviewRequest, table: Table) -> tuple[Mapping, bool]:
    """What was said for this call, on top of what is remembered for this header or, without that, suggested."""
    remembered = parts.datasets.memory.recall(table.header)
    base: AnyMapping[str, str] = remembered.columns if remembered is not None else suggest(table.header)
    return Mapping.of({**base, **request.mapping}), remembered is not None


def _terms(request: PreviewRequest) -> Terms:
    return Terms(request.record_class, request.basis, request.legal_reference, request.region)


def _preview(parts: Parts, request: PreviewRequest, _progress: Progress) -> PreviewReply:
    with _open(request) as table:
        mapping, remembered = _mapping(parts, request, table)
        seen = preview(table, mapping, _terms(request), today=parts.clock.now().date(), rows=request.rows)
    return PreviewReply(
        format=seen.facts.format,
        encoding=seen.facts.encoding,
        encoding_guessed=seen.facts.encoding_guessed,
        delimiter=seen.facts.delimiter,
        sheet=seen.facts.sheet,
        sheets=list(seen.facts.sheets),
        remembered=remembered,
        columns=[ColumnView(letter=c.letter, name=c.name, role=c.role) for c in seen.columns],
        rows=[
            RowView(
                number=row.number,
                takes_part=row.takes_part,
                child=row.child,
                notes=list(row.notes),
                cells={letter: CellView(text=cell.text, forms=list(cell.forms)) for letter, cell in row.cells.items()},
            )
            for row in seen.rows
        ],
        counts=seen.report.counts(),
    )


def _add(parts: Parts, request: AddRequest, progress: Progress) -> AddReply:
    with _open(request) as table:
        mapping, _remembered = _mapping(parts, request, table)
        dataset, report = parts.datasets.add(
            request.name,
            table,
            _terms(request),
            mapping,
            by=request.by,
            source=Path(request.path).name,
            progress=lambda rows: progress({"what": "rows", "done": rows}),
        )
    return AddReply(
        dataset=_view(dataset),
        problems=[ProblemView.model_validate(problem.to_dict()) for problem in report.problems],
    )


def _list(parts: Parts, _request: Nothing, _progress: Progress) -> DatasetList:
    return DatasetList(datasets=[_view(dataset) for dataset in parts.datasets.list()])


def _remove(parts: Parts, request: NameRequest, _progress: Progress) -> DatasetList:
    dataset = parts.datasets.get(request.name)
    if any(found.dataset_id == dataset.dataset_id and not found.over for found in parts.book.all()):
        raise UserError(
            "A round that is not over uses this data set.", advice="Wait for its end, or cancel it, and try again."
        )
    parts.datasets.remove(request.name, by=request.by)
    return _list(parts, Nothing(), _progress)


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

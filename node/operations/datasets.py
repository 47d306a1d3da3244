"""Operations on data sets. File paths are absolute and read by the node; the source is never changed."""

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as AnyMapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from node.datasets import Dataset, Mapping, Report, Terms, glance, open_table, preview
from node.datasets.columns import Proposal, needed, placed, propose, unlike, warnings
from node.datasets.content import sample
from node.datasets.dataset import check_second
from node.datasets.marked_copy import check_place, write_marked_copy
from node.datasets.preview import PreviewColumn, PreviewRow
from node.datasets.profiles import Profile, all_profiles, find_profile
from node.datasets.refresh import Changes, Use
from node.datasets.sources import WrongOption
from node.datasets.tables import Table, column_letter
from node.datasets.terms import RECORD_CLASSES
from node.errors import NotAllowed, UserError
from node.identity.cards import MemberClass
from node.operations.dataset_forms import (
    AddReply,
    AddRequest,
    CellView,
    ChangesView,
    ColumnView,
    CopyView,
    DatasetList,
    DatasetView,
    NameRequest,
    Opening,
    PreviewReply,
    PreviewRequest,
    ProblemView,
    ProfileList,
    ProfileView,
    RefreshReply,
    RefreshRequest,
    RemoveReply,
    ReportReply,
    ReportRequest,
    RoundName,
    RowView,
    WithdrawnView,
)
from node.operations.parts import Parts, Progress
from node.operations.table import Nothing, Operation
from node.operations.urgent_rows import with_second
from node.rounds.book import Round
from node.wording import plural

__all__ = ["OPERATIONS", "uses_of", "view_of"]

_MISSING = "`blindmatch dataset preview` shows the columns of the file; its --help lists the roles."


@dataclass(frozen=True)
class _Looked:
    """An open table, and what is known of its columns."""

    table: Table
    proposal: Proposal
    remembered: bool

    @property
    def header(self) -> tuple[str, ...]:
        return self.table.header


def _open(path: str, request: Opening, profile: Profile | None) -> Table:
    password = request.password
    explode = request.explode
    if explode is None and profile is not None:
        explode = profile.explode
    return open_table(
        Path(path),
        encoding=request.encoding,
        delimiter=request.delimiter,
        sheet=request.sheet,
        header_row=request.header_row,
        password=None if password is None else password.get_secret_value().encode(),
        explode=explode or None,
    )


def _profile(request: Opening) -> Profile | None:
    return None if request.profile is None else find_profile(request.profile)


def _terms(request: PreviewRequest, profile: Profile | None) -> Terms:
    record_class = request.record_class or (profile.record_class if profile is not None else "")
    if not record_class:
        raise UserError(
            "It must be said whose records these are.",
            advice=f"Give --record-class with one of: {', '.join(RECORD_CLASSES)}; or a --profile that knows.",
        )
    return Terms(record_class, request.basis, request.legal_reference, request.region, request.second)


def _look(
    table: Table,
    said: AnyMapping[str, str],
    known: Mapping | None,
    profile: Profile | None,
    region: str | None,
) -> _Looked:
    """What was said for this call, on top of the profile or of what is known or, without that, suggested."""
    proposal = propose(
        table.header,
        sample(table.rows(), len(table.header)),
        said=said,
        remembered=None if known is None else known.columns,
        profile=profile,
        region=region,
    )
    return _Looked(table, proposal, known is not None and profile is None)


def _mark(parts: Parts, table: Table, mapping: Mapping, terms: Terms, path: str, progress: Progress) -> CopyView:
    made = write_marked_copy(
        table,
        mapping,
        terms,
        Path(path),
        now=parts.clock.now(),
        stop=parts.datasets.stop_lists.everything(),
        progress=lambda rows: progress({"what": "rows marked", "done": rows}),
    )
    return CopyView(path=path, marked=made.marked, notes=list(made.sentences))


def _preview(parts: Parts, request: PreviewRequest, progress: Progress) -> PreviewReply:
    profile = _profile(request)
    terms = _terms(request, profile)  # a wrong option is told before a wrong file
    if request.marked_copy is not None:
        check_place(Path(request.marked_copy))
    shown: Sequence[PreviewRow] = ()
    report, marked = Report(), None
    with _open(request.path, request, profile) as table:
        looked = _look(table, request.mapping, parts.datasets.memory.recall(table.header), profile, terms.region)
        proposal = looked.proposal
        missing = needed(proposal.columns, terms)
        if missing:
            seen_columns = glance(table, placed(table.header, proposal.columns), proposal)
        else:
            mapping = Mapping.of(proposal.columns)
            seen = preview(
                table,
                mapping,
                terms,
                today=parts.clock.now().date(),
                rows=request.rows,
                stop=parts.datasets.stop_lists.everything(),
                proposal=proposal,
            )
            seen_columns, shown, report = seen.columns, seen.rows, seen.report
            if request.marked_copy is not None:
                proposal.check()
                marked = _mark(parts, table, mapping, terms, request.marked_copy, progress)
        facts = table.facts
    return PreviewReply(
        format=facts.format,
        header_row=facts.header_row,
        encoding=facts.encoding,
        encoding_guessed=facts.encoding_guessed,
        delimiter=facts.delimiter,
        sheet=facts.sheet,
        sheets=list(facts.sheets),
        compression=facts.compression,
        explode=facts.explode,
        numbering=facts.numbering,
        notes=list(facts.notes),
        remembered=looked.remembered,
        profile=request.profile or "",
        columns=[_column(c) for c in seen_columns],
        needed=list(missing),
        unlike=unlike(proposal),
        warnings=_warnings(proposal, terms),
        rows=[
            RowView(
                number=row.number,
                takes_part=row.takes_part,
                child=row.child,
                notes=list(row.notes),
                cells={
                    letter: CellView(text=cell.text, forms=list(cell.forms), fate=cell.fate)
                    for letter, cell in row.cells.items()
                },
            )
            for row in shown
        ],
        counts=report.counts(),
        marked_copy=marked,
    )


def _check_holds_records(parts: Parts) -> None:
    """Records of persons do not even come to a node that is there for agreements only."""
    if parts.identity.signed_card.card.member_class is MemberClass.COORDINATOR:
        raise NotAllowed(
            "The node of a coordinator holds no records, so nothing was read.",
            advice="Run this at the node of the organisation whose records they are.",
        )


def _add(parts: Parts, request: AddRequest, progress: Progress) -> AddReply:
    _check_holds_records(parts)
    profile = _profile(request)
    check_second(_terms(request, profile), request.by)
    if request.marked_copy is not None or request.second:
        parts.datasets.check_name(request.name)
    request = with_second(parts, request, request.path)
    terms = _terms(request, profile)
    if request.marked_copy is not None:
        check_place(Path(request.marked_copy))
    marked = None
    with _open(request.path, request, profile) as table:
        looked = _look(table, request.mapping, parts.datasets.memory.recall(table.header), profile, terms.region)
        proposal = looked.proposal
        if missing := needed(proposal.columns, terms):
            raise UserError(f"Still needed: {'; '.join(missing)}.", advice=_MISSING)
        proposal.check()
        mapping = Mapping.of(proposal.columns)
        if request.marked_copy is not None:  # first: it is wanted most where nothing can be added
            marked = _mark(parts, table, mapping, terms, request.marked_copy, progress)
        with _copy_stays(marked):
            dataset, _report = parts.datasets.add(
                request.name,
                table,
                terms,
                mapping,
                by=request.by,
                source=Path(request.path).name,
                opened=_opened(request.path, request),
                progress=lambda rows: progress({"what": "rows", "done": rows}),
            )
    return AddReply(
        **_reported(parts, dataset),
        warnings=[*_kept_out_before(parts, dataset), *_warnings(proposal, terms)],
        marked_copy=marked,
    )


def _kept_out_before(parts: Parts, dataset: Dataset) -> list[str]:
    """A warning if records were withdrawn or withheld in a data set that was removed since."""
    if not (kept_out := sum(parts.datasets.exclusions.counts(dataset.dataset_id).values())):
        return []
    return [
        f"{kept_out} {plural(kept_out, 'record was', 'records were')} withdrawn, or kept from a member, in a data set "
        "that was removed. That "
        "holds here, too. If the person agreed again: `blindmatch dataset readmit`."
    ]


def _refresh(parts: Parts, request: RefreshRequest, progress: Progress) -> RefreshReply:
    dataset = parts.datasets.get(request.name)
    said, request = request, _as_before(request, dataset)
    assert request.path is not None
    path = request.path
    profile = _profile(request)
    check_second(dataset.terms(request.second), request.by)
    request = with_second(parts, request, path)
    terms = dataset.terms(request.second)
    if request.marked_copy is not None:
        check_place(Path(request.marked_copy))
    marked = None
    table, request = _open_again(path, request, said, profile)
    with table:
        known = Mapping.of(dataset.details["mapping"])
        proposal = _look(table, request.mapping, known, None, terms.region).proposal
        if missing := needed(proposal.columns, terms):
            raise UserError(f"Still needed: {'; '.join(missing)}.", advice=_MISSING)
        proposal.check()
        mapping = Mapping.of(proposal.columns)
        if request.marked_copy is not None:
            marked = _mark(parts, table, mapping, terms, request.marked_copy, progress)
        urgent_before = dataset.counts.get("urgent", 0)
        with _copy_stays(marked):
            dataset, _report, _changes = parts.datasets.refresh(
                request.name,
                table,
                mapping,
                by=request.by,
                urgent_second=request.second,
                uses=uses_of(parts, dataset),
                source=Path(path).name,
                opened=_opened(path, request),
                progress=lambda rows: progress({"what": "rows", "done": rows}),
            )
    return RefreshReply(
        **_reported(parts, dataset),
        warnings=[*_unconfirmed(urgent_before, request), *_warnings(proposal, terms)],
        marked_copy=marked,
    )


def _open_again(
    path: str, request: RefreshRequest, said: RefreshRequest, profile: Profile | None
) -> tuple[Table, RefreshRequest]:
    """The table, opened as last time where nothing else was `said`, and the request that opened it.

    A file of another kind (CSV where it was a workbook) is opened with what was said alone.
    """
    told = {name: getattr(said, name) for name in _OPENED if name != "profile"}
    before = {name: value for name in told if told[name] is None and (value := getattr(request, name)) is not None}
    try:
        return _open(path, request, profile), request
    except WrongOption:
        if not before:
            raise
        request = request.model_copy(update=told)
        return _open(path, request, profile), request
    except UserError as error:
        if type(error) is not UserError or not before:
            raise
        options = " ".join(f"--{name.replace('_', '-')} '{value}'" for name, value in before.items())
        raise UserError(
            error.sentence,
            advice=f"{error.advice} It was opened as last time, with {options}; say another if it differs.",
        ) from error


def _unconfirmed(urgent_before: int, request: RefreshRequest) -> list[str]:
    """A warning if rows in urgent danger took part until now, and nobody confirmed them this time."""
    if not urgent_before or request.second:
        return []
    return [
        f"Before this, {urgent_before} {plural(urgent_before, 'row')} in urgent danger took part without a consent. "
        "Nobody confirmed that this time, so nobody takes part like that now. If the danger goes on, let a second "
        "person look at it, and refresh again: "
        f"`blindmatch dataset refresh {request.name} --by NAME --second NAME`."
    ]


@contextmanager
def _copy_stays(marked: CopyView | None) -> Iterator[None]:
    """If the rows cannot be taken, the marked copy says why: tell that it is there."""
    try:
        yield
    except UserError as error:
        if marked is None:
            raise
        raise UserError(error.sentence, advice=f"{error.advice} The marked copy was made: {marked.path}.") from error


def _as_before(request: RefreshRequest, dataset: Dataset) -> RefreshRequest:
    """What was not said about the file is as it was when the data set was last made."""
    before: AnyMapping[str, Any] = dataset.details.get("opened") or {}
    if request.path is None and not before.get("path"):
        raise UserError(
            "It is not known any more where the file of this data set is.",
            advice="Name it: `blindmatch dataset refresh NAME FILE`.",
        )
    said = {name for name in before if getattr(request, name) is not None}
    return request.model_copy(update={name: value for name, value in before.items() if name not in said})


_OPENED = ("encoding", "delimiter", "sheet", "header_row", "profile", "explode")
"""What is kept of how a file was opened."""


def _opened(path: str, request: Opening) -> dict[str, Any]:
    """How the file was opened, to be kept under the seal; never its password."""
    return {"path": path} | {name: value for name in _OPENED if (value := getattr(request, name)) is not None}


def uses_of(parts: Parts, dataset: Dataset) -> list[Use]:
    """The rounds whose lists were made from this data set."""
    found = []
    for one in parts.book.all():
        if one.dataset_id == dataset.dataset_id and one.version_id is not None and one.listed_at is not None:
            other = one.manifest.other(parts.identity.member_id)
            found.append(
                Use(
                    round_id=one.round_id,
                    title=one.manifest.title,
                    version_id=one.version_id,
                    day=date.fromisoformat(one.listed_at[:10]),
                    receiver=other.member_class,
                    rules=tuple(one.manifest.rules()),
                    running=not one.over,
                    purpose=one.manifest.purpose,
                    children=one.manifest.children == "only",
                )
            )
    return found


def _report_of(parts: Parts, request: ReportRequest, _progress: Progress) -> ReportReply:
    return ReportReply(**_reported(parts, parts.datasets.get(request.name)))


def _list(parts: Parts, _request: Nothing, _progress: Progress) -> DatasetList:
    return DatasetList(datasets=[view_of(parts, dataset) for dataset in parts.datasets.list()])


def _remove(parts: Parts, request: NameRequest, progress: Progress) -> RemoveReply:
    dataset = parts.datasets.get(request.name)
    if any(found.dataset_id == dataset.dataset_id and not found.over for found in parts.book.all()):
        raise UserError(
            "A round that is not over uses this data set.", advice="Wait for its end, or cancel it, and try again."
        )
    view = view_of(parts, dataset)
    parts.datasets.remove(request.name, by=request.by)
    return RemoveReply(removed=view, datasets=_list(parts, Nothing(), progress).datasets)


def _profiles(_parts: Parts, _request: Nothing, _progress: Progress) -> ProfileList:
    return ProfileList(
        profiles=[
            ProfileView(
                name=profile.name,
                title=profile.title,
                status=profile.status,
                record_class=profile.record_class,
                formats=list(profile.formats),
                columns=dict(profile.columns),
                notes=list(profile.notes),
            )
            for profile in all_profiles()
        ]
    )


def _warnings(proposal: Proposal, terms: Terms) -> list[str]:
    return [*warnings(proposal.columns, terms), *proposal.doubts]


def _column(column: PreviewColumn) -> ColumnView:
    return ColumnView(
        letter=column.letter,
        name=column.name,
        role=column.role,
        example=column.example,
        origin=column.origin,
        hint=column.hint,
    )


def _reported(parts: Parts, dataset: Dataset) -> dict[str, Any]:
    """The fields of a report, from what is kept with the data set."""
    details = dataset.details
    header: Sequence[str] = details.get("header", ())
    roles = placed(header, details["mapping"])
    counts = dataset.counts.get("columns", {})
    changes = details.get("refresh")
    return {
        "dataset": view_of(parts, dataset),
        "columns": [
            ColumnView(
                letter=column_letter(index), name=name, role=roles.get(index, "ignore"), **counts.get(str(index), {})
            )
            for index, name in enumerate(header)
        ],
        "problems": [ProblemView.model_validate(problem) for problem in details["problems"]],
        "repairs": [ProblemView.model_validate(problem) for problem in details.get("repairs", ())],
        "changes": None if changes is None else _changes(parts, changes),
    }


def _changes(parts: Parts, changes: AnyMapping[str, Any]) -> ChangesView:
    rounds: dict[str, Round] = {found.round_id: found for found in parts.book.all()}

    def named(round_id: str) -> RoundName:
        found = rounds.get(round_id)
        title, running = ("", False) if found is None else (found.manifest.title, not found.over)
        return RoundName(round_id=round_id, title=title, running=running)

    told = [
        WithdrawnView(references=one["references"], rounds=[named(round_id) for round_id in one["rounds"]])
        for one in changes["told"]
    ]
    return ChangesView(**{name: changes[name] for name in Changes.COUNTS}, told=told)


def view_of(parts: Parts, dataset: Dataset) -> DatasetView:
    """A data set as its owner sees it."""
    return DatasetView(
        dataset_id=dataset.dataset_id,
        name=dataset.name,
        record_class=dataset.record_class,
        basis=dataset.basis,
        region=dataset.region,
        records=dataset.records,
        usable=dataset.usable,
        created_at=dataset.created_at,
        refreshed_at=dataset.refreshed_at,
        version=dataset.version,
        counts=dataset.counts,
        source=dataset.details["source"],
        mapping=dataset.details["mapping"],
        notes=list(parts.datasets.outdated(dataset)),
    )


OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation("dataset.preview", PreviewRequest, _preview),
    Operation("dataset.add", AddRequest, _add),
    Operation("dataset.refresh", RefreshRequest, _refresh),
    Operation("dataset.report", ReportRequest, _report_of),
    Operation("dataset.list", Nothing, _list),
    Operation("dataset.remove", NameRequest, _remove),
    Operation("dataset.profiles", Nothing, _profiles),
)

"""Operations on the node itself: its state, its audit log, the jobs it knows."""

import platform
import unicodedata
from typing import Any

from node import __version__
from node.audit import Checkpoint, NoteKey
from node.identity.members import MemberState
from node.operations.parts import Parts, Progress
from node.operations.table import Nothing, Operation, Reply, Request
from node.policy import Limits
from node.rounds.jobs import TEMPLATES
from psi.identifiers import NORMALISER_VERSION
from psi.messages import PROTOCOL_VERSION, SUITE

__all__ = [
    "OPERATIONS",
    "AuditReply",
    "AuditRequest",
    "BudgetView",
    "EntryView",
    "StatusReply",
    "TemplateList",
    "TemplateView",
    "VerifyReply",
    "VersionsView",
    "versions",
]


class AuditRequest(Request):
    first: int = 0
    limit: int = 100


class VersionsView(Reply):
    software: str
    protocol: int
    suite: str
    backend: str
    normaliser: str
    python: str
    unicode: str


class BudgetView(Reply):
    """`sentence` says what the budget means; `remaining` per confirmed member, by alias, in elements."""

    elements: int
    days: int
    years: float
    sentence: str
    remaining: dict[str, int]


class StatusReply(Reply):
    """`watch`: the loopback port of health and figures, if it was asked for in the settings."""

    running: bool
    folder: str
    member_id: str
    name: str
    listen: str
    port: int | None
    watch: int | None
    members: dict[str, int]
    datasets: int
    rounds: dict[str, int]
    audit_entries: int
    budget: BudgetView
    versions: VersionsView


class EntryView(Reply):
    position: int
    time: str
    event: str
    facts: dict[str, str | int | bool]


class AuditReply(Reply):
    entries: list[EntryView]
    total: int


class TemplateView(Reply):
    """`missing` names what a job that cannot be filled in still needs; `limits` what a fillable one does not do yet."""

    id: str
    title: str
    fillable: bool
    missing: str
    limits: list[str]


class TemplateList(Reply):
    templates: list[TemplateView]


class VerifyReply(Reply):
    """`checkpoint` is the log as it stands now, in the form that others can verify (C2SP tlog-checkpoint)."""

    ok: bool
    entries: int
    problems: list[str]
    checkpoint: str
    public_key: str


def versions(backend: str) -> VersionsView:
    """What decides whether two nodes understand each other, and what runs here."""
    return VersionsView(
        software=__version__,
        protocol=PROTOCOL_VERSION,
        suite=SUITE,
        backend=backend,
        normaliser=NORMALISER_VERSION,
        python=platform.python_version(),
        unicode=unicodedata.unidata_version,
    )


def _status(parts: Parts, _request: Nothing, _progress: Progress) -> StatusReply:
    members = parts.members.list()
    rounds = parts.book.counts()
    settings = parts.config.budget
    limits = Limits(settings.elements, max(settings.elements, settings.elements_in_all), settings.days)
    return StatusReply(
        running=parts.running,
        folder=str(parts.folder.path),
        member_id=parts.identity.member_id,
        name=parts.identity.signed_card.card.name,
        listen=parts.config.node.listen,
        port=parts.port,
        watch=parts.watch,
        members={state.value: sum(member.state is state for member in members) for state in MemberState},
        datasets=len(parts.datasets.list()),
        rounds={state.value: rounds[state] for state in sorted(rounds)},
        audit_entries=parts.audit.size(),
        budget=BudgetView(
            elements=settings.elements,
            days=settings.days,
            years=round(limits.years, 1),
            sentence=parts.budget.sentence(),
            remaining={
                member.alias: parts.budget.remaining(member.member_id)
                for member in members
                if member.state is MemberState.CONFIRMED
            },
        ),
        versions=versions(parts.backend.name),
    )


def _audit_show(parts: Parts, request: AuditRequest, _progress: Progress) -> AuditReply:
    return AuditReply(
        entries=[
            EntryView(position=entry.position, time=entry.time, event=entry.event.value, facts=dict(entry.facts))
            for entry in parts.audit.entries(first=request.first, limit=request.limit)
        ],
        total=parts.audit.size(),
    )


def _audit_verify(parts: Parts, _request: Nothing, _progress: Progress) -> VerifyReply:
    report = parts.audit.verify()
    if report.ok and not parts.budget.fits_log():
        report.add("The charges to budgets are not those that the log tells of: somebody changed the database.")
    with parts.store.transaction() as tx:
        now: Checkpoint = parts.audit.checkpoint(tx)
    key = NoteKey.of_member(parts.identity.member_id, parts.identity.public_key)
    return VerifyReply(
        ok=report.ok,
        entries=report.entries,
        problems=list(report.problems),
        checkpoint=now.to_text(key),
        public_key=parts.identity.public_key.hex(),
    )


def _templates(_parts: Parts, _request: Nothing, _progress: Progress) -> TemplateList:
    return TemplateList(
        templates=[
            TemplateView(id=t.id, title=t.title, fillable=not t.missing, missing=t.missing, limits=list(t.limits))
            for t in TEMPLATES.values()
        ]
    )


OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation("node.status", Nothing, _status),
    Operation("round.templates", Nothing, _templates),
    Operation("audit.show", AuditRequest, _audit_show),
    Operation("audit.verify", Nothing, _audit_verify),
)

"""Operations on the node itself: its state, the jobs it knows."""

import platform
import unicodedata
from typing import Any

from node import __version__
from node.identity.members import MemberState
from node.operations.parts import Parts, Progress
from node.operations.table import Nothing, Operation, Reply
from node.rounds.jobs import TEMPLATES
from psi.identifiers import NORMALISER_VERSION
from psi.messages import PROTOCOL_VERSION, SUITE

__all__ = [
    "OPERATIONS",
    "BudgetView",
    "StatusReply",
    "TemplateList",
    "TemplateView",
    "VersionsView",
    "versions",
]


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


class TemplateView(Reply):
    """`missing` names what a job that cannot be filled in still needs; `limits` what a fillable one does not do yet."""

    id: str
    title: str
    fillable: bool
    missing: str
    limits: list[str]


class TemplateList(Reply):
    templates: list[TemplateView]


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
    limits = parts.budget.limits
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
            elements=limits.elements_per_peer,
            days=limits.days,
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
)

"""Operations on budgets: what is left for whom, grants, and limits that take a second person."""

from datetime import date
from typing import Any

from sqlalchemy import Connection

from node.audit import AuditLog
from node.clock import Clock
from node.errors import UserError
from node.identity.members import Member, MemberState
from node.ids import new_id
from node.operations.members import alias_of
from node.operations.parts import Parts, Progress
from node.operations.table import Nothing, Operation, Reply, Request
from node.policy.budgets import SETTINGS_ID
from node.policy.grants import Grant, GrantBook
from node.policy.limits import APPROVAL_FLOOR_YEARS, Limits
from node.staff import Approval, Role, Subject

__all__ = [
    "OPERATIONS",
    "BudgetReply",
    "GrantReply",
    "GrantRequest",
    "GrantView",
    "LimitsView",
    "MemberBudget",
    "RevokeRequest",
    "SettingsRequest",
    "grant_approved",
    "grant_words",
]


class GrantRequest(Request):
    """`until` is the last day, as 2026-12-31."""

    member: str
    elements: int
    until: date
    by: str


class RevokeRequest(Request):
    grant: str
    by: str


class SettingsRequest(Request):
    by: str


class GrantView(Reply):
    """`state` in words; `left`: elements that are not used."""

    grant_id: str
    member: str
    elements: int
    left: int
    until: str
    asked_by: str
    approved_by: str | None
    state: str


class MemberBudget(Reply):
    """Of one confirmed member: elements `spent` in the window now, `granted` (left in open grants), `left` of all; and
    how often it came: `rounds` that were begun with it, which `kinds` they compared, its `largest_list` in elements."""

    member: str
    spent: int
    granted: int
    left: int
    rounds: int
    kinds: list[str]
    largest_list: int


class LimitsView(Reply):
    """Elements per member and of all together in `days` days, and how long each needs for a country's numbers."""

    elements: int
    elements_in_all: int
    days: int
    years: float
    years_in_all: float
    sentence: str


class BudgetReply(Reply):
    """`limits` hold now; `asked` are those of the settings, which hold if `settings_hold`; `number` of what waits for a
    second person, if something about the settings does."""

    limits: LimitsView
    asked: LimitsView
    settings_hold: bool
    number: int | None
    spent_in_all: int
    sentence: str
    members: list[MemberBudget]
    grants: list[GrantView]


class GrantReply(Reply):
    """`number`: with which a second person approves it (`blindmatch approval approve NUMBER`), while it waits."""

    grant: GrantView
    number: int | None
    sentence: str


def grant_approved(grants: GrantBook, audit: AuditLog, clock: Clock, tx: Connection, approval: Approval) -> None:
    """What follows from a second person's approval of a grant, in its transaction."""
    assert approval.decided_by is not None
    grant = grants.note_approved(tx, approval.subject_id, approval.decided_by, clock.now())
    audit.append(
        tx,
        "grant-approved",
        peer=grant.peer,
        elements=grant.elements,
        digest=approval.digest.hex(),
        by=approval.asked_by,
        second=approval.decided_by,
    )


def grant_words(parts: Parts, grant_id: str) -> str:
    """What a second person is asked to approve, with the years that it means."""
    grant = GrantBook(parts.store, parts.approvals).find(grant_id)
    said = grant.sentence(alias_of(parts, grant.peer), parts.budget.limits)
    return f"grant {grant_id[:8]}. {said.rstrip('.')}"


def _show(parts: Parts, _request: Nothing, _progress: Progress) -> BudgetReply:
    budget = parts.budget
    members = [one for one in parts.members.list() if one.state is MemberState.CONFIRMED and not one.is_relay]
    waiting = parts.approvals.latest(Subject.BUDGET_SETTINGS, SETTINGS_ID)
    number = None
    if not budget.settings_hold and waiting is not None and waiting.open and waiting.digest == budget.asked.digest():
        number = waiting.number
    return BudgetReply(
        limits=_limits(budget.limits),
        asked=_limits(budget.asked),
        settings_hold=budget.settings_hold,
        number=number,
        spent_in_all=budget.spent(None),
        sentence=budget.sentence(),
        members=[_member(parts, member) for member in members],
        grants=[
            _grant(grant, state, member.alias)
            for member in parts.members.list()
            for grant, state in budget.grants_of(member.member_id)
        ],
    )


def _limits(limits: Limits) -> LimitsView:
    return LimitsView(
        elements=limits.elements_per_peer,
        elements_in_all=limits.elements_in_all,
        days=limits.days,
        years=round(limits.years, 1),
        years_in_all=round(limits.years_in_all, 1),
        sentence=limits.sentence(),
    )


def _member(parts: Parts, member: Member) -> MemberBudget:
    begun = [found.manifest for found in parts.book.all() if found.peer == member.member_id and found.started]
    budget = parts.budget
    return MemberBudget(
        member=member.alias,
        spent=budget.spent(member.member_id),
        granted=sum(grant.left for grant, state in budget.grants_of(member.member_id) if state == "open"),
        left=budget.remaining(member.member_id),
        rounds=len(begun),
        kinds=sorted({match.kind for manifest in begun for match in manifest.match}),
        largest_list=max((manifest.size_class(member.member_id) for manifest in begun), default=0),
    )


def _grant(grant: Grant, state: str, alias: str) -> GrantView:
    return GrantView(
        grant_id=grant.grant_id,
        member=alias,
        elements=grant.elements,
        left=grant.left,
        until=grant.valid_until[:10],
        asked_by=grant.asked_by,
        approved_by=grant.approved_by if grant.approved else None,
        state=state,
    )


def _ask(parts: Parts, request: GrantRequest, _progress: Progress) -> GrantReply:
    member = parts.members.get(request.member)
    if member.state is not MemberState.CONFIRMED or member.is_relay:
        raise UserError(f"{member.alias} is no confirmed member, so it takes part in no round.")
    grant_id, now = new_id(parts.random_bytes), parts.clock.now()
    grants = GrantBook(parts.store, parts.approvals)
    with parts.store.transaction() as tx:
        parts.audit.append(tx, "grant-asked", peer=member.member_id, elements=request.elements, by=request.by)
        grants.ask(tx, grant_id, member.member_id, request.elements, request.until, by=request.by, now=now)
    return _reply(parts, grants.find(grant_id), member)


def _revoke(parts: Parts, request: RevokeRequest, _progress: Progress) -> GrantReply:
    grants = GrantBook(parts.store, parts.approvals)
    found = grants.find(request.grant)
    with parts.store.transaction() as tx:
        parts.audit.append(tx, "grant-revoked", peer=found.peer, elements=found.left, by=request.by)
        grants.revoke(tx, found, by=request.by, now=parts.clock.now())
    return _reply(parts, grants.find(found.grant_id), parts.members.get(found.peer))


def _reply(parts: Parts, grant: Grant, member: Member) -> GrantReply:
    states = {one.grant_id: state for one, state in parts.budget.grants_of(member.member_id)}
    waiting = parts.approvals.latest(Subject.GRANT, grant.grant_id)
    return GrantReply(
        grant=_grant(grant, states[grant.grant_id], member.alias),
        number=waiting.number if waiting is not None and waiting.open else None,
        sentence=grant.sentence(member.alias, parts.budget.limits),
    )


def _approve_settings(parts: Parts, request: SettingsRequest, progress: Progress) -> BudgetReply:
    """The first person asks for the limits of the settings, another one approves them."""
    asked = parts.budget.asked
    if not asked.needs_approval:
        raise UserError(
            f"The limits in the settings need nobody's approval: {asked.sentence()}",
            advice=f"Only limits below {APPROVAL_FLOOR_YEARS} years do, and long windows that allow more at once.",
        )
    if parts.budget.settings_hold:
        raise UserError("The limits in the settings were approved already, as they are.")
    digest, last = asked.digest(), parts.approvals.latest(Subject.BUDGET_SETTINGS, SETTINGS_ID)
    waits = last is not None and last.open and last.digest == digest
    with parts.store.transaction() as tx:
        if waits:
            parts.approvals.approve(tx, Subject.BUDGET_SETTINGS, SETTINGS_ID, digest, request.by)
        else:
            parts.roster.demand(tx, request.by, Role.OPERATOR)
            parts.approvals.ask(tx, Subject.BUDGET_SETTINGS, SETTINGS_ID, digest, request.by)
    return _show(parts, Nothing(), progress)


OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation("budget.show", Nothing, _show),
    Operation("budget.grant", GrantRequest, _ask),
    Operation("budget.revoke", RevokeRequest, _revoke),
    # Whoever asks is an operator, whoever approves an approver: the handler and `Approvals` see to that.
    Operation("budget.approve-settings", SettingsRequest, _approve_settings, role=None),
)

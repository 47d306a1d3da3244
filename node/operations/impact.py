"""The operation that makes the papers of a data protection impact assessment from this node: see `node.impact`."""

import calendar
from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Any

from pydantic import Field
from sqlalchemy import Connection, func, select

from node.agreement.terms import moment
from node.config import NO_PORT
from node.identity.members import MemberState
from node.identity.reach import Way
from node.impact import Facts, MemberFacts, changes, papers
from node.impact.names import MAX_FACTS_BYTES
from node.operations.parts import Parts, Progress
from node.operations.person_report import noted
from node.operations.table import Operation, Reply, Request
from node.staff import Role
from node.store.entries import tells_of
from node.store.schema import audit_entries, cosignatures

__all__ = ["OPERATIONS", "DpiaReply", "DpiaRequest", "facts_of"]

LONGEST_REVIEW_MONTHS = 36
"""Latest review that can be set, in months from today: what lies farther away is not looked at again."""

_WAYS: Mapping[Way, str] = {
    Way.DIRECT: "this node calls it, or it calls",
    Way.COLLECTS: "it calls this node and collects",
    Way.RELAY: "through a relay",
    Way.FILE: "by carried file",
}


class DpiaRequest(Request):
    """`review_months`: until the next review. `compare`: a file of facts; then it is compared, and no paper is made."""

    by: str
    review_months: int = Field(default=12, ge=1, le=LONGEST_REVIEW_MONTHS)
    compare: str | None = Field(default=None, max_length=MAX_FACTS_BYTES)


class DpiaReply(Reply):
    """`papers`: file name -> text. `changes`: a sentence for each fact that is different now. `facts`: as they are."""

    papers: dict[str, str]
    changes: list[str]
    facts: dict[str, Any]


def _dpia(parts: Parts, request: DpiaRequest, _progress: Progress) -> DpiaReply:
    facts, today = facts_of(parts), parts.clock.now().date()
    different = [] if request.compare is None else changes(request.compare, facts)
    noted(parts, "impact", request.by)
    made = {}
    if request.compare is None:
        made = papers(facts, made_on=today, review_on=_months_after(today, request.review_months))
    return DpiaReply(papers=made, changes=different, facts=facts.model_dump(mode="json"))


def _months_after(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    last = calendar.monthrange(day.year + years, month + 1)[1]
    return date(day.year + years, month + 1, min(day.day, last))


def facts_of(parts: Parts) -> Facts:
    """What is true at this node now, read from its settings, books and log."""
    card, budget, policy = parts.identity.signed_card.card, parts.budget.limits, parts.policy
    members = [one for one in parts.members.list() if one.state is MemberState.CONFIRMED]
    mine = parts.identity.member_id
    with parts.store.read() as connection:
        backup, cosigners = _last_backup(connection), _cosigners(connection)
    return Facts(
        name=card.name,
        member_class=card.member_class.value,
        country=card.country,
        contact=card.contact,
        members=[
            MemberFacts(
                name=one.name,
                member_class=one.member_class.value,
                country=one.card.country,
                way=_WAYS[one.reach.way],
                children=one.children,
            )
            for one in members
        ],
        **_agreed(parts, mine),
        allowed_retention_days=policy.limits.retention_days,
        allowed_agreement_days=policy.limits.agreement_days,
        least_approvers=policy.limits.least_approvers,
        **_records(parts),
        database="postgresql" if parts.config.store.database_file else "sqlite",
        port_open=parts.config.node.listen != NO_PORT,
        watched=bool(parts.config.node.watch),
        budget_elements=budget.elements_per_peer,
        budget_days=budget.days,
        budget_years=round(budget.years, 1),
        decoys=parts.config.tripwires.decoys,
        **_people(parts),
        narrowed=policy.narrowed(),
        cosigners=cosigners,
        backup_days=None if backup is None else max((parts.clock.now() - moment(backup)).days, 0),
        contact_card=bool(parts.config.contact.desk),
        frozen_members=len(parts.freezes.frozen()),
        urgent_open=sum(one.overdue for one in parts.approvals.waiting()),
    )


def _agreed(parts: Parts, mine: str) -> dict[str, Any]:
    """Of the agreements that this node signed."""
    purposes: Counter[str] = Counter()
    bases: Counter[str] = Counter()
    longest: list[int] = []
    open_rounds = 0
    for found in parts.book.all():
        if not any(one.member_id == mine and one.signed for one in parts.book.verdicts(found.round_id)):
            continue
        terms = found.manifest.member(mine)
        purposes[found.manifest.purpose] += 1
        bases[terms.basis] += 1
        longest.append(terms.retention_days)
        open_rounds += not found.over
    return {
        "purposes": dict(sorted(purposes.items())),
        "bases": dict(sorted(bases.items())),
        "agreements": purposes.total(),
        "open_rounds": open_rounds,
        "longest_retention_days": max(longest, default=None),
    }


def _records(parts: Parts) -> dict[str, Any]:
    """Of the data sets: rows that take part, in numbers, and the kinds that are mapped; no name of a data set."""
    classes: Counter[str] = Counter()
    bases: Counter[str] = Counter()
    kinds: set[str] = set()
    for dataset in parts.datasets.list():
        classes[dataset.record_class] += dataset.usable
        bases[dataset.basis] += dataset.usable
        kinds |= set(dataset.counts["identifiers"])
    return {
        "record_classes": {word: _tens(rows) for word, rows in sorted(classes.items())},
        "kinds": sorted(kinds),
        "consent_rows": _tens(bases["consent"]),
        "duty_rows": _tens(bases["legal_duty"]),
    }


def _tens(rows: int) -> int:
    """Rounded up to tens: papers go to authorities and are published, and one row is a person whom somebody knows."""
    return -(-rows // 10) * 10


def _people(parts: Parts) -> dict[str, Any]:
    held = Counter(role for person in parts.roster.people() if person.active for role in person.roles)
    return {
        "operators": held[Role.OPERATOR],
        "approvers": held[Role.APPROVER],
        "reviewers": held[Role.REVIEWER],
        "children_approvers": held[Role.CHILDREN],
    }


def _last_backup(connection: Connection) -> str | None:
    """When the last backup was made, as a timestamp of the log."""
    found = connection.execute(
        select(audit_entries.c.at).where(tells_of("backup-made")).order_by(audit_entries.c.position.desc())
    ).first()
    return None if found is None else str(found[0])


def _cosigners(connection: Connection) -> int:
    counted = select(func.count(cosignatures.c.member_id.distinct())).where(cosignatures.c.log == "ours")
    return int(connection.execute(counted).scalar_one())


OPERATIONS: tuple[Operation[Any, Any], ...] = (Operation("report.dpia", DpiaRequest, _dpia, role=None),)

"""What is coming to its end at a node, or overdue: the figures behind most alerts (`node.metrics`).

    deadlines      when the first round in each open state ends by itself
    cosignatures   what of our audit log nobody has vouched for yet, and who still owes it, as the longest wait
    backups        how long ago the last one was finished
    budgets        how much is used up, of the member for which it is most
    certificates   which runs out first

Each is a number over all rounds or members, so that nobody appears in it by name or id; the time left of a round is
given to the minute, and the page (`figures`) tells shares of budgets and ends of certificates coarsely. They change
slowly and take a look at every open round and member, so they are taken anew every OUTLOOK_SECONDS only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from sqlalchemy import Connection, and_, exists, func, select

from node.agreement.manifest import Manifest
from node.agreement.terms import moment
from node.clock import timestamp
from node.identity.members import Member
from node.keeping.backup import finished_at
from node.operations.parts import Parts
from node.policy.rules import LONGEST_AGREEMENT_DAYS
from node.rounds.states import ENDS, RoundState
from node.store.entries import tells_of
from node.store.schema import audit_entries, cosignatures, rounds

__all__ = ["NEAR", "OUTLOOK_SECONDS", "Outlook", "outlook"]

OUTLOOK_SECONDS = 30.0
"""How old these figures may be."""

NEAR = 0.8
"""The share of a member's budget from which on it counts as nearly used up."""

_MINUTE_SECONDS = 60.0
_MANIFESTS_KEPT = 2_048
"""Agreements whose two times are kept in memory, in number; each takes about 3 KiB."""


@dataclass(frozen=True)
class Outlook:
    """`left`: open state -> seconds until the first round in it ends by itself; the others as `METRICS` says."""

    left: Mapping[RoundState, float]
    short_of_room: int
    approvals: int
    frozen: int
    budget_used: float
    budget_used_in_all: float
    budget_near: int
    budget_closed: float
    uncosigned_entries: int
    uncosigned: float
    cosignature_wait: float
    backup_age: float
    own_certificate: float
    member_certificate: float | None


def outlook(parts: Parts, confirmed: list[Member]) -> Outlook:
    """The figures as they stand now. `confirmed`: the members that are."""
    now = parts.clock.now()
    usage = parts.budget.usage([one.member_id for one in confirmed if not one.is_relay])
    with parts.store.read() as connection:
        left = _left(connection, now)
        entries, since = _uncosigned(connection)
        wait = _cosignature_wait(connection, now)
        backup = _last_backup(parts, connection)
    ends = [one.card.certificate.not_after for one in confirmed]
    return Outlook(
        left=left,
        short_of_room=parts.room.waiting(parts.book.open_ids()),
        approvals=len(parts.approvals.waiting()),
        frozen=len(parts.freezes.frozen() & {one.member_id for one in confirmed}),
        budget_used=max(usage.members, default=0.0),
        budget_used_in_all=usage.in_all,
        budget_near=sum(share >= NEAR for share in usage.members),
        budget_closed=0.0 if usage.closed_until is None else _until(usage.closed_until, now),
        uncosigned_entries=entries,
        uncosigned=_since(since, now),
        cosignature_wait=wait,
        backup_age=_since(backup, now),
        own_certificate=_until(parts.identity.signed_card.card.certificate.not_after, now),
        member_certificate=min((_until(end, now) for end in ends), default=None),
    )


def _left(connection: Connection, now: datetime) -> dict[RoundState, float]:
    """Lists are exchanged until the deadline; what was answered by then, and what a person decides, has until the
    end of the agreement."""
    found: dict[RoundState, float] = {}
    rows = connection.execute(select(rounds.c.state, rounds.c.manifest).where(rounds.c.state.not_in(ENDS)))
    for word, manifest in rows:
        state, terms = RoundState(word), _ends(manifest)
        late = state is RoundState.DECIDING or (state is RoundState.RUNNING and terms[0] < now)
        seconds = _until(terms[1] if late else terms[0], now) // _MINUTE_SECONDS * _MINUTE_SECONDS
        found[state] = min(seconds, found.get(state, seconds))
    return found


@lru_cache(maxsize=_MANIFESTS_KEPT)
def _ends(manifest: bytes) -> tuple[datetime, datetime]:
    terms = Manifest.parse(manifest)
    return moment(terms.deadline), moment(terms.expires_at)


def _uncosigned(connection: Connection) -> tuple[int, str | None]:
    """How many entries no member has cosigned, and the time of the oldest of them."""
    cosigned = int(
        connection.execute(
            select(func.coalesce(func.max(cosignatures.c.tree_size), 0)).where(cosignatures.c.log == "ours")
        ).scalar_one()
    )
    last = connection.execute(select(func.max(audit_entries.c.position))).scalar()
    entries = 0 if last is None else max(0, int(last) + 1 - cosigned)
    return entries, _entry_time(connection, cosigned) if entries else None


def _cosignature_wait(connection: Connection, now: datetime) -> float:
    """For how long the longest of our finished rounds has waited for the other side's cosignature of our log at its
    end. It comes as long as the agreement holds; after that a later round with this member has to bring one."""
    came = exists().where(
        and_(
            cosignatures.c.round_id == rounds.c.round_id,
            cosignatures.c.member_id == rounds.c.peer,
            cosignatures.c.moment == "close",
            cosignatures.c.log == "ours",
        )
    )
    oldest = timestamp(now - timedelta(days=LONGEST_AGREEMENT_DAYS))
    query = select(rounds.c.manifest, rounds.c.ended_at).where(
        rounds.c.state == RoundState.FINISHED, rounds.c.peer.is_not(None), rounds.c.ended_at >= oldest, ~came
    )
    waits = (_since(at, now) for manifest, at in connection.execute(query) if _ends(manifest)[1] > now)
    return max(waits, default=0.0)


def _last_backup(parts: Parts, connection: Connection) -> str | None:
    """When one was last finished; where that was never noted, when one was last begun, or the node was made."""
    if (finished := finished_at(parts.store, connection)) is not None:
        return finished
    begun = select(func.max(audit_entries.c.at)).where(tells_of("backup-made"))
    return connection.execute(begun).scalar() or _entry_time(connection, 0)


def _entry_time(connection: Connection, position: int) -> str | None:
    return connection.execute(select(audit_entries.c.at).where(audit_entries.c.position == position)).scalar()


def _until(end: datetime, now: datetime) -> float:
    return max(0.0, (end - now).total_seconds())


def _since(text: str | None, now: datetime) -> float:
    """Seconds since a time as the database holds it; 0 without one, or where clocks were set back."""
    return 0.0 if text is None else _until(now, moment(text))

"""Grants: more budget for one member until a day, asked for by one person and approved by another.

A grant is a pot, not a rate: its elements are there once, are taken where the ordinary budget is used up, and what is
not used by its last day is gone. Charges that a grant paid for do not count in the window of the ordinary budget.

    asked --another person approves--> open --its elements are used, its day is over, or somebody revokes it--> over

What is approved is the digest of the whole grant (`Grant.digest`), so a row that is changed afterwards is not approved.
Revoking needs one person: it makes the budget smaller. A node that was restored from a backup does not know how much of
a grant was used since: every grant that was asked for before is void (decision 0017 for budgets).
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from node.clock import timestamp
from node.errors import NotFound, UserError
from node.policy.limits import Limits, years_to_walk, years_words
from node.staff import Approvals, Subject
from node.store import Store
from node.store.schema import grants
from node.wire.strict_json import canonical

__all__ = ["LONGEST_GRANT_DAYS", "MOST_GRANTED", "Grant", "GrantBook"]

LONGEST_GRANT_DAYS = 180
"""Days that a grant may hold, as long as an agreement."""

MOST_GRANTED = 100_000_000
"""Elements of one grant, in number: the telephone numbers of a country."""

_ORDER = (grants.c.valid_until, grants.c.asked_at, grants.c.grant_id)
_OF_PEER = select(grants).where(grants.c.peer == bindparam("peer")).order_by(*_ORDER)


@dataclass(frozen=True)
class Grant:
    """`valid_until` is its last moment; `used` of its `elements` are gone. `approved`: by a second person, as it is."""

    grant_id: str
    peer: str
    elements: int
    used: int
    asked_by: str
    asked_at: str
    valid_until: str
    approved: bool
    approved_by: str | None
    revoked_at: str | None

    @property
    def left(self) -> int:
        """Elements that are not used yet."""
        return self.elements - self.used

    def is_open(self, now: datetime, restored: datetime | None) -> bool:
        """Whether charges may take from it now; `restored`: when this node was restored, if ever."""
        known = restored is None or self.asked_at > timestamp(restored)
        return self.approved and known and self.revoked_at is None and timestamp(now) <= self.valid_until

    def state(self, now: datetime, restored: datetime | None) -> str:
        """In a word, for a table."""
        if self.revoked_at is not None:
            return "revoked"
        if timestamp(now) > self.valid_until:
            return "over"
        if not self.approved:
            return "waits for a second person"
        if not self.is_open(now, restored):
            return "void since a restore"
        return "open" if self.left else "used up"

    def sentence(self, name: str, limits: Limits) -> str:
        """What it means, printed where it is asked for and where it is approved."""
        asked, until = (datetime.fromisoformat(text) for text in (self.asked_at, self.valid_until))
        days = max((until - asked).days, 1)
        years = years_to_walk(limits.elements_per_peer * days + self.elements * limits.days, limits.days * days)
        return (
            f"With this grant {name} may have {self.elements:,} elements more evaluated until {self.valid_until[:10]}: "
            f"at that pace it would try the telephone numbers of a country in {years_words(years)}."
        )


def _digest(row: Any) -> bytes:
    terms = {name: getattr(row, name) for name in ("grant_id", "peer", "asked_by", "asked_at", "valid_until")}
    return hashlib.sha256(b"blindmatch/grant/1\0" + canonical({**terms, "elements": row.elements})).digest()


class GrantBook:
    """The grants of one node. Everything that changes them happens in the caller's transaction."""

    def __init__(self, store: Store, approvals: Approvals) -> None:
        self._store = store
        self._approvals = approvals

    def ask(
        self, tx: Connection, grant_id: str, peer: str, elements: int, until: date, *, by: str, now: datetime
    ) -> None:
        """One person asks. UserError for a day that is over or too far away, or a number that makes no sense."""
        if not 1 <= elements <= MOST_GRANTED:
            raise UserError(f"A grant is of 1 to {MOST_GRANTED:,} elements.")
        if not now.date() <= until <= now.date() + timedelta(days=LONGEST_GRANT_DAYS):
            raise UserError(
                f"A grant holds until a day between today and {LONGEST_GRANT_DAYS} days from now.",
                advice="Write the day as 2026-12-31.",
            )
        end = datetime.combine(until, time(23, 59, 59), tzinfo=UTC)
        tx.execute(
            insert(grants).values(
                grant_id=grant_id,
                peer=peer,
                elements=elements,
                asked_by=by,
                asked_at=timestamp(now),
                valid_until=timestamp(end),
            )
        )
        row = tx.execute(select(grants).where(grants.c.grant_id == grant_id)).one()
        self._approvals.ask(tx, Subject.GRANT, grant_id, _digest(row), by)

    def note_approved(self, tx: Connection, grant_id: str, by: str, now: datetime) -> Grant:
        """A second person approved: for the lists. What counts is their sealed approval."""
        values = {"approved_by": by, "approved_at": timestamp(now)}
        tx.execute(update(grants).where(grants.c.grant_id == grant_id).values(**values))
        return self.find(grant_id)

    def revoke(self, tx: Connection, grant: Grant, *, by: str, now: datetime) -> None:
        """What is left of it is gone. UserError if it was revoked before."""
        if grant.revoked_at is not None:
            raise UserError("This grant was revoked already.")
        self._approvals.drop(tx, Subject.GRANT, grant.grant_id, by)
        values = {"revoked_by": by, "revoked_at": timestamp(now)}
        tx.execute(update(grants).where(grants.c.grant_id == grant.grant_id).values(**values))

    def use(self, tx: Connection, open_grants: Iterable[Grant], elements: int) -> None:
        """Take elements from these grants, in their order; the caller has seen that they hold so many."""
        for grant in open_grants:
            taken = min(elements, grant.left)
            if taken:
                more = {"used": grants.c.used + taken}
                tx.execute(update(grants).where(grants.c.grant_id == grant.grant_id).values(**more))
                elements -= taken
        assert elements == 0

    def of(self, peer: str) -> list[Grant]:
        """All grants of a member; those that end first come first."""
        with self._store.read() as connection:
            return [self._made(row) for row in connection.execute(_OF_PEER, {"peer": peer}).all()]

    def all(self) -> list[Grant]:
        """Every grant there ever was, in the same order."""
        return self._select()

    def current(self, now: datetime) -> list[Grant]:
        """Those whose last day is not over, whatever else became of them."""
        return self._select(grants.c.valid_until >= timestamp(now))

    def find(self, beginning: str) -> Grant:
        """The grant whose id begins so; NotFound if it is none or not the only one."""
        found = self._select(grants.c.grant_id.startswith(beginning, autoescape=True)) if beginning else []
        if len(found) != 1:
            raise NotFound("No single grant has that number.", advice="`blindmatch budget show` lists the grants.")
        return found[0]

    def _select(self, *conditions: Any) -> list[Grant]:
        query = select(grants).where(*conditions).order_by(*_ORDER)
        with self._store.read() as connection:
            return [self._made(row) for row in connection.execute(query).all()]

    def _made(self, row: Row[Any]) -> Grant:
        approved = self._approvals.approved(Subject.GRANT, row.grant_id, _digest(row)) is not None
        return Grant(
            row.grant_id, row.peer, row.elements, row.used, row.asked_by, row.asked_at, row.valid_until,
            approved, row.approved_by, row.revoked_at,
        )  # fmt: skip

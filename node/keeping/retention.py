"""What was agreed to be kept for so many days is deleted when they are over, without anybody asking for it.

    round over (finished, refused, cancelled, failed)        at once, in the transaction of its end: its scalar, the key
                                                             its messages were sealed for, snapshot, decision
    its lists (spools)                                       at once, by the round's next step; looked for again here
    `retention_days` of this member in the manifest later    here: leads, their reviews, feedback, contact cards, what
                                                             the other side declared, decoys, contents of envelopes

The time runs from the end of the round at this node (`rounds.ended_at`), which comes at the latest when the agreement
expires: nobody can draw it out by sending one more note. What comes in later for such a round is deleted at the next
look. Each round has an entry in the audit log, in the transaction that deletes.

What stays, and why: the agreement with its signatures, states and charges (they say what was done, and name no person);
digests of envelopes (a replay is still known after years); the audit log. Deleted cells are overwritten in the file of
SQLite; a PostgreSQL server frees them in its own time. Not promised: backups made before are not reached; a clock that
is wrong by days deletes by as many days too early or too late.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Table, func, or_, select

from node.agreement.terms import moment
from node.audit import AuditLog
from node.clock import Clock
from node.errors import NodeError, place_of
from node.logs import get
from node.rounds.book import Round, RoundBook
from node.rounds.conversation import Workshop
from node.rounds.states import ENDS
from node.store import Store
from node.store.schema import contacts, decoys, feedback, freezes, inbox, outbox, results, reviews, rounds

__all__ = ["LOOK_SECONDS", "Deleted", "Kept", "Retention", "RetentionWatch"]

LOOK_SECONDS = 600.0
"""How often a running node looks for what is due, in seconds. It is agreed in days."""

_KEPT: tuple[Table, ...] = (results, reviews, feedback, contacts, decoys)
"""Tables that hold what a round gave, by its id. Whatever is added for a round belongs here."""


@dataclass(frozen=True)
class Kept:
    """What is kept of one round that is over, and until when. `leads` with the records erased since; `rest` counts
    reviews, feedback, contacts and decoys."""

    found: Round
    until: datetime
    leads: int
    rest: int

    def due(self, now: datetime) -> bool:
        return now >= self.until


@dataclass(frozen=True)
class Deleted:
    """What was deleted of one round."""

    round_id: str
    leads: int
    rest: int
    envelopes: int


class Retention:
    """Looks and deletes. `me`: the member id of this node."""

    def __init__(
        self, store: Store, audit: AuditLog, book: RoundBook, workshop: Workshop, clock: Clock, *, me: str
    ) -> None:
        self._store = store
        self._audit = audit
        self._book = book
        self._workshop = workshop
        self._clock = clock
        self._me = me

    def kept(self) -> list[Kept]:
        """Every round that is over and of which something is kept, those that are due first."""
        with self._store.read() as connection:
            found = [self._kept(connection, one) for one in self._book.all(tuple(ENDS))]
        return sorted((one for one in found if one.leads or one.rest), key=lambda one: (one.until, one.found.round_id))

    def until(self, found: Round) -> datetime | None:
        """Until when this node keeps what a round gave; None while it is not over, or if it gives nothing here."""
        member = next((one for one in found.manifest.members if one.member_id == self._me), None)
        if found.ended_at is None or member is None:
            return None
        return moment(found.ended_at) + timedelta(days=member.retention_days)

    def run(self) -> list[Deleted]:
        """Delete everything that is due, round by round: each in one transaction with its entry in the log."""
        deleted = [one for round_id in self._due() if (one := self._delete(round_id)) is not None]
        self._drop_lists()
        return deleted

    def _due(self) -> list[str]:
        """Rounds whose time is over and that were not looked at, or hold something again."""
        late = or_(*(rounds.c.round_id.in_(select(table.c.round_id)) for table in _KEPT))
        query = select(rounds.c.round_id).where(
            rounds.c.state.in_(ENDS), rounds.c.ended_at.is_not(None), or_(rounds.c.erased_at.is_(None), late)
        )
        now = self._clock.now()
        with self._store.read() as connection:
            candidates = list(connection.execute(query.order_by(rounds.c.ended_at)).scalars())
        found = ((round_id, self.until(self._book.get(round_id))) for round_id in candidates)
        return [round_id for round_id, until in found if until is not None and now >= until]

    def _delete(self, round_id: str) -> Deleted | None:
        with self._store.transaction() as tx:
            found = self._book.get(round_id)
            leads, rest = _leads(tx, round_id), sum(_rows(tx, table, round_id) for table in _KEPT[1:])
            envelopes = _contents(tx, round_id)
            said = found.count is not None
            if leads or rest or envelopes or said:
                self._audit.append(tx, "results-erased", round_id=round_id, hits=leads, entries=rest + envelopes)
            for table in _KEPT:
                tx.execute(table.delete().where(table.c.round_id == round_id))
            # A freeze that two people have ended needs no evidence any more, one that stands does; the log has both.
            tx.execute(freezes.delete().where(freezes.c.round_id == round_id, freezes.c.lifted_at.is_not(None)))
            tx.execute(inbox.update().where(inbox.c.round_id == round_id).values(processed=True, payload=None))
            tx.execute(outbox.update().where(outbox.c.round_id == round_id).values(acknowledged=True, envelope=b""))
            self._book.mark_erased(tx, round_id)
        return Deleted(round_id, leads, rest, envelopes) if leads or rest or envelopes or said else None

    def _drop_lists(self) -> None:
        """Lists of rounds that are over: they went at the end already, but for a crash in that very moment."""
        for round_id in self._workshop.left_behind():
            found = self._book.peek(round_id)
            if found is not None and found.over:
                self._workshop.forget(round_id)

    def _kept(self, connection: Connection, found: Round) -> Kept:
        rest = sum(_rows(connection, table, found.round_id) for table in _KEPT[1:])
        until = self.until(found) or self._clock.now()
        return Kept(found, until, _leads(connection, found.round_id), rest)


def _leads(connection: Connection, round_id: str) -> int:
    query = select(func.sum(func.length(results.c.statuses))).where(results.c.round_id == round_id)
    return int(connection.execute(query).scalar_one() or 0)


def _rows(connection: Connection, table: Table, round_id: str) -> int:
    query = select(func.count()).select_from(table).where(table.c.round_id == round_id)
    return int(connection.execute(query).scalar_one())


def _contents(connection: Connection, round_id: str) -> int:
    """Envelopes of a round whose content is still there, in both boxes."""
    came = select(func.count()).where(inbox.c.round_id == round_id, inbox.c.payload.is_not(None))
    goes = select(func.count()).where(outbox.c.round_id == round_id, func.length(outbox.c.envelope) > 0)
    return int(connection.execute(came).scalar_one()) + int(connection.execute(goes).scalar_one())


class RetentionWatch:
    """A thread of a running node that deletes what is due: at the start, and then every `LOOK_SECONDS`."""

    def __init__(self, run: Callable[[], object]) -> None:
        self._run = run
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="retention", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """No further look; one that is under way is waited for, for at most `seconds`."""
        self._stopped.set()
        self._thread.join(seconds)

    def look(self) -> None:
        """One look. What goes wrong is tried again at the next one, and must not end the thread."""
        try:
            self._run()
        except NodeError as error:
            get("retention").warning("not-deleted", code=error.code)
        except Exception as error:  # noqa: BLE001
            get("retention").error("not-deleted", error=type(error).__name__, position=place_of(error))

    def _watch(self) -> None:
        self.look()
        while not self._stopped.wait(LOOK_SECONDS):
            self.look()

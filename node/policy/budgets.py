"""Budgets: how many elements a peer may have evaluated, ever less than it would take to walk a country's numbers.

A blinded list cannot be inspected for made-up identifiers, so what is bounded is the amount: per agreement (the cap
in the manifest), per peer over all agreements, and over all peers together, each in a sliding window of days. Charged
is the padded size of every evaluation that is *returned*, because a guess hides in the padding as well as anywhere:

    first learner                        the size class of its list
    second, reply `ordered`              the size class of its list
    second, reply `released`             one for each released element
    second, reply `count` or `none`      nothing

A charge is a row in the same transaction as whatever lets the answer leave, so it is there before the answer and a
crash cannot lose it. A resumed round asks with the same peer, round and reason and is charged once.

Time never runs back here: it is the latest of the wall clock, of the start of this process plus the seconds that have
really passed since, and of the last charge and audit entry. So a clock set back frees nothing, neither then nor when
it is set right.

A node that was restored from a backup does not know what was charged after the backup. Everything counts as spent for
one window from the restore on, for every member and for those that are not in the book yet (decision 0017).

What this cannot stop: guesses within the budget, and an administrator who sets this node's own clock
forward, or sets it back while the node is stopped and right again later (that ages charges made in between).
"""

import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from sqlalchemy import Connection, func, insert, select

from node.agreement.manifest import Manifest
from node.clock import Clock, timestamp
from node.errors import RefusedByPolicy
from node.store import Store
from node.store.schema import audit_entries, charges

__all__ = [
    "APPROVAL_FLOOR_YEARS",
    "COUNTRY_NUMBERS",
    "Budget",
    "BudgetSpent",
    "Limits",
    "charge_for",
    "closed_sentence",
    "years_to_walk",
]

COUNTRY_NUMBERS = 10**8
"""Telephone numbers that a large country can give out."""

APPROVAL_FLOOR_YEARS = 20
"""A budget that walks a country's numbers in fewer years than this needs a second person's approval."""

DAYS_PER_YEAR = 365.25


def years_to_walk(elements: int, days: int, numbers: int = COUNTRY_NUMBERS) -> float:
    """Years until `numbers` guesses are through at `elements` per window of `days` days."""
    return numbers / elements * days / DAYS_PER_YEAR


@dataclass(frozen=True)
class Limits:
    """Elements per peer, and over all peers, in any window of `days` days. ValueError if a number makes no sense."""

    elements_per_peer: int = 20_000
    elements_in_all: int = 100_000
    days: int = 10

    def __post_init__(self) -> None:
        if min(self.elements_per_peer, self.elements_in_all, self.days) < 1:
            raise ValueError("a budget has at least one element and one day")
        if self.elements_in_all < self.elements_per_peer:
            raise ValueError("the budget over all peers is smaller than the budget of one")

    @property
    def years(self) -> float:
        """Years that one peer needs to walk a country's numbers."""
        return years_to_walk(self.elements_per_peer, self.days)

    @property
    def needs_approval(self) -> bool:
        """Whether the budget is so large that a second person has to approve it."""
        return self.years < APPROVAL_FLOOR_YEARS

    def sentence(self) -> str:
        """What the budget means, printed wherever it is set."""
        years = f"{self.years:,.0f}" if self.years >= 10 else f"{self.years:.1f}"
        said = (
            f"{self.elements_per_peer:,} elements per {self.days} days: one peer would need {years} years "
            f"to try the {COUNTRY_NUMBERS:,} telephone numbers of a country."
        )
        if self.needs_approval:
            said += f" That is less than {APPROVAL_FLOOR_YEARS} years: a second person should agree to such a budget."
        return said


class BudgetSpent(RefusedByPolicy):
    """Not now, but later: enough of the budget is free again at `free_at` (aware, UTC)."""

    def __init__(self, sentence: str, *, advice: str, free_at: datetime) -> None:
        super().__init__(sentence, advice=advice)
        self.free_at = free_at


def closed_sentence(until: datetime) -> str:
    """Why nothing is evaluated for anybody before `until`."""
    return (
        "This node was restored from a backup. What was evaluated after the backup is not known, so every member's "
        f"budget counts as spent until {timestamp(until)}."
    )


def charge_for(manifest: Manifest, member_id: str) -> int:
    """The most elements that can be charged to a member under an agreement; NotFound if it is no member."""
    if manifest.position(member_id) == "first" or manifest.mode == "ordered":
        return manifest.size_class(member_id)
    if manifest.mode == "released":
        released = manifest.reply.max_released * manifest.tokens_per_record
        return min(released, manifest.size_class(member_id))
    return 0


class Budget:
    """Charges and what is left of the limits. Safe to share between threads: the database orders the charges."""

    def __init__(self, store: Store, clock: Clock, limits: Limits) -> None:
        self._store = store
        self._clock = clock
        self._limits = limits
        self._started = (clock.now(), clock.monotonic())
        self._restored: tuple[datetime | None] | None = None

    def charge(self, tx: Connection, peer: str, round_id: str, reason: str, elements: int, *, cap: int) -> bool:
        """Charge `elements` to a peer inside the caller's transaction; False if this very charge stands already.

        `cap` is the peer's `max_elements` in the agreement. Raises RefusedByPolicy, and writes nothing, where the
        agreement, the peer or all peers together would go over; that is BudgetSpent where it is a matter of time.
        ValueError for a negative number.
        """
        if elements < 0:
            raise ValueError("a charge cannot be negative")
        mine = (charges.c.peer == peer) & (charges.c.round_id == round_id)
        stands = tx.execute(select(charges.c.elements).where(mine & (charges.c.reason == reason))).scalar()
        if stands is not None:
            if stands != elements:
                raise RefusedByPolicy(
                    "The same answer was charged before with another size, so it is not given again.",
                    advice="Cancel the round and agree on a new one.",
                )
            return False
        spent = int(tx.execute(select(func.coalesce(func.sum(charges.c.elements), 0)).where(mine)).scalar_one())
        if spent + elements > cap:
            raise RefusedByPolicy(
                f"The agreement lets this member have {cap:,} elements evaluated; {spent:,} are used and "
                f"{elements:,} more were asked for.",
                advice="Agree on a new round with a higher cap, if that is right.",
            )
        now = self._now(tx)
        self._fit(tx, now, peer, elements)
        tx.execute(
            insert(charges).values(peer=peer, round_id=round_id, reason=reason, elements=elements, at=timestamp(now))
        )
        return True

    def check(self, peer: str, elements: int) -> None:
        """Whether `elements` could be charged to a peer now, for any agreement; raises as `charge` does."""
        if elements:
            with self._store.read() as connection:
                self._fit(connection, self._now(connection), peer, elements)

    @property
    def per_peer(self) -> int:
        """Elements that may be evaluated for one peer in a whole window."""
        return self._limits.elements_per_peer

    def remaining(self, peer: str) -> int:
        """Elements that may be evaluated for a peer now: the smaller of its own rest and the rest over all peers."""
        with self._store.read() as connection:
            now = self._now(connection)
            if self._closed_until(connection, now) is not None:
                return 0
            own = self._limits.elements_per_peer - _spent(self._window(connection, now, peer))
            everyone = self._limits.elements_in_all - _spent(self._window(connection, now, None))
        return max(0, min(own, everyone))

    def closed_until(self) -> datetime | None:
        """Until when nothing is evaluated for anybody because this node was restored; None if that is not so."""
        with self._store.read() as connection:
            return self._closed_until(connection, self._now(connection))

    def sentence(self) -> str:
        """What the limits mean, and whether the budget is closed after a restore."""
        until = self.closed_until()
        return self._limits.sentence() + ("" if until is None else f" {closed_sentence(until)}")

    def fits_log(self) -> bool:
        """Whether the charges are those that the audit log tells of: each has an entry of its own transaction."""
        noted: Counter[tuple[str, str]] = Counter()
        written: Counter[tuple[str, str]] = Counter()
        entries = select(audit_entries.c.body).where(audit_entries.c.body.contains('"event":"budget-charged"'))
        with self._store.read() as connection:
            for row in connection.execute(select(charges.c.peer, charges.c.round_id, charges.c.elements)):
                written[row.peer, row.round_id] += row.elements
            for body in connection.execute(entries).scalars():
                facts = json.loads(body)["facts"]
                noted[facts["peer"], facts["round_id"]] += facts["elements"]
        return written == noted

    def _now(self, connection: Connection) -> datetime:
        """The latest time that this node knows of; whole seconds."""
        started, ticks = self._started
        passed = started + timedelta(seconds=self._clock.monotonic() - ticks)
        charged = select(func.max(charges.c.at))
        audited = select(audit_entries.c.at).order_by(audit_entries.c.position.desc()).limit(1)
        seen = [connection.execute(query).scalar() for query in (charged, audited)]
        latest = max(self._clock.now(), passed, *(_time(text) for text in seen if text is not None))
        return latest.replace(microsecond=0)

    def _window(self, connection: Connection, now: datetime, peer: str | None) -> list[tuple[int, str]]:
        """(elements, at) of every charge that still counts, oldest first. Whole seconds: the edge still counts."""
        since = timestamp(now - timedelta(days=self._limits.days))
        query = select(charges.c.elements, charges.c.at).where(charges.c.at >= since).order_by(charges.c.at)
        if peer is not None:
            query = query.where(charges.c.peer == peer)
        return [(row.elements, row.at) for row in connection.execute(query)]

    def _closed_until(self, connection: Connection, now: datetime) -> datetime | None:
        if self._restored is None:  # looked up once: a node is restored while it does not run
            restored = select(audit_entries.c.position).where(audit_entries.c.body.contains('"event":"node-restored"'))
            last = connection.execute(restored.order_by(audit_entries.c.position.desc()).limit(1)).scalar()
            self._restored = (None,)
            if last is not None:
                latest = select(func.max(audit_entries.c.at)).where(audit_entries.c.position <= last)
                self._restored = (_time(connection.execute(latest).scalar_one()),)
        if self._restored[0] is None:
            return None
        # A charge of the last second before the restore counts up to this one, and with it.
        until = self._restored[0] + timedelta(days=self._limits.days, seconds=1)
        return until if now < until else None

    def _fit(self, connection: Connection, now: datetime, peer: str, elements: int) -> None:
        until = self._closed_until(connection, now) if elements else None
        if until is not None:
            raise BudgetSpent(
                closed_sentence(until),
                advice="Agree on a round that is answered after that time.",
                free_at=until,
            )
        for who, limit in ((peer, self._limits.elements_per_peer), (None, self._limits.elements_in_all)):
            self._fits(connection, now, who, limit, elements)

    def _fits(self, tx: Connection, now: datetime, peer: str | None, limit: int, elements: int) -> None:
        counted = self._window(tx, now, peer)
        over = _spent(counted) + elements - limit
        if over <= 0:
            return
        whose = "this member" if peer is not None else "all members together"
        left = max(0, limit - _spent(counted))
        said = f"The budget of {whose} has {left:,} of {limit:,} elements left and {elements:,} were asked for."
        if elements > limit:
            raise RefusedByPolicy(
                said, advice="It will never be enough: agree on smaller lists, or have the budget raised."
            )
        frees = _time(_freeing(counted, over)) + timedelta(days=self._limits.days, seconds=1)
        raise BudgetSpent(
            said,
            advice=f"Enough of it is free again from {timestamp(frees)} on: propose the round again then.",
            free_at=frees,
        )


def _freeing(counted: list[tuple[int, str]], over: int) -> str:
    """The time of the charge whose end frees `over` elements; what is charged in all is at least that many."""
    freed = accumulate(elements for elements, _ in counted)
    return next(at for total, (_, at) in zip(freed, counted, strict=True) if total >= over)


def _spent(counted: list[tuple[int, str]]) -> int:
    return sum(elements for elements, _ in counted)


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)

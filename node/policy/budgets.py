"""Budgets: how many elements a peer may have evaluated, ever less than it would take to walk a country's numbers.

A blinded list cannot be inspected for made-up identifiers, so what is bounded is the amount: per agreement (the cap
in the manifest), per peer over all agreements, and over all peers together, each in a sliding window of days. Charged
is the padded size of every evaluation that is *returned*, because a guess hides in the padding as well as anywhere:

    first learner                        the size class of its list
    second, reply `ordered`              the size class of its list
    second, reply `released`             one for each released element
    second, reply `count` or `none`      nothing

Where that is not enough, approved grants of the member pay the rest (`node.policy.grants`): what they paid does not
count in a window. Limits that walk a country's numbers too fast hold only once a second person approved them
(`node.policy.limits`).

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
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from sqlalchemy import Connection, bindparam, func, insert, select

from node.agreement.manifest import Manifest
from node.clock import Clock, timestamp
from node.errors import RefusedByPolicy
from node.policy.grants import Grant, GrantBook
from node.policy.limits import APPROVAL_FLOOR_YEARS, MOST_DAYS_AT_ONCE, Limits
from node.staff import Approvals, Subject
from node.store import Store
from node.store.entries import tells_of
from node.store.schema import audit_entries, charges

__all__ = ["ASK_FOR_GRANT", "SETTINGS_ID", "Budget", "BudgetSpent", "Usage", "charge_for", "closed_sentence"]

SETTINGS_ID = "settings"
"""What the approval of the limits in the settings file is about, beside their digest."""

ASK_FOR_GRANT = "ask for a grant (`blindmatch budget grant --help`), which a second person approves"
"""How a member gets more, as the end of an advice."""

# Made once: all of them are asked for each time a person looks at a round.
_LAST_CHARGED = select(func.max(charges.c.at))
_LAST_AUDITED = select(audit_entries.c.at).order_by(audit_entries.c.position.desc()).limit(1)
_SINCE = (
    select((charges.c.elements - charges.c.granted).label("elements"), charges.c.at)
    .where(charges.c.at >= bindparam("since"))
    .order_by(charges.c.at)
)
_SINCE_OF_PEER = _SINCE.where(charges.c.peer == bindparam("peer"))


class BudgetSpent(RefusedByPolicy):
    """Not now, but later: enough of the budget is free again at `free_at` (aware, UTC)."""

    def __init__(self, sentence: str, *, advice: str, free_at: datetime) -> None:
        super().__init__(sentence, advice=advice)
        self.free_at = free_at


@dataclass(frozen=True)
class Usage:
    """How much of the budgets is used up, as shares of 1: of each member that was asked about, in no order, and of all
    together; `closed_until` as for `Budget`."""

    members: tuple[float, ...]
    in_all: float
    closed_until: datetime | None


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

    def __init__(self, store: Store, clock: Clock, limits: Limits, approvals: Approvals | None = None) -> None:
        """`limits` are those of the settings. Without `approvals` there are no grants, and they are as if approved."""
        self._store = store
        self._clock = clock
        self._asked = limits
        self._approvals = approvals
        self._grants = None if approvals is None else GrantBook(store, approvals)
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
        granted = self._fit(tx, now, peer, elements)
        if granted and self._grants is not None:
            self._grants.use(tx, self._open_grants(now, peer), granted)
        values = {"peer": peer, "round_id": round_id, "reason": reason, "elements": elements, "granted": granted}
        tx.execute(insert(charges).values(**values, at=timestamp(now)))
        return True

    def check(self, peer: str, elements: int) -> None:
        """Whether `elements` could be charged to a peer now, for any agreement; raises as `charge` does."""
        if elements:
            with self._store.read() as connection:
                self._fit(connection, self._now(connection), peer, elements)

    @property
    def limits(self) -> Limits:
        """The limits that hold now: those of the settings, or the most that nobody has to approve."""
        return self._asked if self.settings_hold else self._asked.within_floor()

    @property
    def asked(self) -> Limits:
        """The limits that the settings ask for."""
        return self._asked

    @property
    def settings_hold(self) -> bool:
        """Whether the limits of the settings need no approval, or a second person approved exactly these."""
        if not self._asked.needs_approval or self._approvals is None:
            return True
        return self._approvals.approved(Subject.BUDGET_SETTINGS, SETTINGS_ID, self._asked.digest()) is not None

    def allowance(self, peer: str) -> int:
        """Elements that may be evaluated for a peer when nothing is spent: of a whole window, and of open grants."""
        with self._store.read() as connection:
            now = self._now(connection)
        return self.limits.elements_per_peer + self._granted(now, peer)

    def remaining(self, peer: str) -> int:
        """Elements that may be evaluated for a peer now: the smaller of its own rest and the rest over all peers, and
        what its open grants hold."""
        limits = self.limits
        with self._store.read() as connection:
            now = self._now(connection)
            if self._closed_until(connection, now) is not None:
                return 0
            own = limits.elements_per_peer - _spent(self._window(connection, now, peer))
            everyone = limits.elements_in_all - _spent(self._window(connection, now, None))
        return max(0, min(own, everyone)) + self._granted(now, peer)

    def spent(self, peer: str | None) -> int:
        """Elements that count in the window now, of a peer or (None) of all; what grants paid for does not."""
        with self._store.read() as connection:
            return _spent(self._window(connection, self._now(connection), peer))

    def usage(self, peers: Collection[str]) -> Usage:
        """What is used up now of the budgets of these members, their open grants counted in, without saying whose."""
        limits = self.limits
        counted = func.sum(charges.c.elements - charges.c.granted)
        with self._store.read() as connection:
            now, restored = self._now(connection), self._restored_at(connection)
            since = timestamp(now - timedelta(days=self._asked.days))
            query = select(charges.c.peer, counted).where(charges.c.at >= since).group_by(charges.c.peer)
            spent = {peer: int(elements) for peer, elements in connection.execute(query)}
            closed = self._closed_until(connection, now)
        granted: Counter[str] = Counter()
        for grant in [] if self._grants is None else self._grants.current(now):
            if grant.is_open(now, restored):
                granted[grant.peer] += grant.left
        whole = {peer: limits.elements_per_peer + granted[peer] for peer in peers}
        return Usage(
            tuple(min(1.0, spent.get(peer, 0) / whole[peer]) for peer in peers),
            min(1.0, sum(spent.values()) / limits.elements_in_all),
            closed,
        )

    def grants_of(self, peer: str) -> list[tuple[Grant, str]]:
        """Every grant that was asked for, with its state in a word."""
        if self._grants is None:
            return []
        with self._store.read() as connection:
            now, restored = self._now(connection), self._restored_at(connection)
        return [(grant, grant.state(now, restored)) for grant in self._grants.of(peer)]

    def closed_until(self) -> datetime | None:
        """Until when nothing is evaluated for anybody because this node was restored; None if that is not so."""
        with self._store.read() as connection:
            return self._closed_until(connection, self._now(connection))

    def sentence(self) -> str:
        """What the limits mean, whether those of the settings hold, and if the budget is closed after a restore."""
        said, until = self.limits.sentence(), self.closed_until()
        if not self.settings_hold:
            why = f"Less than {APPROVAL_FLOOR_YEARS} years"
            if self._asked.years_in_all >= APPROVAL_FLOOR_YEARS:
                why = f"More at once than {MOST_DAYS_AT_ONCE} days give"
            said += (
                f" The settings ask for more: {self._asked.sentence()} {why} needs two people, so this has no effect "
                "until it was asked for and approved: `blindmatch budget approve-settings --by NAME`, by one person "
                "and then by another."
            )
        return said + ("" if until is None else f" {closed_sentence(until)}")

    def fits_log(self) -> bool:
        """Whether the charges are those that the audit log tells of: each has an entry of its own transaction."""
        noted: Counter[tuple[str, str]] = Counter()
        written: Counter[tuple[str, str]] = Counter()
        entries = select(audit_entries.c.body).where(tells_of("budget-charged"))
        with self._store.read() as connection:
            for row in connection.execute(select(charges.c.peer, charges.c.round_id, charges.c.elements)):
                written[row.peer, row.round_id] += row.elements
            for body in connection.execute(entries).scalars():
                facts = json.loads(body)["facts"]
                noted[facts["peer"], facts["round_id"]] += facts["elements"]
            granted = int(connection.execute(select(func.coalesce(func.sum(charges.c.granted), 0))).scalar_one())
        used = 0 if self._grants is None else sum(grant.used for grant in self._grants.all())
        return written == noted and (self._grants is None or granted == used)

    def _now(self, connection: Connection) -> datetime:
        """The latest time that this node knows of; whole seconds."""
        started, ticks = self._started
        passed = started + timedelta(seconds=self._clock.monotonic() - ticks)
        seen = [connection.execute(query).scalar() for query in (_LAST_CHARGED, _LAST_AUDITED)]
        latest = max(self._clock.now(), passed, *(_time(text) for text in seen if text is not None))
        return latest.replace(microsecond=0)

    def _window(self, connection: Connection, now: datetime, peer: str | None) -> list[tuple[int, str]]:
        """(elements, at) of every charge that still counts, oldest first, without what grants paid for. Whole seconds:
        the edge still counts."""
        since = timestamp(now - timedelta(days=self._asked.days))
        query, who = (_SINCE, {}) if peer is None else (_SINCE_OF_PEER, {"peer": peer})
        return [(row.elements, row.at) for row in connection.execute(query, {"since": since, **who})]

    def _restored_at(self, connection: Connection) -> datetime | None:
        if self._restored is None:  # looked up once: a node is restored while it does not run
            restored = select(audit_entries.c.position).where(tells_of("node-restored"))
            last = connection.execute(restored.order_by(audit_entries.c.position.desc()).limit(1)).scalar()
            self._restored = (None,)
            if last is not None:
                latest = select(func.max(audit_entries.c.at)).where(audit_entries.c.position <= last)
                self._restored = (_time(connection.execute(latest).scalar_one()),)
        return self._restored[0]

    def _closed_until(self, connection: Connection, now: datetime) -> datetime | None:
        restored = self._restored_at(connection)
        if restored is None:
            return None
        # A charge of the last second before the restore counts up to this one, and with it.
        until = restored + timedelta(days=self._asked.days, seconds=1)
        return until if now < until else None

    def _open_grants(self, now: datetime, peer: str) -> list[Grant]:
        if self._grants is None or not (asked := self._grants.of(peer)):
            return []
        with self._store.read() as connection:
            restored = self._restored_at(connection)
        return [grant for grant in asked if grant.is_open(now, restored)]

    def _granted(self, now: datetime, peer: str) -> int:
        return sum(grant.left for grant in self._open_grants(now, peer))

    def _fit(self, connection: Connection, now: datetime, peer: str, elements: int) -> int:
        """How many of these elements grants have to pay for; raises where budget and grants together do not hold."""
        until = self._closed_until(connection, now) if elements else None
        if until is not None:
            raise BudgetSpent(
                closed_sentence(until),
                advice="Agree on a round that is answered after that time.",
                free_at=until,
            )
        if not elements:
            return 0
        granted, limits = self._granted(now, peer), self.limits
        both = ((peer, limits.elements_per_peer), (None, limits.elements_in_all))
        return max(self._fits(connection, now, who, limit, elements, granted) for who, limit in both)

    def _fits(self, tx: Connection, now: datetime, peer: str | None, limit: int, elements: int, granted: int) -> int:
        """How many of these elements one limit does not hold; raises if `granted` elements are fewer than that."""
        counted = self._window(tx, now, peer)
        left = max(0, limit - _spent(counted))
        missing = max(0, elements - left)
        if missing <= granted:
            return missing
        whose = "this member" if peer is not None else "all members together"
        more = f" and {granted:,} granted to it" if granted else ""
        said = f"The budget of {whose} has {left:,} of {limit:,} elements left{more}, and {elements:,} were asked for."
        if elements > limit + granted:
            raise RefusedByPolicy(said, advice=f"It will never be enough: agree on smaller lists, or {ASK_FOR_GRANT}.")
        frees = _time(_freeing(counted, _spent(counted) + elements - limit - granted))
        frees += timedelta(days=self._asked.days, seconds=1)
        raise BudgetSpent(
            said,
            advice=f"Enough of it is free again from {timestamp(frees)} on: propose the round again then, or "
            f"{ASK_FOR_GRANT}.",
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

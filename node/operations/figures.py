"""How a node stands, in figures and in reasons: what `node.metrics` and `node.watch` show.

Read when somebody asks, from what is stored and from what the parts keep in memory; what changes slowly is looked up in
`outlook`, and kept for half a minute.
"""

import math
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy import select

from node import __version__, logs
from node.identity.members import Member, MemberState
from node.operations.outlook import OUTLOOK_SECONDS, Outlook, outlook
from node.operations.parts import Parts
from node.rounds.presence import NOTICED_SKEW
from node.rounds.room import DISK_RESERVE_BYTES
from node.rounds.scheduler import Scheduler
from node.rounds.states import RoundState
from node.store.schema import settings
from node.transport.visits import Visits

if TYPE_CHECKING:
    from node.metrics import Metrics

__all__ = ["SHARE_STEPS", "checks", "refresher"]

SHARE_STEPS = 20
"""In so many steps a share of a budget is told, rounded down. A release charges as many elements as agreed, so an exact
share would tell every reader of two pages how many did."""

_HOUR_SECONDS = 3600.0


def refresher(parts: Parts, scheduler: Scheduler, visits: Visits) -> "Callable[[Metrics], None]":
    """What brings every figure up to date."""
    slow = _Slow(parts)

    def refresh(metrics: "Metrics") -> None:
        rounds, members = parts.book.counts(), parts.members.list()
        confirmed = [one for one in members if one.state is MemberState.CONFIRMED]
        metrics.set("build", 1, version=__version__)
        for state in RoundState:
            metrics.set("rounds", rounds.get(state, 0), state=state.value)
        for standing in MemberState:
            metrics.set("members", sum(one.state is standing for one in members), state=standing.value)
        metrics.set("outbox_rounds", len(parts.outbox.rounds_waiting()))
        metrics.set("inbox_rounds", len(parts.engine.inbox.rounds_waiting()))
        metrics.set("audit_entries", parts.audit.size())
        metrics.set("disk_free_bytes", parts.room.free())
        metrics.set("disk_reserve_bytes", DISK_RESERVE_BYTES)
        _others(metrics, parts, visits, confirmed)
        _work(metrics, scheduler)
        _coming(metrics, slow.look(confirmed))

    return refresh


class _Slow:
    """The outlook, taken anew every OUTLOOK_SECONDS: one page is made at a time."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._looked: float | None = None
        self._seen: Outlook | None = None

    def look(self, confirmed: list[Member]) -> Outlook:
        now = self._parts.clock.monotonic()
        if self._seen is None or self._looked is None or now - self._looked >= OUTLOOK_SECONDS:
            self._seen, self._looked = outlook(self._parts, confirmed), now
        return self._seen


def _others(metrics: "Metrics", parts: Parts, visits: Visits, confirmed: list[Member]) -> None:
    """Whom no call comes through to, and whose clocks are wrong. Nobody is called for whom nothing waits, so of such a
    member nothing is known; a node that nobody can call visits the others all the time."""
    presence = parts.engine.post.presence
    known = {one.member_id for one in confirmed}
    waited_for = known & {recipient for _, recipient in parts.outbox.waiting_for()}
    visited = visits.failing_seconds(relay=False)
    called = presence.failing_seconds(waited_for - visited.keys())
    away = [*called, *(seconds for place, seconds in visited.items() if place in known)]
    relays = visits.failing_seconds(relay=True).values()
    metrics.set("members_unreachable", len(away))
    metrics.set("relays_unreachable", len(relays))
    metrics.set("unreachable_seconds", round(max(away, default=0.0)), whose="member")
    metrics.set("unreachable_seconds", round(max(relays, default=0.0)), whose="relay")
    skews = presence.skews_seconds(known)
    metrics.set("clock_skew_seconds", round(max(skews, default=0.0), 1))
    metrics.set("members_clock_off", sum(skew > NOTICED_SKEW.total_seconds() for skew in skews))
    for outcome, count in presence.outcomes().items():
        metrics.set("calls", count, outcome=outcome)


def _work(metrics: "Metrics", scheduler: Scheduler) -> None:
    steps = scheduler.steps()
    metrics.set("steps", steps.done, outcome="done")
    metrics.set("steps", steps.crashed, outcome="crashed")
    metrics.set("step_seconds", round(steps.seconds, 3))
    for level, lines in logs.said().items():
        metrics.set("log_lines", lines, level=level)


def _coming(metrics: "Metrics", seen: Outlook) -> None:
    for gauge in ("round_seconds_left", "certificate_seconds_left"):
        metrics.clear(gauge)
    for state, seconds in seen.left.items():
        metrics.set("round_seconds_left", seconds, state=state.value)
    metrics.set("certificate_seconds_left", _hours(seen.own_certificate), whose="own")
    if seen.member_certificate is not None:
        metrics.set("certificate_seconds_left", _hours(seen.member_certificate), whose="member")
    metrics.set("rounds_short_of_room", seen.short_of_room)
    metrics.set("approvals_waiting", seen.approvals)
    metrics.set("members_frozen", seen.frozen)
    metrics.set("budget_used_ratio", _share(seen.budget_used), of="member")
    metrics.set("budget_used_ratio", _share(seen.budget_used_in_all), of="all")
    metrics.set("members_budget_near", seen.budget_near)
    metrics.set("budget_closed_seconds", seen.budget_closed)
    metrics.set("audit_uncosigned_entries", seen.uncosigned_entries)
    metrics.set("audit_uncosigned_seconds", seen.uncosigned)
    metrics.set("cosignature_wait_seconds", seen.cosignature_wait)
    metrics.set("backup_age_seconds", seen.backup_age)


def _share(share: float) -> float:
    """In steps: 0.8 stays 0.8, though it cannot be written in binary."""
    return math.floor(share * SHARE_STEPS + 1e-9) / SHARE_STEPS


def _hours(seconds: float) -> float:
    """To the hour: to the second, the end of a member's certificate says which member's it is."""
    return seconds // _HOUR_SECONDS * _HOUR_SECONDS


def checks(parts: Parts, scheduler: Scheduler) -> dict[str, Callable[[], bool]]:
    """Reason why the node is not ready -> whether it holds now (`node.watch.REASONS`)."""

    def database() -> bool:
        with parts.store.read() as connection:
            connection.execute(select(settings.c.key).limit(1)).all()
        return False

    return {
        "starting": lambda: not scheduler.looked,
        "database": database,
        "disk": lambda: not os.access(parts.folder.path, os.W_OK),
        "disk-low": parts.room.low,
        "rounds": lambda: not scheduler.sound,
    }

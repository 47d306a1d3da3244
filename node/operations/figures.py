"""How a node stands, in figures and in reasons: what `node.metrics` and `node.watch` show.

Read when somebody asks, from what is stored and from what the parts keep in memory; nothing is kept for it.
"""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy import select

from node.identity.members import MemberState
from node.operations.parts import Parts
from node.rounds.room import DISK_RESERVE_BYTES
from node.rounds.scheduler import Scheduler
from node.rounds.states import RoundState
from node.store.schema import settings

if TYPE_CHECKING:
    from node.metrics import Metrics

__all__ = ["checks", "refresher"]


def refresher(parts: Parts, scheduler: Scheduler) -> "Callable[[Metrics], None]":
    """What brings every figure up to date."""

    def refresh(metrics: "Metrics") -> None:
        rounds, members = parts.book.counts(), parts.members.list()
        presence = parts.engine.post.presence
        for state in RoundState:
            metrics.set("rounds", rounds.get(state, 0), state=state.value)
        for standing in MemberState:
            metrics.set("members", sum(one.state is standing for one in members), state=standing.value)
        metrics.set("members_unreachable", presence.failing())
        metrics.set("outbox_rounds", len(parts.outbox.rounds_waiting()))
        metrics.set("inbox_rounds", len(parts.engine.inbox.rounds_waiting()))
        metrics.set("audit_entries", parts.audit.size())
        metrics.set("disk_free_bytes", parts.room.free())
        metrics.set("disk_reserve_bytes", DISK_RESERVE_BYTES)
        metrics.set("clock_skew_seconds", round(presence.widest_skew_seconds(), 1))
        for outcome, count in presence.outcomes().items():
            metrics.set("calls", count, outcome=outcome)
        steps = scheduler.steps()
        metrics.set("steps", steps.done, outcome="done")
        metrics.set("steps", steps.crashed, outcome="crashed")
        metrics.set("step_seconds", round(steps.seconds, 3))

    return refresh


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

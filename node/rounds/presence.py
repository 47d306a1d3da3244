"""What this node knows of the others' nodes: when they were last heard of, what a call to them came to, their clocks.

In memory, since the start: an old "answered yesterday" helps nobody, and nothing here decides anything. `Post` tells
what its calls come to, `Reception` who talks to us; `ClockWatch` asks each node for its time once a connection, when
one has come about, and again after an hour in which it was heard of. `node/operations/turns.py` and
`node/operations/figures.py` read it.

A clock that is wrong by up to `TOLERATED_SKEW` costs nothing: agreements are accepted that much ahead of time. What is
between `NOTICED_SKEW` and that is reported with advice. A time that a peer states is its word: it is shown, and counts
for nothing else.
"""

import threading
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from node.agreement.manifest import Manifest
from node.agreement.terms import moment
from node.clock import Clock
from node.errors import Busy, NodeError
from node.policy.agreement import CLOCK_SKEW
from node.wire.envelope import ReceiptKind

__all__ = [
    "CLOCK_AGAIN_SECONDS",
    "CLOCK_KEPT_SECONDS",
    "CLOCK_PAUSE_SECONDS",
    "NOTICED_SKEW",
    "TOLERATED_SKEW",
    "ClockWatch",
    "Known",
    "Presence",
    "skew_sentence",
    "starts_at",
]

TOLERATED_SKEW = CLOCK_SKEW
"""How far two clocks may be apart; beyond it new agreements are refused."""
NOTICED_SKEW = timedelta(minutes=1)
"""What is less is not worth a word: a line may take that long."""
CLOCK_PAUSE_SECONDS = 5.0
"""How often it is looked whether there is a new connection to ask for the time."""
CLOCK_AGAIN_SECONDS = 3600.0
"""After so many seconds a node that was heard of meanwhile is asked again: a clock that was set right is to be seen."""
CLOCK_KEPT_SECONDS = 86_400.0
"""How long an answer counts in the figures: of a node that is not heard of any more nothing is known."""

_OUTCOMES = {
    ReceiptKind.ACCEPTED: "accepted",
    ReceiptKind.ALREADY: "already",
    ReceiptKind.RETRY_LATER: "later",
}


@dataclass(frozen=True)
class Known:
    """`heard_at`: it last called us or answered us. `failing_since`: no call has come through since then, because of
    `reason`, our own sentence. `next_try`: monotonic. `ahead`: its clock against ours; None if it was not asked.
    `asked`, `told`: when it was last asked for its time, and when it told it (monotonic); `met`: heard of since."""

    heard_at: datetime | None = None
    failing_since: datetime | None = None
    reason: str = ""
    next_try: float | None = None
    ahead: timedelta | None = None
    asked: float | None = None
    told: float | None = None
    met: bool = False


class Presence:
    """Any thread may tell and ask."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, Known] = {}
        self._outcomes: Counter[str] = Counter()

    def of(self, member_id: str) -> Known:
        with self._lock:
            return self._known.get(member_id, Known())

    def wait_seconds(self, member_id: str) -> float | None:
        """Seconds until the next try after a failure; None if none failed last."""
        due = self.of(member_id).next_try
        return None if due is None else max(0.0, due - self._clock.monotonic())

    def heard(self, member_id: str) -> None:
        """It called us, and what it said was in order."""
        with self._lock:
            known = self._known.get(member_id, Known())
            self._set(member_id, known, heard_at=self._clock.now(), met=True)

    def answered(self, member_id: str, receipt: ReceiptKind) -> None:
        """It took a call of ours."""
        with self._lock:
            self._outcomes[_OUTCOMES[receipt]] += 1
            known = self._known.get(member_id, Known())
            self._set(
                member_id, known, heard_at=self._clock.now(), met=True, failing_since=None, reason="", next_try=None
            )

    def refused(self, member_id: str) -> None:
        """It said no for good: it is there."""
        with self._lock:
            self._outcomes["refused"] += 1
            known = self._known.get(member_id, Known())
            self._set(member_id, known, heard_at=self._clock.now(), met=True, next_try=None)

    def missed(self, member_id: str, error: NodeError, wait: float) -> None:
        """A call failed and is tried again in `wait` seconds. The next connection is another one, with another clock
        perhaps."""
        with self._lock:
            self._outcomes["busy" if isinstance(error, Busy) else "unreachable"] += 1
            known = self._known.get(member_id, Known())
            self._set(
                member_id,
                known,
                failing_since=known.failing_since or self._clock.now(),
                reason=error.sentence,
                next_try=self._clock.monotonic() + wait,
                asked=None,
            )

    def clock_of(self, member_id: str, ahead: timedelta | None) -> None:
        """Its clock against ours, as it said just now; None: it could not be asked."""
        with self._lock:
            known = self._known.get(member_id, Known())
            now = self._clock.monotonic()
            told = {} if ahead is None else {"ahead": ahead, "told": now}
            self._set(member_id, known, asked=now, met=False, **told)

    def to_ask(self) -> list[str]:
        """Whom a call reached since it was last asked for its time, or who was heard of an hour after that."""
        with self._lock:
            old = self._clock.monotonic() - CLOCK_AGAIN_SECONDS
            return sorted(
                member_id
                for member_id, known in self._known.items()
                if known.heard_at is not None
                and known.failing_since is None
                and (known.asked is None or (known.met and known.asked <= old))
            )

    def outcomes(self) -> dict[str, int]:
        """How often calls came to what, since the start: accepted, already, later, busy, unreachable, refused."""
        with self._lock:
            return dict(self._outcomes)

    def failing(self) -> int:
        """How many members no call comes through to."""
        with self._lock:
            return sum(known.failing_since is not None for known in self._known.values())

    def failing_seconds(self, among: Collection[str]) -> list[float]:
        """Of these members, for how long no call has come through to each to whom none does."""
        with self._lock:
            now = self._clock.now()
            since = [known.failing_since for member_id, known in self._known.items() if member_id in among]
        return [max(0.0, (now - one).total_seconds()) for one in since if one is not None]

    def skews_seconds(self, among: Collection[str]) -> list[float]:
        """Of these members, how far each clock is away from ours, as far as it was told lately."""
        with self._lock:
            old = self._clock.monotonic() - CLOCK_KEPT_SECONDS
            known = [one for member_id, one in self._known.items() if member_id in among]
        return [
            abs(one.ahead.total_seconds())
            for one in known
            if one.ahead is not None and one.told is not None and one.told >= old
        ]

    def _set(self, member_id: str, known: Known, **changes: Any) -> None:
        self._known[member_id] = replace(known, **changes)


def starts_at(manifest: Manifest) -> datetime | None:
    """Before which moment no list is made, if somebody set one. An agreement that may start at once carries the time at
    which it was made, by its convener's clock: a node whose clock is behind does not wait for that."""
    start = moment(manifest.start_not_before)
    return start if start > moment(manifest.created_at) else None


def skew_sentence(name: str, ahead: timedelta | None) -> str:
    """What a person is told of a clock that is wrong; empty if it is not, or nobody knows."""
    if ahead is None or abs(ahead) < NOTICED_SKEW:
        return ""
    minutes = round(abs(ahead).total_seconds() / 60)
    wrong = f"{minutes} minute{'s' if minutes != 1 else ''} {'ahead of' if ahead > timedelta() else 'behind'} ours"
    hours = TOLERATED_SKEW.total_seconds() / 3600
    borne = (
        f"more than the {hours:g} hour that is borne: new agreements may be refused and deadlines missed"
        if abs(ahead) > TOLERATED_SKEW
        else f"up to {hours:g} hour is borne"
    )
    return f"The clock of {name} is {wrong}; {borne}. Set the wrong one right, or let it follow a time server."


class ClockWatch:
    """A thread that asks for the time. `ask(member_id)` calls that node and gives how far its clock is ahead."""

    def __init__(self, presence: Presence, ask: Callable[[str], timedelta]) -> None:
        self._presence = presence
        self._ask = ask
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="clocks", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """No further call; one that is under way is not waited for."""
        self._stopped.set()

    def look(self) -> None:
        """Ask everybody who is to be asked."""
        for member_id in self._presence.to_ask():
            if self._stopped.is_set():
                return
            try:
                ahead = self._ask(member_id)
            except Exception:  # noqa: BLE001 - what is only shown must not end the thread that looks
                self._presence.clock_of(member_id, None)
            else:
                self._presence.clock_of(member_id, ahead)

    def _watch(self) -> None:
        while not self._stopped.wait(CLOCK_PAUSE_SECONDS):
            self.look()

"""How far a round is: which lists are on their way, how much of each, how fast, how long it still takes.

    preparing    records of our data set that have been walked through            (told by the engine)
    list         elements of a list that went out, or came in                     (read from the snapshot)
    answer       elements of the other's list that were answered, or of ours      (read from the snapshot)

The snapshot knows how many chunks of a leg were said and heard; so what is shown is what is stored, also on a node that
does not run. The rate is measured between looks, over the last `WINDOW_SECONDS`, and the time left is what that rate
needs for the rest of the leg: an estimate for the eye.
"""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from node.agreement.manifest import Manifest
from node.clock import Clock
from psi.errors import LocalError
from psi.protocol.record import Record
from psi.protocol.states import Leg, Place, Turns
from psi.spool import CHUNK_ROWS

__all__ = ["WINDOW_SECONDS", "Meter", "ProgressBoard", "Stretch", "stretches", "turns_in"]

WINDOW_SECONDS = 30.0
"""Over how long a rate is measured."""
_LEAST_SECONDS = 0.2
"""Before this, nothing is said about a rate."""
MOST_SAMPLES = 64
"""Looks that are remembered for a rate, in number."""
MOST_METERS = 256
"""Legs whose rate is measured, in number; the oldest are forgotten."""


@dataclass(frozen=True)
class Stretch:
    """A leg that is under way. `what`: preparing, list or answer; `ours`: this node says it; `total` may be 0 where it
    is not known. A rate of None is not known yet."""

    what: str
    ours: bool
    done: int
    total: int
    records_per_second: float | None = None
    seconds_left: float | None = None


class Meter:
    """Rows a second, from what was done at each look."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque(maxlen=MOST_SAMPLES)

    def rate(self, now: float, done: int) -> float | None:
        """Note `done` at `now` (monotonic seconds); rows a second lately, None as long as that cannot be said."""
        while self._samples and (now - self._samples[0][0] > WINDOW_SECONDS or self._samples[0][1] > done):
            self._samples.popleft()
        if not self._samples or now - self._samples[-1][0] >= WINDOW_SECONDS / MOST_SAMPLES:
            self._samples.append((now, done))
        first, before = self._samples[0]
        return (done - before) / (now - first) if now - first >= _LEAST_SECONDS else None


class ProgressBoard:
    """In memory; any thread may tell and ask."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._prepared: dict[str, int] = {}
        self._meters: dict[tuple[str, str, bool], Meter] = {}

    def prepared(self, round_id: str, records: int) -> None:
        """So many records of the data set have been walked through."""
        with self._lock:
            self._prepared[round_id] = records

    def records(self, round_id: str) -> int:
        with self._lock:
            return self._prepared.get(round_id, 0)

    def forget(self, round_id: str) -> None:
        """The list is made, or the round is over."""
        with self._lock:
            self._prepared.pop(round_id, None)

    def timed(self, round_id: str, found: Sequence[Stretch]) -> list[Stretch]:
        """The same with rate and time left, as far as they are known."""
        with self._lock:
            return [self._with_rate(round_id, one) for one in found]

    def _with_rate(self, round_id: str, one: Stretch) -> Stretch:
        key = (round_id, one.what, one.ours)
        meter = self._meters.pop(key, None) or Meter()
        self._meters[key] = meter  # behind all others: the first is the one that nobody looked at for longest
        if len(self._meters) > MOST_METERS:
            del self._meters[next(iter(self._meters))]
        rate = meter.rate(self._clock.monotonic(), one.done)
        left = max(one.total - one.done, 0) / rate if rate and one.total else None
        return Stretch(
            one.what,
            one.ours,
            one.done,
            one.total,
            None if rate is None else round(rate, 1),
            None if left is None else round(left, 1),
        )


def turns_in(snapshot: bytes | None) -> Turns | None:
    """Who has said what, as of a stored snapshot; None if there is none, or it cannot be read."""
    try:
        return None if snapshot is None else Record.decode(snapshot).turns
    except LocalError:
        return None


def stretches(manifest: Manifest, me: str, turns: Turns) -> list[Stretch]:
    """The lists and answers in order that may be on their way now, ours first."""
    place = Place.FIRST if manifest.position(me) == "first" else Place.SECOND
    sizes = {
        place: manifest.size_class(me),
        place.other: manifest.size_class(manifest.other(me).member_id),
    }
    found = []
    for who in (place, place.other):
        leg = turns.leg(who)
        if leg in (Leg.LIST, Leg.ANSWER) and turns.may(who, leg):
            total = sizes[who if leg is Leg.LIST else who.other]
            done = min(turns.said[who] * CHUNK_ROWS, total)
            found.append(Stretch(leg.name.lower(), who is place, done, total))
    return found

"""Waiting for something to come: for the calls of nodes that collect, and for the thread that visits relays.

A node that cannot be called opens a call itself and waits in it; as soon as something is stored for it, a cancellation
above all, the call is answered. Each wait holds a thread of the server, and so does handing out to a member that reads
slowly. So they are bounded together: in time, one for each member (a newer call ends the older one's wait, and gets
nothing while the older one is being handed something), and in number over all members. Half as many places again are
for those who would find no place to wait, but for whom something lies there. So collectors never hold all threads;
whoever comes when the places are used up is answered at once, and comes again after a pause of its own.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto

from node.clock import Clock
from node.identity.members import Member
from node.rounds.post import Post
from node.transport.door import Door
from node.wire.envelope import Envelope
from node.wire.limits import COLLECT_WAIT_SECONDS, MOST_COLLECTED
from node.wire.receipts import Receipts

__all__ = ["Bell", "Collecting", "WaitingRoom"]

_LONGEST_LOOK_SECONDS = 1.0
"""A wait looks around at least so often, whether or not it was woken: its caller may be gone."""


class Bell:
    """Rung for a member id, heard by whoever waits for that member. Safe for several threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._rung: dict[str, int] = {}
        self._closed = False

    def ring(self, member_id: str) -> None:
        with self._changed:
            self._rung[member_id] = self._rung.get(member_id, 0) + 1
            self._changed.notify_all()

    def count(self, member_id: str) -> int:
        """How often it was rung for this member so far: say it to `wait`, so that no ring is missed in between."""
        with self._changed:
            return self._rung.get(member_id, 0)

    def wait(self, member_id: str, count: int, seconds: float) -> None:
        """Until it is rung once more for this member than `count`, it is closed, or the time is up."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._rung.get(member_id, 0) != count, max(0.0, seconds))

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Nobody waits any more, now or later."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class _Place(Enum):
    """What a member may do there. In the order in which they are given away."""

    TO_WAIT = auto()
    TO_FETCH = auto()


class WaitingRoom:
    """`places`: how many members may wait at a time, or be handed what they waited for. Half as many more may be handed
    what lies there when they come."""

    def __init__(self, bell: Bell, clock: Clock, *, places: int) -> None:
        self._bell = bell
        self._clock = clock
        self._free = {_Place.TO_WAIT: places, _Place.TO_FETCH: places // 2}
        self._lock = threading.Lock()
        self._newest: dict[str, object] = {}
        """Member -> the token of its newest wait."""
        self._served: set[str] = set()
        """Members that are being handed something."""
        self._waiting = 0

    @contextmanager
    def wait(
        self,
        member_id: str,
        seconds: float,
        *,
        ready: Callable[[], bool],
        here: Callable[[], bool],
        due: Callable[[], float | None],
    ) -> Iterator[bool]:
        """Wait until `ready()`, for at most `seconds`; True if it is. The place is kept as long as the block lasts:
        hand out inside.

        `here()`: is the caller still there; `due()`: seconds until `ready` may have changed by itself, if it may.
        """
        place = self._place(member_id)
        if place is None:
            yield False
            return
        came = False
        try:
            came = self._wait(member_id, seconds if place is _Place.TO_WAIT else 0.0, ready, here, due)
            yield came
        finally:
            with self._lock:
                self._free[place] += 1
                if came:
                    self._served.discard(member_id)

    def _place(self, member_id: str) -> "_Place | None":
        """Take a place; None if there is none, or if the member is being handed something already."""
        with self._lock:
            if member_id in self._served:
                return None
            place = next((kind for kind in _Place if self._free[kind] > 0), None)
            if place is not None:
                self._free[place] -= 1
            return place

    def _wait(
        self,
        member_id: str,
        seconds: float,
        ready: Callable[[], bool],
        here: Callable[[], bool],
        due: Callable[[], float | None],
    ) -> bool:
        token = object()
        with self._lock:
            older = self._newest.get(member_id)
            self._newest[member_id] = token
            self._waiting += 1
        if older is not None:
            self._bell.ring(member_id)  # the older wait ends
        limit = self._clock.monotonic() + seconds
        try:
            while True:
                count = self._bell.count(member_id)
                if ready():
                    return self._serve(member_id)
                left = limit - self._clock.monotonic()
                if left <= 0 or self._bell.closed or not here() or self._newest.get(member_id) is not token:
                    return False
                soon = due()
                self._bell.wait(
                    member_id, count, min(left, _LONGEST_LOOK_SECONDS, left if soon is None else max(soon, 0.01))
                )
        finally:
            with self._lock:
                self._waiting -= 1
                if self._newest.get(member_id) is token:
                    del self._newest[member_id]

    def _serve(self, member_id: str) -> bool:
        """One call of each member is handed something at a time: True if it is this one."""
        with self._lock:
            free = member_id not in self._served
            self._served.add(member_id)
            return free

    @property
    def waiting(self) -> int:
        """How many wait, in number."""
        return self._waiting

    @property
    def served(self) -> int:
        """How many are being handed something, in number."""
        return len(self._served)


class Collecting:
    """What a node gets that calls us to take what waits for it."""

    def __init__(self, door: Door, post: Post, room: WaitingRoom) -> None:
        self._door = door
        self._post = post
        self._room = room

    def collect(
        self, member: Member, receipts: bytes, wait_seconds: float, here: Callable[[], bool]
    ) -> Iterator[Envelope]:
        """Apply what the caller says became of earlier envelopes, then hand out what waits, at most MOST_COLLECTED;
        if nothing does, wait for it. Raises PeerError for receipts that are not the caller's."""
        if receipts:
            self._door.settle(Receipts.from_bytes(receipts), member, itself=False)  # who serves the call blames
        return self._hand_out(member.member_id, min(wait_seconds, COLLECT_WAIT_SECONDS), here)

    def _hand_out(self, member_id: str, wait_seconds: float, here: Callable[[], bool]) -> Iterator[Envelope]:
        found: list[Envelope] = []

        def ready() -> bool:
            found[:] = self._post.collect(member_id, MOST_COLLECTED)
            return bool(found)

        def due() -> float | None:
            return self._post.fetched.due_in(member_id)

        with self._room.wait(member_id, wait_seconds, ready=ready, here=here, due=due) as came:
            if came:
                yield from found

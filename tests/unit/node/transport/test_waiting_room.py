"""Waiting for something to come: woken at once, bounded in time and in number, one wait a member."""

import threading
import time
from collections.abc import Callable

import pytest

from node.clock import SystemClock
from node.transport.collecting import Bell, WaitingRoom
from tests.support.nodes import wait_for

LONG = 30.0


class Waiter(threading.Thread):
    """One call that waits in the room; `came` and `took` when it has ended. `leaves`: set once it has been handed what
    came, at first before that."""

    def __init__(
        self,
        room: WaitingRoom,
        member: str,
        ready: Callable[[], bool],
        here: Callable[[], bool],
        leaves: threading.Event | None = None,
    ) -> None:
        super().__init__(daemon=True)
        self._room, self._member, self._ready, self._here = room, member, ready, here
        self.came: bool | None = None
        self.took = 0.0
        self.leaves = leaves or threading.Event()
        if leaves is None:
            self.leaves.set()
        self.start()

    def run(self) -> None:
        began = time.monotonic()
        with self._room.wait(self._member, LONG, ready=self._ready, here=self._here, due=lambda: None) as self.came:
            if self.came:
                self.leaves.wait(LONG)
        self.took = time.monotonic() - began

    def ended(self) -> bool:
        self.join(10)
        return not self.is_alive()


def room(places: int = 4) -> tuple[Bell, WaitingRoom]:
    bell = Bell()
    return bell, WaitingRoom(bell, SystemClock(), places=places)


def waiter(
    made: WaitingRoom, member: str = "m", *, ready: list[bool] | None = None, here: list[bool] | None = None
) -> Waiter:
    return Waiter(made, member, lambda: bool(ready), lambda: here is None or bool(here))


@pytest.mark.tm("TM-119")
def test_a_wait_ends_when_something_comes() -> None:
    bell, made = room()
    ready: list[bool] = []
    one = waiter(made, ready=ready)
    wait_for(lambda: made.waiting == 1)
    ready.append(True)
    bell.ring("m")
    assert one.ended()
    assert one.came
    assert one.took < 5


def test_what_is_there_already_is_not_waited_for() -> None:
    _, made = room()
    one = waiter(made, ready=[True])
    assert one.ended()
    assert one.came
    assert one.took < 5


def reader(made: WaitingRoom, member: str, leaves: threading.Event) -> Waiter:
    """One that is handed something at once, and reads it only when `leaves` is set."""
    return Waiter(made, member, lambda: True, lambda: True, leaves)


@pytest.mark.tm("TM-119")
def test_who_is_being_handed_something_keeps_a_place() -> None:
    """Four places: six members read slowly, and the seventh gets nothing at once; as soon as one is done, it does."""
    _, made = room(places=4)
    ends = [threading.Event() for _ in range(7)]
    slow = [reader(made, f"m{number}", end) for number, end in enumerate(ends[:6])]
    wait_for(lambda: made.served == 6)
    turned_away = reader(made, "m6", ends[6])
    assert turned_away.ended()
    assert not turned_away.came
    ends[0].set()
    assert slow[0].ended()
    wait_for(lambda: made.served == 5)
    ends[6].set()
    late = reader(made, "m6", ends[6])
    assert late.ended()
    assert late.came
    for end in ends:
        end.set()
    assert all(one.ended() for one in slow)
    assert made.served == made.waiting == 0


@pytest.mark.tm("TM-119")
def test_where_no_place_to_wait_is_left_one_may_still_fetch() -> None:
    bell, made = room(places=2)
    waiting = [waiter(made, name) for name in ("a", "b")]
    wait_for(lambda: made.waiting == 2)
    late = waiter(made, "c", ready=[True])
    assert late.ended()
    assert late.came
    bell.close()
    assert all(one.ended() for one in waiting)


@pytest.mark.tm("TM-119")
def test_one_member_is_handed_something_in_one_call_at_a_time() -> None:
    _, made = room(places=8)
    end = threading.Event()
    first = reader(made, "m", end)
    wait_for(lambda: made.served == 1)
    for _ in range(10):
        more = waiter(made, ready=[True])
        assert more.ended()
        assert not more.came
    assert made.served == 1
    end.set()
    assert first.ended()
    again = waiter(made, ready=[True])
    assert again.ended()
    assert again.came


@pytest.mark.tm("TM-119")
def test_no_more_wait_than_there_are_places() -> None:
    bell, made = room(places=2)
    waiting = [waiter(made, name) for name in ("a", "b")]
    wait_for(lambda: made.waiting == 2)
    began = time.monotonic()
    turned_away = waiter(made, "c")
    assert turned_away.ended()
    assert not turned_away.came
    assert time.monotonic() - began < 5
    assert made.waiting == 2
    bell.close()
    assert all(one.ended() for one in waiting)
    assert made.waiting == 0


@pytest.mark.tm("TM-119")
def test_one_wait_a_member_the_newest() -> None:
    bell, made = room()
    older = waiter(made)
    wait_for(lambda: made.waiting == 1)
    newer = waiter(made)
    assert older.ended()
    assert made.waiting == 1
    assert newer.is_alive()
    bell.close()
    assert newer.ended()


def test_a_caller_that_is_gone_is_not_waited_for() -> None:
    _, made = room()
    here = [True]
    one = waiter(made, here=here)
    wait_for(lambda: made.waiting == 1)
    here.clear()
    assert one.ended()


def test_without_places_waiting_members_would_hold_every_thread() -> None:
    """The sabotaged twin of the limit: with as many places as there are callers, all of them wait."""
    bell, made = room(places=1000)
    waiting = [waiter(made, f"m{number}") for number in range(8)]
    wait_for(lambda: made.waiting == 8)
    bell.close()
    assert all(one.ended() for one in waiting)

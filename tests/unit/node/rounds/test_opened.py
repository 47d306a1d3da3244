"""Open conversations: whoever stops the node and whoever works on a round may come at any moment."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, cast

import pytest

from node.rounds.conversation import Conversation
from node.rounds.opened import Opened
from psi.secret import SecretBytes


class Conversing:
    closed = 0

    def close(self) -> None:
        self.closed += 1


class Interrupted:
    """A lock; something else happens just before it is taken for the `at`-th time from now."""

    def __init__(self, at: int, happens: Callable[[], None]) -> None:
        self._lock = threading.Lock()
        self._left = at
        self._happens = happens

    def __enter__(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._happens()
        self._lock.acquire()

    def __exit__(self, *_error: object) -> None:
        self._lock.release()


@pytest.fixture
def opened() -> Opened:
    nothing = cast(Any, None)
    return Opened(nothing, nothing, nothing, nothing, nothing)


def keep(opened: Opened, round_id: str) -> Conversing:
    conversing = Conversing()
    opened.keep(round_id, cast(Conversation, conversing))
    return conversing


@pytest.mark.parametrize("at", [1, 2, 3])
def test_nothing_stays_open_whenever_the_node_stops(opened: Opened, at: int) -> None:
    """The lock is taken to hold, to keep and to let go: the node stops right before each of them."""
    opened._lock = cast(threading.Lock, Interrupted(at, opened.close))
    with opened.holding("a"):
        conversing = keep(opened, "a")
    assert conversing.closed == 1
    assert not opened._open


def test_stopping_leaves_to_a_worker_what_it_holds(opened: Opened) -> None:
    idle = keep(opened, "idle")
    with opened.holding("a"):
        held = keep(opened, "a")
        opened.close()
        assert (idle.closed, held.closed) == (1, 0)
    assert (idle.closed, held.closed) == (1, 1)


def test_an_error_lets_go_and_two_do_not_hold_one_round(opened: Opened) -> None:
    def failing() -> None:
        with opened.holding("a"):
            keep(opened, "a")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert not opened._open
    with opened.holding("a"), pytest.raises(RuntimeError), opened.holding("a"):
        pass


def test_the_scalar_is_wiped_even_if_a_file_does_not_close() -> None:
    def failing() -> None:
        raise OSError(5, "Input/output error")

    scalar, files, nothing = SecretBytes(32), ExitStack(), cast(Any, None)
    files.callback(failing)
    with pytest.raises(OSError, match="Input"):
        Conversation(nothing, nothing, nothing, scalar, files).close()
    assert scalar.wiped

"""What each of our lasting processes does first: no core dumps, which would hold keys and identifiers, and an ear for
the signals that end it."""

import resource
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Told", "harden", "until_told"]

_ENDING = frozenset((signal.SIGTERM, signal.SIGINT))
"""The signals that end a process which serves, once it has put away what it was doing."""


def harden() -> None:
    """No core dumps, and (on Linux) no reading of our memory by other processes of the same account."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        import ctypes

        pr_set_dumpable = 4
        ctypes.CDLL(None).prctl(pr_set_dumpable, 0, 0, 0, 0)


class Told:
    """Whether SIGTERM or SIGINT has come. For the main thread.

    A handler that set a threading.Event would wait for its lock for ever if the signal struck inside the Event, and
    `Event.wait` sleeps on if the signal was taken in the moment before it slept, or by another thread. A byte in a
    socket, written by the interpreter itself in whatever thread the signal came to, is there whenever one looks.
    """

    def __init__(self, ear: socket.socket) -> None:
        self._ear = ear
        self._told = False

    def wait(self, seconds: float | None = None) -> bool:
        """Until it has come, or for `seconds` at most. It stays True."""
        end = None if seconds is None else time.monotonic() + seconds
        while not self._told:
            self._ear.settimeout(None if end is None else max(0.0, end - time.monotonic()))
            try:
                heard = self._ear.recv(64)
            except (TimeoutError, BlockingIOError):  # the latter of no time at all
                break
            # Any other signal that has a handler writes its number as well.
            self._told = not _ENDING.isdisjoint(heard)
        return self._told


@contextmanager
def until_told() -> Iterator[Told]:
    """SIGTERM and SIGINT are noted from now on, and after the block change nothing any more: then this process ends
    anyhow. For the main thread of a process that serves."""
    ear, mouth = socket.socketpair()
    with ear, mouth:
        mouth.setblocking(False)
        before = signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
        for number in _ENDING:
            signal.signal(number, _only_noted)
        try:
            yield Told(ear)
        finally:
            signal.set_wakeup_fd(before)


def _only_noted(_signal: int, _frame: FrameType | None) -> None:
    """Without a handler the interpreter would write no byte."""

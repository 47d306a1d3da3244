"""What each of our lasting processes does first: no core dumps, which would hold keys and identifiers, and an ear for
the signals that end it."""

import resource
import signal
import sys
import threading
from types import FrameType

__all__ = ["harden", "until_told"]


def harden() -> None:
    """No core dumps, and (on Linux) no reading of our memory by other processes of the same account."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        import ctypes

        pr_set_dumpable = 4
        ctypes.CDLL(None).prctl(pr_set_dumpable, 0, 0, 0, 0)


def until_told() -> threading.Event:
    """An event that SIGTERM and SIGINT set from now on. For the main thread of a process that serves."""
    stopping = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    return stopping

"""Timing: one processor, turn by turn, the best of several runs.

Processor time, not wall time, wherever one thread works: what else the machine does then costs a little cache and no
more. The best run, since a disturbance only ever makes a run longer. By turns, since the clock of a processor changes
from one second to the next.
"""

import gc
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["cpu_seconds", "in_turns", "one_core", "wall_seconds"]


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this thread, and every process it starts meanwhile, on one processor."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def in_turns(*actions: Callable[[], float], runs: int) -> tuple[float, ...]:
    """The least that each action says it took, out of `runs` rounds in which each has one turn.

    One round goes unmeasured first: it fills caches and loads what loads late.
    """
    for action in actions:
        action()
    times = [[action() for action in actions] for _ in range(runs)]
    return tuple(map(min, zip(*times, strict=True)))


def cpu_seconds(action: Callable[[], object]) -> float:
    """User and system time of all threads of this process during one call."""
    return _seconds(action, time.process_time)


def wall_seconds(action: Callable[[], object]) -> float:
    """What a clock on the wall says, for what several threads do."""
    return _seconds(action, time.perf_counter)


def _seconds(action: Callable[[], object], clock: Callable[[], float]) -> float:
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        begin = clock()
        action()
        return clock() - begin
    finally:
        if was_on:
            gc.enable()

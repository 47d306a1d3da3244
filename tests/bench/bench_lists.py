"""What is done to whole lists: spread over threads, sorted, matched.

Sorting and matching are held against numpy's own sort of the same words (64 bits each), which does less: it carries no
rows along and compares one word at a time. Lists that are larger than a sorted run go through scratch lists here as in
a node, but the scratch lists are in memory.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial

import numpy as np

from node.arithmetic import ParallelBackend
from psi.backend import choose
from psi.matching import match, sorted_rows
from psi.spool import CHUNK_ROWS, MemorySpool
from psi.transcript import TAG_BYTES
from tests.bench._bench import Line, Note, Result, Skip, measurement
from tests.bench._turns import cpu_seconds, in_turns, one_core, wall_seconds

ROWS = 1 << 20
RUNS = 3
THREAD_RUNS = 25
ELEMENT_BYTES = 32


@measurement("core.two_threads")
def two_threads() -> Iterator[Line]:
    """One chunk multiplied by two threads, against one thread; wall time, so a busy machine shows."""
    if len(os.sched_getaffinity(0)) < 2:
        yield Skip("core.two_threads", "this process may use one processor only")
        return
    backend = choose()
    elements = backend.map_to_group(os.urandom(64 * CHUNK_ROWS))
    with (
        backend.new_scalar() as scalar,
        closing(ParallelBackend(backend, 2)) as two,
        closing(ParallelBackend(backend, 1)) as one,
    ):
        works = (partial(two.multiply, scalar, elements), partial(one.multiply, scalar, elements))
        ours, alone = in_turns(*(partial(wall_seconds, work) for work in works), runs=THREAD_RUNS)
    n = CHUNK_ROWS
    yield Result("core.two_threads", n / ours, "/s", n / alone, n=n, runs=THREAD_RUNS, at_least=1.9)


@measurement("core.sort")
def sort() -> Iterator[Line]:
    """The order of blinded elements."""
    elements = os.urandom(ELEMENT_BYTES * ROWS)

    def work() -> None:
        for _ in sorted_rows(_chunks(elements, ELEMENT_BYTES), ELEMENT_BYTES, MemorySpool):
            pass

    yield from _against_numpy("core.sort", work, elements, ROWS)


@measurement("core.match")
def matching() -> Iterator[Line]:
    """Tags of two lists, half of them on both sides."""
    mine = os.urandom(TAG_BYTES * ROWS)
    theirs = mine[TAG_BYTES * ROWS // 2 :] + os.urandom(TAG_BYTES * ROWS // 2)

    def work() -> None:
        for _ in match(_chunks(mine, TAG_BYTES), _chunks(theirs, TAG_BYTES), MemorySpool):
            pass

    yield from _against_numpy("core.match", work, mine + theirs, 2 * ROWS)


def _against_numpy(name: str, work: Callable[[], object], data: bytes, rows: int) -> Iterator[Line]:
    words = np.frombuffer(data, dtype=np.uint64)
    with one_core():
        ours, theirs = in_turns(partial(cpu_seconds, work), partial(cpu_seconds, partial(np.sort, words)), runs=RUNS)
    yield Note(f"numpy: sort of the same 64-bit words by numpy {np.__version__}")
    yield Result(f"{name}, numpy", rows / ours, "rows/s", rows / theirs, n=rows, runs=RUNS)


def _chunks(rows: bytes, width: int) -> Iterator[bytes]:
    size = width * CHUNK_ROWS
    return (rows[start : start + size] for start in range(0, len(rows), size))

"""What is done to whole lists: spread over threads, sorted, matched.

Sorting and matching are held against numpy's own sort of the same words (64 bits each), which does less: it carries no
rows along and compares one word at a time. Lists that are larger than a sorted run go through scratch lists here as in
a node, but the scratch lists are in memory.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from multiprocessing.connection import Connection

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
REAL_PROCESSORS = 1.95
"""Times the work of one that two real processors do in the same time, at least."""
ELEMENT_BYTES = 32


@measurement("core.two_threads")
def two_threads() -> Iterator[Line]:
    """One chunk multiplied by two threads, against one thread; wall time, so a busy machine shows.

    Beside it, in turns, two processes that share nothing multiply half a chunk each: what this machine's two processors
    give at all. Where they are two halves of one core, or another guest of the machine has one of them, that is less
    than two, and then the row says nothing about threads and is not judged.
    """
    if len(os.sched_getaffinity(0)) < 2:
        yield Skip("core.two_threads", "this process may use one processor only")
        return
    backend = choose()
    elements = backend.map_to_group(os.urandom(64 * CHUNK_ROWS))
    half = elements[: len(elements) // 2]
    with (
        backend.new_scalar() as scalar,
        closing(ParallelBackend(backend, 2)) as two,
        closing(ParallelBackend(backend, 1)) as one,
        _other_process() as other,
    ):

        def both_processes() -> None:
            other.send(True)
            one.multiply(scalar, half)
            other.recv()

        works = (partial(two.multiply, scalar, elements), partial(one.multiply, scalar, elements), both_processes)
        ours, alone, apart = in_turns(*(partial(wall_seconds, work) for work in works), runs=THREAD_RUNS)
    n, real = CHUNK_ROWS, alone / apart >= REAL_PROCESSORS
    if not real:
        yield Note(f"two processes that share nothing are {alone / apart:.2f} times one here: no two real processors")
    yield Result("core.two_threads", n / ours, "/s", n / alone, n=n, runs=THREAD_RUNS, at_least=1.9 if real else None)
    yield Result("core.two_threads, two processes", n / ours, "/s", n / apart, n=n, runs=THREAD_RUNS)


@contextmanager
def _other_process() -> Iterator[Connection]:
    """A process that multiplies half a chunk whenever it is sent True, and answers when it is done."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_multiply_half, args=(there,), daemon=True)
    process.start()
    try:
        here.recv()
        yield here
    finally:
        here.send(False)
        process.join()


def _multiply_half(asked: Connection) -> None:
    backend = choose()
    elements = backend.map_to_group(os.urandom(64 * (CHUNK_ROWS // 2)))
    with backend.new_scalar() as scalar:
        asked.send(None)
        while asked.recv():
            backend.multiply(scalar, elements)
            asked.send(None)


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

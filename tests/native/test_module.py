"""psi._native._core as Python sees it: which buffers it takes, what it refuses, that it lets other threads run.

What it computes is held against hashlib, psi.hash_to_group and libsodium; that the cores agree bit for bit on many more
inputs is shown beside this file.
"""

import array
import gc
import hashlib
import sys
import threading
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from psi.group import IDENTITY
from psi.hash_to_group import expand_messages
from tests.support.backends import backend_called, known_scalar
from tests.support.native_driver import cut

core = pytest.importorskip("psi._native._core", reason="the curve core was not built")

KEY = (7).to_bytes(32, "little")
DST = b"tests/native"
SODIUM = backend_called("sodium")
# Around eight lanes, two groups of eight, and the block of 256 rows of batch.c.
SIZES = (0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 255, 256, 257)
ELEMENTS = SODIUM.hash_to_group([bytes([number % 256, number // 256]) for number in range(257)], DST)


def messages(n: int) -> list[bytes]:
    return [bytes([number % 251]) * (number % 200) for number in range(n)]


# What it is


def test_cores_come_best_first_and_portable_is_always_one():
    assert core.cores()[-1] == "portable"
    assert set(core.cores()) <= {"avx512ifma", "portable"}


def test_it_says_what_it_was_built_with():
    said = core.built_with()
    assert "-O3" in said
    assert "-march" not in said


# Sizes: nothing, one row, whole lanes and what is left over


@pytest.mark.parametrize("n", SIZES)
def test_multiply(name, n):
    with known_scalar(KEY) as scalar:
        assert core.multiply(name, scalar.view(), ELEMENTS[: 32 * n]) == SODIUM.multiply(scalar, ELEMENTS[: 32 * n])


@pytest.mark.parametrize("n", [*SIZES, 1100])
def test_multiply_keeping_and_sums_of_what_was_kept(name, n):
    rows = (ELEMENTS * 5)[: 32 * n]
    full = b"".join(hashlib.sha256(bytes([i % 256, i // 256])).digest()[:31] + b"\x0f" for i in range(n))
    short = b"".join(full[at : at + 16] + bytes(16) for at in range(0, len(full), 32))
    outputs, kept = core.multiply_keeping(name, KEY, bytearray(rows))
    assert outputs == core.multiply(name, KEY, rows)
    for scalars in (full, short, bytes(32 * n)):
        assert core.multi_scalar_kept(name, scalars, kept) == core.multi_scalar(name, scalars, rows)


def test_what_was_kept_may_be_cut_joined_and_put_in_another_order(name):
    rows = cut(ELEMENTS[: 32 * 40])
    scalars = [hashlib.sha256(bytes([i])).digest()[:31] + b"\0" for i in range(40)]
    pieces = [core.multiply_keeping(name, KEY, b"".join(rows[at : at + 13]))[1] for at in range(0, 40, 13)]
    kept = b"".join(pieces)
    one_by_one = cut(kept, len(kept) // 40)
    for order in (range(40), range(39, -1, -1), [7, 3, 3, 39, 0] * 9):
        expected = core.multi_scalar(name, b"".join(scalars[i] for i in order), b"".join(rows[i] for i in order))
        joined = b"".join(one_by_one[i] for i in order)
        assert core.multi_scalar_kept(name, b"".join(scalars[i] for i in order), joined) == expected
        moved = memoryview(b"x" + joined)[1:]  # at an odd address
        assert core.multi_scalar_kept(name, b"".join(scalars[i] for i in order), moved) == expected


@pytest.mark.parametrize("width", [1, 4, 14, 15, 32, 111, 112])
def test_rows_of_one_block_and_of_just_more(name, width):
    """The rows of a proof fill one block; from 112 bytes on a message takes two."""
    for front in (b"", b"f" * 97, b"f" * 130):
        rows = hashlib.shake_256(bytes([width])).digest(width * 53)
        expected = [hashlib.sha512(front + row).digest()[:16] for row in cut(rows, width)]
        assert core.hash_rows(name, front, rows, width, 16) == b"".join(expected)


@pytest.mark.parametrize("n", SIZES)
def test_multiply_each(name, n):
    scalars = b"".join(hashlib.sha256(bytes([i % 256, i // 256])).digest()[:31] + b"\0" for i in range(n))
    expected = []
    for at in range(0, 32 * n, 32):
        with known_scalar(scalars[at : at + 32]) as scalar:
            expected.append(SODIUM.multiply(scalar, ELEMENTS[at : at + 32]))
    assert core.multiply_each(name, scalars, ELEMENTS[: 32 * n]) == b"".join(expected)


@pytest.mark.parametrize("n", SIZES)
def test_mapping_and_hashing(name, n):
    texts = messages(n)
    uniform = expand_messages(texts, DST)
    assert core.expand(name, texts, DST) == uniform
    mapped = SODIUM.map_to_group(uniform)
    assert core.map_to_group(name, uniform) == core.hash_to_group(name, texts, DST) == mapped
    with known_scalar(KEY) as scalar:
        fused = SODIUM.multiply(scalar, mapped)
    assert core.map_and_multiply(name, KEY, uniform) == core.hash_and_multiply(name, KEY, texts, DST) == fused


@pytest.mark.parametrize("n", SIZES)
def test_sums(name, n):
    elements = ELEMENTS[: 32 * n]
    scalars = b"".join((i * i).to_bytes(32, "little") for i in range(n))
    assert core.validate(name, elements) is None
    assert core.sum(name, elements) == SODIUM.sum(elements)
    assert core.multi_scalar(name, scalars, elements) == SODIUM.multi_scalar(scalars, elements)


# SHA-512


@pytest.mark.parametrize("front", [0, 1, 111, 112, 127, 128, 129, 256, 300])
def test_sha512_of_every_length_around_the_borders_of_blocks(name, front):
    """Rows of 1 to 300 bytes, so that one block, two and three end at every place, with and without a front."""
    prefix, text = bytes(range(256)) * 2, bytes(reversed(range(256))) * 24
    for width in range(1, 301):
        rows = text[: 19 * width]
        each = [hashlib.sha512(prefix[:front] + row).digest() for row in cut(rows, width)]
        assert core.hash_rows(name, prefix[:front], rows, width, 64) == b"".join(each), width


@pytest.mark.parametrize("length", range(1, 65))
def test_a_result_is_the_beginning_of_the_digest(name, length):
    each = [hashlib.sha512(b"front" + row).digest()[:length] for row in cut(ELEMENTS, 32)]
    assert core.hash_rows(name, b"front", ELEMENTS, 32, length) == b"".join(each)


def test_expanding_messages_of_every_length_side_by_side(name):
    """Lanes end at different blocks, in both directions, and every length stands in every lane once."""
    texts = [bytes([length % 256]) * length for length in range(301)]
    for start in range(16):
        for order in (texts[start:], texts[start:][::-1], texts[start:] * 2):
            assert core.expand(name, order, DST) == expand_messages(order, DST)


@pytest.mark.parametrize("size", [1, 2, 46, 47, 48, 61, 108, 109, 110, 111, 112, 255])
def test_expanding_with_tags_of_all_lengths(name, size):
    tag, texts = bytes([size]) * size, messages(20)
    assert core.expand(name, texts, tag) == expand_messages(texts, tag)


def test_a_long_message_among_short_ones(name):
    texts = [b"", bytes(100_000), b"a", bytes(range(256)) * 50]
    assert core.expand(name, texts, DST) == expand_messages(texts, DST)


# Buffers of every kind


def shared_memory(data: bytes) -> memoryview:
    return memoryview(bytearray(b"x" + data))[1:]  # at an odd address


KINDS: dict[str, Callable[[bytes], object]] = {
    "bytes": bytes,
    "bytearray": bytearray,
    "memoryview": memoryview,
    "part of a memoryview": shared_memory,
    "array": lambda data: array.array("B", data),
    "numpy": lambda data: np.frombuffer(data, dtype=np.uint8),
    "numpy rows": lambda data: np.frombuffer(data, dtype=np.uint8).reshape(-1, 32),
    "numpy words": lambda data: np.frombuffer(data, dtype=">u8").reshape(-1, 4),
    "numpy void": lambda data: np.frombuffer(data, dtype="V32"),  # as Arrow's fixed-size binary
}


@pytest.mark.parametrize("kind", KINDS)
def test_any_contiguous_buffer_is_an_input(name, kind):
    wrap, rows = KINDS[kind], ELEMENTS[: 32 * 9]
    expected = core.multiply(name, KEY, rows)
    assert core.multiply(name, wrap(KEY), wrap(rows)) == expected
    assert core.multiply_each(name, wrap(KEY * 9), wrap(rows)) == expected
    assert core.validate(name, wrap(rows)) is None
    assert core.sum(name, wrap(rows)) == core.sum(name, rows)
    assert core.multi_scalar(name, wrap(KEY * 9), wrap(rows)) == core.multi_scalar(name, KEY * 9, rows)
    assert core.hash_rows(name, wrap(KEY), wrap(rows), 32, 16) == core.hash_rows(name, KEY, rows, 32, 16)
    assert core.map_to_group(name, wrap(rows[:256])) == core.map_to_group(name, rows[:256])


WRITABLE: dict[str, Callable[[int], object]] = {
    "bytearray": bytearray,
    "memoryview": lambda size: memoryview(bytearray(size + 5))[5:],
    "numpy": lambda size: np.zeros(size, dtype=np.uint8),
    "numpy rows": lambda size: np.zeros((size // 32, 32), dtype=np.uint8),
}


@pytest.mark.parametrize("kind", WRITABLE)
@pytest.mark.parametrize("n", [0, 1, 9])
def test_results_go_where_the_caller_wants_them(name, kind, n):
    rows, texts, uniform = ELEMENTS[: 32 * n], messages(n), bytes(range(64)) * n
    for operation, arguments, width in (
        (core.multiply, (KEY, rows), 32),
        (core.multiply_each, (KEY * n, rows), 32),
        (core.map_to_group, (uniform,), 32),
        (core.map_and_multiply, (KEY, uniform), 32),
        (core.expand, (texts, DST), 64),
        (core.hash_to_group, (texts, DST), 32),
        (core.hash_and_multiply, (KEY, texts, DST), 32),
        (core.hash_rows, (b"front", rows, 32, 32), 32),
    ):
        out = WRITABLE[kind](n * width)
        assert operation(name, *arguments, out) is None
        assert bytes(out) == operation(name, *arguments) == operation(name, *arguments, None)


@pytest.mark.parametrize("n", SIZES)
def test_in_place(name, n):
    rows = bytearray(ELEMENTS[: 32 * n])
    assert core.multiply(name, KEY, rows, rows) is None
    assert rows == core.multiply(name, KEY, ELEMENTS[: 32 * n])
    each = bytearray(ELEMENTS[: 32 * n])
    assert core.multiply_each(name, KEY * n, each, each) is None
    assert each == rows
    # Rows of 64 bytes shrink to rows of 32, from the front.
    for operation in (core.map_to_group, lambda *rest: core.map_and_multiply(rest[0], KEY, *rest[1:])):
        uniform = bytearray(hashlib.shake_128(b"uniform").digest(64 * n))
        expected = operation(name, bytes(uniform))
        assert operation(name, uniform, memoryview(uniform)[: 32 * n]) is None
        assert uniform[: 32 * n] == expected


# Threads and memory


def progress_during(call: Callable[[], object]) -> int:
    """How often another thread came to run while this one was inside the call, which takes a few tenths of a second."""
    ticks, stop = [0], threading.Event()

    def count():
        while not stop.is_set():
            ticks[0] += 1
            time.sleep(0.001)

    other = threading.Thread(target=count)
    other.start()
    try:
        while not ticks[0]:
            time.sleep(0.001)
        before = ticks[0]
        call()
        return ticks[0] - before
    finally:
        stop.set()
        other.join()


def test_other_threads_run_meanwhile(name):
    n = 60_000 if name == "avx512ifma" else 8_000
    elements = ELEMENTS[:32] * n
    texts = [b"message"] * n
    calls = (
        lambda: core.multiply(name, KEY, elements),
        lambda: core.hash_and_multiply(name, KEY, texts, DST),
        lambda: core.validate(name, elements * 4),
        lambda: core.hash_rows(name, b"", elements * 8, 32, 16),
    )
    for call in calls:
        started = time.perf_counter()
        ticks = progress_during(call)
        took = time.perf_counter() - started
        # With the lock held the other thread would not run once.
        assert ticks >= 3, (ticks, took)


def test_a_call_that_keeps_the_lock_would_be_noticed():
    """The twin: as long in one call of the interpreter that keeps it."""
    size = 1
    while True:
        started = time.perf_counter()
        pow(3, 10**size, 2**200_000 - 1)
        if time.perf_counter() - started > 0.2:
            break
        size += 4
    assert progress_during(lambda: pow(3, 10**size, 2**200_000 - 1)) <= 1


def test_a_buffer_cannot_be_resized_while_it_is_read(name):
    rows = bytearray(ELEMENTS[:32] * 20_000)
    refused, started, over = [], threading.Event(), threading.Event()

    def shrink():
        started.set()
        while not over.is_set():
            try:
                rows.append(0)
                rows.pop()
            except BufferError:
                refused.append(True)
                return
            time.sleep(0.0005)

    other = threading.Thread(target=shrink)
    other.start()
    started.wait()
    core.multiply(name, KEY, memoryview(rows)[: 32 * 20_000])
    over.set()
    other.join()
    assert refused


def test_every_buffer_is_let_go(name):
    """After good calls and refused ones a bytearray can be resized, which an open view would forbid."""
    rows, key, out = bytearray(ELEMENTS[:64]), bytearray(KEY), bytearray(64)
    core.multiply(name, key, rows, out)
    core.multi_scalar(name, key * 2, rows)
    core.hash_rows(name, key, rows, 32, 32, out)
    for call in (
        lambda: core.multiply(name, key, rows, out[:1]),
        lambda: core.multiply(name, key, rows, None, None),
        lambda: core.multiply(name, key, rows, 5),
        lambda: core.multiply(name, bytes(32), rows, out),
        lambda: core.hash_and_multiply(name, key, [5], DST, out),
        lambda: core.hash_to_group(name, [b""], bytearray(), out),
        lambda: core.hash_rows(name, key, rows, 0, 1, out),
    ):
        with pytest.raises((TypeError, ValueError)):
            call()
    for view in (rows, key, out):
        view.append(0)


def test_nothing_is_leaked(name):
    """References and memory stay the same over many calls, refused ones included."""
    text, rows = b"m" * 1000, ELEMENTS[:64]
    texts = [text, text]

    def work():
        core.hash_and_multiply(name, KEY, texts, DST)
        core.multiply(name, KEY, rows)
        core.multiply(name, KEY, IDENTITY)
        core.multi_scalar(name, bytearray(KEY * 2), rows)
        for bad in (lambda: core.expand(name, [text, 5], DST), lambda: core.multiply(name, KEY, rows, bytearray(3))):
            with pytest.raises((TypeError, ValueError)):
                bad()

    counts = []
    for _ in range(4):
        for _ in range(50):
            work()
        gc.collect()
        counts.append((sys.getrefcount(text), sys.getrefcount(rows), sys.getrefcount(KEY)))
    assert all(one == other for one, other in pairwise(counts))

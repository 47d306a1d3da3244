"""Arithmetic over several threads: what one call would have given, with the same refusals."""

import hashlib
import threading
from collections.abc import Iterator

import pytest

from node.arithmetic import MOST_WORKERS, SMALLEST_PART_ROWS, ParallelBackend, usable_processors
from node.config import Limits
from psi.backend import choose
from psi.errors import InvalidElement, LocalError
from psi.group import IDENTITY, MAX_BATCH, ORDER
from psi.hash_to_group import DST
from psi.secret import SecretBytes

ROWS = 4 * SMALLEST_PART_ROWS + 3
"""Cut into four parts by four workers."""
COUNTS = (0, 1, 2 * SMALLEST_PART_ROWS - 1, 2 * SMALLEST_PART_ROWS, ROWS)
ONE = choose()
UNIFORM = b"".join(hashlib.sha512(b"%d" % number).digest() for number in range(ROWS))
ELEMENTS = ONE.map_to_group(UNIFORM)
SCALARS = b"".join((ORDER - number).to_bytes(32, "little") for number in range(1, ROWS + 1))
MESSAGES = [b"%d" % number * (number % 3) for number in range(ROWS)]


@pytest.fixture(params=[1, 2, 4, 7])
def many(request: pytest.FixtureRequest) -> Iterator[ParallelBackend]:
    made = ParallelBackend(ONE, request.param)
    yield made
    made.close()


@pytest.fixture(scope="module")
def scalar() -> Iterator[SecretBytes]:
    with ONE.new_scalar() as made:
        yield made


@pytest.mark.parametrize("count", COUNTS)
def test_every_operation_gives_what_one_call_gives(many: ParallelBackend, scalar: SecretBytes, count: int) -> None:
    elements, wide, scalars = ELEMENTS[: 32 * count], UNIFORM[: 64 * count], SCALARS[: 32 * count]
    messages = MESSAGES[:count]
    for backend_result, expected in (
        (many.map_to_group(wide), ONE.map_to_group(wide)),
        (many.hash_to_group(messages, DST), ONE.hash_to_group(messages, DST)),
        (many.hash_and_multiply(scalar, messages, DST), ONE.hash_and_multiply(scalar, messages, DST)),
        (many.multiply(scalar, bytearray(elements)), ONE.multiply(scalar, elements)),
        (many.multiply_keeping(scalar, elements), ONE.multiply_keeping(scalar, elements)),
        (
            many.multi_scalar_kept(scalars, many.multiply_keeping(scalar, elements)[1]),
            ONE.multi_scalar(scalars, elements),
        ),
        (many.multiply_each([scalar] * 2, ELEMENTS[:64]), ONE.multiply(scalar, ELEMENTS[:64])),
        (many.hash_rows(b"front", memoryview(elements), 32, 16), ONE.hash_rows(b"front", elements, 32, 16)),
        (many.sum(elements), ONE.sum(elements)),
        (many.multi_scalar(scalars, elements), ONE.multi_scalar(scalars, elements)),
        (many.base_multiply(scalar), ONE.base_multiply(scalar)),
        (many.reduce(UNIFORM[:64]), ONE.reduce(UNIFORM[:64])),
        (many.name, ONE.name),
    ):
        assert backend_result == expected
    many.validate(elements)


@pytest.mark.parametrize("bad", [[0], [ROWS - 1], [200, 201], [130, 400], [ROWS // 2, 1]])
def test_the_first_bad_row_is_reported_by_its_place(many: ParallelBackend, scalar: SecretBytes, bad: list[int]) -> None:
    elements = bytearray(ELEMENTS)
    for row in bad:
        elements[32 * row : 32 * row + 32] = IDENTITY
    for operation in (
        lambda: many.validate(elements),
        lambda: many.multiply(scalar, elements),
        lambda: many.multiply_keeping(scalar, elements),
        lambda: many.sum(elements),
        lambda: many.multi_scalar(SCALARS, elements),
    ):
        with pytest.raises(InvalidElement) as refusal:
            operation()
        assert refusal.value.index == min(bad)


def test_sums_that_cancel_part_by_part_or_only_together(many: ParallelBackend) -> None:
    half = SMALLEST_PART_ROWS
    minus = ONE.multi_scalar((ORDER - 1).to_bytes(32, "little"), ELEMENTS[:32])
    pair = ELEMENTS[:32] + minus
    assert many.sum(pair * (2 * half)) == IDENTITY
    assert many.sum(ELEMENTS[:32] * (2 * half) + minus * (2 * half)) == IDENTITY
    assert many.sum(pair * (2 * half) + ELEMENTS[32:64]) == ELEMENTS[32:64]


def test_what_has_the_wrong_length_is_refused(many: ParallelBackend, scalar: SecretBytes) -> None:
    for operation in (
        lambda: many.multiply(scalar, ELEMENTS[:-1]),
        lambda: many.validate(ELEMENTS[:5]),
        lambda: many.map_to_group(UNIFORM + b"x"),
        lambda: many.multi_scalar(SCALARS[:-32], ELEMENTS),
        lambda: many.multiply_keeping(scalar, ELEMENTS[:-1]),
        lambda: many.multi_scalar_kept(SCALARS[:-32], many.multiply_keeping(scalar, ELEMENTS)[1]),
        lambda: many.multi_scalar_kept(SCALARS[:-1], many.multiply_keeping(scalar, ELEMENTS)[1]),
        lambda: many.multiply_each([scalar], ELEMENTS[:64]),
        lambda: many.hash_rows(b"", b"x", 0, 16),
        lambda: many.hash_rows(b"", ELEMENTS, 32, 65),
        lambda: many.hash_rows(b"", bytes(MAX_BATCH + 1), 1, 16),
    ):
        with pytest.raises(LocalError):
            operation()


def test_small_batches_stay_in_the_callers_thread_and_large_ones_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[int] = set()

    class Watched:
        def validate(self, elements: memoryview) -> None:
            threads.add(threading.get_ident())

    many = ParallelBackend(Watched(), 2)  # type: ignore[arg-type]
    many.validate(ELEMENTS[: 32 * (2 * SMALLEST_PART_ROWS - 1)])
    assert threads == {threading.get_ident()}
    many.validate(ELEMENTS)
    assert len(threads) == 2
    many.close()
    threads.clear()
    many.validate(ELEMENTS)
    assert threads == {threading.get_ident()}


def test_an_error_waits_for_the_other_parts(scalar: SecretBytes) -> None:
    """Nothing may compute on a scalar that is wiped once the call is over."""
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    class Slow:
        def validate(self, elements: memoryview) -> None:
            if bytes(elements[:32]) == ELEMENTS[:32]:
                begun.wait(10)
                may_end.set()
                raise ZeroDivisionError
            begun.set()
            may_end.wait(10)
            ended.set()

    many = ParallelBackend(Slow(), 2)  # type: ignore[arg-type]
    with pytest.raises(ZeroDivisionError):
        many.validate(ELEMENTS)
    assert ended.is_set()
    many.close()


def test_the_number_of_workers_has_its_limit() -> None:
    assert 1 <= usable_processors() <= MOST_WORKERS
    assert Limits(arithmetic_threads=MOST_WORKERS).arithmetic_threads == MOST_WORKERS
    with pytest.raises(ValueError, match="less than or equal"):
        Limits(arithmetic_threads=MOST_WORKERS + 1)
    for workers in (0, MOST_WORKERS + 1):
        with pytest.raises(ValueError, match="workers"):
            ParallelBackend(ONE, workers)

"""Constants, encodings and shapes of psi.group."""

import pytest

from psi import _reference
from psi.errors import LocalError
from psi.group import (
    GENERATOR,
    IDENTITY,
    MAX_BATCH,
    ORDER,
    PRIME,
    invalid_element,
    is_canonical_element,
    is_canonical_scalar,
    rows,
)


def encoded(value: int) -> bytes:
    return value.to_bytes(32, "little")


def test_the_constants_agree_with_the_slow_twin():
    assert (PRIME, ORDER) == (_reference.P, _reference.L)
    assert _reference.encode(_reference.BASE) == GENERATOR
    assert _reference.encode(_reference.NEUTRAL) == IDENTITY
    assert _reference.encode(_reference.times(ORDER, _reference.BASE)) == IDENTITY


@pytest.mark.parametrize("value", [2, PRIME - 1, PRIME - 3])
def test_an_even_number_below_p_is_canonical(value):
    assert is_canonical_element(encoded(value))


@pytest.mark.parametrize(
    "value",
    [0, 1, 3, PRIME - 2, PRIME, PRIME + 1, PRIME + 19, 2**255 - 2, 2**255, 2**255 + 2, 2**256 - 2, 2**256 - 1],
)
def test_zero_odd_and_too_large_numbers_are_not(value):
    assert not is_canonical_element(encoded(value))


@pytest.mark.parametrize("value", [0, 1, ORDER - 1])
def test_a_number_below_the_order_is_a_scalar(value):
    assert is_canonical_scalar(encoded(value))


@pytest.mark.parametrize("encoding", [encoded(ORDER), encoded(2**256 - 1), b"", bytes(31), bytes(33)])
def test_larger_numbers_and_other_lengths_are_not(encoding):
    assert not is_canonical_scalar(encoding)


def test_rows_counts_and_copies():
    data = bytearray(b"abcd")
    fixed, count = rows(data, 2)
    data[:] = b"zzzz"
    assert (fixed, count) == (b"abcd", 2)
    assert rows(b"", 32) == (b"", 0)


@pytest.mark.parametrize("data", [bytes(31), bytes(33), bytes(1)])
def test_a_broken_row_is_our_own_fault(data):
    with pytest.raises(LocalError, match="wrong length"):
        rows(data, 32)


def test_too_many_rows_are_refused():
    assert rows(bytes(MAX_BATCH), 1)[1] == MAX_BATCH
    with pytest.raises(LocalError):
        rows(bytes(MAX_BATCH + 1), 1)


def test_the_refusal_of_an_element_names_its_place_and_nothing_else():
    refusal = invalid_element(7)
    assert refusal.index == 7
    assert refusal.advice
    assert invalid_element(None).index is None

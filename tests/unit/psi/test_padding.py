"""Record classes and size classes: the table of PROTOCOL.md, the edges, and what is refused."""

import pytest

from psi.errors import RefusedValue
from psi.padding import (
    FLOOR_RECORDS,
    MAX_ELEMENTS,
    MAX_RECORDS,
    MAX_TOKENS_PER_RECORD,
    is_record_class,
    record_class,
    size_class,
)


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        (0, 64),
        (1, 64),
        (3, 64),
        (64, 64),
        (65, 128),
        (129, 256),
        (5_000, 8_192),
        (65_535, 65_536),
        (65_536, 65_536),
        (65_537, 73_728),  # 2^16 + 2^13
        (73_729, 81_920),
        (100_000, 106_496),
        (131_072, 131_072),
        (131_073, 147_456),  # the step doubles with the power
        (1_000_000, 1_048_576),
        (10_000_000, 10_485_760),
        (MAX_RECORDS, MAX_RECORDS),
    ],
)
def test_record_class(records: int, expected: int) -> None:
    assert record_class(records) == expected
    assert is_record_class(expected)


@pytest.mark.parametrize("records", [-64, -1, 0, 1, 63, 65, 100, 127, 65_537, 73_727, 147_455, MAX_RECORDS + 1])
def test_numbers_that_are_no_class(records: int) -> None:
    assert not is_record_class(records)


@pytest.mark.parametrize(
    ("records", "reason"),
    [(-1, "size/negative"), (MAX_RECORDS + 1, "size/too-many-records"), (10**18, "size/too-many-records")],
)
def test_records_out_of_reach(records: int, reason: str) -> None:
    with pytest.raises(RefusedValue) as refused:
        record_class(records)
    assert refused.value.reason == reason


@pytest.mark.parametrize(("records", "tokens", "expected"), [(64, 56, 3_584), (64, 1, 64), (1_048_576, 7, 7_340_032)])
def test_size_class_is_the_product(records: int, tokens: int, expected: int) -> None:
    assert size_class(records, tokens) == expected


@pytest.mark.parametrize(
    ("records", "tokens", "reason"),
    [
        (60, 1, "size/not-a-class"),
        (0, 1, "size/not-a-class"),
        (-64, 1, "size/not-a-class"),
        (MAX_RECORDS * 2, 1, "size/not-a-class"),
        (64, 0, "size/tokens-per-record"),
        (64, -1, "size/tokens-per-record"),
        (64, MAX_TOKENS_PER_RECORD + 1, "size/tokens-per-record"),
        (MAX_RECORDS, 9, "size/too-many-elements"),
        (MAX_RECORDS, MAX_TOKENS_PER_RECORD, "size/too-many-elements"),
    ],
)
def test_absurd_sizes_are_refused_by_name(records: int, tokens: int, reason: str) -> None:
    with pytest.raises(RefusedValue) as refused:
        size_class(records, tokens)
    assert refused.value.reason == reason
    assert refused.value.advice


def test_the_largest_list_is_allowed() -> None:
    assert size_class(MAX_RECORDS, MAX_ELEMENTS // MAX_RECORDS) == MAX_ELEMENTS
    assert FLOOR_RECORDS == 64

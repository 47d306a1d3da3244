"""F3, the arithmetic half: every number of records within a class gives the same sizes, at a bounded price."""

from hypothesis import given
from hypothesis import strategies as st

from psi.padding import FLOOR_RECORDS, MAX_RECORDS, is_record_class, record_class, size_class

RECORDS = st.integers(0, MAX_RECORDS)


@given(RECORDS)
def test_a_class_holds_what_it_is_for(records: int) -> None:
    chosen = record_class(records)
    assert chosen >= max(records, FLOOR_RECORDS)
    assert is_record_class(chosen)
    assert record_class(chosen) == chosen


@given(RECORDS, RECORDS)
def test_more_records_never_make_a_smaller_class(one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert record_class(low) <= record_class(high)


@given(RECORDS, st.data())
def test_no_number_within_a_class_changes_a_size(records: int, data: st.DataObject) -> None:
    chosen = record_class(records)
    twin = data.draw(st.integers(min(records, chosen), chosen))
    assert size_class(record_class(twin), 8) == size_class(chosen, 8)


@given(st.integers(FLOOR_RECORDS + 1, MAX_RECORDS))
def test_the_price_is_bounded(records: int) -> None:
    bound = 2 * records if records <= 1 << 16 else records + records // 8 + 1
    assert record_class(records) <= bound


@given(st.integers(FLOOR_RECORDS, MAX_RECORDS))
def test_the_class_is_the_smallest(records: int) -> None:
    # Every number from the records up to its class belongs to that very class: there is none in between.
    chosen = record_class(records)
    middle = (records + chosen) // 2
    assert record_class(middle) == chosen
    assert is_record_class(records) == (chosen == records)


def test_the_walk_over_all_classes() -> None:
    # 64 .. 2^16 are 11 powers; then 8 steps for each of the 8 doublings up to 2^24.
    chosen, count = FLOOR_RECORDS, 1
    while chosen < MAX_RECORDS:
        following = record_class(chosen + 1)
        assert following > chosen
        chosen, count = following, count + 1
    assert count == 11 + 8 * 8

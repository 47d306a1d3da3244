"""10,000 x 10,000 telephone numbers through two real nodes, in lists of several chunks of which the last is short."""

from pathlib import Path

from psi.padding import record_class, size_class
from psi.spool import CHUNK_ROWS
from tests.support import linking, phones
from tests.support.node_process import two_offices

RECORDS, PER_RECORD = 2_000, phones.COLUMNS


def test_two_nodes_find_exactly_the_shared_numbers(tmp_path: Path) -> None:
    elements = size_class(record_class(RECORDS), PER_RECORD)
    assert elements > 2 * CHUNK_ROWS
    assert elements % CHUNK_ROWS  # the last chunk of a list is a short one

    lists = phones.make_lists(RECORDS, PER_RECORD, seed=2)
    # One number on many records of one side, and on a few of the other: one element each, many pairs.
    shared = "+40729999999"
    for own, every in zip(lists, (100, 500), strict=True):
        for numbers in list(own.values())[::every]:
            numbers[0] = shared
    expected = phones.expected_pairs(*lists)
    assert len(expected) > RECORDS

    with two_offices(tmp_path, "police", "police", settings=linking.AMPLE_BUDGET) as (first, second, _relays):
        for node, own in zip((first, second), lists, strict=True):
            phones.write(tmp_path / "list.csv", own)
            added = linking.add_dataset(node, tmp_path / "list.csv", phones.MAPPING, record_class="advert", region="RO")
            assert added["usable"] == RECORDS
        match = [{"kind": "phone", "per_record": PER_RECORD}]
        round_id = linking.agree(first, second, match=match, records=RECORDS, record_class="advert")
        linking.carry_out(first, second, round_id)

        assert linking.pairs(first, second, round_id) == expected

"""100,000 x 100,000 telephone numbers, half of them on both sides, through two node processes: exact, or it fails."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from psi.padding import record_class
from tests.bench._bench import Result, measurement
from tests.bench._rounds import measure, rows
from tests.support import linking, phones
from tests.support.node_process import two_offices

RECORDS = 100_000


@measurement("phones")
def phones_100_000() -> Iterator[Result]:
    lists = phones.make_lists(RECORDS, 1, seed=1)
    expected = phones.expected_pairs(*lists)
    assert len(expected) == RECORDS // 2
    with (
        tempfile.TemporaryDirectory() as place,
        two_offices(Path(place), "police", "police", settings=linking.AMPLE_BUDGET, relay=True) as (*nodes, relays),
    ):
        begin = time.perf_counter()
        for node, own in zip(nodes, lists, strict=True):
            source = Path(place) / f"{node.alias}.csv"
            phones.write(source, own)
            added = linking.add_dataset(node, source, phones.MAPPING, record_class="advert", region="RO")
            assert added["usable"] == RECORDS
        prepared = time.perf_counter() - begin
        match = [{"kind": "phone", "per_record": 1}]
        round_id = linking.agree(*nodes, match=match, records=RECORDS, record_class="advert")
        cost = measure(nodes, relays, round_id)

        begin = time.perf_counter()
        found = linking.pairs(*nodes, round_id)
        read = time.perf_counter() - begin

    assert found == expected, "the nodes did not find exactly the shared numbers"
    yield Result("phones.pairs_found, against those there are", len(found), "", len(expected), n=RECORDS)
    yield Result("phones.dataset_add, one side after the other", 2 * RECORDS / prepared, "rows/s", n=RECORDS)
    yield from rows("phones", cost, records=RECORDS, identifiers=RECORDS, elements=record_class(RECORDS))
    yield Result("phones.round_results", 2 * len(found) / read, "leads/s", n=RECORDS)

"""FEBRL 4, 5,000 x 5,000, through two node processes, against the truth in `rec_id`, which is never an input.

The reference of each figure of quality is the same figure without nodes and cryptography: plain comparison of the match
keys in this process. The pairs must be the very same. `make bench` fetches the data; figures for other rules:
`python -m tests.bench.febrl_offline`.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from psi.padding import record_class
from tests.bench._bench import Result, measurement
from tests.bench._rounds import measure, rows
from tests.support import febrl, linking
from tests.support.node_process import two_offices

RECORDS = 5_000


@measurement("febrl4")
def febrl4() -> Iterator[Result]:
    persons = [febrl.read_persons(febrl.FULL / name) for name in febrl.FILES]
    plain, mean = febrl.matches(*persons, febrl.RULE)
    with (
        tempfile.TemporaryDirectory() as place,
        two_offices(Path(place), "police", "police", settings=linking.AMPLE_BUDGET, relay=True) as (*nodes, relays),
    ):
        for node, name in zip(nodes, febrl.FILES, strict=True):
            added = linking.add_dataset(node, febrl.FULL / name, febrl.MAPPING, record_class="suspect")
            assert added["usable"] == RECORDS
        round_id = linking.agree(
            *nodes, match=[febrl.MATCH], records=RECORDS, record_class="suspect", purpose="deconflict_cases"
        )
        cost = measure(nodes, relays, round_id)
        found = linking.pairs(*nodes, round_id)

    assert found == plain, "the nodes did not find the pairs that the match keys give"
    ours, reference = (
        febrl.judge(pairs, true_pairs=RECORDS, rule=febrl.RULE, mean_tokens=mean) for pairs in (found, plain)
    )
    assert ours.f1 >= 0.97, ours
    for figure in ("precision", "recall", "f1"):
        yield Result(f"febrl4.{figure}", getattr(ours, figure), "", getattr(reference, figure), n=RECORDS)
    declared = ours.tokens_per_record
    yield Result("febrl4.keys_per_record, mean against declared", mean, "", declared, n=RECORDS)
    size = record_class(RECORDS) * declared
    yield from rows("febrl4", cost, records=RECORDS, identifiers=round(mean * RECORDS), elements=size)

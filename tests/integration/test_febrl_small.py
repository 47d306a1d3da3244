"""Record linkage through two real nodes: the first 500 persons of FEBRL 4 and their damaged copies.

`rec_id` tells who is who. It is the organisation's own record reference: it names a lead to its owner, it is no input
of any key, and it never leaves the node; the two sides' references meet here, in the test.
"""

from pathlib import Path

import pytest

from tests.support import febrl, linking
from tests.support.node_process import two_offices


@pytest.mark.ci
def test_two_nodes_find_the_pairs_that_the_keys_give(tmp_path: Path) -> None:
    expected, mean = febrl.matches(*(febrl.read_persons(febrl.SAMPLE / name) for name in febrl.FILES), febrl.RULE)
    with two_offices(tmp_path, "police", "police", settings=linking.AMPLE_BUDGET) as (first, second, _relays):
        for node, name in ((first, febrl.FILES[0]), (second, febrl.FILES[1])):
            added = linking.add_dataset(node, febrl.SAMPLE / name, febrl.MAPPING, record_class="suspect")
            assert added["usable"] == 500
        round_id = linking.agree(
            first, second, match=[febrl.MATCH], records=500, record_class="suspect", purpose="deconflict_cases"
        )
        linking.carry_out(first, second, round_id)

        found = linking.pairs(first, second, round_id)

        assert found == expected
        outcome = febrl.judge(found, true_pairs=500, rule=febrl.RULE, mean_tokens=mean)
        assert outcome.f1 >= 0.97, outcome
        for node, own in ((first, "-org"), (second, "-dup-0")):
            assert all(lead["reference"].endswith(own) for lead in linking.leads(node, round_id))

"""Many nodes on one machine: all pairs at once, and one node with many rounds at once; nothing lost, nothing doubled.

Six nodes on every submission, 40 and 95 before a release (half an hour and some 11 GiB for the latter).
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.load.__main__ import show
from tests.load.fleet import SHARED, Seen, all_pairs, carry_out, check, fleet, hub_rounds

CI_NODES, SOAK_NODES = 6, (40, 95)
CI_HUB, SOAK_HUB = 40, 200
MIB_PER_NODE = 210.0
"""95 nodes must find room in 20 GiB."""
FILES_PER_NODE = 1_024
"""What a system usually lets a process have open."""


def sizes() -> list[object]:
    soak = [pytest.param(nodes, SOAK_HUB, marks=pytest.mark.soak) for nodes in SOAK_NODES]
    return [pytest.param(CI_NODES, CI_HUB, marks=pytest.mark.ci), *soak]


def judge(seen: Seen, rounds: int) -> None:
    assert seen.wrong == []
    assert seen.finished == seen.rounds == rounds
    assert max(seen.peak_mib) <= MIB_PER_NODE
    assert max(seen.peak_files) < FILES_PER_NODE


@pytest.mark.tm("TM-158")
@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize(("count", "hub"), sizes())
def test_many_nodes_at_once(
    tmp_path: Path, count: int, hub: int, record_property: Callable[[str, object], None]
) -> None:
    with fleet(tmp_path, count) as running:
        nodes = running.nodes
        pairs = all_pairs(nodes)
        assert len(pairs) == count * (count - 1) // 2
        seen = carry_out(nodes, pairs, seconds=300 + 10 * len(pairs))
        show("all pairs", seen)
        judge(seen, len(pairs))

        one = carry_out(nodes, hub_rounds(nodes, hub), seconds=300 + 10 * hub)
        show("one node", one)
        judge(one, hub)
        assert one.most_open >= hub // 2, "they did not run at the same time"

        record_property("ran", f"{count} nodes, {seen.rounds} rounds of all pairs and {hub} of one node at once")

        # The sabotaged twins of `check`: a round that is still open, one whose result is another, one too many.
        name, (first, second) = next(iter(seen.parties.items()))
        nodes[second].states[name] = "running"
        assert any("is running" in line for line in check(nodes, seen.parties))
        nodes[second].states[name] = "finished"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tests.load.fleet.SHARED", SHARED + 1)
            assert any("another result" in line for line in check(nodes, {name: (first, second)}))
            patch.setattr("tests.load.fleet.ELEMENTS", 1)
            assert any("charged" in line for line in check(nodes, {name: (first, second)}))

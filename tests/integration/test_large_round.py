"""A round that is larger than memory should have to be: millions of numbers a side, one in a hundred on both."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from psi.padding import record_class
from tests.support import linking
from tests.support.node_process import NodeProcess, two_offices
from tests.support.nodes import wait_for

SHARED_PART = 100
"""One number in so many stands on both sides."""

MEMORY_MIB = 256
MEMORY_BYTES_PER_ELEMENT = 40
"""What a node may have resident in such a round, and in preparing for it: so much, and so much for each element of
the larger list (16 bytes tell values apart while a list is made)."""

BUDGET = "[budget]\nelements = 100_000_000\nelements_in_all = 1_000_000_000\n"
HOURS = 3600
_PREFIXES = ("511", "512", "514", "515", "516", "517")
_EACH = 10**7
_KEYS = (40_503, 48_271, 69_621, 16_807)
_HALF_BITS = 13  # twice that: just more places than there are numbers

MAPPING = {"Case": "reference", "Number": "phone"}


def numbers(count: int, first: int) -> Iterator[tuple[str, str]]:
    """Case number and telephone number, for places `first` to `first + count` of a fixed scattered order."""
    for place in range(first, first + count):
        value = _scattered(place)
        while value >= len(_PREFIXES) * _EACH:
            value = _scattered(value)
        yield f"A{place:08}", f"+491{_PREFIXES[value // _EACH]}{value % _EACH:07}"


def _scattered(place: int) -> int:
    """A permutation (four rounds of Feistel): each number once, and no series of them."""
    mask = (1 << _HALF_BITS) - 1
    left, right = place >> _HALF_BITS, place & mask
    for key in _KEYS:
        left, right = right, left ^ (right * right * key + right * key >> 9 & mask)
    return left << _HALF_BITS | right


def write(path: Path, count: int, first: int) -> None:
    with path.open("w", encoding="ascii") as file:
        file.write(",".join(MAPPING) + "\n")
        file.writelines(f"{reference},{number}\n" for reference, number in numbers(count, first))


class Patient:
    """A node that is given hours to answer."""

    def __init__(self, node: NodeProcess) -> None:
        self.node, self.alias, self.state = node, node.alias, node.state

    def ask(self, operation: str, **request: Any) -> Any:
        return self.node.client.call(operation, request, timeout_seconds=2 * HOURS)


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(150_000, marks=pytest.mark.ci),
        pytest.param(10_000_000, marks=[pytest.mark.soak, pytest.mark.timeout(4 * HOURS)]),
    ],
)
def test_memory_stays_bounded_and_the_overlap_is_found(
    tmp_path: Path, count: int, record_property: Callable[[str, object], None]
) -> None:
    shared = count // SHARED_PART
    firsts = (0, count - shared)
    limit = MEMORY_MIB + MEMORY_BYTES_PER_ELEMENT * record_class(count) / 2**20
    told: dict[str, Any] = {"count": count, "limit_mib": round(limit)}
    with two_offices(tmp_path, "police", "police", settings=BUDGET) as (one, other, _relays):
        nodes = (one, other)
        for node, first in zip(nodes, firsts, strict=True):
            write(tmp_path / f"{node.alias}.csv", count, first)

        def prepare(node: NodeProcess) -> Any:
            source = tmp_path / f"{node.alias}.csv"
            return linking.add_dataset(Patient(node), source, MAPPING, record_class="advert", region="DE")

        begin = time.monotonic()
        with ThreadPoolExecutor() as both:
            assert [added["usable"] for added in both.map(prepare, nodes)] == [count, count]
        told["prepare_seconds"] = round(time.monotonic() - begin)
        round_id = linking.agree(
            Patient(one),
            Patient(other),
            match=[{"kind": "phone", "per_record": 1}],
            records=count,
            record_class="advert",
        )
        for node in nodes:  # what preparing took is not what the round takes
            told[f"prepare_mib_{node.alias}"] = round(node.peak_mib())
            node.stop()
            node.start()
            node.wait()
        begin = time.monotonic()
        linking.carry_out(one, other, round_id, seconds=4 * HOURS, poll_seconds=1.0)
        told["round_seconds"] = round(time.monotonic() - begin)
        for node in nodes:
            told[f"round_mib_{node.alias}"] = round(node.peak_mib())
            told[f"cpu_seconds_{node.alias}"] = round(node.cpu_seconds())
        Path("build").mkdir(exist_ok=True)
        Path(f"build/large-{count}.json").write_text(json.dumps(told, indent=2))
        found = [sorted(lead["reference"] for lead in linking.leads(Patient(node), round_id)) for node in nodes]
        expected = [f"A{place:08}" for place in range(firsts[1], count)]
        assert found == [expected, expected]
        peaks = {name: value for name, value in told.items() if "_mib_" in name and name.startswith("round")}
        assert max(peaks.values()) < limit, told
        record_property("ran", f"{count:,} x {count:,} numbers, at most {max(peaks.values())} MiB a node")
        for node in nodes:  # the lists go right after the round is over
            spools = node.folder / "spools"
            wait_for(lambda spools=spools: not list(spools.iterdir()))  # type: ignore[misc]

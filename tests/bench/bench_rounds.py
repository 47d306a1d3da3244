"""Whole rounds: N telephone numbers against N, half of them on both sides, through two node processes; and the same two
sets through other programs.

Ours runs with mTLS over the loopback, answers in order, every answer proved and every proof checked, from two prepared
data sets to results in both stores; it must find exactly the shared numbers. What it pads and hides is in its cost, but
N counts real identifiers only. Beside it stands the same round with the proofs left out (`no_proofs_node`), since no
peer has any. The peers are asked after `make bench-peers`; what each of them does stands above the table.

Processor time is that of both sides, user and system, all threads; the least of the runs. Memory is the larger side's
high-water mark after a restart, the most of the runs. Bytes are all that passes between the two, halved.
"""

import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from psi.padding import record_class
from tests.bench._bench import Line, Note, Result, Skip, measurement
from tests.bench._peers import PEERS, Absent, PeerCost
from tests.bench._peers import run as run_peer
from tests.bench._rounds import IDEAL_BYTES, SIDES, Cost, curve_seconds, measure
from tests.support import linking, node_process, phones
from tests.support.node_process import NodeProcess, two_offices

RUNS = {10_000: 3, 100_000: 2, 1 << 20: 1}
"""Identifiers a side -> rounds of ours and of each peer, in turns."""

AT_MOST = {"openmined": 0.10, "spu-ecdh": 1.0}
"""Peer -> the most processor time that ours may take, as a part of its, from `JUDGED` identifiers on."""

NO_PROOFS_AT_MOST = {"spu-ecdh": 0.85}
JUDGED = 100_000
LINE_RECORDS, LINE_SECONDS = 100_000, 0.04
"""Of the round over a long line: records a side, and how long a journey there and back takes, as across a continent."""
PEAK_MIB = 300.0
"""What a node stays under in a round of the largest N."""

_ENTRY = ("-m", "tests.bench.no_proofs_node")


def pair(count: int) -> Iterator[Line]:
    """All rows of one N."""
    name, runs = f"round.pair.{count}", RUNS[count]
    poll = max(0.25, count / 1_000_000)
    lists = phones.make_lists(count, 1, seed=1)
    expected = phones.expected_pairs(*lists)
    proved: list[Cost] = []
    bare: list[Cost] = []
    peers: dict[str, list[PeerCost]] = {peer: [] for peer in PEERS}
    absent: dict[str, str] = {}
    with (
        tempfile.TemporaryDirectory() as place,
        two_offices(Path(place), "police", "police", settings=linking.AMPLE_BUDGET, relay=True) as (*nodes, relays),
    ):
        sources = [Path(place) / f"{node.alias}.csv" for node in nodes]
        for source, own in zip(sources, lists, strict=True):
            phones.write(source, own)
        begin = time.perf_counter()
        with ThreadPoolExecutor() as both:
            for added in both.map(_prepare, nodes, sources):
                assert added["usable"] == count
        prepared = time.perf_counter() - begin
        sets = [Path(place) / f"peer.{side}.csv" for side in range(2)]
        for path, own in zip(sets, lists, strict=True):
            path.write_text("id\n" + "".join(f"{numbers[0]}\n" for numbers in own.values()), encoding="ascii")

        match = [{"kind": "phone", "per_record": 1}]
        for _ in range(runs):
            round_id = linking.agree(*nodes, match=match, records=count, record_class="advert")
            proved.append(measure(nodes, relays, round_id, poll_seconds=poll))
            other_id = linking.agree(*nodes, match=match, records=count, record_class="advert")
            with mock.patch.object(node_process, "ENTRY", _ENTRY):
                bare.append(measure(nodes, relays, other_id, poll_seconds=poll))
            for peer, costs in peers.items():
                try:
                    costs.append(run_peer(peer, Path(place), *sets))
                    assert costs[-1].found == len(expected), f"{peer} found {costs[-1].found}"
                except Absent as lack:
                    absent[peer] = str(lack)

        begin = time.perf_counter()
        found = linking.pairs(*nodes, round_id)
        read = time.perf_counter() - begin
    assert found == expected, "the nodes did not find exactly the shared numbers"

    yield from (Note(f"{peer}: {costs[0].version}; {PEERS[peer]}") for peer, costs in peers.items() if costs)
    yield from _ours(name, count, proved, bare)
    yield from _against_peers(name, count, proved, bare, peers, absent)
    yield Result(f"{name}.dataset_add, both at once", 2 * count / prepared, "rows/s", n=count)
    yield Result(f"{name}.round_results", 2 * len(found) / read, "leads/s", n=count)


def _ours(name: str, count: int, proved: list[Cost], bare: list[Cost]) -> Iterator[Line]:
    elements = record_class(count)
    row = partial(Result, n=count, runs=len(proved))
    yield row(f"{name}, curve arithmetic", _cpu(proved), "s", 2 * curve_seconds(elements))
    yield row(f"{name}.no-proofs, with proofs", _cpu(bare), "s", _cpu(proved))
    yield row(f"{name}.wall", min(cost.wall_seconds for cost in proved), "s")
    judged = 1.0 if count == max(RUNS) else None
    for side, peaks in zip(SIDES, zip(*(cost.round_peak_mib for cost in proved), strict=True), strict=True):
        yield row(f"{name}.peak, {side}, {PEAK_MIB:g} MiB", max(peaks), "MiB", PEAK_MIB, at_most=judged)
    yield row(f"{name}.bytes_per_identifier, ideal", _bytes(proved, count), "B", IDEAL_BYTES)


def _against_peers(
    name: str,
    count: int,
    proved: list[Cost],
    bare: list[Cost],
    peers: dict[str, list[PeerCost]],
    absent: dict[str, str],
) -> Iterator[Line]:
    for peer, costs in peers.items():
        if peer in absent:
            yield Skip(f"{name}, {peer}", absent[peer])
            continue
        row = partial(Result, n=count, runs=len(costs))
        cpu = min(cost.cpu_seconds for cost in costs)
        judged = count >= JUDGED
        yield row(f"{name}, {peer}", _cpu(proved), "s", cpu, at_most=AT_MOST.get(peer) if judged else None)
        if peer in NO_PROOFS_AT_MOST:
            bound = NO_PROOFS_AT_MOST[peer] if judged else None
            yield row(f"{name}.no-proofs, {peer}", _cpu(bare), "s", cpu, at_most=bound)
        wall, theirs = (min(cost.wall_seconds for cost in some) for some in (proved, costs))
        yield row(f"{name}.wall, {peer}", wall, "s", theirs)
        peak = max(max(cost.round_peak_mib) for cost in proved)
        yield row(f"{name}.peak, {peer}", peak, "MiB", max(max(cost.peak_mib) for cost in costs))
        each = costs[-1].wire_bytes / 2 / count
        yield row(f"{name}.bytes_per_identifier, {peer}", _bytes(proved, count), "B", each)


def line() -> Iterator[Line]:
    """What a long line costs a round in time: a journey to the other side and back takes LINE_SECONDS."""
    lists = phones.make_lists(LINE_RECORDS, 1, seed=1)
    walls: dict[float, list[float]] = {0.0: [], LINE_SECONDS: []}
    with (
        tempfile.TemporaryDirectory() as place,
        two_offices(Path(place), "police", "police", settings=linking.AMPLE_BUDGET, relay=True) as (*nodes, relays),
    ):
        for node, own in zip(nodes, lists, strict=True):
            phones.write(source := Path(place) / f"{node.alias}.csv", own)
            _prepare(node, source)
        for _ in range(RUNS[LINE_RECORDS]):
            for journey, seconds in walls.items():
                for relay in relays:
                    relay.delay_seconds = journey / 2
                match = [{"kind": "phone", "per_record": 1}]
                round_id = linking.agree(*nodes, match=match, records=LINE_RECORDS, record_class="advert")
                seconds.append(measure(nodes, relays, round_id).wall_seconds)
        assert linking.pairs(*nodes, round_id) == phones.expected_pairs(*lists)
    near, far = (min(seconds) for seconds in walls.values())
    name = f"round.line, {1000 * LINE_SECONDS:g} ms there and back"
    yield Result(name, far, "s", near, n=LINE_RECORDS, runs=RUNS[LINE_RECORDS])


@dataclass
class _Patient:
    """A node that is given an hour to answer: preparing a million identifiers takes minutes."""

    node: NodeProcess

    @property
    def alias(self) -> str:
        return self.node.alias

    def ask(self, operation: str, **request: Any) -> Any:
        return self.node.client.call(operation, request, timeout_seconds=3600)

    def state(self, round_id: str) -> str:
        return self.node.state(round_id)


def _prepare(node: NodeProcess, source: Path) -> Any:
    return linking.add_dataset(_Patient(node), source, phones.MAPPING, record_class="advert", region="RO")


def _cpu(costs: list[Cost]) -> float:
    return min(sum(cost.cpu_seconds) for cost in costs)


def _bytes(costs: list[Cost], count: int) -> float:
    return costs[-1].wire_bytes / 2 / count


measurement("round.line")(line)
for _count in RUNS:
    measurement(f"round.pair.{_count}")(partial(pair, _count))

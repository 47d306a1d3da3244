"""What a round between two node processes costs, as rows of the bench.

Wall time runs from `round.start` to the moment both sides have closed; the person in between decides at once. CPU time
is user and system time of the whole process over that span. Bytes are counted by a relay in front of each node:
everything that TLS sends, both ways, without the headers of TCP and IP.

Peak memory is the high-water mark of the process, twice: over everything (preparing the data set; and introducing the
two nodes, which stretches the check words with scrypt and is the largest by far), and, after a restart, of the round.

The CPU time's reference is the curve arithmetic that the protocol asks of one side for a list of this size (blind the
own list, multiply the other one, prove those answers, verify the ones that came), measured on one chunk in the same
run. The machine's noise is in both; the ratio says what everything else costs.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from psi import dleq
from psi.backend import choose
from psi.spool import CHUNK_ROWS
from tests.bench._bench import Result
from tests.support import linking
from tests.support.node_process import NodeProcess, Relay

__all__ = ["IDEAL_BYTES", "PEAK_MIB", "SIDES", "Cost", "curve_seconds", "measure", "rows"]

PEAK_MIB = 400.0
"""What a node promises to stay under."""

IDEAL_BYTES = 64.0
"""Bytes that a side sends for one element in a round that is answered in order: the element and one answer."""

_ROUND_SECONDS = 1800
SIDES = ("first learner", "second learner")


@dataclass(frozen=True)
class Cost:
    """Of one round: seconds, per side CPU seconds and MiB (all, round only), and all bytes between the nodes."""

    wall_seconds: float
    cpu_seconds: tuple[float, ...]
    peak_mib: tuple[float, ...]
    round_peak_mib: tuple[float, ...]
    wire_bytes: int


def measure(
    nodes: Sequence[NodeProcess], relays: Sequence[Relay], round_id: str, *, poll_seconds: float = 0.25
) -> Cost:
    """Carry out an agreed round, after a restart of both nodes. They are asked every so many seconds how it stands,
    which is in the cost: some 2 ms of processor time each time."""
    before = [node.peak_mib() for node in nodes]
    for node in nodes:
        node.stop()
        node.start()
        node.wait()
    cpu = [node.cpu_seconds() for node in nodes]
    sent = sum(relay.bytes for relay in relays)
    begin = time.perf_counter()
    linking.carry_out(nodes[0], nodes[1], round_id, seconds=_ROUND_SECONDS, poll_seconds=poll_seconds)
    return Cost(
        wall_seconds=time.perf_counter() - begin,
        cpu_seconds=tuple(node.cpu_seconds() - before for node, before in zip(nodes, cpu, strict=True)),
        peak_mib=tuple(max(peak, node.peak_mib()) for peak, node in zip(before, nodes, strict=True)),
        round_peak_mib=tuple(node.peak_mib() for node in nodes),
        wire_bytes=sum(relay.bytes for relay in relays) - sent,
    )


def rows(name: str, cost: Cost, *, records: int, identifiers: int, elements: int) -> Iterator[Result]:
    """Rows of one round of `records` records a side, which hold about `identifiers` identifiers; `elements` a list."""
    assert max(cost.peak_mib) < PEAK_MIB, cost.peak_mib
    curve = curve_seconds(elements)
    yield Result(f"{name}.wall_time", cost.wall_seconds, "s", n=records)
    for side, seconds in zip(SIDES, cost.cpu_seconds, strict=True):
        yield Result(f"{name}.cpu_time, {side}, against curve arithmetic", seconds, "s", curve, n=records)
    for what, peaks in (("peak_memory", cost.peak_mib), ("peak_memory_of_round", cost.round_peak_mib)):
        for side, peak in zip(SIDES, peaks, strict=True):
            yield Result(f"{name}.{what}, {side}, against the promise", peak, "MiB", PEAK_MIB, n=records)
    each = cost.wire_bytes / 2 / identifiers
    yield Result(f"{name}.bytes_per_identifier, per side", each, "B", IDEAL_BYTES, n=records)
    yield Result(f"{name}.bytes_per_element, per side", cost.wire_bytes / 2 / elements, "B", IDEAL_BYTES, n=records)


def curve_seconds(elements: int) -> float:
    """CPU seconds of the arithmetic of one side, from the best of three runs over one chunk."""
    backend = choose()
    messages = [b"+4072112%07d" % number for number in range(CHUNK_ROWS)]
    theirs = backend.map_to_group(os.urandom(64 * CHUNK_ROWS))
    with backend.new_scalar() as scalar:
        key, answers = backend.base_multiply(scalar), backend.multiply(scalar, theirs)
        said = {"label": b"bench", "context": bytes(64)}
        proof = dleq.prove_batch(backend, scalar, key, theirs, answers, random_bytes=os.urandom, **said)
        parts: list[Callable[[], object]] = [
            lambda: backend.hash_and_multiply(scalar, messages, b"blindmatch-bench"),
            lambda: dleq.evaluate_batch(backend, scalar, key, theirs, random_bytes=os.urandom, **said),
            lambda: dleq.verify_batch(backend, key, theirs, answers, proof, **said),
        ]
        return sum(min(_cpu_seconds(part) for _ in range(3)) for part in parts) * elements / CHUNK_ROWS


def _cpu_seconds(action: Callable[[], object]) -> float:
    begin = time.process_time()
    action()
    return time.process_time() - begin

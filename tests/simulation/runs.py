"""Many runs of the simulation, and what must have happened in them for their silence to mean something."""

from collections import Counter

from tests.simulation.office import POINTS
from tests.simulation.world import Outcome, simulate

__all__ = ["CI_RUNS", "FAULTS", "HALVES", "LEAST_OPERATIONS", "QUICK_RUNS", "RARE", "SOAK_RUNS", "blocks", "play"]

QUICK_RUNS, CI_RUNS, SOAK_RUNS = 25, 500, 10_000
"""Seeds from 0 on; each size goes on where the one before ended, so that no seed is run twice."""

HALVES = 2
"""The longer sizes stand in two files, since a test process takes whole files."""

LEAST_OPERATIONS = 30

FAULTS = frozenset(
    {
        "answer lost",
        "budget spent",
        "cheat",
        "clock back",
        "clock forward",
        "disk full in the database",
        "fetched",
        "key rotated",
        "kill at a write",
        "kill between steps",
        "late",
        "member removed",
        "out of order",
        "partition",
        "request lost",
        "restart",
        "twice",
    }
)
"""What must have happened in every block."""

RARE = frozenset(
    {
        "disk full in a list",
        "receipts lost",
        "visit cut off",
        *(f"kill at {name}" for name in POINTS if name != "rotate.spool"),
    }
)
"""What does not happen in every block: the more runs, the more of it must have happened."""
SOME_RARE = {QUICK_RUNS: 6, CI_RUNS // HALVES: 12, CI_RUNS: 14}
"""Runs of a block -> how many kinds of these at least."""


def blocks(size: int, first: int, half: int, block: int) -> range:
    """First seeds of the blocks of one half."""
    here = size // HALVES
    return range(first + half * here, first + (half + 1) * here, block)


def play(first: int, runs: int) -> Counter[str]:
    """Run these seeds; AssertionError if an invariant breaks, if too little happened, or if a fault never did. How
    often what happened."""
    happened: Counter[str] = Counter()
    ends: Counter[str] = Counter()
    outcomes: list[Outcome] = [simulate(seed) for seed in range(first, first + runs)]
    for outcome in outcomes:
        happened.update(outcome.happened)
        ends.update(outcome.ends)
    assert len(outcomes) == len({one.seed for one in outcomes}) == runs
    assert all(one.operations >= LEAST_OPERATIONS for one in outcomes)
    assert ends["finished"] >= runs, "too few rounds finished"
    assert ends["cancelled"]
    assert ends["refused"]
    assert any(end.startswith("failed: ") for end in ends)
    assert sum(one.disclosures for one in outcomes) >= runs, "too little was disclosed to say anything"
    assert sum(one.lists for one in outcomes) >= 2 * runs
    assert sum(one.envelopes for one in outcomes) >= 20 * runs
    assert set(happened) >= FAULTS, f"never happened: {sorted(FAULTS - set(happened))}"
    rare = RARE & set(happened)
    assert len(rare) >= SOME_RARE[runs], f"of the rare faults only these happened: {sorted(rare)}"
    print(f"{runs} runs, {sum(one.operations for one in outcomes)} operations, {dict(ends)}, {dict(happened)}")
    return happened

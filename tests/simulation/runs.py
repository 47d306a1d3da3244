"""Many runs of the simulation, and what must have happened in them for their silence to mean something."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.office import POINTS
from tests.simulation.world import OPERATIONS, Outcome, simulate

__all__ = [
    "CI_RUNS",
    "FAULTS",
    "HALVES",
    "LEAST_OPERATIONS",
    "QUICK_RUNS",
    "RARE",
    "SOAK_RUNS",
    "SOME_RARE",
    "Tally",
    "blocks",
    "play",
]

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
        "batch",
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


@dataclass
class Tally:
    """What happened in some runs."""

    runs: int = 0
    operations: int = 0
    fewest: int = OPERATIONS
    """Operations of the run that had fewest."""
    disclosures: int = 0
    lists: int = 0
    envelopes: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    happened: Counter[str] = field(default_factory=Counter)

    def add(self, one: Outcome) -> None:
        self.runs += 1
        self.operations += one.operations
        self.fewest = min(self.fewest, one.operations)
        self.disclosures += one.disclosures
        self.lists += one.lists
        self.envelopes += one.envelopes
        self.ends.update(one.ends)
        self.happened.update(one.happened)

    def merge(self, other: "Tally") -> None:
        for name in ("runs", "operations", "disclosures", "lists", "envelopes"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.fewest = min(self.fewest, other.fewest)
        self.ends.update(other.ends)
        self.happened.update(other.happened)

    def told(self) -> dict[str, Any]:
        """As JSON holds it, and the constructor takes it."""
        return vars(self) | {"ends": dict(self.ends), "happened": dict(self.happened)}

    def must_suffice(self, rare: int) -> None:
        """AssertionError if too little happened, a fault never did, or of the rare ones fewer kinds than `rare`."""
        assert self.fewest >= LEAST_OPERATIONS
        assert self.ends["finished"] >= self.runs, "too few rounds finished"
        assert self.ends["cancelled"]
        assert self.ends["refused"]
        assert any(end.startswith("failed: ") for end in self.ends)
        assert self.disclosures >= self.runs, "too little was disclosed to say anything"
        assert self.lists >= 2 * self.runs
        assert self.envelopes >= 20 * self.runs
        assert set(self.happened) >= FAULTS, f"never happened: {sorted(FAULTS - set(self.happened))}"
        found = RARE & set(self.happened)
        assert len(found) >= rare, f"of the rare faults only these happened: {sorted(found)}"


def play(first: int, runs: int) -> Counter[str]:
    """Run these seeds; AssertionError if an invariant breaks, if too little happened, or if a fault never did. How
    often what happened."""
    tally = Tally()
    for seed in range(first, first + runs):
        outcome = simulate(seed)
        assert outcome.seed == seed
        tally.add(outcome)
    assert tally.runs == runs
    tally.must_suffice(SOME_RARE[runs])
    print(f"{runs} runs, {tally.operations} operations, {dict(tally.ends)}, {dict(tally.happened)}")
    return tally.happened

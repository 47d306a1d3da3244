"""Rounds between two to four nodes, while everything goes wrong that can: see `world`.

Three sizes of one test: QUICK_RUNS in `make test`, CI_RUNS in `.ci/run`, SOAK_RUNS in `make soak` (half of the longer
ones in `test_more_seeds`). Each counts its runs, operations, rounds and faults, and fails if there were too few, or if
a kind of fault never happened. The sabotaged twins stand in `sabotage`: each of these nodes must be found out.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation.office import rigged
from tests.simulation.runs import CI_RUNS, HALVES, LEAST_OPERATIONS, QUICK_RUNS, SOAK_RUNS, blocks, play
from tests.simulation.sabotage import SABOTAGES
from tests.simulation.world import OPERATIONS, simulate

ROOT = Path(__file__).parents[2]

TWIN_SEEDS = 60
"""Among so many seeds each sabotaged node must be found out."""


@pytest.fixture(scope="module", autouse=True)
def _rigged() -> Iterator[None]:
    with rigged():
        yield


@pytest.mark.timeout(900)
@pytest.mark.tm("TM-145", "TM-146", "TM-217")
def test_rounds_survive() -> None:
    play(0, QUICK_RUNS)


@pytest.mark.ci
@pytest.mark.timeout(1800)
@pytest.mark.tm("TM-145", "TM-146")
@pytest.mark.parametrize("first", blocks(CI_RUNS, QUICK_RUNS, 0, CI_RUNS // HALVES))
def test_rounds_survive_more(first: int) -> None:
    play(first, CI_RUNS // HALVES)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.tm("TM-145", "TM-146")
@pytest.mark.parametrize("first", blocks(SOAK_RUNS, QUICK_RUNS + CI_RUNS, 0, CI_RUNS))
def test_rounds_survive_for_long(first: int) -> None:
    play(first, CI_RUNS)


def test_the_numbers_of_runs_are_those_that_were_promised() -> None:
    assert (QUICK_RUNS, CI_RUNS, SOAK_RUNS) == (25, 500, 10_000)
    assert OPERATIONS >= LEAST_OPERATIONS == 30
    for size, begin, block in ((CI_RUNS, QUICK_RUNS, CI_RUNS // HALVES), (SOAK_RUNS, QUICK_RUNS + CI_RUNS, CI_RUNS)):
        seeds = [
            seed for half in range(HALVES) for at in blocks(size, begin, half, block) for seed in range(at, at + block)
        ]
        assert seeds == list(range(begin, begin + size))


@pytest.mark.ci
@pytest.mark.tm("TM-147")
def test_a_seed_gives_the_same_run_again_in_another_process() -> None:
    """And the command with which a failing seed is repeated works."""
    seeds = (3, 4)
    here = [simulate(seed) for seed in seeds]
    assert simulate(seeds[0]).digest == here[0].digest != here[1].digest
    run = subprocess.run(
        [sys.executable, "-m", "tests.simulation", *map(str, seeds), "-v"],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": "12345"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    told = run.stdout.splitlines()
    assert [line.split()[1] for line in told if re.match(r"\d+ [0-9a-f]{64} ", line)] == [one.digest for one in here]
    assert all(line in told for one in here for line in one.trace)


@pytest.mark.timeout(900)
@pytest.mark.tm("TM-147")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if one.quick else pytest.mark.ci) for name, one in SABOTAGES.items()]
)
def test_a_node_without_a_defence_is_found_out(name: str) -> None:
    sabotage = SABOTAGES[name]
    for seed in range(sabotage.first, sabotage.first + TWIN_SEEDS):
        try:
            with sabotage.done():
                simulate(seed)
        except AssertionError as broken:
            if re.search(sabotage.found, str(broken)):
                return
            raise
    pytest.fail(f"{TWIN_SEEDS} runs did not find a node with this sabotage: {name}")

"""Very many seeds in several processes: `python -m tests.simulation --seeds FIRST..END [--processes K] [--out FILE]`.

Each seed runs as it does in the test (`world.simulate`), and each block of `BLOCK` seeds in a row must be worth as much
as a block of the test (`Tally.must_suffice`). A seed that fails is named, with the words of the invariant, and the
others go on. FILE (build/simulation.json) is written every `SAVE_SECONDS`: the same command goes on where an earlier
one was stopped, as long as the sources are the same; a change of any begins anew.
"""

import hashlib
import json
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.simulation import organisations
from tests.simulation.office import rigged
from tests.simulation.runs import CI_RUNS, SOME_RARE, Tally
from tests.simulation.world import Outcome, simulate

__all__ = ["BLOCK", "OUT", "Many"]

BLOCK = CI_RUNS
"""Seeds in a row of which as much is asked as of a block of the test, in number."""

SAVE_SECONDS = 20.0

SEEDS_OF_A_PROCESS = 400
"""After so many seeds a process gives way to a fresh one: what it keeps in memory goes with it."""

LONGEST_SECONDS = 900.0
"""If no seed comes to its end for so long, a process is gone: the same command goes on with what is missing."""

ROOT = Path(__file__).parents[2]
OUT = ROOT / "build" / "simulation.json"


@dataclass
class Many:
    """Seeds from `first` up to `end`, which is not among them. `blocks`: first seed of a block -> what happened there;
    `seconds`: processor time of all runs."""

    first: int
    end: int
    out: Path = OUT
    blocks: dict[int, Tally] = field(default_factory=dict)
    done: set[int] = field(default_factory=set)
    failed: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0

    def run(self, processes: int) -> bool:
        """Run what is missing; False if a seed failed, or too little happened in a block."""
        self._take_up()
        before, began = len(self.done), time.monotonic()
        saved = began
        with rigged():
            organisations.template()  # once, for all processes
            todo = [seed for seed in range(self.first, self.end) if seed not in self.done]
            try:
                for seed, outcome, problem, seconds in _results(todo, processes):
                    self._note(seed, outcome, problem, seconds)
                    if (now := time.monotonic()) - saved >= SAVE_SECONDS or problem is not None:
                        saved = now
                        self._save([])
                        self._tell((now - began) / (len(self.done) - before))
            finally:
                self._save([])
        short = list(self._too_little())
        self._save(short)
        for sentence in [*(f"seed {seed}: {said}" for seed, said in sorted(self.failed.items())), *short]:
            print("FAILED", sentence)
        total = self._total()
        print(f"{total.runs} runs, {total.operations} operations, {total.disclosures} disclosures, {total.lists} lists")
        print(f"{len(self.failed)} failed; {self.seconds / max(1, len(self.done)):.2f} s of processor time each")
        for what, counts in (("ends", total.ends), ("faults", total.happened)):
            print(f"{what}:", ", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
        return not self.failed and not short

    def _note(self, seed: int, outcome: Outcome | None, problem: str | None, seconds: float) -> None:
        self.done.add(seed)
        self.seconds += seconds
        if outcome is not None:
            self.blocks.setdefault(self._block(seed), Tally()).add(outcome)
        if problem is not None:
            self.failed[seed] = problem
            print(f"FAILED seed {seed}: {problem}", flush=True)

    def _block(self, seed: int) -> int:
        return self.first + (seed - self.first) // BLOCK * BLOCK

    def _too_little(self) -> Iterator[str]:
        """Whole blocks, and those without a failure, must be worth something; a rest of a block says nothing."""
        for first, tally in sorted(self.blocks.items()):
            if tally.runs == BLOCK:
                try:
                    tally.must_suffice(SOME_RARE[BLOCK])
                except AssertionError as error:
                    yield f"seeds {first} to {first + BLOCK - 1}: {error}"

    def _total(self) -> Tally:
        total = Tally()
        for tally in self.blocks.values():
            total.merge(tally)
        return total

    def _tell(self, pace: float) -> None:
        left = self.end - self.first - len(self.done)
        said = f"{len(self.done)} of {self.end - self.first} seeds, {self._total().operations} operations"
        print(f"{said}, {len(self.failed)} failed; about {left * pace / 60:.0f} min left", flush=True)

    # What is kept between two commands.

    def _save(self, short: list[str]) -> None:
        said = {
            "seeds": [self.first, self.end],
            "sources": _sources(),
            "done": _ranges(self.done),
            "failed": {str(seed): sentence for seed, sentence in sorted(self.failed.items())},
            "too_little": short,
            "complete": len(self.done) == self.end - self.first,
            "processor_seconds": round(self.seconds, 1),
            "total": self._total().told(),
            "blocks": {str(first): tally.told() for first, tally in sorted(self.blocks.items())},
        }
        self.out.parent.mkdir(exist_ok=True)
        scratch = self.out.with_suffix(".part")
        scratch.write_text(json.dumps(said, indent=1, sort_keys=True) + "\n")
        scratch.replace(self.out)

    def _take_up(self) -> None:
        """What an earlier command with the same seeds and sources has done."""
        if not self.out.exists():
            return
        said: dict[str, Any] = json.loads(self.out.read_text())
        if said["seeds"] != [self.first, self.end] or said["sources"] != _sources():
            print(f"{self.out.name} is of other seeds or of other sources: beginning anew")
            return
        self.done = {seed for first, last in said["done"] for seed in range(first, last + 1)}
        self.failed = {int(seed): sentence for seed, sentence in said["failed"].items()}
        self.seconds = said["processor_seconds"]
        for first, counts in said["blocks"].items():
            counts |= {name: Counter(counts[name]) for name in ("ends", "happened")}
            self.blocks[int(first)] = Tally(**counts)
        print(f"going on behind {len(self.done)} seeds that are done")


_Result = tuple[int, Outcome | None, str | None, float]


def _results(seeds: list[int], processes: int) -> Iterator[_Result]:
    context = multiprocessing.get_context("fork")  # they have the template and the hooks of this process
    with context.Pool(processes, maxtasksperchild=SEEDS_OF_A_PROCESS) as pool:
        results = pool.imap_unordered(_one, seeds)
        for _seed in seeds:
            # A process that was killed from outside takes its seed along, and nobody would ever say so.
            yield results.next(LONGEST_SECONDS)


def _one(seed: int) -> _Result:
    began = time.process_time()
    try:
        outcome, problem = simulate(seed), None
        outcome.trace.clear()  # a thousand lines that nobody reads
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
        outcome, problem = None, f"{type(error).__name__}: {error}"
    return seed, outcome, problem, time.process_time() - began


def _sources() -> str:
    """A digest of all that a run depends on, but for the packages."""
    digest = hashlib.sha256()
    for folder in ("node", "psi", "tests/simulation", "tests/support"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".json", ".so"):
                digest.update(os.fsencode(path.relative_to(ROOT)) + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _ranges(seeds: set[int]) -> list[tuple[int, int]]:
    """As pairs of first and last."""
    pairs: list[tuple[int, int]] = []
    for seed in sorted(seeds):
        if pairs and pairs[-1][1] == seed - 1:
            pairs[-1] = (pairs[-1][0], seed)
        else:
            pairs.append((seed, seed))
    return pairs

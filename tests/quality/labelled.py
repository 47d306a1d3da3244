"""Sets of records with known truth: FEBRL 3 and 4, our own population, and any pair of files that somebody describes.

A set has one side (find the double records in it) or two (link them). Each side is one or several files with the role
of every column, as `blindmatch dataset add` takes them; `clusters` tells which records are one person and is never an
input. A set is split into two halves by person: key sets are chosen on one and reported on the other.
"""

import csv
import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.quality import population
from tests.support import febrl

__all__ = ["LabelledSet", "Part", "Side", "febrl3", "febrl4", "half_of", "own"]

_OWN_ROLES: Final = {"reference": "reference"} | {name: name for name in population.COLUMNS[1:]}


@dataclass(frozen=True)
class Part:
    """One file: CSV or whatever `dataset add` reads, and the role of each column."""

    path: Path
    roles: Mapping[str, str]


@dataclass(frozen=True)
class Side:
    """What one node holds. `region` reads telephone numbers without a country."""

    parts: tuple[Part, ...]
    clusters: Mapping[str, str]
    """Record reference -> the person it is about."""
    region: str | None = None


@dataclass(frozen=True)
class LabelledSet:
    """One or two sides with the truth. `target` is the F1 to reach (0: none), `precision` the floor beside it."""

    name: str
    sides: tuple[Side, ...]
    family: str
    """Which candidate rules are tried: `febrl`, `febrl-id`, `own` or `any`."""
    target: float = 0.0
    precision: float = 0.0

    def true_pairs(self, keep: Callable[[str], bool] = lambda _: True) -> set[tuple[str, str]]:
        """All pairs of records of one person, of the people that `keep` says; within one side each once, sorted."""
        where: list[dict[str, list[str]]] = []
        for side in self.sides:
            people: dict[str, list[str]] = defaultdict(list)
            for reference, person in side.clusters.items():
                if keep(person):
                    people[person].append(reference)
            where.append(people)
        if len(where) == 1:
            return {(a, b) for found in where[0].values() for a in found for b in found if a < b}
        return {(a, b) for person, found in where[0].items() for a in found for b in where[1].get(person, ())}


def half_of(person: str, seed: int) -> int:
    """0: the half on which key sets are chosen; 1: the half that is reported. By person, so that no pair is cut."""
    return hashlib.sha256(f"quality {seed} {person}".encode()).digest()[0] & 1


def febrl4(folder: Path = febrl.FULL, *, with_id: bool, target: bool = True) -> LabelledSet:
    """5,000 people and one damaged copy of each, in two files."""
    sides = tuple(_febrl_side(folder / name, with_id) for name in febrl.FILES)
    goal = (0.996 if with_id else 0.993) if target else 0.0
    return LabelledSet(
        f"FEBRL4 {'with' if with_id else 'without'} id", sides, "febrl-id" if with_id else "febrl", target=goal
    )


def febrl3(folder: Path = febrl.FULL, *, with_id: bool) -> LabelledSet:
    """2,000 people and 3,000 damaged copies (up to five of one), in one file."""
    side = _febrl_side(folder / "dataset3.csv", with_id)
    name = f"FEBRL3 {'with' if with_id else 'without'} id"
    return LabelledSet(name, (side,), "febrl-id" if with_id else "febrl", target=0.99)


def own(people: int, seed: int, folder: Path, *, target: bool = True, one_script: bool = False) -> LabelledSet:
    """Our population, written to a folder of its own in `folder`. `one_script` is the control, which has no target."""
    place = folder / f"own-{seed}-{people}-{one_script}"
    place.mkdir()
    made = population.generate(people, seed=seed, one_script=one_script)
    files = population.write(made, place)
    sides = []
    for side, records in (("A", made.first), ("B", made.second)):
        parts = [Part(path, _OWN_ROLES | {"birth_date": _date_role(calendar)}) for path, calendar in files[side]]
        sides.append(Side(tuple(parts), {r.reference: str(r.person) for r in records}, region="US"))
    goals = (0.97, 0.995) if target and not one_script else (0.0, 0.995)
    name = f"own, {people:,} people{', one script' if one_script else ''}"
    return LabelledSet(name, tuple(sides), "own", *goals)


def _date_role(calendar: str) -> str:
    return f"birth_date:{calendar}" if calendar else "birth_date"


def _febrl_side(path: Path, with_id: bool) -> Side:
    roles = febrl.MAPPING | {"soc_sec_id": "id_number" if with_id else "ignore"}
    with path.open(encoding="ascii", newline="") as stream:
        references = [row["rec_id"] for row in csv.DictReader(stream, skipinitialspace=True)]
    # rec-17-org and rec-17-dup-0 are one person.
    return Side((Part(path, roles),), {reference: reference.split("-")[1] for reference in references})

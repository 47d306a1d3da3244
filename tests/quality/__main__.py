"""How well records of the same people are found: `make quality`.

    python -m tests.quality                              FEBRL 3 and 4, our population, peers; writes build/quality.json
    python -m tests.quality --data set.toml [--mapping mapping.json]      the same row for files of your own

Each set goes through the intake of a node, file by file; then the tokens are compared that a round would compare
(tests/integration/test_febrl_small.py shows that a round finds the very same pairs). Which fields and how many of them
must agree is chosen on one half of the people, from the rules that `candidates` declares, and reported on the other.
The exit code is 1 if a target is missed.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from node.datasets import PreparedRecord
from node.errors import NodeError, UserError
from psi.errors import RefusedValue
from psi.identifiers import Rule
from tests.quality import labelled, peers_run
from tests.quality.candidates import candidates
from tests.quality.described import read_description
from tests.quality.intake import prepare
from tests.quality.labelled import LabelledSet, half_of
from tests.quality.measure import Outcome, Pairs, choose, judge, pairs_of
from tests.support import febrl

OWN_PEOPLE: Final = 20_000
OWN_SEED: Final = 20261122
"""The keys were written with the people of seeds 1, 3, 4, 5 and 6 in view. This one was drawn when they were finished;
whoever changes them with its figure in view has to draw another."""
SPLIT_SEED: Final = 7

RESULT: Final = Path(__file__).parents[2] / "build" / "quality.json"

Kept = TypeVar("Kept")


@dataclass(frozen=True)
class Row:
    """One line of the table. `keys_per_record` is the most tokens that a record can give, `mean` what they gave."""

    set: str
    outcome: Outcome
    records: int
    keys_per_record: int
    mean: float
    note: str = ""
    target: float = 0.0
    floor: float = 0.0

    @property
    def missed(self) -> bool:
        return self.outcome.f1 < self.target or (self.target > 0 and self.outcome.precision < self.floor)

    def to_dict(self) -> dict[str, Any]:
        return {
            "set": self.set,
            "precision": round(self.outcome.precision, 5),
            "recall": round(self.outcome.recall, 5),
            "f1": round(self.outcome.f1, 5),
            "records": self.records,
            "keys_per_record": self.keys_per_record,
        }

    def text(self) -> str:
        found = self.outcome
        goal = f"  {'MISSED' if self.missed else 'reached'}: {self.target}" if self.target else ""
        return (
            f"{self.set:40} {found.precision:9.4f} {found.recall:7.4f} {found.f1:7.4f} {self.records:8,}"
            f" {self.keys_per_record:5} {self.mean:6.1f}{goal}"
        )


@dataclass(frozen=True)
class Measured:
    """Our row, the rules behind it, and the same rules on all records: chance agreement grows with their number."""

    row: Row
    rules: tuple[Rule, ...]
    everything: Outcome


def in_half(
    one: LabelledSet, sides: Sequence[Mapping[str, Kept]], half: int, seed: int = SPLIT_SEED
) -> list[dict[str, Kept]]:
    """The records of the people of one half."""
    return [
        {ref: kept for ref, kept in held.items() if half_of(side.clusters[ref], seed) == half}
        for side, held in zip(one.sides, sides, strict=True)
    ]


def true_in_half(one: LabelledSet, half: int, seed: int = SPLIT_SEED) -> Pairs:
    return one.true_pairs(lambda person: half_of(person, seed) == half)


def measure(one: LabelledSet, folder: Path) -> Measured:
    """Prepare, choose on one half, report the other."""
    sides = prepare(one, folder)
    true = true_in_half(one, 0), true_in_half(one, 1)
    if not all(true):
        raise UserError(
            "There are too few people to choose on one half and report on the other.", advice="Use a larger set."
        )
    clusters = [side.clusters for side in one.sides] if len(one.sides) > 1 else []
    chosen_on = in_half(one, sides, 0)
    rules = choose(chosen_on, true[0], candidates_of(one, sides), precision=one.precision, clusters=clusters)
    if not rules:
        raise UserError(
            "No rule fits these fields: each would be too common to tell people apart.",
            advice="Map more fields, such as the birth date and the place.",
        )
    reported = in_half(one, sides, 1)
    found, mean = pairs_of(reported, rules)
    row = Row(
        one.name,
        judge(found, true[1]),
        sum(half_of(person, SPLIT_SEED) for side in one.sides for person in side.clusters.values()),
        sum(rule.tokens_per_record() for rule in rules),
        mean,
        target=one.target,
        floor=one.precision,
    )
    return Measured(row, rules, judge(pairs_of(sides, rules)[0], one.true_pairs()))


def candidates_of(one: LabelledSet, sides: Sequence[Mapping[str, PreparedRecord]]) -> list[tuple[Rule, ...]]:
    fields: set[str] = set()
    kinds: dict[str, int] = {}
    for side in sides:
        for record in side.values():
            fields.update(record.person.forms if record.person else ())
            for kind, values in record.identifiers.items():
                kinds[kind] = max(kinds.get(kind, 0), len(values))
    return candidates(one.family, frozenset(fields), kinds)


def measure_peer(peer: str, one: LabelledSet, folder: Path) -> Row:
    """The peer on the same records, with the best subset of its rules on the half where ours are chosen too."""
    held = peers_run.run(peer, one, folder)
    first, second = in_half(one, held.sides, 0), in_half(one, held.sides, 1)
    rules, found = peers_run.best_rules((first, second), (true_in_half(one, 0), true_in_half(one, 1)), one.precision)
    records = sum(map(len, second))
    given = sum(rule in tokens for side in second for tokens in side.values() for rule in rules)
    note = f"its rules {', '.join(rules)}; {held.unmet:,} tokens stood for a rule that was not met and were dropped"
    if held.dropped:
        note += f"; constants dropped besides, by rule: {held.dropped}"
    return Row(f"{one.name}, {peer} {held.version}", found, records, len(rules), given / records, note)


def described(rules: Sequence[Rule]) -> list[str]:
    """The rules of a key set in words."""
    lines = []
    for rule in rules:
        if rule.kind != "person":
            lines.append(f"the same {rule.kind}")
        elif rule.at_least == len(rule.fields):
            lines.append("all of " + " + ".join(rule.fields))
        else:
            lines.append(f"any {rule.at_least} of " + ", ".join(rule.fields))
    return lines


def report(sets: Sequence[LabelledSet], folder: Path, peers: Sequence[str]) -> list[Row]:
    """Measure and print every set."""
    rows = []
    print(f"{'set':40} {'precision':>9} {'recall':>7} {'F1':>7} {'records':>8} {'keys':>5} {'mean':>6}", flush=True)
    for one in sets:
        ours = measure(one, folder)
        rows.append(ours.row)
        print(ours.row.text())
        for line in described(ours.rules):
            print(f"    {line}")
        all_of_it = ours.everything
        print(
            f"    on both halves at once: precision {all_of_it.precision:.4f}, recall {all_of_it.recall:.4f},"
            f" F1 {all_of_it.f1:.4f}",
            flush=True,
        )
        for peer in peers:
            try:
                row = measure_peer(peer, one, folder)
            except peers_run.Absent as reason:
                print(f"{f'{one.name}, {peer}':40} not measured: {reason}", flush=True)
                continue
            rows.append(row)
            print(f"{row.text()}\n    {row.note}", flush=True)
    return rows


def the_sets(folder: Path) -> list[LabelledSet]:
    """What `make quality` measures."""
    if not (febrl.FULL / "dataset3.csv").exists():
        raise UserError("The FEBRL data sets are not there.", advice="make quality fetches them.")
    return [
        labelled.febrl3(with_id=False),
        labelled.febrl3(with_id=True),
        labelled.febrl4(with_id=False),
        labelled.febrl4(with_id=True),
        labelled.own(OWN_PEOPLE, OWN_SEED, folder),
        # The control: what the damage alone leaves, without other scripts and spellings.
        labelled.own(OWN_PEOPLE, OWN_SEED, folder, one_script=True),
    ]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.quality", description="Precision and recall of matching.")
    parser.add_argument("--data", type=Path, help="a TOML file that describes two labelled files (tests/README.md)")
    parser.add_argument("--mapping", type=Path, help="a mapping file, in place of the description's own")
    parser.add_argument("--no-peers", action="store_true", help="leave the other programs out")
    parser.add_argument("--only", default="", help="only the sets whose name holds this text; writes no file")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        peers = () if chosen.no_peers else peers_run.PEERS
        try:
            if chosen.data is not None:
                report([read_description(chosen.data, chosen.mapping)], folder, peers)
                return 0
            sets = [one for one in the_sets(folder) if chosen.only in one.name]
            rows = report(sets, folder, peers)
        except (NodeError, RefusedValue) as error:
            print(f"{error.sentence} {error.advice}".strip(), file=sys.stderr)
            return 2
    if not chosen.only:
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(json.dumps([row.to_dict() for row in rows], indent=1) + "\n", encoding="utf-8")
    missed = [row for row in rows if row.missed]
    for row in missed:
        print(
            f"Missed: {row.set}: F1 {row.outcome.f1:.4f} (target {row.target}), precision {row.outcome.precision:.4f}"
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

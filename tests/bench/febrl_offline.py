"""FEBRL 4, 5,000 x 5,000, under several person rules, without a network or a node.

    python -m tests.bench.febrl_offline [folder with dataset4a.csv and dataset4b.csv]

Prints one line per rule: tokens per record (worst case and mean), precision, recall, F1. The round through two real
nodes is measured elsewhere; a round compares the same tokens, so it must find the same pairs.
"""

import sys
from pathlib import Path

from psi.identifiers import Rule
from tests.support import febrl

_NAMES = ("given_name", "family_name")

RULES = {
    "any 3 of 6 (chosen)": febrl.RULE,
    "any 3 of 5, no postcode": Rule.person((*_NAMES, "birth_date", "address_1", "locality"), 3),
    "any 3 of 7, second address line": Rule.person(
        (*_NAMES, "birth_date", "address_1", "address_2", "locality", "postcode"), 3
    ),
    "any 3 of 8, and street number": Rule.person(tuple(febrl.FIELDS.values()), 3),
    "any 2 of 6": Rule.person(febrl.RULE.fields, 2),
    "any 4 of 6": Rule.person(febrl.RULE.fields, 4),
}


def main(folder: Path) -> None:
    print(f"{'rule':34} {'tokens':>6} {'mean':>6} {'precision':>9} {'recall':>7} {'F1':>7}")
    for name, rule in RULES.items():
        found = febrl.evaluate(folder, rule)
        print(
            f"{name:34} {found.tokens_per_record:6} {found.mean_tokens:6.1f}"
            f" {found.precision:9.4f} {found.recall:7.4f} {found.f1:7.4f}"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else febrl.FULL)

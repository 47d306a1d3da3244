"""Two made-up lists of telephone numbers that overlap, and the pairs that must be found.

The numbers are Romanian mobile numbers (+40 72... to +40 77...), drawn at random, so every cell is a valid number and a
list does not look generated. Each side deals its numbers to its records in its own order.
"""

import csv
import random
from collections import defaultdict
from pathlib import Path

__all__ = ["COLUMNS", "MAPPING", "expected_pairs", "make_lists", "write"]

COLUMNS = 5
"""Telephone columns that the mapping knows; a list may leave some of them empty."""

MAPPING = {"case": "reference", **{f"phone {n}": "phone" for n in range(1, COLUMNS + 1)}}

Records = dict[str, list[str]]
"""Reference -> numbers."""


def make_lists(records: int, per_record: int, *, seed: int) -> tuple[Records, Records]:
    """Two lists of `records` records with `per_record` numbers each; half of each side's numbers are on both."""
    count = records * per_record
    chance = random.Random(seed)
    numbers = [f"+407{number:08d}" for number in chance.sample(range(2 * 10**7, 8 * 10**7), count // 2 + count)]
    return _deal("A", numbers[:count], per_record, chance), _deal("B", numbers[count // 2 :], per_record, chance)


def _deal(letter: str, order: list[str], per_record: int, chance: random.Random) -> Records:
    chance.shuffle(order)
    return {
        f"{letter}-{start // per_record}": order[start : start + per_record]
        for start in range(0, len(order), per_record)
    }


def write(path: Path, records: Records) -> None:
    with path.open("w", encoding="ascii", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(MAPPING)
        for reference, numbers in records.items():
            writer.writerow([reference, *numbers, *[""] * (COLUMNS - len(numbers))])


def expected_pairs(first: Records, second: Records) -> set[tuple[str, str]]:
    """The pairs of references that share a number: plain sets, no cryptography."""
    owners: dict[str, list[str]] = defaultdict(list)
    for reference, numbers in first.items():
        for number in numbers:
            owners[number].append(reference)
    return {
        (owner, reference) for reference, numbers in second.items() for number in numbers for owner in owners[number]
    }

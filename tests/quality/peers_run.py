"""Other programs' tokens of the same records: openlinktoken and spindle-token, each in an environment of its own.

    found = run("openlinktoken", labelled, folder)       `Absent` says what is missing

They get the cells of the same files, by field, and more help than ours get: dates that are whole and Gregorian are
written as they want them (1987-03-05), and where the data have no sex, every record gets the same one, because most of
their rules ask for it. An Australian number of 7 digits stands behind "10", since they want the 9 of a US one. What
they cannot read (other scripts, partial dates) stays as it is.

A rule that a record does not meet gives a constant in openlinktoken and null in spindle-token: neither is a token. The
parties drop them, and `without_constants` drops whatever else far too many records share, and says so.
"""

import json
import os
import re
import shutil
import subprocess
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from node.datasets import open_table
from node.datasets.mapping import find_column
from node.datasets.tables import plain
from tests.quality.labelled import LabelledSet, Side
from tests.quality.measure import Outcome, Pairs

__all__ = ["PEERS", "Absent", "PeerTokens", "best_rules", "cells_of", "run", "without_constants"]

PEERS: Final = ("openlinktoken", "spindle")

PLACE: Final = Path(__file__).parents[2] / "build" / "quality-peers"
_SCRIPTS: Final = Path(__file__).parent / "peers"
_SECONDS: Final = 1800
_CONSTANT_SHARE: Final = 0.1
"""Share of a side's records: a token that more of them hold stands for "rule not met", or for nothing useful."""
_FEW: Final = 50
"""Records: below so many, a token is never called constant."""

_DAY_FIRST: Final = re.compile(r"(\d\d)\.(\d\d)\.(\d{4})")
_PACKED: Final = re.compile(r"(\d{4})(\d\d)(\d\d)")


class Absent(Exception):
    """The peer cannot run here, or cannot handle this set; the text says why."""


@dataclass
class PeerTokens:
    """For each side: reference -> rule -> token."""

    version: str
    unmet: int
    sides: list[dict[str, dict[str, str]]] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)
    """Rule -> constant tokens that `without_constants` dropped."""


def cells_of(side: Side) -> dict[str, dict[str, str]]:
    """Reference -> field -> text, from the files of a side, prepared for the peers as said above."""
    found = {}
    for part in side.parts:
        table = open_table(part.path)
        places = {role: find_column(name, table.header) for name, role in part.roles.items() if role != "ignore"}
        for row in table.rows():
            texts = [" ".join(plain(cell).split()) for cell in row.cells]
            fields = {role: texts[index] if index < len(texts) else "" for role, index in places.items()}
            found[fields["reference"]] = _helped(fields)
    return found


def _helped(fields: dict[str, str]) -> dict[str, str]:
    if match := _DAY_FIRST.fullmatch(fields.get("birth_date", "")):
        fields["birth_date"] = "-".join(reversed(match.groups()))
    elif match := _PACKED.fullmatch(fields.get("birth_date", "")):
        fields["birth_date"] = "-".join(match.groups())
    if "sex" not in fields:
        fields["sex"] = "F"
    number = fields.get("id_number", "")
    if len(number) == 7 and number.isdigit():
        fields["id_number"] = f"10{number}"
    return fields


def run(peer: str, labelled: LabelledSet, folder: Path) -> PeerTokens:
    """Tokens of every record of the set."""
    python = PLACE / peer / "bin" / "python"
    if not (PLACE / peer / "blindmatch-stamp").exists():
        raise Absent("make quality-peers makes its environment")
    if peer == "spindle" and shutil.which("java") is None:
        raise Absent("it needs Java (Debian: openjdk-17-jre-headless)")
    sides = [cells_of(side) for side in labelled.sides]
    source, target = folder / f"{peer}.in.jsonl", folder / f"{peer}.out.jsonl"
    with source.open("w", encoding="utf-8") as out:
        for number, side in enumerate(sides):
            for reference, fields in side.items():
                out.write(json.dumps({**fields, "id": f"{number} {reference}"}) + "\n")
    clean = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
    try:
        done = subprocess.run(
            [str(python), str(_SCRIPTS / f"{peer}_party.py"), str(source), str(target)],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            env={**clean, "TMPDIR": str(folder)},
        )
    except subprocess.TimeoutExpired:
        raise Absent(f"it did not end within {_SECONDS} seconds") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise Absent(f"it failed: {last}")
    said = json.loads(done.stdout.strip().splitlines()[-1])
    found = PeerTokens(said["version"], said["unmet"], [{} for _ in sides])
    with target.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            number, _, reference = row["id"].partition(" ")
            found.sides[int(number)][reference] = row["tokens"]
    without_constants(found)
    if not any(tokens for side in found.sides for tokens in side.values()):
        raise Absent("none of its rules is met by these records: it needs fields that they lack")
    return found


def without_constants(found: PeerTokens) -> None:
    """Drop every token that too many records of one side hold."""
    for side in found.sides:
        counts = Counter((rule, token) for held in side.values() for rule, token in held.items())
        many = {what for what, count in counts.items() if count > max(_FEW, _CONSTANT_SHARE * len(side))}
        for rule, _ in many:
            found.dropped[rule] = found.dropped.get(rule, 0) + 1
        for held in side.values():
            for rule in [rule for rule, token in held.items() if (rule, token) in many]:
                del held[rule]


def _masks(sides: Sequence[Mapping[str, Mapping[str, str]]], rules: Sequence[str]) -> dict[tuple[str, str], int]:
    """Pair -> which rules it shares a token of, as bits."""
    masks: dict[tuple[str, str], int] = defaultdict(int)
    for bit, rule in enumerate(rules):
        owners: dict[str, list[str]] = defaultdict(list)
        for reference, held in sides[0].items():
            if rule in held:
                owners[held[rule]].append(reference)
        if len(sides) == 1:
            pairs = ((a, b) for group in owners.values() for a in group for b in group if a < b)
        else:
            pairs = ((a, ref) for ref, held in sides[1].items() if rule in held for a in owners.get(held[rule], ()))
        for pair in pairs:
            masks[pair] |= 1 << bit
    return masks


def best_rules(
    halves: tuple[Sequence[Mapping[str, Mapping[str, str]]], Sequence[Mapping[str, Mapping[str, str]]]],
    true: tuple[Pairs, Pairs],
    precision: float = 0.0,
) -> tuple[tuple[str, ...], Outcome]:
    """Of all subsets of the peer's rules the best on the first half, and what it finds on the second.

    The same favour that our own key sets get, and the same floor of precision if a subset reaches it.
    """
    rules = sorted({rule for half in halves for side in half for held in side.values() for rule in held})
    counted: list[Counter[tuple[int, bool]]] = []
    for half, truth in zip(halves, true, strict=True):
        counted.append(Counter((mask, pair in truth) for pair, mask in _masks(half, rules).items()))

    def outcome(which: int, subset: int) -> Outcome:
        correct = sum(n for (mask, good), n in counted[which].items() if mask & subset and good)
        wrong = sum(n for (mask, good), n in counted[which].items() if mask & subset and not good)
        return Outcome(correct + wrong, correct, len(true[which]))

    def worth(subset: int) -> tuple[bool, float, int]:
        found = outcome(0, subset)
        return found.precision >= precision, found.f1, -subset.bit_count()

    best = max(range(1, 1 << len(rules)), key=worth)
    return tuple(rule for bit, rule in enumerate(rules) if best >> bit & 1), outcome(1, best)

"""Where misses come from, and what could be reached at best: `python -m tests.quality.surviving [people] [seed]`.

Two tables over the half of a population on which key sets are chosen; the other half stays unseen.

    fields     of all true pairs, and of those that the chosen key set misses: in how many each field agrees, agrees
               nearly (a part of the date, the beginning of a name), differs, or is missing on a side
    ceiling    every pair of records that shares a token of any candidate, sorted by which of its fields agree. A
               perfect chooser takes the patterns with the largest share of true pairs first, until precision falls to
               the floor. It knows the truth of these very pairs and may count disagreement as well, which no token can
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from node.datasets import PreparedRecord
from psi.identifiers import Rule
from tests.quality import __main__ as quality
from tests.quality import labelled
from tests.quality.intake import prepare
from tests.quality.measure import Outcome, Pairs, choose, pairs_of

__all__ = ["ceiling", "states"]

FIELDS: Final = (
    "given_name", "family_name", "birth_date", "birth_place", "locality", "father_name", "mother_name", "nationality",
    "sex",
)  # fmt: skip
_SAME, _NEAR, _OTHER, _NONE = "same", "nearly", "other", "missing"
_START: Final = 2
_YEAR: Final = 4


def states(first: Mapping[str, str], second: Mapping[str, str]) -> tuple[str, ...]:
    """What each of `FIELDS` says of two records; a given name agrees with an alias, swapped names with each other."""
    swapped = {first.get("given_name"), first.get("family_name")} == {
        second.get("given_name"),
        second.get("family_name"),
    }
    found = []
    for name in FIELDS:
        ours, theirs = ({held.get(name, "")} for held in (first, second))
        if name == "given_name":
            ours, theirs = ({held.get(name, ""), held.get("alias", "")} for held in (first, second))
        ours, theirs = ours - {""}, theirs - {""}
        if not ours or not theirs:
            found.append(_NONE)
        elif ours & theirs or (swapped and name in ("given_name", "family_name")):
            found.append(_SAME)
        else:
            kept = _YEAR if name == "birth_date" else _START
            near = {form[:kept] for form in ours} & {form[:kept] for form in theirs}
            found.append(_NEAR if near else _OTHER)
    return tuple(found)


def ceiling(patterns: Mapping[tuple[str, ...], tuple[int, int]], true: int, floor: float) -> Outcome:
    """The best that choosing among patterns can do at this precision; `patterns` -> true pairs, false pairs."""
    right = wrong = 0
    best = Outcome(0, 0, true)
    for good, bad in sorted(patterns.values(), key=lambda found: (-found[0] / sum(found), -found[0])):
        right, wrong = right + good, wrong + bad
        outcome = Outcome(right + wrong, right, true)
        if outcome.precision >= floor and outcome.f1 > best.f1:
            best = outcome
    return best


def _forms(sides: Sequence[Mapping[str, PreparedRecord]], pair: tuple[str, str]) -> tuple[Mapping[str, str], ...]:
    return tuple(r.person.forms if (r := side[ref]).person else {} for side, ref in zip(sides, pair, strict=True))


def main(people: int, seed: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        one = labelled.own(people, seed, Path(place))
        sides = prepare(one, Path(place))
    half, true = quality.in_half(one, sides, 0), quality.true_in_half(one, 0)
    tried = quality.candidates_of(one, sides)
    rules = choose(half, true, tried, precision=one.precision, clusters=[side.clusters for side in one.sides])
    missed = true - pairs_of(half, rules)[0]
    print(f"{len(true):,} true pairs, {len(missed):,} missed")
    for place_of, name in enumerate(FIELDS):
        told = [
            Counter(states(*_forms(half, pair))[place_of] for pair in pairs if all(map(_held, half, pair)))
            for pairs in (true, missed)
        ]
        shares = [
            " ".join(f"{state} {found[state] / max(1, found.total()):6.1%}" for state in (_SAME, _NEAR, _OTHER, _NONE))
            for found in told
        ]
        print(f"{name:14}", *shares, sep="   ")
    outcome = ceiling(_patterns(half, true, tried), len(true), one.precision)
    print(f"ceiling: precision {outcome.precision:.4f}, recall {outcome.recall:.4f}, F1 {outcome.f1:.4f}")


def _held(side: Mapping[str, PreparedRecord], reference: str) -> bool:
    return reference in side


def _patterns(
    half: Sequence[Mapping[str, PreparedRecord]], true: Pairs, tried: Sequence[tuple[Rule, ...]]
) -> dict[tuple[str, ...], tuple[int, int]]:
    met: Pairs = set().union(*(pairs_of(half, rules)[0] for rules in tried))
    counts = Counter((states(*_forms(half, pair)), pair in true) for pair in met)
    return {state: (counts[state, True], counts[state, False]) for state, _ in counts}


if __name__ == "__main__":
    main(*(int(given) for given in (*sys.argv[1:], *("20000", "1")[len(sys.argv) - 1 :])))

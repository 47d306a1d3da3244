"""Which pairs a key set finds, how good they are, and how a key set is chosen.

A round finds the pairs of records that share a token, so this compares plain tokens: the same pairs, without the
cryptography. A key set is a list of rules, as an agreement holds it; tokens of different rules meet where they are the
same key (a given name here and an alias there). `choose` looks at one half of the people only.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from node.datasets import PreparedRecord
from psi.identifiers import Rule, tokens
from psi.padding import MAX_TOKENS_PER_RECORD

__all__ = ["Outcome", "Pairs", "choose", "judge", "pairs_of", "shared"]

Pairs = set[tuple[str, str]]

LEAST_GAIN: Final = 0.0003
"""F1 that one more rule must bring on the half where the key set is chosen, above what its tokens cost."""

TOKEN_PRICE: Final = 0.00003
"""F1 that a token must be worth: each is curve work for both sides, in every record and every padding row."""

FALSE_PAIR_PRICES: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
"""New true pairs that a rule must bring for each new false one, to be taken up; all are tried."""

UNSEEN: Final = 0.5
"""False pairs that each rule is supposed to bring beside those that are seen."""

MOST_RULES: Final = 32
"""Rules in one agreement (`node.agreement.manifest`)."""


@dataclass(frozen=True)
class Outcome:
    """How the pairs found agree with the truth."""

    found: int
    correct: int
    true: int

    @property
    def precision(self) -> float:
        return self.correct / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        return self.correct / self.true if self.true else 0.0

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def judge(found: Pairs, true: Pairs) -> Outcome:
    return Outcome(len(found), len(found & true), len(true))


def shared(sides: Sequence[Mapping[str, Iterable[Hashable]]]) -> Pairs:
    """Pairs that share a token: between two sides, or within one (each pair once, sorted)."""
    owners: dict[Hashable, list[str]] = defaultdict(list)
    found: Pairs = set()
    for reference, held in sides[0].items():
        for token in held:
            owners[token].append(reference)
    if len(sides) == 1:
        for group in owners.values():
            found.update((a, b) for a in group for b in group if a < b)
        return found
    for reference, held in sides[1].items():
        for token in held:
            found.update((owner, reference) for owner in owners.get(token, ()))
    return found


def pairs_of(sides: Sequence[Mapping[str, PreparedRecord]], rules: Sequence[Rule]) -> tuple[Pairs, float]:
    """The pairs that these rules find together, and the mean number of their tokens of a record."""
    made = [
        {ref: {token for rule in rules for token in tokens(rule, r.identifiers, r.person)} for ref, r in side.items()}
        for side in sides
    ]
    records = sum(map(len, made))
    mean = sum(len(held) for side in made for held in side.values()) / records if records else 0.0
    return shared(made), mean


def choose(
    sides: Sequence[Mapping[str, PreparedRecord]],
    true: Pairs,
    candidates: Sequence[tuple[Rule, ...]],
    *,
    precision: float = 0.0,
) -> tuple[Rule, ...]:
    """The key set that does best on these records, by F1 less the price of its tokens; () if none finds anything.

    Candidates are added one by one as long as the next one pays, for several prices of a false pair; the best of these
    key sets is taken, and one below `precision` only if none reaches it. False pairs count twice throughout, because
    strangers agree twice as often in the whole set as in a half of it.
    """
    found = {candidate: pairs_of(sides, candidate)[0] for candidate in candidates}
    split = {candidate: (pairs & true, pairs - true) for candidate, pairs in found.items()}
    tried = {_added_up(split, len(true), weight) for weight in FALSE_PAIR_PRICES}

    def worth(rules: tuple[Rule, ...]) -> tuple[bool, float]:
        outcome = judge(pairs_of(sides, rules)[0], true)
        doubled = Outcome(2 * outcome.found - outcome.correct, outcome.correct, outcome.true)
        price = TOKEN_PRICE * sum(rule.tokens_per_record() for rule in rules)
        return doubled.precision >= precision, doubled.f1 - price

    return max(tried, key=worth)


def _added_up(split: Mapping[tuple[Rule, ...], tuple[Pairs, Pairs]], true: int, weight: float) -> tuple[Rule, ...]:
    """Candidates added one by one, where each new false pair must bring `weight` new true ones, counted twice.

    Half a false pair is always supposed: that a rare key met none here does not say that it never will.
    """
    chosen: tuple[Rule, ...] = ()
    good: Pairs = set()
    bad: Pairs = set()
    while True:
        best, rules, added = LEAST_GAIN * true, chosen, (good, bad)
        for candidate, (right, wrong) in split.items():
            more = tuple(rule for rule in candidate if rule not in chosen)
            if not more or not _may_stand((*chosen, *more)):
                continue
            price = TOKEN_PRICE * true * sum(rule.tokens_per_record() for rule in more)
            gain = len(right - good) - 2 * weight * (len(wrong - bad) + UNSEEN) - price
            if gain > best:
                best, rules, added = gain, (*chosen, *more), (right, wrong)
        if rules == chosen:
            return chosen
        chosen, good, bad = rules, good | added[0], bad | added[1]


def _may_stand(rules: Sequence[Rule]) -> bool:
    """Whether one agreement can hold these rules."""
    single = [rule.kind for rule in rules if rule.kind != "person"]
    return (
        len(rules) <= MOST_RULES
        and len(single) == len(set(single))
        and sum(rule.tokens_per_record() for rule in rules) <= MAX_TOKENS_PER_RECORD
    )

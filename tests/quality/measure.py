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
from psi.identifiers import Rule, Token, tokens
from psi.padding import MAX_TOKENS_PER_RECORD

__all__ = ["Outcome", "Pairs", "choose", "judge", "pairs_of", "shared"]

Pairs = set[tuple[str, str]]

LEAST_GAIN: Final = 0.0001
"""F1 that one more rule must bring on the half where the key set is chosen, above what its tokens cost."""

TOKEN_PRICE: Final = 0.00001
"""F1 that a token must be worth: each is curve work for both sides, in every record and every padding row."""

FALSE_PAIR_PRICES: Final = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
"""New true pairs that a rule must bring for each new false one, to be taken up; all are tried."""

UNSEEN: Final = 0.25
"""False pairs that each rule is supposed to bring beside those that are seen."""

SAFETY: Final = 1.5
"""Times that a false pair counts that is seen on the half where the key set is chosen. Chosen by what was seen there, a
key set meets more elsewhere. In the whole set strangers are twice as many to each true pair, since pairs grow with the
square of the records: what is chosen for a half may fall below the floor there, and `make quality` prints both."""

ROUNDS: Final = 3
"""Times that each rule of a key set is tried to be done without."""

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
    made = [_tokens_of(side, rules) for side in sides]
    records = sum(map(len, made))
    mean = sum(len(held) for side in made for held in side.values()) / records if records else 0.0
    return shared(made), mean


def _tokens_of(side: Mapping[str, PreparedRecord], rules: Sequence[Rule]) -> dict[str, set[Token]]:
    return {
        ref: {token for rule in rules for token in tokens(rule, held.identifiers, held.person)}
        for ref, held in side.items()
    }


@dataclass(frozen=True, eq=False)
class _Seen:
    """What one candidate finds on the half where the key set is chosen: true and false pairs, each as bits."""

    rules: tuple[Rule, ...]
    right: int
    wrong: int
    tokens: int


def choose(
    sides: Sequence[Mapping[str, PreparedRecord]],
    true: Pairs,
    candidates: Sequence[tuple[Rule, ...]],
    *,
    precision: float = 0.0,
    clusters: Sequence[Mapping[str, str]] = (),
) -> tuple[Rule, ...]:
    """The key set that does best on these records, by F1 less the price of its tokens; () if none finds anything.

    Candidates are added one by one as long as the next one pays, and each of them is then tried to be done without, for
    several prices of a false pair; the best of these key sets is taken, and one below `precision` only if none reaches
    it. False pairs count `SAFETY` times throughout. With `clusters` (reference -> person, of each of two sides),
    two records of one side that share a token and are not one person count as half a false pair, and so do those
    between the sides: nearly twice as many strangers are seen, so that the choice rests less on luck.
    """
    seen = _seen(sides, true, candidates, clusters)
    weight = SAFETY / (2 if clusters else 1)
    tried = {_searched(seen, len(true), price, weight) for price in FALSE_PAIR_PRICES}

    def worth(rules: tuple[_Seen, ...]) -> tuple[bool, float]:
        right, wrong = _together(rules)
        outcome = Outcome(round(right + weight * wrong), right, len(true))
        return outcome.precision >= precision, outcome.f1 - TOKEN_PRICE * sum(one.tokens for one in rules)

    return tuple(dict.fromkeys(rule for one in max(tried, key=worth) for rule in one.rules))


def _seen(
    sides: Sequence[Mapping[str, PreparedRecord]],
    true: Pairs,
    candidates: Sequence[tuple[Rule, ...]],
    clusters: Sequence[Mapping[str, str]],
) -> list[_Seen]:
    places: dict[tuple[object, ...], int] = {}
    found = []
    for rules in candidates:
        made = [_tokens_of(side, rules) for side in sides]
        pairs = shared(made)
        strangers: set[tuple[object, ...]] = {*(pairs - true)}
        for number, (side, held) in enumerate(zip(made, clusters, strict=False)):
            strangers.update((number, a, b) for a, b in shared([side]) if held[a] != held[b])
        right, wrong = (
            sum(1 << place for place in {places.setdefault(pair, len(places)) for pair in some})
            for some in (pairs & true, strangers)
        )
        found.append(_Seen(rules, right, wrong, sum(rule.tokens_per_record() for rule in rules)))
    return found


def _together(chosen: Sequence[_Seen]) -> tuple[int, int]:
    """How many true and how many false pairs these find together."""
    right = wrong = 0
    for one in chosen:
        right |= one.right
        wrong |= one.wrong
    return right.bit_count(), wrong.bit_count()


def _searched(seen: Sequence[_Seen], true: int, price: float, weight: float) -> tuple[_Seen, ...]:
    """The key set worth most where a false pair costs `price` true ones.

    A part of a false pair is always supposed: that a rare key met none here does not say that it never will.
    """

    def worth(chosen: Sequence[_Seen]) -> float:
        right, wrong = _together(chosen)
        tokens = TOKEN_PRICE * true * sum(one.tokens for one in chosen)
        return right - weight * price * (wrong + UNSEEN * len(chosen)) - tokens - LEAST_GAIN * true * len(chosen)

    def filled(chosen: tuple[_Seen, ...], without: _Seen | None = None) -> tuple[_Seen, ...]:
        """Candidates added one by one, the one that brings most first."""
        right = wrong = 0
        for one in chosen:
            right, wrong = right | one.right, wrong | one.wrong
        while True:
            best, next_one = 0.0, None
            for one in seen:
                if one in chosen or one is without:
                    continue
                gain = (one.right & ~right).bit_count() - (TOKEN_PRICE * one.tokens + LEAST_GAIN) * true
                gain -= weight * price * ((one.wrong & ~wrong).bit_count() + UNSEEN)
                if gain > best and _may_stand((*chosen, one)):
                    best, next_one = gain, one
            if next_one is None:
                return chosen
            chosen, right, wrong = (*chosen, next_one), right | next_one.right, wrong | next_one.wrong

    chosen = filled(())
    for _ in range(ROUNDS):
        before = chosen
        for one in before:
            other = filled(tuple(held for held in chosen if held is not one), one) if one in chosen else chosen
            if worth(other) > worth(chosen):
                chosen = other
        if chosen == before:
            break
    return chosen


def _may_stand(chosen: Sequence[_Seen]) -> bool:
    """Whether one agreement can hold these rules."""
    rules = tuple(dict.fromkeys(rule for one in chosen for rule in one.rules))
    single = [rule.kind for rule in rules if rule.kind != "person"]
    return (
        len(rules) <= MOST_RULES
        and len(single) == len(set(single))
        and sum(rule.tokens_per_record() for rule in rules) <= MAX_TOKENS_PER_RECORD
    )

"""Which decoys a list gets: values that nobody of ours has, among the padding, fresh for each round.

    group       one kind; of telephone numbers, one country
    decoys      `per_group` of each group, one of each in turn, as long as there is room
    room        the padding: what the size class leaves free. So no message has another length than without them

A decoy that the other side asks about is a hit. Whoever walks a range meets one after a while; an honest list meets one
by chance, the more likely the longer it is. So of values that could be somebody's there are at most so many that this
happens once in `HONEST_ROUNDS` rounds, for each group, whatever the other side declared to bring.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from node.tripwires.draw import Draw
from node.tripwires.phones import MobilePlan, countries_of, draw_numbers
from node.tripwires.values import draw_person_keys, draw_values
from psi.identifiers import Rule

__all__ = ["DEFAULT_DECOYS", "HONEST_ROUNDS", "MOST_DECOYS", "Decoy", "draw_decoys", "honest_most"]

DEFAULT_DECOYS = 32
"""Decoys of each group: see `table`."""

MOST_DECOYS = 1_024
"""Decoys of each group that can be set. More would take the room of a record class."""

HONEST_ROUNDS = 10_000
"""Rounds in which an honest other side is stopped by chance once, at most, for each group."""


@dataclass(frozen=True)
class Decoy:
    """One decoy. `key`: the match key that it belongs to; `free`: nobody can have it (a range without an operator)."""

    kind: str
    key: str
    value: str
    free: bool = False

    def __repr__(self) -> str:
        return f"Decoy(kind={self.kind!r}, free={self.free})"


def draw_decoys(
    rules: Sequence[Rule],
    *,
    per_group: int,
    seen: Mapping[str, Sequence[str]],
    region: str | None,
    peer_records: int,
    room: int,
    draw: Draw,
) -> list[Decoy]:
    """At most `room` decoys for what an agreement compares.

    `seen`: some canonical values of the own list by kind; `region`: where its national numbers are from;
    `peer_records`: how many records the other side declared.
    """
    groups: list[list[Decoy]] = []
    for rule in rules:
        theirs = peer_records * rule.tokens_per_record()
        if rule.kind == "phone":
            plans = countries_of(seen.get("phone", ()), region)
            groups += [_phones(plan, per_group, theirs, draw) for plan in plans]
        elif rule.kind == "person":
            keys, space = draw_person_keys(rule, per_group, draw)
            most = honest_most(space, peer_records)
            groups.append([Decoy("person", key, value) for key, value in keys[:most]])
        else:
            drawn = draw_values(rule.kind, seen.get(rule.kind, ()), per_group, draw)
            most = honest_most(drawn.space, theirs)
            groups.append([Decoy(rule.kind, rule.kind, value) for value in drawn.values[:most]])
    in_turn = [decoy for row in zip_longest(*groups) for decoy in row if decoy is not None]
    return in_turn[:room]


def honest_most(space: float, listed: int) -> int:
    """How many decoys out of `space` possible values an honest list of `listed` may meet, at `HONEST_ROUNDS`."""
    return int(space / (HONEST_ROUNDS * max(listed, 1)))


def _phones(plan: MobilePlan, wanted: int, listed: int, draw: Draw) -> list[Decoy]:
    """Half of them in ranges that operators use, as far as an honest list allows; the rest in ranges that none does."""
    taken = wanted // 2
    pool = draw_numbers(plan, wanted, wanted, draw)
    taken = min(taken if pool.free else wanted, honest_most(pool.plan_size * pool.taken_share, listed))
    free = pool.free[: wanted - min(taken, len(pool.taken))]
    pairs = zip_longest(
        [Decoy("phone", "phone", number, free=True) for number in free],
        [Decoy("phone", "phone", number) for number in pool.taken[:taken]],
    )
    return [decoy for pair in pairs for decoy in pair if decoy is not None]

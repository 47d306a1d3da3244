"""Which decoys a list gets: values that nobody of ours has, among the padding, fresh for each round.

    group       one kind; of telephone numbers, one country
    decoys      `per_group` of each group, one of each in turn, as long as there is room
    room        the padding: what the size class leaves free. So no message has another length than without them

A decoy that the other side asks about is a hit. Whoever walks a range meets one after a while; an honest list meets one
by chance, the more likely the longer it is. So of values that could be somebody's there are at most so many that this
happens once in `HONEST_ROUNDS` rounds, for each group, whatever the other side declared to bring.

Where both sides lay decoys, theirs can meet ours, also in ranges that nobody has a number from. That counts as well:
in a small country there are then fewer. (Both could draw from halves of the values that a hash of the round assigns to
them, and never meet; but whoever sweeps knows the halves, too, and would leave ours out.)
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
    peer_lays: bool,
    room: int,
    draw: Draw,
) -> list[Decoy]:
    """At most `room` decoys for what an agreement compares.

    `seen`: some canonical values of the own list by kind; `region`: where its national numbers are from;
    `peer_records`: how many records the other side declared; `peer_lays`: it lays decoys, too, as many as we do.
    """
    groups: list[list[Decoy]] = []
    laid = per_group if peer_lays else 0
    for rule in rules:
        theirs = peer_records * rule.tokens_per_record()
        if rule.kind == "phone":
            plans = countries_of(seen.get("phone", ()), region)
            groups += [_phones(plan, per_group, theirs, laid, draw) for plan in plans]
        elif rule.kind == "person":
            keys, space = draw_person_keys(rule, per_group, draw)
            most = honest_most(space, peer_records + laid)
            groups.append([Decoy("person", key, value) for key, value in keys[:most]])
        else:
            drawn = draw_values(rule.kind, seen.get(rule.kind, ()), per_group, draw)
            most = honest_most(drawn.space, theirs + laid)
            groups.append([Decoy(rule.kind, rule.kind, value) for value in drawn.values[:most]])
    in_turn = [decoy for row in zip_longest(*groups) for decoy in row if decoy is not None]
    return in_turn[:room]


def honest_most(space: float, listed: int) -> int:
    """How many decoys out of `space` possible values an honest list of `listed` may meet, at `HONEST_ROUNDS`."""
    return int(space / (HONEST_ROUNDS * max(listed, 1)))


def _phones(plan: MobilePlan, wanted: int, listed: int, laid: int, draw: Draw) -> list[Decoy]:
    """Half of them in ranges that operators use, as far as an honest list allows; the rest in ranges that none does.

    `laid`: decoys of the other side, in the same halves. Each half then gets half of the rounds that may be stopped.
    """
    pool = draw_numbers(plan, wanted, wanted, draw)
    share = 2 if laid and pool.free else 1
    taken = wanted // 2 if pool.free else wanted
    taken = min(taken, honest_most(pool.plan_size * pool.taken_share, share * (listed + laid // share)))
    most_free = wanted - min(taken, len(pool.taken))
    if laid:
        most_free = min(most_free, honest_most(pool.plan_size * (1 - pool.taken_share), share * (laid - laid // share)))
    pairs = zip_longest(
        [Decoy("phone", "phone", number, free=True) for number in pool.free[:most_free]],
        [Decoy("phone", "phone", number) for number in pool.taken[:taken]],
    )
    return [decoy for pair in pairs for decoy in pair if decoy is not None]

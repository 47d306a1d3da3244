"""Numbers for distinct identifiers in the order in which they are first met, in little memory.

An identifier is known by a 16-byte digest. Digests and numbers lie in sorted arrays, 20 bytes an identifier: a batch is
looked up in each of them and what is new becomes an array of its own. Whenever an array is not at least `_GROWTH` times
as long as the next one, the two become one, so there are few (a log-structured merge). Most identifiers of a list are
new: what begins with bits that no digest had before is not looked up at all.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from psi.errors import ListDoesNotFit
from psi.matching import by_front

__all__ = ["DIGEST_BYTES", "MAX_IDENTIFIERS", "Numbering"]

DIGEST_BYTES = 16
"""Bytes of the digest that tells identifiers apart; an accidental collision has probability 2^-128 a pair."""

MAX_IDENTIFIERS = 1 << 32
"""Identifiers that can be numbered: a number has 32 bits."""

_GROWTH = 4

_FRONT_BITS = 22
"""Bits at the front of a digest that are noted as met: 4 MiB of notes, which save most looking up until about as many
identifiers have been met."""

_Words = NDArray[np.uint64]
_Numbers = NDArray[np.uint32]


@dataclass
class _Run:
    """Digests as two words each, ascending, with their numbers."""

    first: _Words
    second: _Words
    numbers: _Numbers

    def find(self, first: _Words, second: _Words) -> NDArray[np.intp]:
        """Where each digest stands, or -1."""
        places = np.searchsorted(self.first, first)
        found = np.full(len(first), -1)
        asked = np.arange(len(first))
        while len(asked):  # once, but for different digests that begin alike
            asked = asked[places[asked] < len(self.first)]
            asked = asked[self.first[places[asked]] == first[asked]]
            equal = self.second[places[asked]] == second[asked]
            found[asked[equal]] = places[asked[equal]]
            asked = asked[~equal]
            places[asked] += 1
        return found

    def with_(self, other: "_Run") -> "_Run":
        first = np.concatenate([self.first, other.first])
        order = np.argsort(first, kind="stable")  # which finds that these are two ascending stretches, and merges them
        first = first[order]
        second = np.concatenate([self.second, other.second])[order]
        return _Run(first, second, np.concatenate([self.numbers, other.numbers])[order])


def _order(words: _Words) -> NDArray[np.intp]:
    """The places of digests in ascending order; of equal ones, the first met stands in front.

    By their fronts (`psi.matching.by_front`), and the few whose fronts are the same once more as a whole.
    """
    ranked, alike = by_front(words)
    order = ranked.astype(np.intp)
    tied = alike[:-1] | alike[1:]
    if tied.any():
        places = order[tied]
        order[tied] = places[np.lexsort((places, words[places, 1], words[places, 0]))]
    return order


class Numbering:
    """`count` identifiers have been met so far; at most MAX_IDENTIFIERS."""

    def __init__(self) -> None:
        self.count = 0
        self._runs: list[_Run] = []
        self._fronts = np.zeros(1 << _FRONT_BITS, dtype=bool)

    def number(self, digests: bytes) -> tuple[_Numbers, list[int]]:
        """The number of each digest (16-byte rows), and which of them were not met before: their places, ascending.

        ListDoesNotFit, and nothing is numbered, if there would be more than MAX_IDENTIFIERS.
        """
        words = np.frombuffer(digests, dtype=np.uint64).reshape(-1, 2)
        order = _order(words)
        ranked = words[order]
        heads = np.ones(len(ranked), dtype=bool)
        heads[1:] = (ranked[1:, 0] != ranked[:-1, 0]) | (ranked[1:, 1] != ranked[:-1, 1])
        first, second, places = ranked[heads, 0], ranked[heads, 1], order[heads]
        numbers = np.zeros(len(first), dtype=np.uint32)
        fresh = np.ones(len(first), dtype=bool)
        fronts = first >> np.uint64(64 - _FRONT_BITS)
        asked = np.flatnonzero(self._fronts[fronts])
        for run in self._runs:
            found = run.find(first[asked], second[asked])
            known = asked[found >= 0]
            numbers[known] = run.numbers[found[found >= 0]]
            fresh[known] = False
        in_turn = np.argsort(places[fresh])
        if self.count + len(in_turn) > MAX_IDENTIFIERS:
            raise ListDoesNotFit(
                f"The data set gives more than {MAX_IDENTIFIERS} different identifiers, and no list can be that long.",
                advice="Nothing was sent. Take out records, or propose rounds over parts of the data set.",
            )
        # The end may be 2^32 itself, which 32 bits do not hold; what is assigned fits.
        numbers[np.flatnonzero(fresh)[in_turn]] = np.arange(self.count, self.count + len(in_turn), dtype=np.int64)
        self._fronts[fronts] = True
        self._add(_Run(first[fresh], second[fresh], numbers[fresh]))
        result = np.empty(len(ranked), dtype=np.uint32)
        result[order] = numbers[np.cumsum(heads) - 1]
        return result, places[fresh][in_turn].tolist()

    def _add(self, run: _Run) -> None:
        self.count += len(run.numbers)
        while self._runs and len(self._runs[-1].numbers) < _GROWTH * len(run.numbers):
            run = self._runs.pop().with_(run)
        if len(run.numbers):
            self._runs.append(run)

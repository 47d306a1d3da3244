"""Numbers for distinct identifiers in the order in which they are first met, in little memory.

An identifier is known by a 16-byte digest. Digests lie in the order of their numbers; where one is to be found says a
table of numbers with open addressing, of which at most one slot in `_SLOTS_EACH` is taken (Knuth, The Art of Computer
Programming, volume 3, 6.4, double hashing). 24 to 32 bytes an identifier, and 16 more while the table doubles.

    digest  = first word | second word
    way     = slots h, h + s, h + 2 s, ...     h: upper bits of first word * factor;  s: second word, made odd
    slot    = 0 (free) or 1 + number

A batch walks its ways all at once, one step of all of them at a time: who finds an equal digest has its number, who
finds a free slot takes it, and the few that find another digest go on. The factor is random (multiply-shift hashing,
Dietzfelbinger and others 1997), so that nobody can choose identifiers whose ways are the same.
"""

import secrets

import numpy as np
from numpy.typing import NDArray

from psi.errors import ListDoesNotFit
from psi.padding import MAX_ELEMENTS

__all__ = ["DIGEST_BYTES", "Numbering"]

DIGEST_BYTES = 16
"""Bytes of the digest that tells identifiers apart; an accidental collision has probability 2^-128 a pair."""

_SLOTS_EACH = 2
"""Slots for each digest there is room for, in number. With half of them taken, one way in two ends at each step."""

_FIRST_BITS = 14
"""The table begins with 2^14 slots, 64 KiB, and doubles."""

_MOVED_AT_ONCE = 1 << 14
"""Digests that are given slots of a new table at a time, in number."""

_Words = NDArray[np.uint64]
_Numbers = NDArray[np.uint32]


class Numbering:
    """`count` identifiers have been met so far; at most `limit`, which is as many as a list can hold."""

    def __init__(self, limit: int = MAX_ELEMENTS) -> None:
        self.count = 0
        self._limit = limit
        self._factor = np.uint64(secrets.randbits(64) | 1)
        self._digests: _Words = np.empty((0, 2), dtype=np.uint64)  # by number, with room for more
        self._slots: _Numbers = np.zeros(0, dtype=np.uint32)

    def number(self, digests: bytes) -> tuple[_Numbers, list[int]]:
        """The number of each digest (16-byte rows), and which of them were not met before: their places, ascending.

        ListDoesNotFit, and nothing is numbered, if there would be more than `limit`.
        """
        words = np.frombuffer(digests, dtype=np.uint64).reshape(-1, 2)
        count = self.count
        self._make_room(count + len(words))
        self._digests[count : count + len(words)] = words  # as if all were new, until it is known which are
        numbers, slots = self._find(words, count)
        is_fresh = numbers == np.arange(count, count + len(words), dtype=np.uint32)
        fresh = np.flatnonzero(is_fresh)
        if count + len(fresh) > self._limit:
            self._slots[slots[fresh]] = 0
            raise ListDoesNotFit(
                f"The data set gives more than {self._limit} different identifiers, and no list can be that long.",
                advice="Nothing was sent. Take out records, or propose rounds over parts of the data set.",
            )
        if len(fresh) < len(words):  # then what is new moves up
            moved = np.cumsum(is_fresh, dtype=np.uint32) + np.uint32(count) - np.uint32(1)
            late = numbers >= count
            numbers[late] = moved[numbers[late] - np.uint32(count)]
            self._digests[count : count + len(fresh)] = words[fresh]
            self._slots[slots[fresh]] = numbers[fresh] + np.uint32(1)
        self.count += len(fresh)
        return numbers, fresh.tolist()

    def _make_room(self, count: int) -> None:
        if count * _SLOTS_EACH <= len(self._slots):
            return
        bits = max(_FIRST_BITS, (count * _SLOTS_EACH - 1).bit_length())
        held = self._digests
        self._slots = np.zeros(1 << bits, dtype=np.uint32)
        self._digests = np.empty(((1 << bits) // _SLOTS_EACH, 2), dtype=np.uint64)
        self._digests[: self.count] = held[: self.count]
        for first in range(0, self.count, _MOVED_AT_ONCE):
            self._find(self._digests[first : min(first + _MOVED_AT_ONCE, self.count)], first)

    def _find(self, words: _Words, first: int) -> tuple[_Numbers, NDArray[np.intp]]:
        """The number of each digest, and its slot. These stand in `_digests` from `first` on; one that has no equal in
        the table takes a free slot with its own number, and of several that are equal the one that stands first."""
        slots, held = self._slots, self._digests
        at = ((words[:, 0] * self._factor) >> np.uint64(65 - len(slots).bit_length())).astype(np.intp)
        marks = np.arange(first + 1, first + 1 + len(words), dtype=np.uint32)
        asked = np.arange(len(words))
        found, places = np.empty_like(marks), at.copy()
        while len(asked):
            here = slots[at]
            free = np.flatnonzero(here == 0)[::-1]
            slots[at[free]] = marks[free]  # where several want one slot, what is written last stays: the first
            here[free] = slots[at[free]]
            found[asked], places[asked] = here, at
            others = np.flatnonzero(here != marks)
            theirs, ours = held[here[others] - np.uint32(1)], words[asked[others]]
            others = others[(theirs[:, 0] != ours[:, 0]) | (theirs[:, 1] != ours[:, 1])]
            asked, marks = asked[others], marks[others]
            steps = (words[asked, 1] | np.uint64(1)).astype(np.intp)
            at = (at[others] + steps) & (len(slots) - 1)
        return found - np.uint32(1), places

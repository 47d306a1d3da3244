"""Which rows of a table repeat a case number, in 9 bytes for each row and with no second look at the table.

A hash of 8 bytes stands for a case number: at ten million rows the chance of one false note is 3 in a million, and a
note changes nothing but the report. The number of a row is kept as its distance from the row before, which is 1 for
nearly all and fits a byte for nearly all others.
"""

from array import array
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["References"]

_PARTS = 64
"""The hashes are looked through in so many parts, each by itself: bounds the memory of sorting."""

_FAR = 255
"""Stands for a distance of that much or more; the true one is kept beside."""


class References:
    """The references of a table's usable rows, in ascending order of the rows."""

    def __init__(self) -> None:
        self._hashes = array("Q")
        self._steps = bytearray()
        self._far: dict[int, int] = {}
        self._last = 0

    def extend(self, hashes: bytes, rows: Sequence[int]) -> None:
        """Add the references of some rows: 8 bytes each, and the rows' numbers."""
        if not rows:
            return
        numbers = np.array([self._last, *rows], dtype=np.int64)
        steps = np.diff(numbers)
        self._last = rows[-1]
        for place in np.flatnonzero(steps >= _FAR).tolist():
            self._far[len(self._steps) + place] = int(steps[place])
        self._steps += np.minimum(steps, _FAR).astype(np.uint8).tobytes()
        self._hashes.frombytes(hashes)

    def repeated(self, most: int) -> tuple[int, list[int]]:
        """How many rows repeat a reference of a row before them, and the numbers of the first `most` of these."""
        hashes = np.frombuffer(self._hashes, dtype=np.uint64)
        if not len(hashes):
            return 0, []
        found: list[NDArray[np.int64]] = []
        count = 0
        parts = np.frombuffer(self._hashes, dtype=np.uint8)[:: hashes.itemsize] % _PARTS
        for part in range(_PARTS):
            places = np.flatnonzero(parts == part)
            some = hashes[places]
            order = np.argsort(some, kind="stable")
            ordered = some[order]
            again = np.sort(places[order[1:][ordered[1:] == ordered[:-1]]])
            count += len(again)
            found.append(again[:most])
        first = np.sort(np.concatenate(found))[:most]
        return count, self._numbers(first)

    def _numbers(self, places: NDArray[np.int64]) -> list[int]:
        """The numbers of the rows at these places, which are in ascending order."""
        found: list[int] = []
        far = sorted(self._far.items())
        steps = np.frombuffer(self._steps, dtype=np.uint8)
        at = number = 0
        for place in places.tolist():
            number += int(steps[at : place + 1].sum(dtype=np.int64))
            while far and far[0][0] <= place:
                number += far.pop(0)[1] - _FAR
            at = place + 1
            found.append(number)
        return found

"""Rows of a table that need not be prepared again: they are recognised by the digest in the head of their line.

The old record file is read as a stream, beside the new table, with a window of lines around the place of the row that
was recognised last: `REACH` lines back and ahead. What stands where is known beforehand, from 12 bytes for each line
(half of its digest, and its number), so a new row is told from one that has moved: new rows do not move the window,
however many they are, and where `JUMP_ROWS` rows in a row lie beyond it (those before were deleted) it is moved there.
A row that has moved out of the window is prepared again, which costs time and changes nothing.

What a row that is taken over adds to the report is read from the head too, so that the report is the one of a first
preparation, to the last number.
"""

from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from node.datasets.heads import NO_PAST, Head, Heads, good_until
from node.datasets.mapping import Binding
from node.datasets.records import references
from node.datasets.report import ACCEPTED, MAX_REPORTED_CELLS, REPAIRED, Problem, Report
from node.datasets.tables import Row, column_letter

__all__ = ["JUMP_ROWS", "REACH", "Known", "Old", "ReadLines"]

REACH = 32_768
"""Lines kept on either side of the row that was recognised last; about 15 MB each."""

JUMP_ROWS = 16
"""Rows in a row that must lie beyond the window before it is moved there: one that was moved to the top must not cost
all that lies between."""

ReadLines = Callable[[], Iterable[Sequence[bytes]]]
"""Gives the lines of a record file from the beginning, a block at a time."""


class Old:
    """The lines of the version before, which are read several times, always from the beginning.

    `taken[number]` is set once the line with this number was taken over.
    """

    def __init__(self, records: int, lines: ReadLines) -> None:
        self._lines = lines
        self.taken = bytearray(records)

    def blocks(self) -> Iterator[Sequence[bytes]]:
        return iter(self._lines())

    def changed(self) -> Iterator[tuple[int, bytes]]:
        """(number, line) of every line that was not taken over."""
        number = 0
        for lines in self.blocks():
            for line in lines:
                if not self.taken[number]:
                    yield number, line
                number += 1


class Known:
    """Finds the rows that need not be prepared again: see `take`."""

    def __init__(self, old: Old, heads: Heads, binding: Binding, today: date) -> None:
        self._old = old
        self._heads = heads
        self._today = today.isoformat()
        identifiers = [index for _, _, index in binding.identifiers]
        # A column that is a kind and a person field (alias) has two letters and counts as the first.
        self._columns = [*identifiers, *(None if at in identifiers else at for _, at in binding.person)]
        self._shapes: Counter[bytes] = Counter()
        self._repairs: list[tuple[int, Problem]] = []
        self._keys, self._places = _index(old)
        self._stream = (line for lines in old.blocks() for line in lines)
        self._window: dict[bytes, deque[tuple[int, bytes]]] = {}
        self._order: deque[tuple[int, bytes]] = deque()
        self._read = 0  # lines read so far
        self._at = 0  # the number of the line recognised last
        self._beyond = 0  # rows in a row that lie beyond the window
        self.taken_over = 0
        self._move(0)

    def take(self, row: Row) -> tuple[bytes, str] | None:
        """The finished line of this row and its reference, or None if the row must be prepared. Call it for each row
        of the table in order."""
        digest = self._heads.digest(row)
        if not digest:
            return None
        found = self._window.get(digest) or self._elsewhere(digest)
        if not found:
            return None
        number, line = found[0]
        self._move(number)
        head = Head(line)
        if good_until(head.body) < self._today:
            return None
        found.popleft()
        self._old.taken[number] = 1
        self._count(row, head.shape)
        past = 0 if head.past == NO_PAST else int(head.past, 16)
        return head.with_past(past), references([line])[0]

    def _elsewhere(self, digest: bytes) -> "deque[tuple[int, bytes]] | None":
        """Look for a row that the window does not hold; moves the window if enough of them lie beyond it."""
        key = _key(digest)
        place = int(np.searchsorted(self._keys, key))
        if place == len(self._keys) or self._keys[place] != key:
            return None
        number = int(self._places[place])
        if number < self._read:
            self._beyond = 0
            return None
        self._beyond += 1
        if self._beyond < JUMP_ROWS:
            return None
        self._move(number)
        return self._window.get(digest)

    def finish(self, report: Report) -> None:
        """Put what was taken over into the report of what was prepared: the same as if every row had been prepared."""
        report.rows += self.taken_over
        report.usable += self.taken_over
        for shape, count in self._shapes.items():
            outcomes, _, kinds = shape.partition(b"/")
            for index, outcome in zip(self._columns, outcomes, strict=True):
                if index is None:
                    continue
                column = report.column(index)
                if outcome == ACCEPTED:
                    column.accepted += count
                elif outcome == REPAIRED:
                    column.repaired += count
                    report.reasons["cell/repaired-number"] += count
                else:
                    column.blank += count
            for kind in kinds.decode().split(","):
                report.identifiers[kind] += count
        # Both lists are in the order of the rows and have the first ones of their part, so this has the first of all.
        merged = sorted([(_row_of(one), one) for one in report.repairs] + self._repairs, key=lambda pair: pair[0])
        report.repairs[:] = [problem for _, problem in merged[:MAX_REPORTED_CELLS]]

    def _count(self, row: Row, shape: bytes) -> None:
        self.taken_over += 1
        self._shapes[shape] += 1
        if len(self._repairs) < MAX_REPORTED_CELLS and REPAIRED in shape.partition(b"/")[0]:
            for index, outcome in zip(self._columns, shape, strict=False):
                if outcome == REPAIRED and index is not None:
                    problem = Problem.of("cell/repaired-number", f"{column_letter(index)}{row.number}")
                    self._repairs.append((row.number, problem))

    def _move(self, at: int) -> None:
        """The window around line `at`; it never moves back."""
        self._beyond = 0
        self._at = max(self._at, at)
        while self._read <= self._at + REACH and (line := next(self._stream, None)) is not None:
            digest = Head(line).digest
            if digest:
                self._window.setdefault(digest, deque()).append((self._read, line))
                self._order.append((self._read, digest))
            self._read += 1
        while self._order and self._order[0][0] < self._at - REACH:
            number, digest = self._order.popleft()
            same = self._window.get(digest)
            if same and same[0][0] == number:
                same.popleft()
            if not same:
                self._window.pop(digest, None)


def _index(old: Old) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    """Half of the digest of every line that has one, ascending, and the number of the line."""
    keys, places = array("Q"), array("I")
    number = 0
    for lines in old.blocks():
        for line in lines:
            if digest := line[: line.index(b".")]:
                keys.append(_key(digest))
                places.append(number)
            number += 1
    found = np.array(keys, dtype=np.uint64)
    order = np.argsort(found, kind="stable")
    return found[order], np.array(places, dtype=np.uint32)[order]


def _key(digest: bytes) -> int:
    return int(digest[:16], 16)


def _row_of(problem: Problem) -> int:
    return int(problem.address.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))

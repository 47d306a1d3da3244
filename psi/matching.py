"""Sorting and comparing rows at memory speed, with numpy; what is larger than memory goes through sorted runs.

Four questions of the protocol: in which order do blinded elements stand (`sorted_rows`), does a chunk that came
continue a list in order (`first_disorder`), do two sorted lists share a row (`shared_row`), and which tags are on both
sides (`match`). All of it works on public values - elements and tags that are or could be on the wire - so none of it
needs constant time.

    rows -> runs of RUN_ROWS rows, each sorted in memory
         -> one run:  that is the answer
         -> several:  each but the last in a scratch list on the disk; merged a chunk of each at a time

Tags are compared in memory all at once where both lists together have at most TAGS_IN_MEMORY of them: by one sort of
whole numbers, each made of a tag's front and of its place.

Rows are compared as bytes. Sorting looks at the first 8 bytes of each, which nearly always decides, and at the rest
where it does not. What a row carries besides its key (a number, a position) stands behind the key and is sorted along.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from psi.spool import CHUNK_ROWS, Spool, chunks
from psi.transcript import TAG_BYTES

__all__ = ["RUN_ROWS", "TAGS_IN_MEMORY", "Scratch", "first_disorder", "match", "shared_row", "sorted_rows"]

RUN_ROWS = 1 << 20
"""Rows that are sorted in memory at a time: 1,048,576. With rows of 40 bytes a sort takes 64 MiB at its peak."""

TAGS_IN_MEMORY = 1 << 21
"""Tags that are compared in memory, of both lists together: 2,097,152. They take 32 MiB, and twice that while it is
done."""

_POSITION_BYTES = 8
_STEP = 1 << 15
"""Rows that are worked on at a time, in number: 256 KiB of numbers stay in the processor's cache."""

_THEIRS = 1 << 63
"""Added to a position of the other side, so that of two equal tags ours stands in front."""

Scratch = Callable[[int], Spool]
"""Makes an empty list for rows of that many bytes. It is gone when nobody refers to it any more."""

_Rows = NDArray[np.uint8]
_Keys = NDArray[np.uint64]


def sorted_rows(
    parts: Iterable[bytes | bytearray], width: int, scratch: Scratch, *, run_rows: int = RUN_ROWS
) -> Iterator[bytes]:
    """All rows of `width` bytes (a multiple of 8) in ascending byte order, in chunks of which all but the last are
    full. `parts` are whole rows, any number of them at a time."""
    spilled: list[Spool] = []
    for run, is_last in _runs(parts, width, run_rows):
        ordered = _in_order(run)
        if is_last:  # which needs no list: it is still in memory
            yield from _cut(_merged([*map(chunks, spilled), ordered], width)) if spilled else ordered
            return
        spool = scratch(width)
        for chunk in ordered:
            spool.append(chunk)
        spilled.append(spool)


def first_disorder(rows: bytes, width: int, before: bytes = b"") -> int | None:
    """Index of the first row that is not greater than the one before it (`before` stands in front); None if none is."""
    if len(rows) == 0:
        return None
    if rows[:width] <= before:
        return 0
    keys = _keys(_as_rows(rows, width))
    for index in np.flatnonzero(keys[1:] <= keys[:-1]):  # none, but for a damaged list and for keys that begin alike
        start = int(index) * width
        if rows[start + width : start + 2 * width] <= rows[start : start + width]:
            return int(index) + 1
    return None


def shared_row(one: Spool, other: Spool) -> int | None:
    """Index in `one` of a row that both ascending lists hold, or None. Reads each list once, a chunk at a time."""
    other_chunks = chunks(other)
    current = next(other_chunks, b"")
    for number, chunk in enumerate(chunks(one)):
        while current:
            shared = _shared(chunk, current, one.width)
            if shared is not None:
                return number * CHUNK_ROWS + shared
            if current[-one.width :] > chunk[-one.width :]:
                break
            current = next(other_chunks, b"")
    return None


def match(
    mine: Iterable[bytes],
    theirs: Iterable[bytes],
    scratch: Scratch,
    *,
    run_rows: int = RUN_ROWS,
    in_memory: int = TAGS_IN_MEMORY,
) -> Iterator[bytes]:
    """Pairs of positions with equal tags, as chunks of rows (own position, other position), both 8 bytes big-endian.

    `mine` and `theirs` give the tags in order, in parts of 16-byte rows. Within a side tags are distinct, since
    elements are. Ascending by own position.
    """
    held = np.empty((in_memory, TAG_BYTES), dtype=np.uint8)  # takes memory where it is written to, not before
    our_parts, their_parts = iter(mine), iter(theirs)
    ours, our_rest = _fill(held, our_parts)
    both, their_rest = ours, b""
    if not our_rest:
        more, their_rest = _fill(held[ours:], their_parts)
        both += more
    if not our_rest and not their_rest:
        pairs = _equal(held[:both].view(np.uint64), ours).astype(">u8").view(np.uint8)
        return (pairs[at : at + CHUNK_ROWS].tobytes() for at in range(0, len(pairs), CHUNK_ROWS))

    placed = _placed(held, ours, both, (our_rest, our_parts), (their_rest, their_parts))
    ranked = sorted_rows(placed, TAG_BYTES + _POSITION_BYTES, scratch, run_rows=run_rows)
    return sorted_rows(_pairs(ranked), 2 * _POSITION_BYTES, scratch, run_rows=run_rows)


_Rest = tuple[bytes, Iterator[bytes]]
"""A part that had no room in memory, and those behind it."""


def _placed(held: _Rows, ours: int, both: int, our_rest: _Rest, their_rest: _Rest) -> Iterator[bytes]:
    """Tags with side and position behind them: those that are held, of which the first are ours, and the others."""
    for first, begin, end, rest in ((0, 0, ours, our_rest), (_THEIRS, ours, both, their_rest)):
        pieces = (held[at : min(at + CHUNK_ROWS, end)].tobytes() for at in range(begin, end, CHUNK_ROWS))
        for part in chain(pieces, rest[:1], rest[1]):
            tags = _as_rows(part, TAG_BYTES)
            yield _joined(tags, np.arange(first, first + len(tags), dtype=np.uint64))
            first += len(tags)


def _fill(held: _Rows, parts: Iterator[bytes]) -> tuple[int, bytes]:
    """Put the rows of `parts` into `held`: how many they are, and the first part that has no room there, or nothing."""
    count = 0
    for part in parts:
        rows = _as_rows(part, TAG_BYTES)
        if count + len(rows) > len(held):
            return count, part
        held[count : count + len(rows)] = rows
        count += len(rows)
    return count, b""


def _by_front(words: _Keys) -> tuple[_Keys, NDArray[np.bool_]]:
    """The places of rows of two words, ordered by the front of the first word; and whether the n-th of them has the
    front of the one before it. Of equal fronts, the row that stands first comes first.

    A front is the upper bits of a word, as many as leave room for a place, so that what is sorted are single numbers,
    with no row to carry along: the fastest sort there is. Equal fronts say nothing about the rest. The second array is
    one longer than the first: nothing stands before the first row or behind the last one.
    """
    count = len(words)
    low = np.uint64((1 << count.bit_length()) - 1)
    ranked = np.empty(count, dtype=np.uint64)
    for at in range(0, count, _STEP):  # in steps, so that what is in between stays in the processor's cache
        here = ranked[at : at + _STEP]
        np.bitwise_and(words[at : at + _STEP, 0], ~low, out=here)
        here |= np.arange(at, at + len(here), dtype=np.uint64)
    ranked.sort()
    alike = np.zeros(count + 1, dtype=bool)
    for at in range(1, count, _STEP):
        here = ranked[at : at + _STEP]
        alike[at : at + len(here)] = (here ^ ranked[at - 1 : at - 1 + len(here)]) <= low
    ranked &= low
    return ranked, alike


def _equal(words: _Keys, ours: int) -> _Keys:
    """Places of equal tags, as rows (among the first `ours`, counted on from there), ascending; a tag is two words."""
    ranked, alike = _by_front(words)
    before, after = alike[:-1], alike[1:]
    firsts = np.flatnonzero(after & ~before)
    seconds = np.flatnonzero(before & ~after)  # as many: each stretch has a first and a last one
    two = seconds - firsts == 1
    found = [_pairs_at(words, ours, ranked[firsts[two]], ranked[seconds[two]])]
    if not two.all():  # three and more with one front: by chance now and then, so their tags are sorted as a whole
        places = ranked[_stretches(firsts[~two], seconds[~two])]
        places = places[np.lexsort((places, words[places, 1], words[places, 0]))]
        found.append(_pairs_at(words, ours, places[:-1], places[1:]))
    pairs = np.concatenate(found)
    return pairs[np.argsort(pairs[:, 0])]


def _pairs_at(words: _Keys, ours: int, one: _Keys, other: _Keys) -> _Keys:
    """The pairs (one, other) that are equal tags, the first of ours and the second not."""
    kept = (one < ours) & (other >= ours)
    one, other = one[kept], other[kept]
    equal = (words[one] == words[other]).all(axis=1)
    return np.stack([one[equal], other[equal] - np.uint64(ours)], axis=1)


def _stretches(firsts: NDArray[np.intp], lasts: NDArray[np.intp]) -> NDArray[np.intp]:
    """All numbers from each of `firsts` to the one of `lasts` that belongs to it."""
    lengths = lasts - firsts + 1
    begins = np.repeat(firsts - np.cumsum(lengths) + lengths, lengths)
    return begins + np.arange(len(begins))


def _pairs(ranked: Iterable[bytes]) -> Iterator[bytes]:
    """Neighbours with equal tags, as pairs of positions."""
    words = np.empty((0, 3), dtype=np.uint64)
    for chunk in ranked:
        words = np.concatenate([words[-1:], np.frombuffer(chunk, dtype=np.uint64).reshape(-1, 3)])
        equal = np.flatnonzero((words[1:, 0] == words[:-1, 0]) & (words[1:, 1] == words[:-1, 1]))
        positions = np.stack([words[equal, 2], words[equal + 1, 2]], axis=1).view(">u8")
        positions[:, 1] -= np.uint64(_THEIRS)
        yield positions.tobytes()


def _runs(parts: Iterable[bytes | bytearray], width: int, run_rows: int) -> Iterator[tuple[_Rows, bool]]:
    """The rows in arrays of `run_rows`, not in order yet, and whether each is the last one, which may have fewer or
    none.

    All are the same memory: a run is used up before the next one is asked for.
    """
    held = np.empty((run_rows, width), dtype=np.uint8)  # takes memory where it is written to, not before
    count = 0
    for part in parts:
        rows = _as_rows(part, width)
        while len(rows):
            if count == run_rows:  # and now it is known that it is not the last one
                yield held, False
                count = 0
            taken = rows[: run_rows - count]
            held[count : count + len(taken)] = taken
            count += len(taken)
            rows = rows[len(taken) :]
    yield held[:count], True


def _in_order(run: _Rows) -> Iterator[bytes]:
    """A run's rows, sorted, in full chunks and a last one."""
    order = _order(run)
    for start in range(0, len(order), CHUNK_ROWS):
        yield run[order[start : start + CHUNK_ROWS]].tobytes()


def _merged(unread: list[Iterator[bytes]], width: int) -> Iterator[_Rows]:
    """Arrays of ascending rows from ascending runs, of which each comes in chunks.

    Each run has a head in memory. What is smaller than the last row of every head that is not its run's end can be
    given out: nothing that is still to be read comes before it.
    """
    heads = [np.empty((0, width), dtype=np.uint8) for _ in unread]
    lasts: list[int | None] = [-1 for _ in unread]  # the key of each head's last row; None at the end of the run
    while True:
        bound = min((last for last in lasts if last is not None), default=None)
        if bound is None:
            return
        for number, last in enumerate(lasts):
            if last == bound:
                chunk = next(unread[number], b"")
                if chunk:
                    heads[number] = np.concatenate([heads[number], _as_rows(chunk, width)])
                lasts[number] = int(_keys(heads[number][-1:])[0]) if chunk else None
        bound = min((last for last in lasts if last is not None), default=None)
        counts = [len(head) if bound is None else int(np.searchsorted(_keys(head), np.uint64(bound))) for head in heads]
        rows = np.concatenate([head[:count] for head, count in zip(heads, counts, strict=True)])
        heads = [head[count:] for head, count in zip(heads, counts, strict=True)]
        yield rows[_order(rows)]


def _cut(parts: Iterable[_Rows]) -> Iterator[bytes]:
    """The same rows in full chunks and a last one."""
    held: list[_Rows] = []
    count = 0
    for part in parts:
        start = 0
        while count + len(part) - start >= CHUNK_ROWS:
            stop = start + CHUNK_ROWS - count
            yield b"".join(piece.tobytes() for piece in (*held, part[start:stop]))
            held, count, start = [], 0, stop
        held.append(part[start:])
        count += len(part) - start
    if count:
        yield b"".join(piece.tobytes() for piece in held)


def _order(rows: _Rows) -> NDArray[np.intp]:
    """The permutation that puts rows in ascending byte order."""
    keys = _keys(rows)
    order = np.argsort(keys)
    ranked = keys[order]
    tied = np.flatnonzero(ranked[1:] == ranked[:-1])
    if len(tied):
        tied = np.union1d(tied, tied + 1)
        places = order[tied]
        words = rows[places].view(">u8")
        order[tied] = places[np.lexsort(words.T[::-1])]
    return order


def _shared(one: bytes, other: bytes, width: int) -> int | None:
    """Index of the first row of one ascending chunk that is in another."""
    keys, held = _keys(_as_rows(one, width)), _keys(_as_rows(other, width))
    found = np.minimum(np.searchsorted(held, keys), len(held) - 1)
    alike = np.flatnonzero(held[found] == keys)
    if not len(alike):
        return None
    rows = {other[start : start + width] for start in range(0, len(other), width)}
    return next((int(at) for at in alike if one[at * width : (at + 1) * width] in rows), None)


def _as_rows(data: bytes | bytearray, width: int) -> _Rows:
    return np.frombuffer(data, dtype=np.uint8).reshape(-1, width)


def _keys(rows: _Rows) -> _Keys:
    """The first 8 bytes of each row as numbers that sort as the bytes do, whatever the byte order of the machine."""
    return np.ascontiguousarray(rows[:, :8]).view(">u8").astype(np.uint64).reshape(-1)


def _joined(keys: _Rows, numbers: NDArray[np.uint64]) -> bytes:
    """Each key with its number behind it."""
    return np.hstack([keys, numbers.astype(">u8").view(np.uint8).reshape(-1, 8)]).tobytes()

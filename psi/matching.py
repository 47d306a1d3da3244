"""Sorting and comparing rows at memory speed, with numpy.

Three questions of the protocol: in which order do blinded elements stand (`ascending`), do two sorted lists share a row
(`shared_row`), and which tags are on both sides (`match`). All of it works on public values - elements and tags that
are or could be on the wire - so none of it needs constant time.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from psi.spool import CHUNK_ROWS, Spool, chunk_count, chunks
from psi.transcript import TAG_BYTES

__all__ = ["ascending", "first_disorder", "match", "shared_row"]


def ascending(rows: bytes | bytearray, width: int) -> NDArray[np.intp]:
    """The permutation that puts n rows of `width` bytes (a multiple of 8) in ascending byte order."""
    words = np.frombuffer(rows, dtype=">u8").reshape(-1, width // 8)
    return np.lexsort(words.T[::-1])


def first_disorder(rows: bytes, width: int, before: bytes = b"") -> int | None:
    """Index of the first row that is not greater than the one before it (`before` stands in front); None if none is."""
    previous = before
    for index in range(len(rows) // width):
        row = rows[index * width : (index + 1) * width]
        if row <= previous:
            return index
        previous = row
    return None


def shared_row(one: Spool, other: Spool) -> int | None:
    """Index in `one` of a row that both ascending lists hold, or None. Reads each list once, a chunk at a time."""
    width = one.width
    other_chunks = chunks(other)
    current = next(other_chunks, b"")
    held = set(_rows(current, width))
    for number, chunk in enumerate(chunks(one)):
        last = chunk[-width:]
        while current:
            for index, row in enumerate(_rows(chunk, width)):
                if row in held:
                    return number * CHUNK_ROWS + index
            if current[-width:] > last:
                break
            current = next(other_chunks, b"")
            held = set(_rows(current, width))
    return None


def match(mine: Iterable[bytes], theirs: Iterable[bytes]) -> Iterator[bytes]:
    """Pairs of positions with equal tags, as chunks of rows (own position, other position), both 8 bytes big-endian.

    `mine` and `theirs` give the tags in order, in chunks of 16-byte rows. Within a side tags are distinct, since
    elements are. Ascending by own position.
    """
    ours = _tag_words(mine)
    both = np.concatenate([ours, _tag_words(theirs)])
    order = np.lexsort((both[:, 1], both[:, 0]))
    ranked = both[order]
    equal = np.flatnonzero((ranked[1:] == ranked[:-1]).all(axis=1))
    found = np.stack([order[equal], order[equal + 1]], axis=1)
    found.sort(axis=1)  # the smaller number is ours, since our tags stand in front
    found[:, 1] -= len(ours)
    pairs = found[np.argsort(found[:, 0])].astype(">u8")
    for chunk in range(chunk_count(len(pairs))):
        yield pairs[chunk * CHUNK_ROWS : (chunk + 1) * CHUNK_ROWS].tobytes()


def _rows(data: bytes, width: int) -> list[bytes]:
    return [data[start : start + width] for start in range(0, len(data), width)]


def _tag_words(parts: Iterable[bytes]) -> NDArray[np.uint64]:
    """Tags as rows of two 64-bit words: they sort and compare exactly, whatever the byte order of the machine."""
    return np.frombuffer(b"".join(parts), dtype="<u8").reshape(-1, TAG_BYTES // 8).astype(np.uint64)

"""Lists of fixed-width rows, kept in chunks.

A round's lists can be larger than memory, so no part of the protocol holds one as a Python list. It reads and writes
chunks of `CHUNK_ROWS` rows through the `Spool` interface; the node keeps them in sealed files, tests in memory.
Every chunk but the last is full, so the chunk of a row is `row // CHUNK_ROWS`.
"""

from collections.abc import Iterator
from typing import Protocol

__all__ = ["CHUNK_ROWS", "MemorySpool", "Spool", "chunk_count", "chunk_rows", "chunks"]

CHUNK_ROWS = 4096
"""Rows in a full chunk; also the number of elements under one proof. 4,096 elements are 128 KiB."""


class Spool(Protocol):
    """An append-only list of rows of `width` bytes."""

    @property
    def width(self) -> int: ...

    @property
    def rows(self) -> int: ...

    def append(self, data: bytes) -> None:
        """Add one chunk: a multiple of `width` bytes, full unless it is the last."""
        ...

    def read(self, chunk: int) -> bytes:
        """The rows of one chunk; IndexError if there is no such chunk."""
        ...

    def truncate(self, rows: int) -> None:
        """Keep the first `rows` rows, at a chunk's border: what a crash left behind the last snapshot goes."""
        ...


class MemorySpool:
    """A spool in memory, for tests and small lists."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.rows = 0
        self._chunks: list[bytes] = []

    def append(self, data: bytes) -> None:
        rows, rest = divmod(len(data), self.width)
        if rest or rows > CHUNK_ROWS or self.rows % CHUNK_ROWS:
            raise ValueError("a chunk holds whole rows, at most CHUNK_ROWS, and only the last may be short")
        self._chunks.append(bytes(data))
        self.rows += rows

    def read(self, chunk: int) -> bytes:
        if chunk < 0:
            raise IndexError(chunk)
        return self._chunks[chunk]

    def truncate(self, rows: int) -> None:
        del self._chunks[chunk_count(rows) :]
        self.rows = sum(map(len, self._chunks)) // self.width
        if self.rows > rows:
            raise ValueError("a spool is cut at a chunk's border")


def chunk_count(rows: int) -> int:
    """How many chunks hold `rows` rows."""
    return -(-rows // CHUNK_ROWS)


def chunk_rows(rows: int, chunk: int) -> int:
    """How many of `rows` rows stand in chunk number `chunk`."""
    return min(CHUNK_ROWS, rows - chunk * CHUNK_ROWS)


def chunks(spool: Spool) -> Iterator[bytes]:
    """All chunks of a spool in order."""
    for number in range(chunk_count(spool.rows)):
        yield spool.read(number)

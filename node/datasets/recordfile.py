"""A file of prepared records: sealed blocks, written once, read as a stream.

    block = sealed bytes (4, big-endian) | records (4) | last (1) | sealed
    sealed = Cells.seal("records", file id, "block/records/last", lines or their columns: `layout`)

A block holds up to `BLOCK_RECORDS` records or `BLOCK_BYTES` of JSON lines, whichever is reached first, so memory is
bounded by one block on both sides. File id, block number, number of records and "this is the last one" are associated
data: blocks that are swapped, repeated, taken from another file or cut off at the end do not open.

Writing is all or nothing: the blocks go to a `.part` file that is flushed and renamed when the last one is written.
Whatever ends the work before that (an error, Ctrl-C) removes it; after a power cut `remove_leftovers` does.
Not promised: hiding the number of records or their rough size from someone who holds the disk.
"""

import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol, Self

from node.datasets.layout import Columns, is_line, pack, unpack
from node.errors import StateDamaged, UserError
from node.store.cells import Cells, key_number
from node.store.files import FILE_MODE, sync_folder

__all__ = [
    "BLOCK_BYTES",
    "BLOCK_RECORDS",
    "MAX_RECORD_BYTES",
    "LineWriter",
    "RecordWriter",
    "read_blocks",
    "read_blocks_of",
    "read_layouts",
    "remove_file",
    "remove_leftovers",
    "reseal_file",
]

BLOCK_RECORDS = 1024
"""Records in one block."""

BLOCK_BYTES = 256 * 1024
"""Bytes of lines after which a block is closed."""

MAX_RECORD_BYTES = 1024 * 1024
"""Bytes of one record's line."""

SUFFIX = ".records"
_PART = ".part"
_FRAME = struct.Struct(">IIB")
_MAX_SEALED_BYTES = BLOCK_BYTES + MAX_RECORD_BYTES + 4096


class LineWriter(Protocol):
    """What takes the lines of records: `RecordWriter`, or what stands before one (`refresh.Writer`)."""

    def append(self, line: bytes) -> None: ...


class RecordWriter:
    """Writes one record file. As a context manager it keeps the file only if `finish` was reached."""

    def __init__(self, folder: Path, file_id: str, cells: Cells) -> None:
        self._final = folder / f"{file_id}{SUFFIX}"
        self._part = folder / f"{file_id}{_PART}"
        self._file_id = file_id
        self._cells = cells
        self._lines: list[bytes] = []
        self._bytes = 0
        self._block = 0
        self.records = 0
        try:
            descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        except OSError as error:
            raise _cannot_write(error) from None
        self._file = os.fdopen(descriptor, "wb")

    def append(self, line: bytes) -> None:
        """Add one record's line: at most MAX_RECORD_BYTES of UTF-8, no line end inside."""
        if len(line) > MAX_RECORD_BYTES or not is_line(line):
            raise ValueError("not one record line")
        self._lines.append(line)
        self._bytes += len(line) + 1
        self.records += 1
        if len(self._lines) >= BLOCK_RECORDS or self._bytes >= BLOCK_BYTES:
            self._write_block(last=False)

    def finish(self) -> None:
        """Write the last block, flush to the disk, give the file its name."""
        self._write_block(last=True)
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._part.replace(self._final)
            sync_folder(self._final.parent)
        except OSError as error:
            raise _cannot_write(error) from None

    def discard(self) -> None:
        """Remove what was written. The finished file is never touched."""
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._part.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    def _write_block(self, *, last: bool) -> None:
        count = len(self._lines)
        sealed = self._cells.seal("records", self._file_id, _place(self._block, count, last), pack(self._lines))
        try:
            self._file.write(_FRAME.pack(len(sealed), count, last) + sealed)
        except OSError as error:
            raise _cannot_write(error) from None
        self._lines.clear()
        self._bytes = 0
        self._block += 1


def read_blocks(folder: Path, file_id: str, cells: Cells) -> Iterator[list[bytes]]:
    """The lines of a record file in order, a block at a time. StateDamaged if it is missing, altered or incomplete."""
    with _opened(folder, file_id) as file:
        yield from read_blocks_of(file, file_id, cells)


def read_blocks_of(file: BinaryIO, file_id: str, cells: Cells) -> Iterator[list[bytes]]:
    """As `read_blocks`, of a record file that is open: it may have lost its name meanwhile."""
    for found in _layouts_of(file, file_id, cells):
        yield found.lines() if isinstance(found, Columns) else found


def read_layouts(folder: Path, file_id: str, cells: Cells) -> Iterator[Columns | list[bytes]]:
    """As `read_blocks`; a block that is stored as columns as these, which is much faster."""
    with _opened(folder, file_id) as file:
        yield from _layouts_of(file, file_id, cells)


def _layouts_of(file: BinaryIO, file_id: str, cells: Cells) -> Iterator[Columns | list[bytes]]:
    for block, count, last, sealed in _blocks_in(file):
        try:
            found = unpack(cells.unseal("records", file_id, _place(block, count, last), sealed))
        except (StateDamaged, ValueError):
            raise _damaged() from None
        if count:
            if len(found) != count:
                raise _damaged()
            yield found


def _opened(folder: Path, file_id: str) -> BinaryIO:
    try:
        return (folder / f"{file_id}{SUFFIX}").open("rb")
    except OSError:
        raise _damaged() from None


def _sealed_blocks(folder: Path, file_id: str) -> Iterator[tuple[int, int, bool, bytes]]:
    """Number of the block, its records, whether it is the last one, and the block as it is stored."""
    with _opened(folder, file_id) as file:
        yield from _blocks_in(file)


def _blocks_in(file: BinaryIO) -> Iterator[tuple[int, int, bool, bytes]]:
    block, last = 0, 0
    while not last:
        frame = file.read(_FRAME.size)
        if len(frame) != _FRAME.size:
            raise _damaged()
        length, count, last = _FRAME.unpack(frame)
        if length > _MAX_SEALED_BYTES or last > 1:
            raise _damaged()
        sealed = file.read(length)
        if len(sealed) != length:
            raise _damaged()
        yield block, count, bool(last), sealed
        block += 1
    if file.read(1):
        raise _damaged()


def reseal_file(folder: Path, file_id: str, cells: Cells, newest: int) -> bool:
    """Seal every block of a record file under the newest data key, in a second file that then takes its place; False
    if the file is under it already. A block at a time. StateDamaged as for `read_blocks`; then nothing is changed."""
    path, part = folder / f"{file_id}{SUFFIX}", folder / f"{file_id}{_PART}"
    changed = False
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
        with os.fdopen(descriptor, "wb") as new:
            for block, count, last, sealed in _sealed_blocks(folder, file_id):
                place = _place(block, count, last)
                if key_number(sealed) != newest:
                    changed = True
                    sealed = cells.seal("records", file_id, place, cells.unseal("records", file_id, place, sealed))
                new.write(_FRAME.pack(len(sealed), count, last) + sealed)
            new.flush()
            os.fsync(descriptor)
        if changed:
            part.replace(path)
            sync_folder(folder)
    except OSError as error:
        raise _cannot_write(error) from None
    finally:
        with suppress(OSError):
            part.unlink()
    return changed


def remove_file(folder: Path, file_id: str) -> None:
    """Delete a record file; it is no error if it is gone already."""
    with suppress(FileNotFoundError):
        (folder / f"{file_id}{SUFFIX}").unlink()
        sync_folder(folder)


def remove_leftovers(folder: Path, known: Iterable[str]) -> int:
    """Delete record files that no dataset knows: what a power cut left. Returns how many."""
    keep = {f"{file_id}{SUFFIX}" for file_id in known}
    gone = [path for path in folder.iterdir() if path.suffix in {SUFFIX, _PART} and path.name not in keep]
    for path in gone:
        with suppress(FileNotFoundError):
            path.unlink()
    return len(gone)


def _place(block: int, count: int, last: bool) -> str:
    return f"{block}/{count}/{'last' if last else 'more'}"


def _damaged() -> StateDamaged:
    return StateDamaged(
        "The prepared records of a dataset are missing or were altered.",
        advice="Remove the dataset and add it again from its source file.",
    )


def _cannot_write(error: OSError) -> UserError:
    reason = os.strerror(error.errno).lower() if error.errno else "unknown reason"
    return UserError(
        f"The prepared records cannot be written: {reason}. Nothing was stored.",
        advice="Make room on the disk that holds the node's folder, or check its permissions, and try again.",
    )

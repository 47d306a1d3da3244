"""Long lists in sealed files, chunk by chunk: the node's form of `psi.spool.Spool`.

    file   = header (96 bytes) | slot 0 | slot 1 | ...
    header = "BMSPOOL1" | width (4) | 0 (4) | spool id (16) | key nonce (12) | sealed spool key (48) | 0 (4)
    slot   = nonce (12) | AES-256-GCM(rows of one chunk) | tag (16)            numbers big-endian

Every slot but the last holds CHUNK_ROWS rows, so slot i stands at a fixed offset and a row is found without reading
what is before it. The associated data of a slot is spool id, width, chunk number and row count: a slot moved within
a file, between files, or cut short does not open. Each spool has a random key of its own, sealed in the header under
a key of the store for this file's name; chunk nonces are random, so a chunk that is written again after a crash,
with other content, never repeats one.

A chunk is on the disk when the `flush` after its `append` has returned: the owner flushes once for many chunks, before
it stores how many rows it counts with. What a crash leaves behind those may be torn anywhere; the owner drops it with
`truncate`. `open` does not count a last slot that is torn, and the first `append` after it cuts off what stands behind.
Scratch spools are never flushed: they have no name, no header and no key outside this process's memory, and are gone
with it.

Not promised: an older copy of the whole file put back opens (the owner's row count and digests must differ); deleting
a spool unlinks it and overwrites nothing: until the disk reuses the blocks they can be read with the store's keys.
"""

import errno
import os
import re
import struct
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from node.errors import Busy, NotFound, StateDamaged
from node.ids import RandomBytes
from node.store.files import FOLDER_MODE, replace_file, sync_folder, write_all
from psi.secret import SecretBytes
from psi.spool import CHUNK_ROWS, chunk_count, chunk_rows

__all__ = ["MAX_WIDTH", "SealedSpool", "SpoolFolder"]

MAX_WIDTH = 4096
"""Widest row, in bytes: a chunk is then 16 MiB."""

SUFFIX = ".spool"
_SCRATCH_PREFIX = "scratch-"
MAGIC = b"BMSPOOL1"
ID_BYTES = 16
KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
OVERHEAD = NONCE_BYTES + TAG_BYTES
_HEADER = struct.Struct(">8sI4x16s12s48s4x")
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,99}")


class SealedSpool:
    """One spool file. Made by `SpoolFolder`. Several threads may read; one appends."""

    def __init__(
        self,
        descriptor: int,
        width: int,
        spool_id: bytes,
        cipher: AESGCM,
        random_bytes: RandomBytes,
        *,
        durable: bool = True,
    ) -> None:
        self._descriptor = descriptor
        self._width = width
        self._id = spool_id
        self._cipher = cipher
        self._random_bytes = random_bytes
        self._durable = durable
        self._rows = self._find_rows() if durable else 0
        self._unflushed = self._broken = False
        self._ends_here = not durable
        """Does the file end where the rows end? Not known of one that was just opened."""
        self._close = weakref.finalize(self, _close, descriptor)

    @property
    def width(self) -> int:
        """Bytes in a row."""
        return self._width

    @property
    def rows(self) -> int:
        """Rows that were appended; they are on the disk after `flush`."""
        return self._rows

    def append(self, data: bytes) -> None:
        """Add one chunk: whole rows, CHUNK_ROWS of them unless it is the last. It outlives a power cut after `flush`.

        Raises ValueError for anything else, Busy if the disk is full. After an error the spool is as it was before.
        """
        rows, rest = divmod(len(data), self._width)
        if rest or not 0 < rows <= CHUNK_ROWS or self._rows % CHUNK_ROWS:
            raise ValueError("a chunk holds whole rows, at most CHUNK_ROWS, and only the last may be short")
        chunk = self._rows // CHUNK_ROWS
        nonce = self._random_bytes(NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, data, self._place(chunk, rows))
        with _disk():
            try:
                if not self._ends_here:  # what a crash may have left of a torn slot must not stand behind a shorter one
                    os.ftruncate(self._descriptor, self._offset(chunk))
                self._ends_here, self._unflushed = False, True
                write_all(self._descriptor, sealed, self._offset(chunk))
                self._ends_here = True
            except OSError:
                with suppress(OSError):
                    os.ftruncate(self._descriptor, self._offset(chunk))
                raise
        self._rows += rows

    def flush(self) -> None:
        """Return when everything that was appended is on the disk. Raises Busy if the disk is full; after an error
        nothing can be said about any row since the last flush, and the spool is to be opened anew."""
        if self._broken:
            raise _damaged()  # the system says once what it lost, and "done" to whoever asks again
        if self._unflushed and self._durable:
            with _disk():
                self._broken = True
                os.fdatasync(self._descriptor)
                self._broken = False
        self._unflushed = False

    def read(self, chunk: int) -> bytes:
        """The rows of one chunk. IndexError if there is no such chunk, StateDamaged if it was altered."""
        if not 0 <= chunk < chunk_count(self._rows):
            raise IndexError(chunk)
        data = self._open_slot(chunk, chunk_rows(self._rows, chunk))
        if data is None:
            raise _damaged()
        return data

    def truncate(self, rows: int) -> None:
        """Keep the first `rows` rows: what a snapshot knows of. StateDamaged if there are fewer.

        `rows` must end a chunk or be all there is, since part of a slot does not open; ValueError otherwise.
        """
        if rows > self._rows:
            raise StateDamaged(
                "A saved list is shorter than the round that uses it remembers.", advice="Cancel the round."
            )
        if rows == self._rows:
            return
        if rows < 0 or rows % CHUNK_ROWS:
            raise ValueError("a spool is cut between chunks only")
        with _disk():
            os.ftruncate(self._descriptor, self._offset(rows // CHUNK_ROWS))
            os.fsync(self._descriptor)
        self._rows, self._ends_here, self._unflushed = rows, True, False

    def close(self) -> None:
        """Close the file. The spool cannot be used after."""
        with _disk():
            self._close()

    def _offset(self, chunk: int) -> int:
        return _HEADER.size + chunk * (self._width * CHUNK_ROWS + OVERHEAD)

    def _place(self, chunk: int, rows: int) -> bytes:
        return self._id + struct.pack(">IQI", self._width, chunk, rows)

    def _open_slot(self, chunk: int, rows: int) -> bytes | None:
        with _disk():
            sealed = os.pread(self._descriptor, rows * self._width + OVERHEAD, self._offset(chunk))
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], self._place(chunk, rows))
        except (InvalidTag, ValueError):
            return None

    def _find_rows(self) -> int:
        """Rows that the file holds, from its size; a torn last slot does not count. Nothing is changed."""
        with _disk():
            size = os.fstat(self._descriptor).st_size - _HEADER.size
        full, rest = divmod(size, self._width * CHUNK_ROWS + OVERHEAD)
        if rest:
            last, odd = divmod(rest - OVERHEAD, self._width)
            if last > 0 and not odd and self._open_slot(full, last) is not None:
                return full * CHUNK_ROWS + last
        elif full and self._open_slot(full - 1, CHUNK_ROWS) is None:
            # A file can get its new length before its new content.
            full -= 1
        return full * CHUNK_ROWS


class SpoolFolder:
    """The folder of all spools. `key` is a sub-key of the node's key ring, kept by the caller; `older` are those that
    spools may still be sealed under while a rotation is unfinished.

    What the operating system refuses is raised as Busy if another try may go through, else as StateDamaged.
    """

    def __init__(
        self,
        path: Path,
        key: SecretBytes,
        random_bytes: RandomBytes = os.urandom,
        *,
        older: Sequence[SecretBytes] = (),
    ) -> None:
        self._path = path
        self._cipher = AESGCM(key.view())
        self._older = [AESGCM(each.view()) for each in older]
        self._random_bytes = random_bytes
        with _disk():
            path.mkdir(mode=FOLDER_MODE, exist_ok=True)

    def create(self, name: str, width: int) -> SealedSpool:
        """A new, empty spool. FileExistsError if the name is taken: delete it first."""
        path = self._file(name)
        if not 0 < width <= MAX_WIDTH:
            raise ValueError(f"a row has 1 to {MAX_WIDTH} bytes")
        if path.exists():
            raise FileExistsError(name)
        spool_id, nonce = self._random_bytes(ID_BYTES), self._random_bytes(NONCE_BYTES)
        key = self._cipher.encrypt(nonce, self._random_bytes(KEY_BYTES), _header_place(name, width, spool_id))
        with _disk():
            replace_file(path, _HEADER.pack(MAGIC, width, spool_id, nonce, key))
        return self.open(name)

    def scratch(self, width: int) -> SealedSpool:
        """A new, empty spool without a name, for intermediate steps: its key is nowhere but in memory, and its file is
        gone when nobody refers to it any more, or when this program ends, however it ends. It is not flushed."""
        with _disk(), tempfile.TemporaryFile(prefix=_SCRATCH_PREFIX, dir=self._path, buffering=0) as file:
            descriptor = os.dup(file.fileno())
        key, spool_id = AESGCM(self._random_bytes(KEY_BYTES)), self._random_bytes(ID_BYTES)
        return SealedSpool(descriptor, width, spool_id, key, self._random_bytes, durable=False)

    def open(self, name: str) -> SealedSpool:
        """An existing spool. NotFound without it, StateDamaged if it is not a spool of this name and node."""
        path = self._file(name)
        with _disk():
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            except FileNotFoundError:
                raise NotFound(
                    "A saved list is missing.", advice="Prepare the data again, or cancel the round."
                ) from None
        try:
            with _disk():
                header = os.pread(descriptor, _HEADER.size, 0)
            key, width, spool_id = self._key(name, header)
            return SealedSpool(descriptor, width, spool_id, AESGCM(key), self._random_bytes)
        except (struct.error, InvalidTag):
            os.close(descriptor)
            raise _damaged() from None
        except BaseException:
            os.close(descriptor)
            raise

    def reseal(self, name: str) -> bool:
        """Seal a spool's key under our newest one, in place; False if it is already. Its chunks stay as they are.

        The header fits into one sector of any disk, so it is the old one or the new one. Raises as `open`.
        """
        path = self._file(name)
        with _disk():
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                header = os.pread(descriptor, _HEADER.size, 0)
                try:
                    key, width, spool_id = self._key(name, header)
                    _magic, _width, _id, nonce, sealed = _HEADER.unpack(header)
                except (struct.error, InvalidTag):
                    raise _damaged() from None
                place = _header_place(name, width, spool_id)
                try:
                    self._cipher.decrypt(nonce, sealed, place)
                    return False
                except InvalidTag:
                    nonce = self._random_bytes(NONCE_BYTES)
                sealed = self._cipher.encrypt(nonce, key, place)
                write_all(descriptor, _HEADER.pack(MAGIC, width, spool_id, nonce, sealed), 0)
                os.fsync(descriptor)
                return True
            finally:
                os.close(descriptor)

    def _key(self, name: str, header: bytes) -> tuple[bytes, int, bytes]:
        """Key, width and id that a header holds; struct.error or InvalidTag for one that is not of this name."""
        magic, width, spool_id, nonce, sealed = _HEADER.unpack(header)
        if magic != MAGIC or header != _HEADER.pack(magic, width, spool_id, nonce, sealed):
            raise InvalidTag
        for cipher in (self._cipher, *self._older):
            with suppress(InvalidTag):
                return cipher.decrypt(nonce, sealed, _header_place(name, width, spool_id)), width, spool_id
        raise InvalidTag

    def delete(self, name: str) -> None:
        """Remove a spool; nothing happens if there is none. Nothing is overwritten: see the top of this file."""
        path = self._file(name)
        with _disk(), suppress(FileNotFoundError):
            path.unlink()
            sync_folder(self._path)

    def names(self) -> list[str]:
        """The names of all spools, sorted."""
        with _disk():
            return sorted(path.stem for path in self._path.glob(f"*{SUFFIX}") if _NAME.fullmatch(path.stem))

    def _file(self, name: str) -> Path:
        # The names are ours (round and dataset ids), never a peer's or a file's: anything else is a mistake.
        if not _NAME.fullmatch(name):
            raise ValueError("not a spool name")
        return self._path / f"{name}{SUFFIX}"


def _close(descriptor: int) -> None:
    os.close(descriptor)


@contextmanager
def _disk() -> Iterator[None]:
    """Around every call that the operating system may refuse: an OSError leaves as an error with a sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Busy(
                "The disk is full. The list was not saved.", advice="Free some space: the round then goes on by itself."
            ) from None
        if error.errno in (errno.EMFILE, errno.ENFILE):
            raise Busy(
                "Too many files are open on this computer.", advice="Close some: the round then goes on by itself."
            ) from None
        raise StateDamaged(
            "A list could not be written to the disk or read from it.",
            advice="Check the disk, and who owns the node's folder.",
        ) from None


def _header_place(name: str, width: int, spool_id: bytes) -> bytes:
    return b"blindmatch spool 1: " + struct.pack(">I", width) + spool_id + name.encode()


def _damaged() -> StateDamaged:
    return StateDamaged(
        "A saved list was altered or damaged.",
        advice="Stop the node, keep a copy of its folder for examination, and restore a backup.",
    )

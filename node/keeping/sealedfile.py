"""A backup file: one stream, sealed in frames, that opens with the node's passphrase or with the officers' shares.

    file   = "blindmatch-backup/1\\n" | salt (32) | length of the key file (4) | key file | frame | frame | ...
    frame  = length (4) | AES-256-GCM(content) | tag (16)                                         big-endian
    key    = sub-key of the node's master key for this salt: another one for each backup
    nonce  = 0 (3) | number of the frame (8) | 1 for the last frame, else 0
    associated data = SHA-256 of everything before the first frame

That is the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár, 2015): frames that are changed, swapped, repeated,
left out or cut off at the end do not open, nor does a byte behind the last one. The key file stands in it as it lies
on the disk, wrapped under the passphrase of that day; of a node without a passphrase anybody who has the backup reads
everything in it.

The file gets its name when it is whole and flushed, and never takes that of another file; until then it has a name
with a random part, `.NAME.*.part`, which a crash leaves behind. Not promised: hiding how large the node is, or that an
older backup is not the newest.
"""

import errno
import hashlib
import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from node.errors import StateDamaged, UserError
from node.ids import RandomBytes
from node.store.files import FILE_MODE, sync_folder
from node.store.keyfile import MAX_KEY_FILE_BYTES
from node.store.keyring import KeyRing

__all__ = ["MAGIC", "MAX_FRAME_BYTES", "Header", "Reader", "Writer", "damaged_backup", "read_header"]

MAGIC = b"blindmatch-backup/1\n"
SALT_BYTES = 32
MAX_FRAME_BYTES = 16 * 1024 * 1024
"""Longest content of a frame, in bytes: a few of the largest rows."""

_LABEL = b"backup"
_KIN = b"blindmatch-backup/"
_LENGTH = struct.Struct(">I")
_NONCE = struct.Struct(">3xQB")
_TAG_BYTES = 16
_RANDOM_BYTES = 8
_NAME_PART = 40
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_LINKS = frozenset({errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK})


class Header:
    """What stands in the open: the key file, wrapped, and the salt. `data` is all of it as bytes."""

    def __init__(self, salt: bytes, key_file: bytes) -> None:
        self.key_file = key_file
        self.data = MAGIC + salt + _LENGTH.pack(len(key_file)) + key_file
        self._salt = salt

    def cipher(self, keys: KeyRing) -> AESGCM:
        """The cipher of this backup's frames."""
        with keys.lasting_subkey(_LABEL, self._salt) as key:
            return AESGCM(key.view())

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.data).digest()


class Writer:
    """Writes one backup. As a context manager it leaves a file only if `finish` was reached."""

    def __init__(self, path: Path, keys: KeyRing, key_file: bytes, random_bytes: RandomBytes) -> None:
        header = Header(random_bytes(SALT_BYTES), key_file)
        self._path = path
        self._part = path.with_name(f".{path.name[:_NAME_PART]}.{random_bytes(_RANDOM_BYTES).hex()}.part")
        self._cipher, self._place = header.cipher(keys), header.digest
        self._frames = 0
        self._digest = hashlib.sha256()
        self.bytes = 0
        if os.path.lexists(path):
            raise _taken(path)
        try:
            descriptor = os.open(self._part, _NEW_FILE, FILE_MODE)
        except OSError as error:
            raise _cannot_write(path, error) from None
        self._file = os.fdopen(descriptor, "wb")
        try:
            self._write(header.data)
        except BaseException:
            self.discard()
            raise

    def frame(self, content: bytes, *, last: bool = False) -> None:
        """Add a frame of at most MAX_FRAME_BYTES."""
        if len(content) > MAX_FRAME_BYTES:
            raise ValueError("a frame is too long")
        sealed = self._cipher.encrypt(_NONCE.pack(self._frames, last), content, self._place)
        self._frames += 1
        self._write(_LENGTH.pack(len(sealed)) + sealed)

    def finish(self) -> str:
        """Flush the file and give it its name; the SHA-256 of it, in hex. UserError if that name is taken by now."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            _name_it(self._part, self._path)
        except FileExistsError:
            raise _taken(self._path) from None
        except OSError as error:
            raise _cannot_write(self._path, error) from None
        try:
            sync_folder(self._path.parent)
        except OSError as error:
            raise UserError(
                f"The backup {self._path} is written, but the disk did not confirm its name: {error.strerror}.",
                advice="Make another one on another disk.",
            ) from None
        return self._digest.hexdigest()

    def discard(self) -> None:
        """Remove what was written so far; a finished file is not touched."""
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._part.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    def _write(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            raise _cannot_write(self._path, error) from None
        self._digest.update(data)
        self.bytes += len(data)


def read_header(file: BinaryIO) -> Header:
    """The part in the open. UserError for a file that is no backup, or one of another format."""
    start = file.read(len(MAGIC))
    if start != MAGIC:
        if start.startswith(_KIN):
            raise UserError(
                "This backup was made by a newer blindmatch, in a form that this one does not read.",
                advice="Install that version, then restore it.",
            )
        raise UserError("This file is not a backup of a blindmatch node.", advice="Check the name of the file.")
    salt, length = file.read(SALT_BYTES), file.read(_LENGTH.size)
    size = _LENGTH.unpack(length)[0] if len(length) == _LENGTH.size else 0
    key_file = file.read(size) if 0 < size <= MAX_KEY_FILE_BYTES else b""
    if len(salt) != SALT_BYTES or not key_file or len(key_file) != size:
        raise damaged_backup()
    return Header(salt, key_file)


class Reader:
    """Reads the frames of a backup whose header has been read. `digest` is that of the file once all are read."""

    def __init__(self, file: BinaryIO, header: Header, keys: KeyRing) -> None:
        self._file = file
        self._cipher, self._place = header.cipher(keys), header.digest
        self._digest = hashlib.sha256(header.data)

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()

    def frames(self) -> Iterator[bytes]:
        """The contents in order, each checked before it is given out. StateDamaged for anything that does not fit; only
        when the iteration has ended is it known that nothing is missing at the end."""
        number, last = 0, False
        while not last:
            head = self._file.read(_LENGTH.size)
            size = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else 0
            if not _TAG_BYTES <= size <= MAX_FRAME_BYTES + _TAG_BYTES:
                raise damaged_backup()
            sealed = self._file.read(size)
            if len(sealed) != size:
                raise damaged_backup()
            self._digest.update(head + sealed)
            content = None
            for last in (False, True):
                with suppress(InvalidTag):
                    content = self._cipher.decrypt(_NONCE.pack(number, last), sealed, self._place)
                    break
            if content is None:
                raise damaged_backup()
            number += 1
            yield content
        if self._file.read(1):
            raise damaged_backup()


def damaged_backup() -> StateDamaged:
    """What is said of a backup that does not hold."""
    return StateDamaged(
        "The backup is damaged, was changed, or is not whole. Nothing was restored.",
        advice="Use another copy of it, or an older backup.",
    )


def _name_it(part: Path, path: Path) -> None:
    """Give the file its name, unless there is something of that name: FileExistsError."""
    try:
        path.hardlink_to(part)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # A stick with FAT has no links. The name is taken first, so that what is replaced is our own empty file.
        os.close(os.open(path, _NEW_FILE, FILE_MODE))
        try:
            part.replace(path)
        except OSError:
            path.unlink()
            raise
    else:
        with suppress(OSError):
            part.unlink()


def _taken(path: Path) -> UserError:
    return UserError(f"There is already a file {path}.", advice="Choose another name for the backup.")


def _cannot_write(path: Path, error: OSError) -> UserError:
    return UserError(
        f"The backup {path} cannot be written: {error.strerror}. Nothing of it was kept.",
        advice="Choose a place with enough room in which you may write.",
    )

"""How this node writes small files so that a crash leaves the old one or the new one, never half of one.

The order is the whole point: write a temporary file *in the same folder*, flush it to the disk (`fsync`), rename it
over the old name, flush the folder. A rename without the first flush may put an empty file in place after a power
cut; without the second the rename itself may be lost. Large, growing files have their own rules: `spool.py`.

Not promised: protection against another process that writes in the folder at the same time. `lock_file` gives that, to
those who ask. It locks the folder itself besides the file in it, so that somebody who deletes the file lets nobody in.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from node.errors import Busy, StateDamaged, UserError

__all__ = [
    "FILE_MODE",
    "FOLDER_MODE",
    "NO_FOLDER_LOCKS",
    "NotFlushed",
    "lock_file",
    "new_file",
    "replace_file",
    "sync_folder",
    "write_all",
]

FILE_MODE = 0o600
"""Permission bits of every file: readable by the account that runs the node, by nobody else."""

FOLDER_MODE = 0o700
"""Permission bits of every folder."""

NO_FOLDER_LOCKS = frozenset({errno.EBADF, errno.EINVAL, errno.EISDIR, errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP})
"""What a file system says that has no locks of folders: then the lock file alone has to do."""


class NotFlushed(OSError):
    """The new content stands at its place, but the disk did not confirm it: a power cut may bring the old back."""


@contextmanager
def lock_file(path: Path, taken: Busy) -> Iterator[None]:
    """Hold a lock file and the folder that it is in; `taken` is raised if another process holds one of them. The system
    lets go when the holder ends, however it ends."""
    import fcntl  # not on Windows, where `blindmatch verify` must work all the same

    with ExitStack() as stack:
        try:
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, folder)
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
            stack.callback(os.close, file)
        except OSError as error:
            raise StateDamaged(
                f"The file {path} cannot be used: {error.strerror}.",
                advice="Check who owns the folder and what is in it.",
            ) from None
        try:
            _lock_folder(folder)
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise taken from None
        if not (_stands(folder, path.parent) and _stands(file, path)):
            raise taken  # the holder before us took them away while we waited at the door
        yield


def _lock_folder(descriptor: int) -> None:
    """BlockingIOError if somebody has it. A file system that locks no folders says so; there the file has to do."""
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno not in NO_FOLDER_LOCKS:
            raise


def _stands(descriptor: int, path: Path) -> bool:
    """Whether what is open still has that name."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A file that a person named and that does not exist yet, readable by its owner alone, on the disk when the block
    ends. UserError if there is one already or it cannot be written; whatever goes wrong, none is left."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
    except FileExistsError:
        raise UserError(f"There is already a file {path}.", advice="Choose another name, or remove it.") from None
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        with suppress(OSError):  # some sticks' file systems cannot; the file itself is on the disk
            sync_folder(path.absolute().parent)
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _unwritable(path, error) from None
        raise


def _unwritable(path: Path, error: OSError) -> UserError:
    return UserError(f"The file {path} cannot be written: {error.strerror}.", advice="Choose another place.")


def replace_file(path: Path, data: bytes) -> None:
    """Put `data` at `path` in one step, with mode 0600. OSError leaves the old content in place, but for NotFlushed."""
    temporary = path.with_name(f".{path.name}.new")
    # A left-over from a crash is ours to remove: the state folder is locked and closed to others.
    with suppress(FileNotFoundError):
        temporary.unlink()
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        try:
            write_all(descriptor, data, 0)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise
    try:
        sync_folder(path.parent)
    except OSError as error:
        raise NotFlushed(error.errno, error.strerror) from None


def sync_folder(path: Path) -> None:
    """Flush a folder's list of names to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes, offset: int) -> None:
    """Write every byte of `data` at `offset`: one `pwrite` may write less than it was given."""
    rest = memoryview(data)
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest = rest[written:]
        offset += written

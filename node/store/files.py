"""How this node writes small files so that a crash leaves the old one or the new one, never half of one.

The order is the whole point: write a temporary file *in the same folder*, flush it to the disk (`fsync`), rename it
over the old name, flush the folder. A rename without the first flush may put an empty file in place after a power
cut; without the second the rename itself may be lost. Large, growing files have their own rules: `spool.py`.

Not promised: protection against another process that writes in the folder at the same time. `StateDir.lock` is.
"""

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["FILE_MODE", "FOLDER_MODE", "replace_file", "sync_folder", "write_all"]

FILE_MODE = 0o600
"""Permission bits of every file: readable by the account that runs the node, by nobody else."""

FOLDER_MODE = 0o700
"""Permission bits of every folder."""


def replace_file(path: Path, data: bytes) -> None:
    """Put `data` at `path` in one step, with mode 0600. OSError leaves the old content in place."""
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
    sync_folder(path.parent)


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

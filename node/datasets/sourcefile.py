"""The one place that opens a caseworker's file: once, read-only, and only if it is an ordinary file.

Everything that is found out about the file, and every pass over its rows, reads the same open file through its
descriptor. A name that points at something else a moment later (another table, a pipe that blocks whoever opens it)
changes nothing. What this does not promise: that nobody writes into the file while it is read.
"""

import io
import os
import stat
from pathlib import Path
from typing import Any

from node.errors import UserError

__all__ = ["SourceFile"]

_BUFFER_BYTES = 256 * 1024


class SourceFile:
    """An open ordinary file. UserError if there is none, it may not be read, or it is something else."""

    def __init__(self, path: Path) -> None:
        try:
            # O_NONBLOCK: opening a pipe would wait for ever for somebody to write into it.
            self.descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            raise UserError(f"There is no file {path}.", advice="Check the spelling and the folder.") from None
        except PermissionError:
            raise UserError(
                "This file may not be read by the account that runs the node.",
                advice="Change its permissions, or copy it.",
            ) from None
        except (OSError, ValueError) as error:
            raise _unreadable(error) from None
        try:
            found = os.fstat(self.descriptor)
            if stat.S_ISDIR(found.st_mode):
                raise UserError("This is a folder, not a file.", advice="Give the path of one CSV or XLSX file.")
            if not stat.S_ISREG(found.st_mode):
                raise UserError("This is not an ordinary file.", advice="Save the table as a CSV or XLSX file first.")
        except BaseException:
            self.close()
            raise
        self.size = found.st_size

    def reader(self) -> io.BufferedReader:
        """The bytes from the beginning, with a position of its own; closing it leaves the file open."""
        return io.BufferedReader(_FromStart(self), _BUFFER_BYTES)

    def close(self) -> None:
        """Let go of the file; readers fail from then on."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


class _FromStart(io.RawIOBase):
    def __init__(self, file: SourceFile) -> None:
        super().__init__()
        self._file = file
        self._position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._file.descriptor < 0:
            raise ValueError("the file is closed")
        try:
            count = os.preadv(self._file.descriptor, [buffer], self._position)
        except OSError as error:  # a stick that was pulled out, a server that went away
            raise _unreadable(error) from None
        self._position += count
        return count


def _unreadable(error: OSError | ValueError) -> UserError:
    reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "the path is not valid"
    return UserError(f"This file cannot be read: {reason.lower()}.", advice="Try with a copy of the file.")

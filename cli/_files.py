"""Small files that a person names: read whole within a limit, written without replacing anything."""

import os
import sys
from pathlib import Path

from node.errors import UserError

__all__ = ["read_text", "write_new"]


def read_text(path: Path, *, what: str, max_bytes: int) -> str:
    """The text of a small file, or of standard input for `-`. UserError says what is wrong with it; `what` names it."""
    try:
        if str(path) == "-":
            data = sys.stdin.buffer.read(max_bytes + 1)
        else:
            with path.open("rb") as file:
                data = file.read(max_bytes + 1)
    except OSError as error:
        raise UserError(f"The {what} {path} cannot be read: {error.strerror}.", advice="Check its name.") from None
    if len(data) > max_bytes:
        raise UserError(f"The {what} is larger than {max_bytes:,} bytes.", advice="Check that it is the right file.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"The {what} is not text in UTF-8.", advice="Check that it is the right file.") from None


def write_new(path: Path, data: bytes) -> None:
    """Write a file that does not exist yet. UserError otherwise."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except FileExistsError:
        raise UserError(f"There is already a file {path}.", advice="Choose another name, or remove it.") from None
    except OSError as error:
        raise UserError(
            f"The file {path} cannot be written: {error.strerror}.", advice="Choose another place."
        ) from None

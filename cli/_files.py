"""Small files that a person names: read whole within a limit, written without replacing anything."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from node.errors import UserError

__all__ = ["read_text", "write_folder", "write_new"]


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
        with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o644)) as file:
            file.write(data)
    except FileExistsError:
        raise UserError(f"There is already a file {path}.", advice="Choose another name, or remove it.") from None
    except OSError as error:
        raise UserError(
            f"The file {path} cannot be written: {error.strerror}.", advice="Choose another place."
        ) from None


def write_folder(path: Path, texts: Mapping[str, str]) -> None:
    """Make a folder that does not exist yet, readable by its owner alone, with these files. UserError otherwise."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        raise UserError(f"There is already something named {path}.", advice="Choose another name.") from None
    except OSError as error:
        raise UserError(
            f"The folder {path} cannot be made: {error.strerror}.", advice="Choose another place."
        ) from None
    for name, text in texts.items():
        write_new(path / name, text.encode())

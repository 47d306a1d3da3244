"""A record's reference, for commands about one person: on the command line, or better asked for or piped in."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from cli._files import read_text
from node.errors import UserError

__all__ = ["MAX_REFERENCE_BYTES", "Record", "reference_of"]

MAX_REFERENCE_BYTES = 4_096
"""Most that is read from standard input, in bytes: one reference."""

Record = Annotated[
    str,
    typer.Option(
        metavar="REF",
        help="The record's reference, or - to be asked for it: other accounts of the machine see the words of a "
        "command.",
    ),
]


def reference_of(record: str) -> str:
    """What was said with --record; for `-` the one line of standard input, which a terminal asks for. UserError."""
    if record != "-":
        return record
    if sys.stdin.isatty():
        reference = input("Reference of the record: ")
    else:
        reference = read_text(Path("-"), what="reference", max_bytes=MAX_REFERENCE_BYTES)
    lines = [line for line in reference.splitlines() if line.strip()]
    if len(lines) != 1:
        raise UserError("One reference is wanted, on one line. Nothing was done.", advice="Name one record at a time.")
    return lines[0]

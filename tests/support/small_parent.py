"""A command whose peak memory is its own.

Linux counts the peak of whoever starts a process as that of the process too, until it has a memory of its own. A test
process that once held a gigabyte would so make a limit on its children meaningless. A shell in between is small.
"""

from collections.abc import Sequence
from os import PathLike

__all__ = ["through_a_shell"]


def through_a_shell(command: Sequence[str | PathLike[str]]) -> list[str | PathLike[str]]:
    """The same command, started by a shell that waits for it and ends with its code."""
    return ["/bin/sh", "-c", '"$@"; exit "$?"', "sh", *command]

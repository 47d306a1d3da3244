"""Reads a lock: which packages, which versions, which files are allowed by their hash, and who asked for each.

A lock is what `uv pip compile --universal --generate-hashes` writes and pip reads (make lock). One lock serves every
Python and system, so a package can stand in it twice, or for one system only: `marker` says for which.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = ["Locked", "day", "read"]

PROJECT = "blindmatch"
"""Who asks for what pyproject.toml names itself."""

ENTRY = re.compile(r"(?P<name>[\w.\-]+)==(?P<version>[\w.+!]+)(?: ; (?P<marker>[^\\]+?))?(?: --hash=\S+)+ *")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
DAY = re.compile(r"^#    uv pip compile .*--exclude-newer (\d{4}-\d\d-\d\d) ", re.MULTILINE)


@dataclass(frozen=True)
class Locked:
    """One version of one package."""

    name: str
    version: str
    marker: str
    """For which Python or system; empty for all."""
    hashes: tuple[str, ...]
    """SHA-256 of each file that may be installed, as hexadecimal digits, sorted."""
    via: frozenset[str]
    """The packages that need it; PROJECT where pyproject.toml names it."""


def read(text: str) -> list[Locked]:
    """The entries of a lock, sorted by name and version. ValueError for a line that is no pinned and hashed package."""
    found = [_entry(line, notes) for line, notes in _entries(text)]
    return sorted(found, key=lambda one: (one.name, one.version))


def day(text: str) -> datetime:
    """The day up to which packages were taken, as the head of the lock says."""
    said = DAY.search(text)
    if said is None:
        raise ValueError("the head of the lock does not say how it was made: run make lock")
    return datetime.fromisoformat(said[1]).replace(tzinfo=UTC)


def _entries(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each entry as one line, with the comments below it."""
    line, notes = "", list[str]()
    for part in text.replace("\\\n", " ").splitlines():
        if part.lstrip().startswith("#"):
            notes.append(part.strip(" #"))
        elif part.strip():
            if line:
                yield line, notes
            line, notes = part, []
    if line:
        yield line, notes


def _entry(line: str, notes: list[str]) -> Locked:
    found = ENTRY.fullmatch(re.sub(r" {2,}", " ", line))
    hashes = HASH.findall(line)
    if found is None or len(hashes) != line.count("--hash="):
        raise ValueError(f"not a package with one version and SHA-256 hashes: {line.split(' ')[0]}")
    said = [note.removeprefix("via").strip() for note in notes]
    via = frozenset(PROJECT if word.startswith(f"{PROJECT} (") else word for word in said if word)
    return Locked(found["name"], found["version"], found["marker"] or "", tuple(sorted(hashes)), via)

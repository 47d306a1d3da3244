"""What a checkout says of itself before a release, and what forbids one."""

import re
import subprocess
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["Facts", "facts", "objections", "tracked"]

ROOT = Path(__file__).resolve().parent.parent
SECTION = re.compile(r"^## \[(\d+\.\d+\.\d+)\] - (\S+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
IN_CODE = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)
GIT = ("git", "-c", "safe.directory=*")
OLDEST = datetime(1980, 1, 1, tzinfo=UTC)
"""The oldest time that a zip file can hold."""


@dataclass(frozen=True)
class Facts:
    """As far as it can be read; what is missing is empty."""

    version: str
    in_code: str
    newest: str
    """The version of the first section of CHANGELOG.md, and its day: None where no day stands."""
    day: datetime | None
    notes: str
    changed: tuple[str, ...]
    """Files that are not as they were committed."""
    commit: str


def facts(root: Path = ROOT) -> Facts:
    def text(name: str) -> str:
        return (root / name).read_text(encoding="utf-8")

    in_code, section = IN_CODE.search(text("node/__init__.py")), SECTION.search(text("CHANGELOG.md"))
    return Facts(
        version=tomllib.loads(text("pyproject.toml"))["project"]["version"],
        in_code=in_code[1] if in_code else "",
        newest=section[1] if section else "",
        day=_day(section[2]) if section else None,
        notes=section[3].strip() if section else "",
        changed=tuple(_git(root, "status", "--porcelain").splitlines()),
        commit=_git(root, "rev-parse", "HEAD").strip(),
    )


def _day(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None


def _git(root: Path, *words: str) -> str:
    return subprocess.run([*GIT, *words], cwd=root, capture_output=True, text=True, check=True).stdout


def tracked(root: Path = ROOT) -> dict[str, bool]:
    """The files that git knows or would add, by path, and whether each is a program."""
    names = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    paths = {name: root / name for name in sorted(set(names)) if name}
    return {name: bool(path.stat().st_mode & 0o100) for name, path in paths.items() if path.is_file()}


def objections(said: Facts, now: datetime) -> list[str]:
    """What forbids a release of this checkout, one sentence each."""
    out = []
    if said.in_code != said.version:
        out.append(f"node/__init__.py says version {said.in_code or 'nothing'}, pyproject.toml {said.version}.")
    if said.newest != said.version:
        out.append(f"CHANGELOG.md begins with version {said.newest or 'nothing'}, not with {said.version}.")
    elif said.day is None:
        out.append(f"CHANGELOG.md has no day for {said.version}: write it, as in 2026-01-31, in place of 'unreleased'.")
    elif not OLDEST <= said.day <= now:
        out.append(f"CHANGELOG.md has a day for {said.version} that has not come yet, or never was.")
    if said.newest == said.version and not said.notes:
        out.append(f"CHANGELOG.md says nothing about {said.version}.")
    if said.changed:
        out.append(f"{len(said.changed)} files are not as they were committed (git status). Commit them first.")
    return out

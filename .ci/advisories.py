"""Known weaknesses of the locked packages: asks pip-audit about each, and holds the answer against the exceptions.

    advisories.py      exit code 0 nothing known, 1 something is known or an exception is wrong, 2 nobody could be asked

Every version in requirements.lock is asked about, those for other systems and Pythons too. What is known and cannot be
mended yet needs an entry in deploy/release/advisories.toml, with a reason and a day on which it ends; after that day it
counts for nothing. An entry that no longer fits is an error as well, so that the file never holds more than is true.
"""

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import locked
from locked import Locked

__all__ = ["MAX_DAYS", "Unasked", "ask", "exceptions", "problems_of_file", "verdict"]

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "deploy" / "release" / "advisories.toml"
LOCK = ROOT / "requirements.lock"
MAX_DAYS = 180
"""How long an exception may hold; then somebody thinks again."""
MIN_REASON = 40
"""Characters: less than that is no reason."""
MAX_SECONDS = 600
KEYS = {"id", "package", "version", "reason", "since", "until"}
ID = re.compile(r"(CVE-\d{4}-\d{4,}|GHSA(-[0-9a-z]{4}){3}|PYSEC-\d{4}-\d+)")
OPTIONS = ["--disable-pip", "--no-deps", "--format", "json", "--progress-spinner", "off", "--desc", "off"]


class Unasked(Exception):
    """Why nobody answered, as a sentence."""


def exceptions(path: Path = FILE) -> list[dict[str, Any]]:
    return list(tomllib.loads(path.read_text(encoding="utf-8")).get("exception", []))


def problems_of_file(entries: Iterable[Mapping[str, Any]], packages: Iterable[Locked], today: date) -> list[str]:
    """What is wrong with the exceptions themselves, on that day."""
    versions = {(one.name, one.version) for one in packages}
    out = []
    for entry in entries:
        name = str(entry.get("id"))
        if set(entry) != KEYS or not ID.fullmatch(name):
            out.append(f"{name}: an exception has an id (CVE, GHSA or PYSEC) and {', '.join(sorted(KEYS - {'id'}))}.")
        elif (entry["package"], entry["version"]) not in versions:
            out.append(f"{name}: {entry['package']} {entry['version']} is not in the lock. Remove the exception.")
        elif len(entry["reason"]) < MIN_REASON:
            out.append(f"{name}: say why it cannot reach us, in a sentence.")
        elif not (type(entry["since"]) is type(entry["until"]) is date):
            out.append(f"{name}: since and until are days, without quotes.")
        elif entry["until"] - entry["since"] > timedelta(days=MAX_DAYS):
            out.append(f"{name}: an exception holds for {MAX_DAYS} days at most.")
        elif entry["until"] < today:
            out.append(f"{name}: the exception ended on {entry['until']}. Update the package, or think again.")
    return out


def ask(packages: Iterable[Locked], python: str = sys.executable) -> list[tuple[str, str, set[str]]]:
    """(package, version, ids) of all that is known. `python` has pip-audit. Unasked if the service does not answer."""
    rest, found = list(packages), list[tuple[str, str, set[str]]]()
    while rest:  # one version of a package at a time
        batch = {one.name: one for one in reversed(rest)}
        rest = [one for one in rest if batch[one.name] != one]
        with tempfile.TemporaryDirectory() as folder:
            wanted = Path(folder, "wanted.txt")
            wanted.write_text("".join(f"{one.name}=={one.version}\n" for one in batch.values()), encoding="utf-8")
            found += _known(_audit([python, "-m", "pip_audit", *OPTIONS, "-r", str(wanted)]), batch)
    return found


def _audit(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=MAX_SECONDS, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unasked(f"pip-audit did not answer: {error}") from error
    if not done.stdout.strip():
        last = next(reversed(done.stderr.strip().splitlines()), "it said nothing")
        raise Unasked(f"pip-audit did not answer: {last}")
    return done.stdout


def _known(text: str, batch: Mapping[str, Locked]) -> list[tuple[str, str, set[str]]]:
    """Reads the report. One that leaves out a package is no answer about it."""
    try:
        answers = {one["name"]: one for one in json.loads(text)["dependencies"]}
        silent = sorted(name for name in batch if "vulns" not in answers.get(name, {}))
        if silent:
            raise Unasked(f"pip-audit has no answer about {', '.join(silent)}.")
        return [
            (one["name"], one["version"], {weakness["id"], *weakness["aliases"]})
            for one in answers.values()
            for weakness in one["vulns"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise Unasked("pip-audit's report cannot be read: is it of another version?") from error


def verdict(known: Iterable[tuple[str, str, set[str]]], entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """What is known and not excepted, and exceptions that nothing needs."""
    entries, out = list(entries), []
    used = set()
    for package, version, ids in known:
        fits = [one for one in entries if one["id"] in ids and (one["package"], one["version"]) == (package, version)]
        used |= {one["id"] for one in fits}
        if not fits:
            out.append(f"{package} {version}: {', '.join(sorted(ids))}. Update it, or write an exception.")
    idle = [one["id"] for one in entries if one["id"] not in used]
    return out + [f"{name} is no longer reported. Remove the exception." for name in idle]


def main() -> None:
    packages, entries = locked.read(LOCK.read_text(encoding="utf-8")), exceptions()
    if wrong := problems_of_file(entries, packages, datetime.now(UTC).date()):
        sys.exit("advisories: deploy/release/advisories.toml\n" + "\n".join(wrong))
    try:
        wrong = verdict(ask(packages), entries)
    except Unasked as reason:
        print(f"advisories: {reason} Run it again where the advisory service can be reached.", file=sys.stderr)
        sys.exit(2)
    if wrong:
        sys.exit("advisories:\n" + "\n".join(wrong))
    print(f"advisories: nothing known about {len(packages)} packages that is not excepted ({len(entries)} exceptions)")


if __name__ == "__main__":
    main()

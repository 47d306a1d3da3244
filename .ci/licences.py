"""The licences of all packages that come with blindmatch, held against a list of those that we accept.

    licences.py            compare deploy/release/LICENCES.md with what the packages say; exit code 1 if they differ
    licences.py --write    write it anew (make licences)

A licence is read from the metadata of the installed package: its SPDX expression, else its classifier, else its free
words. Words that name one licence are translated by `spelled` in deploy/release/licences.toml. Words that do not, and
packages that this machine does not install (they are for other systems or Pythons), need an entry in `reviewed`, which
a person wrote and which counts for one version only. What is unknown, or not accepted, is a failure.

This is about what a package says of itself. The texts lie in the packages; nobody here is a lawyer.
"""

import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

import locked
from license_expression import ExpressionError, Licensing, get_spdx_licensing  # type: ignore[import-untyped]
from locked import Locked

__all__ = ["Found", "Refused", "accepted", "find", "installed", "policy", "report"]

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
POLICY = ROOT / "deploy" / "release" / "licences.toml"
REPORT = ROOT / "deploy" / "release" / "LICENCES.md"
MAX_WORDS = 100
"""Characters of a free-text licence field that we read as a name; a longer one is the text itself."""

HEAD = """# Licences

Each package of `requirements.lock`, and the licence that it states. Written by `make licences` from the packages'
metadata; do not edit. What we accept and why, and what a person looked up, stands in [licences.toml](licences.toml).
blindmatch itself is under the [Apache License 2.0](../../LICENSE).

None of them is changed, or copied into our code. Each is installed from its own file, with its licence text inside, and
can be exchanged by whoever runs it: that is what the LGPL asks for. The wheels of blindmatch contain none of them.

| package | version | licence | known from |
| --- | --- | --- | --- |
"""
HOLDS = """
## Inside packages

Libraries of other projects that these packages' wheels carry, as far as we looked:

| package | carries |
| --- | --- |
"""


class Refused(Exception):
    """What is wrong, one sentence a package."""


@dataclass(frozen=True)
class Found:
    """What one locked package is under, as an SPDX expression, and how that is known."""

    package: Locked
    licence: str
    source: str


def policy(path: Path = POLICY) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def installed(place: Path | None = None) -> dict[tuple[str, str], Distribution]:
    """The packages in the folder `place`, by name and version; by default those of .venv."""
    folders = [place] if place else sorted((ROOT / ".venv" / "lib").glob("python3*/site-packages"))
    found = distributions(path=[str(folder) for folder in folders])
    return {(one.name.lower().replace("_", "-").replace(".", "-"), one.version): one for one in found}


@cache
def _spdx() -> Licensing:
    return get_spdx_licensing()


def accepted(expression: str, names: Iterable[str]) -> bool:
    """Whether the licences in `names` allow `expression`: all of an AND, one of an OR. False if it is none."""
    allowed = frozenset(names)

    def holds(node: Any) -> bool:
        match type(node).__name__:
            case "AND":
                return all(map(holds, node.args))
            case "OR":
                return any(map(holds, node.args))
            case _:
                return str(node) in allowed

    try:
        parsed = _spdx().parse(expression, validate=True, strict=True)
    except ExpressionError:
        return False
    return parsed is not None and holds(parsed)


def _said(package: Distribution, spelled: Mapping[str, str]) -> tuple[str, str] | None:
    """The expression in the metadata of a package and where it stood; None where it names no one licence."""
    about = package.metadata
    for expression in about.get_all("License-Expression") or []:
        return expression, "expression"
    classes = [one.split(" :: ")[-1] for one in about.get_all("Classifier") or [] if one.startswith("License ::")]
    free = [one.strip() for one in about.get_all("License") or []]
    for words, source in ((classes, "classifier"), (free, "licence field")):
        known = {spelled[word] for word in words if len(word) <= MAX_WORDS and word in spelled}
        if len(known) == 1 and len(words) == 1:
            return known.pop(), source
    return None


def find(
    packages: Iterable[Locked], here: Mapping[tuple[str, str], Distribution], rules: Mapping[str, Any]
) -> list[Found]:
    """The licence of each. Refused, with all that is wrong, if one is unknown, not accepted, or looked up in vain."""
    found, problems, used = list[Found](), list[str](), set[tuple[str, str]]()
    reviewed = {(one["package"], one["version"]): one for one in rules["reviewed"]}
    for package in packages:
        key = (package.name, package.version)
        said = _said(here[key], rules["spelled"]) if key in here else None
        entry = reviewed.get(key)
        used.add(key)
        if entry and said and said[0] != entry["licence"]:
            problems.append(f"{package.name} {package.version} says {said[0]}, but was reviewed as {entry['licence']}.")
        elif entry:
            found.append(Found(package, entry["licence"], "a person: " + entry["seen"]))
        elif said:
            found.append(Found(package, *said))
        else:
            problems.append(
                f"{package.name} {package.version}: its licence is not known. Look it up, and write it as [[reviewed]]."
            )
    problems += [
        f"{one.package.name} {one.package.version} is under {one.licence}, which is not accepted."
        for one in found
        if not accepted(one.licence, rules["accepted"])
    ]
    idle = sorted(set(reviewed) - used)
    problems += [f"{name} {version} is reviewed, but not in the lock." for name, version in idle]
    if problems:
        raise Refused("\n".join(problems))
    return found


def report(found: Iterable[Found], rules: Mapping[str, Any]) -> str:
    """The text of LICENCES.md."""
    rows = [f"| {one.package.name} | {one.package.version} | {one.licence} | {one.source} |" for one in found]
    holds = [f"| {name} | {what} |" for name, what in sorted(rules["holds"].items())]
    return HEAD + "\n".join(rows) + "\n" + HOLDS + "\n".join(holds) + "\n"


def main() -> None:
    rules = policy()
    try:
        found = find(locked.read(LOCK.read_text(encoding="utf-8")), installed(), rules)
    except Refused as refused:
        sys.exit(f"licences: see deploy/release/licences.toml.\n{refused}")
    text = report(found, rules)
    if sys.argv[1:] == ["--write"]:
        REPORT.write_text(text, encoding="utf-8")
    elif not REPORT.exists() or REPORT.read_text(encoding="utf-8") != text:
        sys.exit("licences: deploy/release/LICENCES.md is out of date. Run make licences, and read the difference.")
    print(f"licences: {len(found)} packages, each under a licence that we accept")


if __name__ == "__main__":
    main()

"""The organisations of a simulation: their keys, their cards, their records, and what they have in common in clear.

Made once a process in a template folder, which every run copies: three organisations with records and one coordinator,
all introduced to each other. Their keys come from a seed, so that they are the same organisations in every process.
Each has a data set of cases and one of advertisements, in `VERSIONS` versions (a run refreshes from one to another).
The numbers are from a range that is kept for fiction; `overlap` says in clear what a round must find.
"""

import atexit
import csv
import os
import random
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from unittest import mock

from node import app
from node.building import build
from node.clock import Clock
from node.identity.cards import Profile
from node.store import StateDir
from tests.support.canaries import Search, phone_spellings
from tests.support.nodes import Running, introduce

__all__ = ["KINDS", "NAMES", "START", "VERSIONS", "Row", "canaries", "file_of", "overlap", "rows_of", "template"]

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
"""When every run begins."""

CLASSES = {"shelter": "ngo", "police": "police", "haven": "ngo", "board": "coordinator"}
NAMES = tuple(CLASSES)
KINDS = ("cases", "adverts")
VERSIONS = 3
"""Versions of each data set that a run can refresh to, in number."""

_RECORDS = 12
_NUMBERS = 24
"""Telephone numbers that all organisations together draw from."""

_MAPPING = {"Case": "reference", "Phone": "phone", "Consent": "consent"}


@dataclass(frozen=True)
class Row:
    """One record in clear."""

    reference: str
    number: int
    consent: bool


class _Steady:
    """The time while the template is made."""

    def now(self) -> datetime:
        return START

    def monotonic(self) -> float:
        return 0.0


@cache
def rows_of(name: str, kind: str, version: int) -> tuple[Row, ...]:
    """The records of one version of a data set. Two of them share a number; one of an NGO's cases has no consent."""
    draw = random.Random(f"{name} {kind} {version}")
    numbers = draw.sample(range(_NUMBERS), _RECORDS - 1)
    numbers.insert(draw.randrange(_RECORDS), draw.choice(numbers))
    silent = draw.randrange(_RECORDS) if kind == "cases" and CLASSES[name] == "ngo" else None
    return tuple(
        Row(f"{name}-{kind}-{at:02}-{draw.randrange(10**6):06}", number, at != silent)
        for at, number in enumerate(numbers)
    )


def overlap(ours: tuple[Row, ...], theirs: tuple[Row, ...], only: frozenset[int] | None = None) -> list[str]:
    """Our references that agree with their records, sorted: what the protocol must find. With `only`, of these numbers
    alone."""
    shared = {row.number for row in theirs if row.consent} & {row.number for row in ours if row.consent}
    shared &= shared if only is None else only
    return sorted(row.reference for row in ours if row.consent and row.number in shared)


def file_of(name: str, kind: str, version: int) -> Path:
    """The source file of one version."""
    return template() / "sources" / f"{name}-{kind}-{version}.csv"


@cache
def canaries() -> Search:
    """Finds every number and every reference of everybody."""
    values: dict[str, str] = {}
    for number in range(_NUMBERS):
        for at, spelling in enumerate(phone_spellings(_phone(number))):
            values[f"number {number} ({at})"] = spelling
    for name in NAMES[:3]:
        for kind in KINDS:
            for version in range(VERSIONS):
                values |= {row.reference: row.reference for row in rows_of(name, kind, version)}
    return Search(values)


@cache
def template() -> Path:
    """The folder with one folder for each organisation, as they are before a run."""
    memory = Path("/dev/shm")
    folder = Path(mkdtemp(prefix="blindmatch-simulation-", dir=memory if memory.is_dir() else None))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "sources").mkdir()
    clock = _Steady()
    with ExitStack() as stack:
        nodes = []
        for name in NAMES:
            _create(folder / name, name, clock)
            parts = build(stack, StateDir(folder / name), None, clock, os.urandom)
            nodes.append(Running(name, parts))
        for at, here in enumerate(nodes):
            for there in nodes[at + 1 :]:
                introduce(here, there)
        for node in nodes[:3]:
            for kind in KINDS:
                for version in range(VERSIONS):
                    _write(folder / "sources" / f"{node.alias}-{kind}-{version}.csv", node.alias, kind, version)
                duty = kind == "adverts" or CLASSES[node.alias] == "police"
                basis = {"basis": "legal_duty", "legal_reference": "Article 1"} if duty else {}
                node.ask(
                    "dataset.add",
                    path=str(folder / "sources" / f"{node.alias}-{kind}-0.csv"),
                    name=kind,
                    record_class="victim" if kind == "cases" else "advert",
                    region="DE",
                    mapping=_MAPPING,
                    by="ada",
                    **basis,
                )
    return folder


def _create(folder: Path, name: str, clock: Clock) -> None:
    profile = Profile.of(
        {
            "name": name.capitalize(),
            "member_class": CLASSES[name],
            "country": "DE",
            "languages": ["de"],
            "contact": "The office",
            "endpoint": "127.0.0.1:7443",
        }
    )
    with mock.patch.object(os, "urandom", random.Random(f"keys of {name}").randbytes):
        app.create_node(folder, profile, None, listen="127.0.0.1:0", clock=clock)


def _phone(number: int) -> str:
    return f"030 9018 {number:04}"


def _write(path: Path, name: str, kind: str, version: int) -> None:
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["Case", "Phone", "Consent"])
        for row in rows_of(name, kind, version):
            rows.writerow([row.reference, f"+49 {_phone(row.number)[1:]}", "yes" if row.consent else "no"])

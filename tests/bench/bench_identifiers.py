"""How fast cells become identifiers, and whole tables become sealed records.

    identifiers.KIND            cells of one kind through the door that a column of a table goes through, one processor
    identifiers.person          rows of eight person fields
    identifiers.KIND.library    telephone numbers and e-mail addresses with the fast path taken out
    identifiers.prepare.KIND    a CSV file to a sealed record file, all of it, on all processors; wall time
    identifiers.memory.*        its peak memory: this process, and the largest worker
    identifiers.ten_million     the same for ten million rows; takes minutes, so it runs by its whole name only

The cells are those of the vectors that are accepted (`tests/vectors/identifiers`), in turn: real spellings, nasty ones
among them. Telephone numbers and e-mail addresses are random numbers in their usual spellings instead, since theirs is
the figure to reach: no slower than blinding them (`hash_and_multiply` of the best backend, in the same run).
"""

import json
import os
import random
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache, partial
from typing import Any

import pytest

from node.arithmetic import ParallelBackend, usable_processors
from psi.backend import choose
from psi.identifiers import CATALOGUE, Cell, Hints, Person, mail, phone_fast
from psi.identifiers.canonical import MIXED_KINDS, identifiers_in, reader_of
from tests.bench._bench import ROOT, Line, Note, Result, Skip, measurement
from tests.bench._preparing import SEED, writings
from tests.bench._turns import cpu_seconds, in_turns, one_core, wall_seconds

VECTORS = ROOT / "tests" / "vectors" / "identifiers"
SPELLED = ("phone", "email")
"""The kinds whose cells are made by `_preparing.writings`, and which are held against blinding."""

CELLS = 20_000
SLOW_CELLS = 2_000
BLINDED = 4_096
RUNS = 7
PREPARED_ROWS = 1_000_000
TEN_MILLION = 10_000_000
MESSAGE_BYTES = 64
DST = b"blindmatch-bench"


@measurement("identifiers")
def identifiers() -> Iterator[Line]:
    """Every kind of the catalogue, person last."""
    backend = choose()
    messages = [number.to_bytes(MESSAGE_BYTES, "big") for number in range(BLINDED)]
    yield Note(f"blinding: hash_and_multiply of {backend.name}")
    with one_core(), backend.new_scalar() as scalar:
        blind = partial(cpu_seconds, partial(backend.hash_and_multiply, scalar, messages, DST))
        for kind in CATALOGUE:
            if kind == "person":
                continue
            try:
                cells = _cells(kind)
                work = _work(kind, cells)
            except ImportError:
                yield Skip(f"identifiers.{kind}", "this version has no reader for it")
                continue
            if kind in SPELLED:
                ours, theirs = in_turns(partial(cpu_seconds, work), blind, runs=RUNS)
                name = f"identifiers.{kind}"
                yield Result(name, CELLS / ours, "/s", BLINDED / theirs, n=CELLS, runs=RUNS, at_least=1)
                yield _by_library(kind, cells[:SLOW_CELLS])
            else:
                (ours,) = in_turns(partial(cpu_seconds, work), runs=RUNS)
                yield Result(f"identifiers.{kind}", len(cells) / ours, "/s", n=len(cells), runs=RUNS)
        rows = _persons()
        (ours,) = in_turns(partial(cpu_seconds, partial(_read_persons, rows)), runs=RUNS)
        yield Result("identifiers.person", len(rows) / ours, "rows/s", n=len(rows), runs=RUNS)


@measurement("identifiers.prepare")
def whole_tables() -> Iterator[Line]:
    """A file of each of the two kinds; blinding shares its rows among as many threads as there are processors."""
    processors = usable_processors()
    yield Note(f"prepare: {processors} processes beside the one that reads and writes; blinding: {processors} threads")
    backend = choose()
    messages = [number.to_bytes(MESSAGE_BYTES, "big") for number in range(BLINDED)]
    for kind in SPELLED:
        with closing(ParallelBackend(backend, processors)) as parallel, backend.new_scalar() as scalar:
            blind = partial(parallel.hash_and_multiply, scalar, messages, DST)
            (theirs,) = in_turns(partial(wall_seconds, blind), runs=RUNS)
        found = _prepared(kind, PREPARED_ROWS, processors)
        n = PREPARED_ROWS
        yield Result(f"identifiers.prepare.{kind}", n / found["wall"], "rows/s", BLINDED / theirs, n=n, at_least=1)
        cpu = found["cpu"] + found["workers_cpu"]
        yield Result(f"identifiers.prepare.{kind}.core", n / cpu, "rows/s", n=n)
        if kind == "phone":
            yield from _memory("identifiers.memory", found, n)


@measurement("identifiers.ten_million", by_name=True)
def ten_million() -> Iterator[Line]:
    """Ten million telephone numbers."""
    found = _prepared("phone", TEN_MILLION, usable_processors())
    yield Result("identifiers.ten_million", TEN_MILLION / found["wall"], "rows/s", n=TEN_MILLION)
    cpu = found["cpu"] + found["workers_cpu"]
    yield Result("identifiers.ten_million.core", TEN_MILLION / cpu, "rows/s", n=TEN_MILLION)
    yield from _memory("identifiers.ten_million.memory", found, TEN_MILLION)


def _memory(name: str, found: dict[str, float], rows: int) -> Iterator[Result]:
    yield Result(f"{name}.node", found["memory"] / 2**20, "MiB", n=rows)
    yield Result(f"{name}.worker", found["worker_memory"] / 2**20, "MiB", n=rows)


def _prepared(kind: str, rows: int, processes: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        command = [sys.executable, "-m", "tests.bench._preparing", kind, str(rows), str(processes), folder]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        found: dict[str, float] = json.loads(done.stdout)
        return found


def _work(kind: str, cells: list[tuple[Cell, Hints]]) -> Callable[[], None]:
    """What a column of that kind does with its cells (`node.datasets.rows`)."""
    if kind in MIXED_KINDS:
        read: Callable[[Cell, Hints], object] = partial(identifiers_in, kind)
    else:
        read = reader_of(kind)

    def work() -> None:
        for cell, hints in cells:
            read(cell, hints)

    work()  # loads what loads late, or says that there is nothing to load
    return work


def _by_library(kind: str, cells: list[tuple[Cell, Hints]]) -> Result:
    work = _work(kind, cells)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mail, "plain_address", lambda text: "")
        patch.setattr(phone_fast, "numbers", lambda text, region: None)
        patch.setattr(phone_fast, "readings", lambda text, region: None)
        (ours,) = in_turns(partial(cpu_seconds, work), runs=RUNS)
    return Result(f"identifiers.{kind}.library", len(cells) / ours, "/s", n=len(cells), runs=RUNS)


@cache
def _vectors() -> dict[str, list[dict[str, Any]]]:
    found = defaultdict(list)
    for path in sorted(VECTORS.glob("*.json")):
        vector = json.loads(path.read_text(encoding="utf-8"))
        if vector.get("values"):
            found[vector["kind"]].append(vector)
    return found


def _cells(kind: str) -> list[tuple[Cell, Hints]]:
    """CELLS cells with their hints. Made one by one, as a table's are: no two share an object."""
    if kind in SPELLED:
        rng = random.Random(SEED)
        hints = Hints("RO")
        return [(Cell(writings(kind, rng)), hints) for _ in range(CELLS)]
    accepted = _vectors()[kind]
    if not accepted:
        raise ImportError(kind)
    cells = []
    for number in range(SLOW_CELLS):
        vector = accepted[number % len(accepted)]
        cell = Cell(vector["cell"]["text"], vector["cell"]["number"])
        cells.append((cell, Hints(vector["region"], vector["qualifier"])))
    return cells


def _persons() -> list[dict[str, Cell]]:
    """Rows of eight fields, from names in several scripts that stand for nobody."""
    rng = random.Random(SEED)
    given = ("Olena", "Олена", "Maria", "Ștefan", "Jürgen", "王小明", "Ana-Maria", "Yusuf")
    family = ("Kovalenko", "Коваленко", "Popescu", "Müller", "Đorđević", "van den Berg", "Țuțea", "Iwanow")
    places = ("Kyiv", "Львів", "Cluj-Napoca", "Köln", "Plovdiv", "Rotterdam")
    return [
        {
            "given_name": Cell(rng.choice(given)),
            "family_name": Cell(rng.choice(family)),
            "birth_date": Cell(f"{rng.randint(1960, 2006)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"),
            "sex": Cell(rng.choice("FM")),
            "nationality": Cell(rng.choice(("UA", "RO", "BGR", "Deutschland"))),
            "locality": Cell(rng.choice(places)),
            "address_1": Cell(f"Strada Exemplu {rng.randint(1, 200)}"),
            "postcode": Cell(f"{rng.randint(10_000, 99_999)}"),
        }
        for _ in range(SLOW_CELLS)
    ]


def _read_persons(rows: list[dict[str, Cell]]) -> None:
    for row in rows:
        Person.from_cells(row)

"""One preparation of a made-up table, as a program of its own, so that its time and memory are nobody else's.

    python -m tests.bench._preparing KIND ROWS PROCESSES FOLDER

It writes FOLDER/KIND-ROWS.csv unless that is there, prepares it into a sealed record file (which it deletes), and
prints one line of JSON: seconds of wall and processor time, and the peak memory of this process and of the largest
worker, in bytes. The numbers are of the range that Romania has for mobile telephones, at random.
"""

import json
import os
import random
import resource
import sys
import time
from datetime import date
from pathlib import Path

from node.datasets import Mapping, Terms, open_table
from node.datasets.prepare import prepare
from node.datasets.recordfile import RecordWriter, remove_file
from node.store import Cells, KeyRing

__all__ = ["SEED", "table_of", "writings"]

SEED = 4
LINES_AT_ONCE = 100_000


def writings(kind: str, rng: random.Random) -> str:
    """A value as people write it: four usual ways of a number, two of an address."""
    if kind == "email":
        name = f"person{rng.randrange(10**8)}"
        return rng.choice((f"{name}@mail.example.com", f"First.{name.title()}@example.org"))
    digits = f"72{rng.randrange(10**7):07}"
    spaced = f"{digits[:3]} {digits[3:6]} {digits[6:]}"
    return rng.choice((f"0{digits}", f"+40{digits}", f"0{spaced}", f"+40 {spaced}"))


def table_of(kind: str, rows: int, folder: Path) -> Path:
    """A CSV file with a case number, a value and a column that takes no part."""
    path = folder / f"{kind}-{rows}.csv"
    if not path.exists():
        rng = random.Random(SEED)
        half = path.with_suffix(".half")
        with half.open("w", encoding="utf-8") as file:
            file.write("case,value,remark\n")
            for start in range(0, rows, LINES_AT_ONCE):
                numbers = range(start, min(rows, start + LINES_AT_ONCE))
                file.writelines(f"C-{number},{writings(kind, rng)},seen\n" for number in numbers)
        half.replace(path)
    return path


def main(kind: str, rows: int, processes: int, folder: Path) -> None:
    path = table_of(kind, rows, folder)
    mapping = Mapping.of({"case": "reference", "value": kind})
    keys = KeyRing.create(folder / f"{kind}-{os.getpid()}.key", None, os.urandom)
    cells = Cells(keys, os.urandom)
    wall, cpu = time.perf_counter(), time.process_time()
    with open_table(path) as table, RecordWriter(folder, f"{kind}-{rows}", cells) as writer:
        terms = Terms("contact", "legal_duty", "none: made up", "RO")
        report = prepare(table, mapping, terms, writer, today=date(2026, 1, 1), key=bytes(32), processes=processes)
        writer.finish()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    (folder / f"{kind}-{os.getpid()}.key").unlink()
    assert report.usable == rows, report.counts()
    size = (folder / f"{kind}-{rows}.records").stat().st_size
    remove_file(folder, f"{kind}-{rows}")
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        json.dumps(
            {
                "wall": wall,
                "cpu": cpu,
                "workers_cpu": children.ru_utime + children.ru_stime,
                "memory": own.ru_maxrss * 1024,
                "worker_memory": children.ru_maxrss * 1024,
                "file": size,
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))

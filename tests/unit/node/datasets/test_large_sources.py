"""Sources larger than what may be held: rows stream, in the node and in the process that reads for it.

Each file has 120,000 rows of some 150 bytes, and holding it as rows of Python objects would take 45 MiB and more.
(Ten million rows, through preparation, are measured in tests/bench.)
"""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.tree import ROOT

ROWS = 120_000
MAX_NODE_MIB = 16
"""MiB that reading adds to the node, whatever the size of the file."""
MAX_CHILD_MIB = 115
"""MiB of the reading process at its height. With nothing read, pyarrow alone takes 60; the rows stream in 77, one row
group at a time takes 131, and the whole table as objects 226."""

READS = """
import gc, sys
from pathlib import Path
from node.datasets import open_table

def peak(process):
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024

with open_table(sys.argv[1]) as table:  # a small file of the same kind: loads what is loaded late
    list(table.rows())
before = peak("self")
with open_table(sys.argv[2]) as table:
    count = sum(len(row.cells) == len(table.header) for row in table.rows())
    process = getattr(table, "_process", None)
    print(count, peak("self") - before, peak(process.pid) if process else 0)
"""


def row(number: int) -> tuple[str, int, str]:
    return f"ref-{number:09}", 721_000_000 + number, f"{number:0120}"


def write_csv(folder: Path, rows: int) -> Path:
    path = folder / f"{rows}.csv"
    with path.open("w") as file:
        file.write("ref,tel,note\n")
        file.writelines(f"{','.join(map(str, row(number)))}\n" for number in range(rows))
    return path


def write_jsonl(folder: Path, rows: int) -> Path:
    path = folder / f"{rows}.jsonl"
    with path.open("w") as file:
        for number in range(rows):
            ref, tel, note = row(number)
            file.write(json.dumps({"ref": ref, "more": {"tel": tel, "note": note}}) + "\n")
    return path


def write_parquet(folder: Path, rows: int) -> Path:
    """All rows in one row group, which is the unit that a careless reader holds."""
    refs, tels, notes = zip(*map(row, range(rows)), strict=True)
    table = pa.table({"ref": refs, "tel": tels, "note": notes})
    pq.write_table(table, folder / f"{rows}.parquet", row_group_size=rows, compression="none")
    return folder / f"{rows}.parquet"


def write_sql(folder: Path, rows: int) -> Path:
    with sqlite3.connect(folder / f"{rows}.db") as connection:
        connection.execute("CREATE TABLE t (ref, tel, note)")
        connection.executemany("INSERT INTO t VALUES (?, ?, ?)", map(row, range(rows)))
    connection.close()
    path = folder / f"{rows}.toml"
    path.write_text(f'url = "sqlite:///{rows}.db"\nquery = "SELECT * FROM t ORDER BY rowid"\n')
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    "write", [write_csv, write_jsonl, write_parquet, write_sql], ids=lambda write: write.__name__[6:]
)
def test_memory_does_not_grow_with_the_file(tmp_path: Path, write) -> None:  # type: ignore[no-untyped-def]
    small, large = write(tmp_path, 10), write(tmp_path, ROWS)
    done = subprocess.run([sys.executable, "-c", READS, small, large], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    count, node, child = map(int, done.stdout.split())
    assert count == ROWS
    assert node < MAX_NODE_MIB
    assert child < MAX_CHILD_MIB
    print(f"{write.__name__[6:]}: {node} MiB in the node, {child} MiB beside it")

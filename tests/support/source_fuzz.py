"""What the fuzzers of the sources share: small valid files to start from, and what reading any file must hold to."""

import io
import math
import sqlite3
import zipfile
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from node.datasets import open_table
from node.errors import UserError
from tests.support.intake import write_xlsx
from tests.support.workbooks import lock_xls, lock_xlsx, write_ods, write_xls

__all__ = ["MAX_SECONDS", "PASSWORD", "TEXT_SEEDS", "attempt", "binary_seeds", "repack"]

MAX_SECONDS = 20.0
"""For one small file, on a busy machine. Most take less than a tenth of a second."""

PASSWORD = b"open sesame"
MAX_ROWS = 3_000

TEXT_SEEDS = {
    "csv": b'sep=;\nref;tel;note\n1;0721;"a ""b"" c"\n2;;x\n',
    "cp1251": "номер,име\n1,Мария\n2,Пламен\n".encode("cp1251"),
    "utf16": "ref\ttel\n1\t0721\n".encode("utf-16"),
    "jsonl": b'{"ref": 1, "a": {"b": [1, "x"]}, "m": [{"n": 1}]}\n{"ref": 1e3, "m": []}\n',
    "toml": b'url = "sqlite:///register.db"\nquery = "SELECT ref, tel FROM persons ORDER BY 1"\n',
}


def attempt(path: Path, **options: Any) -> bool:
    """Read a source to its end, or as far as it says something new. False if it was refused with a sentence.

    Anything but rows of text and finite numbers, in order and of the width promised, or a UserError in the time that
    is allowed, is an AssertionError or whatever escaped.
    """
    started = perf_counter()
    told = ""
    try:
        with open_table(path, **options) as table:
            last = table.facts.header_row
            for count, row in enumerate(table.rows()):
                assert row.number >= last
                last = row.number
                assert not (row.problem and row.cells)
                for cell in row.cells:
                    if isinstance(cell, str):
                        cell.encode()
                    else:
                        assert isinstance(cell, float)
                        assert math.isfinite(cell)
                if count > MAX_ROWS:
                    break
    except UserError as error:
        told = error.advice or "no advice"
    assert told != "no advice"
    assert perf_counter() - started < MAX_SECONDS
    return not told


def binary_seeds(folder: Path) -> dict[str, bytes]:
    """One small file of every format that is not text. A SQLite database that `TEXT_SEEDS["toml"]` asks lies beside."""
    rows = [["ref", "tel", "born"], ["A1", 721123456, date(1990, 5, 17)], ["A2", True, "x"]]
    columns = pa.table(
        {
            "ref": ["A1", None],
            "tel": [721123456, None],
            "at": pa.array([0, 1], pa.timestamp("ns", "UTC")),
            "list": [[1], [2]],
            "word": pa.array(["a", "a"]).dictionary_encode(),
        }
    )
    pq.write_table(columns, folder / "p.parquet")
    paths = {
        "xlsx": write_xlsx(folder, rows, name="x.xlsx"),
        "xls": write_xls(folder / "x.xls", rows),
        "ods": write_ods(folder / "x.ods", rows),
        "parquet": folder / "p.parquet",
        "locked.xls": lock_xls(folder / "l.xls", rows, PASSWORD.decode()),
    }
    found = {name: path.read_bytes() for name, path in paths.items()}
    found["locked.xlsx"] = lock_xlsx(paths["xlsx"], PASSWORD.decode()).read_bytes()
    with sqlite3.connect(folder / "register.db") as connection:
        connection.execute("CREATE TABLE persons (ref, tel)")
        connection.execute("INSERT INTO persons VALUES ('A1', 721123456)")
    connection.close()
    return found


def repack(data: bytes, name: str, part: bytes) -> bytes:
    """The same archive with other bytes in one part: they are then parsed, and not refused for a bad checksum."""
    held = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.namelist():
            new.writestr(entry, part if entry == name else old.read(entry))
    return held.getvalue()

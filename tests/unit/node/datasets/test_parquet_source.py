"""Parquet files: every digit kept, nested columns named and left out, hostile files bounded."""

import os
import re
import struct
import subprocess
import sys
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from node.datasets import open_table
from node.errors import UserError


def write(folder, columns, *, name="t.parquet", **options):
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    pq.write_table(table, folder / name, **options)
    return folder / name


def read(path, **options):
    with open_table(path, **options) as table:
        return table, [(row.number, row.cells, row.problem) for row in table.rows()]


@pytest.mark.parametrize(
    ("values", "kind", "cells"),
    [
        (["0721", "", None], pa.string(), ("0721", "", "")),
        (["é", "b", None], pa.large_string(), ("é", "b", "")),
        (["é", "b", None], pa.string_view(), ("é", "b", "")),
        (["a", "b", "a"], pa.dictionary(pa.int32(), pa.string()), ("a", "b", "a")),
        ([721123456, -1, None], pa.int64(), (721123456.0, -1.0, "")),
        ([10**15 - 1, 10**15, 2**63 - 1], pa.int64(), (999999999999999.0, "1000000000000000", "9223372036854775807")),
        ([2**64 - 1, 0, 5], pa.uint64(), ("18446744073709551615", 0.0, 5.0)),
        ([1.5, float("nan"), float("inf")], pa.float64(), (1.5, "", "#NUM!")),
        ([1.5, 2.0, None], pa.float16(), (1.5, 2.0, "")),
        ([Decimal("12.50"), Decimal("721123456"), None], pa.decimal128(20, 2), ("12.50", 721123456.0, "")),
        ([Decimal(10) ** 20, Decimal(7), None], pa.decimal256(40, 0), ("1" + "0" * 20, 7.0, "")),
        ([True, False, None], pa.bool_(), ("TRUE", "FALSE", "")),
        ([date(1990, 5, 17), date(1899, 1, 1), None], pa.date32(), ("1990-05-17", "1899-01-01", "")),
        ([date(1990, 5, 17), date(1899, 1, 1), None], pa.date64(), ("1990-05-17", "1899-01-01", "")),
        ([time(3, 4), time(5, 6, 7), None], pa.time64("ns"), ("03:04:00", "05:06:07", "")),
        (
            [datetime(1990, 5, 17), datetime(1990, 5, 17, 3, 4), None],  # noqa: DTZ001 - a column without a zone
            pa.timestamp("ns"),
            ("1990-05-17", "1990-05-17 03:04:00", ""),
        ),
        (
            [datetime(2024, 7, 1, 12, tzinfo=UTC), datetime(2024, 7, 1, tzinfo=UTC), None],
            pa.timestamp("ms", "Europe/Bucharest"),
            ("2024-07-01 12:00:00+00:00", "2024-07-01 00:00:00+00:00", ""),
        ),
        (
            [0, 1, None],
            pa.timestamp("s", "../../etc/passwd"),
            ("1970-01-01 00:00:00+00:00", "1970-01-01 00:00:01+00:00", ""),
        ),
        ([None, None, None], pa.null(), ("", "", "")),
    ],
    ids=str,
)
def test_every_type_becomes_a_cell_without_losing_a_digit(tmp_path, values, kind, cells):
    _, rows = read(write(tmp_path, {"c": pa.array(values, kind)}))
    assert rows == [(number, (cell,), "") for number, cell in enumerate(cells, start=1)]


def test_the_facts_say_what_it_is(tmp_path):
    columns = {" ref ": ["A"], "tel": [5], "a.b": ["dot"]}
    for codec in ("none", "snappy", "gzip", "zstd", "brotli", "lz4"):
        table, rows = read(write(tmp_path, columns, compression=codec))
        assert table.facts.format == "parquet"
        assert table.facts.compression == ("" if codec == "none" else codec)
        assert (table.facts.header_row, table.facts.numbering) == (0, "record, counted from 1")
        assert table.header == ("ref", "tel", "a.b")
        assert rows == [(1, ("A", 5.0, "dot"), "")]


def test_nested_columns_and_bytes_are_named_and_left_out(tmp_path):
    columns = pa.table(
        {
            "before": ["x"],
            "list": [["a", "b"]],
            "deep": [[{"u": [1], "v": {"w": 2}}]],
            "map": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())),
            "bytes": [b"\xff"],
            "after": ["y"],
        }
    ).append_column("after", pa.array(["z"]))
    table, rows = read(write(tmp_path, columns))
    assert (table.header, rows) == (("before", "after", "after"), [(1, ("x", "y", "z"), "")])
    assert "list, deep, map, bytes" in table.facts.notes[0]


def test_a_file_of_nested_columns_only_is_refused(tmp_path):
    with pytest.raises(UserError, match="plain values"):
        read(write(tmp_path, {"list": [[1]]}))


def test_text_that_is_not_utf8_and_dates_beyond_the_calendar_cost_their_row(tmp_path):
    text = pa.array([b"ok", b"\xff\xfe", b"ok"]).view(pa.string())
    far = pa.array([0, 0, 2**40], pa.timestamp("s"))
    _, rows = read(write(tmp_path, {"t": text, "d": far}))
    assert [(number, problem) for number, _, problem in rows] == [(1, ""), (2, "cell/not-text"), (3, "cell/not-text")]


def test_rows_can_be_read_twice_and_from_the_middle_of_many_groups(tmp_path):
    path = write(tmp_path, {"n": list(range(5000))}, row_group_size=700)
    with open_table(path) as table:
        first = list(table.rows())
        assert [row.number for row in first] == list(range(1, 5001))
        assert [row.cells[0] for row in first] == [float(n) for n in range(5000)]
        assert list(table.rows()) == first
        assert [row.number for row in table._read(3499)][:2] == [3500, 3501]


@pytest.mark.parametrize("rows", [0, 1, 511, 512, 513])
def test_any_number_of_rows(tmp_path, rows):
    assert len(read(write(tmp_path, {"n": pa.array(range(rows), pa.int64())}))[1]) == rows


def test_a_long_text_is_cut_and_costs_nothing(tmp_path):
    _, rows = read(write(tmp_path, {"ref": ["A"], "html": ["x" * 100_000]}))
    assert (rows[0][1][0], rows[0][2], len(rows[0][1][1])) == ("A", "", 32_767)


def test_options_of_other_files_are_refused(tmp_path):
    path = write(tmp_path, {"n": [1]})
    for option in ({"sheet": "S"}, {"header_row": 1}, {"encoding": "utf-8"}, {"delimiter": ","}, {"password": b"x"}):
        with pytest.raises(UserError, match="Parquet file has no"):
            read(path, **option)


def broken(folder):
    whole = write(folder, {"ref": [f"A{n}" for n in range(2000)], "n": list(range(2000))}).read_bytes()
    yield whole[: len(whole) // 2]
    yield whole[:-8] + struct.pack("<I", 0xFFFFFFF0) + b"PAR1"
    yield whole[:-4] + b"PAR2"
    yield whole[:-4] + b"PARE"
    yield b"PAR1PAR1"
    yield b"PAR1" + bytes(100) + b"PAR1"
    yield whole[:40] + bytes(b ^ 0x55 for b in whole[40:600]) + whole[600:]


@pytest.mark.tm("TM-96")
def test_a_broken_file_is_refused_with_a_sentence(tmp_path):
    cases = list(broken(tmp_path))
    for data in cases:
        (tmp_path / "b.parquet").write_bytes(data)
        with pytest.raises(UserError) as caught:
            read(tmp_path / "b.parquet")
        assert caught.value.advice
    assert len(cases) == 7


BOMB = """
import sys
import pyarrow as pa
import pyarrow.parquet as pq
table = pa.table({"c": [bytes(500_000_000).decode()]})
pq.write_table(table, sys.argv[1], compression="zstd", use_dictionary=False, write_statistics=False)
"""


@pytest.mark.tm("TM-96")
def test_a_value_that_unpacks_to_more_than_the_memory_ends_in_a_sentence(tmp_path):
    path = tmp_path / "bomb.parquet"
    # Made by a process of its own: what a test process has once held, its children are counted with.
    subprocess.run([sys.executable, "-c", BOMB, str(path)], check=True)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(UserError, match="cannot be read safely"):
        read(path)


@pytest.mark.tm("TM-96")
def test_the_reading_process_is_bounded_and_sees_the_file_only(tmp_path):
    path = write(tmp_path, {"n": [1]})
    with open_table(path) as table:
        process = Path("/proc") / str(table._process.pid)
        files = {os.readlink(process / "fd" / name) for name in os.listdir(process / "fd")}
        limits = (process / "limits").read_text()
    assert re.search(rf"Max address space\s+{1 << 30}\s", limits)
    assert {name for name in files if name.startswith("/")} == {"/dev/null", str(path)}
    assert not process.exists()


@pytest.mark.tm("TM-84")
def test_the_source_is_not_touched(tmp_path):
    path = write(tmp_path, {"n": [1]})
    before = (path.read_bytes(), path.stat().st_mtime_ns, os.listdir(tmp_path))
    read(path)
    assert (path.read_bytes(), path.stat().st_mtime_ns, os.listdir(tmp_path)) == before

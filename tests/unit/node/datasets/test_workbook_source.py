"""XLS and ODS at their true addresses, and locked workbooks: opened with a password that leaves no trace."""

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from node.datasets import open_table
from node.datasets.tables import PasswordNeeded, WrongPassword
from node.errors import UserError
from psi.secret import SecretBytes
from tests.support.intake import write_xlsx
from tests.support.tree import ROOT
from tests.support.workbooks import lock_xls, lock_xlsx, ods, ods_row, write_ods, write_xls

ROWS = [[], [], [None, "ref", "tel", "born"], [None, "A1", 721123456, date(1990, 5, 17)], [], [None, "A2", 7.5, True]]
READ = [
    (4, ("", "A1", 721123456.0, "1990-05-17")),
    (5, ("", "", "", "")),
    (6, ("", "A2", 7.5, "TRUE")),
]
PASSWORD = "Größe-7 канарейка"


def read(path, **options):
    with open_table(path, **options) as table:
        return table, [(row.number, row.cells) for row in table.rows()]


@pytest.mark.parametrize("kind", ["xlsx", "xls", "ods"])
def test_the_three_formats_give_the_same_cells_at_the_same_addresses(tmp_path, kind):
    path = tmp_path / f"t.{kind}"
    if kind == "xlsx":
        write_xlsx(tmp_path, ROWS, name="t.xlsx")
    else:
        {"xls": write_xls, "ods": write_ods}[kind](path, ROWS)
    table, rows = read(path)
    assert (table.header, table.facts.header_row, table.facts.format) == (("", "ref", "tel", "born"), 3, kind)
    assert rows == READ


def test_dates_counted_from_1904_are_the_same_dates(tmp_path):
    rows = [["ref", "born"], ["A1", date(1990, 5, 17)]]
    old = read(write_xls(tmp_path / "a.xls", rows, from_1904=True))[1]
    assert old == read(write_xls(tmp_path / "b.xls", rows))[1] == [(2, ("A1", "1990-05-17"))]


def test_repeated_rows_and_columns_of_ods_are_rows_and_columns(tmp_path):
    path = tmp_path / "t.ods"
    path.write_bytes(
        ods(
            ods_row(None, repeated=2)
            + ods_row("ref", "tel", left=3)
            + ods_row("A", 5, left=3, repeated=2)
            + ods_row(None, repeated=1_048_570)
        )
    )
    table, rows = read(path)
    assert (table.header, table.facts.header_row) == (("", "", "", "ref", "tel"), 3)
    assert rows == [(4, ("", "", "", "A", 5.0)), (5, ("", "", "", "A", 5.0))]


COLUMNS = 'office:value-type="string" table:number-columns-repeated="16384"'
WIDE = f"<table:table-cell {COLUMNS}><text:p>x</text:p></table:table-cell>"
ENDLESS = {
    "rows": ods_row("x", "y", repeated=2_000_000_000),
    "rows before the last one": ods_row(None, repeated=10**15) + ods_row("x"),
    "rows and columns": f'<table:table-row table:number-rows-repeated="1048576">{WIDE}</table:table-row>',
    "no number": '<table:table-row table:number-rows-repeated="-5"><table:table-cell/></table:table-row>',
}


@pytest.mark.tm("TM-96")
@pytest.mark.parametrize("name", ENDLESS)
def test_an_ods_that_repeats_without_end_is_cut_where_sheets_end_or_refused(tmp_path, name):
    path = tmp_path / "bomb.ods"
    path.write_bytes(ods(ods_row("ref") + ENDLESS[name]))
    try:
        with open_table(path, header_row=1) as table:
            told = sum(1 for _ in table.rows()) < 1_048_576
    except UserError as error:
        told = error.advice
    assert told


def locked(folder, kind, password=PASSWORD):
    rows = [["ref", "tel"], *[[f"A{number}", 721000000 + number] for number in range(300)]]
    if kind == "xls":
        return lock_xls(folder / "locked.xls", rows, password)
    return lock_xlsx(write_xlsx(folder, rows, name="locked.xlsx"), password)


@pytest.mark.parametrize("kind", ["xlsx", "xls"])
def test_a_locked_workbook_is_opened_by_its_password_and_by_no_other(tmp_path, kind):
    path = locked(tmp_path, kind)
    with pytest.raises(PasswordNeeded, match="protected by a password") as caught:
        read(path)
    assert "--password-file" in caught.value.advice
    for wrong in (b"Gr", PASSWORD.encode() + b" ", PASSWORD.encode("cp1251", "ignore"), b"\0", b"VelvetSweatshop"):
        with pytest.raises(WrongPassword):
            read(path, password=wrong)
    table, rows = read(path, password=PASSWORD.encode())
    assert (table.header, table.facts.format, len(rows)) == (("ref", "tel"), kind, 300)
    assert rows[-1] == (301, ("A299", 721000299.0))
    secret = SecretBytes(len(PASSWORD.encode()))
    secret.view()[:] = PASSWORD.encode()
    assert read(path, password=secret)[1] == rows
    assert not secret.wiped  # it belongs to the caller


@pytest.mark.parametrize("kind", ["xlsx", "xls"])
def test_write_protection_asks_nobody(tmp_path, kind):
    """Office programs encrypt write-protected workbooks too, with a password that everybody knows."""
    assert len(read(locked(tmp_path, kind, "VelvetSweatshop"))[1]) == 300


def test_a_password_for_a_workbook_that_has_none_does_no_harm(tmp_path):
    assert read(write_xlsx(tmp_path, [["ref"], ["1"]]), password=b"x")[1] == [(2, ("1",))]


def test_a_locked_ods_says_what_to_do(tmp_path):
    path = tmp_path / "locked.ods"
    mark = '<manifest:encryption-data manifest:checksum="x"/>'
    path.write_bytes(ods("", manifest=mark))
    with pytest.raises(UserError, match="cannot be opened here") as caught:
        read(path)
    assert "XLSX" in caught.value.advice


WATCHES = """
import os, sys
from pathlib import Path
from node.datasets import open_table

before = set(os.environ.values())
with open_table(sys.argv[1], password=sys.stdin.buffer.readline().rstrip(b"\\n")) as table:
    child = Path("/proc") / str(table._process.pid)
    shown = (child / "cmdline").read_bytes() + (child / "environ").read_bytes()
    files = [os.readlink(child / "fd" / name) for name in os.listdir(child / "fd")]
    print(len(list(table.rows())), shown.find(b"CANARY"), [f for f in files if f[:1] == "/" and "/dev/null" not in f])
"""


@pytest.mark.tm("TM-96")
def test_the_password_is_in_no_argument_variable_or_file(tmp_path):
    path = lock_xlsx(write_xlsx(tmp_path, [["ref"], ["A1"]]), "CANARY-word")
    before = {entry: entry.stat().st_mtime_ns for entry in [*Path("/tmp").iterdir(), *tmp_path.iterdir()]}
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", WATCHES, path], cwd=ROOT, input=b"CANARY-word\n", capture_output=True, env=environment
    )
    assert done.stdout.decode().split() == ["1", "-1", f"['{path}']"], done
    assert [entry for entry in tmp_path.iterdir() if entry not in before] == []


def test_a_damaged_locked_workbook_is_refused_with_a_sentence(tmp_path):
    for kind in ("xlsx", "xls"):
        path = locked(tmp_path, kind)
        whole = path.read_bytes()
        for data in (whole[: len(whole) // 2], whole[:700], whole[:600] + bytes(len(whole) - 600)):
            path.write_bytes(data)
            with pytest.raises(UserError) as caught:
                read(path, password=PASSWORD.encode())
            assert caught.value.advice


@pytest.mark.tm("TM-83")
def test_no_error_holds_the_password(tmp_path):
    with pytest.raises(UserError) as caught:
        read(locked(tmp_path, "xlsx"), password=b"CANARY-word")
    assert "CANARY" not in repr(caught.value) + caught.value.diagnostics()

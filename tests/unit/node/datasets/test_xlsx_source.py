"""XLSX workbooks: typed cells at their true addresses; broken, locked and monstrous ones end in a sentence."""

import os
import re
import signal
import subprocess
import sys
import zipfile
from datetime import date, datetime, time, timedelta
from pathlib import Path
from time import sleep

import openpyxl
import pytest

from node.datasets import open_table, reading_process, workbook_source
from node.errors import UserError
from tests.support.intake import write_xlsx
from tests.support.tree import ROOT


def read(path, **options):
    with open_table(path, **options) as table:
        return table, [(row.number, row.cells) for row in table.rows()]


def test_addresses_count_empty_rows_and_columns_before_the_table(tmp_path):
    path = write_xlsx(tmp_path, [[], [], [None, "ref", "tel"], [None, "A1", 5], [], [None, "A2", "x"]])
    table, rows = read(path)
    assert (table.header, table.facts.header_row) == (("", "ref", "tel"), 3)
    assert rows == [(4, ("", "A1", 5.0)), (5, ("", "", "")), (6, ("", "A2", "x"))]


def test_cells_keep_their_type(tmp_path):
    cells = [721123456, 7.5, True, date(1990, 1, 2), datetime(1990, 1, 2, 3, 4), time(3, 4), timedelta(hours=30), "07"]  # noqa: DTZ001
    _, rows = read(write_xlsx(tmp_path, [list("abcdefgh"), cells]))
    assert rows == [
        (
            2,
            (721123456.0, 7.5, "TRUE", "1990-01-02", "1990-01-02 03:04:00", "03:04:00", "1 day, 6:00:00", "07"),
        )
    ]


def test_a_number_in_the_header_names_its_column(tmp_path):
    table, _ = read(write_xlsx(tmp_path, [["ref", 2024], [1, 2]]))
    assert table.header == ("ref", "2024")


def test_the_first_visible_sheet_with_content_is_taken_and_others_can_be_named(tmp_path):
    book = openpyxl.Workbook()
    book.active.title = "Empty"
    for name, state in (("Hidden", "hidden"), ("Cases", "visible"), ("Other", "visible")):
        sheet = book.create_sheet(name)
        sheet.sheet_state = state
        sheet.append([name])
    book.save(tmp_path / "t.xlsx")
    table, _ = read(tmp_path / "t.xlsx")
    assert (table.facts.sheet, table.facts.sheets) == ("Cases", ("Empty", "Hidden", "Cases", "Other"))
    assert read(tmp_path / "t.xlsx", sheet="Hidden")[0].header == ("Hidden",)
    with pytest.raises(UserError, match="no sheet of that name"):
        read(tmp_path / "t.xlsx", sheet="Nope")
    with pytest.raises(UserError, match="sheet is empty"):
        read(tmp_path / "t.xlsx", sheet="Empty")


def test_content_decides_and_not_the_name_of_the_file(tmp_path):
    path = write_xlsx(tmp_path, [["ref"], ["1"]], name="table.csv")
    assert read(path)[0].facts.format == "xlsx"


FAR = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
SHEET = "worksheets/sheet1.xml"
BOMBS = {
    "plain": (SHEET, "xl/" + SHEET, FAR),
    "a space before the equals sign": (SHEET, "xl/" + SHEET, FAR.replace("r=", "r =")),
    "a bracket in an attribute": (
        SHEET,
        "xl/" + SHEET,
        FAR.replace("<c ", '<c x="&gt;>" '),
    ),
    "another folder": ("sheets/one.xml", "xl/sheets/one.xml", FAR),
    "another ending": ("worksheets/sheet1.dat", "xl/worksheets/sheet1.dat", FAR),
    "other capitals": (SHEET, "XL/WorkSheets/sheet1.xml", FAR),
    "no address": (
        SHEET,
        "xl/" + SHEET,
        '<row r="1048576"><c><v>1</v></c></row><row r="1"><c r="XFD1"><v>1</v></c></row>',
    ),
}
"""Workbooks of 1.4 KB that ask calamine for half a terabyte: target of the sheet, name of its part, its last cell."""


def element(name, attributes, inside=""):
    return f"<{name} {attributes}>{inside}</{name}>"


def bomb(tmp_path, name):
    target, part, far = BOMBS[name]
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    sheet = element("sheet", 'name="S" sheetId="1" r:id="a"')
    first = '<row r="1"><c r="A1" t="inlineStr"><is><t>ref</t></is></c></row>'

    def related(kind, where):
        one = element("Relationship", f'Id="a" Type="{office}/{kind}" Target="{where}"')
        return element("Relationships", f'xmlns="{package}/relationships"', one)

    parts = {
        "[Content_Types].xml": element("Types", f'xmlns="{package}/content-types"'),
        "_rels/.rels": related("officeDocument", "xl/workbook.xml"),
        "xl/workbook.xml": element("workbook", f'{main} xmlns:r="{office}"', element("sheets", "", sheet)),
        "xl/_rels/workbook.xml.rels": related("worksheet", target),
        part: element("worksheet", main, element("sheetData", "", first + far)),
    }
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for inside, text in parts.items():
            archive.writestr(inside, text)
    return path


@pytest.mark.tm("TM-96")
@pytest.mark.parametrize("name", BOMBS)
def test_a_workbook_that_would_end_the_process_ends_in_a_sentence(tmp_path, name):
    with pytest.raises(UserError, match="stray entry far away") as caught:
        read(bomb(tmp_path, name))
    assert "Ctrl+End" in caught.value.advice
    assert read(write_xlsx(tmp_path, [["ref"], ["1"]]))[1] == [(2, ("1",))]


ALONE = """
import resource, sys
from python_calamine import CalamineWorkbook
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
try:
    CalamineWorkbook.from_path(sys.argv[1]).get_sheet_by_index(0)
except BaseException:
    print("survived")
"""


@pytest.mark.tm("TM-96")
def test_in_the_process_of_the_node_it_would_be_an_abort(tmp_path):
    """The sabotaged twin: no `except` around calamine helps."""
    done = subprocess.run([sys.executable, "-c", ALONE, bomb(tmp_path, "plain")], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGABRT, b"")


@pytest.mark.tm("TM-96")
def test_the_reading_process_is_bounded_and_is_given_the_file_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setenv("BLINDMATCH_PASSPHRASE", "canary")
    path = write_xlsx(tmp_path, [["ref"], ["1"]])
    secret = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(secret, True)
    try:
        with open_table(path) as table:
            process = Path("/proc") / str(table._process.pid)
            files = {name: os.readlink(process / "fd" / name) for name in os.listdir(process / "fd")}
            limits = (process / "limits").read_text()
            assert b"canary" not in (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
    finally:
        os.close(secret)
    assert files.pop("2") == "/dev/null"
    assert all(files.pop(pipe).startswith("pipe:") for pipe in "01")
    assert set(files.values()) <= {str(path)}
    for name, most in (("address space", 1 << 30), ("core file size", 0), ("file size", 0)):
        assert re.search(rf"Max {name}\s+{most}\s+{most}\s", limits), limits
    assert re.search(r"Max cpu time\s+120\s", limits), limits  # for one answer: each new request moves it on
    assert not process.exists()


@pytest.mark.tm("TM-96")
def test_a_reading_process_that_dies_costs_its_table_only(tmp_path):
    path = write_xlsx(tmp_path, [["ref"], *([str(n)] for n in range(2000))])
    with open_table(path) as table:
        rows = table.rows()
        assert next(rows).cells == ("0",)
        table._process._process.kill()
        with pytest.raises(UserError, match="cannot be read safely"):
            list(rows)
    assert len(read(path)[1]) == 2000


OPENS = """
import os, sys
from pathlib import Path
from node.datasets import open_table

table = open_table(Path(sys.argv[1]))
print(table._process.pid, flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.mark.tm("TM-96")
def test_the_reading_process_ends_with_the_node(tmp_path):
    path = write_xlsx(tmp_path, [["ref"], ["1"]])
    done = subprocess.run([sys.executable, "-c", OPENS, path], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done
    for _ in range(500):
        if not is_running(int(done.stdout)):
            return
        sleep(0.01)
    pytest.fail("the reading process lives on")


def is_running(process):
    try:
        return "(zombie)" not in (Path("/proc") / str(process) / "status").read_text()
    except OSError:
        return False


ANSWERS = {
    "not JSON": b"row\n",
    "no end": b'{"format": "xlsx", "sheet": "S", "sheets": ["S"]}',
    "another shape": b'{"format": "xlsx", "sheet": 5, "sheets": ["S"]}\n',
    "another format": b'{"format": "exe", "sheet": "S", "sheets": ["S"]}\n',
    "a list": b"[1]\n",
    "a row with a made-up reason": b'{"format": "xlsx", "sheet": "S", "sheets": ["S"]}\n["so there"]\n',
    "an unknown refusal": b'{"refused": "so there"}\n',
    "nested": b"[" * 100_000 + b"\n",
    "rows of something else": b'{"format": "xlsx", "sheet": "S", "sheets": ["S"]}\n[[["a"]]]\n',
    "rows that are none": b'{"format": "xlsx", "sheet": "S", "sheets": ["S"]}\n{"a": 1}\n',
    "a number too long to read": b'{"format": "xlsx", "sheet": "S", "sheets": ["S"]}\n[[' + b"9" * 5000 + b"]]\n",
    "an answer without end": b"a" * 2000,
}


@pytest.mark.tm("TM-96")
@pytest.mark.parametrize("name", ANSWERS)
def test_what_the_reading_process_says_is_not_trusted(tmp_path, monkeypatch, name):
    liar = tmp_path / "liar.py"
    liar.write_text(
        f"import sys, time\nsys.stdout.buffer.write({ANSWERS[name]!r})\nsys.stdout.buffer.flush()\n"
        + ("time.sleep(100)" if name == "an answer without end" else "sys.stdin.buffer.read(1)")
    )
    monkeypatch.setattr(reading_process.reading_child, "__file__", str(liar))
    monkeypatch.setattr(reading_process, "MAX_ANSWER_BYTES", 1500 if name == "an answer without end" else 200_000)
    with pytest.raises(UserError, match="cannot be read safely"):
        open_table(write_xlsx(tmp_path, [["ref"], ["1"]]))


def test_a_styled_but_empty_cell_far_away_is_harmless(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["ref", "tel"])
    book.active["XFD1048576"].font = openpyxl.styles.Font(bold=True)
    book.save(tmp_path / "styled.xlsx")
    assert read(tmp_path / "styled.xlsx")[0].header == ("ref", "tel")


def test_a_cell_that_is_too_long_costs_its_row(tmp_path, monkeypatch):
    monkeypatch.setattr(reading_process, "MAX_CELL_CHARACTERS", 100)
    with open_table(write_xlsx(tmp_path, [["ref", "n"], ["1", "a" * 101], ["2", "a" * 100]])) as table:
        assert [(row.number, row.problem) for row in table.rows()] == [(2, "cell/too-long"), (3, "")]


def broken(tmp_path):
    whole = write_xlsx(tmp_path, [["ref"], ["1"]], name="whole.xlsx").read_bytes()
    yield "cut", whole[: len(whole) // 2], "damaged"
    yield "zip of nothing", b"PK\x03\x04" + b"x" * 500, "damaged"
    with zipfile.ZipFile(tmp_path / "whole.xlsx") as archive:
        start = archive.getinfo("xl/" + SHEET).header_offset + 60
    yield (
        "bits turned",
        whole[:start] + bytes(b ^ 255 for b in whole[start : start + 90]) + whole[start + 90 :],
        "damaged",
    )
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
    yield "another kind", (tmp_path / "other.zip").read_bytes(), "not a workbook that can be read"
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook")
    yield "no workbook inside", (tmp_path / "bad.zip").read_bytes(), "damaged"


def test_a_broken_workbook_is_refused_with_a_sentence(tmp_path):
    cases = list(broken(tmp_path))
    assert len(cases) == 5
    for name, data, sentence in cases:
        (tmp_path / "t.xlsx").write_bytes(data)
        with pytest.raises(UserError, match=sentence) as caught:
            read(tmp_path / "t.xlsx")
        assert caught.value.advice, name


def test_a_workbook_that_is_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(workbook_source, "MAX_WORKBOOK_BYTES", 100)
    with pytest.raises(UserError, match="larger than"):
        read(write_xlsx(tmp_path, [["ref"], ["1"]]))


def test_passes_over_the_rows_may_be_repeated_mixed_and_left(tmp_path):
    path = write_xlsx(tmp_path, [["ref"], *([str(n)] for n in range(1500))])
    with open_table(path) as table:
        left = table.rows()
        next(left)
        assert [(a.cells, b.number) for a, b in zip(table.rows(), table.rows(), strict=True)] == [
            ((str(n),), n + 2) for n in range(1500)
        ]
        assert next(left).number == 3


def test_too_many_columns_and_a_missing_header_row(tmp_path):
    with pytest.raises(UserError, match="more than 2,000 columns"):
        read(write_xlsx(tmp_path, [["c"] * 2001]))
    with pytest.raises(UserError, match="no row 9"):
        read(write_xlsx(tmp_path, [["ref"], ["1"]]), header_row=9)
    book = openpyxl.Workbook()
    book.save(tmp_path / "empty.xlsx")
    with pytest.raises(UserError, match="no sheet with anything"):
        read(tmp_path / "empty.xlsx")

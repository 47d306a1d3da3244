"""The marked copy: every finding at its cell, true addresses, nothing that runs, never over a file."""

import math
import zipfile
from datetime import UTC, datetime

import openpyxl
import pytest

from node.datasets import Mapping, Terms, marked_copy, open_table
from node.datasets.marked_copy import check_place, write_marked_copy
from node.datasets.tables import Facts, Row, Table
from node.errors import UserError
from tests.support.intake import PHONE_TERMS, PHONES, write_csv, write_xlsx

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
COLOURS = {"FFF4B6B6": "red", "FFF8CBAD": "orange", "FFFFEB9C": "yellow", "FFD9D9D9": "grey"}


def mark(path, target, mapping=PHONES, terms=PHONE_TERMS, **options):
    with open_table(path) as table:
        return write_marked_copy(table, mapping, terms, target, now=NOW, **options)


def sheets(target):
    book = openpyxl.load_workbook(target)
    return book.worksheets


def colour(cell):
    return COLOURS.get(cell.fill.fgColor.rgb, "") if cell.fill.fill_type else ""


def test_each_finding_stands_at_its_cell_with_reason_and_fix(tmp_path) -> None:
    text = "\nOur clients\nref,tel,ok,extra\nA,0721123456,yes,x\nB,12,yes,x\n,0721123457,yes,x\nD,0721123458,no,x\n"
    path = write_csv(tmp_path, text + "A,0721123459,yes,x\n")
    mapping = Mapping.of({"ref": "reference", "tel": "phone", "ok": "consent"})
    made = mark(path, tmp_path / "marked.xlsx", mapping, Terms("victim", region="RO"))
    sheet, legend = sheets(tmp_path / "marked.xlsx")
    assert [cell.value for cell in sheet[1]] == [None] * 4
    assert sheet["A2"].value == "Our clients"
    assert [cell.value for cell in sheet[3]] == ["ref", "tel", "ok", "extra"]
    assert sheet["A3"].font.bold
    found = {
        cell.coordinate: (colour(cell), cell.comment is not None) for row in sheet.iter_rows(min_row=4) for cell in row
    }
    assert {place: said for place, said in found.items() if said != ("", False)} == {
        "A5": ("orange", True), "B5": ("orange", True), "C5": ("grey", False), "D5": ("grey", False),
        "A6": ("orange", True), "B6": ("grey", False), "C6": ("grey", False), "D6": ("grey", False),
        "A7": ("grey", False), "B7": ("grey", False), "C7": ("orange", True), "D7": ("grey", False),
        "A8": ("yellow", True),
    }  # fmt: skip
    assert "case number" in sheet["A6"].comment.text
    assert "results name your records by it" in sheet["A6"].comment.text
    assert sheet["B5"].value == "12"
    assert made.marked == 5
    shown = {
        (row[0].value, row[1].value): [cell.value for cell in row[2:7]] for row in legend.iter_rows() if row[0].value
    }
    assert shown["B", "tel"] == ["phone", 2, 0, 1, 0]
    assert shown["D", "extra"][0] == "not used"
    assert shown["rows", 5] == [None] * 5
    assert (1, "The person did not agree, so the row was left out.") in shown


def test_a_repaired_cell_is_yellow_and_its_number_stays_a_number(tmp_path) -> None:
    path = write_xlsx(tmp_path, [[None, "ref", "tel"], [], [None, "A", 721123456], [None, "B", 12]])
    mark(path, tmp_path / "marked.xlsx")
    sheet, _ = sheets(tmp_path / "marked.xlsx")
    assert sheet.title == "People"
    assert (sheet["C3"].value, colour(sheet["C3"])) == (721123456, "yellow")
    assert "Format the column as text" in sheet["C3"].comment.text
    assert (sheet["C4"].value, colour(sheet["C4"])) == (12, "orange")
    assert sheet["B1"].value == "ref"


@pytest.mark.tm("TM-107")
def test_texts_do_nothing(tmp_path) -> None:
    """CWE-1236: what begins with =, +, - or @ is a formula in a careless copy, and an address becomes a link."""
    nasty = [
        '=HYPERLINK("http://example.invalid","x")',
        "=1+1",
        "@SUM(1)",
        "-1",
        "https://example.invalid",
        "{=1}",
        "00123",
    ]
    path = write_csv(tmp_path, "ref,tel,note\n" + "".join(f'"R{n}",0721123456,"{t.replace(chr(34), chr(34) * 2)}"\n'
                                                         for n, t in enumerate(nasty)))  # fmt: skip
    mark(path, tmp_path / "marked.xlsx")
    sheet, _ = sheets(tmp_path / "marked.xlsx")
    assert [sheet.cell(row, 3).value for row in range(2, len(nasty) + 2)] == nasty
    assert {sheet.cell(row, 3).data_type for row in range(2, len(nasty) + 2)} == {"s"}
    with zipfile.ZipFile(tmp_path / "marked.xlsx") as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
    assert b"<f>" not in everything
    assert b"hyperlink" not in everything


@pytest.mark.tm("TM-107")
def test_it_is_for_its_owner_alone_and_nothing_else_is_left(tmp_path) -> None:
    path = write_csv(tmp_path, "ref,tel\nA,0721123456\n")
    before = path.read_bytes()
    mark(path, tmp_path / "marked.xlsx")
    assert (tmp_path / "marked.xlsx").stat().st_mode & 0o777 == 0o600
    assert path.read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["marked.xlsx", "table.csv"]


@pytest.mark.tm("TM-107")
def test_it_goes_over_nothing(tmp_path) -> None:
    path = write_xlsx(tmp_path, [["ref", "tel"], ["A", "0721123456"]])
    before = path.read_bytes()
    (tmp_path / "link.xlsx").symlink_to(tmp_path / "nowhere.xlsx")
    for target, told in [
        (path, "already a file"),
        (tmp_path / "link.xlsx", "already a file"),
        (tmp_path / "copy.csv", "ends in .xlsx"),
        (tmp_path / "none" / "copy.xlsx", "no folder"),
    ]:
        with pytest.raises(UserError) as caught:
            mark(path, target)
        assert told in caught.value.diagnostics()
        with pytest.raises(UserError):
            check_place(target)
    assert path.read_bytes() == before


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_what_breaks_off_leaves_nothing(tmp_path, error) -> None:
    path = write_csv(tmp_path, "ref,tel\n" + "A,0721123456\n" * 2500)

    def stop(rows):
        if rows:
            raise error

    with pytest.raises(KeyboardInterrupt if error is KeyboardInterrupt else UserError):
        mark(path, tmp_path / "marked.xlsx", progress=stop)
    assert [one.name for one in tmp_path.iterdir()] == ["table.csv"]


class Made(Table):
    def __init__(self, rows, header=("ref", "tel"), header_row=1, **facts):
        self.header = header
        self.facts = Facts("csv", header_row, **facts)
        self._rows = rows

    def _read(self, after):
        yield from (row for row in self._rows if row.number > after)

    def close(self):
        pass


def write(table, target):
    return write_marked_copy(table, PHONES, PHONE_TERMS, target, now=NOW)


def test_a_longer_table_is_cut_and_says_so(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(marked_copy, "SHEET_ROWS", 5)
    monkeypatch.setattr(marked_copy, "SHEET_COLUMNS", 2)
    monkeypatch.setattr(marked_copy, "MAX_NOTES", 1)
    rows = [Row(n, ("A", "12", "x")) for n in range(2, 10)]
    made = write(Made([Row(1, ("ref", "tel")), *rows], header_row=1), tmp_path / "m.xlsx")
    assert [sentence.partition(":")[0] for sentence in made.sentences] == [
        "The table is longer than a sheet", "Some rows are wider than a sheet",
        "Only the first 1 marked cells have a note; the others have their colour.",
    ]  # fmt: skip
    sheet, legend = sheets(tmp_path / "m.xlsx")
    assert (sheet.max_row, sheet.max_column) == (5, 2)
    assert made.sentences[0] in [row[1].value for row in legend.iter_rows()]


def test_what_a_sheet_cannot_hold_is_written_as_well_as_it_can(tmp_path) -> None:
    rows = [
        Row(1, ("ref", "tel")),
        Row(2, ("A\ud800", math.inf)),
        Row(3, (), "row/quotation-mark"),
        Row(3, ("B", math.nan)),
        Row(3, ("C\x00\x1b", "0721123456")),
    ]
    made = write(Made(rows, explode="members", sheet="a[b]:*?/\\" + "x" * 40), tmp_path / "m.xlsx")
    sheet, _ = sheets(tmp_path / "m.xlsx")
    assert sheet["A2"].value == "A?"
    assert sheet["A3"].comment is not None
    assert sheet["A4"].value == "B"
    assert "other numbers" in made.sentences[0]


@pytest.mark.parametrize("name", ["", "'", "History", "What is marked", "\n", "a" * 99])
def test_any_name_of_a_sheet_will_do(tmp_path, name) -> None:
    write(Made([Row(1, ("ref", "tel")), Row(2, ("A", "0721123456"))], sheet=name), tmp_path / "m.xlsx")
    assert len(sheets(tmp_path / "m.xlsx")) == 2


def test_own_contacts_and_repeated_numbers_are_marked(tmp_path) -> None:
    path = write_csv(tmp_path, "ref,tel\nA,0721123456\nA,0721123457; 0722000001\n")
    mark(path, tmp_path / "m.xlsx", stop=frozenset({("phone", "+40722000001")}))
    sheet, _ = sheets(tmp_path / "m.xlsx")
    assert (colour(sheet["A3"]), colour(sheet["B3"])) == ("yellow", "red")
    assert "contact of your own" in sheet["B3"].comment.text

"""XLSX workbooks: typed cells at their true addresses; broken, locked and monstrous ones end in a sentence."""

import zipfile
from datetime import date, datetime, time, timedelta

import openpyxl
import pytest

from node.datasets import open_table, xlsx_source
from node.errors import UserError
from tests.support.intake import write_xlsx


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


def test_a_stray_cell_far_away_is_refused_before_it_costs_half_a_terabyte(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["ref", "tel"])
    book.active["XFD1048576"] = "x"
    book.save(tmp_path / "far.xlsx")
    with pytest.raises(UserError, match="row 1,048,576 and column 16,384") as caught:
        read(tmp_path / "far.xlsx")
    assert "Ctrl+End" in caught.value.advice


def test_without_the_scan_the_stray_cell_would_reach_calamine(tmp_path, monkeypatch):
    """The sabotaged twin: the scan is all that stands between such a file and the library."""
    reached = []

    class Workbook:
        @staticmethod
        def from_path(path):
            reached.append(path)
            raise OSError

    book = openpyxl.Workbook()
    book.active["XFD1048576"] = "x"
    book.save(tmp_path / "far.xlsx")
    monkeypatch.setattr(xlsx_source, "CalamineWorkbook", Workbook)
    with pytest.raises(UserError, match="stray entry"):
        read(tmp_path / "far.xlsx")
    assert reached == []
    monkeypatch.setattr(xlsx_source, "_check_area", lambda *_: None)
    with pytest.raises(UserError):
        read(tmp_path / "far.xlsx")
    assert reached == [tmp_path / "far.xlsx"]


def test_a_styled_but_empty_cell_far_away_is_harmless(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["ref", "tel"])
    book.active["XFD1048576"].font = openpyxl.styles.Font(bold=True)
    book.save(tmp_path / "styled.xlsx")
    assert read(tmp_path / "styled.xlsx")[0].header == ("ref", "tel")


def test_a_cell_that_is_too_long_costs_its_row(tmp_path, monkeypatch):
    monkeypatch.setattr(xlsx_source, "MAX_CELL_CHARACTERS", 100)
    with open_table(write_xlsx(tmp_path, [["ref", "n"], ["1", "a" * 101], ["2", "a" * 100]])) as table:
        assert [(row.number, row.problem) for row in table.rows()] == [(2, "cell/too-long"), (3, "")]


def broken(tmp_path):
    whole = write_xlsx(tmp_path, [["ref"], ["1"]], name="whole.xlsx").read_bytes()
    yield "cut", whole[: len(whole) // 2], "damaged"
    yield "zip of nothing", b"PK\x03\x04" + b"x" * 500, "damaged"
    with zipfile.ZipFile(tmp_path / "whole.xlsx") as archive:
        start = archive.getinfo("xl/worksheets/sheet1.xml").header_offset + 60
    yield (
        "bits turned",
        whole[:start] + bytes(b ^ 255 for b in whole[start : start + 90]) + whole[start + 90 :],
        "damaged",
    )
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
    yield "another kind", (tmp_path / "other.zip").read_bytes(), "not an XLSX"
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


@pytest.mark.parametrize(
    ("limit", "value", "sentence"),
    [("MAX_WORKBOOK_BYTES", 100, "larger than"), ("MAX_UNPACKED_BYTES", 100, "too large")],
)
def test_limits_are_kept(tmp_path, monkeypatch, limit, value, sentence):
    monkeypatch.setattr(xlsx_source, limit, value)
    with pytest.raises(UserError, match=sentence):
        read(write_xlsx(tmp_path, [["ref"], ["1"]]))


def test_too_many_columns_and_a_missing_header_row(tmp_path):
    with pytest.raises(UserError, match="more than 2,000 columns"):
        read(write_xlsx(tmp_path, [["c"] * 2001]))
    with pytest.raises(UserError, match="no row 9"):
        read(write_xlsx(tmp_path, [["ref"], ["1"]]), header_row=9)
    book = openpyxl.Workbook()
    book.save(tmp_path / "empty.xlsx")
    with pytest.raises(UserError, match="no sheet with anything"):
        read(tmp_path / "empty.xlsx")

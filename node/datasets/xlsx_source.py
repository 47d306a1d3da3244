"""XLSX workbooks (ECMA-376), read by python-calamine with typed cells.

calamine holds one sheet as a dense grid from its first to its last used cell. One stray entry in the last row and the
last column of a sheet would ask for half a terabyte and end the process, so the sheets are first scanned, as a stream,
for the furthest cell that holds anything (`MAX_SHEET_CELLS`). Rows then come out one by one, with leading empty rows
and columns counted, so that addresses are those of the spreadsheet.

A number cell comes out as a float, a date as ISO text. A cell with an error value comes out empty: that is calamine's
behaviour and a limit of ours.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Self

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from node.datasets.tables import MAX_CELL_CHARACTERS, MAX_COLUMNS, Facts, Row, Value, is_blank, plain
from node.errors import UserError

__all__ = ["MAX_SHEET_CELLS", "MAX_WORKBOOK_BYTES", "XlsxTable"]

MAX_WORKBOOK_BYTES = 64 * 1024 * 1024
"""Bytes of the file. A larger table belongs in a CSV file, which is streamed."""

MAX_UNPACKED_BYTES = 1024 * 1024 * 1024
"""Bytes of one part of the workbook when unpacked: bounds the work a crafted file can ask for."""

MAX_SHEET_CELLS = 5_000_000
"""Rows x columns up to the furthest used cell. calamine takes 32 bytes for each: 160 MB."""

_CHUNK_BYTES = 1 << 20
_OVERLAP_BYTES = 512
_MOST_LETTERS, _MOST_DIGITS = 8, 18  # of an address; what is longer is refused all the same
# A cell that holds something: `<c r="AB12" ...>`, not the self-closing `<c r="AB12" s="3"/>` that only has a style.
_USED_CELL = re.compile(rb"""<(?:\w+:)?c\s(?:[^<>]*\s)?r=["']([A-Za-z]+)([0-9]+)["'](?:[^<>]*[^/<>])?>""")


class XlsxTable:
    """One open workbook and the sheet chosen in it: by name, or the first visible sheet that is not empty."""

    def __init__(self, path: Path, *, sheet: str | None = None, header_row: int | None = None) -> None:
        _check_size(path)
        try:
            self._workbook = CalamineWorkbook.from_path(path)
            chosen = _choose(self._workbook, sheet)
        except PasswordError:
            raise UserError(
                "This workbook is protected by a password.", advice="Remove the password in a copy and add the copy."
            ) from None
        except (CalamineError, OSError):
            raise _broken() from None
        self._sheet = chosen
        self._offset = chosen.start[1] if chosen.start else 0
        number = 0
        for row in self._read(0):
            number = row.number
            if number == header_row or (header_row is None and not all(map(is_blank, row.cells))):
                break
        else:
            if header_row is not None and number:
                raise UserError(
                    f"This sheet has no row {header_row}.", advice="Give the number of the row with the column names."
                )
            raise UserError("This sheet is empty.", advice="Name the sheet that holds the table.")
        if len(row.cells) > MAX_COLUMNS:
            raise UserError(
                f"The header has more than {MAX_COLUMNS:,} columns.", advice="Remove the columns that are not needed."
            )
        self._header = tuple(plain(cell) for cell in row.cells)
        self._facts = Facts(
            format="xlsx", header_row=number, sheet=chosen.name, sheets=tuple(self._workbook.sheet_names)
        )

    @property
    def facts(self) -> Facts:
        return self._facts

    @property
    def header(self) -> tuple[str, ...]:
        return self._header

    def rows(self) -> Iterator[Row]:
        return self._read(self._facts.header_row)

    def close(self) -> None:
        self._workbook.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, after: int) -> Iterator[Row]:
        left = ("",) * self._offset
        # iter_rows gives the empty rows above the first used cell, but not the empty columns beside it.
        for number, cells in enumerate(self._sheet.iter_rows(), start=1):
            if number <= after:
                continue
            if any(isinstance(cell, str) and len(cell) > MAX_CELL_CHARACTERS for cell in cells):
                yield Row(number, (), "cell/too-long")
            else:
                yield Row(number, left + tuple(map(_value, cells)))


def _value(cell: Any) -> Value:
    """One typed cell of calamine as text or number."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, int | float):
        return float(cell)
    if isinstance(cell, datetime):
        # A spreadsheet has no dates without a time: midnight is how it writes a plain date.
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(sep=" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell)
    return ""


def _choose(workbook: CalamineWorkbook, name: str | None) -> CalamineSheet:
    if name is not None:
        if name not in workbook.sheet_names:
            raise UserError(
                "This workbook has no sheet of that name.", advice="The preview lists the sheets; check the spelling."
            )
        return workbook.get_sheet_by_name(name)
    usable = [
        found.name
        for found in workbook.sheets_metadata
        if found.visible == SheetVisibleEnum.Visible and found.typ == SheetTypeEnum.WorkSheet
    ]
    for candidate in usable:
        sheet = workbook.get_sheet_by_name(candidate)
        if sheet.start is not None:
            return sheet
    raise UserError("This workbook has no sheet with anything in it.", advice="Check that the right file was saved.")


def _check_size(path: Path) -> None:
    """Refuse, before calamine opens it, a workbook that would not fit in memory."""
    try:
        if path.stat().st_size > MAX_WORKBOOK_BYTES:
            raise UserError(
                f"This workbook is larger than {MAX_WORKBOOK_BYTES // 2**20} MiB.",
                advice="Save the sheet as CSV and add that.",
            )
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if "xl/workbook.xml" not in names:
                raise UserError(
                    "This file is not an XLSX workbook.",
                    advice="Open it in your spreadsheet program and save it as XLSX or CSV.",
                )
            for part in archive.infolist():
                if part.file_size > MAX_UNPACKED_BYTES:
                    raise UserError(
                        "This workbook is too large to be read.", advice="Save the sheet as CSV and add that."
                    )
                if part.filename.startswith("xl/worksheets/") and part.filename.endswith(".xml"):
                    _check_area(archive, part)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError):
        # RuntimeError is how zipfile says that a part is encrypted, NotImplementedError an unknown compression.
        raise _broken() from None


def _check_area(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    last_row = last_column = 0
    tail = b""
    with archive.open(part) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            text = tail + chunk
            for letters, row in _USED_CELL.findall(text):
                last_row = max(last_row, int(row[:_MOST_DIGITS]))
                last_column = max(last_column, _column_number(letters))
            tail = text[-_OVERLAP_BYTES:]
    if last_row * last_column > MAX_SHEET_CELLS:
        raise UserError(
            f"A sheet of this workbook reaches to row {last_row:,} and column {last_column:,}: too large to be read "
            "safely. Often that is one stray entry far away from the table.",
            advice="Press Ctrl+End in each sheet to find it and delete it, or save the sheet as CSV and add that.",
        )


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper()[:_MOST_LETTERS]:
        number = number * 26 + letter - 64
    return number


def _broken() -> UserError:
    return UserError(
        "This workbook is damaged or incomplete.",
        advice="Open it in your spreadsheet program and save a copy as XLSX or CSV.",
    )

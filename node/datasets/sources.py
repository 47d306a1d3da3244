"""The door for files: `open_table` tells a CSV from an XLSX file by its content and opens it.

The source is opened read-only and never touched. What this module does not promise: that a guessed encoding is the
right one (the preview shows it, and it can be named), or that an error value in an XLSX cell (`#N/A`) is seen as more
than an empty cell (python-calamine hides it).
"""

from pathlib import Path

from node.datasets.csv_source import CsvTable
from node.datasets.sourcefile import SourceFile
from node.datasets.tables import Table
from node.datasets.xlsx_source import XlsxTable
from node.errors import UserError

__all__ = ["open_table"]

_ZIP = b"PK\x03\x04"
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_NOT_TABLES = {
    b"%PDF": "a PDF document",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"{\\rt": "a text document",
}


def open_table(
    path: Path | str,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    sheet: str | None = None,
    header_row: int | None = None,
) -> Table:
    """Open a CSV or XLSX file, told apart by its content. UserError if it is neither or cannot be read."""
    if header_row is not None and header_row < 1:
        raise UserError(
            "Rows are counted from 1, as the spreadsheet shows them.", advice="Give the number of the header's row."
        )
    source = SourceFile(Path(path))
    try:
        start = _start(source)
        if start.startswith(_ZIP):
            return XlsxTable(source, sheet=sheet, header_row=header_row)
        if sheet is not None:
            raise UserError("A CSV file has no sheets.", advice="Leave the sheet out.")
        return CsvTable(source, encoding=encoding, delimiter=delimiter, header_row=header_row)
    except BaseException:
        source.close()
        raise


def _start(source: SourceFile) -> bytes:
    """The first bytes. UserError if they are those of something that is no table."""
    with source.reader() as file:
        start = file.read(len(_OLE))
    if not start:
        raise UserError("This file is empty.", advice="Save the table again and check that it has a header row.")
    if start.startswith(_OLE):
        raise _refuse_ole(source)
    for magic, what in _NOT_TABLES.items():
        if start.startswith(magic):
            raise UserError(f"This file is {what}, not a table.", advice="Give a CSV or XLSX file.")
    return start


def _refuse_ole(source: SourceFile) -> UserError:
    """A password-protected XLSX file is wrapped in the container of the old formats."""
    marker = "EncryptedPackage".encode("utf-16-le")
    tail = b""
    with source.reader() as file:
        while chunk := file.read(1 << 20):
            if marker in tail + chunk:
                return UserError(
                    "This workbook is protected by a password.",
                    advice="Open it, remove the password in a copy (or export the sheet as CSV), and add the copy.",
                )
            tail = chunk[-len(marker) :]
    return UserError(
        "This is a workbook in an old format (.xls).", advice="Open it and save it as .xlsx or CSV, then add that file."
    )

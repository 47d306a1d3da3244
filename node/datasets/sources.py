"""The door for sources: `open_table` tells by the content what a file is, and opens it.

    csv                csv_source       text of any common encoding; what is left when it is nothing else
    xlsx xls ods       workbook_source  begins like a zip archive or an OLE container
    parquet            parquet_source   begins with PAR1
    jsonl              jsonl_source     begins with a brace
    sql                sql_source       a file whose name ends in .toml, which says where to ask and what

The source is opened read-only and never touched. What this module does not promise: that a guessed encoding is the
right one (the preview shows it, and it can be named), or that an error value in a workbook's cell (`#N/A`) is seen as
more than an empty cell (python-calamine hides it).
"""

import re
from pathlib import Path

from node.datasets.csv_source import CsvTable
from node.datasets.jsonl_source import JsonLinesTable
from node.datasets.parquet_source import ParquetTable
from node.datasets.sourcefile import SourceFile
from node.datasets.sql_source import SqlTable
from node.datasets.tables import Table
from node.datasets.workbook_source import WorkbookTable
from node.errors import UserError
from psi.secret import SecretBytes

__all__ = ["WrongOption", "open_table"]

_START_BYTES = 512
_WORKBOOKS = (b"PK\x03\x04", bytes.fromhex("d0cf11e0a1b11ae1"))
_PARQUET = b"PAR1"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_JSON_LIST = re.compile(rb"\[\s*[\[{]")
_GIVE = "Give a table: CSV, XLSX, XLS, ODS, Parquet, JSON Lines, or a .toml file that says what to ask a database."
_NOT_TABLES = {
    b"%PDF": ("a PDF document", _GIVE),
    b"\x89PNG": ("a picture", _GIVE),
    b"\xff\xd8\xff": ("a picture", _GIVE),
    b"{\\rt": ("a text document", _GIVE),
    b"\x1f\x8b": ("compressed", "Unpack it (gunzip) and give the file inside."),
    b"7z\xbc\xaf": ("compressed", "Unpack it and give the file inside."),
    b"PARE": ("an encrypted Parquet file", "Export the table without encryption, or as a locked XLSX workbook."),
    b"SQLite format 3\0": (
        "a SQLite database",
        "Say which of its data to take: in a file NAME.toml (chmod 600), with the two lines "
        'url = "sqlite:///DATABASE" and query = "SELECT ...". Give that file.',
    ),
}


class WrongOption(UserError):
    """An option was given that this kind of source does not have."""


def open_table(
    path: Path | str,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    sheet: str | None = None,
    header_row: int | None = None,
    password: SecretBytes | bytes | None = None,
    explode: str | None = None,
) -> Table:
    """Open a source; what is None is detected. UserError if it is none, cannot be read, or an option is not for it.

    `password` opens a locked workbook (PasswordNeeded without it, WrongPassword if it is another one) and is not kept;
    `explode` names the list of a JSON Lines file whose entries become rows.
    """
    path = Path(path)
    if header_row is not None and header_row < 1:
        raise UserError(
            "Rows are counted from 1, as the spreadsheet shows them.", advice="Give the number of the header's row."
        )
    text = {"encoding": encoding, "delimiter": delimiter}
    source = SourceFile(path)
    try:
        start = _start(source)
        if path.suffix.casefold() == ".toml":
            _refuse("query", text, sheet=sheet, header_row=header_row, password=password, explode=explode)
            return SqlTable(source, path.absolute().parent)
        if start.startswith(_WORKBOOKS):
            _refuse("workbook", text, explode=explode)
            return WorkbookTable(source, sheet=sheet, header_row=header_row, password=password)
        if start.startswith(_PARQUET):
            _refuse("Parquet file", text, sheet=sheet, header_row=header_row, password=password, explode=explode)
            return ParquetTable(source)
        if start.removeprefix(_BYTE_ORDER_MARK).lstrip().startswith(b"{"):
            _refuse("JSON Lines file", text, sheet=sheet, header_row=header_row, password=password)
            return JsonLinesTable(source, explode=explode)
        _refuse("CSV file", {}, sheet=sheet, password=password, explode=explode)
        return CsvTable(source, encoding=encoding, delimiter=delimiter, header_row=header_row)
    except BaseException:
        source.close()
        raise


_HAS_NO = {
    "encoding": "encoding to choose",
    "delimiter": "delimiter",
    "sheet": "sheets",
    "header_row": "header row",
    "password": "password",
    "explode": "lists to take apart",
}


def _refuse(what: str, text: dict[str, str | None], **options: object) -> None:
    """WrongOption if one was given that this kind of source does not have."""
    for name, value in {**text, **options}.items():
        if value is not None:
            raise WrongOption(
                f"A {what} has no {_HAS_NO[name]}.",
                advice="Only JSON Lines has: leave --explode out, or a profile that takes a list apart."
                if name == "explode"
                else "Leave this option out.",
            )


def _start(source: SourceFile) -> bytes:
    """The first bytes. UserError if they are those of something that is no table."""
    with source.reader() as file:
        start = file.read(_START_BYTES)
    if not start:
        raise UserError("This file is empty.", advice="Save the table again and check that it has a header row.")
    for magic, (what, advice) in _NOT_TABLES.items():
        if start.startswith(magic):
            raise UserError(f"This file is {what}, not a table.", advice=advice)
    if _JSON_LIST.match(start.removeprefix(_BYTE_ORDER_MARK).lstrip()):
        raise UserError(
            "This file is one JSON list, not JSON Lines.",
            advice="Export it as JSON Lines (also called NDJSON), one object on each line, or as CSV.",
        )
    return start

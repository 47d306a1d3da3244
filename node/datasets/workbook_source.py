"""Workbooks: XLSX, XLS and ODS, read by a process of their own (`reading_process`, `workbook_reader`).

Leading empty rows and columns count, so that addresses are those of the spreadsheet. A locked workbook is opened with
its password inside that process: the password goes there through a pipe, and what was decrypted touches no disk.
"""

from collections.abc import Iterator
from typing import Any

from node.datasets.header import take_header
from node.datasets.reading_child import MAX_CPU_SECONDS, MAX_MEMORY_BYTES
from node.datasets.reading_process import ReadingProcess
from node.datasets.sourcefile import SourceFile
from node.datasets.tables import MAX_COLUMNS, Facts, PasswordNeeded, Row, Table, WrongPassword, listed, plain
from node.errors import UserError
from psi.secret import SecretBytes

__all__ = ["MAX_WORKBOOK_BYTES", "WorkbookTable"]

MAX_WORKBOOK_BYTES = 64 * 1024 * 1024
"""Bytes of the file. A larger table belongs in a CSV file, which is streamed."""

_FORMATS = ("xlsx", "xls", "ods")
_REFUSALS: dict[str, tuple[type[UserError], str, str]] = {
    "locked": (
        PasswordNeeded,
        "This workbook is protected by a password.",
        "Give its password: it is asked for at the terminal, or read from a private file (--password-file FILE). It "
        "is never stored.",
    ),
    "wrong-password": (
        WrongPassword,
        "The password does not open this workbook.",
        "Check capitals and the keyboard's language, and try again; or remove the password in a copy and add the copy.",
    ),
    "locked-ods": (
        UserError,
        "This workbook is protected by a password in a way that cannot be opened here.",
        "Open it in your spreadsheet program and save a copy as XLSX with the password, or without one.",
    ),
    "damaged": (
        UserError,
        "This workbook is damaged or incomplete.",
        "Open it in your spreadsheet program and save a copy as XLSX or CSV.",
    ),
    "no-workbook": (
        UserError,
        "This file is not a workbook that can be read here (XLSX, XLS or ODS).",
        "Open it in your spreadsheet program and save it as XLSX or CSV.",
    ),
    "nothing-in-it": (
        UserError,
        "This workbook has no sheet with anything in it.",
        "Check that the right file was saved.",
    ),
}


class WorkbookTable(Table):
    """One open workbook and the sheet chosen in it: by name, or the first visible sheet that is not empty."""

    def __init__(
        self,
        source: SourceFile,
        *,
        sheet: str | None = None,
        header_row: int | None = None,
        password: SecretBytes | bytes | None = None,
    ) -> None:
        if source.size > MAX_WORKBOOK_BYTES:
            raise UserError(
                f"This workbook is larger than {MAX_WORKBOOK_BYTES // 2**20} MiB.",
                advice="Save the sheet as CSV and add that.",
            )
        self._source = source
        self._process = ReadingProcess("workbook_reader", "python_calamine", source, _gave_up)
        try:
            self._open(self._process.open({"sheet": sheet}, password), header_row)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._process.close()
        self._source.close()

    def _open(self, answer: dict[str, Any], header_row: int | None) -> None:
        kind, names, chosen = _understood(answer)
        row = take_header(lambda: self._read(0), header_row, "sheet")
        if row is None:
            raise UserError("This sheet is empty.", advice="Name the sheet that holds the table.")
        if len(row.cells) > MAX_COLUMNS:
            raise UserError(
                f"The header has more than {MAX_COLUMNS:,} columns.", advice="Remove the columns that are not needed."
            )
        self.header = tuple(plain(cell) for cell in row.cells)
        self.facts = Facts(format=kind, header_row=row.number, sheet=chosen, sheets=names)

    def _read(self, after: int) -> Iterator[Row]:
        return self._process.rows(after)


def _understood(answer: dict[str, Any]) -> tuple[str, tuple[str, ...], str]:
    """(format, names of the sheets, chosen sheet) from the first answer, or the refusal in it."""
    match answer:
        case {"format": str(kind), "sheet": str(chosen), "sheets": [*names]} if kind in _FORMATS and all(
            isinstance(name, str) for name in names
        ):
            return kind, tuple(names), chosen
        case {"refused": "no-such-sheet", "sheets": [*names]} if all(isinstance(name, str) for name in names):
            raise UserError(
                "This workbook has no sheet of that name.",
                advice=f"Its sheets are: {listed(names)}.",
            )
        case {"refused": str(why)} if why in _REFUSALS:
            kind_of_error, sentence, advice = _REFUSALS[why]
            raise kind_of_error(sentence, advice=advice)
    raise _gave_up()


def _gave_up() -> UserError:
    return UserError(
        f"This workbook cannot be read safely: it would take more than {MAX_MEMORY_BYTES // 2**20:,} MiB of memory or "
        f"{MAX_CPU_SECONDS} seconds, or it is damaged. Often there is one stray entry far away from the table.",
        advice="Press Ctrl+End in each sheet to find it and delete it, or save the sheet as CSV and add that.",
    )

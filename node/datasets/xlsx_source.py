"""XLSX workbooks, read by a process of their own (`xlsx_reader`, which says why) and asked for batch by batch.

What comes back is taken as data of an unknown sender: an answer longer than agreed, or of another shape, ends the
reading as an abort does, with a sentence. Leading empty rows and columns count, so that addresses are those of the
spreadsheet. The process lives as long as the table is open and is killed when it is closed.
"""

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from node.datasets import xlsx_reader
from node.datasets.header import guess_header
from node.datasets.sourcefile import SourceFile
from node.datasets.tables import MAX_CELL_CHARACTERS, MAX_COLUMNS, Facts, Row, Table, plain
from node.datasets.xlsx_reader import MAX_ANSWER_BYTES, MAX_CPU_SECONDS, MAX_MEMORY_BYTES
from node.errors import UserError

__all__ = ["MAX_WORKBOOK_BYTES", "XlsxTable"]

MAX_WORKBOOK_BYTES = 64 * 1024 * 1024
"""Bytes of the file. A larger table belongs in a CSV file, which is streamed."""

MAX_SHEETS_NAMED = 20
"""Sheets named in an error message."""

_REFUSALS = {
    "locked": ("This workbook is protected by a password.", "Remove the password in a copy and add the copy."),
    "damaged": (
        "This workbook is damaged or incomplete.",
        "Open it in your spreadsheet program and save a copy as XLSX or CSV.",
    ),
    "no-workbook": (
        "This file is not an XLSX workbook.",
        "Open it in your spreadsheet program and save it as XLSX or CSV.",
    ),
    "nothing-in-it": ("This workbook has no sheet with anything in it.", "Check that the right file was saved."),
}


class XlsxTable(Table):
    """One open workbook and the sheet chosen in it: by name, or the first visible sheet that is not empty."""

    def __init__(self, source: SourceFile, *, sheet: str | None = None, header_row: int | None = None) -> None:
        if source.size > MAX_WORKBOOK_BYTES:
            raise UserError(
                f"This workbook is larger than {MAX_WORKBOOK_BYTES // 2**20} MiB.",
                advice="Save the sheet as CSV and add that.",
            )
        self._source = source
        self._process = _start(source)
        try:
            self._open(sheet, header_row)
        except BaseException:
            self.close()
            raise

    def _open(self, sheet: str | None, header_row: int | None) -> None:
        names, chosen = self._choose(sheet)
        wanted = header_row or guess_header(self._read(0))
        number = 0
        for row in self._read(0):
            number = row.number
            if number == wanted:
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
        self.header = tuple(plain(cell) for cell in row.cells)
        self.facts = Facts(format="xlsx", header_row=number, sheet=chosen, sheets=names)

    def close(self) -> None:
        self._process.kill()
        # Leaving the process waits for it and closes the pipes; there may be a request that it never read.
        with contextlib.suppress(BrokenPipeError):
            self._process.__exit__(None, None, None)
        self._source.close()

    def _choose(self, sheet: str | None) -> tuple[tuple[str, ...], str]:
        match self._ask({"sheet": sheet}):
            case {"sheet": str(chosen), "sheets": [*names]} if all(isinstance(name, str) for name in names):
                return tuple(names), chosen
            case {"refused": "no-such-sheet", "sheets": [*names]} if all(isinstance(name, str) for name in names):
                raise UserError(
                    "This workbook has no sheet of that name.",
                    advice=f"Its sheets are: {', '.join(names[:MAX_SHEETS_NAMED])}.",
                )
            case {"refused": str(why)} if why in _REFUSALS:
                sentence, advice = _REFUSALS[why]
                raise UserError(sentence, advice=advice)
        raise _gave_up()

    def _read(self, after: int) -> Iterator[Row]:
        number = after
        while rows := self._ask({"after": number}):
            if not isinstance(rows, list):
                raise _gave_up()
            for cells in rows:
                number += 1
                yield _row(number, cells)

    def _ask(self, request: dict[str, Any]) -> Any:
        requests, answers = self._process.stdin, self._process.stdout
        assert requests is not None
        assert answers is not None
        try:
            requests.write(json.dumps(request).encode() + b"\n")
            requests.flush()
            line = answers.readline(MAX_ANSWER_BYTES)
            if line.endswith(b"\n"):
                return json.loads(line)
        except (OSError, ValueError, RecursionError):
            pass  # it is dead, or says what is not JSON
        raise _gave_up()


def _start(source: SourceFile) -> "subprocess.Popen[bytes]":
    found = importlib.util.find_spec("python_calamine")
    assert found is not None
    assert found.origin is not None
    packages = Path(found.origin).parent.parent
    # Isolated and without site: no path but the standard library's, and calamine's behind it. Only the file is passed.
    command = [sys.executable, "-I", "-S", xlsx_reader.__file__, str(source.descriptor), str(packages)]
    try:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and file, two arguments of our own making
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=(source.descriptor,),
            env={name: value for name, value in os.environ.items() if name == "LD_LIBRARY_PATH"},
        )
    except OSError:
        raise UserError(
            "The program that reads workbooks could not be started.",
            advice="Try again later, or save the sheet as CSV and add that.",
        ) from None


def _row(number: int, cells: Any) -> Row:
    if cells is None:
        return Row(number, (), "cell/too-long")
    if not isinstance(cells, list) or not all(isinstance(cell, str | float) for cell in cells):
        raise _gave_up()
    if any(isinstance(cell, str) and len(cell) > MAX_CELL_CHARACTERS for cell in cells):
        return Row(number, (), "cell/too-long")
    return Row(number, tuple(cells))


def _gave_up() -> UserError:
    return UserError(
        f"This workbook cannot be read safely: it would take more than {MAX_MEMORY_BYTES // 2**20:,} MiB of memory or "
        f"{MAX_CPU_SECONDS} seconds, or it is damaged. Often there is one stray entry far away from the table.",
        advice="Press Ctrl+End in each sheet to find it and delete it, or save the sheet as CSV and add that.",
    )

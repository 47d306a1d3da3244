"""The process that reads an XLSX workbook (ECMA-376), apart from the node: started by `xlsx_source` as a script.

calamine unpacks a workbook and holds one sheet as a dense grid from its first to its last used cell. A file of one
kilobyte can ask it for half a terabyte, and then it does not raise, it aborts the process. No check beforehand sees
all such files, since it would have to read a workbook exactly as calamine does. So calamine runs here, where the
kernel bounds memory, time and files, and where an abort, or a fault in the parser, costs this process and not the node.

This process is given the open workbook and two pipes, and nothing else: no key, no setting, no environment, no code of
ours but this file. Each request and each answer is one line of JSON, and an answer is no longer than a batch or a row
may be. A number cell goes out as a float, a date as ISO text; an error value (`#N/A`) comes out of calamine as an
empty cell, which is a limit of ours. It is no sandbox: what it bounds is resources.
"""

import ctypes
import json
import os
import resource
import signal
import sys
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any

__all__ = ["MAX_ANSWER_BYTES", "MAX_CPU_SECONDS", "MAX_MEMORY_BYTES"]

MAX_MEMORY_BYTES = 1 << 30
"""Address space of this process, in bytes. A sheet of 100,000 rows and 5 columns took 70 MiB, one of two million
cells 230 MiB."""

MAX_CPU_SECONDS = 120
"""Processor time of this process, in seconds. The smaller of these sheets took two."""

MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""Bytes of one answer: a batch and one longest row, every character written as six bytes, are shorter."""

_ROW_CHARACTERS = 4 * 1024 * 1024
_BATCH_CHARACTERS = 512 * 1024
_BATCH_ROWS = 512
_PR_SET_PDEATHSIG = 1


def _main(descriptor: int, packages: str) -> None:
    """Serve the workbook behind a descriptor until the requests end. `packages`: the folder that holds calamine."""
    for what, most in (
        (resource.RLIMIT_AS, MAX_MEMORY_BYTES),
        (resource.RLIMIT_CPU, MAX_CPU_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    # Between two requests the closed pipe ends this process; within one, the death of the node does.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    sys.path.append(packages)
    requests = map(json.loads, sys.stdin.buffer)
    with os.fdopen(descriptor, "rb") as file:
        file.seek(0)
        sheet, said = _choose(file, next(requests)["sheet"])
    _answer(said)
    if sheet is None:
        return
    left = [""] * (sheet.start[1] if sheet.start else 0)
    # iter_rows gives the empty rows above the first used cell, but not the empty columns beside it.
    rows, done = sheet.iter_rows(), 0
    for request in requests:
        if request["after"] < done:
            rows, done = sheet.iter_rows(), 0
        for _ in islice(rows, request["after"] - done):
            pass
        batch = list(_batch(rows, left))
        done = request["after"] + len(batch)
        _answer(batch)


def _answer(value: Any) -> None:
    sys.stdout.buffer.write(json.dumps(value, ensure_ascii=False).encode() + b"\n")
    sys.stdout.buffer.flush()


def _choose(file: Any, name: str | None) -> tuple[Any, dict[str, Any]]:
    """The sheet of that name, or the first visible one that is not empty, and the answer; no sheet if refused."""
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

    try:
        with zipfile.ZipFile(file) as archive:
            if "xl/workbook.xml" not in archive.namelist():
                return None, {"refused": "no-workbook"}
        file.seek(0)
        workbook = CalamineWorkbook.from_filelike(file)
        names = workbook.sheet_names
        if name is not None:
            if name not in names:
                return None, {"refused": "no-such-sheet", "sheets": names}
            return workbook.get_sheet_by_name(name), {"sheet": name, "sheets": names}
        for found in workbook.sheets_metadata:
            if found.visible == SheetVisibleEnum.Visible and found.typ == SheetTypeEnum.WorkSheet:
                sheet = workbook.get_sheet_by_name(found.name)
                if sheet.start is not None:
                    return sheet, {"sheet": found.name, "sheets": names}
    except PasswordError:
        return None, {"refused": "locked"}
    except (CalamineError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError):
        # RuntimeError is how zipfile says that a part is encrypted, NotImplementedError an unknown compression.
        return None, {"refused": "damaged"}
    return None, {"refused": "nothing-in-it"}


def _batch(rows: Iterator[list[Any]], left: list[str]) -> Iterator[list[str | float] | None]:
    """The next rows, as many as make one answer; None for a row that is too long for one."""
    characters = 0
    for row in islice(rows, _BATCH_ROWS):
        cells = left + [_value(cell) for cell in row]
        length = len(cells) + sum(len(cell) for cell in cells if isinstance(cell, str))
        characters += length
        yield None if length > _ROW_CHARACTERS else cells
        if characters > _BATCH_CHARACTERS:
            return


def _value(cell: Any) -> str | float:
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


if __name__ == "__main__":
    _main(int(sys.argv[1]), sys.argv[2])

"""The process that reads a workbook or a Parquet file, apart from the node: started by `reading_process` as a script.

These formats are read by large parsers in other languages, and a file of one kilobyte can ask them for half a
terabyte: then they do not raise, they abort the process. No check beforehand sees all such files, since it would have
to read a file exactly as the parser does. So they run here, where the kernel bounds memory, time and files, and where
an abort, or a fault in the parser, costs this process and not the node.

    node                               this process
    {"sheet": ..., "secret": n}  ->                      and n bytes of password behind it
                                 <-    {"header": ...} or {"refused": why}
    {"after": 0}                 ->
                                 <-    rows 1 to k: [[cell, ...], null, "reason", ...]      [] at the end
    {"after": k}                 ->    and so on

It is given the open file and two pipes, and nothing else: no key, no setting, no environment, no code of ours but
this file and the reader it names (`workbook_reader`, `parquet_reader`). Each request and each answer is one line of
JSON, and an answer is no longer than a batch or a row may be. It is no sandbox: what it bounds is resources.
"""

import ctypes
import importlib.util
import json
import math
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

__all__ = ["MAX_ANSWER_BYTES", "MAX_CPU_SECONDS", "MAX_EXACT_NUMBER", "MAX_MEMORY_BYTES", "Rows", "as_cell"]

MAX_MEMORY_BYTES = 1 << 30
"""Address space of this process, in bytes. A sheet of 100,000 rows and 5 columns took 70 MiB, one of two million
cells 230 MiB; pyarrow by itself takes 280 MiB, nearly all of it untouched."""

MAX_CPU_SECONDS = 120
"""Processor time of one answer, in seconds. The smaller of these sheets, which is unpacked by the first, took two."""

MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""Bytes of one answer: a batch and one longest row, every character written as six bytes, are shorter."""

MAX_EXACT_NUMBER = 10**15
"""Spreadsheets keep 15 digits. A whole number below this goes out as a number, as a spreadsheet would have kept it;
one from here on, which only a typed source can hold exactly, as the text of its digits."""

_MAX_DECIMAL_DIGITS = 1_000
_ROW_CHARACTERS = 4 * 1024 * 1024
_BATCH_CHARACTERS = 512 * 1024
_BATCH_ROWS = 512
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4

Rows = Callable[[int], Iterator[Sequence[Any] | str]]
"""The rows with a number above the given one: the values of each, or the reason code why it cannot be read."""


def as_cell(value: Any) -> str | float:
    """A value of a typed source as a cell: text (dates as ISO text, truth values as TRUE or FALSE) or a number.

    ValueError for what is no cell: bytes, lists, objects.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return float(value) if abs(value) < MAX_EXACT_NUMBER else str(value)
    if isinstance(value, float):
        # Not a number is how data frames write "nothing"; the other one is what a spreadsheet shows for an overflow.
        return value if math.isfinite(value) else "" if math.isnan(value) else "#NUM!"
    if isinstance(value, datetime):
        # A spreadsheet has no dates without a time: midnight is how it writes a plain date.
        plain = value.time() == time() and value.tzinfo is None
        return value.date().isoformat() if plain else value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        if not value.is_finite() or abs(value.adjusted()) > _MAX_DECIMAL_DIGITS:
            return "" if value.is_nan() else "#NUM!"
        return as_cell(int(value)) if value == value.to_integral_value() else f"{value:f}"
    if isinstance(value, timedelta | UUID):
        return str(value)
    raise ValueError("not a cell")


def _main(descriptor: int, reader: str, packages: str) -> None:
    """Serve the file behind a descriptor until the requests end. `packages`: the folder that holds the parsers."""
    for what, most in (
        (resource.RLIMIT_AS, MAX_MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    _allow_one_answer()
    # Between two requests the closed pipe ends this process; within one, the death of the node does.
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    sys.path.append(packages)
    request = json.loads(sys.stdin.buffer.readline())
    secret = sys.stdin.buffer.read(request.pop("secret", 0))
    if secret:
        libc.prctl(_PR_SET_DUMPABLE, 0)  # not to be looked into by other processes of this account
    with os.fdopen(descriptor, "rb") as file:
        file.seek(0)
        answer, rows = _load(reader).open_source(file, request, secret)
        del secret
        _answer(answer)
        if rows is not None:
            _serve(rows)


def _load(reader: str) -> Any:
    """The reader beside this file, as a module without a package: nothing else of ours is imported."""
    spec = importlib.util.spec_from_file_location(reader, Path(__file__).with_name(f"{reader}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _serve(rows: Rows) -> None:
    running, done = rows(0), 0
    for line in sys.stdin.buffer:
        after = json.loads(line)["after"]
        _allow_one_answer()
        if after != done:
            running, done = rows(after), after
        batch = list(_batch(running))
        done += len(batch)
        _answer(batch)


def _allow_one_answer() -> None:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(usage.ru_utime + usage.ru_stime) + MAX_CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))


def _answer(value: Any) -> None:
    sys.stdout.buffer.write(json.dumps(value, ensure_ascii=False).encode() + b"\n")
    sys.stdout.buffer.flush()


def _batch(rows: Iterator[Sequence[Any] | str]) -> Iterator[list[str | float] | str | None]:
    """The next rows, as many as make one answer; None for a row that is too long for one, a reason as it is."""
    characters = 0
    for row in islice(rows, _BATCH_ROWS):
        if isinstance(row, str):
            yield row
            continue
        try:
            cells = list(map(as_cell, row))
        except ValueError:
            yield "cell/not-text"
            continue
        length = len(cells) + sum(len(cell) for cell in cells if isinstance(cell, str))
        characters += length
        yield None if length > _ROW_CHARACTERS else cells
        if characters > _BATCH_CHARACTERS:
            return


if __name__ == "__main__":
    _main(int(sys.argv[1]), sys.argv[2], sys.argv[3])

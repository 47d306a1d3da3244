"""A copy of a table in which every finding is marked in its place: for correcting the source cell by cell.

The copy is a workbook (ECMA-376) whatever the source was. Its first sheet holds the rows as they were read, each in the
row and column it has in the source, the lines above the header too: `C17` of a report is `C17` here. A cell with a
finding has a colour and a note with the reason and the fix; a row that is left out is grey. The second sheet says what
the colours mean, counts per column and per reason, and what the copy could not show.

    red     this cell does not take part           yellow  read all the same: look at it
    orange  because of this cell the row is out    grey    the row is left out

It holds the owner's raw data, so it is written where the owner says and nowhere else: mode 0600, never over a file that
is there, so never over the source. Texts are written as texts: a cell that begins with "=" does nothing (CWE-1236).
Rows go to the disk as they are read, through a folder beside the copy that only this account can enter; a power cut may
leave that folder there.

Not promised: the source's own formats, formulas and other sheets. A source with more rows than a sheet has is cut.
"""

import math
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from node.datasets.mapping import Mapping
from node.datasets.report import REPAIRS, Problem, Report
from node.datasets.rows import Reading, RowReader
from node.datasets.tables import Row, Table, Value, column_letter
from node.datasets.terms import Terms
from node.datasets.urgent import those_who_refused
from node.errors import UserError
from node.store.files import FILE_MODE

__all__ = ["MAX_NOTES", "SHEET_COLUMNS", "SHEET_ROWS", "MarkedCopy", "check_place", "write_marked_copy"]

SHEET_ROWS = 1_048_576
"""Rows of a sheet; what a spreadsheet program opens at most."""

SHEET_COLUMNS = 16_384
"""Columns of a sheet."""

MAX_NOTES = 10_000
"""Notes in a copy. They are held in memory, and a spreadsheet program takes its time for each; cells beyond it have
their colour only."""

PROGRESS_ROWS = 1_000
"""Rows between two calls of the progress callback."""

_COLUMN_CHARACTERS = 18
_SHEET_NAME_CHARACTERS = 31
_COLOURS = {"red": "#F4B6B6", "orange": "#F8CBAD", "yellow": "#FFEB9C", "grey": "#D9D9D9"}
_MEANING = {
    "red": "This cell does not take part. Its note says why, and what to do.",
    "orange": "Because of this cell the whole row is left out.",
    "yellow": "The row takes part, but look at this: the note says what was found.",
    "grey": "The row is left out.",
}
_KEEP_ROW = frozenset(("reference/repeated", "child/born-recently", "row/too-few-cells"))


@dataclass(frozen=True, slots=True)
class MarkedCopy:
    """What was written: cells marked, notes among them, and `sentences` about what the copy does not show."""

    marked: int
    notes: int
    sentences: tuple[str, ...]


def check_place(path: Path) -> None:
    """UserError if no copy can be written there; asked before any work is done."""
    if path.suffix.lower() != ".xlsx":
        raise UserError("The marked copy is a workbook.", advice="Give it a name that ends in .xlsx.")
    if path.exists() or path.is_symlink():
        raise UserError(
            "There is already a file where the marked copy should go.", advice="Give another name, or remove that file."
        )
    if not path.parent.is_dir():
        raise UserError("There is no folder for the marked copy.", advice="Make the folder, or name another.")


def write_marked_copy(
    table: Table,
    mapping: Mapping,
    terms: Terms,
    path: Path,
    *,
    now: datetime,
    stop: frozenset[tuple[str, str]] = frozenset(),
    progress: Callable[[int], None] | None = None,
) -> MarkedCopy:
    """Read the whole table and write the copy. UserError as `check_place`, for a mapping that does not fit, and if the
    disk is full; then, and if it is interrupted, nothing is left at `path`."""
    terms.check(mapping)
    binding = mapping.bind(table.header)
    reader = RowReader(binding, terms, len(table.header), now.date(), stop, those_who_refused(table, binding))
    check_place(path)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    except OSError as error:
        raise _cannot_write(error) from None
    scratch = ""
    try:
        with os.fdopen(descriptor, "wb") as file:
            scratch = tempfile.mkdtemp(prefix=".blindmatch-", dir=path.parent)
            made = _Copy(file, scratch, table, reader, binding.columns(), now).write(progress)
            file.flush()
            os.fsync(file.fileno())
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _cannot_write(error) from None
        raise
    finally:
        if scratch:
            shutil.rmtree(scratch, ignore_errors=True)
    return made


class _Copy:
    """One workbook while it is written, row by row: rows that were written are on the disk and not in memory."""

    def __init__(
        self, file: Any, scratch: str, table: Table, reader: RowReader, roles: dict[int, str], now: datetime
    ) -> None:
        import xlsxwriter  # takes a moment, and few commands need it

        self._table = table
        self._reader = reader
        self._roles = roles
        self._report = Report()
        self._reasons: dict[str, Problem] = {}
        self._references: set[int] = set()
        self._marked = self._notes = self._last = 0
        self._cut_rows = self._cut_cells = False
        texts_only = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
        self._book = xlsxwriter.Workbook(file, {"constant_memory": True, "tmpdir": scratch, **texts_only})
        self._book.set_properties({"created": now.replace(tzinfo=None), "title": "Marked copy", "author": "blindmatch"})
        self._formats = {name: self._book.add_format({"bg_color": colour}) for name, colour in _COLOURS.items()}
        self._bold = self._book.add_format({"bold": True})
        self._wrap = self._book.add_format({"text_wrap": True, "valign": "top"})
        self._sheet = self._book.add_worksheet(_sheet_name(table.facts.sheet))
        self._legend = self._book.add_worksheet("What is marked")

    def write(self, progress: Callable[[int], None] | None) -> MarkedCopy:
        self._sheet.set_column(0, max(len(self._table.header) - 1, 0), _COLUMN_CHARACTERS)
        header_row = self._table.facts.header_row
        for row in self._table.every_row():
            at = max(row.number, self._last + 1)  # lines that were taken apart have one number for several rows
            if at > SHEET_ROWS:
                self._cut_rows = True
                break
            self._last = at
            if row.number <= header_row:
                self._plain(row, at, self._bold if row.number == header_row else None)
            else:
                self._row(row, at)
            if progress is not None and self._report.rows % PROGRESS_ROWS == 0:
                progress(self._report.rows)
        for index, count in self._reader.take_counts().items():
            self._report.column(index).merge(count)
        sentences = self._sentences()
        self._explain(sentences)
        self._book.close()
        return MarkedCopy(self._marked, self._notes, sentences)

    def _plain(self, row: Row, at: int, style: Any) -> None:
        for index, value in enumerate(row.cells[:SHEET_COLUMNS]):
            self._cell(at, index, value, style)

    def _row(self, row: Row, at: int) -> None:
        reading = self._reader.read(row)
        if reading.blank:
            return
        self._report.rows += 1
        out = reading.record is None
        problems = [*reading.problems, *self._repeated(row, reading)]
        found: dict[int, list[Problem]] = {}
        for problem in problems:
            self._report.add(problem)
            self._reasons.setdefault(problem.reason, problem)
            found.setdefault(_column_of(problem), []).append(problem)
        if reading.record is not None:
            self._report.take(reading.record)
        self._cut_cells |= len(row.cells) > SHEET_COLUMNS
        width = min(max(len(row.cells), max(found, default=0) + 1), SHEET_COLUMNS)
        for index in range(width):
            value = row.cells[index] if index < len(row.cells) else ""
            here = found.get(index)
            colour = _colour(here, out) if here else "grey" if out else ""
            self._cell(at, index, value, self._formats[colour] if colour else None)
            if here:
                self._marked += 1
                self._note(at, index, here)

    def _repeated(self, row: Row, reading: Reading) -> tuple[Problem, ...]:
        """A case number that stood on a row before."""
        if reading.record is None:
            return ()
        known, number = len(self._references), hash(reading.record.reference)
        self._references.add(number)
        if len(self._references) > known:
            return ()
        return (Problem.of("reference/repeated", self._reader.reference_address(row.number)),)

    def _note(self, at: int, index: int, problems: list[Problem]) -> None:
        if self._notes < MAX_NOTES:
            self._notes += 1
            text = "\n\n".join(f"{problem.sentence} {problem.fix}".strip() for problem in problems)
            self._sheet.write_comment(at - 1, index, text, {"author": "blindmatch", "x_scale": 2, "y_scale": 1.5})

    def _cell(self, at: int, index: int, value: Value, style: Any) -> None:
        place = (at - 1, index)
        if isinstance(value, float) and math.isfinite(value):
            self._sheet.write_number(*place, value, style)
        elif value == "":
            if style is not None:
                self._sheet.write_blank(*place, None, style)
        else:
            # Half of a surrogate pair has no place in XML.
            self._sheet.write_string(*place, str(value).encode("utf-8", "replace").decode(), style)

    def _sentences(self) -> tuple[str, ...]:
        found = []
        if self._cut_rows:
            found.append(f"The table is longer than a sheet: only its first {SHEET_ROWS:,} rows are here.")
        if self._cut_cells:
            found.append(f"Some rows are wider than a sheet: only their first {SHEET_COLUMNS:,} cells are here.")
        if self._notes < self._marked:
            found.append(f"Only the first {MAX_NOTES:,} marked cells have a note; the others have their colour.")
        if self._table.facts.explode:
            found.append("One line of the source gave several rows, so rows here have other numbers than lines there.")
        return tuple(found)

    def _explain(self, sentences: tuple[str, ...]) -> None:
        """The second sheet."""
        sheet, report = self._legend, self._report
        sheet.set_column(0, 0, 24)
        sheet.set_column(1, 2, 60)
        sheet.set_column(3, 6, 12)
        rows: list[tuple[tuple[object, ...], Any]] = [(("What the colours mean",), self._bold)]
        rows += [((name, _MEANING[name]), self._formats[name]) for name in _COLOURS]
        rows += [((), None), (("rows", report.rows), None), (("of these prepared", report.usable), None)]
        rows += [(("left out", report.left_out), None), ((), None), *((("Note", text), None) for text in sentences)]
        rows += [(("column", "name", "used as", "accepted", "repaired", "refused", "blank"), self._bold)]
        for index, name in enumerate(self._table.header):
            role = self._roles.get(index)
            count = report.columns.get(index)
            numbers: tuple[object, ...] = tuple(count.to_dict().values()) if count else ()
            rows.append(((column_letter(index), name, role or "not used", *numbers), None))
        rows += [((), None), (("cells or rows", "reason", "what to do"), self._bold)]
        for reason, times in report.reasons.most_common():
            rows.append(((times, self._reasons[reason].sentence, self._reasons[reason].fix), self._wrap))
        for at, (cells, style) in enumerate(rows):
            for place, value in enumerate(cells):
                if isinstance(value, int):
                    sheet.write_number(at, place, value, style)
                else:
                    sheet.write_string(at, place, str(value).encode("utf-8", "replace").decode(), style)


def _colour(problems: list[Problem], out: bool) -> str:
    reasons = {problem.reason for problem in problems}
    if reasons <= REPAIRS | _KEEP_ROW or all(reason.startswith("row/many-") for reason in reasons):
        return "yellow"
    return "orange" if out else "red"


def _column_of(problem: Problem) -> int:
    """The column of an address; A for what is said of a whole row."""
    letters = problem.address.rstrip("0123456789")
    if not letters.isupper() or not letters.isalpha():
        return 0
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - ord("A") + 1
    return index - 1


def _sheet_name(name: str) -> str:
    """What a sheet may be called (ECMA-376 part 1, 18.2.19, and what spreadsheet programs refuse beyond it)."""
    plain = "".join(c if c.isprintable() and c not in "[]:*?/\\" else " " for c in name).strip().strip("'")
    plain = plain[:_SHEET_NAME_CHARACTERS].strip().strip("'")
    return plain if plain and plain.casefold() not in ("what is marked", "history") else "Table"


def _cannot_write(error: OSError) -> UserError:
    reason = os.strerror(error.errno).lower() if error.errno else "unknown reason"
    return UserError(
        f"The marked copy cannot be written: {reason}.", advice="Make room, or name a folder that you may write to."
    )

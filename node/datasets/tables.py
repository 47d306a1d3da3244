"""What a table is, whatever file it comes from: a header and rows with true cell addresses.

A report that says "cell C17" helps only if C17 is what the caseworker sees in her spreadsheet. So a row keeps the
number it has there (blank rows count, a line break inside a quoted cell does not), a column its letter, and a number
stays a number: `721123456.0` where a phone number should be is evidence of what the spreadsheet did to it.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from node.errors import UserError

__all__ = [
    "BY_LINE",
    "BY_RECORD",
    "BY_ROW",
    "MAX_CELL_CHARACTERS",
    "MAX_COLUMNS",
    "MAX_NAMED",
    "Facts",
    "PasswordNeeded",
    "Row",
    "Table",
    "Value",
    "WrongPassword",
    "column_letter",
    "cut",
    "is_blank",
    "listed",
    "plain",
]

MAX_NAMED = 20
"""Columns, sheets or lists that one note or error names."""

MAX_CELL_CHARACTERS = 32_767
"""Characters in one cell; the limit that spreadsheet programs have themselves."""

MAX_COLUMNS = 2_000
"""Columns in a header. A table with more is almost always a file read with the wrong delimiter."""

BY_ROW = "row of the sheet"
BY_LINE = "line of the file"
BY_RECORD = "record, counted from 1"
"""What `Row.number` counts (`Facts.numbering`)."""

Value = str | float
"""A cell as read: text (dates as ISO text, truth values as TRUE or FALSE) or a number."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found out about the source, for the preview.

    `format` is csv, xlsx, xls, ods, parquet, jsonl or sql; `header_row` 0 where columns have names without one;
    `compression` that of a Parquet file; `explode` the list that was taken apart (JSON Lines); `numbering` what
    `Row.number` counts. `notes` are sentences for the owner about what was left out; they may name columns, so
    they go to the preview and never to a log.
    """

    format: str
    header_row: int
    encoding: str = ""
    encoding_guessed: bool = False
    delimiter: str = ""
    sheet: str = ""
    sheets: tuple[str, ...] = ()
    compression: str = ""
    explode: str = ""
    numbering: str = BY_ROW
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Row:
    """One row: `number` as `Facts.numbering` says, `cells` from column A on.

    Numbers never fall; several rows share one only if one line of a file was taken apart (`Facts.explode`).
    `problem` names a row that could not be read as cells (a reason code of `report`); such a row has no cells.
    """

    number: int
    cells: tuple[Value, ...]
    problem: str = ""

    def __repr__(self) -> str:
        return f"<Row {self.number}, {len(self.cells)} cells>"


class PasswordNeeded(UserError):
    """A workbook is locked, and no password was given: whoever sits at the keyboard can be asked."""

    code = "password-needed"


class WrongPassword(UserError):
    """A workbook is locked, and the password that was given does not open it."""

    code = "wrong-password"


class Table(ABC):
    """An open table; a context manager. A subclass sets `facts` and `header` when it opens the file."""

    facts: Facts
    header: tuple[str, ...]

    def rows(self) -> Iterator[Row]:
        """Every row after the header, blank ones too; can be called again."""
        return self._read(self.facts.header_row)

    def every_row(self) -> Iterator[Row]:
        """The same with the header, and with what stands above it."""
        return self._read(0)

    @abstractmethod
    def _read(self, after: int) -> Iterator[Row]:
        """Every row with a number above `after`."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what is held between calls."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def column_letter(index: int) -> str:
    """The name a spreadsheet gives to column `index` (0 is A, 26 is AA)."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def cut(cells: Iterable[Value]) -> tuple[Value, ...]:
    """The same cells, none of them longer than MAX_CELL_CHARACTERS.

    For sources where a long text is no sign of damage, such as the HTML of an advertisement. It is still far too long
    to be read as an identifier, so nothing wrong comes of it.
    """
    return tuple(cell[:MAX_CELL_CHARACTERS] if isinstance(cell, str) else cell for cell in cells)


def listed(names: Sequence[str], most: int = MAX_NAMED) -> str:
    """Names for a sentence: the first of them, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def is_blank(value: Value) -> bool:
    """Nothing in the cell that a person would see."""
    return isinstance(value, str) and not value.strip()


def plain(value: Value) -> str:
    """The text of a cell that is not a telephone number: 1001.0 is 1001, outer blanks do not count."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return value.strip()

"""What a table is, whatever file it comes from: a header and rows with true cell addresses.

A report that says "cell C17" helps only if C17 is what the caseworker sees in her spreadsheet. So a row keeps the
number it has there (blank rows count, a line break inside a quoted cell does not), a column its letter, and a number
stays a number: `721123456.0` where a phone number should be is evidence of what the spreadsheet did to it.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

__all__ = [
    "MAX_CELL_CHARACTERS",
    "MAX_COLUMNS",
    "Facts",
    "Row",
    "Table",
    "Value",
    "column_letter",
    "is_blank",
    "plain",
]

MAX_CELL_CHARACTERS = 32_767
"""Characters in one cell; the limit that spreadsheet programs have themselves. A row with a longer one is reported."""

MAX_COLUMNS = 2_000
"""Columns in a header. A table with more is almost always a file read with the wrong delimiter."""

Value = str | float
"""A cell as read: text (dates as ISO text, truth values as TRUE or FALSE) or a number."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found out about the file, for the preview: all of it can be overridden."""

    format: str
    header_row: int
    encoding: str = ""
    encoding_guessed: bool = False
    delimiter: str = ""
    sheet: str = ""
    sheets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Row:
    """One row: `number` as the spreadsheet shows it, `cells` from column A on.

    `problem` names a row that could not be read as cells (a reason code of `report`); such a row has no cells.
    """

    number: int
    cells: tuple[Value, ...]
    problem: str = ""

    def __repr__(self) -> str:
        return f"<Row {self.number}, {len(self.cells)} cells>"


class Table(ABC):
    """An open table; a context manager. A subclass sets `facts` and `header` when it opens the file."""

    facts: Facts
    header: tuple[str, ...]

    def rows(self) -> Iterator[Row]:
        """Every row after the header, blank ones too; can be called again."""
        return self._read(self.facts.header_row)

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


def is_blank(value: Value) -> bool:
    """Nothing in the cell that a person would see."""
    return isinstance(value, str) and not value.strip()


def plain(value: Value) -> str:
    """The text of a cell that is not a telephone number: 1001.0 is 1001, outer blanks do not count."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return value.strip()

"""One cell that holds several values, and one that a spreadsheet damaged: what the younger kinds share.

A line break, a semicolon, a comma or a bar always parts two values. One unreadable value refuses its whole cell, since
half a cell would lose matches without a word, so readers simply read each part in turn.
"""

import re
from collections.abc import Callable
from typing import Final

from psi.errors import RefusedValue
from psi.identifiers.cells import Cell, ascii_digits, clean, whole_number

__all__ = [
    "BETWEEN_CODES",
    "LINE_BREAKS",
    "LOST_DIGITS",
    "MAX_VALUES_IN_A_CELL",
    "Refuse",
    "is_zero",
    "number_cell",
    "read_each",
    "refuser",
    "undamaged",
]

MAX_VALUES_IN_A_CELL: Final = 8
"""Values. More in one cell are a list that lost its rows."""

LOST_DIGITS: Final = re.compile(r"\d(?:[.,]\d+)?[eE]\+\d{1,2}")
"""What a spreadsheet shows of a number that is too long for its column: 7.2E+8."""

LINE_BREAKS: Final = re.compile(r"[\r\n\v\f\x85\u2028\u2029]+")
"""Every character that ends a line, so that a cell is parted alike however its file was written."""

BETWEEN_CODES: Final = re.compile(r"[;,|&]|\s/\s")
"""What parts two numbers or codes of an office: also "&", and a stroke between spaces, for they hold neither."""

_BETWEEN: Final = re.compile(r"[;,|]")
_WHOLE: Final = re.compile(r"(\d{1,15})[.,]0+")

Refuse = Callable[[str, str, str], RefusedValue]
"""(slug, sentence, advice) -> the refusal with the reason `<kind>/<slug>`."""


def refuser(kind: str) -> Refuse:
    """How the readers of one kind say no."""

    def refuse(slug: str, sentence: str, advice: str) -> RefusedValue:
        return RefusedValue(sentence, advice=advice, reason=f"{kind}/{slug}")

    return refuse


def read_each(
    cell: Cell, kind: str, read: Callable[[str], tuple[str, ...]], between: re.Pattern[str] = _BETWEEN
) -> tuple[str, ...]:
    """The values of every part of a cell, in order and once each; () for a blank or a placeholder.

    `read` gets the clean text of one part. Raises what `clean` and `read` raise, and `RefusedValue` `<kind>/too-many`.
    """
    text = clean(Cell(LINE_BREAKS.sub(";", cell.text), cell.number))
    parts = [part for piece in between.split(text) if (part := clean(Cell(piece)))]
    if len(parts) > MAX_VALUES_IN_A_CELL:
        raise RefusedValue(
            f"This cell holds more than {MAX_VALUES_IN_A_CELL} values.",
            advice="Use one row each.",
            reason=f"{kind}/too-many",
        )
    return tuple(dict.fromkeys(value for part in parts for value in read(part)))


def undamaged(cell: Cell, kind: str) -> Cell:
    """The cell with the digits that a spreadsheet's number still has in full, as text: 1234567.0 is 1234567.

    Leading zeros are not put back: only a reader that knows how long its numbers are can do that. Raises
    `RefusedValue` `<kind>/lost-digits` for 1.2E+7, and what `whole_number` raises.
    """
    digits = whole_number(cell)
    if digits is not None:
        return Cell(digits)
    text = ascii_digits(cell.text.strip())
    if LOST_DIGITS.fullmatch(text):
        raise RefusedValue(
            "The spreadsheet shortened this number to powers of ten, and its digits are lost.",
            advice="Format the column as text and enter the number again from the original.",
            reason=f"{kind}/lost-digits",
        )
    whole = _WHOLE.fullmatch(text)
    return Cell(whole[1]) if whole else cell


def is_zero(cell: Cell) -> bool:
    """Whether a cell holds the number 0, as many programs export an empty one. Raises what `whole_number` raises."""
    digits = whole_number(cell)
    return digits is not None and digits.strip("0") == ""


def number_cell(refuse: Refuse) -> RefusedValue:
    """The refusal of a number cell by kinds whose values are no numbers: `<kind>/number-cell`."""
    return refuse(
        "number-cell",
        "The spreadsheet stored this value as a number, which it is not; characters of it may be lost.",
        "Format the column as text and enter the value again.",
    )

"""Which row of a table names its columns, if nobody said: the first one, but for title lines above it.

A title ("Clients of the north office", "as of 1 March") fills one cell or a few and holds no word that heads a column.
Only rows before the first that looks like a header are skipped; the preview shows the row that was taken.
"""

from collections.abc import Callable, Iterable
from itertools import islice

from node.datasets.mapping import suggest
from node.datasets.tables import Row, is_blank, plain
from node.errors import UserError

__all__ = ["guess_header", "take_header"]

MAX_ROWS_SEARCHED = 20
"""Rows that are not blank among which the header is looked for."""

_MAX_CELLS_READ = 200
_SURE_WORDS = 2


def guess_header(rows: Iterable[Row]) -> int | None:
    """The number of the header row, None if every row is blank. A row that cannot be read counts if it is the first."""
    found: list[tuple[int, int, int]] = []
    try:
        for row in islice((row for row in rows if row.problem or not all(map(is_blank, row.cells))), MAX_ROWS_SEARCHED):
            if row.problem:
                found += [] if found else [(row.number, 0, 0)]
                break
            filled = [plain(cell) for cell in row.cells[:_MAX_CELLS_READ] if not is_blank(cell)]
            found.append((row.number, len(filled), len(suggest(filled))))
    except UserError:
        pass  # told when the rows are read, with the row's number
    if not found:
        return None
    number, cells, words = next((one for one in found if one[1] > 1), found[0])
    for later, more_cells, more_words in found:
        title = not words or (words < _SURE_WORDS and 2 * cells <= more_cells)
        if later > number and more_words >= _SURE_WORDS and title:
            return later
    return number


def take_header(read: Callable[[], Iterable[Row]], asked: int | None, what: str) -> Row | None:
    """The row that was asked for, or else the one that `guess_header` takes; None if there is no row at all.

    `read` gives the rows from the first on. UserError if the file or sheet, whichever `what` is, ends before that row.
    """
    wanted = asked or guess_header(read())
    number = 0
    for row in read():
        number = row.number
        if number == wanted:
            return row
    if asked is not None and number:
        raise UserError(f"This {what} has no row {asked}.", advice="Give the number of the row with the column names.")
    return None

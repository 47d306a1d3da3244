"""JSON Lines: one JSON object (RFC 8259) on each line, in UTF-8, streamed: never more than one line in memory.

There is no header: the columns are the names that the first HEADER_LINES lines use, in the order in which they first
appear. A later line with something under another name is left out and reported: nobody was shown that name, and it
could be the one that says "consent withdrawn". Rows have the number of their line, blank lines count, and the entries
of a list that was taken apart (`json_shape`) share it.
"""

from collections.abc import Iterator
from typing import IO

from node.datasets.json_shape import Unreadable, flat_rows, parse_object
from node.datasets.sourcefile import SourceFile
from node.datasets.tables import BY_LINE, MAX_COLUMNS, Facts, Row, Table, is_blank, listed
from node.errors import UserError

__all__ = ["HEADER_LINES", "JsonLinesTable"]

HEADER_LINES = 10_000
"""Lines whose names become columns."""

MAX_LINE_BYTES = 4 * 1024 * 1024
"""Bytes in one line. A longer one costs its row."""

_MARK = b"\xef\xbb\xbf"
_CHUNK_BYTES = 1 << 20


class JsonLinesTable(Table):
    """One open JSON Lines file. `explode` names a list of objects to be taken apart, with dots: `household.members`."""

    def __init__(self, source: SourceFile, *, explode: str | None = None) -> None:
        self._source = source
        self._explode = explode or ""
        header, lists, exploded = self._survey()
        if not header:
            raise UserError(
                "This file looks like JSON but not like JSON Lines, which has one object on each line.",
                advice="Export it as JSON Lines (also called NDJSON), or as CSV.",
            )
        if explode and not exploded:
            raise UserError(
                "The list that should be taken apart is in none of the lines.",
                advice="Name another one with --explode, with dots between the names on the way down. With '' "
                "the preview names the lists of this file.",
            )
        self.header = tuple(header)
        self._places = {name: place for place, name in enumerate(header)}
        self.facts = Facts(
            format="jsonl",
            header_row=0,
            encoding="utf-8",
            explode=self._explode,
            numbering=BY_LINE,
            notes=(_left_out(sorted(lists)),) if lists else (),
        )

    def close(self) -> None:
        self._source.close()

    def _survey(self) -> tuple[dict[str, None], set[str], bool]:
        """The names in the first lines, the lists that are left out, and whether the one to explode was met."""
        header: dict[str, None] = {}
        lists: set[str] = set()
        exploded = False
        for number, line in self._lines():
            if number > HEADER_LINES:
                break
            try:
                found = parse_object(line) if line is not None else {}
                exploded = exploded or _has_list(found, self._explode)
                for cells in flat_rows(found, self._explode, lists):
                    header.update(dict.fromkeys(cells))
            except Unreadable:
                continue
            if len(header) > MAX_COLUMNS:
                raise UserError(
                    f"The lines of this file use more than {MAX_COLUMNS:,} different names.",
                    advice="Names should say what a value is (phone, name) and not be values themselves.",
                )
        return header, lists, exploded

    def _read(self, after: int) -> Iterator[Row]:
        for number, line in self._lines():
            if number <= after:
                continue
            if line is None:
                yield Row(number, (), "cell/too-long")
                continue
            try:
                for cells in flat_rows(parse_object(line), self._explode, set()):
                    yield self._row(number, cells)
            except Unreadable as error:
                yield Row(number, (), str(error))

    def _row(self, number: int, found: dict[str, str | float]) -> Row:
        cells: list[str | float] = [""] * len(self.header)
        for name, cell in found.items():
            place = self._places.get(name)
            if place is not None:
                cells[place] = cell
            elif not is_blank(cell):
                return Row(number, (), "row/late-field")
        return Row(number, tuple(cells))

    def _lines(self) -> Iterator[tuple[int, bytes | None]]:
        """Every line that is not blank, with its number; None for one that is too long."""
        with self._source.reader() as file:
            number = 0
            while line := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                if number == 1:
                    line = line.removeprefix(_MARK)
                if len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
                    _skip_line(file)
                    yield number, None
                elif line.strip():
                    yield number, line


def _skip_line(file: IO[bytes]) -> None:
    while (rest := file.readline(_CHUNK_BYTES)) and not rest.endswith(b"\n"):
        pass


def _has_list(found: object, name: str) -> bool:
    """Is there a list under this name? Names may hold dots themselves, so both ways to read one are tried."""
    if not isinstance(found, dict):
        return False
    if isinstance(found.get(name), list):
        return True
    return any(
        _has_list(inside, name.removeprefix(f"{key}.")) for key, inside in found.items() if name.startswith(f"{key}.")
    )


def _left_out(names: list[str]) -> str:
    return (
        f"Left out, because they hold lists with entries of their own: {listed(names)}. "
        "--explode with one of these names makes each of its entries a row; a profile can name it, too."
    )

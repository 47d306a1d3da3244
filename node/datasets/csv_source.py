"""CSV files (RFC 4180 and what programs make of it), streamed: never more than one record in memory.

Detected and shown in the preview: the encoding (byte order mark, else UTF-8 over the *whole* file, else
charset-normalizer among the 8-bit encodings of our languages: a guess) and the delimiter (comma, semicolon, tab or
bar; a first line `sep=;` is obeyed, as spreadsheet programs do). Other delimiters are used if they are named: each of
them also stands inside ordinary values.

A quotation mark that is opened and never closed would silently swallow the rows after it into one cell. Reading is
therefore strict: such a file is refused as a whole, with the row where the mark stands.
"""

import csv
import io
import re
from collections.abc import Iterator
from itertools import islice
from typing import IO

from node.datasets.encodings import check_encoding, detect_encoding
from node.datasets.header import take_header
from node.datasets.sourcefile import SourceFile
from node.datasets.tables import MAX_CELL_CHARACTERS, MAX_COLUMNS, Facts, Row, Table
from node.errors import UserError

__all__ = ["DELIMITERS", "CsvTable"]

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}

_NAMED_ONLY = frozenset("^~#:!$&*%¦§")
"""Delimiters that are not looked for. What telephone numbers hold, letters, digits and quotes are never any."""

MAX_LINE_CHARACTERS = 16 * 1024 * 1024
"""Characters in one line of the file. A longer "line" is no table; refusing it bounds the memory."""

_SAMPLE_CHARACTERS = 64 * 1024
_SAMPLE_RECORDS = 50
_SEPARATOR_LINE = re.compile(r'^\ufeff?"?sep=(.)"?\r?\n?$', re.IGNORECASE)


class CsvTable(Table):
    """One open CSV file."""

    def __init__(
        self,
        source: SourceFile,
        *,
        encoding: str | None = None,
        delimiter: str | None = None,
        header_row: int | None = None,
    ) -> None:
        self._source = source
        guessed = False
        if encoding is None:
            encoding, guessed = detect_encoding(source)
        else:
            encoding = check_encoding(encoding)
        self._encoding = encoding
        with self._open() as text:
            self._skip_lines = 1 if _SEPARATOR_LINE.match(_readline(text, encoding)) else 0
        self._delimiter = self._choose_delimiter(delimiter)
        row = take_header(lambda: self._read(0), header_row, "file")
        if row is None:
            raise UserError("This file has no header row.", advice="Its first row must name the columns.")
        if row.problem:
            raise UserError("The header row cannot be read.", advice="Check the delimiter and the quotation marks.")
        if len(row.cells) > MAX_COLUMNS:
            raise UserError(
                f"The header has more than {MAX_COLUMNS:,} columns.",
                advice="Check the delimiter, or name the right one.",
            )
        self.header = tuple(str(cell).strip() for cell in row.cells)
        self.facts = Facts(
            format="csv",
            header_row=row.number,
            encoding=encoding,
            encoding_guessed=guessed,
            delimiter=self._delimiter,
        )

    def close(self) -> None:
        self._source.close()

    def _open(self) -> io.TextIOWrapper:
        return io.TextIOWrapper(self._source.reader(), encoding=self._encoding, errors="strict", newline="")

    def _choose_delimiter(self, asked: str | None) -> str:
        if asked is not None:
            named = {name: mark for mark, name in DELIMITERS.items()} | {"\\t": "\t"}
            asked = named.get(asked, asked)
            if asked not in DELIMITERS and asked not in _NAMED_ONLY:
                raise UserError(
                    "This delimiter is not known.",
                    advice="Use comma, semicolon, tab, bar, or one character of ^ ~ # : ! $ & * %.",
                )
            return asked
        with self._open() as text:
            line = _readline(text, self._encoding)
            match = _SEPARATOR_LINE.match(line)
            if match and match[1] in DELIMITERS:
                return match[1]
            sample = "" if match else line
            sample += _read_text(text, self._encoding)
        if len(sample) >= _SAMPLE_CHARACTERS and (cut := sample.rfind("\n")) > 0:
            sample = sample[: cut + 1]
        return max(DELIMITERS, key=lambda mark: _fit(sample, mark))

    def _read(self, after: int) -> Iterator[Row]:
        with self._open() as text:
            for _ in range(self._skip_lines):
                text.readline()
            reader = csv.reader(_lines(text, self._encoding), delimiter=self._delimiter, strict=True)
            number = 0
            while True:
                number += 1
                first_line = reader.line_num + 1
                problem = ""
                try:
                    cells = tuple(next(reader))
                except StopIteration:
                    return
                except csv.Error as error:
                    cells = ()
                    problem = self._problem(error, number, reader.line_num - first_line + 1)
                if any(len(cell) > MAX_CELL_CHARACTERS for cell in cells):
                    cells, problem = (), "cell/too-long"
                if number > after:
                    yield Row(number, cells, problem)

    @staticmethod
    def _problem(error: csv.Error, number: int, lines: int) -> str:
        """The reason code of an unreadable row. UserError where the rows after it cannot be told apart either."""
        message = str(error)
        if "unexpected end" in message or lines > 1:
            raise UserError(
                f"A quotation mark that is opened in row {number} is not closed where its cell ends, so the rows "
                "after it cannot be told apart.",
                advice="Correct the quotation marks in that row, or save the table as XLSX.",
            ) from None
        return "cell/too-long" if "field limit" in message else "row/quotation-mark"


def _fit(sample: str, mark: str) -> tuple[float, int]:
    """How well a delimiter explains a sample: the share of records as wide as the first, then the width."""
    records = [record for record in islice(_lenient(sample, mark), _SAMPLE_RECORDS) if record]
    # Title lines above the header hold no delimiter; they count against every one alike.
    width = next((len(record) for record in records if len(record) > 1), 0)
    if width < 2:
        return 0.0, 0
    return round(sum(len(record) == width for record in records) / len(records), 1), width


def _lenient(sample: str, mark: str) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=mark)
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error:
            continue


def _lines(text: IO[str], encoding: str) -> Iterator[str]:
    while line := _readline(text, encoding):
        yield line


def _readline(text: IO[str], encoding: str) -> str:
    try:
        line = text.readline(MAX_LINE_CHARACTERS + 1)
    except UnicodeError:
        raise _wrong_encoding(encoding) from None
    if len(line) > MAX_LINE_CHARACTERS:
        raise UserError(
            f"One line of this file is longer than {MAX_LINE_CHARACTERS:,} characters, so it is not a table.",
            advice="Export the table again as CSV or XLSX.",
        )
    return line


def _read_text(text: IO[str], encoding: str) -> str:
    try:
        return text.read(_SAMPLE_CHARACTERS)
    except UnicodeError:
        raise _wrong_encoding(encoding) from None


def _wrong_encoding(encoding: str) -> UserError:
    # The exception's own text would quote bytes of the file.
    return UserError(
        f"This file is not written in the encoding {encoding}.",
        advice="Leave the encoding out to have it detected, name another one, or save the table as CSV UTF-8 or XLSX.",
    )

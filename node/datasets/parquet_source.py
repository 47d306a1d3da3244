"""Parquet files, read by a process of their own (`reading_process`, `parquet_reader`), a batch of rows at a time.

The columns have names, so there is no header row, and rows are records counted from 1. A whole number arrives as a
number, as a spreadsheet would hold it (a telephone number in such a column has lost its zero or its plus all the
same), but never with a digit less: from 16 digits on as text.
"""

from collections.abc import Iterator
from typing import Any

from node.datasets.reading_child import MAX_CPU_SECONDS, MAX_MEMORY_BYTES
from node.datasets.reading_process import ReadingProcess
from node.datasets.sourcefile import SourceFile
from node.datasets.tables import BY_RECORD, MAX_COLUMNS, Facts, Row, Table, listed
from node.errors import UserError

__all__ = ["ParquetTable"]

_REFUSALS = {
    "damaged": ("This Parquet file is damaged or incomplete.", "Export the table again."),
    "locked": ("This Parquet file is encrypted.", "Export the table without encryption, or as a locked XLSX workbook."),
    "too-wide": (f"This table has more than {MAX_COLUMNS:,} columns.", "Export the columns that are needed."),
    "nothing-in-it": (
        "No column of this Parquet file holds plain values.",
        "Export a flat table: text, numbers and dates.",
    ),
}


class ParquetTable(Table):
    """One open Parquet file."""

    def __init__(self, source: SourceFile) -> None:
        self._source = source
        self._process = ReadingProcess("parquet_reader", "pyarrow", source, _gave_up, cut_long_cells=True)
        try:
            self._understand(self._process.open({"most": MAX_COLUMNS}))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._process.close()
        self._source.close()

    def _understand(self, answer: dict[str, Any]) -> None:
        match answer:
            case {"header": [*header], "left_out": [*left_out], "compression": str(compression)} if all(
                isinstance(name, str) for name in (*header, *left_out)
            ):
                self.header = tuple(name.strip() for name in header)
                notes = (_left_out(left_out),) if left_out else ()
                self.facts = Facts(
                    format="parquet", header_row=0, compression=compression, numbering=BY_RECORD, notes=notes
                )
            case {"refused": str(why)} if why in _REFUSALS:
                sentence, advice = _REFUSALS[why]
                raise UserError(sentence, advice=advice)
            case _:
                raise _gave_up()

    def _read(self, after: int) -> Iterator[Row]:
        return self._process.rows(after)


def _left_out(names: list[str]) -> str:
    return (
        f"Left out, because they hold lists, structures or bytes: {listed(names)}. "
        "To use one, export it as a flat column."
    )


def _gave_up() -> UserError:
    return UserError(
        "This Parquet file cannot be read safely: it is damaged, or it would take more than "
        f"{MAX_MEMORY_BYTES // 2**20:,} MiB of memory or {MAX_CPU_SECONDS} seconds for a few hundred rows.",
        advice="Export the table again with smaller row groups, or as CSV.",
    )

"""A table is turned into a sealed file of prepared records and a report, as a stream, all or nothing.

Memory holds one block of records, the report's capped list and 16 bytes per usable row (to find case numbers that
stand on several rows). Rows with the same case number are kept apart and reported: they may be two phones of one
person or a copying mistake, and merging two people's rows into one would be the worse error.
"""

import hashlib
from array import array
from collections.abc import Callable, Iterator
from datetime import date

import numpy as np

from node.datasets.mapping import Mapping
from node.datasets.recordfile import MAX_RECORD_BYTES, RecordWriter
from node.datasets.report import Problem, Report
from node.datasets.rows import RowReader
from node.datasets.tables import Table
from node.datasets.terms import Terms
from node.errors import UserError

__all__ = ["MAX_ROWS", "PROGRESS_ROWS", "Progress", "prepare"]

MAX_ROWS = 20_000_000
"""Rows in one data set. Bounds the memory for repeated case numbers to 320 MB."""

PROGRESS_ROWS = 1_000
"""Rows between two calls of the progress callback."""

Progress = Callable[[int], None]


def prepare(
    table: Table, mapping: Mapping, terms: Terms, writer: RecordWriter, *, today: date, progress: Progress | None = None
) -> Report:
    """Read every row and append the records to `writer`, which the caller finishes or discards.

    `progress` is called with the number of rows read so far. UserError if the mapping does not fit, or if no row is
    usable: the sentence then names the most frequent reason.
    """
    terms.check(mapping)
    reader = RowReader(mapping.bind(table.header), terms, len(table.header), today)
    report = Report()
    seen = _References()
    for row in table.rows():
        reading = reader.read(row)
        if reading.blank:
            continue
        report.rows += 1
        if report.rows > MAX_ROWS:
            raise UserError(f"This table has more than {MAX_ROWS:,} rows.", advice="Split it into several data sets.")
        if progress is not None and report.rows % PROGRESS_ROWS == 0:
            progress(report.rows)
        for problem in reading.problems:
            report.add(problem)
        record = reading.record
        if record is None:
            continue
        line = record.to_line()
        if len(line) > MAX_RECORD_BYTES:
            report.add(Problem.of("row/too-large", f"row {row.number}"))
            continue
        writer.append(line)
        seen.add(record.reference, row.number)
        report.take(record)
    for number in seen.repeated():
        report.add(Problem.of("reference/repeated", reader.reference_address(number)))
    if progress is not None:
        progress(report.rows)
    if not report.usable:
        raise _nothing_usable(report)
    return report


class _References:
    """Which rows repeat a reference seen before. Eight bytes of a hash stand for it: at ten million rows the chance
    of one false note is 3 in a million, and a note changes nothing but the report."""

    def __init__(self) -> None:
        self._hashes = array("Q")
        self._rows = array("Q")

    def add(self, reference: str, row: int) -> None:
        self._hashes.append(int.from_bytes(hashlib.sha256(reference.encode()).digest()[:8], "big"))
        self._rows.append(row)

    def repeated(self) -> Iterator[int]:
        """Row numbers in ascending order, without the first row of each reference."""
        hashes = np.frombuffer(self._hashes, dtype=np.uint64)
        if not len(hashes):
            return
        order = np.argsort(hashes, kind="stable")
        again = order[1:][hashes[order][1:] == hashes[order][:-1]]
        yield from (self._rows[index] for index in np.sort(again))


def _nothing_usable(report: Report) -> UserError:
    if not report.rows:
        return UserError(
            "The table has no rows below its header. Nothing was stored.", advice="Check that the right file was saved."
        )
    reason, count = report.reasons.most_common(1)[0]
    example = next((problem for problem in report.problems if problem.reason == reason), report.problems[0])
    return UserError(
        f"None of the {report.rows:,} rows can take part. Nothing was stored. The most frequent reason "
        f"({count:,} times): {example.sentence}",
        advice=f"{example.fix} The preview shows each row with its reason.".strip(),
    )

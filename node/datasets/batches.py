"""Rows are prepared a batch at a time: the same work here and in another process (`workers`).

    Setup        what does not change from row to row; crosses to the process once
    Preparer     rows of a batch -> Prepared
    Prepared     the lines of a batch, 8 bytes for each reference, and the report of these rows

All three cross a process boundary by pickle. What is in them stays on this machine, between a node and its children.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from node.datasets.heads import Heads
from node.datasets.mapping import Binding
from node.datasets.recordfile import MAX_RECORD_BYTES
from node.datasets.report import REPAIRS, Problem, Report
from node.datasets.rows import RowReader
from node.datasets.tables import Row, Value
from node.datasets.terms import Terms

__all__ = ["REFERENCE_BYTES", "Plain", "Prepared", "Preparer", "Setup", "reference_hash"]

REFERENCE_BYTES = 8
"""Bytes of a hash that stand for a case number when repeated ones are looked for."""

Plain = tuple[int, tuple[Value, ...], str]
"""A `Row` as it crosses to another process: number, cells, problem."""


@dataclass(frozen=True, slots=True, repr=False)
class Setup:
    """`width` header cells; `key` of the row digests (`heads`), "" for lines without a head; `stop` and
    `refused` as `RowReader`."""

    binding: Binding
    terms: Terms
    width: int
    today: date
    stop: frozenset[tuple[str, str]]
    key: bytes
    refused: frozenset[str] = frozenset()


@dataclass(slots=True, repr=False)
class Prepared:
    """`lines` has one entry for each row of the batch, b"" for a row that gave no record; `references` the hashes of
    those that did, one after the other."""

    lines: list[bytes] = field(default_factory=list)
    references: bytes = b""
    report: Report = field(default_factory=Report)


class Preparer:
    """Prepares batches of rows of one table."""

    def __init__(self, setup: Setup) -> None:
        self._reader = RowReader(setup.binding, setup.terms, setup.width, setup.today, setup.stop, setup.refused)
        self._heads = Heads(setup.key, setup.binding, setup.width)

    def prepare(self, rows: Sequence[Plain]) -> Prepared:
        """Read the rows of a batch in order; never an exception for what stands in them."""
        found = Prepared()
        report, lines = found.report, found.lines
        references = []
        for number, cells, problem in rows:
            row = Row(number, cells, problem)
            reading = self._reader.read(row)
            lines.append(b"")
            if reading.blank:
                continue
            report.rows += 1
            clean = True
            for finding in reading.problems:
                report.add(finding)
                clean = clean and finding.reason in REPAIRS
            record = reading.record
            if record is None:
                continue
            line = self._heads.line(row, record, reading.outcomes, clean=clean)
            if len(line) > MAX_RECORD_BYTES:
                report.add(Problem.of("row/too-large", f"row {row.number}"))
                continue
            lines[-1] = line
            references.append(reference_hash(record.reference))
            report.take(record)
        found.references = b"".join(references)
        for index, count in self._reader.take_counts().items():
            report.column(index).merge(count)
        return found


def reference_hash(reference: str) -> bytes:
    """At ten million rows the chance that two of them share one by accident is 3 in a million."""
    return hashlib.sha256(reference.encode()).digest()[:REFERENCE_BYTES]

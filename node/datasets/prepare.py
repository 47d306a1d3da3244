"""A table is turned into a sealed file of prepared records and a report, as a stream, all or nothing.

    table -> batches of rows -> RowReader (here, or in worker processes) -> lines in the order of the rows -> writer

A small table is prepared here. From `ALONE_ROWS` rows on, workers share the batches (`workers`); a batch gives the same
lines and the same report wherever it is prepared, and batches are taken in the order of their rows, so the result is
the same bit for bit.

Memory holds a window of batches, one block of records, the report's capped lists and 9 bytes per usable row (to find
case numbers that stand on several rows). Rows with the same case number are kept apart and reported: they may be two
phones of one person or a copying mistake, and merging two people's rows into one would be the worse error.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from typing import Protocol

from node.arithmetic import usable_processors
from node.datasets.batches import Plain, Prepared, Preparer, Setup, reference_hash
from node.datasets.mapping import Mapping
from node.datasets.recordfile import LineWriter
from node.datasets.repeated import References
from node.datasets.report import MAX_REPORTED_CELLS, Problem, Report
from node.datasets.rows import RowReader
from node.datasets.tables import Row, Table, Value
from node.datasets.terms import Terms
from node.datasets.urgent import those_who_refused
from node.datasets.workers import MOST_PROCESSES, Workers
from node.errors import UserError

__all__ = ["ALONE_ROWS", "BATCH_ROWS", "MAX_ROWS", "PROGRESS_ROWS", "Known", "Progress", "prepare"]

MAX_ROWS = 20_000_000
"""Rows in one data set. Bounds the memory for repeated case numbers to 180 MB."""

PROGRESS_ROWS = 1_000
"""Rows between two calls of the progress callback, at the least."""

BATCH_ROWS = 1_000
"""Rows that are handed to a worker at once."""

BATCH_CHARACTERS = 1 << 20
"""Characters in the cells of a batch after which it is closed: bounds its memory whatever the table holds."""

ALONE_ROWS = 8_000
"""Rows up to which no process is started: that takes as long as preparing these."""

BATCHES_AHEAD = 3
"""Batches for each worker that may be under way or waiting to be written."""

Progress = Callable[[int], None]


class Known(Protocol):
    """Rows that need not be prepared again (`takeover.Known`)."""

    def take(self, row: Row) -> tuple[bytes, str] | None:
        """The finished line and the reference of such a row; asked for every row in order."""

    def finish(self, report: Report) -> None:
        """Put what was taken over into the report."""


@dataclass(slots=True, repr=False)
class _Batch:
    """Consecutive rows of a table: those to prepare, and between them (before the n-th) those that are known."""

    rows: list[Plain] = field(default_factory=list)
    known: dict[int, list[tuple[bytes, str, int]]] = field(default_factory=dict)
    size: int = 0
    characters: int = 0


def prepare(
    table: Table,
    mapping: Mapping,
    terms: Terms,
    writer: LineWriter,
    *,
    today: date,
    key: bytes = b"",
    stop: frozenset[tuple[str, str]] = frozenset(),
    known: Known | None = None,
    progress: Progress | None = None,
    processes: int = 0,
) -> Report:
    """Read every row and append the records to `writer`, which the caller finishes or discards.

    `key` is that of the row digests (`heads`); `stop` holds the organisation's own contacts as (kind, value), which
    take no part; `progress` is called with the number of rows read so far. `processes` is the number of workers for a
    large table, 0 for one on each processor; 1 prepares everything here.

    UserError if the mapping does not fit, if a worker ended, or (without `known`) if no row is usable: the sentence
    then names the most frequent reason.
    """
    terms.check(mapping)
    binding = mapping.bind(table.header)
    setup = Setup(binding, terms, len(table.header), today, stop, key, those_who_refused(table, binding))
    report, seen, told = Report(), References(), 0
    taken = 0
    with ExitStack() as stack:
        for batch, found in _prepared(_batches(table, known), setup, processes or usable_processors(), stack):
            taken += _write(batch, found, writer, seen)
            report.merge(found.report)
            if report.rows + taken > MAX_ROWS:
                raise UserError(
                    f"This table has more than {MAX_ROWS:,} rows.", advice="Split it into several data sets."
                )
            if progress is not None and report.rows + taken - told >= PROGRESS_ROWS:
                told = report.rows + taken
                progress(told)
    if known is not None:
        known.finish(report)
    _report_repeated(seen, report, RowReader(binding, terms, len(table.header), today))
    if progress is not None:
        progress(report.rows)
    if not report.usable and known is None:
        raise _nothing_usable(report)
    return report


def _batches(table: Table, known: Known | None) -> Iterator[_Batch]:
    """The rows of a table in their order, cut into batches; at least one, which may be empty."""
    batch = _Batch()
    for row in table.rows():
        batch.size += 1
        batch.characters += _characters(row.cells)
        taken = known.take(row) if known is not None else None
        if taken is not None:
            batch.known.setdefault(len(batch.rows), []).append((*taken, row.number))
            batch.characters += len(taken[0])
        else:
            batch.rows.append((row.number, row.cells, row.problem))
        if batch.size >= BATCH_ROWS or batch.characters >= BATCH_CHARACTERS:
            yield batch
            batch = _Batch()
    yield batch


def _characters(cells: tuple[Value, ...]) -> int:
    try:
        return sum(map(len, cells))  # type: ignore[arg-type]
    except TypeError:
        return sum(len(cell) for cell in cells if isinstance(cell, str))


def _prepared(
    batches: Iterator[_Batch], setup: Setup, processes: int, stack: ExitStack
) -> Iterator[tuple[_Batch, Prepared]]:
    """Every batch with what came of it, in order. Workers that are started end with `stack`."""
    first: list[_Batch] = []
    rows = 0
    for batch in batches:
        first.append(batch)
        rows += len(batch.rows)
        if rows > ALONE_ROWS:
            break
    if rows <= ALONE_ROWS or processes == 1:
        preparer = Preparer(setup)
        for batch in chain(first, batches):
            yield batch, preparer.prepare(batch.rows)
        return
    count = min(processes, MOST_PROCESSES)
    workers = stack.enter_context(Workers(setup, count))
    ahead = count * BATCHES_AHEAD
    under_way = deque((batch, workers.submit(batch.rows)) for batch in first[:ahead])
    waiting = chain(first[ahead:], batches)
    while under_way:
        batch, future = under_way.popleft()
        found = future.result()
        if (following := next(waiting, None)) is not None:
            under_way.append((following, workers.submit(following.rows)))
        yield batch, found


def _write(batch: _Batch, found: Prepared, writer: LineWriter, seen: References) -> int:
    """Append the lines of a batch in the order of its rows; how many of them were known."""
    lines = found.lines
    if not batch.known:
        for line in lines:
            if line:
                writer.append(line)
        seen.extend(found.references, [row[0] for row, line in zip(batch.rows, lines, strict=True) if line])
        return 0
    taken = 0
    hashes: list[bytes] = []
    numbers: list[int] = []
    fresh = iter(range(0, len(found.references), 8))
    for place in range(len(lines) + 1):
        for line, reference, number in batch.known.get(place, ()):
            writer.append(line)
            hashes.append(reference_hash(reference))
            numbers.append(number)
            taken += 1
        if place < len(lines) and lines[place]:
            writer.append(lines[place])
            start = next(fresh)
            hashes.append(found.references[start : start + 8])
            numbers.append(batch.rows[place][0])
    seen.extend(b"".join(hashes), numbers)
    return taken


def _report_repeated(seen: References, report: Report, reader: RowReader) -> None:
    count, numbers = seen.repeated(MAX_REPORTED_CELLS)
    for number in numbers:
        report.add(Problem.of("reference/repeated", reader.reference_address(number)))
    if count > len(numbers):
        report.reasons["reference/repeated"] += count - len(numbers)


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

"""All data sets of a node: prepared once from a file, then read by rounds as a stream, until someone removes them.

    add      source file -> sealed record file -> one row in the table `datasets` and one audit entry, together
    records  the prepared records, one by one
    remove   the row and an audit entry, then the file

The record file gets its name before the row exists and loses it after the row is gone, so a crash in between leaves a
file that no row knows; the next start removes it. The audit log gets the data set's id and counts, never its name,
its source or anything in it. Removing unlinks the file and overwrites nothing: what the disk keeps is sealed.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select
from sqlalchemy.exc import IntegrityError

from node.clock import Clock, timestamp
from node.datasets.mapping import Mapping
from node.datasets.memory import MappingMemory
from node.datasets.prepare import Progress, prepare
from node.datasets.recordfile import RecordWriter, read_blocks, remove_file, remove_leftovers
from node.datasets.records import PreparedRecord, references
from node.datasets.report import Report
from node.datasets.tables import Table
from node.datasets.terms import Terms
from node.errors import NotFound, UserError
from node.ids import RandomBytes, new_id
from node.store import Store
from node.store.files import FOLDER_MODE
from node.store.schema import datasets
from psi.identifiers import NORMALISER_VERSION

__all__ = ["Audit", "Dataset", "DatasetBook"]

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")


class Audit(Protocol):
    """The part of the audit log that is needed here (`node.audit.AuditLog`)."""

    def append(self, tx: Connection, event: str, **facts: Any) -> int: ...


@dataclass(frozen=True, slots=True)
class Dataset:
    """One data set. `records` rows were read, `usable` of them are stored; `counts` is `Report.counts()`.

    `details` is what stands sealed: the source file's name, what was detected about it, the mapping, the reference to
    a legal duty, and the reported cells (addresses and reasons).
    """

    dataset_id: str
    name: str
    record_class: str
    basis: str
    region: str | None
    normaliser_version: str
    records: int
    usable: int
    counts: dict[str, Any]
    details: dict[str, Any]
    created_at: str


class DatasetBook:
    """Adds, lists, reads and removes data sets. Make one per node: it clears away what a crash left in `folder`."""

    def __init__(self, store: Store, folder: Path, audit: Audit, clock: Clock, random_bytes: RandomBytes) -> None:
        self._store = store
        self._folder = folder
        self._audit = audit
        self._clock = clock
        self._random_bytes = random_bytes
        self.memory = MappingMemory(store)
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        with store.read() as connection:
            remove_leftovers(folder, connection.execute(select(datasets.c.dataset_id)).scalars())

    def add(
        self,
        name: str,
        table: Table,
        terms: Terms,
        mapping: Mapping | None = None,
        *,
        by: str,
        source: str = "",
        progress: Progress | None = None,
    ) -> tuple[Dataset, Report]:
        """Prepare every row of `table` and store the result; without a mapping, the one remembered for its header.

        `source` is the file's name, kept sealed; `by` a staff label. Nothing is kept if anything fails: UserError for
        a taken or impossible name, a mapping or terms that do not fit, or no usable row; KeyboardInterrupt passes.
        """
        self._check_name(name)
        mapping = mapping or self.memory.recall(table.header)
        if mapping is None:
            raise UserError(
                "It is not known yet what the columns of this table mean.",
                advice="Look at the preview, which proposes a mapping, and add the data set with it.",
            )
        file_id = new_id(self._random_bytes)
        today = self._clock.now().date()
        with RecordWriter(self._folder, file_id, self._store.cells) as writer:
            report = prepare(table, mapping, terms, writer, today=today, progress=progress)
            writer.finish()
        details = {
            "source": source,
            "format": table.facts.format,
            "encoding": table.facts.encoding,
            "sheet": table.facts.sheet,
            "legal_reference": terms.legal_reference,
            "mapping": mapping.columns,
            "problems": [problem.to_dict() for problem in report.problems],
        }
        try:
            with self._store.transaction() as tx:
                self._insert(tx, file_id, name, terms, report, details)
                self._audit.append(
                    tx,
                    "dataset-added",
                    dataset_id=file_id,
                    by=by,
                    rows=report.rows,
                    usable=report.usable,
                    refused=report.left_out,
                )
                self.memory.remember(tx, table.header, mapping)
        except IntegrityError:
            remove_file(self._folder, file_id)
            raise _taken() from None
        except BaseException:
            remove_file(self._folder, file_id)
            raise
        return self.get(name), report

    def list(self) -> tuple[Dataset, ...]:
        """All data sets in the order of their names."""
        with self._store.read() as connection:
            rows = connection.execute(select(datasets).order_by(datasets.c.name)).all()
        return tuple(map(self._dataset, rows))

    def get(self, name: str) -> Dataset:
        """One data set by its name; NotFound."""
        return self._find(datasets.c.name == name)

    def by_id(self, dataset_id: str) -> Dataset:
        """One data set by its id, which a round keeps and a name does not outlive; NotFound."""
        return self._find(datasets.c.dataset_id == dataset_id)

    def remove(self, name: str, *, by: str) -> None:
        """Forget a data set and delete its file; NotFound."""
        dataset = self.get(name)
        with self._store.transaction() as tx:
            gone = tx.execute(delete(datasets).where(datasets.c.dataset_id == dataset.dataset_id)).rowcount
            if gone:
                self._audit.append(tx, "dataset-removed", dataset_id=dataset.dataset_id, by=by, usable=dataset.usable)
        remove_file(self._folder, dataset.dataset_id)

    def records(self, name: str) -> Iterator[PreparedRecord]:
        """Every stored record, in the order of the file, as a stream that holds one block in memory.

        Children, and records whose consent does not cover the round, are among them: the caller asks each record.
        NotFound; UserError if another normaliser prepared it; StateDamaged if its file is missing or altered.
        """
        return chain.from_iterable(map(PreparedRecord.from_lines, self._lines(self.get(name))))

    def references(self, dataset_id: str, numbers: NDArray[np.int64]) -> Iterator[str]:
        """The references of the records with these numbers (ascending, the first record is 0). Errors as `records`."""
        first = at = 0
        for lines in self._lines(self.by_id(dataset_id)):
            stop = int(np.searchsorted(numbers, first + len(lines)))
            if stop > at:
                yield from references(lines[number] for number in (numbers[at:stop] - first).tolist())
            first, at = first + len(lines), stop

    def _lines(self, dataset: Dataset) -> Iterator[Sequence[bytes]]:
        """The record file of a data set, a block at a time."""
        if dataset.normaliser_version != NORMALISER_VERSION:
            raise UserError(
                "This data set was prepared by another version of blindmatch, whose spellings may differ.",
                advice="Remove it and add it again from its source file.",
            )
        return read_blocks(self._folder, dataset.dataset_id, self._store.cells)

    def _find(self, condition: ColumnElement[bool]) -> Dataset:
        with self._store.read() as connection:
            row = connection.execute(select(datasets).where(condition)).one_or_none()
        if row is None:
            raise NotFound("There is no such data set.", advice="`blindmatch dataset list` shows all.")
        return self._dataset(row)

    def _check_name(self, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise UserError(
                "A data set's name has 1 to 64 small letters, digits and dashes.", advice="For example: cases-2026."
            )
        with self._store.read() as connection:
            if connection.execute(select(datasets.c.name).where(datasets.c.name == name)).first():
                raise _taken()

    def _insert(
        self, tx: Connection, file_id: str, name: str, terms: Terms, report: Report, details: dict[str, Any]
    ) -> None:
        plain = json.dumps(details, ensure_ascii=False, separators=(",", ":")).encode()
        tx.execute(
            insert(datasets).values(
                dataset_id=file_id,
                name=name,
                record_class=terms.record_class,
                basis=terms.basis,
                region=terms.region,
                normaliser_version=NORMALISER_VERSION,
                records=report.rows,
                usable=report.usable,
                counts=json.dumps(report.counts(), separators=(",", ":")),
                details=self._store.cells.seal("datasets", file_id, "details", plain),
                created_at=timestamp(self._clock.now()),
            )
        )

    def _dataset(self, row: Row[Any]) -> Dataset:
        return Dataset(
            dataset_id=row.dataset_id,
            name=row.name,
            record_class=row.record_class,
            basis=row.basis,
            region=row.region,
            normaliser_version=row.normaliser_version,
            records=row.records,
            usable=row.usable,
            counts=json.loads(row.counts),
            details=json.loads(self._store.cells.unseal("datasets", row.dataset_id, "details", row.details)),
            created_at=row.created_at,
        )


def _taken() -> UserError:
    return UserError(
        "There is already a data set of this name.", advice="Choose another name, or remove that one first."
    )

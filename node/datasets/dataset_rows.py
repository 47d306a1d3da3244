"""The rows of the table `datasets`: one data set each, its details sealed.

A row names the record file that holds the data set's current version. It is written in the transaction of whoever
changes a data set (`book`), so that row and audit entry appear together or not at all; a change is refused if the row
meanwhile names another version than the one that the caller saw.
"""

import json
import re
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, insert, select, update

from node.clock import Clock, timestamp
from node.datasets.dataset import Dataset
from node.datasets.report import Report
from node.datasets.terms import Terms
from node.errors import NotFound, UserError
from node.store import Store
from node.store.schema import datasets, rounds
from psi.identifiers import NORMALISER_VERSION

__all__ = ["DatasetRows", "changed_meanwhile", "name_taken"]

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")

_NAMED = select(datasets).where(datasets.c.name == bindparam("wanted"))
_BY_ID = select(datasets).where(datasets.c.dataset_id == bindparam("wanted"))


class DatasetRows:
    """Reads and writes the rows."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def everything(self) -> tuple[Dataset, ...]:
        """All data sets in the order of their names."""
        with self._store.read() as connection:
            rows = connection.execute(select(datasets).order_by(datasets.c.name)).all()
        return tuple(map(self._dataset, rows))

    def by_name(self, name: str) -> Dataset:
        """NotFound."""
        return self._find(_NAMED, name)

    def by_id(self, dataset_id: str) -> Dataset:
        """NotFound."""
        return self._find(_BY_ID, dataset_id)

    def is_current(self, dataset: Dataset) -> bool:
        """Is this still the version that its row names?"""
        with suppress(NotFound):
            return self.by_id(dataset.dataset_id).version_id == dataset.version_id
        return False

    def versions(self) -> set[str]:
        """The versions that rows name."""
        with self._store.read() as connection:
            return set(connection.execute(select(datasets.c.version_id)).scalars())

    def versions_of_rounds(self) -> set[str]:
        """The versions of running rounds: a round has a snapshot from its list on until it is over."""
        running = select(rounds.c.version_id).where(rounds.c.snapshot.is_not(None), rounds.c.version_id.is_not(None))
        with self._store.read() as connection:
            return {version_id for version_id in connection.execute(running).scalars() if version_id}

    def check_name(self, name: str) -> None:
        """UserError for a name that is impossible or taken."""
        if not _NAME.fullmatch(name):
            raise UserError(
                "A data set's name has 1 to 64 small letters, digits and dashes.", advice="For example: cases-2026."
            )
        with self._store.read() as connection:
            if connection.execute(select(datasets.c.name).where(datasets.c.name == name)).first():
                raise name_taken()

    def insert(
        self, tx: Connection, file_id: str, name: str, terms: Terms, report: Report, details: dict[str, Any]
    ) -> None:
        """The first version. IntegrityError for a name that was taken meanwhile."""
        tx.execute(
            insert(datasets).values(
                dataset_id=file_id,
                name=name,
                record_class=terms.record_class,
                basis=terms.basis,
                region=terms.region,
                created_at=timestamp(self._clock.now()),
                version_id=file_id,
                version=1,
                **self._contents(file_id, report, details),
            )
        )

    def replace(
        self, tx: Connection, dataset: Dataset, version_id: str, report: Report, details: dict[str, Any]
    ) -> None:
        """The next version. UserError if the row no longer names the version in `dataset`."""
        same = (datasets.c.dataset_id == dataset.dataset_id) & (datasets.c.version_id == dataset.version_id)
        values = self._contents(dataset.dataset_id, report, details)
        values |= {"version_id": version_id, "version": dataset.version + 1}
        values["refreshed_at"] = timestamp(self._clock.now())
        if not tx.execute(update(datasets).where(same).values(values)).rowcount:
            raise changed_meanwhile()

    def cut(
        self,
        tx: Connection,
        dataset: Dataset,
        version_id: str,
        usable: int,
        counts: dict[str, Any],
        details: dict[str, Any],
    ) -> None:
        """The same version with fewer records, under another id. UserError as for `replace`."""
        same = (datasets.c.dataset_id == dataset.dataset_id) & (datasets.c.version_id == dataset.version_id)
        values = {
            "usable": usable,
            "counts": json.dumps(counts, separators=(",", ":")),
            "details": self._sealed(dataset.dataset_id, details),
            "version_id": version_id,
        }
        if not tx.execute(update(datasets).where(same).values(values)).rowcount:
            raise changed_meanwhile()

    def delete(self, tx: Connection, dataset: Dataset) -> bool:
        """Was there still a row to delete?"""
        return bool(tx.execute(delete(datasets).where(datasets.c.dataset_id == dataset.dataset_id)).rowcount)

    def _find(self, query: Select[Any], wanted: str) -> Dataset:
        with self._store.read() as connection:
            row = connection.execute(query, {"wanted": wanted}).one_or_none()
        if row is None:
            raise NotFound("There is no such data set.", advice="`blindmatch dataset list` shows all.")
        return self._dataset(row)

    def _contents(self, dataset_id: str, report: Report, details: dict[str, Any]) -> dict[str, Any]:
        return {
            "normaliser_version": NORMALISER_VERSION,
            "records": report.rows,
            "usable": report.usable,
            "counts": json.dumps(report.counts(), separators=(",", ":")),
            "details": self._sealed(dataset_id, details),
        }

    def _sealed(self, dataset_id: str, details: dict[str, Any]) -> bytes:
        plain = json.dumps(details, ensure_ascii=False, separators=(",", ":")).encode()
        return self._store.cells.seal("datasets", dataset_id, "details", plain)

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
            version_id=row.version_id,
            version=row.version,
            refreshed_at=row.refreshed_at,
        )


def changed_meanwhile() -> UserError:
    return UserError(
        "This data set was refreshed or removed by somebody else at the same time.",
        advice="Look at `blindmatch dataset list`, and refresh it again if need be.",
    )


def name_taken() -> UserError:
    return UserError(
        "There is already a data set of this name.",
        advice="`blindmatch dataset refresh NAME` makes its next version, from a newer file or with another --map. "
        "Otherwise choose another name, or remove that one first.",
    )

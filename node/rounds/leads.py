"""Leads as stored: one sealed row for each record of ours that agrees, until the retention time is over.

There may be as many as the data set has records, so they are written in batches and read as a stream or by the page.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

from sqlalchemy import Connection, func, select

from node.clock import timestamp
from node.rounds.results import Lead
from node.store import Store
from node.store.schema import results

__all__ = ["LeadBook"]

_BATCH_ROWS = 1_000
"""Rows written by one statement."""


class LeadBook:
    """Reads and writes the leads of rounds. A lead's number counts from 1 within its round."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def save(self, tx: Connection, round_id: str, leads: Iterable[Lead]) -> int:
        """Store the leads of a round in the caller's transaction; how many there are."""
        now, total = timestamp(self._store.clock.now()), 0
        coming = iter(leads)
        while batch := list(islice(coming, _BATCH_ROWS)):
            rows = [
                {
                    "round_id": round_id,
                    "number": number,
                    "body": self._store.cells.seal("results", f"{round_id}/{number}", "body", lead.to_bytes()),
                    "status": "lead",
                    "at": now,
                }
                for number, lead in enumerate(batch, start=total + 1)
            ]
            tx.execute(results.insert(), rows)
            total += len(rows)
        return total

    def count(self, round_id: str) -> int:
        """How many leads a round has."""
        with self._store.read() as connection:
            query = select(func.count()).select_from(results).where(results.c.round_id == round_id)
            return int(connection.execute(query).scalar_one())

    def seen_with(self, round_id: str, released: set[int]) -> list[int]:
        """Numbers of leads that are not released themselves but hold an identifier that leaves with one that is."""
        handles = {
            agreement.handle
            for number, _status, lead in self._walk(round_id)
            if number in released
            for agreement in lead.agreements
        }
        return [
            number
            for number, _status, lead in self._walk(round_id)
            if number not in released and any(agreement.handle in handles for agreement in lead.agreements)
        ]

    def list(self, round_id: str, *, first: int, limit: int) -> list[tuple[int, str, Lead]]:
        """Number, status and lead, in order: number `first` and following, at most `limit` of them."""
        return list(self._walk(round_id, first, first + limit - 1))

    def mark(self, tx: Connection, round_id: str, released: set[int] | None) -> int:
        """Note what a person decided: released for leads of these numbers (None: all), withheld for the rest; how many
        leads are released."""
        here = results.c.round_id == round_id
        if released is None:
            return tx.execute(results.update().where(here).values(status="released")).rowcount
        chosen, total = sorted(released), 0
        tx.execute(results.update().where(here).values(status="withheld"))
        for start in range(0, len(chosen), _BATCH_ROWS):
            numbers = chosen[start : start + _BATCH_ROWS]
            these = results.update().where(here, results.c.number.in_(numbers))
            total += tx.execute(these.values(status="released")).rowcount
        return total

    def _walk(self, round_id: str, first: int = 1, last: int | None = None) -> Iterator[tuple[int, str, Lead]]:
        query = select(results.c.number, results.c.status, results.c.body).where(results.c.round_id == round_id)
        if last is not None:
            query = query.where(results.c.number.between(first, last))
        with self._store.read() as connection:
            for number, status, body in connection.execute(query.order_by(results.c.number)):
                plain = self._store.cells.unseal("results", f"{round_id}/{number}", "body", body)
                yield number, status, Lead.from_bytes(plain)

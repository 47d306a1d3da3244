"""Leads as stored: one sealed row for each record of ours that agrees, until the retention time is over."""

from collections.abc import Iterable

from sqlalchemy import Connection, select

from node.clock import timestamp
from node.rounds.results import Lead
from node.store import Store
from node.store.schema import results

__all__ = ["LeadBook"]


class LeadBook:
    """Reads and writes the leads of rounds. A lead's number counts from 1 within its round."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def save(self, tx: Connection, round_id: str, leads: Iterable[Lead]) -> int:
        """Store the leads of a round in the caller's transaction; how many there are."""
        now, number = timestamp(self._store.clock.now()), 0
        for number, lead in enumerate(leads, start=1):
            row = f"{round_id}/{number}"
            tx.execute(
                results.insert().values(
                    round_id=round_id,
                    number=number,
                    body=self._store.cells.seal("results", row, "body", lead.to_bytes()),
                    status="lead",
                    at=now,
                )
            )
        return number

    def list(self, round_id: str) -> list[tuple[int, str, Lead]]:
        """Number, status and lead, in order."""
        with self._store.read() as connection:
            query = select(results).where(results.c.round_id == round_id).order_by(results.c.number)
            rows = connection.execute(query).all()
        return [
            (
                row.number,
                row.status,
                Lead.from_bytes(self._store.cells.unseal("results", f"{round_id}/{row.number}", "body", row.body)),
            )
            for row in rows
        ]

    def mark(self, tx: Connection, round_id: str, released: set[str] | None) -> int:
        """Note what a person decided: released for these references (None: all), withheld for the rest."""
        count = 0
        for number, _status, lead in self.list(round_id):
            go = released is None or lead.reference in released
            count += go
            tx.execute(
                results.update()
                .where(results.c.round_id == round_id, results.c.number == number)
                .values(status="released" if go else "withheld")
            )
        return count

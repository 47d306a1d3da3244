"""Records of a data set that take no part, as somebody here decided: withdrawn, or kept from one member.

    withdrawn   the person took the consent back: no round, with nobody
    withheld    this organisation keeps the record from one member: no round with that member

Both hold from the moment in which they are stored, for every list that is made later, and survive a refresh of the data
set: a consent that was taken back does not return with the next file. Only `readmit` brings a record back.

What stands here are record references, sealed, by data set and member. A peer cannot see that there are any: lists are
padded, and nothing that is sent depends on them but which elements agree. So no audit entry names the member either,
since members show each other their logs.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, delete, insert, select

from node.clock import Clock, timestamp
from node.errors import UserError
from node.store import Store
from node.store.schema import exclusions

__all__ = ["EVERYBODY", "MAX_EXCLUDED_RECORDS", "MAX_REFERENCES_BYTES", "Excluded", "Exclusions", "read_references"]

EVERYBODY = ""
"""In place of a member id: withdrawn, so kept from everybody."""

MAX_EXCLUDED_RECORDS = 200_000
"""References kept from one member, or from everybody, in one data set, in number."""

MAX_REFERENCES_BYTES = 4 * 1024 * 1024
"""Largest text of references that is read at once, in bytes."""


_BODY = select(exclusions.c.body).where(
    exclusions.c.dataset_id == bindparam("dataset"), exclusions.c.peer == bindparam("peer")
)


@dataclass(frozen=True, slots=True)
class Excluded:
    """The references that take no part in a round with one member."""

    withdrawn: frozenset[str] = field(default=frozenset(), repr=False)
    withheld: frozenset[str] = field(default=frozenset(), repr=False)

    def __bool__(self) -> bool:
        return bool(self.withdrawn or self.withheld)

    def __contains__(self, reference: str) -> bool:
        return reference in self.withdrawn or reference in self.withheld


class Exclusions:
    """Reads and writes them. What changes is written in the transaction of whoever changes it."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def of(self, dataset_id: str, peer: str) -> Excluded:
        """What is kept from a member (member id) in a data set."""
        with self._store.read() as connection:
            return Excluded(
                self._references(connection, dataset_id, EVERYBODY), self._references(connection, dataset_id, peer)
            )

    def counts(self, dataset_id: str) -> dict[str, int]:
        """Member id (`EVERYBODY` for what was withdrawn) -> number of references."""
        query = select(exclusions.c.peer, exclusions.c.records).where(exclusions.c.dataset_id == dataset_id)
        with self._store.read() as connection:
            return {row.peer: row.records for row in connection.execute(query.order_by(exclusions.c.peer))}

    def everything(self, tx: Connection, dataset_id: str) -> dict[str, frozenset[str]]:
        """Member id (`EVERYBODY` for what was withdrawn) -> the references on that list of a data set."""
        peers = tx.execute(select(exclusions.c.peer).where(exclusions.c.dataset_id == dataset_id)).scalars().all()
        return {peer: self._references(tx, dataset_id, peer) for peer in peers}

    def add(self, tx: Connection, dataset_id: str, peer: str, references: Iterable[str]) -> int:
        """Keep references from a member, or with `EVERYBODY` from all; how many are new. UserError for too many."""
        before = self._references(tx, dataset_id, peer)
        after = before | set(references)
        if len(after) > MAX_EXCLUDED_RECORDS:
            raise UserError(
                f"At most {MAX_EXCLUDED_RECORDS:,} records of a data set can be kept out by name. Nothing was changed.",
                advice="Leave them out of the source file, and refresh the data set.",
            )
        self._write(tx, dataset_id, peer, after)
        return len(after) - len(before)

    def remove(self, tx: Connection, dataset_id: str, peer: str, references: Iterable[str]) -> int:
        """Let references take part again; how many of them did not."""
        before = self._references(tx, dataset_id, peer)
        after = before - set(references)
        self._write(tx, dataset_id, peer, after)
        return len(before) - len(after)

    def mentions(self, reference: str) -> int:
        """In how many places one reference stands."""
        with self._store.read() as connection:
            rows = connection.execute(select(exclusions.c.dataset_id, exclusions.c.peer)).all()
            return sum(reference in self._references(connection, row.dataset_id, row.peer) for row in rows)

    def forget(self, tx: Connection, reference: str) -> int:
        """Erase one reference everywhere; in how many places it stood."""
        rows = tx.execute(select(exclusions.c.dataset_id, exclusions.c.peer)).all()
        return sum(self.remove(tx, row.dataset_id, row.peer, [reference]) for row in rows)

    def _references(self, connection: Connection, dataset_id: str, peer: str) -> frozenset[str]:
        body = connection.execute(_BODY, {"dataset": dataset_id, "peer": peer}).scalar_one_or_none()
        if body is None:
            return frozenset()
        return frozenset(json.loads(self._store.cells.unseal("exclusions", f"{dataset_id}/{peer}", "body", body)))

    def _write(self, tx: Connection, dataset_id: str, peer: str, references: frozenset[str]) -> None:
        tx.execute(delete(exclusions).where(exclusions.c.dataset_id == dataset_id, exclusions.c.peer == peer))
        if not references:
            return
        body = json.dumps(sorted(references), ensure_ascii=False, separators=(",", ":")).encode()
        tx.execute(
            insert(exclusions).values(
                dataset_id=dataset_id,
                peer=peer,
                records=len(references),
                body=self._store.cells.seal("exclusions", f"{dataset_id}/{peer}", "body", body),
                changed_at=timestamp(self._clock.now()),
            )
        )


def read_references(text: str) -> frozenset[str]:
    """The references of a text with one on each line, spelt as the data set spells them. UserError if there is none."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_REFERENCES_BYTES:
        raise UserError(
            "This file of references is too long.",
            advice=f"It may have {MAX_REFERENCES_BYTES // 1024**2} MiB; use several files.",
        )
    found = frozenset(" ".join(line.split()) for line in text.removeprefix("\ufeff").splitlines()) - {""}
    if not found:
        raise UserError("There is no record reference in this file.", advice="Write one on each line.")
    return found

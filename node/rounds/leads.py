"""Leads as stored: sealed blocks of up to `BLOCK_LEADS` of them, until the retention time is over.

There may be as many as the data set has records, so neither a row nor a sealing of its own is made for each. A block
holds the leads from number `first` on, as one sealed cell, and beside it one letter for each: what a person decided.

    body      JSON, an array of [reference, [[key, handle], ...], [number that shares an identifier, ...], person]
    statuses  l lead, r released, w withheld

A body that is an object is a single lead as version 0.1.0 wrote it, under the same associated data; an array of three
is a lead of that version too.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from node.clock import timestamp
from node.errors import StateDamaged
from node.rounds.results import Agreement, Lead
from node.store import Store
from node.store.schema import results

__all__ = ["BLOCK_LEADS", "LeadBook"]

BLOCK_LEADS = 512
"""Most leads of one block, in number: some 40 KiB."""

_STATUSES = {"l": "lead", "r": "released", "w": "withheld"}


class LeadBook:
    """Reads and writes the leads of rounds. A lead's number counts from 1 within its round."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def pack(self, round_id: str, leads: Iterable[Lead]) -> list[dict[str, Any]]:
        """The blocks to `save`, sealed: in memory they take what they will take in the database."""
        now, first = timestamp(self._store.clock.now()), 1
        coming, blocks = iter(leads), []
        while block := list(islice(coming, BLOCK_LEADS)):
            plain = json.dumps(block, ensure_ascii=False, separators=(",", ":")).encode()
            blocks.append(
                {
                    "round_id": round_id,
                    "first": first,
                    "body": self._store.cells.seal("results", f"{round_id}/{first}", "body", plain),
                    "statuses": "l" * len(block),
                    "at": now,
                }
            )
            first += len(block)
        return blocks

    def save(self, tx: Connection, blocks: list[dict[str, Any]]) -> int:
        """Store the leads of a round in the caller's transaction; how many there are."""
        if blocks:
            tx.execute(results.insert(), blocks)
        return sum(len(block["statuses"]) for block in blocks)

    def count(self, round_id: str) -> int:
        """How many leads a round has."""
        with self._store.read() as connection:
            query = select(func.sum(func.length(results.c.statuses))).where(results.c.round_id == round_id)
            return int(connection.execute(query).scalar_one() or 0)

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

    def walk(self, round_id: str) -> Iterator[Lead]:
        """All leads of a round, in order, a block of them in memory at a time."""
        return (lead for _number, _status, lead in self._walk(round_id))

    def mark(self, tx: Connection, round_id: str, released: set[int] | None) -> int:
        """Note what a person decided: released for leads of these numbers (None: all), withheld for the rest; how many
        leads are released."""
        query = select(results.c.id, results.c.first, func.length(results.c.statuses))
        marked = [
            {
                "block": block,
                "letters": "".join(
                    "r" if released is None or number in released else "w" for number in range(first, first + count)
                ),
            }
            for block, first, count in tx.execute(query.where(results.c.round_id == round_id))
        ]
        if marked:
            change = results.update().where(results.c.id == bindparam("block")).values(statuses=bindparam("letters"))
            tx.execute(change, marked)
        return sum(one["letters"].count("r") for one in marked)

    def _walk(self, round_id: str, first: int = 1, last: int | None = None) -> Iterator[tuple[int, str, Lead]]:
        query = select(results.c.first, results.c.statuses, results.c.body).where(results.c.round_id == round_id)
        query = query.where(results.c.first + func.length(results.c.statuses) > first)
        if last is not None:
            query = query.where(results.c.first <= last)
        with self._store.read() as connection:
            for start, statuses, body in connection.execute(query.order_by(results.c.first)):
                plain = self._store.cells.unseal("results", f"{round_id}/{start}", "body", body)
                leads = _leads(json.loads(plain))
                if len(leads) != len(statuses) or not _STATUSES.keys() >= set(statuses):
                    raise StateDamaged(
                        "The leads of a round were altered in this node's database.",
                        advice="Stop the node, keep a copy of its folder for examination, and restore a backup.",
                    )
                for number, (letter, lead) in enumerate(zip(statuses, leads, strict=True), start=start):
                    if number >= first and (last is None or number <= last):
                        yield number, _STATUSES[letter], lead


def _leads(body: Any) -> list[Lead]:
    rows = [body.values()] if isinstance(body, dict) else body
    return [
        Lead(reference, tuple(Agreement(key, handle) for key, handle in agreements), tuple(shares_with), *person)
        for reference, agreements, shares_with, *person in rows
    ]

"""Leads as stored: sealed blocks of up to `BLOCK_LEADS` of them, until the retention time is over.

There may be as many as the data set has records, so neither a row nor a sealing of its own is made for each. A block
holds the leads from number `first` on, as one sealed cell, and beside it one letter for each: what a person decided.

    body      JSON, an object of columns (`LeadColumns`); a column that says nothing is left out
                references   of each lead
                handles      of all agreements, one lead after the other: 16 hex characters each, nothing between them
                keys         of each of these agreements, or a single one for all
                counts       agreements of each lead, where not every one has one
                shares_with  [place in the block, [number of another lead, ...]] of those that share an identifier
                persons      of each lead, where one names somebody
    statuses  l lead, r released, w withheld, e erased at the person's request: the lead is empty, its number stays

Earlier versions wrote rows, under the same associated data, and they are read as before: an array of [reference,
[[key, handle], ...], [number that shares an identifier, ...], person], without the person in version 0.1.0; and an
object without `references` is a single lead of that version. A block is written in columns again when one of its leads
is erased.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from node.clock import timestamp
from node.errors import NotFound, StateDamaged
from node.rounds.results import Agreement, Lead, LeadColumns
from node.store import Store
from node.store.schema import results

__all__ = ["LeadBook"]

_STATUSES = {"l": "lead", "r": "released", "w": "withheld", "e": "erased"}
_ERASED = Lead("", ())


class LeadBook:
    """Reads and writes the leads of rounds. A lead's number counts from 1 within its round."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def pack(self, round_id: str, leads: Iterable[LeadColumns]) -> list[dict[str, Any]]:
        """The blocks to `save`, sealed: in memory they take what they will take in the database."""
        now, first = timestamp(self._store.clock.now()), 1
        blocks = []
        for columns in leads:
            blocks.append(
                {
                    "round_id": round_id,
                    "first": first,
                    "body": self._store.cells.seal("results", f"{round_id}/{first}", "body", _packed(columns)),
                    "statuses": "l" * len(columns),
                    "at": now,
                }
            )
            first += len(columns)
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

    def named(self, round_id: str, number: int) -> Lead:
        """The lead that a person named by its number. NotFound if there is none, or none any more."""
        page = self.list(round_id, first=number, limit=1) if number > 0 else []
        if not page or page[0][1] == "erased":
            raise NotFound(
                f"This round has no lead number {number}. Nothing was changed.",
                advice="`blindmatch lead list` shows the numbers.",
            )
        return page[0][2]

    def walk(self, round_id: str) -> Iterator[Lead]:
        """All leads of a round, in order, a block of them in memory at a time."""
        return (lead for _number, _status, lead in self._walk(round_id))

    def numbered(self, round_id: str) -> Iterator[tuple[int, str, Lead]]:
        """All leads of a round, in order, each with its number and status."""
        return self._walk(round_id)

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

    def mentions(self, reference: str) -> int:
        """How many leads of all rounds carry a reference."""
        with self._store.read() as connection:
            rounds = list(connection.execute(select(results.c.round_id).distinct()).scalars())
        return sum(lead.reference == reference for round_id in rounds for lead in self.walk(round_id))

    def erase(self, tx: Connection, wanted: frozenset[str]) -> dict[str, dict[int, tuple[str, ...]]]:
        """Empty every lead of every round that carries one of these references; round -> number -> its handles that
        stand on no other lead of the round. What is left of such a lead is its number, so that all others keep
        theirs."""
        here = select(results.c.round_id).distinct()
        found = {round_id: self._erase(tx, round_id, wanted) for round_id in tx.execute(here).scalars().all()}
        return {round_id: numbers for round_id, numbers in found.items() if numbers}

    def _erase(self, tx: Connection, round_id: str, wanted: frozenset[str]) -> dict[int, tuple[str, ...]]:
        gone: dict[int, Lead] = {}
        kept: set[str] = set()
        for first, _letters, leads in self._blocks(tx, round_id):
            for number, lead in enumerate(leads, start=first):
                if lead.reference in wanted:
                    gone[number] = lead
                else:
                    kept.update(agreement.handle for agreement in lead.agreements)
        if not gone:
            return {}
        # All of them are read before one is written: a result that is being read does not like its rows to change.
        for first, letters, leads in list(self._blocks(tx, round_id)):
            numbers = range(first, first + len(leads))
            changed = [
                _ERASED
                if number in gone
                else lead._replace(shares_with=tuple(n for n in lead.shares_with if n not in gone))
                for number, lead in zip(numbers, leads, strict=True)
            ]
            if changed != leads:
                plain = _packed(LeadColumns.of(changed))
                tx.execute(
                    results.update()
                    .where(results.c.round_id == round_id, results.c.first == first)
                    .values(
                        body=self._store.cells.seal("results", f"{round_id}/{first}", "body", plain),
                        statuses="".join("e" if n in gone else one for n, one in zip(numbers, letters, strict=True)),
                    )
                )
        return {
            number: tuple(one.handle for one in lead.agreements if one.handle not in kept)
            for number, lead in gone.items()
        }

    def _walk(self, round_id: str, first: int = 1, last: int | None = None) -> Iterator[tuple[int, str, Lead]]:
        with self._store.read() as connection:
            for start, statuses, leads in self._blocks(connection, round_id, first, last):
                for number, (letter, lead) in enumerate(zip(statuses, leads, strict=True), start=start):
                    if number >= first and (last is None or number <= last):
                        yield number, _STATUSES[letter], lead

    def _blocks(
        self, connection: Connection, round_id: str, first: int = 1, last: int | None = None
    ) -> Iterator[tuple[int, str, Sequence[Lead]]]:
        """Number of the first lead, a letter for each, and the leads, of every block that holds some of those asked."""
        query = select(results.c.first, results.c.statuses, results.c.body).where(results.c.round_id == round_id)
        query = query.where(results.c.first + func.length(results.c.statuses) > first)
        if last is not None:
            query = query.where(results.c.first <= last)
        for start, statuses, body in connection.execute(query.order_by(results.c.first)):
            plain = self._store.cells.unseal("results", f"{round_id}/{start}", "body", body)
            try:
                leads = _unpacked(plain)
            except (TypeError, ValueError):  # columns that do not fit together, or of a form that nobody has written
                leads = []
            if len(leads) != len(statuses) or not _STATUSES.keys() >= set(statuses):
                raise StateDamaged(
                    "The leads of a round were altered in this node's database.",
                    advice="Stop the node, keep a copy of its folder for examination, and restore a backup.",
                )
            yield start, statuses, leads


def _packed(columns: LeadColumns) -> bytes:
    said: dict[str, Any] = {
        "references": columns.references,
        "handles": columns.handles,
        "keys": columns.keys,
        "counts": columns.counts,
        "shares_with": sorted(columns.shares_with.items()),
        "persons": columns.persons,
    }
    body = {name: column for name, column in said.items() if column or name == "references"}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _unpacked(plain: bytes) -> list[Lead]:
    """The reverse of `_packed`, and the leads of what earlier versions wrote."""
    body = json.loads(plain)
    if isinstance(body, dict) and "references" in body:
        shares_with = dict(body.pop("shares_with", ()))
        return LeadColumns(handles=body.pop("handles", ""), shares_with=shares_with, **body).leads()
    rows = [body.values()] if isinstance(body, dict) else body
    return [
        Lead(reference, tuple(Agreement(key, handle) for key, handle in agreements), tuple(shares_with), *person)
        for reference, agreements, shares_with, *person in rows
    ]

"""Erasing one record at a person's request, everywhere at this node, with an account of what was where.

    data sets     a version without the record takes the place of the one with it, and the old file is deleted
    leads         the lead is emptied in every round; its number stays, so that the others keep theirs
    beside them   reviews of such a lead; feedback and contact cards under a match handle that no other lead has
    lists of withdrawn and withheld records, references that the last refresh named

One transaction: all of it, the line in `erasures`, the entry in the audit log. Then everything is looked through again
and what is left is counted; an erasure that left something says so and never "done". What remains are keyed digests,
which name nobody without this node's keys: one of the reference (`node.datasets.erasing`), so that the record does not
come back with the next file and that it can be shown later, to whoever asks with the reference in hand, when it was
erased; and those of lists that were shown and of pairs known to be different (`exposures`, `known_different`).

Out of reach, and said in the reply: the source file, backups made before, what earlier rounds have sent to others.
While a running round's list holds the record nothing is erased: the round has to end first.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Delete, delete, func, select

from node.audit import AuditLog
from node.clock import Clock, timestamp
from node.datasets import Dataset, DatasetBook
from node.datasets.erasing import Cut
from node.datasets.exclusions import Exclusions
from node.datasets.refresh import Use
from node.errors import NotFound, UserError
from node.rounds.book import RoundBook
from node.rounds.leads import LeadBook
from node.store import Store
from node.store.entries import tells_of
from node.store.schema import audit_entries, contacts, erasures, feedback, reviews

__all__ = ["PLACES", "Erasing", "Erasure", "Past", "nothing_found"]

PLACES = ("datasets", "lists", "leads", "reviews", "feedback", "contacts")
"""Where a record can be, in the order in which it is told. `lists`: withdrawn or withheld."""


@dataclass(frozen=True)
class Past:
    """One erasure as it was noted: no reference."""

    at: str
    by: str
    second: str
    counts: Mapping[str, int]
    position: int


@dataclass(frozen=True)
class Erasure:
    """What was erased. `erased` and `left` count by place, `left` after looking through everything again. `rounds`:
    earlier rounds that the record took part in, whose members keep what they learned; `backups`: made so far."""

    past: Past
    left: Mapping[str, int]
    rounds: tuple[str, ...]
    backups: int

    @property
    def whole(self) -> bool:
        return not any(self.left.values())


class Erasing:
    """Erases records, and knows what was erased."""

    def __init__(
        self, store: Store, audit: AuditLog, datasets: DatasetBook, book: RoundBook, leads: LeadBook, clock: Clock
    ) -> None:
        self._store = store
        self._audit = audit
        self._datasets = datasets
        self._book = book
        self._leads = leads
        self._clock = clock
        self._lists = Exclusions(store, clock)

    def history(self) -> list[Past]:
        """Every erasure, in order."""
        with self._store.read() as connection:
            rows = connection.execute(select(erasures).order_by(erasures.c.id)).all()
        return [Past(row.at, row.by, row.second, json.loads(row.counts), row.position) for row in rows]

    def when(self, reference: str) -> str | None:
        """When the record of a reference was last erased; None if it never was."""
        with self._store.transaction() as tx:
            digest = self._datasets.erased.digest(tx, reference)
            return tx.execute(select(func.max(erasures.c.at)).where(erasures.c.digest == digest)).scalar()

    def digest(self, reference: str) -> bytes:
        """32 bytes that name a reference and tell nothing without this node's keys: what a second person approves."""
        with self._store.transaction() as tx:
            return self._datasets.erased.wide_digest(tx, reference)

    def counts(self, reference: str) -> dict[str, int]:
        """In how many places of each kind a reference stands now."""
        wanted = frozenset([reference])
        found = dict.fromkeys(PLACES, 0)
        found["datasets"] = sum(self._datasets.holds(dataset, wanted) for dataset in self._datasets.list())
        found["lists"] = self._lists.mentions(reference)
        found["leads"] = self._leads.mentions(reference)
        return found

    def known(self, reference: str) -> bool:
        """Does anything here carry a reference?"""
        return any(self.counts(reference).values())

    def erase(
        self, reference: str, *, by: str, second: str, uses: Callable[[Dataset], Sequence[Use]] = lambda _dataset: ()
    ) -> Erasure:
        """Erase one record. `uses`: the rounds whose lists were made from a data set.

        Raises NotFound if nothing here carries the reference, UserError while a running round's list holds it, or if
        the second person is the first; then nothing has changed.
        """
        if by.casefold() == second.casefold() or not second:
            raise UserError(
                "A record is erased by two people. Nothing was erased.",
                advice="Name the second person with --second: somebody other than --by.",
            )
        wanted = frozenset([reference])
        looked: dict[str, bool] = {}
        self._no_running_round(wanted, looked)  # before anything is written; and again in the transaction
        cuts = [made for one in self._datasets.list() if (made := self._datasets.cut(one, wanted)) is not None]
        try:
            past = self._erase(reference, wanted, looked, cuts, by, second)
        finally:
            for made in cuts:
                self._datasets.settle(made)
        with self._store.read() as connection:
            query = select(func.count()).select_from(audit_entries).where(tells_of("backup-made"))
            backups = connection.execute(query).scalar_one()
        return Erasure(past, self.counts(reference), _rounds(cuts, uses), int(backups))

    def _no_running_round(self, wanted: frozenset[str], looked: dict[str, bool]) -> None:
        held = self._datasets.held_by_rounds(wanted, looked)
        running = [one for one in self._book.all() if not one.over and one.version_id in held]
        if running:
            names = ", ".join(one.round_id[:8] for one in running)
            raise UserError(
                f"A round that is running has sent a list with this record in it ({names}). Nothing was erased.",
                advice="Withdraw the record with `blindmatch dataset withdraw`, so that no new list has it; then wait "
                "for the end of the round, or cancel it, and erase again.",
            )

    def _erase(
        self,
        reference: str,
        wanted: frozenset[str],
        looked: dict[str, bool],
        cuts: Sequence[Cut],
        by: str,
        second: str,
    ) -> Past:
        with self._store.transaction() as tx:
            self._no_running_round(wanted, looked)  # a round may have stored its list since we looked first
            counts = dict.fromkeys(PLACES, 0)
            for made in cuts:
                self._datasets.take(tx, made)
                counts["datasets"] += made.records
            counts["lists"] = self._lists.forget(tx, reference)
            leads = self._leads.erase(tx, wanted)
            for round_id, numbers in leads.items():
                counts["leads"] += len(numbers)
                handles = [handle for held in numbers.values() for handle in held]
                of_round = reviews.c.round_id == round_id
                counts["reviews"] += _deleted(tx, delete(reviews).where(of_round, reviews.c.number.in_(numbers)))
                for name, table in (("feedback", feedback), ("contacts", contacts)):
                    gone = delete(table).where(table.c.round_id == round_id, table.c.handle.in_(handles))
                    counts[name] += _deleted(tx, gone)
            if not any(counts.values()):
                raise nothing_found()
            digest, now = self._datasets.erased.digest(tx, reference), timestamp(self._clock.now())
            position = self._audit.append(
                tx,
                "record-erased",
                by=by,
                second=second,
                records=counts["datasets"],
                hits=counts["leads"],
                rounds=len(leads),
                entries=sum(counts.values()) - counts["datasets"] - counts["leads"],
            )
            plain = json.dumps(counts, separators=(",", ":"))
            tx.execute(
                erasures.insert().values(digest=digest, counts=plain, by=by, second=second, at=now, position=position)
            )
        return Past(now, by, second, counts, position)


def nothing_found() -> NotFound:
    """Nothing here carries the reference."""
    return NotFound(
        "No data set, no lead and no list of this node has a record with that reference. Nothing was erased.",
        advice="References are compared letter by letter. `blindmatch retention show` shows what was erased before.",
    )


def _rounds(cuts: Sequence[Cut], uses: Callable[[Dataset], Sequence[Use]]) -> tuple[str, ...]:
    """Earlier rounds that the erased records took part in."""
    found: set[str] = set()
    for made in cuts:
        found |= made.rounds
        of_version = [use for use in uses(made.dataset) if use.version_id == made.dataset.version_id]
        found |= {use.round_id for use in of_version if any(use.took_part(record) for record in made.removed)}
    return tuple(sorted(found))


def _deleted(tx: Connection, statement: Delete) -> int:
    return int(tx.execute(statement).rowcount)

"""What goes to a member by carried files, round by round: how many files, up to where, and what they acknowledge.

The receipts of a file are made from what is in the inbox, which remembers every envelope that ever came: so nothing has
to be kept between an import and the next export, and a file that was lost is made good by the next one. Only what was
refused is in no inbox; its receipts wait here for the next file.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from node.rounds.outgoing import Outgoing
from node.store import Store
from node.store.schema import carried, inbox
from node.wire.receipts import DIGEST_BYTES, Receipt, Status
from psi.codec import Reader

__all__ = ["MOST_REFUSALS", "CarriedBook"]

MOST_REFUSALS = 64
"""Receipts of refused envelopes kept for the next file of a round, in number; the oldest go first."""


class CarriedBook:
    """One for each node."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._outgoing = Outgoing(store)

    def is_due(self, member_id: str, round_id: str) -> bool:
        """Is there something for a member that is in no file yet?"""
        with self._store.read() as tx:
            row = self._row(tx, member_id, round_id)
            newest = self._outgoing.newest(member_id, round_id)
        return newest > (0 if row is None else row[1]) or bool(row is not None and row[2])

    def receipts(self, member_id: str, round_id: str) -> list[Receipt]:
        """What became of everything of a round that came from a member, whichever way it came."""
        with self._store.read() as tx:
            query = select(inbox.c.sequence, inbox.c.digest).where(
                inbox.c.round_id == round_id, inbox.c.sender == member_id
            )
            rows = tx.execute(query.order_by(inbox.c.sequence)).all()
            row = self._row(tx, member_id, round_id)
        kept = [Receipt(round_id, one.sequence, one.digest[:DIGEST_BYTES], Status.ALREADY) for one in rows]
        return kept + ([] if row is None else _lines(row[2]))

    def refused(self, member_id: str, receipts: Sequence[Receipt]) -> None:
        """These were refused, and the next file says so."""
        by_round: dict[str, list[Receipt]] = {}
        for receipt in receipts:
            by_round.setdefault(receipt.round_id, []).append(receipt)
        with self._store.transaction() as tx:
            for round_id, lines in by_round.items():
                files, written, known = self._row(tx, member_id, round_id) or (0, 0, b"")
                kept = list(dict.fromkeys([*_lines(known), *lines]))[-MOST_REFUSALS:]
                self._save(tx, member_id, round_id, files, written, b"".join(line.to_bytes() for line in kept))

    def rounds_refused(self, member_id: str) -> list[str]:
        """Rounds of which something of a member's was refused, and no file has said so yet."""
        with self._store.read() as tx:
            query = select(carried.c.round_id).where(carried.c.member_id == member_id, carried.c.refusals != b"")
            return list(tx.execute(query).scalars())

    def next_number(self, member_id: str, round_id: str) -> int:
        """Which file the next one is, counted from 1."""
        with self._store.read() as tx:
            row = self._row(tx, member_id, round_id)
        return 1 + (0 if row is None else int(row[0]))

    def wrote(self, member_id: str, round_id: str, newest: int) -> None:
        """A file is on the disk that holds everything up to this row of the outbox, and all receipts."""
        with self._store.transaction() as tx:
            files, written, _ = self._row(tx, member_id, round_id) or (0, 0, b"")
            self._save(tx, member_id, round_id, files + 1, max(written, newest), b"")

    @staticmethod
    def _row(tx: Connection, member_id: str, round_id: str) -> tuple[int, int, bytes] | None:
        columns = (carried.c.files, carried.c.written, carried.c.refusals)
        row = tx.execute(
            select(*columns).where(carried.c.round_id == round_id, carried.c.member_id == member_id)
        ).first()
        return None if row is None else (row.files, row.written, row.refusals)

    @staticmethod
    def _save(tx: Connection, member_id: str, round_id: str, files: int, written: int, refusals: bytes) -> None:
        here = (carried.c.round_id == round_id, carried.c.member_id == member_id)
        values = {"files": files, "written": written, "refusals": refusals}
        if tx.execute(carried.update().where(*here).values(**values)).rowcount == 0:
            tx.execute(carried.insert().values(round_id=round_id, member_id=member_id, **values))


def _lines(data: bytes) -> list[Receipt]:
    reader, lines, size = Reader(data), list[Receipt](), 0
    while size < len(data):
        lines.append(Receipt.read(reader))
        size += len(lines[-1].to_bytes())
    return lines

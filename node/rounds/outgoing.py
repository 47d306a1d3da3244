"""What lies in the outbox for one member, over all rounds: for carriers that come and fetch it, or are handed it.

Order: notes about rounds first, then the messages of the protocols, one of each round in turn, so that a long list of
one round does not hold up the others. Within a line of a round the order is that of the numbers, as it must be.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select

from node.rounds.mailbox import PROTOCOL_LINE, read_own
from node.store import Store
from node.store.schema import outbox
from node.wire.envelope import Envelope, EnvelopeKind

__all__ = ["Outgoing", "Waiting"]

# Made once: these run at every visit and every receipt.
_COLUMNS = (outbox.c.id, outbox.c.round_id, outbox.c.sequence, outbox.c.kind)
_OPEN = (outbox.c.recipient == bindparam("to"), outbox.c.acknowledged.is_(False))
_ALL = select(*_COLUMNS).where(*_OPEN).order_by(outbox.c.id)
_OF_ROUND = select(*_COLUMNS).where(*_OPEN, outbox.c.round_id == bindparam("round")).order_by(outbox.c.sequence)
_ONE = select(*_COLUMNS).where(
    *_OPEN, outbox.c.round_id == bindparam("round"), outbox.c.sequence == bindparam("number")
)
_BYTES = select(outbox.c.envelope).where(outbox.c.id == bindparam("row"), outbox.c.acknowledged.is_(False))
_NEWEST = select(func.max(outbox.c.id)).where(*_OPEN, outbox.c.round_id == bindparam("round"))


@dataclass(frozen=True, slots=True)
class Waiting:
    """One envelope that its recipient has not acknowledged; `row` is its number in the table."""

    row: int
    round_id: str
    sequence: int
    kind: EnvelopeKind

    @property
    def of_protocol(self) -> bool:
        return self.sequence > PROTOCOL_LINE


class Outgoing:
    """Reads the outbox by recipient. Changes are made by `Outbox`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self, recipient: str) -> list[Waiting]:
        """Everything that waits for a member, in the order in which it should leave."""
        with self._store.read() as connection:
            rows = connection.execute(_ALL, {"to": recipient}).all()
        ranked: list[tuple[bool, int, int, Waiting]] = []
        counted: dict[str, int] = {}
        for row in sorted(rows, key=lambda one: one.sequence):
            one = Waiting(row.id, row.round_id, row.sequence, EnvelopeKind[row.kind])
            place = counted[one.round_id] = counted.get(one.round_id, 0) + one.of_protocol
            ranked.append((one.of_protocol, place, one.row, one))
        return [one for *_, one in sorted(ranked, key=lambda ranks: ranks[:3])]

    def of_round(self, recipient: str, round_id: str) -> list[Waiting]:
        """The same for one round, in order of number."""
        with self._store.read() as connection:
            rows = connection.execute(_OF_ROUND, {"to": recipient, "round": round_id}).all()
        return [Waiting(row.id, row.round_id, row.sequence, EnvelopeKind[row.kind]) for row in rows]

    def find(self, tx: Connection, recipient: str, round_id: str, sequence: int) -> Waiting | None:
        """The envelope with this number, if it still waits."""
        row = tx.execute(_ONE, {"to": recipient, "round": round_id, "number": sequence}).first()
        return None if row is None else Waiting(row.id, row.round_id, row.sequence, EnvelopeKind[row.kind])

    def open(self, tx: Connection, recipient: str, one: Waiting) -> Envelope | None:
        """Its bytes, None if it waits no more. StateDamaged if they were altered in the database, or are none of this
        version's."""
        data = tx.execute(_BYTES, {"row": one.row}).scalar()
        if data is None:
            return None
        name = f"{one.round_id}/{recipient}/{one.sequence}"
        return read_own(self._store.cells.unseal("outbox", name, "envelope", data))

    def newest(self, recipient: str, round_id: str) -> int:
        """The highest row that waits for a member in a round; 0 if none does."""
        with self._store.read() as connection:
            return int(connection.execute(_NEWEST, {"to": recipient, "round": round_id}).scalar() or 0)

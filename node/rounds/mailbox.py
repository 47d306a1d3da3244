"""What came and what goes: the inbox and the outbox of a node.

    receive   check -> store -> acknowledge -> (later) process, in order
    send      make -> store with the snapshot that made it -> deliver -> mark as acknowledged

An envelope is stored before anything else happens to it, on both sides, so a crash at any point leaves either a stored
envelope or none. A resend is byte for byte the envelope in the outbox.

Each round has two lines from one node to another, each with numbers that run without a gap: messages *about* the round
(from 1) and messages *of* its protocol (from `PROTOCOL_LINE` + 1). So a cancellation overtakes a list that is still on
its way. A number that came before must bring the same bytes, or the sender has changed its answer and is to blame.

Contents are sealed in the database and dropped as soon as they have done their work; the digest stays, so that a
replay is still known after years.
"""

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from node.errors import StateDamaged
from node.store import Store
from node.store.schema import inbox, outbox
from node.wire.envelope import Envelope, EnvelopeKind, ReceiptKind
from node.wire.signing import Signer
from psi.errors import ChangedAnswer, MalformedMessage, UnexpectedMessage

__all__ = ["MOST_NOTES", "PROTOCOL_LINE", "Inbox", "Letter", "Outbox", "Unreadable"]

MOST_NOTES = 64
"""Envelopes about one round that one sender may ever send, in number. An honest one needs fewer than ten."""

PROTOCOL_LINE = 1 << 31
"""Sequence numbers above this one belong to the protocol's messages, those below to all others."""

SEQUENCE_END = 1 << 32
"""No sequence number reaches this one."""


def _line(kind: EnvelopeKind) -> tuple[int, int]:
    """First and last sequence number of the line of a kind; both are never used themselves."""
    return (PROTOCOL_LINE, SEQUENCE_END) if kind is EnvelopeKind.ROUND else (0, PROTOCOL_LINE)


def _digest(envelope: Envelope) -> bytes:
    return hashlib.sha512(envelope.signing_bytes()).digest()


@dataclass(frozen=True)
class Letter:
    """A stored envelope: `row` is its number in the table."""

    row: int
    round_id: str
    sender: str
    sequence: int
    kind: EnvelopeKind
    payload: bytes


class Unreadable(StateDamaged):
    """An envelope in the outbox does not open any more. `row` is its number in the table."""

    def __init__(self, row: int, kind: EnvelopeKind, error: StateDamaged) -> None:
        super().__init__(error.sentence, advice=error.advice)
        self.row = row
        self.kind = kind


class Inbox:
    """`most_waiting` is the most unread envelopes of one sender, over all rounds, in each of the two lines; more are
    asked to come later."""

    def __init__(self, store: Store, *, most_waiting: int) -> None:
        self._store = store
        self._most_waiting = most_waiting

    def knows(self, tx: Connection, envelope: Envelope) -> bool:
        """Was this very envelope stored before? ChangedAnswer if its number came with other bytes."""
        known = tx.execute(
            select(inbox.c.digest).where(
                inbox.c.round_id == envelope.round_id,
                inbox.c.sender == envelope.sender,
                inbox.c.sequence == envelope.sequence,
            )
        ).scalar()
        if known is not None and known != _digest(envelope):
            raise ChangedAnswer("The other side sent a second, different message in the place of an earlier one.")
        return known is not None

    def put(self, tx: Connection, envelope: Envelope) -> ReceiptKind:
        """Store an envelope whose sender has been checked. PeerError if its number came before with other bytes, does
        not belong to its kind, or is one note too many."""
        if self.knows(tx, envelope):
            return ReceiptKind.ALREADY
        low, high = _line(envelope.kind)
        if not low < envelope.sequence < high:
            raise MalformedMessage("The other side numbered a message in a way that does not belong to its kind.")
        if low < PROTOCOL_LINE and envelope.sequence > low + MOST_NOTES:
            raise UnexpectedMessage("The other side sent more notes about the round than any round needs.")
        line = (inbox.c.sender == envelope.sender, inbox.c.sequence > low, inbox.c.sequence < high)
        here = (*line, inbox.c.round_id == envelope.round_id)
        last = tx.execute(select(func.max(inbox.c.sequence)).where(*here)).scalar() or low
        waiting = tx.execute(select(func.count()).where(*line, inbox.c.processed.is_(False))).scalar_one()
        if envelope.sequence != last + 1 or waiting >= self._most_waiting:
            return ReceiptKind.RETRY_LATER
        name = f"{envelope.round_id}/{envelope.sender}/{envelope.sequence}"
        tx.execute(
            inbox.insert().values(
                round_id=envelope.round_id,
                sender=envelope.sender,
                sequence=envelope.sequence,
                kind=envelope.kind.name,
                digest=_digest(envelope),
                payload=self._store.cells.seal("inbox", name, "payload", envelope.payload),
                processed=False,
            )
        )
        return ReceiptKind.ACCEPTED

    def waiting(self, tx: Connection, round_id: str) -> int:
        """How many messages of a round's protocol wait unread."""
        query = select(func.count()).where(
            inbox.c.round_id == round_id, inbox.c.processed.is_(False), inbox.c.sequence > PROTOCOL_LINE
        )
        return int(tx.execute(query).scalar_one())

    def waits(self, round_id: str) -> bool:
        """Is anything of a round unread?"""
        with self._store.read() as connection:
            query = select(inbox.c.id).where(inbox.c.round_id == round_id, inbox.c.processed.is_(False)).limit(1)
            return connection.execute(query).first() is not None

    def next(self, round_id: str, *, protocol: bool) -> Letter | None:
        """The next unread envelope of a round: notes before messages of its protocol, which come only with `protocol`,
        each in the order in which they came."""
        top = SEQUENCE_END if protocol else PROTOCOL_LINE
        with self._store.read() as connection:
            row = connection.execute(
                select(inbox)
                .where(inbox.c.round_id == round_id, inbox.c.processed.is_(False), inbox.c.sequence < top)
                .order_by(inbox.c.sequence > PROTOCOL_LINE, inbox.c.id)
                .limit(1)
            ).first()
        if row is None:
            return None
        name = f"{row.round_id}/{row.sender}/{row.sequence}"
        payload = self._store.cells.unseal("inbox", name, "payload", row.payload)
        return Letter(row.id, row.round_id, row.sender, row.sequence, EnvelopeKind[row.kind], payload)

    def done(self, tx: Connection, letter: Letter) -> None:
        """The envelope has been dealt with: its content goes, its digest stays."""
        tx.execute(inbox.update().where(inbox.c.id == letter.row).values(processed=True, payload=None))

    def drop_round(self, tx: Connection, round_id: str) -> None:
        """The round is over: whatever still waits will not be read."""
        tx.execute(inbox.update().where(inbox.c.round_id == round_id).values(processed=True, payload=None))

    def rounds_waiting(self) -> list[str]:
        with self._store.read() as connection:
            query = select(inbox.c.round_id).where(inbox.c.processed.is_(False)).distinct()
            return [row.round_id for row in connection.execute(query)]


class Outbox:
    """`signer` is this node's identity."""

    def __init__(self, store: Store, signer: Signer) -> None:
        self._store = store
        self._signer = signer

    def put(self, tx: Connection, *, round_id: str, recipient: str, kind: EnvelopeKind, payload: bytes) -> None:
        """Sign and store one envelope, to be delivered after all earlier ones to the same recipient."""
        here = (outbox.c.round_id == round_id, outbox.c.recipient == recipient)
        low, high = _line(kind)
        line = (*here, outbox.c.sequence > low, outbox.c.sequence < high)
        last = tx.execute(select(func.max(outbox.c.sequence)).where(*line)).scalar() or low
        envelope = Envelope.seal(
            self._signer, round_id=round_id, recipient=recipient, sequence=last + 1, kind=kind, payload=payload
        )
        name = f"{round_id}/{recipient}/{last + 1}"
        tx.execute(
            outbox.insert().values(
                round_id=round_id,
                recipient=recipient,
                sequence=last + 1,
                kind=kind.name,
                envelope=self._store.cells.seal("outbox", name, "envelope", envelope.to_bytes()),
                acknowledged=False,
            )
        )

    def next(self, round_id: str, recipient: str) -> tuple[int, Envelope] | None:
        """The oldest envelope to a recipient that it has not acknowledged, with its number in the table.

        Unreadable if it was altered in the database.
        """
        with self._store.read() as connection:
            row = connection.execute(
                select(outbox)
                .where(
                    outbox.c.round_id == round_id,
                    outbox.c.recipient == recipient,
                    outbox.c.acknowledged.is_(False),
                )
                .order_by(outbox.c.sequence)
                .limit(1)
            ).first()
        if row is None:
            return None
        name = f"{row.round_id}/{row.recipient}/{row.sequence}"
        try:
            return row.id, Envelope.from_bytes(self._store.cells.unseal("outbox", name, "envelope", row.envelope))
        except StateDamaged as error:
            raise Unreadable(row.id, EnvelopeKind[row.kind], error) from None

    def acknowledged(self, tx: Connection, row: int) -> None:
        """The recipient has stored it, or will never take it: it need not be sent again."""
        tx.execute(outbox.update().where(outbox.c.id == row).values(acknowledged=True, envelope=b""))

    def withdraw(self, tx: Connection, row: int) -> None:
        """An envelope cannot be read any more, and what stands behind it would wait for it at the recipient for ever.

        A note goes with all later ones, and the next note gets its number. What is of the protocol is never made anew:
        nothing of that leaves any more. A recipient that has the lost note already, which takes a crash at the wrong
        moment besides the damage, will see a changed answer and end the round.
        """
        here = (outbox.c.round_id, outbox.c.recipient, outbox.c.sequence)
        round_id, recipient, sequence = tx.execute(select(*here).where(outbox.c.id == row)).one()
        if sequence > PROTOCOL_LINE:
            self.drop_protocol(tx, round_id)
            return
        same = (outbox.c.round_id == round_id, outbox.c.recipient == recipient)
        tx.execute(outbox.delete().where(*same, outbox.c.sequence >= sequence, outbox.c.sequence < PROTOCOL_LINE))

    def drop_protocol(self, tx: Connection, round_id: str) -> None:
        """The round has broken off: nothing of its protocol leaves any more."""
        tx.execute(
            outbox.update()
            .where(outbox.c.round_id == round_id, outbox.c.sequence > PROTOCOL_LINE, outbox.c.acknowledged.is_(False))
            .values(acknowledged=True, envelope=b"")
        )

    def drop_round(self, tx: Connection, round_id: str) -> None:
        """The agreement is long over: nobody waits for what could not be delivered."""
        tx.execute(
            outbox.update()
            .where(outbox.c.round_id == round_id, outbox.c.acknowledged.is_(False))
            .values(acknowledged=True, envelope=b"")
        )

    def waiting(self, round_id: str) -> int:
        """How many messages of a round's protocol are not acknowledged yet."""
        with self._store.read() as connection:
            query = select(func.count()).where(
                outbox.c.round_id == round_id, outbox.c.acknowledged.is_(False), outbox.c.sequence > PROTOCOL_LINE
            )
            return int(connection.execute(query).scalar_one())

    def recipients(self, round_id: str) -> list[str]:
        """To whom something of a round still has to go."""
        with self._store.read() as connection:
            query = (
                select(outbox.c.recipient)
                .where(outbox.c.round_id == round_id, outbox.c.acknowledged.is_(False))
                .distinct()
            )
            return [row.recipient for row in connection.execute(query)]

    def rounds_waiting(self) -> list[str]:
        with self._store.read() as connection:
            query = select(outbox.c.round_id).where(outbox.c.acknowledged.is_(False)).distinct()
            return [row.round_id for row in connection.execute(query)]

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
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select

from node.errors import RefusedByPolicy, StateDamaged
from node.rounds.seals import Seals
from node.store import Store
from node.store.schema import inbox, outbox
from node.wire.envelope import Envelope, EnvelopeKind, ReceiptKind
from node.wire.sealing import Place
from node.wire.signing import Signer
from psi.errors import ChangedAnswer, MalformedMessage, PeerError, UnexpectedMessage

__all__ = [
    "MOST_AT_ONCE",
    "MOST_FOLLOWING",
    "MOST_NOTES",
    "PROTOCOL_LINE",
    "Inbox",
    "Letter",
    "Outbox",
    "Standing",
    "Unreadable",
    "read_own",
]

MOST_NOTES = 256
"""Envelopes about one round that one sender may ever send, in number. Until its end an honest one needs some twenty;
what people say about leads afterwards is held to MOST_FOLLOWING."""

MOST_FOLLOWING = 200
"""Envelopes about the leads of one round that this node sends, in number: the rest is kept for what a round needs."""

MOST_AT_ONCE = 8
"""Envelopes that are read from one of the boxes at a time, in number: each may have 1 MiB."""

PROTOCOL_LINE = 1 << 31
"""Sequence numbers above this one belong to the protocol's messages, those below to all others."""

SEQUENCE_END = 1 << 32
"""No sequence number reaches this one."""

# Made once: a list comes in many envelopes, and putting a statement together costs several times what running it does.
_HERE = (inbox.c.round_id == bindparam("round"), inbox.c.sender == bindparam("from"))
_IN_LINE = (inbox.c.sequence > bindparam("low"), inbox.c.sequence < bindparam("high"))
_KNOWN = select(inbox.c.digest).where(*_HERE, inbox.c.sequence == bindparam("number"))
_LAST_CAME = select(func.max(inbox.c.sequence)).where(*_HERE, *_IN_LINE)
_UNREAD_OF_SENDER = select(func.count()).where(
    inbox.c.sender == bindparam("from"), *_IN_LINE, inbox.c.processed.is_(False)
)
_UNREAD = (
    select(inbox)
    .where(inbox.c.round_id == bindparam("round"), inbox.c.processed.is_(False), inbox.c.sequence < bindparam("high"))
    .order_by(inbox.c.sequence > PROTOCOL_LINE, inbox.c.id)
    .limit(MOST_AT_ONCE)
)
_ANY_UNREAD = select(inbox.c.id).where(inbox.c.round_id == bindparam("round"), inbox.c.processed.is_(False)).limit(1)
_READ = inbox.update().where(inbox.c.id == bindparam("row"))
_TO = (outbox.c.round_id == bindparam("round"), outbox.c.recipient == bindparam("to"))
_LAST_SAID = select(func.max(outbox.c.sequence)).where(
    *_TO, outbox.c.sequence > bindparam("low"), outbox.c.sequence < bindparam("high")
)
_UNSENT = select(outbox).where(*_TO, outbox.c.acknowledged.is_(False)).order_by(outbox.c.sequence).limit(MOST_AT_ONCE)
_STILL_UNSENT = select(outbox.c.id).where(outbox.c.id == bindparam("row"), outbox.c.acknowledged.is_(False))
_SENT = outbox.update().where(outbox.c.id == bindparam("row"))
_UNSENT_OF_ROUND = (outbox.c.round_id == bindparam("round"), outbox.c.acknowledged.is_(False))
_UNSENT_OF_PROTOCOL = select(func.count()).where(*_UNSENT_OF_ROUND, outbox.c.sequence > PROTOCOL_LINE)
_FOLLOWING = (EnvelopeKind.FEEDBACK.name, EnvelopeKind.CONTACT.name)
_RECIPIENTS = select(outbox.c.recipient).where(*_UNSENT_OF_ROUND).distinct()


def _line(kind: EnvelopeKind) -> tuple[int, int]:
    """First and last sequence number of the line of a kind; both are never used themselves."""
    return (PROTOCOL_LINE, SEQUENCE_END) if kind is EnvelopeKind.ROUND else (0, PROTOCOL_LINE)


def _digest(envelope: Envelope) -> bytes:
    return hashlib.sha512(envelope.signing_bytes()).digest()


def read_own(data: bytes) -> Envelope:
    """An envelope of ours, out of the database. StateDamaged if it is none: never an error that puts it down to a
    peer, least of all to the one that is about to get it."""
    try:
        return Envelope.from_bytes(data)
    except PeerError:
        raise StateDamaged(
            "A message that this node was to send is damaged, or was written by another version of blindmatch.",
            advice="Propose the round again.",
        ) from None


@dataclass(frozen=True)
class Letter:
    """A stored envelope: `row` is its number in the table."""

    row: int
    round_id: str
    sender: str
    sequence: int
    kind: EnvelopeKind
    payload: bytes


@dataclass
class Standing:
    """How far one of a sender's two lines has come. `last`: the number of its last envelope in this round, or where the
    line begins; `unread`: its envelopes over all rounds that have not been read."""

    last: int
    unread: int


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
        here = {"round": envelope.round_id, "from": envelope.sender, "number": envelope.sequence}
        known = tx.execute(_KNOWN, here).scalar()
        if known is not None and known != _digest(envelope):
            raise ChangedAnswer("The other side sent a second, different message in the place of an earlier one.")
        return known is not None

    def standing(self, tx: Connection, envelope: Envelope) -> Standing:
        """How far the line has come to which this envelope belongs."""
        low, high = _line(envelope.kind)
        line = {"from": envelope.sender, "low": low, "high": high}
        last = tx.execute(_LAST_CAME, {"round": envelope.round_id, **line}).scalar() or low
        return Standing(last, tx.execute(_UNREAD_OF_SENDER, line).scalar_one())

    def put(
        self,
        tx: Connection,
        envelope: Envelope,
        open_seal: Callable[[Envelope], bytes],
        standing: Standing | None = None,
    ) -> ReceiptKind:
        """Store an envelope whose sender has been checked, opened; it is opened only if it is its turn. PeerError if
        its number came before with other bytes, does not belong to its kind, or is one note too many, and what
        `open_seal` raises. `standing`: of its line, if that is known; it is kept up."""
        standing = standing or self.standing(tx, envelope)
        if envelope.sequence != standing.last + 1 and self.knows(tx, envelope):
            return ReceiptKind.ALREADY
        low, high = _line(envelope.kind)
        if not low < envelope.sequence < high:
            raise MalformedMessage("The other side numbered a message in a way that does not belong to its kind.")
        if low < PROTOCOL_LINE and envelope.sequence > low + MOST_NOTES:
            raise UnexpectedMessage("The other side sent more notes about the round than any round needs.")
        if envelope.sequence != standing.last + 1 or standing.unread >= self._most_waiting:
            return ReceiptKind.RETRY_LATER
        name = f"{envelope.round_id}/{envelope.sender}/{envelope.sequence}"
        stored = {
            "round_id": envelope.round_id,
            "sender": envelope.sender,
            "sequence": envelope.sequence,
            "kind": envelope.kind.name,
            "digest": _digest(envelope),
            "payload": self._store.cells.seal("inbox", name, "payload", open_seal(envelope)),
            "processed": False,
        }
        tx.execute(inbox.insert(), stored)
        standing.last += 1
        standing.unread += 1
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
            return connection.execute(_ANY_UNREAD, {"round": round_id}).first() is not None

    def next(self, round_id: str, *, protocol: bool) -> list[Letter]:
        """The next unread envelopes of a round: one note, or without notes the messages of its protocol in the order in
        which they came, at most MOST_AT_ONCE, and only with `protocol`. What does not open stands in front, or not yet
        in the list."""
        high = SEQUENCE_END if protocol else PROTOCOL_LINE
        with self._store.read() as connection:
            rows = connection.execute(_UNREAD, {"round": round_id, "high": high}).all()
        letters: list[Letter] = []
        for row in rows:
            name = f"{row.round_id}/{row.sender}/{row.sequence}"
            try:
                payload = self._store.cells.unseal("inbox", name, "payload", row.payload)
            except StateDamaged:
                if letters:
                    break
                raise
            letters.append(Letter(row.id, row.round_id, row.sender, row.sequence, EnvelopeKind[row.kind], payload))
            if row.sequence < PROTOCOL_LINE:
                break
        return letters

    def done(self, tx: Connection, *letters: Letter) -> None:
        """These envelopes have been dealt with: their content goes, their digests stay."""
        tx.execute(_READ, [{"row": letter.row, "processed": True, "payload": None} for letter in letters])

    def drop_round(self, tx: Connection, round_id: str) -> None:
        """The round is over: whatever still waits will not be read."""
        tx.execute(inbox.update().where(inbox.c.round_id == round_id).values(processed=True, payload=None))

    def drop_protocol(self, tx: Connection, round_id: str) -> None:
        """The round is over: what still waits of its protocol will not be read. A note that came just now will."""
        here = (inbox.c.round_id == round_id, inbox.c.sequence > PROTOCOL_LINE, inbox.c.processed.is_(False))
        tx.execute(inbox.update().where(*here).values(processed=True, payload=None))

    def rounds_waiting(self) -> list[str]:
        with self._store.read() as connection:
            query = select(inbox.c.round_id).where(inbox.c.processed.is_(False)).distinct()
            return [row.round_id for row in connection.execute(query)]


class Outbox:
    """`signer` is this node's identity."""

    def __init__(self, store: Store, signer: Signer, seals: Seals) -> None:
        self._store = store
        self._signer = signer
        self._seals = seals

    def put(self, tx: Connection, *, round_id: str, recipient: str, kind: EnvelopeKind, payload: bytes) -> None:
        """Seal, sign and store one envelope, to be delivered after all earlier ones to the same recipient. A note to
        somebody whose card this node does not have is left out."""
        self.put_all(tx, round_id=round_id, recipient=recipient, kind=kind, payloads=[payload])

    def put_all(
        self, tx: Connection, *, round_id: str, recipient: str, kind: EnvelopeKind, payloads: Sequence[bytes]
    ) -> None:
        """The same for several of one kind, in order."""
        low, high = _line(kind)
        here = {"round": round_id, "to": recipient, "low": low, "high": high}
        last = tx.execute(_LAST_SAID, here).scalar() or low
        seal = self._seals.sealer(tx, round_id, recipient, kind)
        if seal is None:
            return
        stored = []
        for number, payload in enumerate(payloads, last + 1):
            envelope = Envelope.signed(
                self._signer,
                round_id=round_id,
                recipient=recipient,
                sequence=number,
                kind=kind,
                payload=seal(Place(round_id, self._signer.member_id, recipient, number, kind), payload),
            )
            name = f"{round_id}/{recipient}/{number}"
            stored.append(
                {
                    "round_id": round_id,
                    "recipient": recipient,
                    "sequence": number,
                    "kind": kind.name,
                    "envelope": self._store.cells.seal("outbox", name, "envelope", envelope.to_bytes()),
                    "acknowledged": False,
                }
            )
        if stored:
            tx.execute(outbox.insert(), stored)

    def put_following(
        self, tx: Connection, *, round_id: str, recipient: str, kind: EnvelopeKind, payloads: Sequence[bytes]
    ) -> None:
        """The same for what people say about leads; RefusedByPolicy, and nothing is stored, beyond MOST_FOLLOWING of
        them, so that the other side need not take it for a flood."""
        said = select(func.count()).where(
            outbox.c.round_id == round_id, outbox.c.recipient == recipient, outbox.c.kind.in_(_FOLLOWING)
        )
        if int(tx.execute(said).scalar_one()) + len(payloads) > MOST_FOLLOWING:
            raise RefusedByPolicy(
                f"No more can be said to the other side about the leads of this round: {MOST_FOLLOWING} messages are "
                "the most, and one command is one message at least.",
                advice="Nothing was sent. Agree on the rest by telephone, with the match handles.",
            )
        self.put_all(tx, round_id=round_id, recipient=recipient, kind=kind, payloads=payloads)

    def next(self, round_id: str, recipient: str) -> list[tuple[int, Envelope]]:
        """The oldest envelopes to a recipient that it has not acknowledged, in order, each with its number in the
        table; at most MOST_AT_ONCE. Unreadable if the first of them was altered in the database; a later one that was
        is not in the list, nor what comes after it.
        """
        with self._store.read() as connection:
            rows = connection.execute(_UNSENT, {"round": round_id, "to": recipient}).all()
        envelopes: list[tuple[int, Envelope]] = []
        for row in rows:
            name = f"{row.round_id}/{row.recipient}/{row.sequence}"
            try:
                envelope = read_own(self._store.cells.unseal("outbox", name, "envelope", row.envelope))
            except StateDamaged as error:
                if envelopes:
                    break
                raise Unreadable(row.id, EnvelopeKind[row.kind], error) from None
            envelopes.append((row.id, envelope))
        return envelopes

    def waits(self, row: int) -> bool:
        """Is this envelope still to be sent? Somebody may have ended the round since it was read."""
        with self._store.read() as connection:
            return connection.execute(_STILL_UNSENT, {"row": row}).first() is not None

    def acknowledged(self, tx: Connection, *rows: int) -> None:
        """The recipient has stored these, or will never take them: they need not be sent again."""
        tx.execute(_SENT, [{"row": row, "acknowledged": True, "envelope": b""} for row in rows])

    def withdraw(self, tx: Connection, row: int) -> None:
        """An envelope was altered in the database, and what stands behind it would wait at the recipient for ever.

        A note goes with all later ones, and the next note gets its number; this is the only way in which a number is
        given twice, and nothing that comes from outside leads here. What is of the protocol is never made anew: nothing
        of that leaves any more. A recipient that has the lost note already, because it was on its way when it was
        altered here, will see a changed answer and end the round.
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
            return int(connection.execute(_UNSENT_OF_PROTOCOL, {"round": round_id}).scalar_one())

    def recipients(self, round_id: str) -> list[str]:
        """To whom something of a round still has to go."""
        with self._store.read() as connection:
            return list(connection.execute(_RECIPIENTS, {"round": round_id}).scalars())

    def rounds_waiting(self) -> list[str]:
        return sorted({round_id for round_id, _ in self.waiting_for()})

    def waiting_for(self) -> list[tuple[str, str]]:
        """Every round of which something still has to go, with each recipient."""
        query = select(outbox.c.round_id, outbox.c.recipient).where(outbox.c.acknowledged.is_(False)).distinct()
        with self._store.read() as connection:
            return [(row.round_id, row.recipient) for row in connection.execute(query)]

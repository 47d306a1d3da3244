"""How a round ends, and what must be true for a step to go on.

Every end is one transaction: the letter that caused it is done with, the log says who did what, the others get a note,
the round's key, snapshot and decision are gone from its row, and nothing of its protocol that has not left yet will
leave any more. A crash leaves either all of that or none. Only the lists on the disk go later (`RoundEngine`), and a
start looks for lists that were left behind.

Nothing here touches a conversation in memory: any thread may end a round, but only the one that holds it may let its
files and its key go.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from node import failpoints
from node.audit import AuditLog
from node.identity.keys import Identity
from node.rounds.book import Round, RoundBook
from node.rounds.mailbox import Inbox, Letter, Outbox, Unreadable
from node.rounds.parties import tell, write_note
from node.rounds.states import RoundState
from node.store import Store
from node.store.schema import decoys
from node.wire.envelope import EnvelopeKind

__all__ = ["LIVE", "Ends", "OvertakenError", "StoppedError", "end"]

LIVE = (RoundState.RUNNING, RoundState.DECIDING)
"""States in which messages of the protocol are heard and said."""


class OvertakenError(Exception):
    """Somebody ended the round while this step was under way, or refreshed the data set of the list that it made."""


class StoppedError(Exception):
    """The node stops; what this step had not stored is done again after the next start."""


def end(
    tx: Connection, book: RoundBook, outbox: Outbox, round_id: str, state: RoundState, **values: str | None
) -> None:
    """Move a round to one of its ends; its decoys go. Unless it has finished, what lies in the outbox of its protocol
    never leaves."""
    book.move(tx, round_id, state, **values)
    tx.execute(decoys.delete().where(decoys.c.round_id == round_id))
    if state is not RoundState.FINISHED:
        outbox.drop_protocol(tx, round_id)


@dataclass
class Ends:
    store: Store
    audit: AuditLog
    identity: Identity
    book: RoundBook
    inbox: Inbox
    outbox: Outbox

    def still(self, tx: Connection, found: Round, *states: RoundState) -> None:
        """Inside a transaction: the round has not been ended by somebody else meanwhile; OvertakenError if it has."""
        if self.book.state(tx, found.round_id) not in states:
            raise OvertakenError

    def report(self, tx: Connection, found: Round, state: RoundState, code: str = "") -> None:
        """Tell the others how our side stands: visible is the round, never a record.

        A round that this member has not signed is nothing between it and the other member: how it ends is told to who
        proposed it. Otherwise a convener could have us write to somebody who never heard of the round.
        """
        note, me = write_note(state.value, code), self.identity.member_id
        signed = any(verdict.signed and verdict.member_id == me for verdict in self.book.verdicts(found.round_id))
        if signed or found.convener == me:
            tell(tx, self.outbox, found, me, EnvelopeKind.STATUS, note)
        else:
            kind = EnvelopeKind.STATUS
            self.outbox.put(tx, round_id=found.round_id, recipient=found.convener, kind=kind, payload=note)

    def finish(self, found: Round) -> None:
        """Both sides have closed."""
        with self.store.transaction() as tx:
            self.still(tx, found, *LIVE)
            self.report(tx, found, RoundState.FINISHED)
            end(tx, self.book, self.outbox, found.round_id, RoundState.FINISHED)
        failpoints.hit("round.after-result")

    def fail(
        self,
        found: Round,
        code: str,
        sentence: str,
        *,
        blamed: str | None = None,
        peer: str | None = None,
        letter: Letter | None = None,
        undeliverable: int | None = None,
        unreadable: Unreadable | None = None,
        told: str | None = None,
        first: Callable[[Connection], None] = lambda _tx: None,
    ) -> None:
        """End a round with nothing more released. The others learn that it failed and by which code, or `told` instead.

        `peer`: with whom it came about, if nobody is to blame; `letter`: what came from the blamed member and caused
        this; `undeliverable`: the row of the outbox that did; `unreadable`: what should have been sent and is damaged.
        `first`: what is stored before all of it, also of a round that is over.
        A round that is over already stays as it is, but where the others should have heard so from what is damaged,
        they hear that our side failed.
        """
        with self.store.transaction() as tx:
            first(tx)
            if letter is not None:
                self.inbox.done(tx, letter)
            if undeliverable is not None:
                self.outbox.acknowledged(tx, undeliverable)
            if unreadable is not None:
                self.outbox.withdraw(tx, unreadable.row)
            if self.book.get(found.round_id).over:
                # Not for a note of that kind itself: where it is damaged again and again, this has to come to an end.
                if unreadable is not None and unreadable.kind is not EnvelopeKind.STATUS:
                    self.report(tx, found, RoundState.FAILED, code)
                return
            facts: dict[str, Any] = {"round_id": found.round_id, "code": code}
            if (concerned := blamed or peer) is not None:
                facts["peer"] = concerned
            if blamed is not None and letter is not None:
                self.audit.append(tx, "peer-blamed", **facts)
            self.audit.append(tx, "round-failed", **facts)
            self.report(tx, found, RoundState.FAILED, told or code)
            end(
                tx,
                self.book,
                self.outbox,
                found.round_id,
                RoundState.FAILED,
                failure_code=code,
                failure_sentence=sentence,
                blamed=blamed,
            )
        failpoints.hit("round.after-failure")

    def refuse_letter(self, letter: Letter, event: str, code: str) -> None:
        """A letter is dropped, and the log says whose it was; no round ends by it."""
        facts: dict[str, Any] = {"peer": letter.sender, "code": code}
        if self.book.peek(letter.round_id) is not None:
            facts["round_id"] = letter.round_id
        with self.store.transaction() as tx:
            self.inbox.done(tx, letter)
            self.audit.append(tx, event, **facts)

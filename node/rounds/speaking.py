"""What our side of a round says next: blind the list, make a message, apply a person's decision.

Each message is stored with the snapshot that made it and with its audit entry, in one transaction, before it can
leave; the chunks of a list go into one transaction as far as the outbox has room. What is charged is charged before, in
a transaction of its own: a crash in between costs a repetition of the same charge, which changes nothing.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from node import failpoints
from node.audit import AuditLog
from node.clock import Clock
from node.identity.keys import Identity
from node.policy import Budget
from node.rounds.book import Round, RoundBook
from node.rounds.conversation import Conversation, Workshop
from node.rounds.ends import LIVE, Ends, OvertakenError
from node.rounds.mailbox import Outbox
from node.rounds.negotiation import Negotiation
from node.rounds.opened import Opened
from node.rounds.parties import peer_of
from node.rounds.preparing import Taking
from node.rounds.presence import starts_at
from node.rounds.results import agreeing_records, release_rows
from node.rounds.states import RoundState
from node.rounds.tripwires import Tripwires
from node.rounds.witnessing import Witnessing
from node.store import Store
from node.wire.envelope import EnvelopeKind
from psi.errors import ListDoesNotFit
from psi.messages import Close, Count, Evaluated, Message, Released
from psi.protocol.pair import PairSession
from psi.protocol.states import Gate, Leg
from psi.spool import CHUNK_ROWS, Spool

__all__ = ["MOST_AT_ONCE", "Speaking"]

MOST_AT_ONCE = 8
"""Messages of one leg that are made and stored in one transaction, in number: each may have half a MiB."""


@dataclass
class Speaking:
    """`progress(round_id, records)` is called while a list is blinded, and may raise to break it off; `window(member)`
    says how many messages may lie unacknowledged for a member before the next one is made."""

    store: Store
    audit: AuditLog
    clock: Clock
    identity: Identity
    budget: Budget
    book: RoundBook
    outbox: Outbox
    negotiation: Negotiation
    workshop: Workshop
    ends: Ends
    opened: Opened
    witnessing: Witnessing
    tripwires: Tripwires
    progress: Callable[[str, int], None]
    window: Callable[[str], int]

    def prepare(self, found: Round) -> bool:
        """Blind our list and store the opening. A crash before it is stored costs the list, and nothing else."""
        start = starts_at(found.manifest)
        if start is not None and self.clock.now() < start:
            return False
        self.tripwires.let_pass(found)
        self.negotiation.enforce(found)
        self.negotiation.room.check(found)
        version, excluded = self.negotiation.version(found), self.negotiation.excluded(found)
        me, peer = self.identity.member_id, peer_of(found)
        own = self.negotiation.own_list(found)

        walked = 0

        def progress(records: int) -> None:
            nonlocal walked
            walked = records
            self.progress(found.round_id, records)

        def taking(links: Spool) -> Taking:
            return Taking(
                found.manifest,
                me=me,
                today=self.clock.now().date(),
                links=links,
                backend=self.workshop.backend,
                progress=progress,
                excluded=excluded,
                seen=own.take,
            )

        voice, laying = self.opened.voice(found), self.tripwires.laying(found)
        conversation, counts = self.workshop.prepare(
            found,
            self.negotiation.stretches(found),
            taking,
            voice,
            going_on=lambda: progress(walked),
            further=laying.messages,
        )
        self.opened.keep(found.round_id, conversation)
        if counts.taking_part < found.manifest.member(me).minimum_records:
            raise ListDoesNotFit(
                "Fewer records would take part than this side declared as its minimum, so nothing was sent.",
                advice="Check which records have consent for this round, or agree on a lower minimum.",
            )
        self.negotiation.check_own(found, own)
        conversation.flush()
        failpoints.hit("round.list-prepared")
        assert conversation.scalar is not None
        with self.store.transaction() as tx:
            self.ends.still(tx, found, RoundState.PREPARING)
            if (self.negotiation.version(found), self.negotiation.excluded(found)) != (version, excluded):
                raise OvertakenError  # changed meanwhile: the list is made again, from what stands there now
            self.book.note_list(tx, found.round_id, version)
            laying.save(tx)
            self.book.save_scalar(tx, found.round_id, conversation.scalar)
            self.book.save_snapshot(tx, found.round_id, conversation.snapshot())
            self.audit.append(
                tx,
                "list-committed",
                round_id=found.round_id,
                peer=peer,
                elements=conversation.session.terms.my_size,
                records=counts.taking_part,
            )
            self.negotiation.note_shown(tx, found, own)
            self.ends.report(tx, found, RoundState.RUNNING)
            self.book.move(tx, found.round_id, RoundState.RUNNING)
        failpoints.hit("round.list-stored")
        return True

    def speak(self, found: Round) -> bool:
        """Give the permissions that are due, make our next message and store it; False if there is nothing to say."""
        room = min(MOST_AT_ONCE, self.window(peer_of(found)) - self.outbox.waiting(found.round_id))
        if room <= 0:
            return False
        conversation = self.opened.get(found)
        session = conversation.session
        if session.finished:
            self.ends.finish(found)
            return True
        closing = session.record.turns.leg(session.terms.place) is Leg.CLOSE
        if not closing:
            self.tripwires.let_pass(found)
        gate = session.waiting_for
        if gate is not None and not self.witnessing.proven(found):
            return False  # nothing is told to a side that has not shown that its log goes on
        if gate is Gate.ANSWER:
            self._charge(found, "answer", session.terms.peer_size)
            session.permit_answer()
        elif gate is Gate.COUNT:
            session.permit_count(agreeing_records(conversation))
        elif gate is Gate.RELEASE and not self._release(found, conversation):
            return False
        messages = self._next(session, room)
        if not messages:
            return False
        conversation.flush()
        failpoints.hit("round.before-persist")
        with self.store.transaction() as tx:
            self.ends.still(tx, found, *LIVE)
            if not closing:
                self.tripwires.let_pass(found, tx)  # another round may have met decoys a moment ago
            for message in messages:
                self._note_said(tx, found, message, conversation)
                self.witnessing.show(tx, found, message)
            self.outbox.put_all(
                tx,
                round_id=found.round_id,
                recipient=peer_of(found),
                kind=EnvelopeKind.ROUND,
                payloads=[message.encode() for message in messages],
            )
            self.book.save_snapshot(tx, found.round_id, conversation.snapshot())
            if not session.needs_scalar:
                self.book.forget_scalar(tx, found.round_id)
        if not session.needs_scalar:
            conversation.forget_scalar()
        failpoints.hit("round.after-persist")
        return True

    @staticmethod
    def _next(session: PairSession, room: int) -> list[Message]:
        """Our next message; of a leg of several, as many as there is room for."""
        messages: list[Message] = []
        while len(messages) < room and (message := session.next_message()) is not None:
            messages.append(message)
            if not session.mid_leg:
                break
        return messages

    def _release(self, found: Round, conversation: Conversation) -> bool:
        """Apply the person's decision; without one, the round rests in state deciding."""
        stored = self.book.decision(found.round_id)
        if stored is None:
            if found.state is RoundState.RUNNING:
                with self.store.transaction() as tx:
                    self.ends.still(tx, found, *LIVE)
                    self.ends.report(tx, found, RoundState.DECIDING)
                    self.book.move(tx, found.round_id, RoundState.DECIDING)
                failpoints.hit("round.deciding")
            return False
        chosen = json.loads(stored)
        spool = conversation.session.spools.release
        spool.truncate(0)
        if found.manifest.mode == "released":
            self.negotiation.records(found)  # of a data set that was removed meanwhile, nothing is released
            rows = release_rows(conversation, None if chosen is None else set(chosen))
            step = CHUNK_ROWS * spool.width
            for start in range(0, len(rows), step):
                spool.append(rows[start : start + step])
            reason, elements = "release", spool.rows
        else:
            reason, elements = "answer", conversation.session.terms.peer_size
        # In this order: what the protocol refuses costs nothing. Permitted is it in memory only, until it is stored.
        conversation.session.permit_release()
        self._charge(found, reason, elements)
        if found.state is RoundState.DECIDING:
            with self.store.transaction() as tx:
                self.ends.still(tx, found, *LIVE)
                self.book.move(tx, found.round_id, RoundState.RUNNING)
        failpoints.hit("round.after-release")
        return True

    def _charge(self, found: Round, reason: str, elements: int) -> None:
        """Charge the peer before it is answered. Once: the same charge again changes nothing."""
        peer = peer_of(found)
        cap = found.manifest.member(peer).max_elements
        failpoints.hit("round.before-charge")
        with self.store.transaction() as tx:
            self.ends.still(tx, found, *LIVE)
            if self.budget.charge(tx, peer, found.round_id, reason, elements, cap=cap):
                self.audit.append(tx, "budget-charged", round_id=found.round_id, peer=peer, elements=elements)
        failpoints.hit("round.after-charge")

    def _note_said(self, tx: Connection, found: Round, message: Message, conversation: Conversation) -> None:
        """The audit entry stands before the message can leave."""
        facts: dict[str, str | int] = {"round_id": found.round_id, "peer": peer_of(found)}
        if isinstance(message, Evaluated) and message.chunk == 0:
            self.audit.append(tx, "answer-sent", elements=conversation.session.terms.peer_size, **facts)
        elif isinstance(message, Count):
            self.audit.append(tx, "count-sent", **facts)
        elif isinstance(message, Released) and message.number == 0:
            self.audit.append(tx, "release-sent", elements=conversation.session.record.to_release, **facts)
        elif isinstance(message, Close):
            self.audit.append(tx, "round-closed", digest=message.transcript[:32].hex(), **facts)

"""Runs rounds: reads what came, says what is due, sends what is stored. One step at a time, each of them safe to lose.

    letter from the inbox -> session.receive
        -> snapshot, letter done, leads, audit: one transaction
    session.next_message
        -> snapshot, outbox, audit: one transaction
    outbox -> carrier -> marked as acknowledged                          (`post`)

What is stored before it is sent is sent as it was stored, so a crash at any point costs a repetition, never a second
blinding. The session in memory is a cache of the stored snapshot: after any error it is thrown away. Named failpoints
mark the places at which the fault tests kill the process.

A step never waits: where it cannot go on (the other side's turn, a person's decision, a link that is down) it returns,
and `Scheduler` calls again when something has happened. What the other side does wrong ends the round with its name in
the audit log; the node goes on.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Connection

from node import failpoints
from node.agreement.terms import moment
from node.audit import AuditLog, Checkpoint
from node.audit.witness import Witness
from node.clock import Clock
from node.errors import Busy, NodeError, NotAllowed
from node.identity.keys import Identity
from node.identity.members import MemberBook
from node.policy import Budget
from node.rounds.book import Round, RoundBook
from node.rounds.conversation import Conversation, Workshop
from node.rounds.leads import LeadBook
from node.rounds.mailbox import Inbox, Letter, Outbox
from node.rounds.negotiation import Negotiation
from node.rounds.parties import others, read_note, require_member, tell, write_note
from node.rounds.post import Post
from node.rounds.preparing import Taking
from node.rounds.results import agreeing_records, find_leads, release_rows
from node.rounds.states import RoundState
from node.rounds.voice import NodeVoice
from node.store import Store
from node.wire.envelope import Envelope, EnvelopeKind, ReceiptKind
from psi.errors import ChangedAnswer, ListDoesNotFit, PeerError, PsiError, UnexpectedMessage, WrongCount
from psi.messages import Close, Count, Evaluated, Message, Open, Released, decode
from psi.protocol.states import Gate
from psi.spool import CHUNK_ROWS, Spool

__all__ = ["MOST_UNACKNOWLEDGED", "RoundEngine", "Step"]

MOST_UNACKNOWLEDGED = 8
"""Messages of one round that may lie unacknowledged in the outbox before the next one is made."""

_LIVE = (RoundState.RUNNING, RoundState.DECIDING)


class _OvertakenError(Exception):
    """Somebody cancelled the round while this step was under way."""


@dataclass
class Step:
    """What one step did, and in how many seconds another try is due, if one is."""

    moved: bool = False
    retry_in: float | None = None


@dataclass
class RoundEngine:
    """One for each node. `step` must not run for one round in two threads at once: see `Scheduler`."""

    store: Store
    audit: AuditLog
    clock: Clock
    identity: Identity
    members: MemberBook
    budget: Budget
    book: RoundBook
    leads: LeadBook
    inbox: Inbox
    outbox: Outbox
    post: Post
    negotiation: Negotiation
    workshop: Workshop
    witness: Witness
    progress: Callable[[str, int], None] = lambda _round_id, _records: None
    _open: dict[str, Conversation] = field(default_factory=dict)
    _cleared: set[str] = field(default_factory=set)

    # What peers deliver (called by the RPC handlers, in their threads).

    def accept(self, envelope: Envelope) -> ReceiptKind:
        """Store an envelope whose sender and signature have been checked. NotAllowed if it is no party of the round.

        An envelope for a round that is over is taken and not read, so that its sender need not keep it.
        """
        with self.store.transaction() as tx:
            found = self.book.peek(envelope.round_id)
            if found is None:
                if envelope.kind is not EnvelopeKind.PROPOSAL:
                    return ReceiptKind.RETRY_LATER  # the proposal may still be on its way from the convener
            elif envelope.sender not in others(found.manifest, self.identity.member_id):
                raise NotAllowed("The sender is no party of this round.")
            try:
                receipt = self.inbox.put(tx, envelope)
                if found is not None and found.over and envelope.kind is EnvelopeKind.ROUND:
                    self.inbox.drop_round(tx, envelope.round_id)
                return receipt
            except ChangedAnswer as error:
                changed = error
        if found is not None and not found.over:
            self._blame(found, envelope.sender, changed)
        raise changed

    # One step.

    def step(self, round_id: str) -> Step:
        """Do everything for a round that can be done now."""
        done = Step()
        while True:
            delivery = self.post.deliver(round_id)
            if delivery.refusal is not None:
                found = self.book.peek(round_id)
                if found is not None and not found.over:
                    self._fail(found, "refused-by-peer", delivery.refusal.diagnostics())
            moved = self._read_one(round_id) or self._go_on(round_id)
            done.moved |= moved or bool(delivery.sent)
            done.retry_in = delivery.retry_in
            if not moved:
                return done

    def close(self) -> None:
        """Wipe the scalars in memory and close the lists; everything stored stays."""
        for round_id in list(self._open):
            self._let_go(round_id)

    # Reading.

    def _read_one(self, round_id: str) -> bool:
        found = self.book.peek(round_id)
        letter = self.inbox.next(round_id, protocol=found is not None and found.state in _LIVE)
        if letter is None:
            return False
        try:
            if found is None:
                with self.store.transaction() as tx:
                    self.negotiation.on_proposal(tx, letter)
                    self.inbox.done(tx, letter)
            elif letter.kind is EnvelopeKind.ROUND:
                self._hear(found, letter)
            else:
                with self.store.transaction() as tx:
                    self._take_note(tx, found, letter)
                    self.inbox.done(tx, letter)
        except PeerError as error:
            self._discard(letter)
            self._blame(found, letter.sender, error)
        except (NodeError, PsiError) as error:
            if isinstance(error, Busy):
                self._let_go(round_id)
                return False
            self._discard(letter)
            if found is not None and letter.kind is EnvelopeKind.ROUND:
                self._fail(found, error.code, error.diagnostics())
            else:
                with self.store.transaction() as tx:
                    self.audit.append(tx, "policy-refused", round_id=round_id, peer=letter.sender, code=error.code)
        except _OvertakenError:
            self._let_go(round_id)
        return True

    def _take_note(self, tx: Connection, found: Round, letter: Letter) -> None:
        if letter.kind is EnvelopeKind.STATUS:
            self._on_status(tx, found, letter)
        elif found.over:
            return
        elif letter.kind is EnvelopeKind.SIGNATURE:
            self.negotiation.on_signature(tx, letter, found)
        elif letter.kind is EnvelopeKind.REFUSAL:
            self.negotiation.on_refusal(tx, letter, found)
        elif letter.kind is EnvelopeKind.START:
            self.negotiation.on_start(tx, letter, found)
        elif letter.kind is EnvelopeKind.CANCEL:
            self.negotiation.on_cancel(tx, letter, found)
        else:
            raise UnexpectedMessage("The other side proposed the same round again.")

    def _on_status(self, tx: Connection, found: Round, letter: Letter) -> None:
        """A member says how its side stands. Only a failure changes ours; a convener keeps the picture."""
        state, code = read_note(letter.payload)
        self.book.report(tx, found.round_id, letter.sender, state)
        if found.over:
            return
        if state == RoundState.FAILED:
            self.audit.append(tx, "round-failed", round_id=found.round_id, peer=letter.sender, code=code or "unknown")
            self.book.move(
                tx,
                found.round_id,
                RoundState.FAILED,
                failure_code="ended-by-peer",
                failure_sentence=f"{require_member(self.members, letter.sender).name} ended the round ({code}).",
            )
        elif found.position == "none" and found.state in (RoundState.PREPARING, RoundState.RUNNING):
            reports = self.book.get(found.round_id).reports
            states = {reports.get(member.member_id) for member in found.manifest.members}
            if states == {RoundState.FINISHED.value}:
                if found.state is RoundState.PREPARING:
                    self.book.move(tx, found.round_id, RoundState.RUNNING)
                self.book.move(tx, found.round_id, RoundState.FINISHED)
                self.audit.append(tx, "round-closed", round_id=found.round_id)
            elif found.state is RoundState.PREPARING:
                self.book.move(tx, found.round_id, RoundState.RUNNING)

    def _hear(self, found: Round, letter: Letter) -> None:
        """One message of the protocol."""
        if letter.sender != found.peer:
            raise UnexpectedMessage("A party that is no member sent a message of the protocol.")
        conversation = self._conversation(found)
        session = conversation.session
        knew = session.has_learned
        message = decode(letter.payload)
        session.receive(message)
        failpoints.hit("round.before-persist")
        with self.store.transaction() as tx:
            self._still_live(found)
            self._note_heard(tx, found, message)
            if session.has_learned and not knew:
                failpoints.hit("round.before-result")
                self._save_leads(tx, found, conversation)
            self.book.save_snapshot(tx, found.round_id, session.snapshot())
            self.inbox.done(tx, letter)
        failpoints.hit("round.after-persist")

    def _note_heard(self, tx: Connection, found: Round, message: Message) -> None:
        peer = found.peer or ""
        if isinstance(message, Open | Close):
            seen = Checkpoint(message.checkpoint.tree_size, message.checkpoint.root, message.checkpoint.signature)
            moment_name = "open" if isinstance(message, Open) else "close"
            self.witness.see(tx, require_member(self.members, peer), found.round_id, moment_name, seen)
        elif isinstance(message, Count):
            if not found.manifest.allows_count(message.low, message.high):
                raise WrongCount("The other side gave a count that the agreement does not provide for.")
            self.audit.append(tx, "count-received", round_id=found.round_id, peer=peer)
            self.book.save_count(tx, found.round_id, message.low, message.high)
        elif isinstance(message, Released) and message.last:
            self.audit.append(tx, "release-received", round_id=found.round_id, peer=peer)

    def _save_leads(self, tx: Connection, found: Round, conversation: Conversation) -> None:
        """The entry stands before anybody can see a lead."""
        records = self.negotiation.records(found)
        leads = list(find_leads(conversation, records, found.manifest.rules()))
        self.audit.append(tx, "overlap-learned", round_id=found.round_id, peer=found.peer or "", hits=len(leads))
        self.leads.save(tx, found.round_id, leads)
        self.book.mark_learned(tx, found.round_id)

    # Going on.

    def _go_on(self, round_id: str) -> bool:
        """The next thing that is due on our side; True if something was done."""
        found = self.book.peek(round_id)
        if found is None:
            return False
        if found.over:
            self._clear(found)
            return False
        if self._expired(found):
            return True
        try:
            if found.state is RoundState.PREPARING and found.position != "none":
                return self._prepare(found)
            if found.state in _LIVE and found.position != "none":
                return self._speak(found)
        except Busy:
            self._let_go(round_id)
        except (NodeError, PsiError) as error:
            self._fail(found, error.code, error.diagnostics())
            return True
        except _OvertakenError:
            self._let_go(round_id)
            return True
        return False

    def _expired(self, found: Round) -> bool:
        """Lists and answers are due by the deadline; nothing is released after the end of the agreement."""
        limit = found.manifest.expires_at if found.state is RoundState.DECIDING else found.manifest.deadline
        if self.clock.now() <= moment(limit):
            return False
        self._fail(found, "deadline", "The deadline of this round has passed.")
        return True

    def _prepare(self, found: Round) -> bool:
        """Blind our list and store the opening. A crash before it is stored costs the list, and nothing else."""
        if self.clock.now() < moment(found.manifest.start_not_before):
            return False
        self.negotiation.enforce(found)
        me = self.identity.member_id

        def taking(links: Spool) -> Taking:
            return Taking(
                found.manifest,
                me=me,
                today=self.clock.now().date(),
                links=links,
                progress=lambda records: self.progress(found.round_id, records),
            )

        records = self.negotiation.records(found)
        conversation, counts = self.workshop.prepare(found, records, taking, self._voice(found))
        try:
            if counts.taking_part < found.manifest.member(me).minimum_records:
                raise ListDoesNotFit(
                    "Fewer records would take part than this side declared as its minimum, so nothing was sent.",
                    advice="Check which records have consent for this round, or agree on a lower minimum.",
                )
            failpoints.hit("round.list-prepared")
            assert conversation.scalar is not None
            with self.store.transaction() as tx:
                self._still(found, (RoundState.PREPARING,))
                self.book.save_scalar(tx, found.round_id, conversation.scalar)
                self.book.save_snapshot(tx, found.round_id, conversation.session.snapshot())
                self.audit.append(
                    tx,
                    "list-committed",
                    round_id=found.round_id,
                    peer=found.peer or "",
                    elements=conversation.session.terms.my_size,
                    records=counts.taking_part,
                )
                self._report(tx, found, RoundState.RUNNING)
                self.book.move(tx, found.round_id, RoundState.RUNNING)
        except BaseException:
            conversation.close()
            raise
        self._open[found.round_id] = conversation
        return True

    def _speak(self, found: Round) -> bool:
        """Give the permissions that are due, make our next message and store it."""
        if self.outbox.waiting(found.round_id) >= MOST_UNACKNOWLEDGED:
            return False
        conversation = self._conversation(found)
        session = conversation.session
        if session.finished:
            return self._finish(found)
        gate = session.waiting_for
        if gate is Gate.ANSWER:
            self._charge(found, "answer", session.terms.peer_size)
            session.permit_answer()
        elif gate is Gate.COUNT:
            session.permit_count(agreeing_records(conversation))
        elif gate is Gate.RELEASE and not self._release(found, conversation):
            return False
        message = session.next_message()
        if message is None:
            return False
        failpoints.hit("round.before-persist")
        with self.store.transaction() as tx:
            self._still_live(found)
            self._note_said(tx, found, message, conversation)
            self.outbox.put(
                tx,
                round_id=found.round_id,
                recipient=found.peer or "",
                kind=EnvelopeKind.ROUND,
                payload=message.encode(),
            )
            self.book.save_snapshot(tx, found.round_id, session.snapshot())
            if not session.needs_scalar:
                self.book.forget_scalar(tx, found.round_id)
        if not session.needs_scalar:
            conversation.forget_scalar()
        failpoints.hit("round.after-persist")
        return True

    def _release(self, found: Round, conversation: Conversation) -> bool:
        """Apply the person's decision; without one, the round rests in state deciding."""
        stored = self.book.decision(found.round_id)
        if stored is None:
            if found.state is RoundState.RUNNING:
                with self.store.transaction() as tx:
                    self._still_live(found)
                    self._report(tx, found, RoundState.DECIDING)
                    self.book.move(tx, found.round_id, RoundState.DECIDING)
            return False
        chosen = json.loads(stored)
        spool = conversation.session.spools.release
        spool.truncate(0)
        if found.manifest.mode == "released":
            records = self.negotiation.records(found)
            rows = release_rows(conversation, records, None if chosen is None else set(chosen))
            for start in range(0, len(rows), CHUNK_ROWS):
                spool.append(b"".join(rows[start : start + CHUNK_ROWS]))
            self._charge(found, "release", len(rows))
        else:
            self._charge(found, "answer", conversation.session.terms.peer_size)
        conversation.session.permit_release()
        if found.state is RoundState.DECIDING:
            with self.store.transaction() as tx:
                self._still_live(found)
                self.book.move(tx, found.round_id, RoundState.RUNNING)
        failpoints.hit("round.after-release")
        return True

    def _charge(self, found: Round, reason: str, elements: int) -> None:
        """Charge the peer before it is answered. Once: the same charge again changes nothing."""
        peer = found.peer or ""
        cap = found.manifest.member(peer).max_elements
        failpoints.hit("round.before-charge")
        with self.store.transaction() as tx:
            self._still_live(found)
            if self.budget.charge(tx, peer, found.round_id, reason, elements, cap=cap):
                self.audit.append(tx, "budget-charged", round_id=found.round_id, peer=peer, elements=elements)
        failpoints.hit("round.after-charge")

    def _note_said(self, tx: Connection, found: Round, message: Message, conversation: Conversation) -> None:
        """The audit entry stands before the message can leave."""
        facts: dict[str, str | int] = {"round_id": found.round_id, "peer": found.peer or ""}
        if isinstance(message, Evaluated) and message.chunk == 0:
            self.audit.append(tx, "answer-sent", elements=conversation.session.terms.peer_size, **facts)
        elif isinstance(message, Count):
            self.audit.append(tx, "count-sent", **facts)
        elif isinstance(message, Released) and message.number == 0:
            self.audit.append(tx, "release-sent", elements=conversation.session.record.to_release, **facts)
        elif isinstance(message, Close):
            self.audit.append(tx, "round-closed", digest=message.transcript[:32].hex(), **facts)

    # Ends.

    def _finish(self, found: Round) -> bool:
        with self.store.transaction() as tx:
            self._still_live(found)
            self._report(tx, found, RoundState.FINISHED)
            self.book.move(tx, found.round_id, RoundState.FINISHED)
        failpoints.hit("round.after-result")
        self._let_go(found.round_id)
        return True

    def _blame(self, found: Round | None, peer: str, error: PeerError) -> None:
        """Say in the log who did what, and end the round if there is one."""
        with self.store.transaction() as tx:
            facts = {"round_id": found.round_id} if found is not None else {}
            self.audit.append(tx, "peer-blamed", peer=peer, code=error.code, **facts)
        if found is not None:
            self._fail(found, error.code, error.diagnostics(), blamed=peer)

    def _fail(self, found: Round, code: str, sentence: str, *, blamed: str | None = None) -> None:
        """End a round with nothing more released. The others learn that it failed and by which code."""
        with self.store.transaction() as tx:
            now = self.book.get(found.round_id)
            if now.over:
                return
            self.audit.append(tx, "round-failed", round_id=found.round_id, code=code)
            tell(
                tx,
                self.outbox,
                found,
                self.identity.member_id,
                EnvelopeKind.STATUS,
                write_note(RoundState.FAILED.value, code),
            )
            self.book.move(
                tx, found.round_id, RoundState.FAILED, failure_code=code, failure_sentence=sentence, blamed=blamed
            )
        self._let_go(found.round_id)

    def _clear(self, found: Round) -> None:
        """A round is over: its key and lists go, and what still waits is not read or sent any more."""
        if found.round_id in self._cleared:
            return
        self._let_go(found.round_id)
        failpoints.hit("round.before-forget")
        self.workshop.forget(found.round_id)
        with self.store.transaction() as tx:
            self.inbox.drop_round(tx, found.round_id)
            if found.state is not RoundState.FINISHED:
                self.outbox.drop_protocol(tx, found.round_id)
        self._cleared.add(found.round_id)

    # Small parts.

    def _conversation(self, found: Round) -> Conversation:
        if found.round_id not in self._open:
            self._open[found.round_id] = self.workshop.resume(found, self._voice(found))
        return self._open[found.round_id]

    def _let_go(self, round_id: str) -> None:
        conversation = self._open.pop(round_id, None)
        if conversation is not None:
            conversation.close()

    def _voice(self, found: Round) -> NodeVoice:
        return NodeVoice(self.store, self.audit, self.identity, require_member(self.members, found.peer or ""))

    def _discard(self, letter: Letter) -> None:
        self._let_go(letter.round_id)
        with self.store.transaction() as tx:
            self.inbox.done(tx, letter)

    def _report(self, tx: Connection, found: Round, state: RoundState) -> None:
        """Tell the others how our side stands: visible is the round, never a record."""
        tell(tx, self.outbox, found, self.identity.member_id, EnvelopeKind.STATUS, write_note(state.value))

    def _still_live(self, found: Round) -> None:
        self._still(found, _LIVE)

    def _still(self, found: Round, states: tuple[RoundState, ...]) -> None:
        """Inside a transaction: the round has not been ended by somebody else meanwhile."""
        if self.book.get(found.round_id).state not in states:
            raise _OvertakenError

"""What one letter from the inbox does to a round.

    PROPOSAL                          a new round in state proposed                      (`negotiation`)
    SIGNATURE REFUSAL START CANCEL    the agreement goes on, or is called off            (`negotiation`)
    STATUS                            how a member's side stands
    WITNESS FEEDBACK CONTACT          what follows from the round, also when it is over   (`further`)
    ROUND                             one message of protocol `pair`, or some chunks: session.receive, then in one
                                      transaction the audit entry, the leads, the snapshot and the letters as read

What breaks the rules ends the round, with its sender's name in the audit log, in the transaction that drops the letter.
A round is read anew inside each transaction: a person may have ended it since the letter was fetched.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from sqlalchemy import Connection

from node import failpoints
from node.audit import AuditLog
from node.audit.witness import ShrunkenLog
from node.errors import Busy, NodeError
from node.identity.members import MemberBook
from node.rounds.book import Round, RoundBook
from node.rounds.ends import LIVE, Ends, end
from node.rounds.leads import LeadBook
from node.rounds.mailbox import Inbox, Letter, Outbox
from node.rounds.negotiation import Negotiation
from node.rounds.opened import Opened
from node.rounds.parties import STOPPED, known_code, peer_of, read_note, require_member, why
from node.rounds.results import find_leads
from node.rounds.states import RoundState
from node.rounds.tripwires import TripwireHit, Tripwires
from node.rounds.witnessing import Witnessing
from node.store import Store
from node.tripwires.freezes import TRIPWIRE, Hit
from node.tripwires.words import hit_sentence, stopped_sentence
from node.wire.envelope import EnvelopeKind
from psi.errors import MalformedMessage, PeerError, PsiError, UnexpectedMessage, WrongCount
from psi.messages import Blinded, Close, Count, Evaluated, Message, Open, Released, decode

__all__ = ["LONGEST_SECONDS", "Further", "Hearing"]

LONGEST_SECONDS = 1.0
"""After this long no further chunk is heard before those that were are stored."""

_STATES = frozenset({RoundState.RUNNING, RoundState.DECIDING, RoundState.FINISHED, RoundState.FAILED})
"""What a member may report of its side."""


class Further(Protocol):
    """Takes the notes of one kind that are heard after the end as well."""

    def take(self, tx: Connection, found: Round, letter: Letter) -> None:
        """In the transaction that drops the letter. PeerError if it breaks the rules, which ends a round that is not
        over; RefusedByPolicy if it is not wanted."""
        ...


@dataclass
class Hearing:
    """`further` has the takers of WITNESS, FEEDBACK and CONTACT; what nobody takes breaks the rules."""

    store: Store
    audit: AuditLog
    members: MemberBook
    book: RoundBook
    leads: LeadBook
    inbox: Inbox
    outbox: Outbox
    negotiation: Negotiation
    witnessing: Witnessing
    ends: Ends
    opened: Opened
    tripwires: Tripwires
    further: Mapping[EnvelopeKind, Further]

    def read(self, found: Round | None, letters: Sequence[Letter]) -> None:
        """Take the first letter, and of the protocol as many of the following as belong together; afterwards they are
        done with. Only what is worth another try is raised."""
        letter = letters[0]
        try:
            if letter.kind is EnvelopeKind.ROUND and found is not None:
                self._hear(found, letters)
                return
            with self.store.transaction() as tx:
                if found is None:
                    self.negotiation.on_proposal(tx, letter)
                else:
                    self._take_note(tx, self.book.get(letter.round_id), letter)
                self.inbox.done(tx, letter)
        except Busy:
            raise
        except PeerError as error:
            self.opened.let_go(letter.round_id)
            if isinstance(error, ShrunkenLog):
                with self.store.transaction() as tx:
                    self.witnessing.witness.keep_evidence(tx, letter.sender, letter.round_id, error)
            if found is None or found.over:
                self.ends.refuse_letter(letter, "peer-blamed", error.code)
            else:
                self.ends.fail(found, error.code, error.diagnostics(), blamed=letter.sender, letter=letter)
        except TripwireHit as caught:
            assert found is not None
            self.opened.let_go(letter.round_id)
            self._stop(found, letter, caught.hit)
        except (NodeError, PsiError) as error:
            self.opened.let_go(letter.round_id)
            if found is not None and letter.kind is EnvelopeKind.ROUND:
                self.ends.fail(found, error.code, error.diagnostics(), letter=letter)
            else:
                self.ends.refuse_letter(letter, "policy-refused", error.code)

    # Letters about the round.

    def _take_note(self, tx: Connection, found: Round, letter: Letter) -> None:
        if letter.kind is EnvelopeKind.STATUS:
            self._on_status(tx, found, letter)
        elif (taker := self.further.get(letter.kind)) is not None:
            taker.take(tx, found, letter)
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
        elif letter.kind is EnvelopeKind.PROPOSAL:
            raise UnexpectedMessage("The other side proposed the same round again.")
        else:
            raise UnexpectedMessage("The other side sent a note of a kind that this node does not take.")

    def _on_status(self, tx: Connection, found: Round, letter: Letter) -> None:
        """A member says how its side stands. Only a failure changes ours; a convener keeps the picture."""
        state, code = read_note(letter.payload)
        if state not in _STATES:
            raise MalformedMessage("The other side reported a state that no round can have.")
        self.book.report(tx, found.round_id, letter.sender, state)
        if found.over:
            return
        if state == RoundState.FAILED:
            name = require_member(self.members, letter.sender).name
            code = code if known_code(code) else ""  # no word of a peer's choice into our log and our sentences
            facts = {"round_id": found.round_id, "peer": letter.sender, "code": code or "unknown"}
            self.audit.append(tx, "round-failed", **facts)
            end(
                tx,
                self.book,
                self.outbox,
                found.round_id,
                RoundState.FAILED,
                failure_code="ended-by-peer",
                failure_sentence=(
                    stopped_sentence(name)
                    if code == STOPPED
                    else f"{name} ended the round{why(code) or ' (without a reason)'}."
                ),
            )
        elif found.position == "none" and found.state in (RoundState.PREPARING, RoundState.RUNNING):
            self._picture(tx, found)

    def _picture(self, tx: Connection, found: Round) -> None:
        """A convener's round runs as soon as a member's does, and has finished when all members' have."""
        if found.state is RoundState.PREPARING:
            self.book.move(tx, found.round_id, RoundState.RUNNING)
        reports = self.book.get(found.round_id).reports
        if {reports.get(member.member_id) for member in found.manifest.members} == {RoundState.FINISHED.value}:
            self.audit.append(tx, "round-closed", round_id=found.round_id)
            end(tx, self.book, self.outbox, found.round_id, RoundState.FINISHED)

    # Messages of the protocol.

    def _hear(self, found: Round, letters: Sequence[Letter]) -> None:
        """The chunks of a list are heard as they lie there and stored in one transaction; of all else, one message.

        Only the first letter can be refused here: where a later one is, those before it are heard again without it.
        """
        session = self.opened.get(found).session
        knew, until = session.has_learned, self.store.clock.monotonic() + LONGEST_SECONDS
        heard: list[Letter] = []
        for letter in letters:
            try:
                if letter.sender != found.peer:
                    raise UnexpectedMessage("A party that is no member sent a message of the protocol.")
                message = decode(letter.payload)
                chunk = isinstance(message, Blinded | Evaluated)
                if heard and not chunk:
                    break
                session.receive(message)
            except Busy:
                raise
            except (NodeError, PsiError):
                if not heard:
                    raise
                self.opened.let_go(found.round_id)
                self._hear(found, heard)
                return
            heard.append(letter)
            last, learned = message, session.has_learned and not knew
            if learned or not chunk or self.store.clock.monotonic() > until:
                break
        self._keep(found, heard, last, learned=learned)

    def _keep(self, found: Round, letters: Sequence[Letter], message: Message, *, learned: bool) -> None:
        """Store what these letters made of the session; `message` is the last of them."""
        conversation = self.opened.get(found)
        leads: list[dict[str, Any]] | None = None
        if learned:
            # Before anything comes of it: leads, a count, an answer.
            self.tripwires.check(found, conversation)
            # Before the transaction: it walks all records, and nobody else could write meanwhile.
            marks = partial(self.negotiation.marks, found)
            leads = self.leads.pack(found.round_id, find_leads(conversation, marks, found.manifest.rules()))
        conversation.flush()
        failpoints.hit("round.before-persist")
        with self.store.transaction() as tx:
            self.ends.still(tx, found, *LIVE)
            self._note_heard(tx, found, message)
            if leads is not None:
                # The entry stands before anybody can see a lead.
                hits = sum(len(block["statuses"]) for block in leads)
                self.audit.append(tx, "overlap-learned", round_id=found.round_id, peer=peer_of(found), hits=hits)
                failpoints.hit("round.before-result")
                self.leads.save(tx, leads)
                self.book.mark_learned(tx, found.round_id)
            self.book.save_snapshot(tx, found.round_id, conversation.snapshot())
            self.inbox.done(tx, *letters)
        failpoints.hit("round.after-persist")

    def _stop(self, found: Round, letter: Letter, hit: Hit) -> None:
        """The other side asked about decoys: evidence, freeze and end of the round in one transaction."""
        peer = peer_of(found)
        self.ends.fail(
            found,
            TRIPWIRE,
            hit_sentence(found.manifest.member(peer).name, hit),
            peer=peer,
            letter=letter,
            told=STOPPED,
            first=lambda tx: self.tripwires.freezes.freeze(tx, peer, found.round_id, hit),
        )

    def _note_heard(self, tx: Connection, found: Round, message: Message) -> None:
        peer = peer_of(found)
        if isinstance(message, Open | Close):
            self.witnessing.saw(tx, found, message)
        elif isinstance(message, Count):
            if not found.manifest.allows_count(message.low, message.high):
                raise WrongCount("The other side gave a count that the agreement does not provide for.")
            self.audit.append(tx, "count-received", round_id=found.round_id, peer=peer)
            self.book.save_count(tx, found.round_id, message.low, message.high)
        elif isinstance(message, Released) and message.last:
            self.audit.append(tx, "release-received", round_id=found.round_id, peer=peer)

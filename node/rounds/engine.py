"""Runs rounds: takes what comes, does what is due, sends what is stored. One step at a time, each of them safe to lose.

    letter from the inbox -> session.receive                             (`hearing`)
        -> snapshot, letter done, leads, audit: one transaction
    session.next_message                                                 (`speaking`)
        -> snapshot, outbox, audit: one transaction
    outbox -> carrier -> marked as acknowledged                          (`post`)

What is stored before it is sent is sent as it was stored, so a crash at any point costs a repetition, never a second
blinding. The session in memory is a cache of the stored snapshot (`opened`): after any error it is thrown away. Named
failpoints mark the places at which the fault tests kill the process.

A step never waits: where it cannot go on (the other side's turn, a person's decision, a link that is down) it returns,
and `Scheduler` calls again when something has happened. What the other side does wrong ends the round with its name in
the audit log (`ends`); the node goes on.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from node import failpoints
from node.agreement.terms import moment
from node.audit import AuditLog
from node.clock import Clock
from node.errors import Busy, NodeError, NotAllowed, PeerRefused
from node.identity.keys import Identity
from node.identity.members import MemberBook
from node.policy import Budget
from node.policy.budgets import BudgetSpent
from node.rounds.book import Round, RoundBook
from node.rounds.conversation import Workshop
from node.rounds.ends import LIVE, Ends, OvertakenError, StoppedError
from node.rounds.hearing import Further, Hearing
from node.rounds.leads import LeadBook
from node.rounds.mailbox import Inbox, Outbox, Unreadable
from node.rounds.negotiation import Negotiation
from node.rounds.opened import Opened
from node.rounds.parties import peer_of, why
from node.rounds.post import Post
from node.rounds.reception import Reception
from node.rounds.speaking import Speaking
from node.rounds.states import RoundState
from node.rounds.tripwires import FrozenError, Tripwires
from node.rounds.witnessing import Witnessing
from node.store import Store
from node.wire.envelope import Envelope, EnvelopeKind, ReceiptKind
from psi.errors import PsiError
from psi.protocol.states import Leg, Place

__all__ = ["RoundEngine", "Step"]

BUSY_PAUSE_SECONDS = 5.0
"""Until the next try when this computer could not do a step: a full disk, a database in other hands."""

FROZEN_PAUSE_SECONDS = 10.0
"""Until the next look at a round whose other side is frozen: two people may have decided meanwhile."""

BUDGET_PAUSE_SECONDS = 30.0
"""Until the next look at a budget that is spent: it may be free earlier than it seemed."""


@dataclass
class Step:
    """What one step did, and in how many seconds another try is due, if one is. `free_at`: when the budget is free
    again that the round waits for, if it does."""

    moved: bool = False
    retry_in: float | None = None
    free_at: datetime | None = None
    running: bool = False
    """Whether the round was running when the step last looked at it."""


@dataclass
class RoundEngine:
    """One for each node. Different rounds may step in different threads; one round in one thread at a time."""

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
    witnessing: Witnessing
    tripwires: Tripwires
    further: Mapping[EnvelopeKind, Further] = field(default_factory=dict)
    progress: Callable[[str, int], None] = lambda _round_id, _records: None
    _stopping: threading.Event = field(default_factory=threading.Event)
    _waiting: dict[str, datetime] = field(default_factory=dict)
    _reading: dict[str, str] = field(default_factory=dict)
    """Round -> sender of the letter that its last step was at, if that step did not come to its end."""

    def __post_init__(self) -> None:
        self._opened = Opened(self.workshop, self.store, self.audit, self.identity, self.members)
        self._ends = Ends(self.store, self.audit, self.identity, self.book, self.inbox, self.outbox)
        self._reception = Reception(
            self.store, self.identity, self.book, self.inbox, self.negotiation, self._ends, self.negotiation.seals
        )
        self._hearing = Hearing(
            store=self.store,
            audit=self.audit,
            members=self.members,
            book=self.book,
            leads=self.leads,
            inbox=self.inbox,
            outbox=self.outbox,
            negotiation=self.negotiation,
            witnessing=self.witnessing,
            ends=self._ends,
            opened=self._opened,
            tripwires=self.tripwires,
            further={EnvelopeKind.WITNESS: self.witnessing, **self.further},
        )
        self._speaking = Speaking(
            store=self.store,
            audit=self.audit,
            clock=self.clock,
            identity=self.identity,
            budget=self.budget,
            book=self.book,
            outbox=self.outbox,
            negotiation=self.negotiation,
            workshop=self.workshop,
            ends=self._ends,
            opened=self._opened,
            tripwires=self.tripwires,
            witnessing=self.witnessing,
            progress=self._progressed,
            window=self.post.window,
        )

    def accept(self, envelope: Envelope) -> ReceiptKind:
        """Store an envelope whose sender and signature have been checked: see `Reception`. Any thread may call this."""
        receipt = self._reception.accept(envelope)
        if receipt is not ReceiptKind.ALREADY:  # what it has said before costs it nothing and says nothing
            self.post.heard_from(envelope.sender)
        return receipt

    def accept_batch(self, envelopes: Sequence[Envelope]) -> int:
        """The same for messages of one round's protocol, in order: how many, from the first on, are stored."""
        taken = self._reception.accept_batch(envelopes)
        if taken:
            self.post.heard_from(envelopes[0].sender)
        return taken

    def step(self, round_id: str) -> Step:
        """Do everything for a round that can be done now."""
        done = Step()
        with self._opened.holding(round_id):
            self._reading.pop(round_id, None)
            while not self._stopping.is_set() and self._one(round_id, done):
                done.moved = True
            # Only this step begins to run a round, so one that was not running when it last looked rests.
            found = self.book.peek(round_id) if done.running else None
            self._opened.settle(round_id, resting=found is None or found.state is not RoundState.RUNNING)
            if done.free_at is None:
                self._waiting.pop(round_id, None)
            else:
                self._waiting[round_id] = done.free_at
        return done

    def waits_for_budget(self, round_id: str) -> datetime | None:
        """When enough budget will be free for a round to go on, if that is what it waits for; as of its last step."""
        return self._waiting.get(round_id)

    def give_up(self, round_id: str) -> None:
        """End a round that this node cannot bring forward because of a defect or damage of its own.

        If that came to light while a letter was read, the log says whose it was: it may have been made for that.
        """
        with self._opened.holding(round_id):
            self._opened.let_go(round_id)
            found, sender = self.book.peek(round_id), self._reading.pop(round_id, None)
            ends = found is not None and not found.over
            if found is not None and ends:
                self._ends.fail(
                    found,
                    "internal",
                    "This node could not go on with the round because of a fault of its own.",
                    peer=sender,
                )
            with self.store.transaction() as tx:
                if sender is not None and not ends:
                    self.audit.append(tx, "round-failed", peer=sender, code="internal")
                self.inbox.drop_round(tx, round_id)

    def rounds_to_look_at(self) -> set[str]:
        """At the start: rounds that are not over, and those that are but left something behind."""
        waiting = {*self.inbox.rounds_waiting(), *self.outbox.rounds_waiting()}
        return waiting | set(self.book.open_ids()) | self.workshop.left_behind()

    def stop(self) -> None:
        """No step begins anything new; long ones are broken off."""
        self._stopping.set()

    def close(self) -> None:
        """Wipe the scalars in memory and close the lists; everything stored stays."""
        self.stop()
        self._opened.close()

    # One step is made of these.

    def _one(self, round_id: str, done: Step) -> bool:
        """Send what waits, then do one thing; True if there may be more to do."""
        try:
            found = self.book.peek(round_id)
            done.running = found is not None and found.state is RoundState.RUNNING
            if found is not None and not found.over and self._expired(found):
                return True
            delivery = self.post.deliver(round_id)
            done.moved |= bool(delivery.sent)
            done.retry_in = delivery.retry_in
            if delivery.refused is not None and found is not None:
                self._refused(found, *delivery.refused)
                return True
            return self._read_next(found, round_id) or (found is not None and self._go_on(found))
        except OvertakenError:
            self._opened.let_go(round_id)
            return True
        except StoppedError:
            self._opened.let_go(round_id)
            return False
        except Busy:
            self._opened.let_go(round_id)
            done.retry_in = BUSY_PAUSE_SECONDS
            return False
        except FrozenError:
            self._opened.let_go(round_id)
            done.retry_in = FROZEN_PAUSE_SECONDS
            return False
        except BudgetSpent as error:
            again = self._wait(self.book.get(round_id), error, done)
            self._opened.let_go(round_id)
            return again
        except Unreadable as error:
            self._opened.let_go(round_id)
            self._ends.fail(self.book.get(round_id), error.code, error.diagnostics(), unreadable=error)
            return True
        except (NodeError, PsiError) as error:
            self._opened.let_go(round_id)
            found = self.book.peek(round_id)
            if found is None or found.over:
                raise
            self._ends.fail(found, error.code, error.diagnostics())
            return True

    def _read_next(self, found: Round | None, round_id: str) -> bool:
        letters = self.inbox.next(round_id, protocol=found is not None and found.state in LIVE)
        if not letters:
            return False
        self._reading[round_id] = letters[0].sender
        self._hearing.read(found, letters)
        del self._reading[round_id]
        return True

    def _refused(self, found: Round, row: int, recipient: str, error: NodeError) -> None:
        """A recipient will never take a message. What is kept of it is our sentence: its own words are not evidence."""
        if isinstance(error, NotAllowed):  # our carrier knows no such member any more
            code, sentence = "member-removed", error.diagnostics()
        else:
            member = self.members.confirmed(recipient)
            name = "The other side" if member is None else member.name
            reason = error.reason if isinstance(error, PeerRefused) else error.code
            code, sentence = "refused-by-peer", f"{name} refused a message of this round{why(reason)}."
        self._ends.fail(found, code, sentence, peer=recipient, undeliverable=row)

    def _go_on(self, found: Round) -> bool:
        """The next thing that is due on our side; True if something was done."""
        if found.over:
            self._clear(found)
            return False
        if found.position == "none" or found.state not in (RoundState.PREPARING, *LIVE):
            return False
        if self.members.confirmed(peer_of(found)) is None:
            self._ends.fail(
                found, "member-removed", "The other side of this round is not a confirmed member of this node any more."
            )
            return True
        return self._speaking.prepare(found) if found.state is RoundState.PREPARING else self._speaking.speak(found)

    def _wait(self, found: Round, error: BudgetSpent, done: Step) -> bool:
        """Our budget for the other side is spent: later, unless that is too late. True if the round has ended."""
        terms = found.manifest
        until = terms.expires_at if self._has_been_answered(found) else terms.deadline
        if error.free_at > moment(until):
            self._ends.fail(found, error.code, error.diagnostics())
            return True
        done.free_at = error.free_at
        done.retry_in = BUDGET_PAUSE_SECONDS if done.retry_in is None else min(done.retry_in, BUDGET_PAUSE_SECONDS)
        return False

    def _expired(self, found: Round) -> bool:
        """The first learner is answered by the deadline; nothing leaves after the end of the agreement."""
        now = self.clock.now()
        if now <= moment(found.manifest.deadline):
            return False
        if now <= moment(found.manifest.expires_at) and self._has_been_answered(found):
            return False
        self._opened.let_go(found.round_id)
        self._ends.fail(found, "deadline", "The deadline of this round has passed.")
        return True

    def _has_been_answered(self, found: Round) -> bool:
        """Has the first learner been answered? A convener that is no member leaves that to the members."""
        if found.position == "none":
            return found.state in (RoundState.PREPARING, RoundState.RUNNING)
        if found.state not in LIVE:
            return False
        turns = self._opened.get(found).session.record.turns
        return turns.has_finished(Place.SECOND, Leg.ANSWER)

    def _clear(self, found: Round) -> None:
        """A round is over: its key and lists go, and what still waits of its protocol is not read any more."""
        self._opened.let_go(found.round_id)
        failpoints.hit("round.before-forget")
        self.workshop.forget(found.round_id)
        self.negotiation.datasets.drop_unneeded()
        expired = self.clock.now() > moment(found.manifest.expires_at)
        unsent = expired and self.outbox.recipients(found.round_id)
        if unsent or self.inbox.waits(found.round_id):
            with self.store.transaction() as tx:
                self.inbox.drop_protocol(tx, found.round_id)
                if unsent:
                    self.outbox.drop_round(tx, found.round_id)
                    self.post.forget(found.round_id)

    def _progressed(self, round_id: str, records: int) -> None:
        if self._stopping.is_set():
            raise StoppedError
        self.progress(round_id, records)

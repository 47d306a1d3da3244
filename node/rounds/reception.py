"""What may enter the inbox. Called in the threads that serve peers, for envelopes whose signature has been checked.
An envelope is opened here (`seals`), once it is its turn to be stored; the store seals it for itself.

Only what its sender could rightly send is stored: a proposal that reads as an agreement of its sender's with us, notes
of the round's parties, messages of the protocol from the other side only. Everything that can be said without work is
said here, so that a flood costs its sender more than us:

    bytes     a note is short (`parties`), a proposal has at most MAX_MANIFEST_BYTES, a message what the wire allows
    number    MOST_NOTES notes of one sender in a round, ever; MOST_EARLY protocol messages before our list is made;
              `most_waiting` unread envelopes of one sender over all rounds: more are asked to come later
    rounds    MAX_ROUNDS_PER_CONVENER that are open or were proposed within a day

A sender that breaks a rule gets its error back, and whoever serves the call puts it down to it in the audit log (with
a limit on entries an hour); a round that it concerns ends, with its name.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from node import failpoints
from node.errors import NotAllowed
from node.identity.keys import Identity
from node.rounds.book import Round, RoundBook
from node.rounds.ends import LIVE, Ends
from node.rounds.mailbox import Inbox, Standing
from node.rounds.negotiation import Negotiation
from node.rounds.parties import AFTER_THE_END, MAX_LONG_NOTE_BYTES, MAX_NOTE_BYTES, RESTORED, others, write_note
from node.rounds.seals import Seals
from node.rounds.states import RoundState
from node.store import Store
from node.wire.envelope import Envelope, EnvelopeKind, ReceiptKind
from node.wire.sealing import NOTE_GROWTH_BYTES
from psi.errors import ChangedAnswer, MalformedMessage, PeerError, UnexpectedMessage

__all__ = ["MOST_EARLY", "Reception"]

MOST_EARLY = 4
"""Messages of the protocol that may wait until our list is made, in number: the other side's opening, and some room."""

_HEARS_THE_PROTOCOL = (RoundState.AGREED, RoundState.PREPARING, *LIVE)


@dataclass
class Reception:
    store: Store
    identity: Identity
    book: RoundBook
    inbox: Inbox
    negotiation: Negotiation
    ends: Ends
    seals: Seals

    def accept(self, envelope: Envelope) -> ReceiptKind:
        """Store an envelope, or say why not. NotAllowed if the sender is no party of the round; PeerError if it breaks
        the rules, which ends the round; RefusedByPolicy if it proposes too much.

        For a round that is over, envelopes are taken and not kept, so that their sender need not keep them either.
        """
        restored = False
        with self.store.transaction() as tx:
            found = self.book.peek(envelope.round_id)
            if found is not None and envelope.sender not in others(found.manifest, self.identity.member_id):
                raise NotAllowed("The sender is no party of this round.")
            wrong: PeerError | None = None
            try:
                receipt = self._take(tx, found, envelope)
            except ChangedAnswer as error:
                # A node that was restored does not know what it said after its backup, and numbers as it did before.
                if restored := found is not None and self._says_restored(envelope):
                    receipt = ReceiptKind.ACCEPTED
                else:
                    wrong = error
            except PeerError as error:
                wrong = error
        if restored and found is not None and not found.over:
            sentence = "The other side's node was restored from a backup, so this round cannot go on."
            self.ends.fail(found, RESTORED, sentence, peer=envelope.sender)
        if wrong is not None:
            if found is not None:
                self.ends.fail(found, wrong.code, wrong.diagnostics(), blamed=envelope.sender)
            raise wrong
        if receipt is ReceiptKind.ACCEPTED:
            failpoints.hit("round.after-accept")
        return receipt

    def accept_batch(self, envelopes: Sequence[Envelope]) -> int:
        """Store messages of one round's protocol, all of one sender, in order and in one transaction; how many, from
        the first on. What is wrong with the next one is said when it comes by itself: `accept`. NotAllowed if the
        sender is no party of the round."""
        taken = 0
        with self.store.transaction() as tx:
            found = self.book.peek(envelopes[0].round_id)
            if found is not None and envelopes[0].sender not in others(found.manifest, self.identity.member_id):
                raise NotAllowed("The sender is no party of this round.")
            if found is None or found.over:
                return 0
            try:
                open_seal = self.seals.opener(found.round_id)
            except NotAllowed:
                return 0
            standing = self.inbox.standing(tx, envelopes[0])
            for envelope in envelopes:
                try:
                    receipt = self._take(tx, found, envelope, open_seal, standing)
                except PeerError:
                    break
                if receipt is ReceiptKind.RETRY_LATER:
                    break
                taken += 1
        if taken:
            failpoints.hit("round.after-accept")
        return taken

    def _take(
        self,
        tx: Connection,
        found: Round | None,
        envelope: Envelope,
        open_seal: Callable[[Envelope], bytes] | None = None,
        standing: Standing | None = None,
    ) -> ReceiptKind:
        """`open_seal` and `standing`, where they are known already: of the round, and of the line."""
        protocol = envelope.kind is EnvelopeKind.ROUND
        if found is None:
            if envelope.kind is not EnvelopeKind.PROPOSAL:
                return ReceiptKind.RETRY_LATER  # the proposal may still be on its way from the convener
            return self.inbox.put(tx, envelope, lambda proposal: self._admitted(tx, proposal))
        if protocol and envelope.sender != found.peer:
            raise UnexpectedMessage("A party that is no member sent a message of the protocol.")
        long = envelope.kind in AFTER_THE_END and envelope.kind is not EnvelopeKind.STATUS
        longest = (MAX_LONG_NOTE_BYTES if long else MAX_NOTE_BYTES) + NOTE_GROWTH_BYTES
        if envelope.kind not in (EnvelopeKind.ROUND, EnvelopeKind.PROPOSAL) and len(envelope.payload) > longest:
            raise MalformedMessage("The other side sent a note about the round that is far too long.")
        if found.over and envelope.kind not in AFTER_THE_END:
            known = self.inbox.knows(tx, envelope)
            return ReceiptKind.ALREADY if known else ReceiptKind.ACCEPTED
        if protocol and self._too_early(tx, found) and not self.inbox.knows(tx, envelope):
            return ReceiptKind.RETRY_LATER
        return self.inbox.put(tx, envelope, open_seal or self.seals.open, standing)

    def _says_restored(self, envelope: Envelope) -> bool:
        """Whether a note says that its sender's node was restored; nothing that cannot be opened does."""
        if envelope.kind is not EnvelopeKind.STATUS or len(envelope.payload) > MAX_NOTE_BYTES + NOTE_GROWTH_BYTES:
            return False
        try:
            return self.seals.open(envelope) == write_note(RoundState.FAILED.value, RESTORED)
        except (NotAllowed, PeerError):
            return False

    def _admitted(self, tx: Connection, envelope: Envelope) -> bytes:
        manifest = self.seals.open(envelope)
        self.negotiation.admit(tx, manifest, envelope.sender, envelope.round_id)
        return manifest

    def _too_early(self, tx: Connection, found: Round) -> bool:
        if found.state not in _HEARS_THE_PROTOCOL:
            return True
        return found.state not in LIVE and self.inbox.waiting(tx, found.round_id) >= MOST_EARLY

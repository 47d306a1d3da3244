"""Notes about audit logs (WITNESS), as `node.audit.witness` wants them sent and read.

    our Open or Close leaves  ->  show, in the same transaction
    show                      ->  cosigned, or ask where more has to be proven first
    ask                       ->  show, or cannot
    cosigned                     kept

They travel in the line of notes, beside the protocol, also when the round is over. Nothing is answered, counted or
released in a round until the other side's opening was proven (`proven`): a log that is not shown to go on costs the
round, at its deadline at the latest.

Proofs are made of the whole log, so nothing is said or shown in a round that our people have not signed, and a flood of
questions is not even looked at.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from node.audit import Checkpoint
from node.audit.witness import Witness
from node.audit.witness_notes import Ask, Cannot, Cosigned, Note, Show, read_note
from node.errors import RefusedByPolicy
from node.identity.members import MemberBook
from node.rounds.book import Round
from node.rounds.mailbox import Letter, Outbox
from node.rounds.parties import peer_of, require_member
from node.rounds.states import RoundState
from node.store import Store
from node.store.schema import outbox
from node.wire.envelope import EnvelopeKind
from psi.errors import UnexpectedMessage
from psi.messages import Close, Message, Open

__all__ = ["MOST_WITNESS_NOTES", "Witnessing"]

MOST_WITNESS_NOTES = 24
"""Notes about audit logs that we send in one round, in number. A round that nothing overlaps needs four."""


@dataclass
class Witnessing:
    """Takes WITNESS notes (`hearing.Further`) and sends ours."""

    store: Store
    members: MemberBook
    outbox: Outbox
    witness: Witness

    def take(self, tx: Connection, found: Round, letter: Letter) -> None:
        """PeerError for a note that is none, or of a log that does not go on; NotFound if its sender is no member;
        RefusedByPolicy in a round that was never agreed."""
        if letter.sender != found.peer:
            raise UnexpectedMessage("A party that is no member of the round sent a note about audit logs.")
        if found.state is RoundState.PROPOSED or not (found.started or found.state is RoundState.AGREED):
            raise RefusedByPolicy("A note about audit logs came in a round that was never agreed here.")
        member, note = require_member(self.members, letter.sender), read_note(letter.payload)
        if isinstance(note, Ask) and self._sent(tx, found) >= MOST_WITNESS_NOTES:
            return  # before anything is computed: an answer is made of the whole log
        answer: Note | None = None
        if isinstance(note, Show):
            answer = self.witness.shown(tx, member, found.round_id, note)
        elif isinstance(note, Ask):
            answer = self.witness.asked(tx, note)
        elif isinstance(note, Cannot):
            self.witness.cannot(tx, member, found.round_id, note)
        else:
            self.witness.received(tx, member, found.round_id, note)
        # A cosignature is owed, and there are two at most; what asks and is asked has an end.
        if answer is not None and (isinstance(answer, Cosigned) or self._sent(tx, found) < MOST_WITNESS_NOTES):
            self._put(tx, found, answer)

    def saw(self, tx: Connection, found: Round, message: Open | Close) -> None:
        """The other side's opening or closing has come. PeerError if its checkpoint does not hold."""
        shown = Checkpoint(message.checkpoint.tree_size, message.checkpoint.root, message.checkpoint.signature)
        member = require_member(self.members, peer_of(found))
        self.witness.see(tx, member, found.round_id, _moment(message), shown)

    def show(self, tx: Connection, found: Round, message: Message) -> None:
        """Our opening or closing is about to leave: with the proof that our log goes on."""
        if isinstance(message, Open | Close):
            shown = Checkpoint(message.checkpoint.tree_size, message.checkpoint.root, message.checkpoint.signature)
            self._put(tx, found, self.witness.showing(tx, peer_of(found), _moment(message), shown))

    def proven(self, found: Round) -> bool:
        """Whether the other side has proven that its log at the opening goes on from what it showed before."""
        with self.store.read() as connection:
            return self.witness.proven(connection, peer_of(found), found.round_id)

    def waits(self, found: Round) -> bool:
        """Whether the other side has opened and its log is not proven yet."""
        with self.store.read() as connection:
            opened = self.witness.has_opened(connection, peer_of(found), found.round_id)
            return opened and not self.witness.proven(connection, peer_of(found), found.round_id)

    def _put(self, tx: Connection, found: Round, note: Note) -> None:
        self.outbox.put(
            tx,
            round_id=found.round_id,
            recipient=peer_of(found),
            kind=EnvelopeKind.WITNESS,
            payload=note.to_bytes(),
        )

    @staticmethod
    def _sent(tx: Connection, found: Round) -> int:
        here = (outbox.c.round_id == found.round_id, outbox.c.recipient == found.peer, outbox.c.kind == "WITNESS")
        return int(tx.execute(select(func.count()).select_from(outbox).where(*here)).scalar_one())


def _moment(message: Open | Close) -> str:
    return "open" if isinstance(message, Open) else "close"

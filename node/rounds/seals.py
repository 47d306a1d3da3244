"""For whom what is said in a round is sealed, and with which key what comes is opened.

    what                         sealed for                              opened with
    notes and proposals          the key on the recipient's card         our card's key
    messages of the protocol     the key in the other side's signature   the secret in our row of the round

The secret of a round is made when its agreement is signed and destroyed with the round's scalar, when it is over.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from node.errors import NotAllowed, NotFound, StateDamaged
from node.identity.keys import Identity
from node.identity.members import MemberBook
from node.ids import RandomBytes
from node.rounds.book import RoundBook
from node.wire import sealing
from node.wire.envelope import Envelope, EnvelopeKind
from node.wire.sealing import Place, SealBrokenError
from psi.errors import MalformedMessage
from psi.secret import SecretBytes

__all__ = ["Seals", "from_before_sealing"]


@dataclass
class Seals:
    identity: Identity
    members: MemberBook
    book: RoundBook
    random_bytes: RandomBytes

    def new_secret(self) -> SecretBytes:
        """A fresh secret for one round; the caller stores and wipes it. `sealing.round_key` gives its public half."""
        secret = SecretBytes(sealing.ROUND_SECRET_BYTES)
        secret.view()[:] = self.random_bytes(sealing.ROUND_SECRET_BYTES)
        return secret

    def sealer(
        self, tx: Connection, round_id: str, recipient: str, kind: EnvelopeKind
    ) -> Callable[[Place, bytes], bytes] | None:
        """What seals payloads of this kind for this recipient, each for its place; None for notes to somebody whose
        card we do not have, who could not be reached either. StateDamaged if a message's recipient never gave a key for
        this round."""
        if kind is not EnvelopeKind.ROUND:
            try:
                card = self.members.get(recipient).card
            except NotFound:
                return None
            return partial(sealing.seal_note, bytes.fromhex(card.sealing_key))
        key = self.book.round_key(tx, round_id, recipient)
        if key is None:
            raise from_before_sealing()
        return partial(sealing.seal_message, key)

    def open(self, envelope: Envelope) -> bytes:
        """What an envelope says. MalformedMessage if its sender did not seal it for the key it was given; NotAllowed if
        it may have used an older card of ours, or the round has no key here."""
        if envelope.kind is not EnvelopeKind.ROUND:
            try:
                return self.identity.open_note(envelope.place, envelope.payload)
            except SealBrokenError:
                raise NotAllowed(
                    "The message was not sealed for the card that this node has now.",
                    advice="Both organisations need each other's newest card.",
                ) from None
        return self.opener(envelope.round_id)(envelope)

    def opener(self, round_id: str) -> Callable[[Envelope], bytes]:
        """As `open`, for several messages of one round's protocol; not to be kept. NotAllowed if it has no key here."""
        secret = self.book.round_secret(round_id)
        if secret is None:
            raise NotAllowed("This node has no key for the messages of this round.", advice="Propose the round again.")
        try:
            open_sealed = sealing.opener(secret)
        finally:
            secret.wipe()

        def opened(envelope: Envelope) -> bytes:
            try:
                return open_sealed(envelope.place, envelope.payload)
            except SealBrokenError:
                raise MalformedMessage("The other side sent a message that was not sealed for this round.") from None

        return opened


def from_before_sealing() -> StateDamaged:
    """For a round that has no key: `node.store.migrations`, step 0004."""
    return StateDamaged(
        "This round was signed with an earlier version of blindmatch, which did not seal its messages.",
        advice="Propose it again.",
    )

"""The door: the one way in for envelopes, whoever brought them.

    sender is a confirmed member -> recipient is us -> signature holds -> engine -> answer

A peer's call raises what goes wrong, since its caller hears the answer (`take`). A collected envelope, one from a relay
or from a file has nobody who listens: what became of it is a line of a signed receipt (`answer`), with the same codes.
To somebody who is no confirmed member nothing is answered at all: it may be confirmed tomorrow, and until then its
node keeps what it sent.
"""

import threading
from collections.abc import Callable, Sequence

from node.clock import Clock, SystemClock
from node.errors import Busy, NodeError, NotAllowed, RefusedByPolicy
from node.identity.members import Member, MemberBook
from node.wire.envelope import Envelope, ReceiptKind
from node.wire.receipts import Receipt, Receipts, Status, digest_of
from psi.errors import PeerError, PsiError, WrongParty

__all__ = ["Door", "check_frame"]

BLAMED_ONCE_SECONDS = 3600.0
"""How long the same envelope is not put down to its sender once more: it may be carried here again and again."""
MOST_BLAMED = 1024
"""Envelopes remembered for that, in number; the oldest are forgotten first."""

_FAILED_HERE = "internal"
"""What the sender is told of a fault that is ours, as in `node.rpc.status`."""


def check_frame(envelope: Envelope, sender: Member, me: str) -> None:
    """Is this from `sender`, for us, and signed? Raises WrongParty or BadSignature."""
    if envelope.sender != sender.member_id:
        raise WrongParty("The message names another sender than the member that delivered it.")
    if envelope.recipient != me:
        raise WrongParty("The message is for somebody else.")
    envelope.verify(sender.identity_key)


class Door:
    """`accept` stores an envelope, `accept_batch` several (the engine's); `settle` applies receipts (the post's), True
    if any was new; `blame` puts a broken rule down to a member; `woken` is called with the round of an envelope that is
    new."""

    def __init__(
        self,
        me: str,
        members: MemberBook,
        *,
        accept: Callable[[Envelope], ReceiptKind],
        accept_batch: Callable[[Sequence[Envelope]], int] = lambda _envelopes: 0,
        settle: Callable[[str, tuple[Receipt, ...]], bool],
        blame: Callable[[str, Member], None],
        woken: Callable[[str], None],
        clock: Clock | None = None,
    ) -> None:
        self._me = me
        self._members = members
        self._accept = accept
        self._accept_batch = accept_batch
        self._settle = settle
        self.blame = blame
        self.woken = woken
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._blamed: dict[tuple[str, bytes], float] = {}
        """(Sender, digest) of an envelope -> when it was put down to the sender (monotonic), oldest first."""

    def accept(self, _member: Member, envelope: Envelope) -> ReceiptKind:
        """Hand on an envelope whose frame has been checked. Raises NodeError or PsiError to refuse it."""
        kind = self._accept(envelope)
        if kind is ReceiptKind.ACCEPTED:
            self.woken(envelope.round_id)
        return kind

    def accept_batch(self, _member: Member, envelopes: Sequence[Envelope]) -> int:
        """Hand on messages of one round's protocol whose frames have been checked; how many, from the first on, were
        taken. Raises NodeError to refuse all."""
        taken = self._accept_batch(envelopes)
        if taken:
            self.woken(envelopes[0].round_id)
        return taken

    def answer(self, envelope: Envelope, sender: Member, *, itself: bool) -> Receipt:
        """Take an envelope that came without a call of its sender's. What is wrong with its frame raises PeerError:
        nothing of it can be believed, not even what a receipt would name. It is put down to the sender only where the
        sender `itself` gave it to us; else whoever carried it may have done it."""
        try:
            check_frame(envelope, sender, self._me)
        except PeerError as error:
            if itself:
                self._blame_once(error.code, sender, envelope)
            raise
        try:
            return Receipt.of(envelope, Status(self.accept(sender, envelope)))
        except Busy:
            return Receipt.of(envelope, Status.RETRY_LATER)
        except PeerError as error:
            self._blame_once(error.code, sender, envelope)
            return Receipt.of(envelope, Status.REFUSED, error.code)
        except (NotAllowed, RefusedByPolicy) as error:
            return Receipt.of(envelope, Status.REFUSED, error.code)
        except (NodeError, PsiError):
            return Receipt.of(envelope, Status.REFUSED, _FAILED_HERE)

    def _blame_once(self, code: str, sender: Member, envelope: Envelope) -> None:
        """For each envelope once in BLAMED_ONCE_SECONDS."""
        key, now = (sender.member_id, digest_of(envelope)), self._clock.monotonic()
        with self._lock:
            before = self._blamed.get(key)
            if before is not None and now - before < BLAMED_ONCE_SECONDS:
                return
            self._blamed.pop(key, None)
            self._blamed[key] = now
            while len(self._blamed) > MOST_BLAMED:
                del self._blamed[next(iter(self._blamed))]
        self.blame(code, sender)

    def settle(self, receipts: Receipts, sender: Member, *, itself: bool) -> bool:
        """Apply a list of receipts; True if it said anything new. Raises PeerError if it is not `sender`'s for us;
        `itself` as for `answer`."""
        try:
            if (receipts.sender, receipts.recipient) != (sender.member_id, self._me):
                raise WrongParty("The receipts are of somebody else, or for somebody else.")
            receipts.verify(sender.identity_key)
        except PeerError as error:
            if itself:
                self.blame(error.code, sender)
            raise
        return self._settle(sender.member_id, receipts.lines)

    def sender(self, member_id: str) -> Member | None:
        """The confirmed member that may send us something under this id; a relay may not."""
        member = self._members.confirmed(member_id)
        return None if member is None or member.is_relay else member

"""Which way to a member: the carrier that chooses, and a memory of what the member book says.

Only members that are reached directly are called by the post. To all others nothing is delivered: they fetch it, or
somebody carries it, so `deliver` never gets an envelope for them, but for one that changed its way a moment ago.
"""

import threading
from collections.abc import Sequence

from node.errors import PeerUnreachable
from node.identity.members import MemberBook
from node.identity.reach import Reach, Way
from node.transport.direct import DirectCarrier
from node.wire.envelope import Envelope, ReceiptKind

__all__ = ["Routes"]


class Routes:
    """The carrier of a node. Safe for several threads."""

    def __init__(self, book: MemberBook, direct: DirectCarrier) -> None:
        self._book = book
        self._direct = direct
        self._lock = threading.Lock()
        self._known: dict[str, Reach] = {}
        self._changes = 0
        book.watch(self._forget)

    def reach(self, member_id: str) -> Reach:
        """How a member is reached. Direct for one that is not confirmed: the carrier then says that it is none."""
        with self._lock:
            known, changes = self._known.get(member_id), self._changes
        if known is not None:
            return known
        member = self._book.confirmed(member_id)
        if member is None:
            return Reach(Way.DIRECT)
        with self._lock:
            if changes == self._changes:  # else what was read may be the state before the change
                self._known[member_id] = member.reach
        return member.reach

    def way(self, member_id: str) -> Way:
        return self.reach(member_id).way

    def deliver(self, envelope: Envelope) -> ReceiptKind:
        """Call the recipient. Raises as `DirectCarrier.deliver` does."""
        if self.way(envelope.recipient) is not Way.DIRECT:
            raise PeerUnreachable("This member is not called: it is reached in another way.")
        return self._direct.deliver(envelope)

    def deliver_batch(self, envelopes: Sequence[Envelope]) -> int:
        """Call the recipient with several envelopes. Raises as `DirectCarrier.deliver` does."""
        if self.way(envelopes[0].recipient) is not Way.DIRECT:
            return 0
        return self._direct.deliver_batch(envelopes)

    def _forget(self) -> None:
        with self._lock:
            self._known.clear()
            self._changes += 1

"""A carrier that tests stand in the way of: it sees every envelope a node sends, and may change what becomes of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from node.operations import Parts
from node.rounds.parties import Carrier
from node.wire.envelope import Envelope, ReceiptKind

__all__ = ["Meddled", "meddle"]

Deliver = Callable[[Envelope], ReceiptKind]


@dataclass
class Meddled:
    """`trick(envelope, deliver)` stands for the link, an honest one at first. `sent` is everything that was tried."""

    honest: Carrier
    trick: Callable[[Envelope, Deliver], ReceiptKind]
    sent: list[Envelope] = field(default_factory=list)

    def deliver(self, envelope: Envelope) -> ReceiptKind:
        self.sent.append(envelope)
        return self.trick(envelope, self.honest.deliver)

    def deliver_batch(self, _envelopes: Sequence[Envelope]) -> int:
        """None: all of them pass by `trick` one by one."""
        return 0

    def behave(self) -> None:
        self.trick = _honest


def _honest(envelope: Envelope, deliver: Deliver) -> ReceiptKind:
    return deliver(envelope)


def meddle(parts: Parts, trick: Callable[[Envelope, Deliver], ReceiptKind] = _honest) -> Meddled:
    """Put a meddled carrier into a node."""
    meddled = Meddled(parts.engine.post.carrier, trick)
    parts.engine.post.carrier = meddled
    return meddled

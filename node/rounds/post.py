"""Delivers what lies in the outbox, in order for each recipient, and decides when to try again.

After a failure the pause doubles up to `LONGEST_PAUSE_SECONDS`, with a random part so that nodes that lost each other
do not all come back in the same second. What a recipient refuses for good is given up: it would refuse it again.
"""

from dataclasses import dataclass, field

from node import failpoints
from node.clock import Clock
from node.errors import Busy, NodeError, PeerUnreachable
from node.ids import RandomBytes
from node.rounds.mailbox import Outbox
from node.rounds.parties import Carrier
from node.store import Store
from node.wire.envelope import EnvelopeKind, ReceiptKind

__all__ = ["FIRST_PAUSE_SECONDS", "LONGEST_PAUSE_SECONDS", "Delivery", "Post"]

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0
_LATER_PAUSE_SECONDS = 0.05
"""Pause when the recipient is there but asks to come later."""


@dataclass
class Delivery:
    """What one attempt did. `refusal`: the recipient's final no; `retry_in`: seconds until the next attempt is due."""

    sent: int = 0
    refusal: NodeError | None = None
    retry_in: float | None = None
    trouble: NodeError | None = None


@dataclass
class Post:
    """Knows which recipients did not answer lately. One for all rounds, since a node is down for all of them."""

    store: Store
    outbox: Outbox
    carrier: Carrier
    clock: Clock
    random_bytes: RandomBytes
    _pauses: dict[str, tuple[float, float]] = field(default_factory=dict)

    def deliver(self, round_id: str) -> Delivery:
        """Send everything of a round that can be sent now."""
        result = Delivery()
        for recipient in self.outbox.recipients(round_id):
            self._deliver_to(round_id, recipient, result)
        return result

    def _deliver_to(self, round_id: str, recipient: str, result: Delivery) -> None:
        while (waiting := self.outbox.next(round_id, recipient)) is not None:
            due, pause = self._pauses.get(recipient, (0.0, 0.0))
            if due > self.clock.monotonic():
                return self._later(result, due - self.clock.monotonic())
            row, envelope = waiting
            try:
                receipt = self.carrier.deliver(envelope)
            except (PeerUnreachable, Busy) as error:
                with self.store.transaction() as tx:
                    self.outbox.tried(tx, row)
                pause = min(max(FIRST_PAUSE_SECONDS, 2 * pause), LONGEST_PAUSE_SECONDS)
                wait = pause * (0.5 + self.random_bytes(1)[0] / 512)
                self._pauses[recipient] = (self.clock.monotonic() + wait, pause)
                result.trouble = error
                return self._later(result, wait)
            except NodeError as error:
                with self.store.transaction() as tx:
                    self.outbox.acknowledged(tx, row)
                if envelope.kind is not EnvelopeKind.STATUS:
                    result.refusal = error
                continue
            self._pauses.pop(recipient, None)
            if receipt is ReceiptKind.RETRY_LATER:
                return self._later(result, _LATER_PAUSE_SECONDS)
            failpoints.hit("round.after-send")
            with self.store.transaction() as tx:
                self.outbox.acknowledged(tx, row)
            failpoints.hit("round.after-acknowledge")
            result.sent += 1
        return None

    @staticmethod
    def _later(result: Delivery, seconds: float) -> None:
        result.retry_in = seconds if result.retry_in is None else min(seconds, result.retry_in)

"""Delivers what lies in the outbox, in order for each recipient, and decides when to try again.

After a failure the pause doubles up to `LONGEST_PAUSE_SECONDS`, with a random part so that nodes that lost each other
do not all come back in the same second; so it does, from a shorter one and for that round alone, while a recipient asks
to come later. What a recipient refuses for good is given up, and with it everything behind it: the engine is told, and
decides in one transaction what becomes of the message and of the round.
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
FIRST_LATER_SECONDS = 0.05
LONGEST_LATER_SECONDS = 5.0
"""Pauses while the recipient is there but asks to come later: it may be making its list, or still lack the proposal."""

_Pause = tuple[float, float]
"""When the next try is due (monotonic), and how long the pause before it is, in seconds."""


@dataclass
class Delivery:
    """What one attempt did. `refused`: row and reason of a recipient's final no, after which nothing more was sent;
    `retry_in`: seconds until the next attempt is due."""

    sent: int = 0
    refused: tuple[int, NodeError] | None = None
    retry_in: float | None = None


@dataclass
class Post:
    """Knows which recipients did not answer lately: for all rounds, since a node is down for all of them."""

    store: Store
    outbox: Outbox
    carrier: Carrier
    clock: Clock
    random_bytes: RandomBytes
    _pauses: dict[str, _Pause] = field(default_factory=dict)
    _laters: dict[str, dict[str, _Pause]] = field(default_factory=dict)

    def deliver(self, round_id: str) -> Delivery:
        """Send everything of a round that can be sent now."""
        result = Delivery()
        recipients = self.outbox.recipients(round_id)
        # Only one thread is at a round at a time. What waits no more needs no pause.
        laters = {key: pause for key, pause in self._laters.pop(round_id, {}).items() if key in recipients}
        for recipient in recipients:
            self._deliver_to(round_id, recipient, laters, result)
            if result.refused is not None:
                break
        if laters:
            self._laters[round_id] = laters
        return result

    def heard_from(self, sender: str) -> None:
        """It is there again: what waits for it need not wait longer."""
        self._pauses.pop(sender, None)

    def forget(self, round_id: str) -> None:
        """Nothing of the round waits any more."""
        self._laters.pop(round_id, None)

    def _deliver_to(self, round_id: str, recipient: str, laters: dict[str, _Pause], result: Delivery) -> None:
        while (waiting := self.outbox.next(round_id, recipient)) is not None:
            due, pause = self._pauses.get(recipient, (0.0, 0.0))
            later, later_pause = laters.get(recipient, (0.0, 0.0))
            wait = max(due, later) - self.clock.monotonic()
            if wait > 0:
                return self._later(result, wait)
            row, envelope = waiting
            try:
                receipt = self.carrier.deliver(envelope)
            except (PeerUnreachable, Busy):
                pause = min(max(FIRST_PAUSE_SECONDS, 2 * pause), LONGEST_PAUSE_SECONDS)
                wait = pause * (0.5 + self.random_bytes(1)[0] / 512)
                self._pauses[recipient] = (self.clock.monotonic() + wait, pause)
                return self._later(result, wait)
            except NodeError as error:
                if envelope.kind is not EnvelopeKind.STATUS:
                    result.refused = (row, error)
                    return None
                with self.store.transaction() as tx:
                    self.outbox.acknowledged(tx, row)  # it does not want to know how we stand
                continue
            self._pauses.pop(recipient, None)
            if receipt is ReceiptKind.RETRY_LATER:
                pause = min(max(FIRST_LATER_SECONDS, 2 * later_pause), LONGEST_LATER_SECONDS)
                laters[recipient] = (self.clock.monotonic() + pause, pause)
                return self._later(result, pause)
            laters.pop(recipient, None)
            failpoints.hit("round.after-send")
            with self.store.transaction() as tx:
                self.outbox.acknowledged(tx, row)
            failpoints.hit("round.after-acknowledge")
            result.sent += 1
        laters.pop(recipient, None)
        return None

    @staticmethod
    def _later(result: Delivery, seconds: float) -> None:
        result.retry_in = seconds if result.retry_in is None else min(seconds, result.retry_in)

"""Delivers what lies in the outbox, in order for each recipient, and decides when to try again.

After a failure the pause doubles up to `LONGEST_PAUSE_SECONDS`, with a random part so that nodes that lost each other
do not all come back in the same second; so it does, from a shorter one and for that round alone, while a recipient asks
to come later. Only one call is under way to a recipient, whichever rounds it is for: one that takes calls and does not
answer holds one worker, and the others go on. What a recipient refuses for good is given up, and with it everything
behind it: the engine is told, and decides in one transaction what becomes of the message and of the round.

Not every recipient is called: what is for the others is fetched (`node.rounds.fetched`).
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from node import failpoints
from node.clock import Clock, SystemClock
from node.errors import Busy, NodeError, PeerUnreachable
from node.identity.reach import Way
from node.ids import RandomBytes
from node.rounds.fetched import Fetched
from node.rounds.mailbox import Outbox
from node.rounds.parties import Carrier
from node.rounds.presence import Presence
from node.store import Store
from node.wire.envelope import Envelope, EnvelopeKind, ReceiptKind, batch_size
from node.wire.receipts import Receipt

__all__ = [
    "FIRST_PAUSE_SECONDS",
    "LONGEST_PAUSE_SECONDS",
    "LONGEST_REPORT_LATER_SECONDS",
    "WINDOWS",
    "Delivery",
    "Post",
]

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0
FIRST_LATER_SECONDS = 0.05
LONGEST_LATER_SECONDS = 5.0
"""Pauses while the recipient is there but asks to come later: it may be making its list, or still lack the proposal."""

LONGEST_REPORT_LATER_SECONDS = 120.0
"""The same for a report of how a round stands: it is of use, but nobody waits for it."""

WINDOWS = {Way.DIRECT: 7, Way.COLLECTS: 16, Way.RELAY: 64, Way.FILE: 1 << 24}
"""Messages of one round's protocol that may lie unacknowledged before the next one is made: as many as are on their
way at a time, directly those that go in one call; by file a whole leg, since every file is a journey."""


def _called(_recipient: str) -> Way:
    return Way.DIRECT


def _nobody(_name: str) -> None:
    """For a part that nobody listens to."""


@dataclass
class _Pause:
    """`due`: when the next try is (monotonic); `seconds`: how long the pause before it is; `shortened`: it has been,
    since it last grew."""

    due: float = 0.0
    seconds: float = 0.0
    shortened: bool = False


@dataclass
class Delivery:
    """What one attempt did. `refused`: row, recipient and reason of a recipient's final no, after which nothing more
    was sent; `retry_in`: seconds until the next attempt is due."""

    sent: int = 0
    refused: tuple[int, str, NodeError] | None = None
    retry_in: float | None = None


@dataclass
class Post:
    """Knows which recipients did not answer lately: for all rounds, since a node is down for all of them.

    `way(member id)` says how a member is reached; `noticed(member id)` is called when something new waits for one that
    is not called, `wake(round id)` when a receipt of such a one has come.
    """

    store: Store
    outbox: Outbox
    carrier: Carrier
    clock: Clock
    random_bytes: RandomBytes
    presence: Presence = field(default_factory=lambda: Presence(SystemClock()))
    """What a person is told of the others' nodes; nothing here depends on it."""
    way: Callable[[str], Way] = _called
    noticed: Callable[[str], None] = _nobody
    wake: Callable[[str], None] = _nobody
    _pauses: dict[str, _Pause] = field(default_factory=dict)
    _laters: dict[str, dict[str, _Pause]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _calls: dict[str, float] = field(default_factory=dict)
    """Recipient -> when the call to it that is under way began (monotonic)."""

    def __post_init__(self) -> None:
        self.fetched = Fetched(
            self.store,
            self.outbox,
            self.clock,
            self.random_bytes,
            way=lambda recipient: self.way(recipient),
            noticed=lambda recipient: self.noticed(recipient),
            wake=lambda round_id: self.wake(round_id),
        )

    def deliver(self, round_id: str) -> Delivery:
        """Send everything of a round that can be sent now."""
        result = Delivery()
        if (refused := self.fetched.refused(round_id)) is not None:
            result.refused = refused
            return result
        recipients = self.outbox.recipients(round_id)
        # Only one thread is at a round at a time. What waits no more needs no pause.
        laters = {key: pause for key, pause in self._laters.pop(round_id, {}).items() if key in recipients}
        for recipient in recipients:
            if self.way(recipient) is not Way.DIRECT:
                self.fetched.leave(round_id, recipient)
                continue
            self._deliver_to(round_id, recipient, laters, result)
            if result.refused is not None:
                break
        if laters:
            self._laters[round_id] = laters
        return result

    def heard_from(self, sender: str) -> None:
        """It is there again: what waits for it need not wait long. Once each time the pause has grown, so that a member
        that talks to us and does not answer us cannot make us call it all the time."""
        self.presence.heard(sender)
        with self._lock:
            pause = self._pauses.get(sender)
            if pause is not None and not pause.shortened:
                pause.due = min(pause.due, self.clock.monotonic() + FIRST_PAUSE_SECONDS)
                pause.shortened = True

    def rests(self, recipient: str) -> bool:
        """Is nothing tried with this member just now: it is not called, or did not answer a moment ago?"""
        with self._lock:
            pause = self._pauses.get(recipient)
            return self.way(recipient) is not Way.DIRECT or (pause is not None and pause.due > self.clock.monotonic())

    def forget(self, round_id: str) -> None:
        """Nothing of the round waits any more."""
        self._laters.pop(round_id, None)
        self.fetched.forget(round_id)

    def window(self, recipient: str) -> int:
        """Messages of a round's protocol to this member that may lie unacknowledged, in number."""
        return WINDOWS[self.way(recipient)]

    def collect(self, recipient: str, limit: int) -> list[Envelope]:
        """What to hand out for a member that is not called: see `Fetched`."""
        return self.fetched.collect(recipient, limit)

    def settle(self, recipient: str, receipts: Sequence[Receipt]) -> bool:
        """Apply receipts of a member, whose signature has been checked: see `Fetched`."""
        return self.fetched.settle(recipient, receipts)

    def _deliver_to(self, round_id: str, recipient: str, laters: dict[str, _Pause], result: Delivery) -> None:
        while waiting := self.outbox.next(round_id, recipient):
            sent: list[int] = []
            more, together = True, True
            while more and len(sent) < len(waiting):
                rest = waiting[len(sent) :]
                if sent and not self.outbox.waits(rest[0][0]):
                    break  # withdrawn since it was read: what is there now is read anew
                several = rest[: batch_size([envelope for _, envelope in rest]) if together else 1]
                before = len(sent)
                more = self._send(several, laters, result, sent)
                # Where a batch ended, the next one goes by itself: the answer says what is the matter with it.
                together = len(sent) - before == len(several)
            if sent:
                with self.store.transaction() as tx:
                    self.outbox.acknowledged(tx, *sent)
                failpoints.hit("round.after-acknowledge")
            if not more:
                return
        laters.pop(recipient, None)

    def _send(
        self,
        several: Sequence[tuple[int, Envelope]],
        laters: dict[str, _Pause],
        result: Delivery,
        sent: list[int],
    ) -> bool:
        """Deliver one envelope, or several at once, and note the rows of those that are; False if nothing more can be
        sent now. Of several, those from the first on that were taken are, and nothing is said about the others."""
        row, envelope = several[0]
        recipient = envelope.recipient
        later = laters.get(recipient, _Pause())
        wait = later.due - self.clock.monotonic()
        if wait <= 0:
            wait = self._begin(recipient)
        if wait > 0:
            return self._later(result, wait)
        receipt, taken = ReceiptKind.ACCEPTED, 1
        try:
            if len(several) > 1:
                taken = self.carrier.deliver_batch([envelope for _, envelope in several])
            else:
                receipt = self.carrier.deliver(envelope)
        except (PeerUnreachable, Busy) as error:
            wait = self._failed(recipient)
            self.presence.missed(recipient, error, wait)
            return self._later(result, wait)
        except NodeError as error:
            self.presence.refused(recipient)
            if envelope.kind is not EnvelopeKind.STATUS:
                result.refused = (row, recipient, error)
                return False
            sent.append(row)  # it does not want to know how we stand
            return True
        finally:
            with self._lock:
                self._calls.pop(recipient, None)
        if not taken:
            return True
        with self._lock:
            self._pauses.pop(recipient, None)
        self.presence.answered(recipient, receipt)
        if receipt is ReceiptKind.RETRY_LATER:
            # For as long as the agreement lasts: a copy that went another way may still arrive there.
            report = envelope.kind is EnvelopeKind.STATUS
            longest = LONGEST_REPORT_LATER_SECONDS if report else LONGEST_LATER_SECONDS
            pause = min(max(FIRST_LATER_SECONDS, 2 * later.seconds), longest)
            laters[recipient] = _Pause(self.clock.monotonic() + pause, pause)
            return self._later(result, pause)
        laters.pop(recipient, None)
        failpoints.hit("round.after-send")
        sent += [row for row, _ in several[:taken]]
        result.sent += taken
        return True

    def _begin(self, recipient: str) -> float:
        """Note that a call begins, and return 0; or return in how many seconds to look again."""
        with self._lock:
            now = self.clock.monotonic()
            if (began := self._calls.get(recipient)) is not None:
                # As long again as the call has taken: a long one is looked at a few times, not all the time.
                return min(max(FIRST_LATER_SECONDS, now - began), LONGEST_LATER_SECONDS)
            wait = self._pauses.get(recipient, _Pause()).due - now
            if wait > 0:
                return wait
            self._calls[recipient] = now
            return 0.0

    def _failed(self, recipient: str) -> float:
        """Nobody answered: in how many seconds the next try is due."""
        with self._lock:
            before = self._pauses.get(recipient, _Pause())
            seconds = min(max(FIRST_PAUSE_SECONDS, 2 * before.seconds), LONGEST_PAUSE_SECONDS)
            shortened = before.shortened and seconds == before.seconds
            wait = seconds * (0.5 + self.random_bytes(1)[0] / 512)
            self._pauses[recipient] = _Pause(self.clock.monotonic() + wait, seconds, shortened)
            return wait

    @staticmethod
    def _later(result: Delivery, seconds: float) -> bool:
        """False: nothing more is sent now."""
        result.retry_in = seconds if result.retry_in is None else min(seconds, result.retry_in)
        return False

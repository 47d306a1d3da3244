"""What is for members that are not called: handed out to whoever fetches it, settled by receipts.

A member that collects, or is reached through a relay or by file, gets nothing from `Post.deliver`. What is for it stays
in the outbox until a carrier asks for it (`collect`, `leg`), and until the member's own receipt has come (`settle`):
that it was fetched, put at a relay or written into a file acknowledges nothing.

    RETRY_LATER   the round's envelopes to that member rest, for a pause that doubles; nothing is ever given up by it
    REFUSED       the engine is told at its next step, and decides what becomes of the round
    others        marked as acknowledged

What is kept in memory here is only when to try: a restart hands out what is unacknowledged once more, and the recipient
says ALREADY.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from node import failpoints
from node.clock import Clock
from node.errors import NodeError, PeerRefused, StateDamaged
from node.identity.reach import Way
from node.ids import RandomBytes
from node.rounds.mailbox import Outbox
from node.rounds.outgoing import Outgoing, Waiting
from node.store import Store
from node.wire.envelope import Envelope, EnvelopeKind
from node.wire.receipts import Receipt, Status, digest_of

__all__ = ["RESEND_SECONDS", "Fetched"]

RESEND_SECONDS = 3600.0
"""How long what was put at a relay is not put there again while no receipt for it comes. Then it may be lost."""

SETTLED_AT_ONCE = 64
"""Receipts applied in one transaction, in number: for each, an envelope of up to 1 MiB is opened."""

FIRST_LATER_SECONDS = {Way.COLLECTS: 0.05, Way.RELAY: 1.0}
LONGEST_LATER_SECONDS = {Way.COLLECTS: 5.0, Way.RELAY: 60.0}
"""Pauses while the recipient asks to have something later: each try through a relay costs the relay as much."""
LONGEST_REPORT_LATER_SECONDS = 120.0
"""The same for a report of how a round stands: it is of use, but nobody waits for it."""


@dataclass
class _Pause:
    """`due`: when it may be handed out again (monotonic); `seconds`: length of the pause."""

    due: float = 0.0
    seconds: float = 0.0


@dataclass
class Fetched:
    """`way(member id)` says how a member is reached; `noticed(member id)` is called when something new waits for one
    that is not called, `wake(round id)` when a receipt has come. Safe for several threads."""

    store: Store
    outbox: Outbox
    clock: Clock
    random_bytes: RandomBytes
    way: Callable[[str], Way]
    noticed: Callable[[str], None]
    wake: Callable[[str], None]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _held: dict[tuple[str, str], _Pause] = field(default_factory=dict)
    """(Recipient, round) -> pause after it asked for later."""
    _put: dict[tuple[str, str, int], float] = field(default_factory=dict)
    """(Recipient, round, number) -> when it was last put at a relay (monotonic)."""
    _told: dict[tuple[str, str], int] = field(default_factory=dict)
    """(Recipient, round) -> newest row of which somebody was told."""
    _refusals: dict[str, tuple[int, str, NodeError]] = field(default_factory=dict)
    """Round -> row, recipient and reason of a final no."""
    _damaged: set[str] = field(default_factory=set)
    """Rounds of which something could not be read when it was fetched."""

    def __post_init__(self) -> None:
        self._outgoing = Outgoing(self.store)

    def collect(self, recipient: str, limit: int) -> list[Envelope]:
        """What to hand out for a member now, at most `limit`: all that is unacknowledged, in order, but not what it
        asked to have later, and not what lies at a relay for less than RESEND_SECONDS."""
        now = self.clock.monotonic()
        found: list[Envelope] = []
        blocked: set[tuple[str, bool]] = set()
        waiting = self._outgoing.all(recipient)
        rounds = {one.round_id for one in waiting}
        with self._lock:
            # What waits no more needs no memory.
            self._held = {key: known for key, known in self._held.items() if key[0] != recipient or key[1] in rounds}
            self._told = {key: known for key, known in self._told.items() if key[0] != recipient or key[1] in rounds}
            for key in [key for key in self._put if key[0] == recipient]:
                if now - self._put[key] >= RESEND_SECONDS:
                    del self._put[key]
            held = {key[1] for key, pause in self._held.items() if key[0] == recipient and pause.due > now}
            lying = {(round_id, number) for to, round_id, number in self._put if to == recipient}
        for one in waiting:
            line = (one.round_id, one.of_protocol)
            if one.round_id in held or line in blocked or (one.round_id, one.sequence) in lying:
                continue
            envelope = self._open(recipient, one)
            if envelope is None:
                blocked.add(line)  # what comes behind it would only be asked for later
                continue
            found.append(envelope)
            if len(found) >= limit:
                break
        return found

    def newest(self, recipient: str, round_id: str) -> int:
        """The highest row of the outbox that waits for a member in a round; 0 if none does."""
        return self._outgoing.newest(recipient, round_id)

    def leg(self, recipient: str, round_id: str, *, up_to: int) -> Iterator[Envelope]:
        """Everything of a round that a member has not acknowledged, in order, one at a time, but for what came into
        the outbox after row `up_to`: for a file."""
        for one in self._outgoing.of_round(recipient, round_id):
            if one.row > up_to:
                continue
            envelope = self._open(recipient, one)
            if envelope is None:
                return
            yield envelope

    def put(self, envelopes: Iterable[Envelope]) -> None:
        """These lie at a relay now."""
        now = self.clock.monotonic()
        with self._lock:
            self._put |= {(one.recipient, one.round_id, one.sequence): now for one in envelopes}

    def due_in(self, recipient: str) -> float | None:
        """Seconds until something may be handed out that the recipient asked to have later; None if nothing is."""
        with self._lock:
            now = self.clock.monotonic()
            waits = [pause.due - now for key, pause in self._held.items() if key[0] == recipient]
        return min((wait for wait in waits if wait > 0), default=None)

    def settle(self, recipient: str, receipts: Sequence[Receipt]) -> bool:
        """Apply receipts of a member whose signature has been checked; True if any acknowledged something. Only what
        went to this very member, in these very bytes, is touched; other lines are passed over. Safe to repeat."""
        lines: dict[tuple[str, int], list[Receipt]] = {}
        for receipt in receipts:
            lines.setdefault((receipt.round_id, receipt.sequence), []).append(receipt)
        named = list(lines.values())
        rounds: set[str] = set()
        final = False
        for start in range(0, len(named), SETTLED_AT_ONCE):
            final |= self._settle(recipient, named[start : start + SETTLED_AT_ONCE], rounds)
        failpoints.hit("round.after-acknowledge")
        for round_id in sorted(rounds):
            self.wake(round_id)
        return final

    def _settle(self, recipient: str, named: Sequence[Sequence[Receipt]], rounds: set[str]) -> bool:
        """One transaction: for each envelope what is said of it, in order. Adds the rounds that it concerns."""
        final = False
        with self.store.transaction() as tx:
            for lines in named:
                one = self._outgoing.find(tx, recipient, lines[0].round_id, lines[0].sequence)
                if one is None:
                    continue
                # Opened once, however many lines name it: else one list could keep us busy for minutes.
                try:
                    envelope = self._outgoing.open(tx, recipient, one)
                except StateDamaged:
                    continue
                digest = None if envelope is None else digest_of(envelope)
                right = [receipt for receipt in lines if receipt.digest == digest]
                if not right:
                    continue
                rounds.add(one.round_id)
                said = next((receipt for receipt in right if receipt.status is not Status.RETRY_LATER), None)
                if said is None:
                    self._hold(recipient, one)
                    continue
                with self._lock:
                    self._held.pop((recipient, one.round_id), None)
                    self._put.pop((recipient, one.round_id, one.sequence), None)
                if said.status is Status.REFUSED and one.kind is not EnvelopeKind.STATUS:
                    refused = PeerRefused("The other node refused a message.", reason=said.code)
                    with self._lock:
                        self._refusals.setdefault(one.round_id, (one.row, recipient, refused))
                    continue
                self.outbox.acknowledged(tx, one.row)
                final = True
        return final

    def _hold(self, recipient: str, one: Waiting) -> None:
        """It asked to have this later. However often: the one who says so may be a relay that keeps the newer receipt
        back and shows this one again, and a number that has left is never given to other bytes."""
        way = Way.RELAY if self.way(recipient) is Way.RELAY else Way.COLLECTS
        first, longest = FIRST_LATER_SECONDS[way], LONGEST_LATER_SECONDS[way]
        if one.kind is EnvelopeKind.STATUS:
            longest = LONGEST_REPORT_LATER_SECONDS
        with self._lock:
            before = self._held.get((recipient, one.round_id), _Pause())
            now = self.clock.monotonic()
            for key in [key for key in self._put if key[:2] == (recipient, one.round_id)]:
                del self._put[key]  # it did not keep what came behind it either
            if before.due > now:
                return  # another line of the same answer
            seconds = min(max(first, 2 * before.seconds), longest)
            wait = seconds * (0.5 + self.random_bytes(1)[0] / 512)
            self._held[recipient, one.round_id] = _Pause(now + wait, seconds)

    def _open(self, recipient: str, one: Waiting) -> Envelope | None:
        try:
            with self.store.read() as connection:
                return self._outgoing.open(connection, recipient, one)
        except StateDamaged:
            with self._lock:
                known = one.round_id in self._damaged
                self._damaged.add(one.round_id)
            if not known:
                self.wake(one.round_id)
            return None

    def leave(self, round_id: str, recipient: str) -> None:
        """The engine was here: somebody else fetches what waits, and is told of each envelope once."""
        with self._lock:
            damaged = round_id in self._damaged
            self._damaged.discard(round_id)
        if damaged:
            self.outbox.next(round_id, recipient)  # raises what the engine needs to know to end the round
        newest = self._outgoing.newest(recipient, round_id)
        with self._lock:
            news = newest > self._told.get((recipient, round_id), 0)
            self._told[recipient, round_id] = newest
        if news:
            self.noticed(recipient)

    def refused(self, round_id: str) -> tuple[int, str, NodeError] | None:
        """Row, recipient and reason of a final no that has come in a receipt; told once."""
        with self._lock:
            refused = self._refusals.pop(round_id, None)
        return refused if refused is not None and self.outbox.waits(refused[0]) else None

    def forget(self, round_id: str) -> None:
        """Nothing of the round waits any more."""
        with self._lock:
            self._held = {key: pause for key, pause in self._held.items() if key[1] != round_id}
            self._told = {key: row for key, row in self._told.items() if key[1] != round_id}
            self._put = {key: at for key, at in self._put.items() if key[1] != round_id}

"""Visits: to the relays that we use, and, where nobody can call this node, to the members whom it calls.

    a member    Collect: bring the receipts of the last visit, wait there, take what comes          -> door
    a relay     put what waits for members behind it; take what lies there for us  -> door; put receipts; done

A few threads go on errands, each errand in the hands of one at a time. After a visit that brought something new the
next one follows at once; after one that did not, the pause doubles up to LONGEST_PAUSE_SECONDS, with a random part, and
ends at once when something new is to be brought. What is taken from a relay is removed there only after our receipt for
it was put there, so a crash in between costs a repetition, which is answered ALREADY. Only where there is no room for a
receipt it is removed all the same, and the receipt goes with a later visit: else whoever fills that room would keep us
from everything that lies behind, and a full relay could not be emptied.

The relay is nobody whom we believe: an envelope counts by its own signature, a receipt by its own, and what is wrong
with either is thrown away and blamed on nobody, since it may be the relay's work.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from node.clock import Clock
from node.errors import Busy, NodeError, NotAllowed, PeerRefused
from node.identity.keys import Identity
from node.identity.members import MemberBook, MemberState
from node.identity.reach import Way
from node.ids import RandomBytes
from node.logs import get
from node.rounds.post import Post
from node.transport.direct import DirectCarrier
from node.transport.door import Door
from node.transport.relay import Parcel, RelayClient
from node.wire.envelope import Envelope
from node.wire.limits import COLLECT_WAIT_SECONDS, MOST_COLLECTED
from node.wire.receipts import MOST_LINES, Receipt, Receipts, Status, batches
from psi.errors import PeerError

__all__ = ["LONGEST_PAUSE_SECONDS", "MOST_VISITORS", "Visits"]

MOST_VISITORS = 8
"""Threads that visit. With more errands than these, nobody waits at a member's node for something to come."""
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0
LONGEST_BUSY_PAUSE_SECONDS = 5.0
"""The same while the other side has something for us that one of us wants later."""
FIRST_REFUSED_SECONDS = 5.0
LONGEST_REFUSED_SECONDS = 600.0
"""Pauses before something is put again for a member that the relay does not know, or has no more room for."""
MOST_OWED = 256
"""Receipts for one member kept in memory while a relay has no room for them, in number; the oldest go first."""


@dataclass
class _Errand:
    """To a member or a relay (`place`, a member id). `pause`: the last one, in seconds; `due`: when the next visit is
    (monotonic); `lines`: receipts to bring there, at most MOST_LINES, the newest; `owed`: member -> receipts that a
    relay had no room for; `failing_since`: since when no visit has come to its end (monotonic)."""

    place: str
    relay: bool
    due: float = 0.0
    pause: float = 0.0
    under_way: bool = False
    again: bool = False
    failing_since: float | None = None
    lines: list[Receipt] = field(default_factory=list)
    owed: dict[str, list[Receipt]] = field(default_factory=dict)


class Visits:
    """`start`, `notice` from any thread, `stop`. `dials_out`: nobody can call this node. `relay(member id)` makes the
    client of a relay."""

    def __init__(
        self,
        *,
        identity: Identity,
        book: MemberBook,
        door: Door,
        post: Post,
        carrier: DirectCarrier,
        relay: Callable[[str], RelayClient],
        clock: Clock,
        random_bytes: RandomBytes,
        dials_out: bool,
    ) -> None:
        self._identity = identity
        self._book = book
        self._door = door
        self._post = post
        self._carrier = carrier
        self._new_client = relay
        self._clock = clock
        self._random = random_bytes
        self._dials_out = dials_out
        self._log = get("transport")
        self._changed = threading.Condition()
        self._errands: dict[str, _Errand] = {}
        self._behind: dict[str, str] = {}
        """Member -> relay through which it is reached."""
        self._refused: dict[str, tuple[float, float]] = {}
        """Member -> until when nothing is put for it at its relay (monotonic), and how long that pause is."""
        self._clients: dict[str, RelayClient] = {}
        self._stopped = False
        self._threads: list[threading.Thread] = []
        book.watch(self._look_at_book)

    def start(self) -> None:
        self._look_at_book()

    def stop(self, seconds: float) -> None:
        """No visit begins any more; those under way are broken off with their connections."""
        with self._changed:
            self._stopped = True
            clients, self._clients = list(self._clients.values()), {}
            self._changed.notify_all()
        for client in clients:
            client.close()
        limit = self._clock.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, limit - self._clock.monotonic()))

    def notice(self, member_id: str) -> None:
        """Something new waits for this member: if it is behind a relay, go there now."""
        with self._changed:
            errand = self._errands.get(self._behind.get(member_id, ""))
            if errand is not None:
                errand.due, errand.again = 0.0, True
                self._changed.notify()

    def failing_seconds(self, *, relay: bool) -> dict[str, float]:
        """Relays, or members, with whom no visit comes to its end, each with for how long that is so."""
        now = self._clock.monotonic()
        with self._changed:
            return {
                one.place: now - one.failing_since
                for one in self._errands.values()
                if one.relay is relay and one.failing_since is not None
            }

    def _look_at_book(self) -> None:
        """Who is to be visited, as the member book stands now."""
        known = [member for member in self._book.list() if member.state is MemberState.CONFIRMED]
        with self._changed:
            wanted = {member.member_id: True for member in known if member.is_relay}
            if self._dials_out:
                wanted |= {one.member_id: False for one in known if one.reach.way is Way.DIRECT and not one.is_relay}
            self._behind = {one.member_id: one.reach.relay for one in known if one.reach.way is Way.RELAY}
            self._errands = {
                place: self._errands.get(place) or _Errand(place, relay) for place, relay in wanted.items()
            }
            while not self._stopped and len(self._threads) < min(len(wanted), MOST_VISITORS):
                name = f"visits-{len(self._threads)}"
                self._threads.append(threading.Thread(target=self._work, name=name, daemon=True))
                self._threads[-1].start()
            self._changed.notify_all()

    def _work(self) -> None:
        while (errand := self._take()) is not None:
            began, pause = self._clock.monotonic(), None
            try:
                pause = self._visit_relay(errand) if errand.relay else self._visit_member(errand)
            except NodeError:
                pass
            except PeerError as error:
                self._log.warning("visit-broken-off", peer=errand.place, code=error.code)
            except Exception as error:  # noqa: BLE001 - the next visit may go better, and other errands go on
                self._log.error("visit-failed", error=type(error).__name__)
            if pause is not None:
                errand.failing_since = None
            elif errand.failing_since is None:
                errand.failing_since = began
            self._put_back(errand, self._longer(errand, LONGEST_PAUSE_SECONDS) if pause is None else pause)

    def _take(self) -> _Errand | None:
        with self._changed:
            while not self._stopped:
                now = self._clock.monotonic()
                idle = [errand for errand in self._errands.values() if not errand.under_way]
                first = min(idle, key=lambda errand: errand.due, default=None)
                if first is not None and first.due <= now:
                    first.under_way, first.again = True, False
                    return first
                self._changed.wait(None if first is None else first.due - now)
            return None

    def _put_back(self, errand: _Errand, pause: float) -> None:
        with self._changed:
            errand.under_way = False
            errand.pause = pause
            wait = 0.0 if errand.again else pause * (0.5 + self._random(1)[0] / 512)
            errand.due = self._clock.monotonic() + wait
            self._changed.notify()

    @staticmethod
    def _longer(errand: _Errand, longest: float) -> float:
        return min(max(FIRST_PAUSE_SECONDS, 2 * errand.pause), longest)

    # To a member that we call.

    def _visit_member(self, errand: _Errand) -> float:
        """Bring receipts, take what comes. The pause until the next visit, in seconds."""
        with self._changed:
            crowded = len(self._errands) > MOST_VISITORS
        receipts = next(batches(self._identity, errand.place, errand.lines), None)
        brought = 0 if receipts is None else len(receipts.lines)
        began = self._clock.monotonic()
        answers: list[Receipt] = []
        wait = 0.0 if crowded else COLLECT_WAIT_SECONDS
        try:
            for envelope in self._carrier.collect(errand.place, b"" if receipts is None else receipts.to_bytes(), wait):
                sender = self._door.sender(errand.place)
                if sender is None or self._stopped:
                    break
                answers.append(self._door.answer(envelope, sender, itself=True))
                if len(answers) >= MOST_COLLECTED:
                    break
            del errand.lines[:brought]
        finally:
            errand.lines = [*errand.lines, *answers][-MOST_LINES:]
        if any(one.status is Status.ACCEPTED for one in answers):
            return 0.0
        if answers or errand.lines:
            return self._longer(errand, LONGEST_BUSY_PAUSE_SECONDS)
        if crowded:
            return self._longer(errand, LONGEST_PAUSE_SECONDS)
        # Nothing came, and we were let wait there, or not.
        waited = self._clock.monotonic() - began
        return 0.0 if waited >= wait / 2 else self._longer(errand, LONGEST_BUSY_PAUSE_SECONDS)

    # To a relay.

    def _visit_relay(self, errand: _Errand) -> float:
        """Put, take, put receipts, done. The pause until the next visit, in seconds."""
        client = self._client(errand.place)
        moved = self._put_waiting(client, errand.place)
        parcels = client.take(MOST_COLLECTED)
        answers = {sender: list(lines) for sender, lines in errand.owed.items()}
        dropped = 0
        for parcel in parcels:
            if self._stopped:
                return 0.0  # what was not answered is taken again
            try:
                moved |= self._handle(parcel, answers)
            except PeerError:
                dropped += 1  # its sender gets no receipt, and sends again
        if dropped:
            self._log.warning("parcels-dropped", peer=errand.place, dropped=dropped)
        owed: dict[str, list[Receipt]] = {}
        for sender, lines in answers.items():
            for receipts in batches(self._identity, sender, dict.fromkeys(lines)):
                try:
                    client.put([Parcel(self._identity.member_id, sender, receipts=receipts.to_bytes())])
                except Busy:
                    owed[sender] = list(receipts.lines[-MOST_OWED:])
                except (NotAllowed, PeerRefused):
                    continue  # the relay does not know its sender any more, or we do not: nobody wants a receipt
        errand.owed = owed
        if parcels:
            client.done([parcel.number for parcel in parcels])
        if moved:
            return 0.0
        longest = self._until_due(errand.place)
        return self._longer(errand, min(LONGEST_BUSY_PAUSE_SECONDS, longest) if parcels else longest)

    def _put_waiting(self, client: RelayClient, place: str) -> bool:
        """Put what waits for the members behind this relay; True if something was put."""
        moved = False
        with self._changed:
            behind = [member_id for member_id, relay in self._behind.items() if relay == place]
        for member_id in behind:
            until, pause = self._refused.get(member_id, (0.0, 0.0))
            if until > self._clock.monotonic():
                continue
            try:
                moved |= self._put_for(client, member_id)
                self._refused.pop(member_id, None)
            except (Busy, NotAllowed, PeerRefused):
                pause = min(max(FIRST_REFUSED_SECONDS, 2 * pause), LONGEST_REFUSED_SECONDS)
                self._refused[member_id] = (self._clock.monotonic() + pause, pause)
        return moved

    def _put_for(self, client: RelayClient, member_id: str) -> bool:
        moved = False
        while not self._stopped and (envelopes := self._post.collect(member_id, MOST_COLLECTED)):
            stored = client.put([_parcel(envelope) for envelope in envelopes])
            self._post.fetched.put(envelopes[:stored])
            moved |= stored > 0
            if stored < len(envelopes):
                break
        return moved

    def _handle(self, parcel: Parcel, answers: dict[str, list[Receipt]]) -> bool:
        """One thing that lay at the relay; True if it was new to us. Raises PeerError for what is no good."""
        if parcel.receipts:
            receipts = Receipts.from_bytes(parcel.receipts)
            sender = self._door.sender(receipts.sender)
            return sender is not None and self._door.settle(receipts, sender, itself=False)
        envelope = Envelope.from_bytes(parcel.envelope)
        if (sender := self._door.sender(envelope.sender)) is None:
            return False
        answer = self._door.answer(envelope, sender, itself=False)
        answers.setdefault(sender.member_id, []).append(answer)
        return answer.status is Status.ACCEPTED

    def _until_due(self, place: str) -> float:
        """The longest pause: less, if something may be put again before."""
        with self._changed:
            behind = [member_id for member_id, relay in self._behind.items() if relay == place]
        due = [wait for member_id in behind if (wait := self._post.fetched.due_in(member_id)) is not None]
        return min([LONGEST_PAUSE_SECONDS, *(max(FIRST_PAUSE_SECONDS, wait) for wait in due)])

    def _client(self, place: str) -> RelayClient:
        with self._changed:
            client = self._clients.get(place)
            if client is None:
                client = self._clients[place] = self._new_client(place)
            return client


def _parcel(envelope: Envelope) -> Parcel:
    return Parcel(envelope.sender, envelope.recipient, envelope=envelope.to_bytes())

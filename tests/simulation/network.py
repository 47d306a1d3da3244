"""What lies between the nodes of a simulation: calls that are lost, doubled, late or out of order, and parted nodes.

A node's carrier is a `Line`. It does what the direct carrier and the peer's server do between them (the recipient is a
confirmed member, the sender is one there, the door takes it or says no), and the seed decides what becomes of each
call. Nodes that cannot be called `visit` the others, fetch what waits there, and answer with receipts. Whatever leaves
a node is first shown to `Watch`.
"""

import dataclasses
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from node.errors import Busy, NodeError, NotAllowed, PeerRefused, PeerUnreachable
from node.identity.members import Member
from node.rounds.states import ENDS
from node.rpc.status import Audience, problem_of
from node.transport.door import check_frame
from node.wire import peer_pb2
from node.wire.envelope import LABEL, Envelope, ReceiptKind, batch_of
from node.wire.receipts import Receipts
from psi.errors import ChangedAnswer, PeerError, PsiError
from tests.simulation.office import Down, Office

__all__ = ["Line", "Network", "Weather"]


@dataclass(frozen=True)
class Weather:
    """How likely each fate of a call is, from 0 to 1; the rest goes through."""

    lost: float = 0.0
    answer_lost: float = 0.0
    twice: float = 0.0
    late: float = 0.0


CALM = Weather()

MOST_HANDED = 4
"""Envelopes that one visit takes, in number."""

_KNOWS_NO_BATCHES = 0.25
"""How often a batch meets a node that does not take any."""

_Answer = TypeVar("_Answer")

_STORED = "select 1 from inbox where round_id = ? and sender = ? and sequence = ?"


@dataclass
class Network:
    """`leaves(sender, envelope)` sees everything that a node gives to its carrier."""

    offices: dict[str, Office]
    random: random.Random
    weather: Weather
    leaves: Callable[[Office, Envelope], None]
    happened: Callable[[str], None]
    tell: Callable[..., None]
    parted: set[frozenset[str]] = field(default_factory=set)
    late: list[Envelope] = field(default_factory=list)
    """Copies that are still under way, in the order in which they were sent."""
    taken: list[Envelope] = field(default_factory=list)
    """What was taken, in that order."""
    cheats: dict[str, set[str]] = field(default_factory=dict)
    """Who said something else than before, by round: any of them may be blamed for its end."""

    def calm(self) -> None:
        self.weather = CALM
        self.parted.clear()

    def carry(self, sender: Office, envelope: Envelope) -> ReceiptKind:
        """One call: what the sender sees of it."""

        def repeated(receipt: ReceiptKind, again: ReceiptKind) -> bool:
            return receipt is ReceiptKind.RETRY_LATER or again is not ReceiptKind.RETRY_LATER

        return self._call(sender, [envelope], lambda: self.hand_over(envelope), repeated)

    def carry_batch(self, sender: Office, envelopes: Sequence[Envelope]) -> int:
        """The same for several at once. Some nodes do not know that call."""
        if self.random.random() < _KNOWS_NO_BATCHES:
            self.happened("no batch")
            return 0
        return self._call(
            sender, envelopes, lambda: self.hand_over_batch(envelopes), lambda taken, again: again >= taken
        )

    def _call(
        self,
        sender: Office,
        envelopes: Sequence[Envelope],
        hand_over: Callable[[], _Answer],
        repeated: Callable[[_Answer, _Answer], bool],
    ) -> _Answer:
        """`repeated` says whether a second answer fits the first one."""
        for envelope in envelopes:
            self.leaves(sender, envelope)
        if sender.running.members.confirmed(envelopes[0].recipient) is None:
            raise NotAllowed("The recipient is not a confirmed member of this node.")
        recipient = self._by_id(envelopes[0].recipient)
        if frozenset((sender.name, recipient.name)) in self.parted:
            self.happened("partition")
            raise PeerUnreachable("There is no way to the other node.")
        fate = self.random.random()
        weather = self.weather
        if (fate := fate - weather.lost) < 0:
            self.happened("request lost")
            raise PeerUnreachable("The call was lost.")
        if (fate := fate - weather.late) < 0:
            self.late += envelopes
            self.happened("late")
            raise PeerUnreachable("Nobody answered in time.")
        answer = hand_over()
        if (fate := fate - weather.answer_lost) < 0:
            self.happened("answer lost")
            raise PeerUnreachable("The answer was lost.")
        if fate - weather.twice < 0:
            self.happened("twice")
            if not repeated(answer, hand_over()):
                raise AssertionError("what was taken was not known any more")
        return answer

    def arrive(self, at: int) -> None:
        """A copy that was late arrives; nobody waits for the answer."""
        envelope = self.late.pop(at)
        try:
            receipt = self.hand_over(envelope)
        except NodeError:
            return
        # Ahead of one that is still to come, or behind one that overtook it.
        self.happened("out of order" if receipt is not ReceiptKind.ACCEPTED else "arrived late")

    def cheat(self, at: int) -> str | None:
        """A member says something else in a place in which it has spoken before; the round, if the other side may have
        seen it: where it is killed meanwhile, nobody knows.

        AssertionError unless that is refused for what it is.
        """
        said = self.taken[at]
        sender, recipient = self._by_id(said.sender), self._by_id(said.recipient)
        here = (said.round_id, said.sender, said.sequence)
        if not (sender.up and recipient.up) or not recipient.rows(_STORED, *here):
            return None
        changed = dataclasses.replace(said, payload=said.payload[:-1] + bytes([said.payload[-1] ^ 1]))
        signature = sender.running.identity.sign(LABEL, changed.signing_bytes())
        try:
            receipt = self.hand_over(dataclasses.replace(changed, signature=signature))
        except PeerRefused as refused:
            if refused.reason != ChangedAnswer.code:
                raise AssertionError(f"{recipient.name} found a changed message to be {refused.reason}") from None
            self.happened("cheat")
            cheats = self.cheats.setdefault(said.round_id, set())
            cheats.add(said.sender)
            known = recipient.rows("select state, blamed from rounds where round_id = ?", said.round_id)
            if any(state not in ENDS or blamed not in (None, *cheats) for state, blamed in known):
                raise AssertionError(f"{recipient.name} went on with a round in which it was cheated") from None
            return said.round_id
        except Busy:
            return None
        except PeerUnreachable:
            self.cheats.setdefault(said.round_id, set()).add(said.sender)
            return said.round_id
        raise AssertionError(f"{recipient.name} took a second, different message for the first: {receipt.name}")

    def hand_over(self, envelope: Envelope) -> ReceiptKind:
        """What the recipient's server does with a call. Raises what the direct carrier makes of its answer."""
        recipient, sender = self._by_id(envelope.recipient), self._by_id(envelope.sender)
        carried = Envelope.from_bytes(envelope.to_bytes())
        with self._served(sender, recipient, [carried]) as member:
            receipt = recipient.running.door.accept(member, carried)
        if receipt is ReceiptKind.ACCEPTED:
            self.taken.append(envelope)
        self.tell("carried", sender.name, recipient.name, envelope.kind.name, envelope.sequence, receipt.name)
        return receipt

    def hand_over_batch(self, envelopes: Sequence[Envelope]) -> int:
        """The same for several."""
        recipient, sender = self._by_id(envelopes[0].recipient), self._by_id(envelopes[0].sender)
        carried = batch_of(peer_pb2.Batch(envelopes=[envelope.to_proto() for envelope in envelopes]))
        with self._served(sender, recipient, carried) as member:
            taken = recipient.running.door.accept_batch(member, carried)
        self.taken += envelopes[:taken]
        self.happened("batch" if taken == len(envelopes) else "part of a batch")
        self.tell("carried", sender.name, recipient.name, "batch", envelopes[0].sequence, taken)
        return taken

    @contextmanager
    def _served(self, sender: Office, recipient: Office, envelopes: Sequence[Envelope]) -> Iterator[Member]:
        """A call at the recipient, whose frames are checked; an error becomes what the caller is told."""
        try:
            with recipient.working():
                parts = recipient.running
                member = parts.members.confirmed(envelopes[0].sender)
                if member is None:
                    raise PeerUnreachable("The connection was closed without a word.")
                try:
                    for envelope in envelopes:
                        check_frame(envelope, member, parts.identity.member_id)
                    yield member
                except PeerError as error:
                    parts.door.blame(error.code, member)  # as whoever serves the call does
                    raise
        except Down:
            raise PeerUnreachable("Nobody listens there.") from None
        except Busy:
            raise
        except PeerUnreachable:
            raise
        except (NodeError, PsiError) as error:
            problem = problem_of(error, Audience.PEER, "deliver")
            self.tell("refused", sender.name, recipient.name, problem.code)
            raise PeerRefused(problem.sentence, advice=problem.advice, reason=problem.code) from None

    def visit(self, visitor: Office, host: Office) -> None:
        """A node that cannot be called calls, takes what waits for it, and says in receipts what became of it."""
        if not (visitor.up and host.up) or frozenset((visitor.name, host.name)) in self.parted:
            return
        known = host.running.door.sender(visitor.running.identity.member_id)
        sender = visitor.running.door.sender(host.running.identity.member_id)
        if known is None or sender is None or self.random.random() < self.weather.lost:
            return
        lines = []
        try:
            with host.working():
                handed = host.running.engine.post.collect(known.member_id, MOST_HANDED)
            for envelope in handed:
                self.leaves(host, envelope)
                if self.random.random() < self.weather.late:
                    self.happened("visit cut off")
                    break
                with visitor.working():
                    carried = Envelope.from_bytes(envelope.to_bytes())
                    lines.append(visitor.running.door.answer(carried, sender, itself=True))
                self.tell(
                    "fetched", visitor.name, host.name, envelope.kind.name, envelope.sequence, lines[-1].status.name
                )
            if not lines:
                return
            receipts = Receipts.signed(visitor.running.identity, sender.member_id, lines).to_bytes()
            if self.random.random() < self.weather.answer_lost:
                self.happened("receipts lost")
                return
            for _time in range(1 + (self.random.random() < self.weather.twice)):
                with host.working():
                    host.running.door.settle(Receipts.from_bytes(receipts), known, itself=True)
            self.happened("fetched")
        except (Busy, Down):
            self.tell("visit broken off")

    def _by_id(self, member_id: str) -> Office:
        return self.offices[member_id]


@dataclass
class Line:
    """A node's carrier."""

    office: Office
    network: Network

    def deliver(self, envelope: Envelope) -> ReceiptKind:
        return self.network.carry(self.office, envelope)

    def deliver_batch(self, envelopes: Sequence[Envelope]) -> int:
        return self.network.carry_batch(self.office, envelopes)

    def close(self) -> None:
        """Nothing is open."""

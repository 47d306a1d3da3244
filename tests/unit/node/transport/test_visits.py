"""Visits: what is brought and taken in which order, and what a visit that goes wrong costs."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from node.clock import SystemClock
from node.errors import Busy, PeerRefused, PeerUnreachable
from node.identity.reach import Reach, Way
from node.transport import visits as module
from node.transport.door import Door
from node.transport.relay import Parcel
from node.transport.visits import Visits
from node.wire.envelope import Envelope, ReceiptKind
from node.wire.receipts import Receipt, Receipts, Status
from tests.support.nodes import wait_for
from tests.support.offices import Office, office


@dataclass
class FakeRelay:
    """A relay that lists what was done with it. `errors`: raised by `put`, one after the other."""

    lying: list[Parcel] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    put_there: list[Parcel] = field(default_factory=list)

    def put(self, parcels: Sequence[Parcel]) -> int:
        self.log.append("put")
        if self.errors:
            raise self.errors.pop(0)
        self.put_there += parcels
        return len(parcels)

    def take(self, limit: int) -> list[Parcel]:
        return self.lying[:limit]

    def done(self, numbers: Sequence[int]) -> None:
        self.log.append("done")
        self.lying = [parcel for parcel in self.lying if parcel.number not in numbers]

    def close(self) -> None:
        self.log.append("closed")


@dataclass
class Pile:
    """What waits for whom, in place of the post."""

    lying: list[Envelope] = field(default_factory=list)
    handed: list[Envelope] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.fetched = SimpleNamespace(put=self._put, due_in=lambda _member: None)

    def collect(self, _member: str, limit: int) -> list[Envelope]:
        return [one for one in self.lying if one not in self.handed][:limit]

    def _put(self, envelopes: Sequence[Envelope]) -> None:
        self.handed += envelopes


@dataclass
class Stage:
    us: Office
    them: Office
    relay: FakeRelay
    pile: Pile
    waits: list[float] = field(default_factory=list)
    brought: list[bytes] = field(default_factory=list)
    coming: list[list[Envelope]] = field(default_factory=list)
    known: set[bytes] = field(default_factory=set)
    """Signatures of envelopes that came before."""
    settles: list[bool] = field(default_factory=list)
    """What lists of receipts that come now settle; those after them nothing."""

    def accept(self, envelope: Envelope) -> ReceiptKind:
        known = envelope.signature in self.known
        self.known.add(envelope.signature)
        return ReceiptKind.ALREADY if known else ReceiptKind.ACCEPTED

    def settle(self, _member: str, _lines: Any) -> bool:
        return bool(self.settles and self.settles.pop(0))

    def collect(self, _member: str, receipts: bytes, wait: float) -> Iterator[Envelope]:
        """In place of the call to a member."""
        self.waits.append(wait)
        self.brought.append(receipts)
        if not self.coming:
            raise PeerUnreachable("Nobody.")
        yield from self.coming.pop(0)

    def visits(self, *, dials_out: bool) -> Visits:
        door = Door(
            self.us.identity.member_id,
            self.us.book,
            accept=self.accept,
            settle=self.settle,
            blame=lambda _code, _member: None,
            woken=lambda _round: None,
        )
        return Visits(
            identity=self.us.identity,
            book=self.us.book,
            door=door,
            post=cast(Any, self.pile),
            carrier=cast(Any, SimpleNamespace(collect=self.collect)),
            relay=lambda _member: cast(Any, self.relay),
            clock=SystemClock(),
            random_bytes=bytes,
            dials_out=dials_out,
        )


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    with (
        office(tmp_path / "us", "Us") as us,
        office(tmp_path / "them", "Them") as them,
        office(tmp_path / "post", "Post", member_class="relay") as post,
    ):
        us.trust(them)
        relay = us.trust(post)
        us.book.set_reach("them", Reach(Way.RELAY, relay.member_id), "Ada")
        yield Stage(us, them, FakeRelay(), Pile())


def envelope_parcel(stage: Stage, number: int) -> Parcel:
    one = stage.them.envelope(stage.us, sequence=number)
    return Parcel(one.sender, one.recipient, envelope=one.to_bytes(), number=number)


def test_what_waits_is_put_and_what_came_is_receipted_before_it_is_removed(stage: Stage) -> None:
    stage.pile.lying = [stage.us.envelope(stage.them, sequence=number) for number in (1, 2)]
    stage.relay.lying = [envelope_parcel(stage, number) for number in (7, 8)]
    visits = stage.visits(dials_out=False)
    visits.start()
    wait_for(lambda: not stage.relay.lying and "done" in stage.relay.log)
    visits.stop(5)
    assert stage.relay.log[:3] == ["put", "put", "done"]
    envelopes, receipts = stage.relay.put_there[:2], stage.relay.put_there[2]
    assert [Envelope.from_bytes(parcel.envelope) for parcel in envelopes] == stage.pile.lying == stage.pile.handed
    lines = Receipts.from_bytes(receipts.receipts).lines
    assert [(line.sequence, line.status) for line in lines] == [(7, Status.ACCEPTED), (8, Status.ACCEPTED)]
    assert "closed" in stage.relay.log


def test_nothing_is_removed_while_our_receipt_does_not_lie_there(stage: Stage) -> None:
    stage.relay.errors = [PeerUnreachable("Gone.")]
    stage.relay.lying = [envelope_parcel(stage, 1)]
    visits = stage.visits(dials_out=False)
    visits.start()
    wait_for(lambda: not stage.relay.lying)
    visits.stop(5)
    assert stage.relay.log[:3] == ["put", "put", "done"]


def test_where_there_is_no_room_for_a_receipt_the_mailbox_is_emptied_and_the_receipt_comes_later(stage: Stage) -> None:
    stage.relay.errors = [Busy("Full.")] * 3
    stage.relay.lying = [envelope_parcel(stage, number) for number in range(1, 40)]
    visits = stage.visits(dials_out=False)
    visits.start()
    wait_for(lambda: bool(stage.relay.put_there))
    visits.stop(5)
    assert stage.relay.log[:7] == ["put", "done"] * 3 + ["put"]
    assert not stage.relay.lying
    (receipts,) = stage.relay.put_there
    assert [line.sequence for line in Receipts.from_bytes(receipts.receipts).lines] == list(range(1, 40))


@pytest.mark.tm("TM-119")
@pytest.mark.parametrize("sabotaged", [False, True], ids=["as it is", "sabotaged"])
def test_who_fills_a_relay_keeps_nobody_from_what_lies_there(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, sabotaged: bool
) -> None:
    """There is never room for a receipt. Without the rule for it, sixteen parcels are all that we ever see."""
    monkeypatch.setattr(stage.relay, "errors", [Busy("Full.")] * 1000)
    stage.relay.lying = [envelope_parcel(stage, number) for number in range(1, 40)]
    if sabotaged:
        monkeypatch.setattr(module, "Busy", type("NeverRaised", (Exception,), {}))
    visits = stage.visits(dials_out=False)
    visits.start()
    wait_for(lambda: stage.relay.log.count("put") >= 3)
    visits.stop(5)
    assert len(stage.known) == (16 if sabotaged else 39)
    assert len(stage.relay.lying) == (39 if sabotaged else 0)


def test_what_is_owed_for_want_of_room_is_bounded(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_OWED", 20)
    stage.relay.errors = [Busy("Full.")] * 3
    stage.relay.lying = [envelope_parcel(stage, number) for number in range(1, 49)]
    visits = stage.visits(dials_out=False)
    visits.start()
    wait_for(lambda: bool(stage.relay.put_there))
    visits.stop(5)
    lines = Receipts.from_bytes(stage.relay.put_there[0].receipts).lines
    assert [line.sequence for line in lines] == list(range(29, 49))


@dataclass
class Stuck(FakeRelay):
    """A relay that shows the same again and again, whatever is done with it. `ends`: of visits to it (monotonic)."""

    ends: list[float] = field(default_factory=list)

    def done(self, numbers: Sequence[int]) -> None:
        self.ends.append(time.monotonic())


@pytest.mark.parametrize("what", ["envelope", "receipts", "no good"])
def test_the_same_again_is_no_reason_to_come_back_at_once(stage: Stage, what: str) -> None:
    """It is so only where something is new: then the next visit follows without a pause."""
    us, them = stage.us.identity, stage.them.identity
    shown = {
        "envelope": envelope_parcel(stage, 1),
        "receipts": Parcel(
            them.member_id,
            us.member_id,
            receipts=Receipts.signed(
                them, us.member_id, [Receipt.of(stage.us.envelope(stage.them), Status.ACCEPTED)]
            ).to_bytes(),
            number=1,
        ),
        "no good": Parcel(them.member_id, us.member_id, envelope=b"\xff\xff", number=1),
    }
    stage.settles = [True]
    stage.relay = relay = Stuck(lying=[shown[what]] * 5)
    new = what != "no good"
    visits = stage.visits(dials_out=False)
    visits.start()
    wait_for(lambda: len(relay.ends) >= 4 + new)
    visits.stop(5)
    # At once after what was new, then after 0.1, 0.2 and 0.4 seconds.
    pauses = [later - before for before, later in pairwise(relay.ends)][new:]
    assert [pause >= least for pause, least in zip(pauses, (0.1, 0.2, 0.4), strict=False)] == [True] * 3, pauses


def test_parcels_that_are_no_good_make_one_line_in_the_log(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    me, sender = stage.us.identity.member_id, stage.them.identity.member_id
    stage.relay.lying = [Parcel(sender, me, envelope=b"\xff", number=number) for number in range(1, 11)]
    visits = stage.visits(dials_out=False)
    lines: list[tuple[str, dict[str, Any]]] = []
    log = SimpleNamespace(warning=lambda event, **facts: lines.append((event, facts)))
    monkeypatch.setattr(visits, "_log", log)
    visits.start()
    wait_for(lambda: not stage.relay.lying)
    visits.stop(5)
    (relay,) = (member.member_id for member in stage.us.book.list() if member.is_relay)
    assert lines == [("parcels-dropped", {"peer": relay, "dropped": 10})]


def test_receipts_for_a_member_that_never_takes_them_are_bounded(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call hands something out and breaks off, so that no receipt is known to have arrived."""
    stage.us.book.set_reach("them", None, "Ada")
    monkeypatch.setattr(module, "MOST_LINES", 5)
    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(module, "LONGEST_PAUSE_SECONDS", 0.02)
    numbers = iter(range(1, 10_000))

    def collect(_member: str, receipts: bytes, _wait: float) -> Iterator[Envelope]:
        stage.brought.append(receipts)
        for _ in range(3):
            yield stage.them.envelope(stage.us, sequence=next(numbers))
        raise PeerUnreachable("Gone.")

    monkeypatch.setattr(stage, "collect", collect)
    visits = stage.visits(dials_out=True)
    visits.start()
    wait_for(lambda: len(stage.brought) > 4)
    visits.stop(5)
    counts = [len(Receipts.from_bytes(one).lines) if one else 0 for one in stage.brought]
    assert counts[:5] == [0, 3, 5, 5, 5]
    assert [line.sequence for line in Receipts.from_bytes(stage.brought[4]).lines] == list(range(8, 13))


@pytest.mark.tm("TM-119")
def test_what_is_no_good_is_dropped_and_blamed_on_nobody(stage: Stage) -> None:
    good = envelope_parcel(stage, 1)
    altered = bytearray(good.envelope)
    altered[-1] ^= 1
    sender, me = stage.them.identity.member_id, stage.us.identity.member_id
    stage.relay.lying = [
        Parcel(sender, me, envelope=bytes(altered), number=1),
        Parcel(sender, me, envelope=b"\xff\xff", number=2),
        Parcel(sender, me, receipts=b"\x00", number=3),
        Parcel("a" * 32, me, envelope=good.envelope, number=4),  # the name on the parcel is the relay's word
    ]
    visits = stage.visits(dials_out=False)
    visits.start()
    wait_for(lambda: not stage.relay.lying)
    visits.stop(5)
    (receipts,) = stage.relay.put_there
    assert [line.status for line in Receipts.from_bytes(receipts.receipts).lines] == [Status.ACCEPTED]
    assert not stage.us.events("peer-blamed")


def test_a_member_that_the_relay_does_not_know_is_tried_less_and_less(stage: Stage) -> None:
    stage.pile.lying = [stage.us.envelope(stage.them)]
    stage.relay.errors = [PeerRefused("Unknown.", reason="unknown-recipient")]
    visits = stage.visits(dials_out=False)
    visits.start()
    wait_for(lambda: bool(stage.relay.log))
    for _ in range(20):
        visits.notice(stage.them.identity.member_id)
    visits.stop(5)
    assert stage.relay.log.count("put") == 1
    assert not stage.pile.handed


def test_receipts_are_brought_with_the_next_visit_and_again_until_one_succeeds(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.us.book.set_reach("them", None, "Ada")
    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(module, "LONGEST_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(module, "LONGEST_BUSY_PAUSE_SECONDS", 0.05)
    stage.coming = [[stage.them.envelope(stage.us, sequence=1)]]
    visits = stage.visits(dials_out=True)
    visits.start()
    wait_for(lambda: len(stage.brought) >= 3)  # the second and third call fail
    stage.coming = [[], []]
    seen = len(stage.brought)
    wait_for(lambda: not stage.coming and len(stage.brought) > seen + 2)
    visits.stop(5)
    assert stage.brought[0] == b""
    assert stage.brought[1] == stage.brought[2] != b""
    assert stage.brought[-1] == b""
    assert set(stage.waits) == {20}


def test_with_more_places_than_visitors_nobody_waits_there(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.us.book.set_reach("them", None, "Ada")
    monkeypatch.setattr(module, "MOST_VISITORS", 1)
    visits = stage.visits(dials_out=True)
    visits.start()
    wait_for(lambda: bool(stage.waits))
    visits.stop(5)
    assert set(stage.waits) == {0.0}


def test_since_when_no_visit_comes_to_its_end(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    away = True

    def take(limit: int) -> list[Parcel]:
        if away:
            raise PeerUnreachable("Nobody listens there.")
        return []

    monkeypatch.setattr(stage.relay, "take", take)
    visits = stage.visits(dials_out=False)
    assert visits.failing_seconds(relay=True) == {}
    visits.start()
    try:
        wait_for(lambda: bool(visits.failing_seconds(relay=True)))
        ((_, first),) = visits.failing_seconds(relay=True).items()
        assert visits.failing_seconds(relay=False) == {}
        wait_for(lambda: next(iter(visits.failing_seconds(relay=True).values())) > first)
        away = False
        wait_for(lambda: not visits.failing_seconds(relay=True))
    finally:
        visits.stop(5)

"""A member that calls to take what waits for it: what it gets, what it may claim, and how much of us it may hold."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import grpc
import pytest

from node.clock import ManualClock, SystemClock
from node.identity.cards import MemberClass
from node.identity.certificates import server_name
from node.rpc.peer import PeerService, Versions
from node.rpc.refusals import RefusalLog
from node.rpc.server import PeerServer
from node.transport.collecting import Bell, Collecting, WaitingRoom
from node.transport.direct import DirectCarrier
from node.transport.door import Door
from node.wire import peer_pb2
from node.wire.envelope import Envelope, ReceiptKind
from node.wire.receipts import Receipt, Receipts, Status
from node.wire.services import COLLECT, HELLO
from tests.support.nodes import wait_for
from tests.support.offices import Office, Pigeonhole, office
from tests.support.ports import free_port
from tests.support.tls_stage import Stage, now, status_of

WORKERS = 4


@dataclass
class Pile:
    """What waits for whom, in place of the post."""

    lying: dict[str, list[Envelope]] = field(default_factory=dict)
    settled: list[tuple[str, Receipt]] = field(default_factory=list)
    fetched: Any = field(default_factory=lambda: SimpleNamespace(due_in=lambda _member: None))

    def collect(self, member_id: str, limit: int) -> list[Envelope]:
        return self.lying.get(member_id, [])[:limit]

    def settle(self, member_id: str, lines: tuple[Receipt, ...]) -> bool:
        self.settled += [(member_id, line) for line in lines]
        return True


@dataclass
class Hatch:
    stage: Stage
    gamma: Office
    pile: Pile
    bell: Bell
    room: WaitingRoom


@contextmanager
def hatch(folder: Path, places: int = WORKERS // 2, member_class: str = "ngo") -> Iterator[Hatch]:
    """Alpha serves; Beta and Gamma are members of it, Gamma of this class."""
    port = free_port()
    at = ManualClock(now())
    with (
        office(folder / "alpha", "Alpha", clock=at, endpoint=f"127.0.0.1:{port}") as alpha,
        office(folder / "beta", "Beta", clock=at, endpoint="none") as beta,
        office(folder / "gamma", "Gamma", clock=at, member_class=member_class) as gamma,
    ):
        for other in (beta, gamma):
            alpha.trust(other)
            other.trust(alpha)
        pile, bell = Pile(), Bell()
        room = WaitingRoom(bell, SystemClock(), places=places)
        refusals = RefusalLog(alpha.store, alpha.audit, alpha.clock)
        me = alpha.identity.member_id
        door = Door(
            me,
            alpha.book,
            accept=lambda _envelope: ReceiptKind.ACCEPTED,
            settle=pile.settle,
            blame=refusals.blame,
            woken=lambda _round: None,
        )
        inbox = Pigeonhole()
        service = PeerService(me, inbox, Versions("p", "n", "s"), at, Collecting(door, cast(Any, pile), room))
        server = PeerServer(
            f"127.0.0.1:{port}",
            identity=alpha.identity,
            book=alpha.book,
            service=service,
            refusals=refusals,
            clock=at,
            workers=WORKERS,
        )
        server.start()
        try:
            yield Hatch(Stage(alpha, beta, inbox, port, folder), gamma, pile, bell, room)
        finally:
            bell.close()
            server.stop(0.2)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)


def collected(made: Hatch, who: Office, receipts: bytes = b"", wait: float = 0.0) -> list[Envelope]:
    carrier = DirectCarrier(who.identity, who.book, who.clock)
    try:
        return list(carrier.collect(made.stage.alpha.identity.member_id, receipts, wait))
    finally:
        carrier.close()


@pytest.mark.tm("TM-119")
def test_everybody_gets_what_is_theirs_and_no_more(tmp_path: Path) -> None:
    with hatch(tmp_path) as made:
        alpha, beta = made.stage.alpha, made.stage.beta
        lying = [alpha.envelope(beta, sequence=number) for number in range(1, 40)]
        made.pile.lying[beta.identity.member_id] = lying
        assert collected(made, made.gamma) == []
        got = collected(made, beta)
        assert got == lying[: len(got)]
        assert len(got) == 16
        me = alpha.identity.member_id
        receipts = Receipts.signed(beta.identity, me, [Receipt.of(got[0], Status.ACCEPTED)])
        collected(made, beta, receipts.to_bytes())
        assert made.pile.settled == [(beta.identity.member_id, receipts.lines[0])]


@pytest.mark.tm("TM-119")
def test_receipts_of_somebody_else_settle_nothing_and_are_blamed(tmp_path: Path) -> None:
    with hatch(tmp_path) as made:
        alpha, beta, gamma = made.stage.alpha, made.stage.beta, made.gamma
        line = Receipt.of(alpha.envelope(beta), Status.ACCEPTED)
        betas = Receipts.signed(beta.identity, alpha.identity.member_id, [line])
        forged = Receipts(betas.sender, betas.recipient, betas.lines, bytes(64))
        for who, receipts in ((gamma, betas.to_bytes()), (beta, forged.to_bytes()), (beta, b"\x00\x00")):
            request = peer_pb2.CollectRequest(receipts=receipts).SerializeToString()
            with made.stage.channel(who.identity.tls_cert_pem, who.identity.tls_key_pem) as channel:
                call = channel.unary_stream(COLLECT)(request, timeout=5)
                with pytest.raises(grpc.RpcError):
                    next(call)
                assert call.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert not made.pile.settled
        blamed = [(event["code"], event["peer"]) for event in alpha.events("peer-blamed")]
        assert blamed == [
            ("wrong-party", gamma.identity.member_id),
            ("bad-signature", beta.identity.member_id),
            ("malformed-message", beta.identity.member_id),
        ]


@pytest.mark.tm("TM-119")
def test_a_relay_may_not_call(tmp_path: Path) -> None:
    """Its card is in the book like a member's; yet it is no trust root of the server, and no caller."""
    with hatch(tmp_path, member_class=MemberClass.RELAY.value) as made:
        identity = made.gamma.identity
        assert identity.tls_cert_pem not in made.stage.alpha.book.roots()
        for method in (HELLO, COLLECT):
            code = made.stage.call(method, identity.tls_cert_pem, identity.tls_key_pem)
            assert code in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.PERMISSION_DENIED}


def test_without_the_rules_for_relays_it_would_get_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin."""
    monkeypatch.setattr("node.identity.members.Member.is_relay", False)
    with hatch(tmp_path, member_class=MemberClass.RELAY.value) as made:
        identity = made.gamma.identity
        assert made.stage.call(HELLO, identity.tls_cert_pem, identity.tls_key_pem) is grpc.StatusCode.OK


def waiting_calls(made: Hatch, channel: grpc.Channel, number: int) -> list[threading.Thread]:
    """So many callers that wait, under names of their own as far as the room is concerned."""
    request = peer_pb2.CollectRequest(wait_milliseconds=20_000).SerializeToString()

    def call() -> None:
        try:
            list(channel.unary_stream(COLLECT)(request, timeout=25))
        except grpc.RpcError:
            return

    threads = [threading.Thread(target=call, daemon=True) for _ in range(number)]
    for thread in threads:
        thread.start()
    return threads


@pytest.mark.tm("TM-119")
@pytest.mark.parametrize(("places", "served"), [(WORKERS // 2, True), (1000, False)], ids=["limited", "sabotaged"])
def test_waiting_members_leave_room_for_callers(
    tmp_path: Path, places: int, served: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice as many members wait as there are threads, and a call of another one is answered all the same. Without the
    limit they hold every thread."""
    with hatch(tmp_path, places=places) as made:
        members = iter(range(1000))
        wait = made.room.wait
        monkeypatch.setattr(made.room, "wait", lambda _member, *rest, **more: wait(f"m{next(members)}", *rest, **more))
        with made.stage.betas_channel() as waiting, made.stage.betas_channel() as calling:
            threads = waiting_calls(made, waiting, 2 * WORKERS)
            wait_for(lambda: made.room.waiting >= min(places, WORKERS))
            code = status_of(calling, HELLO, b"", seconds=3)
            assert (code is grpc.StatusCode.OK) is served
            made.bell.close()
            for thread in threads:
                thread.join(30)


@pytest.mark.tm("TM-119")
def test_a_call_that_waits_is_answered_as_soon_as_something_comes(tmp_path: Path) -> None:
    with hatch(tmp_path) as made:
        beta = made.stage.beta
        to, got = beta.identity.member_id, list[Envelope]()
        thread = threading.Thread(target=lambda: got.extend(collected(made, beta, wait=20.0)), daemon=True)
        thread.start()
        wait_for(lambda: made.room.waiting == 1)
        one = made.stage.alpha.envelope(beta)
        made.pile.lying[to] = [one]
        made.bell.ring(to)
        thread.join(5)
        assert got == [one]


@contextmanager
def reluctant(made: Hatch) -> Iterator[grpc.Channel]:
    """Beta's channel, which takes in no more of an answer than it is asked to."""
    identity, alpha = made.stage.beta.identity, made.stage.alpha.identity
    credentials = grpc.ssl_channel_credentials(alpha.tls_cert_pem, identity.tls_key_pem, identity.tls_cert_pem)
    options = [
        ("grpc.ssl_target_name_override", server_name(alpha.member_id)),
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.lookahead_bytes", 65_535),
    ]
    with grpc.secure_channel(f"127.0.0.1:{made.stage.port}", credentials, options) as channel:
        yield channel


@contextmanager
def no_places(*_member: object, ready: Any, **_more: object) -> Iterator[bool]:
    entered.append(None)
    yield ready()


entered: list[None] = []
"""One for each call that got in where there are no places."""


@pytest.mark.tm("TM-119")
@pytest.mark.parametrize("together", [False, True], ids=["one member", "many members"])
@pytest.mark.parametrize("sabotaged", [False, True], ids=["limited", "sabotaged"])
def test_who_collects_and_does_not_read_holds_no_thread_but_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sabotaged: bool, together: bool
) -> None:
    """Half as many calls again as there are threads ask for 14 MB and read nothing: one member's hold one thread, those
    of many no more than three quarters, and another one's call is answered. Without places they hold every thread."""
    with hatch(tmp_path) as made:
        alpha, beta = made.stage.alpha, made.stage.beta
        names = iter(range(1000))
        entered.clear()
        wait = no_places if sabotaged else made.room.wait
        monkeypatch.setattr(
            made.room, "wait", lambda member, *rest, **more: wait(f"m{next(names) * together}", *rest, **more)
        )
        made.pile.lying[beta.identity.member_id] = [
            alpha.envelope(beta, bytes(900_000), number) for number in range(1, 17)
        ]
        with reluctant(made) as channel:
            calls = [channel.unary_stream(COLLECT)(b"", timeout=60) for _ in range(WORKERS * 3 // 2)]
            if not sabotaged:
                most = WORKERS * 3 // 4 if together else 1
                assert sum(next(call, None) is not None for call in calls) == most
                wait_for(lambda: made.room.served == most)
            else:
                wait_for(lambda: len(entered) >= WORKERS)
            gamma = made.gamma.identity
            with made.stage.channel(gamma.tls_cert_pem, gamma.tls_key_pem) as calling:
                code = status_of(calling, HELLO, b"", seconds=3)
            assert (code is grpc.StatusCode.OK) is not sabotaged
            for call in calls:
                call.cancel()
        if not sabotaged:
            wait_for(lambda: made.room.served == 0)  # who was cut off holds nothing any more
            monkeypatch.setattr(made.room, "wait", wait)
            assert len(collected(made, beta)) == 16

"""A relay: who may use it, for whom, how much, and what of it survives a kill.

The calls are found by walking the descriptor of the service, so a new one is in the matrix by itself. What a relay can
read, and what a dishonest one can do to a round, is in test_curious_relay.py; who floods it, in test_relay_room.py.
Each promise has a sabotaged twin.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor

from node.clock import ManualClock
from node.errors import NodeError
from node.identity.certificates import new_certificate, new_tls_key, server_name
from node.relay import running, service
from node.relay.running import RelayParts
from node.rpc import interceptors
from node.rpc.access import ACCESS, Caller
from node.wire import relay_pb2
from node.wire.limits import MAX_PARCEL_MESSAGE_BYTES
from node.wire.parcels import MAX_CONTENT_BYTES, MAX_PARCELS_PER_CALL
from node.wire.services import DONE, PUT, RELAY, TAKE, method_names
from tests.support.nodes import wait_for
from tests.support.offices import Office, office
from tests.support.relays import fake_parcel, make_relay, offices, parcel, relay
from tests.support.tls_stage import leaf_signed_by, pem, pem_key
from tests.support.tree import ROOT

Status = grpc.StatusCode
REFUSED = {Status.UNAVAILABLE, Status.UNAUTHENTICATED, Status.PERMISSION_DENIED}
METHODS: dict[str, MethodDescriptor] = dict(zip(method_names(RELAY), RELAY.methods, strict=True))
Pair = tuple[bytes | None, bytes | None]


class Stage:
    """A relay that serves Alpha and Beta; Gamma was removed; the others were never admitted."""

    def __init__(self, members: list[Office], parts: RelayParts, strangers: dict[str, Office], said: list[Any]) -> None:
        self.alpha, self.beta, self.gamma = members
        self.parts, self.strangers, self.said = parts, strangers, said

    @contextmanager
    def channel(self, certificate: bytes | None, key: bytes | None) -> Iterator[grpc.Channel]:
        """gRPC's own client, with nothing of ours in it but the name it expects."""
        card = self.parts.keys.signed_card.card
        credentials = grpc.ssl_channel_credentials(card.certificate.pem, key, certificate)
        options = [("grpc.ssl_target_name_override", server_name(card.member_id))]
        with grpc.secure_channel(f"127.0.0.1:{self.parts.port}", credentials, options) as channel:
            yield channel

    def of(self, who: Office) -> Any:
        return self.channel(who.identity.tls_cert_pem, who.identity.tls_key_pem)

    def request(self, method: str, sender: str | None = None) -> bytes:
        """What Alpha may ask, and what would change or show something if it were let through."""
        if method == PUT:
            return forged(sender or self.alpha.identity.member_id, self.beta.identity.member_id).SerializeToString()
        if method == TAKE:
            return relay_pb2.TakeRequest(limit=10).SerializeToString()
        if method == DONE:
            return relay_pb2.DoneRequest(numbers=[1]).SerializeToString()
        return b""

    def state(self) -> dict[str, Any]:
        with self.parts.members._database.reading() as connection:
            tables = ("members", "parcels", "pairs", "totals")
            return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in tables}

    def fill(self) -> None:
        """A parcel for everybody: what a wrong caller might take or remove."""
        ids = [one.identity.member_id for one in (self.alpha, self.beta)]
        for one, other in (ids, ids[::-1]):
            self.parts.mailbox.put([fake_parcel(one, other, number) for number in range(3)])


def forged(sender: str, recipient: str, number: int = 77, size: int = 100) -> relay_pb2.Parcel:
    return fake_parcel(sender, recipient, number, size).to_proto()


def outcome(channel: grpc.Channel, method: str, request: bytes, seconds: float = 5) -> tuple[Status, list[bytes]]:
    """The status of a call of whatever shape, and the answers as bytes."""
    shape = METHODS[method]
    given: Any = iter([request]) if shape.client_streaming else request
    try:
        if shape.server_streaming:
            call = channel.stream_stream if shape.client_streaming else channel.unary_stream
            return Status.OK, list(call(method)(given, timeout=seconds))
        single = channel.stream_unary if shape.client_streaming else channel.unary_unary
        return Status.OK, [single(method)(given, timeout=seconds)]
    except grpc.RpcError as error:
        return error.code(), []


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("relay")
    said: list[Any] = []
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setattr("node.identity.words.SCRYPT_COST", 2)
        patch.setattr(running, "_write_down", lambda event, facts: said.append((event, facts)))
        patch.setattr("node.rpc.refusals.AUDITED_PER_HOUR", 10_000)
        members = stack.enter_context(offices(folder, "Alpha", "Beta", "Gamma"))
        strangers = {}
        for name, days in (("stranger", 0), ("expired", -1200), ("early", 30)):
            at = ManualClock(datetime.now(UTC) + timedelta(days=days))
            strangers[name] = stack.enter_context(office(folder / name, name.capitalize(), clock=at))
        parts = stack.enter_context(relay(folder / "relay", *members, clock=members[0].clock))
        # Admitted when their certificates were good, as far as the relay knew.
        clock = members[0].clock
        assert isinstance(clock, ManualClock)
        for name, days in (("expired", -1200), ("early", 31)):
            clock.advance(days * 24 * 3600)
            parts.members.admit(strangers[name].card_file)
            clock.advance(-days * 24 * 3600)
        parts.members.remove("gamma")
        made = Stage(members, parts, strangers, said)
        made.fill()
        yield made


def forged_pin(stage: Stage) -> Pair:
    """A certificate in Alpha's name, with another key."""
    key = new_tls_key(os.urandom)
    made = new_certificate(key, stage.alpha.identity.member_id, datetime.now(UTC), os.urandom)
    return pem(made), pem_key(key)


def of(who: Office) -> Pair:
    return who.identity.tls_cert_pem, who.identity.tls_key_pem


CALLERS: dict[str, Callable[[Stage], Pair]] = {
    "no certificate": lambda _stage: (None, None),
    "never admitted": lambda stage: of(stage.strangers["stranger"]),
    "expired": lambda stage: of(stage.strangers["expired"]),
    "not yet valid": lambda stage: of(stage.strangers["early"]),
    "removed": lambda stage: of(stage.gamma),
    "wrong pin": forged_pin,
    "a leaf that a member signed": lambda stage: leaf_signed_by(stage.alpha, stage.alpha.identity.member_id),
    "the relay itself": lambda stage: (stage.parts.keys.tls_cert_pem, stage.parts.keys.tls_key_pem),
}


@pytest.mark.tm("TM-120")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("caller", [*CALLERS, "no tls"])
def test_a_wrong_caller_gets_nothing(stage: Stage, caller: str, method: str) -> None:
    before, said = stage.state(), len(stage.said)
    with ExitStack() as stack:
        if caller == "no tls":
            channel = stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{stage.parts.port}"))
        else:
            channel = stack.enter_context(stage.channel(*CALLERS[caller](stage)))
        code, answers = outcome(channel, method, stage.request(method))
    assert code in REFUSED
    assert answers == []
    assert stage.state() == before
    # Whoever the handshake stops never reaches our code; what reaches it is said once.
    assert len(stage.said) - said == (code is not Status.UNAVAILABLE)


@pytest.mark.tm("TM-120")
@pytest.mark.parametrize("method", METHODS)
def test_a_member_that_is_removed_is_refused_from_its_next_call_on(stage: Stage, method: str) -> None:
    """On a connection that is open: only the check on every call is left."""
    with office(
        stage.parts.folder.path.parent / f"delta-{METHODS[method].name}", "Delta", clock=stage.alpha.clock
    ) as delta:
        alias = stage.parts.members.admit(delta.card_file).alias
        with stage.of(delta) as channel:
            assert outcome(channel, TAKE, stage.request(TAKE)) == (Status.OK, [])
            stage.parts.members.remove(alias)
            before = stage.state()
            assert (
                outcome(channel, method, stage.request(method, delta.identity.member_id))[0] is Status.PERMISSION_DENIED
            )
    assert stage.state() == before
    assert stage.said[-1][1] == {
        "method": METHODS[method].name.lower(), "reason": "member-removed", "member": delta.identity.member_id,
    }  # fmt: skip


def test_without_the_check_on_every_call_a_removed_member_would_get_through(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sabotaged twin of the matrix."""
    alpha = stage.parts.members.get("alpha")
    stage.parts.members.admit(stage.gamma.card_file, "gamma")
    with stage.of(stage.gamma) as channel:
        assert outcome(channel, TAKE, stage.request(TAKE))[0] is Status.OK
        stage.parts.members.remove("gamma")
        assert outcome(channel, TAKE, stage.request(TAKE))[0] is Status.PERMISSION_DENIED
        monkeypatch.setattr(stage.parts.members, "holder", lambda _hash: alpha)
        assert len(outcome(channel, TAKE, stage.request(TAKE))[1]) == 3


@pytest.mark.tm("TM-120")
def test_every_call_has_a_row_for_the_admitted_and_without_it_nobody_calls(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {name for name, row in ACCESS.items() if row is Caller.ADMITTED} == set(METHODS)
    assert len(METHODS) == 3
    with stage.of(stage.alpha) as channel:
        for method in METHODS:
            with monkeypatch.context() as patch:
                patch.setattr(interceptors, "ACCESS", {name: row for name, row in ACCESS.items() if name != method})
                assert outcome(channel, method, stage.request(method))[0] is Status.PERMISSION_DENIED
                patch.setattr(interceptors, "ACCESS", ACCESS | {method: Caller.MEMBER})
                assert outcome(channel, method, stage.request(method))[0] is Status.PERMISSION_DENIED
        assert outcome(channel, TAKE, stage.request(TAKE))[0] is Status.OK


@pytest.mark.tm("TM-120")
def test_a_relay_serves_no_call_of_nodes_or_owners(stage: Stage) -> None:
    others = set(ACCESS) - set(METHODS)
    assert len(others) >= 3
    with stage.of(stage.alpha) as channel:
        for method in others:
            assert channel.unary_unary(method).future(b"", timeout=5).code() is Status.UNIMPLEMENTED


# For whom.


@pytest.mark.tm("TM-121")
def test_nobody_puts_in_another_s_name_nor_takes_or_forgets_for_another(stage: Stage) -> None:
    alpha, beta = stage.alpha.identity.member_id, stage.beta.identity.member_id
    before = stage.state()
    with stage.of(stage.beta) as channel:
        assert outcome(channel, PUT, forged(alpha, beta).SerializeToString())[0] is Status.INVALID_ARGUMENT
        assert stage.said[-1] == ("peer-blamed", {"code": "wrong-party", "peer": beta})
        _, answers = outcome(channel, TAKE, stage.request(TAKE))
        assert {relay_pb2.Parcel.FromString(one).recipient for one in answers} == {beta}
    assert stage.state() == before
    lying = {row[:2] for row in before["parcels"] if row[0] == alpha}
    with stage.of(stage.beta) as channel:
        request = relay_pb2.DoneRequest(numbers=[number for _, number in lying] + [1000, 2**64 - 1])
        assert outcome(channel, DONE, request.SerializeToString())[0] is Status.OK
    after = stage.state()["parcels"]
    assert {row[:2] for row in after if row[0] == alpha} == lying
    assert not [row for row in after if row[0] == beta]
    stage.fill()


def test_if_the_relay_believed_a_name_the_parcel_would_lie_there(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin: who calls is taken from somewhere else than the connection."""
    alpha, beta = stage.alpha.identity.member_id, stage.beta.identity.member_id
    monkeypatch.setattr(service, "calling_id", lambda: alpha)
    before = stage.parts.mailbox.totals().parcels
    with stage.of(stage.beta) as channel:
        assert outcome(channel, PUT, forged(alpha, beta, 4711).SerializeToString())[0] is Status.OK
        _, answers = outcome(channel, TAKE, stage.request(TAKE))
    assert stage.parts.mailbox.totals().parcels == before + 1
    assert {relay_pb2.Parcel.FromString(one).recipient for one in answers} == {alpha}


@pytest.mark.tm("TM-122")
def test_nobody_leaves_parcels_for_itself(stage: Stage) -> None:
    """Nothing else would have to be done to fill a relay for as long as it keeps parcels."""
    alpha, before = stage.alpha.identity.member_id, stage.state()
    with stage.of(stage.alpha) as channel:
        assert outcome(channel, PUT, forged(alpha, alpha).SerializeToString())[0] is Status.INVALID_ARGUMENT
    assert stage.state() == before
    # The mailbox by itself would have kept it.
    assert stage.parts.mailbox.put([fake_parcel(alpha, alpha, 77)]) == (1, 0, None)
    (own,) = (one.number for one in stage.parts.mailbox.take(alpha, 100) if one.sender == alpha)
    assert stage.parts.mailbox.done(alpha, [own]) == 1


# How much.


@pytest.mark.tm("TM-122")
def test_a_call_carries_no_more_than_it_may(stage: Stage) -> None:
    alpha, beta = stage.alpha.identity.member_id, stage.beta.identity.member_id
    with stage.of(stage.alpha) as channel:
        put = channel.stream_unary(PUT, None, relay_pb2.PutReply.FromString)
        endless = (forged(alpha, beta, 1000 + number).SerializeToString() for number in range(10_000))
        reply = put(endless, timeout=30)
        assert (reply.stored, reply.trouble) == (MAX_PARCELS_PER_CALL, relay_pb2.PutReply.TOO_MANY)
        too_large = relay_pb2.Parcel(sender=alpha, recipient=beta, mark=bytes(16), content=bytes(MAX_CONTENT_BYTES + 1))
        assert outcome(channel, PUT, too_large.SerializeToString())[0] is Status.INVALID_ARGUMENT
        assert outcome(channel, PUT, bytes(MAX_PARCEL_MESSAGE_BYTES + 1))[0] is Status.RESOURCE_EXHAUSTED
        assert outcome(channel, PUT, b"\xff" * 50)[0] is Status.INVALID_ARGUMENT
        many = relay_pb2.DoneRequest(numbers=range(MAX_PARCELS_PER_CALL + 1)).SerializeToString()
        assert outcome(channel, DONE, many)[0] is Status.INVALID_ARGUMENT
    with stage.of(stage.beta) as channel:
        most = relay_pb2.TakeRequest(limit=2**32 - 1).SerializeToString()
        assert len(outcome(channel, TAKE, most, 30)[1]) == MAX_PARCELS_PER_CALL


@pytest.mark.tm("TM-122")
@pytest.mark.parametrize("silent", [True, False], ids=["says nothing", "goes on"])
def test_a_stream_that_does_not_move_is_ended(stage: Stage, monkeypatch: pytest.MonkeyPatch, silent: bool) -> None:
    monkeypatch.setattr(interceptors, "DEFAULT_CALL_SECONDS", 0.4)
    alpha, beta = stage.alpha.identity.member_id, stage.beta.identity.member_id
    over = threading.Event()

    def slowly() -> Iterator[bytes]:
        for number in range(8):
            yield forged(alpha, beta, 5000 + number).SerializeToString()
            over.wait(10 if silent else 0.1)

    with stage.of(stage.alpha) as channel:
        began = time.monotonic()
        call = channel.stream_unary(PUT).future(slowly(), timeout=60)
        assert call.code() is (Status.CANCELLED if silent else Status.OK)
        assert time.monotonic() - began < 8
        over.set()


@pytest.mark.tm("TM-122")
@pytest.mark.parametrize("bounded", [True, False], ids=["as it is", "without a bound"])
def test_one_member_does_not_hold_all_threads(stage: Stage, monkeypatch: pytest.MonkeyPatch, bounded: bool) -> None:
    """Alpha opens more streams than a relay has threads and lets them lie; the twin has no bound, and Beta waits."""
    if not bounded:
        monkeypatch.setattr(service, "CALLS_PER_MEMBER", 100)
        monkeypatch.setattr(service, "SPARE_THREADS", -1000)
    held, store = list[object](), service.RelayService._put

    def begun(self: service.RelayService, me: str, requests: Any) -> Any:
        held.append(requests)
        return store(self, me, requests)

    monkeypatch.setattr(service.RelayService, "_put", begun)
    over = threading.Event()
    alpha, beta = stage.alpha.identity.member_id, stage.beta.identity.member_id
    workers = stage.parts.settings.limits.workers

    def lazily(number: int) -> Iterator[bytes]:
        yield forged(alpha, beta, 6000 + number).SerializeToString()
        over.wait(20)

    with stage.of(stage.alpha) as alphas, stage.of(stage.beta) as betas:
        calls = [alphas.stream_unary(PUT).future(lazily(number), timeout=20) for number in range(workers)]
        try:
            if bounded:
                wait_for(lambda: sum(call.done() for call in calls) == workers - service.CALLS_PER_MEMBER, 10)
                assert {call.code() for call in calls if call.done()} == {Status.RESOURCE_EXHAUSTED}
            else:
                wait_for(lambda: len(held) == workers, 10)  # every thread has its stream
            code = outcome(betas, TAKE, stage.request(TAKE), 2)[0]
            assert code is (Status.OK if bounded else Status.DEADLINE_EXCEEDED)
        finally:
            over.set()
        assert {call.code() for call in calls} <= {Status.OK, Status.RESOURCE_EXHAUSTED}


@pytest.mark.tm("TM-122")
@pytest.mark.parametrize("bounded", [True, False], ids=["as it is", "without a bound"])
def test_several_members_together_do_not_hold_all_threads(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, bounded: bool
) -> None:
    """Four members begin two streams each and let them lie; then two more. The twin has no bound over all, and Beta
    waits until they are cut off."""
    if not bounded:
        monkeypatch.setattr(service, "SPARE_THREADS", -1000)
    held, store = list[str](), service.RelayService._put

    def begun(self: service.RelayService, me: str, requests: Any) -> Any:
        held.append(me)
        return store(self, me, requests)

    monkeypatch.setattr(service.RelayService, "_put", begun)
    over, calls = threading.Event(), list[Any]()
    assert stage.parts.settings.limits.workers == 8

    def lazily(sender: str) -> Iterator[bytes]:
        yield forged(sender, stage.alpha.identity.member_id).SerializeToString()
        over.wait(20)

    def opens(who: Office, channel: grpc.Channel) -> bool:
        """One more stream: whether it got a place."""
        before = len(held)
        call = channel.stream_unary(PUT).future(lazily(who.identity.member_id), timeout=20)
        calls.append(call)
        wait_for(lambda: call.done() or len(held) > before, 10)
        assert len(held) > before or call.code() is Status.RESOURCE_EXHAUSTED
        return len(held) > before

    with ExitStack() as stack:
        lazy: list[tuple[Office, grpc.Channel]] = []
        for number in range(6):
            folder = stage.parts.folder.path.parent / f"lazy-{number}-{bounded}"
            who = stack.enter_context(office(folder, f"Lazy {number}", clock=stage.alpha.clock))
            stack.callback(stage.parts.members.remove, stage.parts.members.admit(who.card_file).member_id)
            lazy.append((who, stack.enter_context(stage.of(who))))
        stack.callback(lambda: [call.exception() for call in calls])
        stack.callback(over.set)
        opened = [opens(*one) for one in lazy[:4] for _ in range(2)]
        with stage.of(stage.beta) as betas:
            code = outcome(betas, TAKE, stage.request(TAKE), 2)[0]
            if not bounded:
                assert (opened, code) == ([True] * 8, Status.DEADLINE_EXCEEDED)
                return
            # A second stream only while half of the places are free.
            assert (opened, code) == ([True, True, True, False, True, False, True, False], Status.OK)
            # When all places are taken the rest are told at once to come again, and what needs no stream is done.
            assert [opens(*one) for one in lazy[4:]] == [True, False]
            assert outcome(betas, TAKE, stage.request(TAKE), 2)[0] is Status.RESOURCE_EXHAUSTED
            assert outcome(betas, DONE, relay_pb2.DoneRequest(numbers=[2**40]).SerializeToString(), 2)[0] is Status.OK


# What survives.


class RelayProcess:
    """A relay in a process of its own."""

    def __init__(self, folder: Path, *how: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.relay_entry", str(folder), *how],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)


LEAST_PUT = 3
"""Parcels that are acknowledged before each kill, at least."""


def put_until_killed(folder: Path, alpha: Office, beta: Office, dice: random.Random, kills: int, *how: str) -> set[int]:
    """Kill the relay at random moments while Alpha puts and Beta takes; which acknowledged numbers are lost."""
    with relay(folder, alpha, beta, settings="pair_parcels = 1_000_000\npair_mib = 1_000") as parts:
        relay_id = parts.keys.signed_card.card.member_id
    acknowledged: set[int] = set()
    forgotten: set[int] = set()
    number = 0
    for kill in range(kills + 1):
        process = RelayProcess(folder, *how)
        alphas, betas = (_client(one, relay_id) for one in (alpha, beta))
        if kill == kills:
            break
        timer = threading.Timer(dice.uniform(0.0, 0.4), process.end, [signal.SIGKILL])
        before = len(acknowledged)
        try:
            while True:
                number += 1
                if len(acknowledged) == before + LEAST_PUT and not timer.is_alive():
                    timer.start()
                alphas.put([parcel(alpha, beta, number.to_bytes(4, "big") * 200, number)])
                acknowledged.add(number)
                if number % 5 == 0:
                    done = betas.take(2)
                    forgotten |= {_number(one) for one in done}  # asked for, whether or not it is answered
                    betas.done([one.number for one in done])
        except NodeError:
            pass
        finally:
            timer.join()
            alphas.close()
            betas.close()
        assert process.process.returncode == -signal.SIGKILL
    lying: list[int] = []
    while came := betas.take(100):
        lying += [_number(one) for one in came]
        betas.done([one.number for one in came])
    assert lying == sorted(set(lying)), "out of order, or twice"
    assert process.end(signal.SIGTERM) == 0
    alphas.close()
    betas.close()
    assert len(acknowledged) >= LEAST_PUT * kills
    return acknowledged - forgotten - set(lying)


def _client(host: Office, relay_id: str) -> Any:
    from node.transport.relay import RelayClient

    return RelayClient(host.identity, host.book, relay_id, host.clock)


def _number(one: Any) -> int:
    from node.wire.envelope import Envelope

    return Envelope.from_bytes(one.envelope).sequence


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Office]]:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    with offices(tmp_path, "Alpha", "Beta") as made:
        yield made


KILLS = [
    pytest.param(1, id="1"),
    pytest.param(12, id="12", marks=pytest.mark.ci),
    pytest.param(300, id="300", marks=[pytest.mark.soak, pytest.mark.timeout(3600)]),
]


@pytest.mark.tm("TM-123")
@pytest.mark.parametrize("kills", KILLS)
def test_what_was_acknowledged_survives_kill_9(two: list[Office], tmp_path: Path, kills: int) -> None:
    assert put_until_killed(tmp_path / "relay", *two, random.Random(kills), kills) == set()


def test_a_relay_that_answers_before_it_stores_would_be_caught(two: list[Office], tmp_path: Path) -> None:
    """The sabotaged twin."""
    assert len(put_until_killed(tmp_path / "relay", *two, random.Random(1), 1, "forgetful")) > 1


PUT_IN_A_LOOP = """
import sys
from pathlib import Path
from node.clock import SystemClock
from node.relay.database import RelayDatabase
from node.relay.mailbox import Mailbox
from node.relay.settings import RelayLimits
from tests.support.relays import fake_parcel

database = RelayDatabase(Path(sys.argv[1]))
if sys.argv[2:]:
    database._connection.execute("PRAGMA synchronous=OFF")
mailbox = Mailbox(database, RelayLimits(), SystemClock())
sender, recipient = "a" * 32, "b" * 32
with database.transaction() as connection:
    for one in (sender, recipient):
        row = "INSERT INTO members VALUES (?, ?, 'A', 'ngo', x'00', ?, 'confirmed', '', 0)"
        connection.execute(row, (one, one[0], one.encode()))
for number in range(20):
    assert mailbox.put([fake_parcel(sender, recipient, number)])[0] == 1
    print("acknowledged", file=sys.stderr, flush=True)
"""


@pytest.mark.tm("TM-123")
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not here")
@pytest.mark.parametrize("sabotage", [[], ["off"]], ids=["as it is", "without flushing"])
def test_nothing_is_acknowledged_before_it_is_flushed_to_the_disk(tmp_path: Path, sabotage: list[str]) -> None:
    """The order of system calls: between two acknowledgements the log was flushed. The twin shows none of it."""
    trace = tmp_path / "trace"
    done = subprocess.run(
        ["strace", "-f", "-o", str(trace), "-e", "trace=fsync,fdatasync,write", sys.executable, "-c", PUT_IN_A_LOOP,
         str(tmp_path / "mail.db"), *sabotage],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    flushed, acknowledged, unflushed = False, 0, 0
    for line in trace.read_text().splitlines():
        if "sync(" in line and line.endswith("= 0"):
            flushed = True
        elif 'write(2, "acknowledged' in line:
            acknowledged += 1
            unflushed += not flushed
            flushed = False
    assert acknowledged == 20
    assert unflushed == 0 if not sabotage else unflushed >= 15


@pytest.mark.ci
@pytest.mark.tm("TM-123")
def test_a_relay_stops_cleanly_and_only_one_runs_in_a_folder(tmp_path: Path) -> None:
    make_relay(tmp_path / "relay")
    process = RelayProcess(tmp_path / "relay")
    second = subprocess.run(
        [sys.executable, "-m", "cli", "relay", "run", "--folder", str(tmp_path / "relay")],
        cwd=ROOT, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert second.returncode == 6
    assert "Another relay is already running" in second.stderr
    began = time.monotonic()
    assert process.end(signal.SIGTERM) == 0
    assert time.monotonic() - began < 10

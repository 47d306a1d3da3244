"""What a confirmed member may do once it is in: its own calls, its own envelopes, within the limits."""

import dataclasses
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from node.clock import ManualClock
from node.errors import Busy, NodeError
from node.rpc import interceptors, peer, refusals, server, status
from node.rpc.access import ACCESS, Caller
from node.transport.direct import DirectCarrier
from node.transport.explain import PeerRefused
from node.wire import peer_pb2
from node.wire.envelope import Envelope, ReceiptKind
from node.wire.limits import MAX_MESSAGE_BYTES, server_options
from node.wire.problem import Problem
from node.wire.services import DELIVER, HELLO
from tests.support.attacks import no_check
from tests.support.offices import Office, office
from tests.support.tls_stage import METHODS, Stage, lax_member, leaf_signed_by, now, staged, status_of


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    with staged(tmp_path) as made:
        yield made


OWNERS = "/blindmatch.wire.v1.Control/Invoke"


@pytest.mark.tm("TM-65")
def test_the_owners_service_is_not_on_this_port(stage: Stage) -> None:
    identity = stage.beta.identity
    assert stage.call(OWNERS, identity.tls_cert_pem, identity.tls_key_pem) is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.tm("TM-65")
@pytest.mark.parametrize("row", [Caller.OWNER, Caller.MEMBER], ids=["as-it-is", "wrong-row"])
def test_were_it_there_a_member_would_be_let_in_by_a_wrong_row_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: Caller
) -> None:
    """The sabotaged twin: the call is registered here by mistake. Then its row still refuses it, until that is wrong,
    too."""
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    monkeypatch.setattr(peer.PeerService, "handler", lambda _service: WithTheOwners())
    monkeypatch.setattr(interceptors, "ACCESS", {**ACCESS, OWNERS: row})
    refused = row is not Caller.MEMBER
    with staged(tmp_path) as stage, stage.betas_channel() as channel:
        expected = grpc.StatusCode.PERMISSION_DENIED if refused else grpc.StatusCode.OK
        assert status_of(channel, OWNERS, b"") is expected


class WithTheOwners(grpc.GenericRpcHandler):
    """Serves whatever is called, with an empty answer."""

    def service(self, _details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes]":
        return grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"", bytes, bytes)


@pytest.mark.tm("TM-65")
@pytest.mark.parametrize("method", METHODS)
def test_a_call_without_a_policy_row_is_refused(stage: Stage, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interceptors, "ACCESS", {name: row for name, row in ACCESS.items() if name != method})
    identity = stage.beta.identity
    assert stage.call(method, identity.tls_cert_pem, identity.tls_key_pem) is grpc.StatusCode.PERMISSION_DENIED
    assert stage.untouched()
    assert stage.refusals() == ["no-policy"]


@pytest.mark.tm("TM-65")
def test_were_a_missing_row_a_leave_the_call_would_be_answered(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin."""

    class Anybody(dict[str, Caller]):
        def get(self, _name: str, _default: object = None) -> Caller:
            return Caller.MEMBER

    monkeypatch.setattr(interceptors, "ACCESS", Anybody())
    with stage.betas_channel() as channel:
        assert status_of(channel, HELLO, b"") is grpc.StatusCode.OK


@pytest.mark.tm("TM-67")
@pytest.mark.parametrize("seconds", [None, 3600.0], ids=["no-deadline", "a-far-one"])
def test_a_call_without_a_near_deadline_is_cut_off(
    stage: Stage, seconds: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interceptors, "DEFAULT_CALL_SECONDS", 0.2)
    blocked = threading.Event()
    monkeypatch.setattr(stage.inbox, "accept", lambda *_: blocked.wait(10))
    with stage.betas_channel() as channel:
        future = channel.unary_unary(DELIVER).future(stage.request(DELIVER), timeout=seconds)
        assert future.code() is grpc.StatusCode.CANCELLED
    blocked.set()


@pytest.mark.tm("TM-67")
def test_without_a_deadline_of_ours_it_would_hold_a_thread(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin: our deadline is an hour."""
    monkeypatch.setattr(interceptors, "DEFAULT_CALL_SECONDS", 3600.0)
    blocked, here = threading.Event(), threading.Event()

    def accept(*_parts: object) -> ReceiptKind:
        here.set()
        blocked.wait(10)
        return ReceiptKind.ACCEPTED

    monkeypatch.setattr(stage.inbox, "accept", accept)
    with stage.betas_channel() as channel:
        future = channel.unary_unary(DELIVER).future(stage.request(DELIVER))
        assert here.wait(5)
        with pytest.raises(grpc.FutureTimeoutError):
            future.result(timeout=0.6)  # three times what is enough above
        blocked.set()
        assert future.code() is grpc.StatusCode.OK


@pytest.mark.tm("TM-66")
@pytest.mark.parametrize("raises", [None, "beta"])
def test_the_frame_of_an_envelope_must_fit_the_connection(stage: Stage, raises: str | None) -> None:
    """A member that delivers in another's name, or to somebody else, or with a broken seal, is blamed by name."""
    with office(stage.folder / "gamma", "Gamma", clock=ManualClock(now())) as gamma:
        good = stage.beta.envelope(stage.alpha)
        cases: dict[str, bytes] = {
            "wrong-party": gamma.envelope(stage.alpha).to_bytes(),
            "bad-signature": Envelope(
                good.round_id, good.sender, good.recipient, good.sequence, good.kind, b"other", good.signature
            ).to_bytes(),
            "malformed-message": b"\xff" * 10,
            "older-reader": peer_pb2.Envelope(format=99).SerializeToString(),
        }
        if raises:
            cases = {"wrong-party": stage.beta.envelope(gamma).to_bytes()}
        with stage.betas_channel() as channel:
            for expected, message in cases.items():
                assert status_of(channel, DELIVER, message) in {
                    grpc.StatusCode.INVALID_ARGUMENT,
                    grpc.StatusCode.FAILED_PRECONDITION,
                }
                blamed = {"code": expected, "peer": stage.beta.identity.member_id}
                assert stage.alpha.events("peer-blamed")[-1] == blamed
    assert not stage.inbox.taken


@pytest.mark.tm("TM-66")
def test_without_the_check_of_its_frame_a_member_would_speak_for_another(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sabotaged twin: who signed an envelope, who brings it and whom it is for may be three."""
    monkeypatch.setattr(peer, "check_frame", no_check)
    with office(stage.folder / "gamma", "Gamma", clock=ManualClock(now())) as gamma, stage.betas_channel() as channel:
        good = stage.beta.envelope(stage.alpha)
        forged = dataclasses.replace(good, payload=b"other")
        for envelope in (gamma.envelope(stage.alpha), stage.beta.envelope(gamma), forged):
            assert status_of(channel, DELIVER, envelope.to_bytes()) is grpc.StatusCode.OK
        taken = [envelope for _, envelope in stage.inbox.taken]
        assert taken[0].sender == taken[1].recipient == gamma.identity.member_id
    assert taken[2].payload == b"other"
    assert stage.alpha.events("peer-blamed") == []


@pytest.mark.tm("TM-67")
def test_a_message_over_the_cap_is_refused(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    read = watch_reading(monkeypatch)
    with stage.betas_channel() as channel:
        assert status_of(channel, DELIVER, bytes(MAX_MESSAGE_BYTES + 1)) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert read == []
    assert stage.untouched()


@pytest.mark.tm("TM-67")
def test_compressed_messages_are_refused(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    read = watch_reading(monkeypatch)
    with stage.betas_channel(grpc.Compression.Gzip) as channel:
        assert status_of(channel, DELIVER, bytes(100_000)) is grpc.StatusCode.UNIMPLEMENTED
    assert read == []
    assert stage.untouched()


@pytest.mark.tm("TM-42")
def test_nobody_is_blamed_for_a_request_that_ended_before_its_message(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that breaks looks so to gRPC's server, for a moment and now and then; here it always does."""
    monkeypatch.setattr(interceptors._Guard, "_each", lambda *_: iter(()))
    with stage.betas_channel() as channel:
        assert status_of(channel, HELLO, b"") is grpc.StatusCode.INVALID_ARGUMENT
    assert stage.untouched()


@pytest.mark.tm("TM-67")
@pytest.mark.parametrize("left_out", ["grpc.max_receive_message_length", "grpc.compression_enabled_algorithms_bitset"])
def test_without_the_servers_limits_they_would_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left_out: str
) -> None:
    """The sabotaged twin of both: one option of the server is as gRPC has it, or without a bound."""
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    assert left_out in dict(server_options(MAX_MESSAGE_BYTES))
    monkeypatch.setattr(server, "server_options", lambda cap: lax_options(cap, left_out))
    read = watch_reading(monkeypatch)
    size, compression = (MAX_MESSAGE_BYTES + 1, None) if "length" in left_out else (100_000, grpc.Compression.Gzip)
    with staged(tmp_path) as stage, stage.betas_channel(compression) as channel:
        assert status_of(channel, DELIVER, bytes(size)) is grpc.StatusCode.INVALID_ARGUMENT
    assert read == [size]


def lax_options(cap: int, left_out: str) -> list[tuple[str, str | int]]:
    options = [(name, value) for name, value in server_options(cap) if name != left_out]
    return [*options, (left_out, -1)] if "length" in left_out else options


def watch_reading(patch: pytest.MonkeyPatch) -> list[int]:
    """From now on: how long each message is that the server begins to read."""
    lengths: list[int] = []
    honest = interceptors._Guard._read

    def read(guard: interceptors._Guard, request: bytes) -> object:
        lengths.append(len(request))
        return honest(guard, request)

    patch.setattr(interceptors._Guard, "_read", read)
    return lengths


@pytest.mark.tm("TM-67")
def test_a_flood_of_refusals_does_not_fill_the_audit_log(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    with strangers_channel(stage, monkeypatch) as channel:
        for _ in range(100):
            assert status_of(channel, HELLO, b"") is grpc.StatusCode.UNAUTHENTICATED
        assert len(stage.refusals()) == 20
        assert isinstance(stage.alpha.clock, ManualClock)
        stage.alpha.clock.advance(3601)
        status_of(channel, HELLO, b"")
    assert stage.alpha.events("call-refused")[-1]["dropped"] == 80


def strangers_channel(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> grpc.Channel:
    """Passes the handshake with a key that is on no card."""
    with lax_member(stage, monkeypatch, False) as gamma:
        return stage.channel(*leaf_signed_by(gamma, "somebody"))


@pytest.mark.tm("TM-67")
def test_without_that_limit_it_would(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin."""
    monkeypatch.setattr(refusals, "AUDITED_PER_HOUR", 1_000_000)
    with strangers_channel(stage, monkeypatch) as channel:
        for _ in range(25):
            status_of(channel, HELLO, b"")
    assert len(stage.refusals()) == 25


@pytest.mark.tm("TM-68")
def test_a_busy_inbox_is_worth_another_try_and_a_fault_there_is_not_ours_to_tell(stage: Stage) -> None:
    carrier = DirectCarrier(stage.beta.identity, stage.beta.book, stage.beta.clock)
    stage.inbox.answer = ReceiptKind.RETRY_LATER
    assert carrier.deliver(stage.beta.envelope(stage.alpha)) is ReceiptKind.RETRY_LATER
    carrier.close()
    busy, fault = told_of_faults(stage)
    assert isinstance(busy, Busy)
    assert "Winter2026" not in busy.diagnostics()
    assert "+316" not in fault.diagnostics()
    assert isinstance(fault, PeerRefused)
    assert fault.reason == "internal"


def told_of_faults(stage: Stage) -> list[NodeError]:
    """What a member hears when our queue is full, and when we fall over its envelope."""
    carrier, heard = DirectCarrier(stage.beta.identity, stage.beta.book, stage.beta.clock), []
    for error in (Busy("The queue of dataset Winter2026 is full."), KeyError("+31612345678")):
        stage.inbox.error = error
        with pytest.raises(NodeError) as told:
            carrier.deliver(stage.beta.envelope(stage.alpha))
        heard.append(told.value)
    carrier.close()
    return heard


@pytest.mark.tm("TM-68")
def test_were_errors_told_as_they_are_a_member_would_read_them(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin."""
    monkeypatch.setattr(status, "problem_of", lambda error, *_: Problem("internal", str(error.args[0])))
    busy, fault = told_of_faults(stage)
    assert "Winter2026" in busy.diagnostics()
    assert "+316" in fault.diagnostics()


@pytest.mark.tm("TM-66")
def test_alpha_knows_who_calls(stage: Stage) -> None:
    """Two members at once: each call carries its own member."""
    with office(stage.folder / "gamma", "Gamma", clock=ManualClock(now())) as gamma:
        call_by_turns(stage, gamma)
        members = {sender: envelope.sender for sender, envelope in stage.inbox.taken}
        assert members == {"beta": stage.beta.identity.member_id, "gamma": gamma.identity.member_id}


def call_by_turns(stage: Stage, gamma: Office) -> None:
    stage.alpha.trust(gamma)
    gamma.trust(stage.alpha)
    carriers = [DirectCarrier(each.identity, each.book, each.clock) for each in (stage.beta, gamma)]
    for number in range(5):
        carriers[0].deliver(stage.beta.envelope(stage.alpha, sequence=number))
        carriers[1].deliver(gamma.envelope(stage.alpha, sequence=number))
    for carrier in carriers:
        carrier.close()


@pytest.mark.tm("TM-66")
def test_were_the_caller_not_the_calls_own_alpha_would_take_gamma_for_beta(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sabotaged twin: who called first is the caller of everything that follows. (By itself the check of the frame
    would still refuse it.)"""
    first = stage.alpha.book.get("beta")
    monkeypatch.setattr(peer, "calling_member", lambda: first)
    monkeypatch.setattr(peer, "check_frame", no_check)
    with office(stage.folder / "gamma", "Gamma", clock=ManualClock(now())) as gamma:
        call_by_turns(stage, gamma)
        assert {sender for sender, _ in stage.inbox.taken} == {"beta"}
        assert gamma.identity.member_id in {envelope.sender for _, envelope in stage.inbox.taken}

"""What a confirmed member may do once it is in: its own calls, its own envelopes, within the limits."""

import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from node.clock import ManualClock
from node.errors import Busy
from node.rpc import interceptors
from node.rpc.access import ACCESS
from node.transport.direct import DirectCarrier
from node.transport.explain import PeerRefused
from node.wire import peer_pb2
from node.wire.envelope import Envelope, ReceiptKind
from node.wire.limits import MAX_MESSAGE_BYTES
from node.wire.services import DELIVER, HELLO
from tests.support.offices import office
from tests.support.tls_stage import METHODS, Stage, lax_member, leaf_signed_by, now, staged, status_of


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    with staged(tmp_path) as made:
        yield made


@pytest.mark.tm("TM-65")
def test_the_owners_service_is_not_on_this_port(stage: Stage) -> None:
    identity = stage.beta.identity
    method = "/blindmatch.wire.v1.Control/Invoke"
    assert stage.call(method, identity.tls_cert_pem, identity.tls_key_pem) is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.tm("TM-65")
@pytest.mark.parametrize("method", METHODS)
def test_a_call_without_a_policy_row_is_refused(stage: Stage, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interceptors, "ACCESS", {name: row for name, row in ACCESS.items() if name != method})
    identity = stage.beta.identity
    assert stage.call(method, identity.tls_cert_pem, identity.tls_key_pem) is grpc.StatusCode.PERMISSION_DENIED
    assert stage.untouched()
    assert stage.refusals() == ["no-policy"]


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
            "version-mismatch": peer_pb2.Envelope(format=99).SerializeToString(),
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


@pytest.mark.tm("TM-67")
def test_a_message_over_the_cap_is_refused(stage: Stage) -> None:
    with stage.betas_channel() as channel:
        assert status_of(channel, DELIVER, bytes(MAX_MESSAGE_BYTES + 1)) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert stage.untouched()


@pytest.mark.tm("TM-67")
def test_compressed_messages_are_refused(stage: Stage) -> None:
    with stage.betas_channel(grpc.Compression.Gzip) as channel:
        assert status_of(channel, DELIVER, bytes(100_000)) is grpc.StatusCode.UNIMPLEMENTED
    assert stage.untouched()


@pytest.mark.tm("TM-67")
def test_a_flood_of_refusals_does_not_fill_the_audit_log(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    with lax_member(stage, monkeypatch, False) as gamma:
        certificate, key = leaf_signed_by(gamma, "somebody")
    with stage.channel(certificate, key) as channel:
        for _ in range(100):
            assert status_of(channel, HELLO, b"") is grpc.StatusCode.UNAUTHENTICATED
        assert len(stage.refusals()) == 20
        assert isinstance(stage.alpha.clock, ManualClock)
        stage.alpha.clock.advance(3601)
        status_of(channel, HELLO, b"")
    assert stage.alpha.events("call-refused")[-1]["dropped"] == 80


@pytest.mark.tm("TM-68")
def test_a_busy_inbox_is_worth_another_try_and_a_fault_there_is_not_ours_to_tell(stage: Stage) -> None:
    carrier = DirectCarrier(stage.beta.identity, stage.beta.book, stage.beta.clock)
    stage.inbox.answer = ReceiptKind.RETRY_LATER
    assert carrier.deliver(stage.beta.envelope(stage.alpha)) is ReceiptKind.RETRY_LATER
    stage.inbox.error = Busy("The queue of dataset Winter2026 is full.")
    with pytest.raises(Busy) as busy:
        carrier.deliver(stage.beta.envelope(stage.alpha))
    stage.inbox.error = KeyError("+31612345678")
    with pytest.raises(PeerRefused) as fault:
        carrier.deliver(stage.beta.envelope(stage.alpha))
    carrier.close()
    assert "Winter2026" not in busy.value.diagnostics()
    assert "+316" not in fault.value.diagnostics()
    assert fault.value.reason == "internal"


@pytest.mark.tm("TM-66")
def test_alpha_knows_who_calls(stage: Stage) -> None:
    """Two members at once: each call carries its own member."""
    with office(stage.folder / "gamma", "Gamma", clock=ManualClock(now())) as gamma:
        stage.alpha.trust(gamma)
        gamma.trust(stage.alpha)
        carriers = [DirectCarrier(each.identity, each.book, each.clock) for each in (stage.beta, gamma)]
        for number in range(5):
            carriers[0].deliver(stage.beta.envelope(stage.alpha, sequence=number))
            carriers[1].deliver(gamma.envelope(stage.alpha, sequence=number))
        for carrier in carriers:
            carrier.close()
        members = {sender: envelope.sender for sender, envelope in stage.inbox.taken}
        assert members == {"beta": stage.beta.identity.member_id, "gamma": gamma.identity.member_id}

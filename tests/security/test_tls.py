"""Figure C7: mutual TLS 1.3 with pinned keys, or no answer.

Real servers and clients on loopback. A caller is judged by the result of its *call*: in TLS 1.3 a client that the
server does not accept completes its handshake and is cut off afterwards. Every refusal must leave the inbox empty,
and where the call reaches our code, one audit entry.
"""

import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from node.clock import ManualClock
from node.errors import Busy, NotAllowed, PeerUnreachable, UserError
from node.identity.certificates import new_certificate, new_tls_key, server_name
from node.rpc import interceptors
from node.rpc.access import ACCESS
from node.transport.direct import DirectCarrier
from node.transport.explain import PeerRefused
from node.wire import peer_pb2
from node.wire.envelope import Envelope, ReceiptKind
from node.wire.services import DELIVER, HELLO, PEER, method_names
from tests.support.offices import Office, Pigeonhole, free_port, office, serving
from tests.support.raw_http2 import unary_status

METHODS = method_names(PEER)
REFUSED = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}
DAY = 24 * 3600.0


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Stage:
    """Alpha serves; Beta is a confirmed member of it, and Alpha of Beta."""

    alpha: Office
    beta: Office
    inbox: Pigeonhole
    port: int
    folder: Path

    def request(self, method: str) -> bytes:
        """A request that Alpha would accept from Beta."""
        return self.beta.envelope(self.alpha).to_bytes() if method == DELIVER else b""

    def call(self, method: str, certificate: bytes | None, key: bytes | None) -> grpc.StatusCode:
        """What a caller with this certificate gets; it expects Alpha's real certificate."""
        with self.channel(certificate, key) as channel:
            return status_of(channel, method, self.request(method))

    def channel(
        self, certificate: bytes | None, key: bytes | None, compression: grpc.Compression | None = None
    ) -> grpc.Channel:
        """gRPC's own client, with nothing of ours in it but the name it expects."""
        credentials = grpc.ssl_channel_credentials(self.alpha.identity.tls_cert_pem, key, certificate)
        options = [("grpc.ssl_target_name_override", server_name(self.alpha.identity.member_id))]
        return grpc.secure_channel(f"127.0.0.1:{self.port}", credentials, options, compression)

    def betas_channel(self, compression: grpc.Compression | None = None) -> grpc.Channel:
        return self.channel(self.beta.identity.tls_cert_pem, self.beta.identity.tls_key_pem, compression)

    def untouched(self) -> bool:
        return not self.inbox.taken and not self.alpha.events("peer-blamed")

    def refusals(self) -> list[object]:
        return [event["reason"] for event in self.alpha.events("call-refused")]


def status_of(channel: grpc.Channel, method: str, request: bytes, seconds: float = 5) -> grpc.StatusCode:
    code: grpc.StatusCode = channel.unary_unary(method).future(request, timeout=seconds).code()
    return code


@pytest.fixture(autouse=True)
def _fast_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    port, inbox = free_port(), Pigeonhole()
    with (
        office(tmp_path / "alpha", "Alpha", clock=ManualClock(now()), endpoint=f"127.0.0.1:{port}") as alpha,
        office(tmp_path / "beta", "Beta", clock=ManualClock(now())) as beta,
        serving(alpha, inbox, port) as bound,
    ):
        alpha.trust(beta)
        beta.trust(alpha)
        yield Stage(alpha, beta, inbox, bound, tmp_path)


def pem_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


def certificate_for(
    public_key: ec.EllipticCurvePublicKey,
    subject: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    issuer: str,
    at: datetime,
    *,
    authority: bool = False,
) -> x509.Certificate:
    """A certificate without the limits that ours have; with `authority`, one that is meant to sign others."""
    subject_name, issuer_name = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in (subject, issuer)
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject_name)
        .issuer_name(issuer_name)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(hours=1))
        .not_valid_after(at + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(server_name(subject))]), critical=False)
    )
    if authority:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(issuer_key, hashes.SHA256())


def leaf_signed_by(issuer: Office, subject: str) -> tuple[bytes, bytes]:
    """A leaf with a fresh key, signed by a member's TLS key: (certificate, key)."""
    key = new_tls_key(os.urandom)
    signer = load_pem_private_key(issuer.identity.tls_key_pem, None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    leaf = certificate_for(key.public_key(), subject, signer, issuer.identity.member_id, now())
    return leaf.public_bytes(Encoding.PEM), pem_key(key)


@pytest.mark.tm("TM-60")
def test_the_honest_member_gets_through(stage: Stage) -> None:
    """The control for everything below."""
    identity = stage.beta.identity
    assert {stage.call(m, identity.tls_cert_pem, identity.tls_key_pem) for m in METHODS} == {grpc.StatusCode.OK}
    assert [sender for sender, _ in stage.inbox.taken] == ["beta"]
    assert stage.refusals() == []


@pytest.mark.tm("TM-60")
@pytest.mark.parametrize("method", METHODS)
def test_without_tls_there_is_nothing(stage: Stage, method: str) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{stage.port}") as channel:
        assert status_of(channel, method, stage.request(method)) is grpc.StatusCode.UNAVAILABLE
    assert stage.untouched()


@pytest.mark.tm("TM-60")
@pytest.mark.parametrize("method", METHODS)
def test_without_a_certificate_there_is_nothing(stage: Stage, method: str) -> None:
    assert stage.call(method, None, None) is grpc.StatusCode.UNAVAILABLE
    assert stage.untouched()


@pytest.mark.tm("TM-61")
@pytest.mark.parametrize("method", METHODS)
def test_an_unknown_certificate_is_refused(stage: Stage, method: str) -> None:
    with office(stage.folder / "gamma", "Gamma", clock=ManualClock(now())) as gamma:
        got = stage.call(method, gamma.identity.tls_cert_pem, gamma.identity.tls_key_pem)
        assert got is grpc.StatusCode.UNAVAILABLE
        gamma.trust(stage.alpha)
        carrier = DirectCarrier(gamma.identity, gamma.book, gamma.clock)
        with pytest.raises(PeerUnreachable, match="most likely your node is not a confirmed member there"):
            carrier.deliver(gamma.envelope(stage.alpha))
        carrier.close()
    assert stage.untouched()


@pytest.mark.tm("TM-61")
@pytest.mark.parametrize("method", METHODS)
def test_a_pending_member_is_refused(stage: Stage, method: str) -> None:
    with office(stage.folder / "gamma", "Gamma", clock=ManualClock(now())) as gamma:
        stage.alpha.book.add(gamma.card_file, "Ada")
        assert stage.call(method, gamma.identity.tls_cert_pem, gamma.identity.tls_key_pem) in REFUSED
    assert stage.untouched()


@pytest.mark.tm("TM-62")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("made_days_ago", [1200, -30], ids=["expired", "not-yet-valid"])
def test_a_pinned_certificate_out_of_its_time_is_refused(stage: Stage, made_days_ago: int, method: str) -> None:
    then = now() - timedelta(days=made_days_ago)
    with office(stage.folder / "gamma", "Gamma", clock=ManualClock(then)) as gamma:
        # Taken in while it was valid.
        assert isinstance(stage.alpha.clock, ManualClock)
        stage.alpha.clock.advance(-made_days_ago * DAY + 60)
        stage.alpha.trust(gamma)
        stage.alpha.clock.advance(made_days_ago * DAY - 60)
        assert stage.call(method, gamma.identity.tls_cert_pem, gamma.identity.tls_key_pem) in REFUSED
    assert stage.untouched()


@pytest.mark.tm("TM-62")
@pytest.mark.parametrize(("days", "why"), [(1200, "ran out on"), (-30, "is only valid from")])
def test_our_own_check_of_dates_does_not_lean_on_the_tls_library(stage: Stage, days: int, why: str) -> None:
    assert isinstance(stage.alpha.clock, ManualClock)
    stage.alpha.clock.advance(days * DAY)
    carrier = DirectCarrier(stage.beta.identity, stage.beta.book, stage.beta.clock)
    with pytest.raises(PeerRefused, match=why) as caught:
        carrier.hello("alpha")
    carrier.close()
    assert caught.value.reason == "unauthenticated"
    assert stage.refusals() == ["certificate-dates"]


@pytest.mark.parametrize(("days", "why"), [(1200, "ran out on"), (-30, "is only valid from")])
def test_a_caller_is_told_whose_certificate_is_out_of_time(stage: Stage, days: int, why: str) -> None:
    assert isinstance(stage.beta.clock, ManualClock)
    stage.beta.clock.advance(days * DAY)
    carrier = DirectCarrier(stage.beta.identity, stage.beta.book, stage.beta.clock)
    with pytest.raises(PeerUnreachable, match=f"certificate of this node {why}"):
        carrier.deliver(stage.beta.envelope(stage.alpha))
    carrier.close()


def test_a_caller_is_told_that_the_peers_certificate_ran_out(stage: Stage) -> None:
    with office(stage.folder / "gamma", "Gamma", clock=ManualClock(now() - timedelta(days=1000))) as gamma:
        stage.beta.trust(gamma)
        assert isinstance(stage.beta.clock, ManualClock)
        stage.beta.clock.advance(200 * DAY)
        carrier = DirectCarrier(stage.beta.identity, stage.beta.book, stage.beta.clock)
        with pytest.raises(PeerUnreachable, match="certificate of gamma ran out on"):
            carrier.hello("gamma")
        carrier.close()


@pytest.mark.tm("TM-61")
@pytest.mark.parametrize("method", METHODS)
def test_the_right_name_with_another_key_is_refused(stage: Stage, method: str) -> None:
    """The wrong pin: a certificate in Beta's name, signed by itself or by Beta's key."""
    key = new_tls_key(os.urandom)
    forged = pem(new_certificate(key, stage.beta.identity.member_id, now(), os.urandom))
    assert stage.call(method, forged, pem_key(key)) in REFUSED
    assert stage.call(method, *leaf_signed_by(stage.beta, stage.beta.identity.member_id)) in REFUSED
    assert stage.untouched()


@pytest.mark.tm("TM-61")
@pytest.mark.parametrize("method", METHODS)
def test_the_right_certificate_without_its_key_is_refused(stage: Stage, method: str) -> None:
    with pytest.raises(ssl.SSLError):  # no library would load the pair
        unary_status(
            stage.port,
            method,
            b"",
            certificate=stage.beta.identity.tls_cert_pem,
            key=pem_key(new_tls_key(os.urandom)),
            version=ssl.TLSVersion.TLSv1_3,
        )


@contextmanager
def lax_member(stage: Stage, monkeypatch: pytest.MonkeyPatch, authority: bool) -> Iterator[Office]:
    """A confirmed member whose own software made it a certificate that may sign others: its card is as good as any."""

    def lax(key: ec.EllipticCurvePrivateKey, member_id: str, at: datetime, _random: object) -> bytes:
        return certificate_for(key.public_key(), member_id, key, member_id, at, authority=authority).public_bytes(
            Encoding.DER
        )

    with monkeypatch.context() as patch:
        patch.setattr("node.identity.keys.new_certificate", lax)
        with office(stage.folder / "gamma", "Gamma", clock=ManualClock(now())) as gamma:
            stage.alpha.trust(gamma)
            identity = gamma.identity
            assert stage.call(HELLO, identity.tls_cert_pem, identity.tls_key_pem) is grpc.StatusCode.OK
            yield gamma


@pytest.mark.tm("TM-61")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("authority", [False, True], ids=["leaf-of-a-plain-pin", "leaf-of-an-authority"])
@pytest.mark.parametrize("subject", ["a new name", "another member's name", "our name"])
def test_a_leaf_signed_by_a_pinned_key_is_refused(
    stage: Stage, method: str, authority: bool, subject: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To gRPC a pinned self-signed certificate is an authority, so this passes the handshake; it is not the pin."""
    with lax_member(stage, monkeypatch, authority) as gamma:
        names = {
            "a new name": "somebody",
            "another member's name": stage.beta.identity.member_id,
            "our name": stage.alpha.identity.member_id,
        }
        certificate, key = leaf_signed_by(gamma, names[subject])
        assert stage.call(method, certificate, key) is grpc.StatusCode.UNAUTHENTICATED
        # With the pinned certificate behind it, as a chain: still the leaf decides.
        assert stage.call(method, certificate + gamma.identity.tls_cert_pem, key) is grpc.StatusCode.UNAUTHENTICATED
    assert stage.untouched()
    assert stage.refusals() == ["unknown-key"] * 2


@pytest.mark.tm("TM-61")
@pytest.mark.parametrize("method", METHODS)
def test_without_the_pin_check_the_forged_leaf_would_pass(
    stage: Stage, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sabotaged twin: the caller of the test above gets in when only the handshake decides."""
    with lax_member(stage, monkeypatch, False) as gamma:
        monkeypatch.setattr(stage.alpha.book, "holder", lambda _hash: stage.alpha.book.get("beta"))
        certificate, key = leaf_signed_by(gamma, stage.beta.identity.member_id)
        assert stage.call(method, certificate, key) is grpc.StatusCode.OK


@pytest.mark.tm("TM-61")
def test_certificates_that_we_make_sign_no_others(stage: Stage) -> None:
    """A second fence: the key usage in our own certificates stops such a leaf in the handshake already."""
    certificate, key = leaf_signed_by(stage.beta, "somebody")
    assert stage.call(HELLO, certificate, key) is grpc.StatusCode.UNAVAILABLE
    assert stage.untouched()


@pytest.mark.tm("TM-63")
@pytest.mark.parametrize("method", METHODS)
def test_a_removed_member_is_refused_on_its_open_connection_and_on_a_new_one(stage: Stage, method: str) -> None:
    carrier = DirectCarrier(stage.beta.identity, stage.beta.book, stage.beta.clock)
    assert carrier.hello("alpha").protocol == "pair/1"
    stage.alpha.book.remove("beta", "Ada")
    with pytest.raises(PeerRefused, match="not a confirmed member"):
        carrier.deliver(stage.beta.envelope(stage.alpha))
    carrier.close()
    assert stage.refusals() == ["member-removed"]
    assert stage.alpha.events("call-refused")[0]["member"] == stage.beta.identity.member_id
    identity = stage.beta.identity
    assert stage.call(method, identity.tls_cert_pem, identity.tls_key_pem) is grpc.StatusCode.UNAVAILABLE
    assert stage.untouched()


@pytest.mark.tm("TM-63")
def test_a_member_removed_by_us_is_not_called_any_more(stage: Stage) -> None:
    carrier = DirectCarrier(stage.beta.identity, stage.beta.book, stage.beta.clock)
    assert carrier.deliver(stage.beta.envelope(stage.alpha)) is ReceiptKind.ACCEPTED
    stage.beta.book.remove("alpha", "Ada")
    assert not carrier._channels
    with pytest.raises(NotAllowed):
        carrier.deliver(stage.beta.envelope(stage.alpha))
    with pytest.raises(NotAllowed):
        carrier.hello("alpha")
    carrier.close()
    assert len(stage.inbox.taken) == 1


def old_tls(stage: Stage, method: str, version: ssl.TLSVersion) -> int | None:
    identity = stage.beta.identity
    return unary_status(
        stage.port,
        method,
        stage.request(method),
        certificate=identity.tls_cert_pem,
        key=identity.tls_key_pem,
        version=version,
    )


@pytest.mark.tm("TM-60")
@pytest.mark.parametrize("method", METHODS)
def test_tls_1_2_is_refused_even_from_a_member(stage: Stage, method: str) -> None:
    assert old_tls(stage, method, ssl.TLSVersion.TLSv1_2) in {None, grpc.StatusCode.UNAUTHENTICATED.value[0]}
    assert stage.untouched()
    assert old_tls(stage, method, ssl.TLSVersion.TLSv1_3) == 0  # the control: the same client, the right version


@pytest.mark.tm("TM-60")
def test_without_the_version_check_tls_1_2_would_pass(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin: gRPC itself accepts TLS 1.2."""
    monkeypatch.setattr(interceptors, "_TLS_VERSION", b"TLSv1.2")
    assert old_tls(stage, HELLO, ssl.TLSVersion.TLSv1_2) == 0


@pytest.mark.tm("TM-64")
def test_a_server_with_another_key_is_not_believed(stage: Stage) -> None:
    """The other direction: whoever took over the address of Alpha gets nothing."""
    with office(stage.folder / "mallory", "Alpha", clock=ManualClock(now())) as mallory:
        mallory.trust(stage.beta)
        inbox = Pigeonhole()
        with serving(mallory, inbox) as port, office(
            stage.folder / "gamma", "Gamma", clock=ManualClock(now()), endpoint=f"127.0.0.1:{port}"
        ) as gamma:
            # Beta believes that Gamma lives where Mallory listens.
            stage.beta.trust(gamma)
            carrier = DirectCarrier(stage.beta.identity, stage.beta.book, stage.beta.clock)
            with pytest.raises(PeerUnreachable, match="does not have the certificate that is on the card of gamma"):
                carrier.deliver(stage.beta.envelope(gamma))
            carrier.close()
        assert not inbox.taken


@pytest.mark.tm("TM-61")
def test_nobody_gets_in_while_the_book_is_empty(tmp_path: Path) -> None:
    inbox, port = Pigeonhole(), free_port()
    with (
        office(tmp_path / "alpha", "Alpha", clock=ManualClock(now()), endpoint=f"127.0.0.1:{port}") as alpha,
        office(tmp_path / "beta", "Beta", clock=ManualClock(now())) as beta,
        serving(alpha, inbox, port) as bound,
    ):
        stage = Stage(alpha, beta, inbox, bound, tmp_path)
        identity = beta.identity
        assert stage.call(HELLO, identity.tls_cert_pem, identity.tls_key_pem) is grpc.StatusCode.UNAVAILABLE
        # The only root is Alpha's own key: who has that is Alpha, and Alpha is no member of itself.
        own = alpha.identity
        assert stage.call(HELLO, own.tls_cert_pem, own.tls_key_pem) is grpc.StatusCode.UNAUTHENTICATED
        # A member confirmed while the server runs gets in without a restart.
        alpha.trust(beta)
        assert stage.call(HELLO, identity.tls_cert_pem, identity.tls_key_pem) is grpc.StatusCode.OK


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


@pytest.mark.parametrize(
    ("endpoint", "sentence"),
    [("127.0.0.1:{closed}", "Nobody listens"), ("nobody.invalid:7443", "not known to the network")],
)
def test_an_address_where_nobody_is(stage: Stage, endpoint: str, sentence: str) -> None:
    there = endpoint.format(closed=free_port())
    with office(stage.folder / "gamma", "Gamma", clock=ManualClock(now()), endpoint=there) as gamma:
        stage.beta.trust(gamma)
        carrier = DirectCarrier(stage.beta.identity, stage.beta.book, stage.beta.clock)
        with pytest.raises(PeerUnreachable, match=sentence):
            carrier.deliver(stage.beta.envelope(gamma))
        carrier.close()


def test_something_else_listens_there(stage: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with office(stage.folder / "gamma", "Gamma", clock=ManualClock(now()), endpoint=f"127.0.0.1:{port}") as gamma:
            stage.beta.trust(gamma)
            carrier = DirectCarrier(stage.beta.identity, stage.beta.book, stage.beta.clock)

            def answer_in_plain_text() -> None:
                connection, _ = listener.accept()
                with connection:
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

            server = threading.Thread(target=answer_in_plain_text)
            server.start()
            with pytest.raises(PeerUnreachable) as caught:
                carrier.deliver(stage.beta.envelope(gamma))
            server.join(5)
            carrier.close()
            assert caught.value.advice


def test_a_port_that_is_taken_is_said_at_start(stage: Stage) -> None:
    with pytest.raises(UserError, match="another program already listens there"), serving(
        stage.beta, Pigeonhole(), stage.port
    ):
        pass


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
    """Figure C6, the part about one message."""
    with stage.betas_channel() as channel:
        assert status_of(channel, DELIVER, bytes(1024 * 1024 + 1)) is grpc.StatusCode.RESOURCE_EXHAUSTED
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

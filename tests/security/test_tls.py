"""Mutual TLS 1.3 with pinned keys, or no answer. Who gets in.

Real servers and clients on loopback (tests.support.tls_stage). Every refusal must leave the inbox empty, and where the
call reaches our code, one audit entry.
"""

import os
import ssl
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from node.clock import ManualClock
from node.errors import PeerUnreachable
from node.identity.certificates import new_certificate, new_tls_key
from node.rpc import interceptors
from node.transport.direct import DirectCarrier
from node.wire.services import HELLO
from tests.support.offices import Pigeonhole, office, serving
from tests.support.ports import free_port
from tests.support.raw_http2 import unary_status
from tests.support.tls_stage import (
    METHODS,
    REFUSED,
    Stage,
    lax_member,
    leaf_signed_by,
    now,
    pem,
    pem_key,
    staged,
    status_of,
)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    with staged(tmp_path) as made:
        yield made


@pytest.mark.tm("TM-60")
def test_the_honest_member_gets_through(stage: Stage) -> None:
    """The control for everything below."""
    identity = stage.beta.identity
    assert {stage.call(m, identity.tls_cert_pem, identity.tls_key_pem) for m in METHODS} == {grpc.StatusCode.OK}
    assert [sender for sender, _ in stage.inbox.taken] == ["beta"] * 2  # DELIVER and DELIVER_BATCH
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
        with pytest.raises(PeerUnreachable, match="most likely it has not confirmed your card yet"):
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


@pytest.mark.tm("TM-61")
def test_nobody_gets_in_while_the_book_is_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
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

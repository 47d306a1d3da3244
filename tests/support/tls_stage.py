"""A real server on loopback and a member of it, for tests of who may call and what a call may do; and ways to cheat.

A caller is judged by the result of its *call*: in TLS 1.3 a client that the server does not accept completes its
handshake and is cut off afterwards.
"""

import os
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
from node.identity.certificates import new_tls_key, server_name
from node.wire import peer_pb2
from node.wire.services import DELIVER, DELIVER_BATCH, HELLO, PEER, method_names
from tests.support.offices import Office, Pigeonhole, office, serving
from tests.support.ports import free_port

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
        envelope = self.beta.envelope(self.alpha)
        if method == DELIVER_BATCH:
            return peer_pb2.Batch(envelopes=[envelope.to_proto()]).SerializeToString()
        return envelope.to_bytes() if method == DELIVER else b""

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


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """A stage in `folder`; its server runs until the block ends."""
    port, inbox = free_port(), Pigeonhole()
    with (
        office(folder / "alpha", "Alpha", clock=ManualClock(now()), endpoint=f"127.0.0.1:{port}") as alpha,
        office(folder / "beta", "Beta", clock=ManualClock(now())) as beta,
        serving(alpha, inbox, port) as bound,
    ):
        alpha.trust(beta)
        beta.trust(alpha)
        yield Stage(alpha, beta, inbox, bound, folder)


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

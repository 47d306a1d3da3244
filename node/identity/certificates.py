"""TLS certificates without a certificate authority (RFC 5280 form, RFC 8446 use).

Every node has one self-signed ECDSA P-256 certificate (gRPC's TLS library does not take Ed25519), and everybody who
deals with it has that certificate in the member card. Identity is the SHA-256 of the certificate's public key
(SubjectPublicKeyInfo, as in RFC 7469), not the certificate and not its name: to gRPC a trusted self-signed
certificate is also an authority, so that whoever has its key could make other leaves that pass the handshake. They
do not have the pinned key, and are refused. (The key usage in the certificates we make stops such a leaf in the
handshake already; but a member's own software may have made its certificate otherwise.)

The name in the certificate ends in `.invalid` (RFC 2606): it can never be a real host and nothing looks it up.
Not offered in this release: certificates issued by an organisation's own authority.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from node.ids import RandomBytes

__all__ = [
    "BACKDATED_MINUTES",
    "MAX_CERTIFICATE_BYTES",
    "VALID_DAYS",
    "Certificate",
    "key_hash",
    "new_certificate",
    "new_tls_key",
    "server_name",
]

VALID_DAYS = 1095
"""Days a certificate is good for. A new one means a new card, exchanged and confirmed again by hand."""
BACKDATED_MINUTES = 60
"""Minutes by which a new certificate is already valid, for peers whose clock is behind ours."""
MAX_CERTIFICATE_BYTES = 2048
"""Bytes of DER. Ours has about 500."""

_KEPT = 256
"""Certificates kept in memory once they are read, in number, some 2 KiB each."""

_SERIAL_BYTES = 16
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def server_name(member_id: str) -> str:
    """The name in a member's certificate."""
    return f"{member_id}.blindmatch.invalid"


def key_hash(certificate: x509.Certificate) -> bytes:
    """The pin: SHA-256 of the SubjectPublicKeyInfo, 32 bytes."""
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).digest()


def new_tls_key(random_bytes: RandomBytes) -> ec.EllipticCurvePrivateKey:
    """A fresh P-256 key by rejection sampling (FIPS 186-5, A.2.2), from the injected randomness."""
    while True:
        candidate = int.from_bytes(random_bytes(32), "big")
        if 0 < candidate < _P256_ORDER:
            return ec.derive_private_key(candidate, ec.SECP256R1())


def new_certificate(key: ec.EllipticCurvePrivateKey, member_id: str, now: datetime, random_bytes: RandomBytes) -> bytes:
    """A self-signed certificate for a node, in DER, valid from a little before `now` for VALID_DAYS."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, member_id)])
    start = now.replace(microsecond=0) - timedelta(minutes=BACKDATED_MINUTES)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        # RFC 5280 4.1.2.2: positive, at most 20 bytes.
        .serial_number(int.from_bytes(b"\x01" + random_bytes(_SERIAL_BYTES), "big"))
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(server_name(member_id))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )


@dataclass(frozen=True, slots=True)
class Certificate:
    """What we need to know of a certificate. `key_hash`: the pin, 32 bytes; times are aware, in UTC."""

    pem: bytes
    key_hash: bytes
    not_before: datetime
    not_after: datetime

    # Each call of a peer and each delivery asks for the same few: they are read and checked once.

    @classmethod
    @lru_cache(maxsize=_KEPT)
    def from_pem(cls, pem: bytes) -> "Certificate":
        """Any certificate that a TLS connection showed. Raises ValueError when it cannot be read."""
        try:
            return cls._of(x509.load_pem_x509_certificate(pem))
        except Exception as error:  # the library has a class for every way to be unreadable
            raise ValueError("the certificate cannot be read") from error

    @classmethod
    @lru_cache(maxsize=_KEPT)
    def from_der(cls, der: bytes, member_id: str) -> "Certificate":
        """The certificate of a member card. Raises ValueError, with a plain reason, unless it is a P-256 certificate
        that names this member and that its own key signed: so whoever made the card had the key."""
        if len(der) > MAX_CERTIFICATE_BYTES:
            raise ValueError("the certificate is too long")
        try:
            certificate = x509.load_der_x509_certificate(der)
            public_key = certificate.public_key()
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            if not isinstance(public_key, ec.EllipticCurvePublicKey) or public_key.curve.name != "secp256r1":
                raise TypeError("not a P-256 key")
            certificate.verify_directly_issued_by(certificate)
        except Exception as error:  # as above
            raise ValueError("the certificate is not a self-signed P-256 one for this member") from error
        if list(names) != [x509.DNSName(server_name(member_id))]:
            raise ValueError("the certificate names somebody else")
        return cls._of(certificate)

    @classmethod
    def _of(cls, certificate: x509.Certificate) -> "Certificate":
        return cls(
            certificate.public_bytes(Encoding.PEM),
            key_hash(certificate),
            certificate.not_valid_before_utc,
            certificate.not_valid_after_utc,
        )

    def date_problem(self, now: datetime) -> str:
        """ "" while the certificate is valid; otherwise how its dates are wrong, to end a sentence with."""
        if now < self.not_before:
            return f"is only valid from {self.not_before:%Y-%m-%d %H:%M} UTC"
        if now > self.not_after:
            return f"ran out on {self.not_after:%Y-%m-%d %H:%M} UTC"
        return ""

"""Time-stamps of an authority (RFC 3161). The authority here is the openssl command: another implementation."""

import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from node.audit import timestamps
from node.audit.timestamps import check_reply, request_for
from node.errors import UserError
from node.operations.witnessing import StampReplyRequest, StampRequest, _stamp_reply, _stamp_request
from tests.support.witnesses import Office, office

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command is not there")

SETTINGS = """
[tsa]
default_tsa = one
[one]
serial = serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
ordering = no
tsa_name = no
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


def certificate(name: str, key: Any, issuer: Any, *, stamps: bool) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    by, signer = issuer or (subject, key)
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=10))
        .add_extension(x509.BasicConstraints(ca=not stamps, path_length=None), critical=True)
    )
    if stamps:
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    return made.sign(signer, hashes.SHA256())


def pem(one: x509.Certificate) -> bytes:
    return one.public_bytes(serialization.Encoding.PEM)


@dataclass
class Authority:
    folder: Path
    root: x509.Certificate

    @classmethod
    def made(cls, folder: Path) -> "Authority":
        folder.mkdir()
        keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
        root = certificate("Root", keys[0], None, stamps=False)
        own = certificate("Stamps", keys[1], (root.subject, keys[0]), stamps=True)
        (folder / "own.pem").write_bytes(pem(own))
        (folder / "key.pem").write_bytes(
            keys[1].private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        (folder / "ts.cnf").write_text(SETTINGS)
        (folder / "serial").write_text("01\n")
        return cls(folder, root)

    def reply(self, request: bytes) -> bytes:
        (self.folder / "request.tsq").write_bytes(request)
        subprocess.run(
            ["openssl", "ts", "-reply", "-config", "ts.cnf", "-queryfile", "request.tsq", "-signer", "own.pem",
             "-inkey", "key.pem", "-out", "reply.tsr"],
            cwd=self.folder,
            check=True,
            capture_output=True,
        )  # fmt: skip
        return (self.folder / "reply.tsr").read_bytes()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path / "log") as made:
        made.grow(5)
        yield made


def parts(log: Office) -> Any:
    return SimpleNamespace(store=log.node.store, audit=log.audit)


@needs_openssl
@pytest.mark.tm("TM-219")
def test_a_checkpoint_is_stamped_by_files_alone(log: Office, tmp_path: Path) -> None:
    authority = Authority.made(tmp_path / "authority")
    asked = _stamp_request(parts(log), StampRequest(by="anna"), lambda _said: None)
    log.grow(4)
    reply = authority.reply(bytes.fromhex(asked.request))
    given = StampReplyRequest(reply=reply.hex(), certificates=pem(authority.root).hex(), by="anna")
    stamped = _stamp_reply(parts(log), given, lambda _said: None)
    assert stamped.entries == asked.entries == 6
    assert abs(datetime.fromisoformat(stamped.time) - datetime.now(UTC)) < timedelta(minutes=5)
    last = log.audit.entries()[-1]
    assert (last.event.value, last.facts["tree_size"]) == ("checkpoint-stamped", 6)


@needs_openssl
@pytest.mark.tm("TM-219")
def test_what_is_no_stamp_of_this_authority_over_this_log_is_refused(log: Office, tmp_path: Path) -> None:
    authority, other = Authority.made(tmp_path / "authority"), Authority.made(tmp_path / "other")
    note = log.checkpoint().to_text(log.signer.key)
    reply = authority.reply(request_for(note))
    root = pem(authority.root)
    assert check_reply(reply, root, [(5, note)]).tree_size == 5
    with pytest.raises(UserError, match="not a time-stamp that this authority signed"):
        check_reply(reply, pem(other.root), [(5, note)])
    with pytest.raises(UserError, match="not about a checkpoint"):
        check_reply(reply, root, [(5, note + "x")])
    with pytest.raises(UserError, match="certificate cannot be read"):
        check_reply(reply, b"no certificate", [(5, note)])
    held = 0
    for place in range(0, len(reply), 7):
        changed = bytearray(reply)
        changed[place] ^= 1
        try:
            held += bytes(changed) != reply and check_reply(bytes(changed), root, [(5, note)]).tree_size == 5
        except UserError:
            continue
    # What is not signed (the outer status text, the certificate beside it) may differ; never much.
    assert held <= len(reply) // 70


class Believing:
    """Stands for the library's verifier, and finds everything right."""

    def __getattr__(self, _name: str) -> Any:
        return lambda *_parts: self


@needs_openssl
@pytest.mark.tm("TM-219")
def test_without_verifying_anybodys_stamp_would_count(
    log: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sabotaged twin: that of another authority; and, if nobody compares digests either, one over anything."""
    authority, other = Authority.made(tmp_path / "authority"), Authority.made(tmp_path / "other")
    note = log.checkpoint().to_text(log.signer.key)
    request = request_for(note)
    reply = authority.reply(request)
    monkeypatch.setattr(timestamps, "VerifierBuilder", Believing)
    assert check_reply(reply, pem(other.root), [(5, note)]).tree_size == 5
    said = hashlib.sha512(note.encode())
    monkeypatch.setattr(timestamps, "hashlib", SimpleNamespace(sha512=lambda _note: said))
    assert check_reply(reply, pem(authority.root), [(5, note + "x")]).tree_size == 5


def test_bytes_that_are_no_reply_are_a_sentence(log: Office) -> None:
    note = log.checkpoint().to_text(log.signer.key)
    root = pem(certificate("Root", ec.generate_private_key(ec.SECP256R1()), None, stamps=False))
    for data in (b"", b"\x30", bytes(100), b"\x30\x80" * 50, request_for(note)):
        with pytest.raises(UserError):
            check_reply(data, root, [(5, note)])


def test_a_request_holds_a_digest_and_nothing_else(log: Office) -> None:
    request = request_for(log.checkpoint().to_text(log.signer.key))
    assert log.member_id.encode() not in request
    assert len(request) < 120

"""Every call of every service, by everybody who must not make it.

The calls are found by walking the service descriptors, so a new one is in here by itself; without a row in the access
table it fails. `test_tls.py`, `test_tls_ends.py` and `test_peer_calls.py` show how each refusal comes about; here a
whole node runs, and what counts is that every cell of the matrix is refused, nothing in the database moves, and the
log has one entry where a call reached our code. A node serves a relay's calls to nobody; the same matrix at a relay is
in `test_relay.py`.
"""

import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.protobuf.descriptor import ServiceDescriptor

from node.clock import ManualClock
from node.identity.certificates import new_certificate, new_tls_key, server_name
from node.rpc import interceptors
from node.rpc.access import ACCESS, Caller
from node.wire import control_pb2, peer_pb2, relay_pb2
from node.wire.envelope import Envelope, EnvelopeKind
from node.wire.services import DELIVER, method_names
from tests.support.nodes import Running, introduce, make_folder, run
from tests.support.offices import Office, office
from tests.support.raw_http2 import unary_status

SERVICES: list[ServiceDescriptor] = [
    service for module in (peer_pb2, control_pb2, relay_pb2) for service in module.DESCRIPTOR.services_by_name.values()
]
METHODS = [name for service in SERVICES for name in method_names(service)]
SHAPES = {
    name: (method.client_streaming, method.server_streaming)
    for service in SERVICES
    for name, method in zip(method_names(service), service.methods, strict=True)
}
"""Whether requests and whether answers are a stream."""
OF_MEMBERS = [name for name in METHODS if ACCESS.get(name) is Caller.MEMBER]

Status = grpc.StatusCode
CODES = {code.value[0]: code for code in Status}
NOT_SERVED = {Status.UNIMPLEMENTED, Status.UNAVAILABLE, Status.UNAUTHENTICATED, Status.PERMISSION_DENIED}
Identity = tuple[bytes | None, bytes | None]


def code_of(channel: grpc.Channel, method: str, request: bytes) -> grpc.StatusCode:
    """How a call ends, whatever its shape."""
    requests, answers = SHAPES[method]
    if answers:
        call = channel.stream_stream(method)(iter([request]), timeout=5) if requests else None
        call = call or channel.unary_stream(method)(request, timeout=5)
        with suppress(grpc.RpcError):
            list(call)
    elif requests:
        call = channel.stream_unary(method).future(iter([request]), timeout=5)
    else:
        call = channel.unary_unary(method).future(request, timeout=5)
    code: grpc.StatusCode = call.code()
    return code


class Stage:
    """The shelter serves; who else there is: see `stage`."""

    def __init__(self, shelter: Running, member: Running, removed: Running, strangers: dict[str, Office]) -> None:
        self.shelter, self.member, self.removed, self.strangers = shelter, member, removed, strangers

    def request(self, method: str, sender: Running | Office, kind: EnvelopeKind = EnvelopeKind.PROPOSAL) -> bytes:
        identity = sender.parts.identity if isinstance(sender, Running) else sender.identity
        if method != DELIVER:
            return b""
        return Envelope.signed(
            identity,
            round_id="00112233445566778899aabbccddeeff",
            recipient=self.shelter.parts.identity.member_id,
            sequence=1,
            kind=kind,
            payload=b"{}",
        ).to_bytes()

    @contextmanager
    def channel(self, certificate: bytes | None, key: bytes | None) -> Iterator[grpc.Channel]:
        own = self.shelter.parts.identity
        credentials = grpc.ssl_channel_credentials(own.tls_cert_pem, key, certificate)
        options = [("grpc.ssl_target_name_override", server_name(own.member_id))]
        with grpc.secure_channel(f"127.0.0.1:{self.shelter.parts.port}", credentials, options) as channel:
            yield channel

    def counts(self) -> dict[str, int]:
        """Rows in every table that a call could touch."""
        tables = ("members", "rounds", "signatures", "inbox", "outbox", "results", "charges", "settings", "datasets")
        with self.shelter.parts.store.read() as connection:
            return {name: connection.exec_driver_sql(f"select count(*) from {name}").scalar_one() for name in tables}

    def logged(self) -> list[str]:
        entries = self.shelter.ask("audit.show", limit=1000)["entries"]
        return [entry["facts"]["reason"] for entry in entries if entry["event"] == "call-refused"]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("matrix")
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setattr("node.identity.words.SCRYPT_COST", 2)
        nodes = []
        for alias, member_class in (("shelter", "ngo"), ("member", "police"), ("removed", "police")):
            make_folder(folder / alias, alias, member_class)
            nodes.append(stack.enter_context(run(folder / alias, alias)))
        introduce(nodes[0], nodes[1])
        introduce(nodes[0], nodes[2])
        strangers = {}
        for name, days in (("stranger", 0), ("expired", -1200), ("early", 30)):
            at = datetime.now(UTC) + timedelta(days=days)
            strangers[name] = stack.enter_context(office(folder / name, name.capitalize(), clock=ManualClock(at)))
        nodes[0].ask("member.remove", name="removed", by="ada")
        yield Stage(nodes[0], nodes[1], nodes[2], strangers)


def of(identity: object) -> Identity:
    return identity.tls_cert_pem, identity.tls_key_pem  # type: ignore[attr-defined]


def forged_pin(stage: Stage) -> Identity:
    """A certificate in the member's name, with another key."""
    key = new_tls_key(os.urandom)
    made = new_certificate(key, stage.member.parts.identity.member_id, datetime.now(UTC), os.urandom)
    from cryptography import x509

    pem = x509.load_der_x509_certificate(made).public_bytes(Encoding.PEM)
    return pem, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


CALLERS: dict[str, Callable[[Stage], Identity]] = {
    "no certificate": lambda _stage: (None, None),
    "unknown authority": lambda stage: of(stage.strangers["stranger"].identity),
    "expired": lambda stage: of(stage.strangers["expired"].identity),
    "not yet valid": lambda stage: of(stage.strangers["early"].identity),
    "removed": lambda stage: of(stage.removed.parts.identity),
    "wrong pin": forged_pin,
}

AT_THE_DOOR = [*CALLERS, "no tls", "tls 1.2"]
INSIDE = ["removed while connected", "wrong role", "other agreement"]
"""Callers that the handshake lets in; each has a test of its own below."""


@pytest.mark.tm("TM-56")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("caller", AT_THE_DOOR)
def test_a_wrong_caller_gets_nothing(stage: Stage, caller: str, method: str) -> None:
    before, logged = stage.counts(), stage.logged()
    request = stage.request(method, stage.member)
    with ExitStack() as stack:
        if caller == "tls 1.2":
            certificate, key = of(stage.member.parts.identity)
            assert certificate is not None
            assert key is not None
            port, version = stage.shelter.parts.port, ssl.TLSVersion.TLSv1_2
            number = unary_status(port, method, request, certificate=certificate, key=key, version=version)
            code = Status.UNAVAILABLE if number is None else CODES[number]
        elif caller == "no tls":
            code = code_of(
                stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{stage.shelter.parts.port}")), method, request
            )
        else:
            code = code_of(stack.enter_context(stage.channel(*CALLERS[caller](stage))), method, request)
    assert code in NOT_SERVED
    assert stage.counts() == before
    new = stage.logged()[len(logged) :]
    # Whoever the handshake stops never reaches our code; what reaches it is one entry.
    assert len(new) == (code in {Status.UNAUTHENTICATED, Status.PERMISSION_DENIED})


@pytest.mark.tm("TM-56")
@pytest.mark.parametrize("method", METHODS)
def test_a_member_that_was_removed_reaches_our_code_and_is_named(stage: Stage, method: str) -> None:
    """On a connection that was open before: the handshake is over, only the check on every call is left."""
    shelter, removed = stage.shelter, stage.removed
    introduce(shelter, removed) if removed.parts.members.confirmed(shelter.parts.identity.member_id) is None else None
    card = removed.ask("card.show")["file"]
    words = shelter.ask("member.add", file=card, by="ada", alias="removed")["words"]
    shelter.ask("member.confirm", name="removed", words=" ".join(words), by="ben")
    with stage.channel(*of(removed.parts.identity)) as channel:
        hello = channel.unary_unary("/blindmatch.wire.v1.Peer/Hello").future(b"", timeout=5)
        assert hello.code() is Status.OK
        shelter.ask("member.remove", name="removed", by="ada")
        before, logged = stage.counts(), stage.logged()
        code = code_of(channel, method, stage.request(method, removed))
    assert stage.counts() == before
    if method in OF_MEMBERS:
        assert code is Status.PERMISSION_DENIED
        assert stage.logged()[len(logged) :] == ["member-removed"]
    else:
        assert code is Status.UNIMPLEMENTED


@pytest.mark.tm("TM-56")
def test_a_member_in_the_wrong_role(stage: Stage) -> None:
    """A confirmed member calls what is the owner's, speaks in rounds it is not in, and for others."""
    before = stage.counts()
    with stage.channel(*of(stage.member.parts.identity)) as channel:
        for method in set(METHODS) - set(OF_MEMBERS):
            assert code_of(channel, method, b"") is Status.UNIMPLEMENTED
        for sender in (stage.removed, stage.strangers["stranger"]):
            request = stage.request(DELIVER, sender)
            assert code_of(channel, DELIVER, request) is Status.INVALID_ARGUMENT
    assert stage.counts() == before


@pytest.mark.tm("TM-56")
def test_a_member_of_another_agreement(stage: Stage, tmp_path: Path) -> None:
    """A round between the shelter and somebody else: this member is no party of it, whatever it sends."""
    shelter, member = stage.shelter, stage.member
    make_folder(tmp_path / "third", "third", "police")
    with run(tmp_path / "third", "third") as third:
        introduce(shelter, third)
        asked = {"template": "J1", "members": ["me", "third"], "by": "carl"}
        round_id = shelter.ask("round.propose", **asked)["round"]["round_id"]
        before, state = stage.counts(), shelter.state(round_id)
        with stage.channel(*of(member.parts.identity)) as channel:
            for kind in EnvelopeKind:
                envelope = Envelope.signed(
                    member.parts.identity,
                    round_id=round_id,
                    recipient=shelter.parts.identity.member_id,
                    sequence=1,
                    kind=kind,
                    payload=b"{}",
                )
                code = code_of(channel, DELIVER, envelope.to_bytes())
                assert code is Status.PERMISSION_DENIED
        after = stage.counts()
        assert {name: after[name] for name in after if name != "outbox"} == {
            name: before[name] for name in before if name != "outbox"
        }
        assert shelter.state(round_id) == state


def test_the_matrix_is_as_large_as_promised() -> None:
    """Ten wrong callers and more, against every call of every service. `test_relay.py` has those of a relay's own."""
    assert len(AT_THE_DOOR) + len(INSIDE) >= 10
    assert len(METHODS) == len(set(METHODS)) == sum(len(service.methods) for service in SERVICES) >= 7


@pytest.mark.tm("TM-57")
def test_every_call_has_a_row_and_every_row_a_call() -> None:
    assert set(METHODS) == set(ACCESS)
    assert OF_MEMBERS
    assert set(METHODS) - set(OF_MEMBERS), "the walk does not see the owner's calls"


@pytest.mark.tm("TM-57")
@pytest.mark.parametrize("method", OF_MEMBERS)
def test_a_call_without_a_row_is_refused_even_to_a_member(
    stage: Stage, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sabotaged twin of the table: with its row the same caller gets through, as the last line shows."""
    request = stage.request(method, stage.member, EnvelopeKind.STATUS)  # of a round that is not there yet: come later
    with stage.channel(*of(stage.member.parts.identity)) as channel:
        with monkeypatch.context() as patch:
            patch.setattr(interceptors, "ACCESS", {name: row for name, row in ACCESS.items() if name != method})
            assert code_of(channel, method, request) is Status.PERMISSION_DENIED
        through = code_of(channel, method, request)
        assert through not in NOT_SERVED  # an answer of the service itself


def test_without_the_check_on_every_call_a_removed_member_would_get_through(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sabotaged twin of the matrix."""
    member = stage.shelter.parts.members.get("member")
    with stage.channel(*of(stage.member.parts.identity)) as channel:
        hello = channel.unary_unary("/blindmatch.wire.v1.Peer/Hello")
        assert hello.future(b"", timeout=5).code() is Status.OK
        stage.shelter.ask("member.remove", name="member", by="ada")
        assert hello.future(b"", timeout=5).code() is Status.PERMISSION_DENIED
        monkeypatch.setattr(stage.shelter.parts.members, "holder", lambda _hash: member)
        assert hello.future(b"", timeout=5).code() is Status.OK

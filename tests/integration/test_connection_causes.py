"""Why a member's node cannot be reached, in a sentence for each cause: a table, each row with a real server.

`blindmatch doctor` and `blindmatch member check` show these sentences. That none of them is gRPC's own ("Socket
closed") is asserted for all; that the server is what matters, by the first row: the same call comes through.
"""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from node.clock import ManualClock
from node.errors import NodeError
from node.transport import direct
from node.transport.direct import DirectCarrier
from tests.support.offices import Office, Pigeonhole, office, serving
from tests.support.ports import free_port
from tests.support.tls_stage import DAY, Stage, now, staged

FROM_GRPC = ("Socket closed", "UNAVAILABLE", "recvmsg", "SSL_", "errno", "ipv4:", "Connection refused")
"""Words for programmers: none of them may reach a person."""


@contextmanager
def listening(answer: Callable[[socket.socket], None], port: int = 0) -> Iterator[int]:
    """Something on a port of loopback that treats each connection in its own way."""
    listener = socket.create_server(("127.0.0.1", port))
    open_now: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            open_now.append(connection)
            threading.Thread(target=quietly, args=(connection,), daemon=True).start()

    def quietly(connection: socket.socket) -> None:
        with suppress(OSError):
            answer(connection)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
        for connection in open_now:
            connection.close()


def plain_text(connection: socket.socket) -> None:
    connection.recv(64)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    connection.close()


def swallow(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass


def old_tls(owner: Office) -> Callable[[socket.socket], None]:
    """The certificate that is expected, behind TLS 1.2."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    (owner.folder / "cert").write_bytes(owner.identity.tls_cert_pem)
    (owner.folder / "key").write_bytes(owner.identity.tls_key_pem)
    context.load_cert_chain(owner.folder / "cert", owner.folder / "key")

    def answer(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(4096)  # it speaks no HTTP/2, whatever the handshake comes to
            secure.sendall(b"nothing of ours")

    return answer


@dataclass
class Called:
    """Whom Beta calls in a row, and what must be told."""

    alias: str
    server: AbstractContextManager[object]


Row = Callable[[Stage, pytest.MonkeyPatch], Called]


def _at(stage: Stage, port: int, alias: str = "gamma") -> Office:
    """A member of Beta's whose card names this port of loopback."""
    made = office(stage.folder / alias, alias.capitalize(), clock=ManualClock(now()), endpoint=f"127.0.0.1:{port}")
    stranger = made.__enter__()
    stage.beta.trust(stranger)
    return stranger


def _something(stage: Stage, answer: Callable[[socket.socket], None]) -> Called:
    server = listening(answer)
    _at(stage, server.__enter__())
    return Called("gamma", server)


def nobody(stage: Stage, _patch: pytest.MonkeyPatch) -> Called:
    _at(stage, free_port())
    return Called("gamma", nullcontext())


def another_node(stage: Stage, _patch: pytest.MonkeyPatch) -> Called:
    _at(stage, stage.port)  # Alpha listens where Gamma should be
    return Called("gamma", nullcontext())


def speaks_plainly(stage: Stage, _patch: pytest.MonkeyPatch) -> Called:
    return _something(stage, plain_text)


def speaks_tls_1_2(stage: Stage, _patch: pytest.MonkeyPatch) -> Called:
    port = free_port()
    server = listening(old_tls(_at(stage, port)), port)
    server.__enter__()
    return Called("gamma", server)


def black_hole(stage: Stage, patch: pytest.MonkeyPatch) -> Called:
    patch.setattr(direct, "DEFAULT_CALL_SECONDS", 1.0)
    return _something(stage, swallow)


def unknown_name(stage: Stage, _patch: pytest.MonkeyPatch) -> Called:
    made = office(stage.folder / "gamma", "Gamma", clock=ManualClock(now()), endpoint="nobody.invalid:7443")
    stage.beta.trust(made.__enter__())
    return Called("gamma", nullcontext())


def not_enrolled(stage: Stage, _patch: pytest.MonkeyPatch) -> Called:
    """Gamma runs and has not confirmed Beta's card; Beta has confirmed Gamma's."""
    port = free_port()
    gamma = _at(stage, port)
    server = serving(gamma, Pigeonhole(), port)
    server.__enter__()
    return Called("gamma", server)


def removed_before(stage: Stage, _patch: pytest.MonkeyPatch) -> Called:
    stage.alpha.book.remove("beta", "Ada")
    return Called("alpha", nullcontext())


def removed_while_connected(stage: Stage, _patch: pytest.MonkeyPatch) -> Called:
    return Called("alpha", nullcontext())


def our_clock(stage: Stage, _patch: pytest.MonkeyPatch) -> Called:
    assert isinstance(stage.beta.clock, ManualClock)
    stage.beta.clock.advance(1200 * DAY)
    return Called("alpha", nullcontext())


def their_clock(stage: Stage, _patch: pytest.MonkeyPatch) -> Called:
    assert isinstance(stage.alpha.clock, ManualClock)
    stage.alpha.clock.advance(1200 * DAY)
    return Called("alpha", nullcontext())


CAUSES: list[tuple[Row, str, str]] = [
    (nobody, "Nobody listens at", "whether their node runs"),
    (another_node, "does not have the certificate that is on the card of gamma", "ask them in person"),
    (speaks_plainly, "does not speak the protocol of gamma", "whether the address on their card still holds"),
    (speaks_tls_1_2, "does not speak the protocol of gamma", "whether the address on their card still holds"),
    (black_hole, "did not answer in time", "whether their node runs"),
    (unknown_name, "not known to the network", "Check your network connection"),
    (not_enrolled, "has not confirmed your card", "confirm your member card"),
    (removed_before, "has not confirmed your card", "whether they removed it"),
    (removed_while_connected, "not a confirmed member", "confirm your card"),
    (our_clock, "certificate of this node ran out", "Check this computer's clock"),
    (their_clock, "By the clock of this node, the certificate ran out on", "Compare the clocks"),
]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    with staged(tmp_path) as made:
        yield made


def test_without_an_obstacle_the_call_comes_through(stage: Stage) -> None:
    carrier = DirectCarrier(stage.beta.identity, stage.beta.book, stage.beta.clock)
    assert carrier.hello("alpha").software
    assert abs(carrier.clock_ahead(stage.alpha.identity.member_id)) < timedelta(minutes=1)
    carrier.close()


@pytest.mark.tm("TM-143")
@pytest.mark.parametrize(("cause", "sentence", "advice"), CAUSES, ids=lambda value: getattr(value, "__name__", ""))
def test_each_cause_is_told_in_a_sentence_and_what_to_do(
    cause: Row, sentence: str, advice: str, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = cause(stage, monkeypatch)
    carrier = DirectCarrier(stage.beta.identity, stage.beta.book, stage.beta.clock)
    try:
        if cause is removed_while_connected:
            carrier.hello("alpha")
            stage.alpha.book.remove("beta", "Ada")
        with pytest.raises(NodeError) as caught:
            carrier.hello(called.alias)
    finally:
        carrier.close()
        called.server.__exit__(None, None, None)
    said = caught.value
    assert sentence in said.sentence
    assert advice in said.advice
    assert not [word for word in FROM_GRPC if word in said.diagnostics()]


def test_every_cause_was_tried() -> None:
    assert len({cause for cause, _, _ in CAUSES}) == 11

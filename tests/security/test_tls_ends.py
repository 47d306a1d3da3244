"""Where trust ends. Certificates out of their time, removed members, and servers that are not whom we call.

What a caller is told about an address where its peer is not stands here too.
"""

import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from node.clock import ManualClock
from node.errors import NotAllowed, PeerUnreachable, UserError
from node.transport.direct import DirectCarrier
from node.transport.explain import PeerRefused
from node.wire.envelope import ReceiptKind
from tests.support.offices import Pigeonhole, free_port, office, serving
from tests.support.tls_stage import DAY, METHODS, REFUSED, Stage, now, staged


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    with staged(tmp_path) as made:
        yield made


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


@pytest.mark.tm("TM-64")
def test_a_server_with_another_key_is_not_believed(stage: Stage) -> None:
    """The other direction: whoever took over the address of Alpha gets nothing."""
    with office(stage.folder / "mallory", "Alpha", clock=ManualClock(now())) as mallory:
        mallory.trust(stage.beta)
        inbox = Pigeonhole()
        with (
            serving(mallory, inbox) as port,
            office(stage.folder / "gamma", "Gamma", clock=ManualClock(now()), endpoint=f"127.0.0.1:{port}") as gamma,
        ):
            # Beta believes that Gamma lives where Mallory listens.
            stage.beta.trust(gamma)
            carrier = DirectCarrier(stage.beta.identity, stage.beta.book, stage.beta.clock)
            with pytest.raises(PeerUnreachable, match="does not have the certificate that is on the card of gamma"):
                carrier.deliver(stage.beta.envelope(gamma))
            carrier.close()
        assert not inbox.taken


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
    with (
        pytest.raises(UserError, match="another program already listens there"),
        serving(stage.beta, Pigeonhole(), stage.port),
    ):
        pass

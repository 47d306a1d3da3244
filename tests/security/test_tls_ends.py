"""Where trust ends. Certificates out of their time, removed members, and servers that are not whom we call.

What a caller is told about an address where its peer is not stands here too.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from node.clock import ManualClock
from node.errors import NotAllowed, PeerUnreachable, UserError
from node.identity.certificates import Certificate, server_name
from node.identity.members import MemberBook
from node.rpc import peer
from node.transport import direct
from node.transport.direct import DirectCarrier
from node.transport.explain import PeerRefused
from node.wire.envelope import ReceiptKind
from node.wire.services import HELLO
from tests.support.attacks import no_check
from tests.support.offices import Office, Pigeonhole, office, serving
from tests.support.ports import free_port
from tests.support.tls_stage import DAY, METHODS, REFUSED, Stage, now, staged, status_of


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    with staged(tmp_path) as made:
        yield made


# The dates are judged by the TLS library here, which cannot be taken out in a test: the twin is a certificate in its
# time. Our own check, which comes after it, has a test and a twin of its own below.
@pytest.mark.tm("TM-62")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("made_days_ago", [1200, -30], ids=["expired", "not-yet-valid"])
def test_a_pinned_certificate_out_of_its_time_is_refused(stage: Stage, made_days_ago: int, method: str) -> None:
    assert status_of_a_member_made(stage, made_days_ago, method) in REFUSED
    assert stage.untouched()


@pytest.mark.tm("TM-62")
def test_one_in_its_time_is_not(stage: Stage) -> None:
    """The sabotaged twin: all the same, but for the dates."""
    assert status_of_a_member_made(stage, 1, HELLO) is grpc.StatusCode.OK


def status_of_a_member_made(stage: Stage, days_ago: int, method: str) -> grpc.StatusCode:
    then = now() - timedelta(days=days_ago)
    with office(stage.folder / "gamma", "Gamma", clock=ManualClock(then)) as gamma:
        # Taken in while it was valid.
        assert isinstance(stage.alpha.clock, ManualClock)
        stage.alpha.clock.advance(-days_ago * DAY + 60)
        stage.alpha.trust(gamma)
        stage.alpha.clock.advance(days_ago * DAY - 60)
        return stage.call(method, gamma.identity.tls_cert_pem, gamma.identity.tls_key_pem)


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


@pytest.mark.tm("TM-62")
def test_without_our_own_check_such_a_call_is_taken(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin: the TLS library goes by its own clock, and by that all is well."""
    monkeypatch.setattr(Certificate, "date_problem", lambda _certificate, _now: "")
    assert isinstance(stage.alpha.clock, ManualClock)
    stage.alpha.clock.advance(1200 * DAY)
    carrier = DirectCarrier(stage.beta.identity, stage.beta.book, stage.beta.clock)
    assert carrier.hello("alpha").protocol == "pair/1"
    carrier.close()


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
def test_without_a_look_into_the_book_it_would_go_on_calling(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin: the book is read when the server starts and never again."""
    carrier = DirectCarrier(stage.beta.identity, stage.beta.book, stage.beta.clock)
    carrier.hello("alpha")
    beta, roots = stage.alpha.book.get("beta"), stage.alpha.book.roots()
    monkeypatch.setattr(MemberBook, "holder", lambda _book, _hash: beta)
    monkeypatch.setattr(MemberBook, "roots", lambda _book: roots)
    stage.alpha.book.remove("beta", "Ada")
    assert carrier.deliver(stage.beta.envelope(stage.alpha)) is ReceiptKind.ACCEPTED
    carrier.close()
    with stage.betas_channel() as channel:
        assert status_of(channel, HELLO, b"") is grpc.StatusCode.OK


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


@pytest.mark.tm("TM-63")
def test_without_closing_and_asking_it_would_be(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin: the channel stays, and who is in the book at all counts as confirmed."""
    monkeypatch.setattr(DirectCarrier, "_close_untrusted", no_check)
    monkeypatch.setattr(DirectCarrier, "_confirmed", lambda carrier, member_id: carrier._book.get(member_id))
    carrier = DirectCarrier(stage.beta.identity, stage.beta.book, stage.beta.clock)
    carrier.deliver(stage.beta.envelope(stage.alpha))
    stage.beta.book.remove("alpha", "Ada")
    assert carrier._channels
    assert carrier.deliver(stage.beta.envelope(stage.alpha)) is ReceiptKind.ACCEPTED
    carrier.close()
    assert len(stage.inbox.taken) == 2


@pytest.mark.tm("TM-64")
def test_a_server_with_another_key_is_not_believed(stage: Stage) -> None:
    """The other direction: whoever took over the address of Gamma gets nothing."""
    with took_over(stage) as (_mallory, gamma, inbox):
        carrier = DirectCarrier(stage.beta.identity, stage.beta.book, stage.beta.clock)
        with pytest.raises(PeerUnreachable, match="does not have the certificate that is on the card of gamma"):
            carrier.deliver(stage.beta.envelope(gamma))
        carrier.close()
        assert not inbox.taken


@contextmanager
def took_over(stage: Stage) -> Iterator[tuple[Office, Office, Pigeonhole]]:
    """Mallory, Gamma and what Mallory gets: Beta believes that Gamma lives where Mallory listens."""
    with office(stage.folder / "mallory", "Alpha", clock=ManualClock(now())) as mallory:
        mallory.trust(stage.beta)
        inbox = Pigeonhole()
        with (
            serving(mallory, inbox) as port,
            office(stage.folder / "gamma", "Gamma", clock=ManualClock(now()), endpoint=f"127.0.0.1:{port}") as gamma,
        ):
            stage.beta.trust(gamma)
            yield mallory, gamma, inbox


@pytest.mark.tm("TM-64")
def test_without_the_pin_the_message_would_be_there(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin: Beta takes the certificate that the server shows, as who trusts on first use does; and
    Mallory, of course, does not mind for whom an envelope is."""
    honest = grpc.ssl_channel_credentials
    monkeypatch.setattr(peer, "check_frame", no_check)
    with took_over(stage) as (mallory, gamma, inbox):
        shown = {"root_certificates": mallory.identity.tls_cert_pem}
        monkeypatch.setattr(grpc, "ssl_channel_credentials", lambda **keys: honest(**keys | shown))
        monkeypatch.setattr(direct, "server_name", lambda _member_id: server_name(mallory.identity.member_id))
        carrier = DirectCarrier(stage.beta.identity, stage.beta.book, stage.beta.clock)
        assert carrier.deliver(stage.beta.envelope(gamma)) is ReceiptKind.ACCEPTED
        carrier.close()
        assert [envelope.recipient for _, envelope in inbox.taken] == [gamma.identity.member_id]


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

"""Health, readiness and figures over HTTP: on this computer only, in a closed list of words."""

import http.client
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from node import config
from node.clock import ManualClock
from node.errors import UserError
from node.metrics import Metrics
from node.watch import FIGURES_SECONDS, LOOK_SECONDS, MOST_REQUESTS, REASONS, Readiness, WatchServer, _InTime
from tests.support.nodes import wait_for

CLOCK = ManualClock(datetime(2026, 1, 2, tzinfo=UTC))


@contextmanager
def watching(
    checks: dict[str, Callable[[], bool]] | None = None,
    refresh: Callable[[Metrics], None] = lambda _metrics: None,
    clock: ManualClock = CLOCK,
) -> Iterator[WatchServer]:
    server = WatchServer("127.0.0.1:0", clock, checks or {}, refresh)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def get(server: WatchServer, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def test_the_three_pages_and_no_other() -> None:
    with watching() as server:
        assert get(server, "/health") == (200, "alive\n")
        assert get(server, "/ready") == (200, "ready\n")
        status, page = get(server, "/metrics")
        assert status == 200
        assert "blindmatch_ready 1.0" in page
        for path in ("/", "/metrics/", "/ready?x=1", "/../key", "/db"):
            assert get(server, path)[0] == 404
        for method in ("POST", "PUT", "DELETE", "HEAD", "OPTIONS"):
            assert get(server, "/metrics", method)[0] == 501


@pytest.mark.tm("TM-140")
@pytest.mark.parametrize("reason", [reason for reason in REASONS if reason != "stopping"])
def test_a_node_that_cannot_work_is_not_ready_and_says_why_in_one_word(reason: str) -> None:
    with watching({reason: lambda: True}) as server:
        assert get(server, "/ready") == (503, f"{reason}\n")
        assert get(server, "/health")[0] == 200
        assert "blindmatch_ready 0.0" in get(server, "/metrics")[1]


@pytest.mark.tm("TM-140")
def test_a_check_that_breaks_is_a_finding_and_its_text_stays_here() -> None:
    def broken() -> bool:
        raise OSError("+40721123456")

    def unreadable(_metrics: Metrics) -> None:
        raise OSError("+40721123456")

    with watching({"database": broken}, unreadable) as server:
        assert get(server, "/ready") == (503, "database\n")
        status, text = get(server, "/metrics")
        assert status == 503
        assert "40721123456" not in text


def test_stopping_is_told_at_once_and_alone() -> None:
    with watching({"database": lambda: False}) as server:
        assert get(server, "/ready")[0] == 200
        server.readiness.stopping()
        assert get(server, "/ready") == (503, "stopping\n")


def test_many_readers_cost_one_look() -> None:
    looks = 0

    def look() -> bool:
        nonlocal looks
        looks += 1
        return False

    clock = ManualClock(datetime(2026, 1, 2, tzinfo=UTC))
    readiness = Readiness(clock, {"database": look})
    for _ in range(10):
        assert readiness.problems() == ()
    assert looks == 1
    clock.advance(LOOK_SECONDS)
    readiness.problems()
    assert looks == 2


@pytest.mark.tm("TM-140")
@pytest.mark.parametrize("host", ["evil.example", "192.0.2.1:9464", "localhost.evil.example", ""])
def test_a_page_in_a_browser_cannot_ask_under_another_name(host: str) -> None:
    with watching() as server:
        assert get(server, "/metrics", Host=host)[0] == 403
        for own in ("localhost", f"127.0.0.1:{server.port}", f"[::1]:{server.port}"):
            assert get(server, "/metrics", Host=own)[0] == 200


FROM_PAGES: list[dict[str, str]] = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "Cross-Site", "Sec-Fetch-Mode": "no-cors"},
    {"Sec-Fetch-Site": "something new"},
]


@pytest.mark.tm("TM-140")
@pytest.mark.parametrize("headers", FROM_PAGES)
def test_a_web_page_learns_nothing_by_having_a_browser_ask(headers: dict[str, str]) -> None:
    with watching({"database": lambda: True}) as server:
        for path in ("/health", "/ready", "/metrics", "/nothing"):
            assert get(server, path, **headers) == (403, "This is not for web pages.\n")
        # A person who types the address in, and a program.
        assert get(server, "/health", **{"Sec-Fetch-Site": "none"})[0] == 200
        assert get(server, "/health", **{"Sec-Fetch-Site": "same-origin"})[0] == 200


@pytest.mark.tm("TM-140")
def test_twin_without_the_rule_a_web_page_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.watch._Answer._from_a_page", lambda self: False)
    with watching({"database": lambda: True}) as server:
        assert [get(server, "/ready", **headers) for headers in FROM_PAGES] == [(503, "database\n")] * len(FROM_PAGES)


@pytest.mark.tm("TM-140")
def test_one_false_header_beside_a_right_one_is_refused() -> None:
    with watching() as server:
        right = "GET /health HTTP/1.0\r\nHost: localhost\r\nSec-Fetch-Site: none\r\n"
        assert b" 200 " in asked(server, right)
        assert b" 403 " in asked(server, right + "Host: evil.example\r\n")
        assert b" 403 " in asked(server, right + "Sec-Fetch-Site: cross-site\r\n")


@pytest.mark.tm("TM-140")
@pytest.mark.parametrize(
    "request_line", ["GET /ready HTTP/1.1", "GET /nothing HTTP/1.1", "POST /metrics HTTP/1.1", "HEAD / HTTP/1.0"]
)
def test_every_answer_tells_browsers_to_keep_it_from_pages(request_line: str) -> None:
    with watching() as server:
        head = asked(server, f"{request_line}\r\nHost: localhost\r\n").partition(b"\r\n\r\n")[0]
        assert b"\r\nX-Content-Type-Options: nosniff" in head
        assert b"\r\nCross-Origin-Resource-Policy: same-origin" in head
        assert b"\r\nCache-Control: no-store" in head


def asked(server: WatchServer, head: str) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(head.encode() + b"\r\n")
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.tm("TM-140")
@pytest.mark.parametrize("address", ["0.0.0.0:9464", "192.0.2.1:9464", "node.example:9464", "[::]:9464"])
def test_no_other_computer_is_answered(tmp_path: Path, address: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f'[node]\nwatch = "{address}"\n')
    with pytest.raises(UserError, match="address of this computer"):
        config.load(path)
    with pytest.raises(UserError, match="not one of this computer"):
        WatchServer(address, CLOCK, {}, lambda _metrics: None)


def test_it_is_off_unless_somebody_says_where(tmp_path: Path) -> None:
    config.write_default(tmp_path / "config.toml")
    assert config.load(tmp_path / "config.toml").node.watch == ""


def test_an_address_that_is_taken_is_said() -> None:
    with watching() as server, pytest.raises(UserError, match="its watch address"):
        WatchServer(f"127.0.0.1:{server.port}", CLOCK, {}, lambda _metrics: None)


def test_many_readers_cost_one_look_at_the_figures() -> None:
    looks = 0

    def refresh(_metrics: Metrics) -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            raise OSError

    clock = ManualClock(datetime(2026, 1, 2, tzinfo=UTC))
    with watching(refresh=refresh, clock=clock) as server:
        pages = [get(server, "/metrics") for _ in range(10)]
        assert (looks, pages[0][0]) == (1, 200)
        assert len(set(pages)) == 1
        clock.advance(FIGURES_SECONDS)
        assert [get(server, "/metrics")[0] for _ in range(3)] == [503] * 3  # what failed is not tried for each, either
        assert looks == 2
        clock.advance(FIGURES_SECONDS)
        assert get(server, "/metrics")[0] == 200
        assert looks == 3


def waits(on: threading.Event) -> None:
    assert on.wait(20)


def test_figures_that_take_too_long_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.watch.REQUEST_SECONDS", 0.3)
    on = threading.Event()
    with watching(refresh=lambda _metrics: waits(on)) as server:
        first = threading.Thread(target=get, args=(server, "/metrics"))
        first.start()
        wait_for(server._making.locked)
        assert get(server, "/metrics") == (503, "The figures cannot be read now.\n")
        assert get(server, "/health")[0] == 200
        on.set()
        first.join(20)
        assert get(server, "/metrics")[0] == 200


def becomes_healthy(server: WatchServer, seconds: float) -> bool:
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        with suppress(OSError, http.client.HTTPException):
            return get(server, "/health")[0] == 200
        time.sleep(0.05)
    return False


def silent(_connection: socket.socket, _over: threading.Event) -> None:
    """Says nothing."""


def dripping(connection: socket.socket, over: threading.Event) -> None:
    """Says an octet at a time, each in good time."""
    with suppress(OSError):
        connection.sendall(b"GET /health HTTP/1.0\r\nX: ")
        while not over.wait(0.1):
            connection.sendall(b"a")


Slow = Callable[[socket.socket, threading.Event], None]


def healthy_beside(slow: Slow, seconds: float) -> bool:
    """Whether somebody is answered within that time while others have taken every place."""
    over = threading.Event()
    with watching() as server:
        taken = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(MOST_REQUESTS + 4)]
        threads = [threading.Thread(target=slow, args=(one, over)) for one in taken]
        for thread in threads:
            thread.start()
        try:
            wait_for(lambda: not server._slots._value, 10)
            return becomes_healthy(server, seconds)
        finally:
            over.set()
            for thread in threads:
                thread.join(20)
            for one in taken:
                one.close()


@pytest.mark.parametrize("slow", [silent, dripping])
def test_slow_readers_do_not_keep_others_out(monkeypatch: pytest.MonkeyPatch, slow: Slow) -> None:
    monkeypatch.setattr("node.watch.REQUEST_SECONDS", 0.5)
    assert healthy_beside(slow, 20)


def test_twin_with_a_limit_for_each_part_they_would(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.watch.REQUEST_SECONDS", 0.5)
    ready = _InTime._ready

    def for_each_part(self: _InTime) -> socket.socket:
        self.renew()
        return ready(self)

    monkeypatch.setattr(_InTime, "_ready", for_each_part)
    assert not healthy_beside(dripping, 2)


def healthy_after_missing_threads() -> bool:
    """A machine that has no thread left for a while, and then has."""
    with watching() as server:
        with pytest.MonkeyPatch.context() as patch:
            tried = 0

            def no_thread(*_: object) -> None:
                nonlocal tried
                tried += 1
                raise RuntimeError("can't start new thread")

            patch.setattr("socketserver.ThreadingMixIn.process_request", no_thread)
            for _ in range(MOST_REQUESTS):
                with suppress(OSError):
                    asked(server, "GET /health HTTP/1.0\r\n")
            assert tried == MOST_REQUESTS
        return becomes_healthy(server, 2)


def test_a_thread_that_cannot_start_gives_its_place_back() -> None:
    assert healthy_after_missing_threads()


def test_twin_that_keeps_the_place_serves_nobody_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    def keeps(self: WatchServer, request: socket.socket, client_address: object) -> None:
        if self._slots.acquire(blocking=False):
            socketserver.ThreadingMixIn.process_request(self, request, client_address)
        else:
            self.shutdown_request(request)

    monkeypatch.setattr(WatchServer, "process_request", keeps)
    assert not healthy_after_missing_threads()

"""What a monitoring program on this computer may ask a node or a relay, over plain HTTP on a loopback address; off by
default.

    GET /health     200 "alive" as long as the process answers: restart it if it does not
    GET /ready      200, or 503 with the reasons, one word a line: starting, stopping, database, disk, disk-low, rounds
    GET /metrics    the figures of `node.metrics`, in Prometheus text format

It tells nothing but these words and counts, so it asks for no password; whoever has an account on this computer can
read it, and can take up its few places again and again. It takes loopback addresses only, both to listen at and in the
Host header, and answers no request of which a browser says that a web page makes it (Origin, Sec-Fetch-Site); each
answer tells browsers to hand it to no page of another origin. To let another computer read it, put a program of your
own with its own rules in front.
"""

import io
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET6, socket
from typing import TYPE_CHECKING, Any

from node.clock import Clock
from node.config import is_loopback
from node.errors import UserError
from node.metrics import NODE, Catalogue, Metrics

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

__all__ = ["FIGURES_SECONDS", "MOST_REQUESTS", "REASONS", "REQUEST_SECONDS", "Readiness", "WatchServer"]

REASONS = ("starting", "stopping", "database", "disk", "disk-low", "rounds")
"""Why a node or a relay may not be ready: a closed list, in the order in which they are told."""

MOST_REQUESTS = 8
"""Requests served at a time, in number; one more is hung up on."""
REQUEST_SECONDS = 5.0
"""How long a reader may take to send all of its request, and again to take all of the answer."""
LOOK_SECONDS = 1.0
"""How old an answer about readiness may be: so many readers cost no more than one."""
FIGURES_SECONDS = 3.0
"""How old the figures may be, for the same reason: they cost a query each."""


class Readiness:
    """Whether a node takes part in rounds, or a relay carries. `checks`: reason -> whether it holds now; what raises,
    holds."""

    def __init__(self, clock: Clock, checks: dict[str, Callable[[], bool]]) -> None:
        assert set(checks) <= set(REASONS)
        self._clock = clock
        self._checks = checks
        self._lock = threading.Lock()
        self._looked: float | None = None
        self._found: tuple[str, ...] = ()
        self._stopping = False

    def stopping(self) -> None:
        """From now on it is not ready any more."""
        self._stopping = True

    def problems(self) -> tuple[str, ...]:
        """Every reason why it is not ready; empty if it is."""
        if self._stopping:
            return ("stopping",)
        with self._lock:
            now = self._clock.monotonic()
            if self._looked is None or now - self._looked >= LOOK_SECONDS or "starting" in self._found:
                self._found = tuple(reason for reason in REASONS if reason in self._checks and self._holds(reason))
                self._looked = now
            return self._found

    def _holds(self, reason: str) -> bool:
        try:
            return self._checks[reason]()
        except Exception:  # noqa: BLE001 - a check that fails is a finding; its text may quote data
            return True


class WatchServer(ThreadingHTTPServer):
    """Serves on `address` ("127.0.0.1:9464"; port 0 takes a free one). Start and stop it once."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 4 * MOST_REQUESTS  # who does not get in here waits a second before he tries again

    def __init__(
        self,
        address: str,
        clock: Clock,
        checks: dict[str, Callable[[], bool]],
        refresh: Callable[[Metrics], None],
        catalogue: Catalogue = NODE,
    ) -> None:
        host, _, port = address.rpartition(":")
        setting = f"[{catalogue.program}] watch"
        if not is_loopback(host):  # the settings refuse it, too
            raise UserError(
                "The watch address is not one of this computer.", advice=f'Write {setting} = "127.0.0.1:9464", or "".'
            )
        self.readiness = Readiness(clock, checks)
        self._clock = clock
        self._refresh = refresh
        self._making = threading.Lock()
        self._made: float | None = None
        self._page: bytes | None = None
        self.metrics = Metrics(self._figures, catalogue)
        self._slots = threading.BoundedSemaphore(MOST_REQUESTS)
        if ":" in host:
            self.address_family = AF_INET6
        try:
            super().__init__((host.strip("[]"), int(port)), _Answer)
        except OSError:
            raise UserError(
                f"The {catalogue.program} cannot answer at {address}, its watch address.",
                advice=f"Another program may listen there: change {setting} in its settings.",
            ) from None
        self._thread = threading.Thread(target=self.serve_forever, args=(0.2,), name="watch", daemon=True)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def start(self) -> None:
        self._thread.start()

    def page(self) -> bytes | None:
        """The figures; None if they cannot be read now, or not in time."""
        if not self._making.acquire(timeout=REQUEST_SECONDS):
            return None
        try:
            now = self._clock.monotonic()
            if self._made is None or now - self._made >= FIGURES_SECONDS:
                self._page, self._made = None, now
                with suppress(Exception):  # its text may quote data
                    self._page = self.metrics.page()
            return self._page
        finally:
            self._making.release()

    def _figures(self, metrics: Metrics) -> None:
        self._refresh(metrics)
        metrics.set("ready", 0 if self.readiness.problems() else 1)

    def stop(self) -> None:
        """Answer nobody any more."""
        self.shutdown()
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._slots.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread to be had: nobody else gives the place back
            self._slots.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
        """A reader hung up: nobody needs to know."""


class _InTime(io.RawIOBase):
    """A connection with one deadline for all that is read, or written, before the next `renew`.

    The time limit of a socket is for each part that comes: one octet every few seconds would never end.
    """

    def __init__(self, connection: socket) -> None:
        self._connection = connection
        self.renew()

    def renew(self) -> None:
        self._until = time.monotonic() + REQUEST_SECONDS

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        return self._ready().recv_into(buffer)

    def write(self, data: "ReadableBuffer", /) -> int:
        self._ready().sendall(data)  # its limit is for the whole
        return memoryview(data).nbytes

    def _ready(self) -> socket:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        return self._connection


class _Answer(BaseHTTPRequestHandler):
    server: WatchServer
    server_version, sys_version = "blindmatch", ""

    def setup(self) -> None:
        self.connection = self.request
        self._wire = _InTime(self.connection)
        self.rfile, self.wfile = io.BufferedReader(self._wire), self._wire  # type: ignore[assignment]

    def do_GET(self) -> None:
        """One of the three pages."""
        if not self._by_its_own_name():
            self._say(403, b"Ask for this computer by a loopback address.\n")
        elif self._from_a_page():
            self._say(403, b"This is not for web pages.\n")
        elif self.path == "/health":
            self._say(200, b"alive\n")
        elif self.path == "/ready":
            found = self.server.readiness.problems()
            self._say(503 if found else 200, "".join(f"{one}\n" for one in found or ("ready",)).encode())
        elif self.path == "/metrics":
            page = self.server.page()
            if page is None:
                self._say(503, b"The figures cannot be read now.\n")
            else:
                self._say(200, page, "text/plain; version=0.0.4; charset=utf-8")
        else:
            self._say(404, b"There are /health, /ready and /metrics.\n")

    def _by_its_own_name(self) -> bool:
        hosts = self.headers.get_all("Host", ["localhost"])
        return all(
            is_loopback(host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host) for host in hosts
        )

    def _from_a_page(self) -> bool:
        sites = self.headers.get_all("Sec-Fetch-Site", [])
        return "Origin" in self.headers or any(site.strip().lower() not in ("none", "same-origin") for site in sites)

    def end_headers(self) -> None:
        """With every answer, refusals too."""
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        super().end_headers()

    def _say(self, status: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
        self._wire.renew()
        with suppress(OSError):  # it hung up
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is its owner's
        """Nothing: what a reader wrote does not belong into our log."""

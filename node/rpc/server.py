"""The server for peers: mutual TLS, and no other port.

Its trust roots are the certificates of the confirmed members, each for itself; there is no authority above them. gRPC
asks for the roots anew at every connection, so that a member confirmed or removed just now counts without a restart.
With nobody confirmed the only root is our own certificate, so that nobody gets in. Who it is that calls, and whether
it still may, is decided on every call by node.rpc.interceptors.
"""

import errno
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import grpc

from node import logs
from node.clock import Clock
from node.errors import UserError
from node.rpc.access import Caller
from node.rpc.interceptors import CallerBook, MembersOnly
from node.rpc.refusals import Refusals
from node.wire.limits import MAX_CONCURRENT_CALLS, MAX_MESSAGE_BYTES, WORKERS, server_options

__all__ = ["STOP_GRACE_SECONDS", "PeerServer", "Service", "TlsKeys", "TrustBook"]

STOP_GRACE_SECONDS = 5.0
"""How long calls that are under way may take to end when the node stops."""

_log = logs.get("rpc")


class TlsKeys(Protocol):
    """What a server shows of itself: a private key and its certificate, both in PEM."""

    @property
    def tls_key_pem(self) -> bytes: ...

    @property
    def tls_cert_pem(self) -> bytes: ...


class TrustBook(CallerBook, Protocol):
    """Who may connect and call, as it stands at each moment."""

    def roots(self) -> Sequence[bytes]:
        """The certificates, in PEM, of everybody who may connect now."""
        ...

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call `watcher` whenever the roots have changed."""
        ...


class Service(Protocol):
    """What is served: `node.rpc.peer.PeerService`, or a relay's."""

    def handler(self) -> grpc.GenericRpcHandler: ...


class PeerServer:
    """Serves `service` on `listen` ("host:port"; port 0 lets the machine choose) to those whom `book` knows and the
    access table calls `caller`. Start and stop it once."""

    def __init__(
        self,
        listen: str,
        *,
        identity: TlsKeys,
        book: TrustBook,
        service: Service,
        refusals: Refusals,
        clock: Clock,
        workers: int = WORKERS,
        caller: Caller = Caller.MEMBER,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
    ) -> None:
        self._listen = listen
        self._identity = identity
        self._book = book
        self._changed = threading.Event()
        self._workers = ThreadPoolExecutor(workers, thread_name_prefix="peer-call")
        self._server = grpc.server(
            self._workers,
            handlers=[service.handler()],
            interceptors=[MembersOnly(book, refusals, clock, caller)],
            options=server_options(max_message_bytes),
            maximum_concurrent_rpcs=MAX_CONCURRENT_CALLS,
            compression=grpc.Compression.NoCompression,
        )
        book.watch(self._changed.set)

    def start(self) -> int:
        """Listen and serve. Gives the port. Raises UserError when the address is taken or not ours."""
        _check_address(self._listen)
        credentials = grpc.dynamic_ssl_server_credentials(
            self._certificates(),
            self._new_certificates,  # type: ignore[arg-type]  # None is documented as "unchanged"
            require_client_authentication=True,
        )
        try:
            port = self._server.add_secure_port(self._listen, credentials)
        except RuntimeError:
            port = 0
        if port == 0:
            raise UserError(f"The node cannot listen on {self._listen}.", advice="Choose another address or port.")
        self._server.start()
        return int(port)

    def stop(self, grace_seconds: float = STOP_GRACE_SECONDS) -> None:
        """Take no more calls, let those under way end, and return when all have."""
        self._server.stop(grace_seconds).wait()
        self._workers.shutdown()

    def _certificates(self) -> grpc.ServerCertificateConfiguration:
        roots = self._book.roots()
        own = (self._identity.tls_key_pem, self._identity.tls_cert_pem)
        return grpc.ssl_server_certificate_configuration([own], b"".join(roots) or own[1])

    def _new_certificates(self) -> grpc.ServerCertificateConfiguration | None:
        """Called by gRPC at every connection: the roots if they changed, None if not."""
        if not self._changed.is_set():
            return None
        # Cleared first: a change while we read is seen at the next connection.
        self._changed.clear()
        try:
            return self._certificates()
        except Exception as error:  # noqa: BLE001  called from inside gRPC, which has no use for it
            # The old roots stay; a removed member is still refused on every call.
            self._changed.set()
            _log.error("trust-roots-not-renewed", error=type(error).__name__)
            return None


def _check_address(listen: str) -> None:
    """Try the address with a plain socket first: gRPC does not say why it cannot have one."""
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise UserError("The address to listen on must be host:port.", advice="For example: 0.0.0.0:7443")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        reasons = {
            errno.EADDRINUSE: "another program already listens there",
            errno.EADDRNOTAVAIL: "this computer does not have that address",
            errno.EACCES: "this user may not use that port",
        }
        reason = reasons.get(error.errno or 0, "the address is not usable on this computer")
        raise UserError(
            f"The node cannot listen on {listen}: {reason}.",
            advice="Stop the other program, or choose another address or port in the node's configuration.",
        ) from None

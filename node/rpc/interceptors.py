"""What every call of a peer passes before anything of it is read.

    policy row -> TLS 1.3 -> certificate and its dates -> hash of its key in the book -> confirmed -> deadline -> parse

The handshake alone proves too little: to gRPC a trusted self-signed certificate is also an authority, so a leaf that
a member's key signed passes it, and a member that was removed keeps its open connection. So each call is judged by
the **hash of the leaf's public key** and by the book as it stands at that moment. gRPC for Python has no setting for
the lowest TLS version; that is checked here as well.

The request is kept as bytes until the caller is known: a stranger's message is never parsed. A call may be a stream in
either direction; then it may last longer, but not without a message for as long as a single one may take, so that
nobody holds a thread by saying nothing. A relay is guarded by the same code as a node; the book and the kind of caller
in the access table differ.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, cast

import grpc
from google.protobuf.message import DecodeError

from node.clock import Clock
from node.errors import NotAllowed
from node.identity.certificates import Certificate
from node.identity.members import Member, MemberState
from node.rpc.access import ACCESS, Caller
from node.rpc.refusals import Refusals
from node.rpc.status import Unauthenticated, abort
from node.wire.limits import DEFAULT_CALL_SECONDS, STREAM_CALL_SECONDS
from node.wire.services import short_name
from psi.errors import MalformedMessage, PeerError

__all__ = ["CallerBook", "KnownCaller", "MembersOnly", "calling_id", "calling_member"]

_TLS_VERSION = b"TLSv1.3"
_SHAPES: Mapping[bool, Callable[..., Any]] = {
    False: grpc.stream_unary_rpc_method_handler,
    True: grpc.stream_stream_rpc_method_handler,
}
"""How gRPC makes a handler, by whether answers are a stream. Requests always are one to it, also where there is but
one: then a call is ours when it begins, and not when its request is complete, so that who sends a byte of it a second
is refused, or cut off, like all others. Else gRPC waits for the request, in one of our threads and without end."""

if TYPE_CHECKING:
    _Handler = grpc.RpcMethodHandler[Any, Any]


class KnownCaller(Protocol):
    """Somebody whose TLS key is in the book, in whatever state."""

    @property
    def member_id(self) -> str: ...

    @property
    def state(self) -> MemberState: ...


class CallerBook(Protocol):
    """Who may call: the members of a node, or those whom a relay admitted. Asked anew on every call."""

    def holder(self, tls_key_hash: bytes) -> KnownCaller | None:
        """Whose TLS key this is (32-byte hash), if we know it."""
        ...


_calling: ContextVar[KnownCaller] = ContextVar("calling_member")


def calling_member() -> Member:
    """The authenticated member whose call this thread serves, at a node. LookupError outside of a call."""
    return cast("Member", _calling.get())


def calling_id() -> str:
    """The member id of the authenticated caller whose call this thread serves. LookupError outside of a call."""
    return _calling.get().member_id


class _Refused(Exception):
    """`reason` for the log, `error` for the caller, and who it is if that is known."""

    def __init__(self, reason: str, error: Unauthenticated | NotAllowed, member: KnownCaller | None = None) -> None:
        super().__init__(reason)
        self.reason, self.error, self.member = reason, error, member


class _NoMessage(Exception):
    """The request ended before a message of it was here. To gRPC's server a connection that broke, a message over the
    cap and one that is compressed look just so for a moment, so nobody is blamed for it."""


class MembersOnly(grpc.ServerInterceptor):
    """Lets those whom `book` knows as confirmed call what the access table gives to `caller`; nobody else anything."""

    def __init__(self, book: CallerBook, refusals: Refusals, clock: Clock, caller: Caller = Caller.MEMBER) -> None:
        self._book = book
        self._refusals = refusals
        self._clock = clock
        self._caller = caller

    def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], _Handler | None]",
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "_Handler | None":
        method = handler_call_details.method
        handler = continuation(handler_call_details)
        if handler is None:
            return None  # gRPC answers UNIMPLEMENTED
        guard = _Guard(self, handler, method)
        guarded = guard.many if handler.response_streaming else guard.one
        wrapped: _Handler = _SHAPES[handler.response_streaming](guarded, None, handler.response_serializer)
        return wrapped

    def admit(self, method: str, context: grpc.ServicerContext) -> KnownCaller:
        """Who calls, if they may; _Refused if not."""
        if ACCESS.get(method) is not self._caller:
            raise _Refused("no-policy", NotAllowed("Nobody may call this."))
        # The published types of auth_context are wrong: names are str, values tuples of bytes.
        facts = cast("Mapping[str, tuple[bytes, ...]]", context.auth_context())
        if list(facts.get("ssl_tls_version", ())) != [_TLS_VERSION]:
            raise _Refused("tls-version", Unauthenticated("This node speaks TLS 1.3 only."))
        try:
            (pem,) = tuple(facts.get("x509_pem_cert", ()))
            certificate = Certificate.from_pem(pem)
        except ValueError:
            raise _Refused("no-certificate", Unauthenticated("The call came without a certificate.")) from None
        member = self._book.holder(certificate.key_hash)
        problem = certificate.date_problem(self._clock.now())
        if problem:
            wrong = Unauthenticated(
                f"By the clock of this node, the certificate {problem}.",
                advice="Compare the clocks of both computers. If they agree, the caller needs a new card.",
            )
            raise _Refused("certificate-dates", wrong, member)
        if member is None:
            raise _Refused("unknown-key", Unauthenticated("The key of this certificate is on no card we hold."))
        if member.state is not MemberState.CONFIRMED:
            raise _Refused(
                f"member-{member.state.value}",
                NotAllowed(
                    "Your organisation is not a confirmed member here.",
                    advice="Ask the other organisation to confirm your card.",
                ),
                member,
            )
        if isinstance(member, Member) and member.is_relay:
            raise _Refused("relay", NotAllowed("A relay is called by nodes, and calls none."), member)
        return member

    def refused(self, method: str, context: grpc.ServicerContext, refused: _Refused) -> NoReturn:
        """Write a refused call down, and end it."""
        self._refusals.call(short_name(method), refused.reason, refused.member)
        abort(context, refused.error, short_name(method))

    @contextmanager
    def blaming(self, member: KnownCaller) -> Iterator[None]:
        """What the caller did against the protocol is put down to it."""
        try:
            yield
        except PeerError as error:
            self._refusals.blame(error.code, member)
            raise


class _Guard:
    """One call's way through the checks. A handler of one answer goes through `one`, of a stream of them `many`."""

    def __init__(self, door: MembersOnly, handler: "_Handler", method: str) -> None:
        self._door = door
        self._handler = handler
        self._method = method

    def one(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> Any:
        try:
            member = self._door.admit(self._method, context)
            with _deadline(context, self._handler.request_streaming) as alive, self._door.blaming(member):
                return self._behave(requests, context, member, alive)
        except _Refused as refused:
            return self._door.refused(self._method, context, refused)
        except _NoMessage:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "")
        except grpc.RpcError as error:
            _cut_off(context, error)
        except Exception as error:  # noqa: BLE001  status.py decides what becomes of it
            return abort(context, error, short_name(self._method))

    def many(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[Any]:
        try:
            member = self._door.admit(self._method, context)
            with _deadline(context, True) as alive, self._door.blaming(member):
                for answer in self._behave(requests, context, member, alive):
                    alive()
                    yield answer  # comes back when the caller has room for the next one
        except _Refused as refused:
            self._door.refused(self._method, context, refused)
        except _NoMessage:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "")
        except grpc.RpcError as error:
            _cut_off(context, error)
        except Exception as error:  # noqa: BLE001  as above
            abort(context, error, short_name(self._method))

    def _behave(
        self, requests: Iterator[bytes], context: grpc.ServicerContext, member: KnownCaller, alive: Callable[[], None]
    ) -> Any:
        handler = self._handler
        behave = handler.unary_unary or handler.stream_unary or handler.unary_stream or handler.stream_stream
        assert behave is not None  # a handler has one of the four
        each = self._each(requests, alive)
        message = each if handler.request_streaming else next(each, None)
        if message is None:
            raise _NoMessage
        # Not left open while a stream waits for its reader: who gives a stream asks for its caller before it begins.
        token = _calling.set(member)
        try:
            return behave(message, context)
        finally:
            _calling.reset(token)

    def _each(self, requests: Iterator[bytes], alive: Callable[[], None]) -> Iterator[Any]:
        for request in requests:
            alive()
            yield self._read(request)

    def _read(self, request: bytes) -> Any:
        read = self._handler.request_deserializer
        assert read is not None  # our services give one
        try:
            return read(request)
        except DecodeError:
            raise MalformedMessage("The message is damaged or does not follow the protocol.") from None


def _cut_off(context: grpc.ServicerContext, error: grpc.RpcError) -> NoReturn:
    """The caller left, or was cut off, before its request was here.

    gRPC keeps this error with the call, and the error's traceback keeps the call: a circle, which Python breaks some
    day. Until then the call counts as open on its connection, and after MAX_CALLS_PER_CONNECTION of them every further
    call on it would be refused.
    """
    error.__traceback__ = None
    context.abort(grpc.StatusCode.CANCELLED, "")


@contextmanager
def _deadline(context: grpc.ServicerContext, stream: bool) -> Iterator[Callable[[], None]]:
    """Cancel the call when its time is up: its own deadline, or ours if it has none or a later one.

    A stream has more time, but is cancelled as well when nothing moved for as long as a single call may take; what it
    yields is to be called at each message.
    """
    longest = STREAM_CALL_SECONDS if stream else DEFAULT_CALL_SECONDS
    remaining = context.time_remaining()
    if remaining is not None and remaining <= DEFAULT_CALL_SECONDS:
        yield lambda: None
        return
    watch = _Watch(context.cancel, longest if remaining is None else min(remaining, longest), stream)
    try:
        yield watch.moved
    finally:
        watch.stop()


def _nothing() -> None:
    pass


class _Watch:
    """Calls `cancel` after `longest` seconds, or when a stream has not moved for DEFAULT_CALL_SECONDS."""

    def __init__(self, cancel: Callable[[], Any], longest: float, stream: bool) -> None:
        self._cancel = cancel
        now = time.monotonic()
        self._end = now + longest
        self._idle = DEFAULT_CALL_SECONDS if stream else longest
        self._moved = now
        self._over = False
        self._wind()

    def moved(self) -> None:
        self._moved = time.monotonic()

    def stop(self) -> None:
        self._over = True
        self._timer.cancel()
        self._cancel = _nothing  # watch and timer hold each other for a while; they are not to hold the call

    def _wind(self) -> None:
        self._timer = threading.Timer(self._left(), self._look)
        self._timer.daemon = True
        self._timer.start()

    def _left(self) -> float:
        return min(self._end, self._moved + self._idle) - time.monotonic()

    def _look(self) -> None:
        if self._over:
            return
        if self._left() > 0:
            self._wind()
        else:
            self._cancel()

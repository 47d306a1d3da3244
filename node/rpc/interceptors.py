"""What every call of a peer passes before anything of it is read.

    policy row -> TLS 1.3 -> certificate and its dates -> hash of its key in the book -> confirmed -> deadline -> parse

The handshake alone proves too little: to gRPC a trusted self-signed certificate is also an authority, so a leaf that
a member's key signed passes it, and a member that was removed keeps its open connection. So each call is judged by
the **hash of the leaf's public key** and by the book as it stands at that moment. gRPC for Python has no setting for
the lowest TLS version; that is checked here as well.

The request is kept as bytes until the caller is known: a stranger's message is never parsed.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, cast

import grpc
from google.protobuf.message import DecodeError

from node.clock import Clock
from node.errors import NotAllowed
from node.identity.certificates import Certificate
from node.identity.members import Member, MemberBook, MemberState
from node.rpc.access import ACCESS, Caller
from node.rpc.refusals import RefusalLog
from node.rpc.status import Unauthenticated, abort
from node.wire.limits import DEFAULT_CALL_SECONDS
from node.wire.services import short_name
from psi.errors import MalformedMessage, PeerError

__all__ = ["MembersOnly", "calling_member"]

_TLS_VERSION = b"TLSv1.3"
_calling: ContextVar[Member] = ContextVar("calling_member")

if TYPE_CHECKING:
    _Handler = grpc.RpcMethodHandler[Any, Any]


def calling_member() -> Member:
    """The authenticated member whose call this thread serves. LookupError outside of a call."""
    return _calling.get()


class _Refused(Exception):
    """`reason` for the audit log, `error` for the caller, and the member if it is known."""

    def __init__(self, reason: str, error: Unauthenticated | NotAllowed, member: Member | None = None) -> None:
        super().__init__(reason)
        self.reason, self.error, self.member = reason, error, member


class MembersOnly(grpc.ServerInterceptor):
    """Lets confirmed members call what the access table gives them, and nobody else anything."""

    def __init__(self, book: MemberBook, refusals: RefusalLog, clock: Clock) -> None:
        self._book = book
        self._refusals = refusals
        self._clock = clock

    def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], _Handler | None]",
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "_Handler | None":
        method = handler_call_details.method
        handler = continuation(handler_call_details)
        if handler is None:
            return None  # gRPC answers UNIMPLEMENTED
        allowed = ACCESS.get(method) is Caller.MEMBER and handler.unary_unary is not None

        def guarded(request: bytes, context: grpc.ServicerContext) -> Any:
            try:
                member = self._admit(method, context, allowed)
                with _deadline(context):
                    return self._serve(handler, request, context, member)
            except _Refused as refused:
                self._refusals.call(short_name(method), refused.reason, refused.member)
                return abort(context, refused.error, short_name(method))
            except Exception as error:  # noqa: BLE001  status.py decides what becomes of it
                return abort(context, error, short_name(method))

        return grpc.unary_unary_rpc_method_handler(guarded, None, handler.response_serializer)

    def _serve(self, handler: "_Handler", request: bytes, context: grpc.ServicerContext, member: Member) -> Any:
        token = _calling.set(member)
        try:
            read, behave = handler.request_deserializer, handler.unary_unary
            assert read is not None  # our services give both; `_admit` refused every other shape of call
            assert behave is not None
            try:
                message = read(request)
            except DecodeError:
                raise MalformedMessage("The message is damaged or does not follow the protocol.") from None
            return behave(message, context)
        except PeerError as error:
            self._refusals.blame(error.code, member)
            raise
        finally:
            _calling.reset(token)

    def _admit(self, method: str, context: grpc.ServicerContext, allowed: bool) -> Member:
        if not allowed:
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
            raise _Refused("certificate-dates", Unauthenticated(f"The certificate {problem}."), member)
        if member is None:
            raise _Refused("unknown-key", Unauthenticated("The key of this certificate is on no card we hold."))
        if member.state is not MemberState.CONFIRMED:
            raise _Refused(
                f"member-{member.state.value}",
                NotAllowed(
                    "Your organisation is not a confirmed member at this node.",
                    advice="Ask the other organisation to confirm your card.",
                ),
                member,
            )
        return member


@contextmanager
def _deadline(context: grpc.ServicerContext) -> Iterator[None]:
    """Cancel the call when its time is up: its own deadline, or ours if it has none or a later one."""
    remaining = context.time_remaining()
    if remaining is not None and remaining <= DEFAULT_CALL_SECONDS:
        yield
        return
    timer = threading.Timer(DEFAULT_CALL_SECONDS, context.cancel)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()

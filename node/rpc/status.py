"""Errors on their way out: the only place where an error becomes a gRPC status code.

Two audiences. The *owner* gets the whole sentence. A *peer* gets the sentence only if the error is about the peer's
own conduct; what goes wrong on our side, or what our rules say, is told in general terms. Anything unforeseen is
INTERNAL with a bland sentence for both; our log gets its type and place, never its text, which may hold data.
"""

from enum import Enum
from typing import NoReturn

import grpc

from node import logs
from node.errors import (
    Busy,
    NodeError,
    NotAllowed,
    NotFound,
    PeerUnreachable,
    RefusedByPolicy,
    StateDamaged,
    UserError,
    place_of,
)
from node.wire.problem import METADATA_KEY, Problem
from psi.errors import PeerError, PsiError, VersionMismatch

__all__ = ["Audience", "Unauthenticated", "abort", "code_of", "problem_of"]

_log = logs.get("rpc")


class Audience(Enum):
    OWNER = "owner"
    PEER = "peer"


class Unauthenticated(NodeError):
    """The caller did not show who it is."""

    code = "unauthenticated"


# First match wins: special classes before their bases.
_CODES: tuple[tuple[type[Exception], grpc.StatusCode], ...] = (
    (Unauthenticated, grpc.StatusCode.UNAUTHENTICATED),
    (UserError, grpc.StatusCode.INVALID_ARGUMENT),
    (NotFound, grpc.StatusCode.NOT_FOUND),
    (NotAllowed, grpc.StatusCode.PERMISSION_DENIED),
    (RefusedByPolicy, grpc.StatusCode.FAILED_PRECONDITION),
    (Busy, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (PeerUnreachable, grpc.StatusCode.UNAVAILABLE),
    (StateDamaged, grpc.StatusCode.DATA_LOSS),
    (NodeError, grpc.StatusCode.FAILED_PRECONDITION),
    (VersionMismatch, grpc.StatusCode.FAILED_PRECONDITION),
    (PeerError, grpc.StatusCode.INVALID_ARGUMENT),
    (PsiError, grpc.StatusCode.FAILED_PRECONDITION),
)
_ABOUT_THE_PEER = (Unauthenticated, NotAllowed, PeerError)
_TO_A_PEER: tuple[tuple[type[Exception], Problem], ...] = (
    (RefusedByPolicy, Problem("refused-by-policy", "The rules of the other organisation do not allow this.")),
    (Busy, Problem("busy", "The other node has too much to do just now.")),
)
_FAILED_HERE = Problem("internal", "The other node could not do this because of a fault on its own side.")
_UNFORESEEN = Problem(
    "internal",
    "Something went wrong inside blindmatch that it does not know how to explain.",
    "The node keeps running. Look for this time in its log, and report what stands there.",
)


def code_of(error: BaseException) -> grpc.StatusCode:
    """The gRPC code for an error; INTERNAL for whatever is not ours."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    return grpc.StatusCode.INTERNAL


def problem_of(error: Exception, audience: Audience, where: str) -> Problem:
    """What that audience is told. `where` names the call for our log, in lower-case letters."""
    if not isinstance(error, NodeError | PsiError):
        _log.error("unforeseen-error", method=where, position=place_of(error), error=type(error).__name__)
        return _UNFORESEEN if audience is Audience.OWNER else _FAILED_HERE
    if audience is Audience.OWNER or isinstance(error, _ABOUT_THE_PEER):
        return Problem(error.code, error.sentence, error.advice)
    return next((problem for kind, problem in _TO_A_PEER if isinstance(error, kind)), _FAILED_HERE)


def abort(context: grpc.ServicerContext, error: Exception, where: str) -> NoReturn:
    """End a peer's call with this error."""
    problem = problem_of(error, Audience.PEER, where)
    code = grpc.StatusCode.INTERNAL if problem is _FAILED_HERE else code_of(error)
    context.set_trailing_metadata(((METADATA_KEY, problem.to_bytes()),))
    context.abort(code, problem.code)

"""Why a call to another node failed, in a sentence that helps.

gRPC reports most failures as UNAVAILABLE with a text for programmers. The important case is the least clear one: in
TLS 1.3 a client that the server does not accept completes its handshake and is cut off afterwards, so that "Socket
closed" usually means "they have not enrolled us". The texts are gRPC's and may change with it; what we do not
recognise becomes a general sentence, never a wrong one.
"""

import grpc

from node.errors import Busy, NodeError, PeerRefused, PeerUnreachable
from node.identity.members import Member
from node.wire.problem import Problem

__all__ = ["PeerRefused", "explain", "is_unknown_call"]

_ENROL_ADVICE = (
    "Ask them to confirm your member card (`blindmatch member list` at their node), and whether they removed it."
)
_ADDRESS_ADVICE = "Ask them whether their node runs, and whether the address on their card still holds."


def explain(error: grpc.RpcError, member: Member) -> NodeError:
    """The error to raise in place of gRPC's: PeerRefused, Busy or PeerUnreachable."""
    name, endpoint = member.alias, member.card.endpoint
    if not isinstance(error, grpc.Call):
        return PeerUnreachable(f"The call to {name} failed before it was sent.")
    problem = Problem.from_metadata(_pairs(error))
    if problem is not None and problem.code != Busy.code:
        said = f"{name} refused the message and says: {problem.sentence}"
        return PeerRefused(said, advice=problem.advice, reason=problem.code)
    status, details = error.code(), error.details() or ""
    if status is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in details:
        return PeerRefused(
            f"The message is larger than {name} accepts.",
            advice="The limit is part of blindmatch, so their version is another one: compare `blindmatch --version`.",
            reason="too-large",
        )
    if problem is not None or status is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return Busy(f"{name} has too much to do just now.", advice="Nothing is lost; it is tried again.")
    if status is grpc.StatusCode.DEADLINE_EXCEEDED:
        return PeerUnreachable(f"{name} did not answer in time.", advice=_ADDRESS_ADVICE)
    if status is not grpc.StatusCode.UNAVAILABLE:
        return PeerUnreachable(f"{name} answered in a way that is not blindmatch's protocol.", advice=_ADDRESS_ADVICE)
    for words, sentence, advice in _UNAVAILABLE:
        if any(word in details for word in words):
            return PeerUnreachable(sentence.format(name=name, endpoint=endpoint), advice=advice)
    return PeerUnreachable(f"{name} cannot be reached at {endpoint}.", advice=_ADDRESS_ADVICE)


def is_unknown_call(error: grpc.RpcError | ValueError) -> bool:
    """Whether the other node's version does not have the call at all."""
    return isinstance(error, grpc.Call) and error.code() is grpc.StatusCode.UNIMPLEMENTED


# First match wins. The details of one failure may hold several of these words, so the most telling come first.
_UNAVAILABLE: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("CERTIFICATE_VERIFY_FAILED", "Peer name", "Hostname Verification", "peer is not in peer certificate"),
        "The node at {endpoint} does not have the certificate that is on the card of {name}.",
        "Somebody else may listen there, or they made a new node: ask them in person, and for a new card.",
    ),
    (
        ("DNS resolution failed", "Name or service not known", "getaddrinfo", "Domain name not found"),
        "The address {endpoint} on the card of {name} is not known to the network.",
        "Check your network connection; then ask them whether the address still holds.",
    ),
    (
        ("Connection refused",),
        "Nobody listens at {endpoint}, where {name} should be.",
        _ADDRESS_ADVICE,
    ),
    (
        ("ALPN", "Ssl handshake failed", "SSL_ERROR_SSL", "WRONG_VERSION_NUMBER", "handshake"),
        "What listens at {endpoint} does not speak the protocol of {name}.",
        _ADDRESS_ADVICE,
    ),
    (
        ("Socket closed", "Connection reset", "recvmsg", "Broken pipe", "Connection aborted", "GOAWAY"),
        "{name} closed the connection without a word: most likely it has not confirmed your card yet, or not any more.",
        _ENROL_ADVICE,
    ),
)


def _pairs(error: grpc.Call) -> list[tuple[str, str | bytes]]:
    return [(str(key), value) for key, value in error.trailing_metadata() or ()]

"""The service that peers call: take one envelope, or say which versions we run.

What is checked here is the frame: the sender named in the envelope is the member that holds this connection, the
recipient is us, and the signature is the sender's. What an envelope means is the business of the round engine, behind
`Inbox`. An `Inbox` answers only when the envelope is safely stored.
"""

from dataclasses import dataclass
from typing import Protocol

import grpc

from node.clock import Clock
from node.identity.members import Member
from node.rpc.interceptors import calling_member
from node.wire import peer_pb2
from node.wire.envelope import Envelope, ReceiptKind
from node.wire.services import PEER
from psi.errors import WrongParty

__all__ = ["Inbox", "PeerService", "Versions"]


class Inbox(Protocol):
    """Where envelopes go: the round engine."""

    def accept(self, member: Member, envelope: Envelope) -> ReceiptKind:
        """Store an envelope whose sender and signature are right. Raises NodeError or PsiError to refuse it; a
        PeerError is put down to the member in the audit log by the caller."""
        ...


@dataclass(frozen=True, slots=True)
class Versions:
    """What we say of ourselves in `Hello`."""

    protocol: str
    normaliser: str
    software: str


class PeerService:
    """The behaviours of the service `Peer`."""

    def __init__(self, member_id: str, inbox: Inbox, versions: Versions, clock: Clock) -> None:
        self._member_id = member_id
        self._inbox = inbox
        self._versions = versions
        self._clock = clock

    def handler(self) -> grpc.GenericRpcHandler:
        """The service for gRPC."""
        deliver = grpc.unary_unary_rpc_method_handler(
            self.deliver, peer_pb2.Envelope.FromString, peer_pb2.Receipt.SerializeToString
        )
        hello = grpc.unary_unary_rpc_method_handler(
            self.hello, peer_pb2.HelloRequest.FromString, peer_pb2.HelloReply.SerializeToString
        )
        return grpc.method_handlers_generic_handler(PEER.full_name, {"Deliver": deliver, "Hello": hello})

    def deliver(self, request: peer_pb2.Envelope, _context: grpc.ServicerContext) -> peer_pb2.Receipt:
        """Check the frame and hand the envelope on. Raises PsiError or NodeError."""
        member = calling_member()
        envelope = Envelope.from_proto(request)
        if envelope.sender != member.member_id:
            raise WrongParty("The message names another sender than the member that delivered it.")
        if envelope.recipient != self._member_id:
            raise WrongParty("The message is for somebody else.")
        envelope.verify(member.identity_key)
        kind = self._inbox.accept(member, envelope)
        return peer_pb2.Receipt(status=kind.name)

    def hello(self, _request: peer_pb2.HelloRequest, _context: grpc.ServicerContext) -> peer_pb2.HelloReply:
        """Our versions and our time."""
        return peer_pb2.HelloReply(
            protocol=self._versions.protocol,
            normaliser=self._versions.normaliser,
            software=self._versions.software,
            unix_milliseconds=int(self._clock.now().timestamp() * 1000),
        )

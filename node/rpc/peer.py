"""The service that peers call: take one envelope, hand out those that wait for the caller, say which versions we run.

What is checked here is the frame: the sender named in the envelope is the member that holds this connection, the
recipient is us, and the signature is the sender's. What an envelope means is the business of the round engine, behind
`Inbox`. An `Inbox` answers only when the envelope is safely stored.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import grpc

from node.clock import Clock
from node.identity.members import Member
from node.rpc.interceptors import calling_member
from node.transport.door import check_frame
from node.wire import peer_pb2
from node.wire.envelope import Envelope, ReceiptKind, batch_of
from node.wire.services import PEER

__all__ = ["Hatch", "Inbox", "PeerService", "Versions"]


class Inbox(Protocol):
    """Where envelopes go: the round engine."""

    def accept(self, member: Member, envelope: Envelope) -> ReceiptKind:
        """Store an envelope whose sender and signature are right. Raises NodeError or PsiError to refuse it; a
        PeerError is put down to the member in the audit log by the caller."""
        ...

    def accept_batch(self, member: Member, envelopes: Sequence[Envelope]) -> int:
        """The same for messages of one round's protocol, in order: how many, from the first on, are stored. What is
        wrong with the next one is said when it is delivered by itself."""
        ...


class Hatch(Protocol):
    """Where envelopes are handed out to nodes that we cannot call."""

    def collect(
        self, member: Member, receipts: bytes, wait_seconds: float, here: Callable[[], bool]
    ) -> Iterator[Envelope]:
        """Apply the caller's receipts (raises PeerError), then give what waits for it, or wait as long as it is
        `here`, at most so long."""
        ...


@dataclass(frozen=True, slots=True)
class Versions:
    """What we say of ourselves in `Hello`."""

    protocol: str
    normaliser: str
    software: str


class PeerService:
    """The behaviours of the service `Peer`. Without a `hatch` nothing ever waits for anybody."""

    def __init__(
        self, member_id: str, inbox: Inbox, versions: Versions, clock: Clock, hatch: Hatch | None = None
    ) -> None:
        self._member_id = member_id
        self._inbox = inbox
        self._versions = versions
        self._clock = clock
        self._hatch = hatch

    def handler(self) -> grpc.GenericRpcHandler:
        """The service for gRPC."""
        deliver = grpc.unary_unary_rpc_method_handler(
            self.deliver, peer_pb2.Envelope.FromString, peer_pb2.Receipt.SerializeToString
        )
        deliver_batch = grpc.unary_unary_rpc_method_handler(
            self.deliver_batch, peer_pb2.Batch.FromString, peer_pb2.BatchReceipt.SerializeToString
        )
        hello = grpc.unary_unary_rpc_method_handler(
            self.hello, peer_pb2.HelloRequest.FromString, peer_pb2.HelloReply.SerializeToString
        )
        collect = grpc.unary_stream_rpc_method_handler(
            self.collect, peer_pb2.CollectRequest.FromString, peer_pb2.Envelope.SerializeToString
        )
        calls: dict[str, Any] = {
            "Deliver": deliver,
            "DeliverBatch": deliver_batch,
            "Hello": hello,
            "Collect": collect,
        }
        return grpc.method_handlers_generic_handler(PEER.full_name, calls)

    def deliver(self, request: peer_pb2.Envelope, _context: grpc.ServicerContext) -> peer_pb2.Receipt:
        """Check the frame and hand the envelope on. Raises PsiError or NodeError."""
        member = calling_member()
        envelope = Envelope.from_proto(request)
        check_frame(envelope, member, self._member_id)
        kind = self._inbox.accept(member, envelope)
        return peer_pb2.Receipt(status=kind.name)

    def deliver_batch(self, request: peer_pb2.Batch, _context: grpc.ServicerContext) -> peer_pb2.BatchReceipt:
        """Check all frames and hand the envelopes on. Raises PsiError or NodeError, and then nothing was taken."""
        member = calling_member()
        envelopes = batch_of(request)
        for envelope in envelopes:
            check_frame(envelope, member, self._member_id)
        return peer_pb2.BatchReceipt(taken=self._inbox.accept_batch(member, envelopes))

    def collect(self, request: peer_pb2.CollectRequest, context: grpc.ServicerContext) -> Iterator[peer_pb2.Envelope]:
        """Hand out what waits for the caller. Raises PsiError or NodeError, before anything is given."""
        if self._hatch is None:
            return iter(())
        waits = self._hatch.collect(
            calling_member(), request.receipts, request.wait_milliseconds / 1000, context.is_active
        )
        return (envelope.to_proto() for envelope in waits)

    def hello(self, _request: peer_pb2.HelloRequest, _context: grpc.ServicerContext) -> peer_pb2.HelloReply:
        """Our versions and our time."""
        return peer_pb2.HelloReply(
            protocol=self._versions.protocol,
            normaliser=self._versions.normaliser,
            software=self._versions.software,
            unix_milliseconds=int(self._clock.now().timestamp() * 1000),
        )

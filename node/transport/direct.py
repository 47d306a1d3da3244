"""The direct carrier: one gRPC channel to each member's node, for what goes there and, where nobody can call us, for
what comes from there (`collect`).

Each channel trusts exactly one certificate, the one on that member's card, and expects that member's name in it. No
further check follows the handshake, and none is needed: to pass it, a server must prove that it holds the pinned key
itself or a leaf that the pinned key signed. Either way the holder of the pinned key agreed, and nobody else's key is
worth anything on this channel. (The server's side is different: it trusts many certificates at once, so it must see
*which* key called; node.rpc.interceptors.) TLS version and our own membership are checked by the server.

A carrier only carries. When to try again is the round engine's business; a failed channel is thrown away, so that
each try dials anew.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import grpc

from node.clock import Clock
from node.errors import NodeError, NotAllowed, PeerUnreachable
from node.identity.certificates import server_name
from node.identity.keys import Identity
from node.identity.members import Member, MemberBook, MemberState
from node.transport.explain import explain, is_unknown_call
from node.wire import peer_pb2
from node.wire.envelope import Envelope, ReceiptKind
from node.wire.limits import DEFAULT_CALL_SECONDS, DELIVERY_SECONDS, STREAM_CALL_SECONDS, client_options
from node.wire.problem import clean
from node.wire.services import COLLECT, DELIVER, DELIVER_BATCH, HELLO

__all__ = ["DirectCarrier", "PeerVersions"]

MAX_VERSION_CHARACTERS = 128

BATCHES_AGAIN_SECONDS = 600.0
"""For so long a member is given one envelope at a time after a batch did not get through: its node may be one that does
not know batches, or its line too slow for so much in DELIVERY_SECONDS."""

_Reply = TypeVar("_Reply")


class _UnknownCallError(Exception):
    """The other node's version does not have this call."""


@dataclass(frozen=True, slots=True)
class PeerVersions:
    """What another node says of itself. `clock_ahead_seconds`: how far its clock is ahead of ours."""

    protocol: str
    normaliser: str
    software: str
    clock_ahead_seconds: float


class DirectCarrier:
    """Calls other nodes. Safe for several threads. Close it when the node stops."""

    def __init__(self, identity: Identity, book: MemberBook, clock: Clock) -> None:
        self._identity = identity
        self._book = book
        self._clock = clock
        self._lock = threading.Lock()
        # Per member: the digest of the card it was made for, and the channel.
        self._channels: dict[str, tuple[bytes, grpc.Channel]] = {}
        # Members to whom a batch did not get through -> until when they get none (monotonic).
        self._singly: dict[str, float] = {}
        book.watch(self._close_untrusted)

    def deliver(self, envelope: Envelope) -> ReceiptKind:
        """Hand an envelope to its recipient. Raises NotAllowed if that is no confirmed member, PeerUnreachable or
        Busy if it is worth another try later, PeerRefused if the other node said no."""
        member = self._confirmed(envelope.recipient)
        reply = self._call(member, DELIVER, envelope.to_bytes(), peer_pb2.Receipt.FromString, DELIVERY_SECONDS)
        try:
            return ReceiptKind(reply.status)
        except ValueError:
            raise PeerUnreachable(f"{member.alias} answered in a way that is not blindmatch's protocol.") from None

    def deliver_batch(self, envelopes: Sequence[Envelope]) -> int:
        """Hand over several messages of one round's protocol, all for one recipient: how many, from the first on, it
        has stored. Raises as `deliver` does.

        0 where a node does not know this call (version 0.1.0), and for BATCHES_AGAIN_SECONDS after that or after a
        batch that did not get through: what is too much for a line at once may pass in parts.
        """
        recipient = envelopes[0].recipient
        member = self._confirmed(recipient)
        with self._lock:
            if self._singly.get(recipient, 0.0) > self._clock.monotonic():
                return 0
        batch = peer_pb2.Batch(envelopes=[envelope.to_proto() for envelope in envelopes])
        try:
            reply = self._call(
                member,
                DELIVER_BATCH,
                batch.SerializeToString(deterministic=True),
                peer_pb2.BatchReceipt.FromString,
                DELIVERY_SECONDS,
            )
        except (_UnknownCallError, PeerUnreachable) as error:
            with self._lock:
                self._singly[recipient] = self._clock.monotonic() + BATCHES_AGAIN_SECONDS
            if isinstance(error, PeerUnreachable):
                raise
            return 0
        if reply.taken > len(envelopes):
            raise PeerUnreachable(f"{member.alias} answered in a way that is not blindmatch's protocol.")
        return reply.taken

    def hello(self, name: str) -> PeerVersions:
        """Ask a member's node for its versions and its time. Raises as `deliver` does."""
        member = self._confirmed(self._book.get(name).member_id)
        started = self._clock.now()
        request = peer_pb2.HelloRequest().SerializeToString()
        reply = self._call(member, HELLO, request, peer_pb2.HelloReply.FromString, DEFAULT_CALL_SECONDS)
        middle = started + (self._clock.now() - started) / 2
        return PeerVersions(
            clean(reply.protocol, MAX_VERSION_CHARACTERS),
            clean(reply.normaliser, MAX_VERSION_CHARACTERS),
            clean(reply.software, MAX_VERSION_CHARACTERS),
            reply.unix_milliseconds / 1000 - middle.timestamp(),
        )

    def clock_ahead(self, member_id: str) -> timedelta:
        """How far a member's clock is ahead of ours, as its node says now. Raises as `deliver` does."""
        return timedelta(seconds=self.hello(member_id).clock_ahead_seconds)

    def collect(self, member_id: str, receipts: bytes, wait_seconds: float) -> Iterator[Envelope]:
        """Give a member our receipts (or none: empty) and take what waits for us at its node, one envelope at a time;
        if nothing does, wait there for at most so long. Raises as `deliver` does, and PeerError for what is no
        envelope."""
        member = self._confirmed(member_id)
        self._check_dates(member)
        request = peer_pb2.CollectRequest(receipts=receipts, wait_milliseconds=int(1000 * wait_seconds))
        channel = self._channel(member)
        try:
            collect: Callable[..., Any] = channel.unary_stream(COLLECT, None, peer_pb2.Envelope.FromString)
            call = collect(request.SerializeToString(), timeout=STREAM_CALL_SECONDS)
            try:
                for message in call:
                    yield Envelope.from_proto(message)
            finally:
                call.cancel()  # whoever takes these may stop in the middle
        except (grpc.RpcError, ValueError) as error:
            raise self._failed(member, channel, error) from None

    def close(self) -> None:
        """Close every channel."""
        with self._lock:
            channels, self._channels = list(self._channels.values()), {}
        for _, channel in channels:
            channel.close()

    def _confirmed(self, member_id: str) -> Member:
        member = self._book.confirmed(member_id)
        if member is None:
            raise NotAllowed(
                "The recipient is not a confirmed member of this node.",
                advice="`blindmatch member list` shows who is confirmed.",
            )
        return member

    def _call(
        self, member: Member, method: str, request: bytes, read: Callable[[bytes], _Reply], seconds: float
    ) -> _Reply:
        self._check_dates(member)
        if member.card.dials_out_only:
            raise PeerUnreachable(
                f"{member.alias} cannot be called: its card has no address.",
                advice="It calls this node whenever it runs; what is for it waits here until then.",
            )
        channel = self._channel(member)
        try:
            call: Callable[..., _Reply] = channel.unary_unary(method, None, read)
            reply = call(request, timeout=seconds)
        except (grpc.RpcError, ValueError) as error:
            if method == DELIVER_BATCH and is_unknown_call(error):
                raise _UnknownCallError from None
            raise self._failed(member, channel, error) from None
        return reply

    def _failed(self, member: Member, channel: grpc.Channel, error: grpc.RpcError | ValueError) -> NodeError:
        """Throw the channel away; what to raise."""
        # gRPC raises ValueError for a channel that another thread has closed: the member was just removed.
        self._forget(member.member_id, channel)
        if isinstance(error, ValueError):
            return PeerUnreachable(f"The connection to {member.alias} was closed.")
        return explain(error, member)

    def _check_dates(self, member: Member) -> None:
        # Here, because the other side would only hang up, and gRPC would only say that.
        now = self._clock.now()
        ours = self._identity.certificate.date_problem(now)
        if ours:
            raise PeerUnreachable(
                f"The certificate of this node {ours}.",
                advice="Check this computer's clock. If it is right, this node needs a new card.",
            )
        theirs = member.card.certificate.date_problem(now)
        if theirs:
            raise PeerUnreachable(
                f"The certificate of {member.alias} {theirs}.",
                advice="Check this computer's clock. If it is right, ask them for a new card.",
            )

    def _channel(self, member: Member) -> grpc.Channel:
        digest = member.card.digest
        with self._lock:
            known = self._channels.get(member.member_id)
            if known is not None and known[0] == digest:
                return known[1]
            if known is not None:
                known[1].close()
            credentials = grpc.ssl_channel_credentials(
                root_certificates=member.card.certificate.pem,
                private_key=self._identity.tls_key_pem,
                certificate_chain=self._identity.tls_cert_pem,
            )
            channel = grpc.secure_channel(
                f"dns:///{member.card.endpoint}",
                credentials,
                options=client_options(server_name(member.member_id)),
                compression=grpc.Compression.NoCompression,
            )
            self._channels[member.member_id] = (digest, channel)
            return channel

    def _forget(self, member_id: str, channel: grpc.Channel) -> None:
        with self._lock:
            known = self._channels.get(member_id)
            if known is not None and known[1] is channel:
                del self._channels[member_id]
        channel.close()

    def _close_untrusted(self) -> None:
        trusted = {member.member_id for member in self._book.list() if member.state is MemberState.CONFIRMED}
        with self._lock:
            gone = [self._channels.pop(member_id) for member_id in set(self._channels) - trusted]
        for _, channel in gone:
            channel.close()

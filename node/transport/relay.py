"""The relay as a node sees it: put parcels there, take what came, say what is done with.

A relay is a member of class "relay" in our book: its address and its TLS key are those on its card, which two people
took in and compared words for. As with a peer (node.transport.direct) each channel trusts that one certificate only.

What is put there is sealed here for the key on the recipient's card, and opened here when it is taken
(node.wire.parcels); the relay sees names, sizes and times. That it took a parcel is no receipt: until the recipient's
own receipt comes, through the relay as well, the parcel stays in our outbox. What does not open is forgotten there and
counted, since anybody the relay serves can leave bytes for us, and so can the relay.

Not safe for several threads, but for `close`, which breaks off what is under way: who visits a relay does so in one.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import grpc

from node import logs
from node.clock import Clock
from node.errors import Busy, NodeError, NotAllowed, PeerRefused, PeerUnreachable
from node.identity.certificates import server_name
from node.identity.keys import Identity
from node.identity.members import Member, MemberBook
from node.transport.explain import explain
from node.wire import relay_pb2
from node.wire.limits import DEFAULT_CALL_SECONDS, MAX_PARCEL_MESSAGE_BYTES, STREAM_CALL_SECONDS, client_options
from node.wire.parcels import MAX_PARCELS_PER_CALL, Parcel, SealedParcel, place_of, read_content, seal_parcel
from node.wire.sealing import SealBrokenError
from node.wire.services import DONE, PUT, TAKE
from psi.errors import MalformedMessage

__all__ = ["PUT_BYTES", "Parcel", "RelayClient"]

PUT_BYTES = 4 * 1024 * 1024
"""Bytes that one call puts there; one parcel more may go over it. A slow line gets through this much in one call."""
TAKE_BYTES = 32 * 1024 * 1024
"""Bytes that one call of ours takes at most, whatever the relay sends; a relay ends at half of it."""

_T = TypeVar("_T")
_Trouble = relay_pb2.PutReply.Trouble
_log = logs.get("transport")


class RelayClient:
    """Calls to one relay. `relay_id`: its member id in our book. Close it when the node stops.

    Every call raises NotAllowed if the relay is no confirmed member of our book, PeerUnreachable or Busy if another try
    later is worth it, PeerRefused if the relay said no.
    """

    def __init__(self, identity: Identity, book: MemberBook, relay_id: str, clock: Clock) -> None:
        self._identity = identity
        self._book = book
        self._relay_id = relay_id
        self._clock = clock
        self._channel: grpc.Channel | None = None
        self._card_digest = b""

    def put(self, parcels: Sequence[Parcel]) -> int:
        """Leave parcels. Gives how many of them, from the front, the relay has on its disk: at least one.

        Raises for the first one if that cannot be left: Busy while there is no room, PeerRefused with the reason
        "unknown-recipient" while the relay does not serve its recipient, NotAllowed if that is no confirmed member of
        ours. Putting the same parcel again is harmless.
        """
        relay = self._relay()
        keys: dict[str, bytes] = {}
        for parcel in parcels:
            if parcel.recipient not in keys:
                keys[parcel.recipient] = self._sealing_key(parcel.recipient)
        chosen = _first(parcels, PUT_BYTES)
        if not chosen:
            return 0

        def requests() -> Iterator[bytes]:
            for parcel in chosen:
                yield seal_parcel(parcel, keys[parcel.recipient]).to_proto().SerializeToString()

        def call(channel: grpc.Channel) -> relay_pb2.PutReply:
            put: Callable[..., relay_pb2.PutReply] = channel.stream_unary(PUT, None, relay_pb2.PutReply.FromString)
            return put(requests(), timeout=STREAM_CALL_SECONDS)

        reply = self._call(relay, call)
        stored = int(reply.stored)
        if stored > len(chosen) or (stored == 0 and reply.trouble == _Trouble.NONE):
            raise PeerUnreachable(f"{relay.alias} answered in a way that is not blindmatch's protocol.")
        if stored == 0:
            raise _refusal(relay, reply.trouble)
        return stored

    def take(self, limit: int) -> list[Parcel]:
        """What lies there for us, oldest first: at most `limit` parcels; an empty list if nothing does.

        It stays there until `done`. What cannot be opened is not given, and is forgotten there at once.
        """
        relay = self._relay()
        asked = min(limit, MAX_PARCELS_PER_CALL)

        def call(channel: grpc.Channel) -> list[relay_pb2.Parcel]:
            take: Callable[..., Any] = channel.unary_stream(TAKE, None, relay_pb2.Parcel.FromString)
            request = relay_pb2.TakeRequest(limit=asked).SerializeToString()
            answers = take(request, timeout=STREAM_CALL_SECONDS)
            came: list[relay_pb2.Parcel] = []
            size = 0
            for answer in answers:
                came.append(answer)
                size += len(answer.content)
                if len(came) >= asked or size >= TAKE_BYTES:
                    answers.cancel()
                    break
            return came

        parcels: list[Parcel] = []
        useless: list[int] = []
        for message in self._call(relay, call):
            parcel = self._opened(message)
            if parcel is None:
                useless.append(message.number)
            else:
                parcels.append(parcel)
        if useless:
            _log.warning("parcels-unreadable", peer=self._relay_id, dropped=len(useless))
            self.done(useless)
        return parcels

    def done(self, numbers: Sequence[int]) -> None:
        """The relay may forget these. Harmless to repeat."""
        relay = self._relay()
        for start in range(0, len(numbers), MAX_PARCELS_PER_CALL):
            request = relay_pb2.DoneRequest(numbers=numbers[start : start + MAX_PARCELS_PER_CALL]).SerializeToString()

            def call(channel: grpc.Channel, request: bytes = request) -> Any:
                done: Callable[..., Any] = channel.unary_unary(DONE, None, relay_pb2.DoneReply.FromString)
                return done(request, timeout=DEFAULT_CALL_SECONDS)

            self._call(relay, call)

    def close(self) -> None:
        """Close the connection."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def _relay(self) -> Member:
        relay = self._book.confirmed(self._relay_id)
        if relay is None:
            self.close()
            raise NotAllowed(
                "The relay is not a confirmed member of this node.",
                advice="`blindmatch member list` shows who is confirmed.",
            )
        return relay

    def _sealing_key(self, member_id: str) -> bytes:
        member = self._book.confirmed(member_id)
        if member is None:
            raise NotAllowed(
                "The recipient is not a confirmed member of this node.",
                advice="`blindmatch member list` shows who is confirmed.",
            )
        return bytes.fromhex(member.card.sealing_key)

    def _opened(self, message: relay_pb2.Parcel) -> Parcel | None:
        try:
            sealed = SealedParcel.from_proto(message)
            if sealed.recipient != self._identity.member_id:
                return None
            plaintext = self._identity.open_note(place_of(sealed.sender, sealed.recipient), sealed.content)
            return read_content(sealed, plaintext)
        except (MalformedMessage, SealBrokenError):
            return None

    def _call(self, relay: Member, call: Callable[[grpc.Channel], _T]) -> _T:
        self._check_dates(relay)
        channel = self._connected(relay)
        try:
            return call(channel)
        except (grpc.RpcError, ValueError) as error:
            # gRPC raises ValueError for a channel that another thread has closed: the node is stopping.
            self.close()
            if isinstance(error, ValueError):
                raise PeerUnreachable(f"The connection to {relay.alias} was closed.") from None
            raise _explained(error, relay) from None

    def _check_dates(self, relay: Member) -> None:
        now = self._clock.now()
        for whose, certificate in (("this node", self._identity.certificate), (relay.alias, relay.card.certificate)):
            problem = certificate.date_problem(now)
            if problem:
                raise PeerUnreachable(
                    f"The certificate of {whose} {problem}.",
                    advice="Check this computer's clock. If it is right, a new card is needed.",
                )

    def _connected(self, relay: Member) -> grpc.Channel:
        if self._channel is None or self._card_digest != relay.card.digest:
            self.close()
            credentials = grpc.ssl_channel_credentials(
                root_certificates=relay.card.certificate.pem,
                private_key=self._identity.tls_key_pem,
                certificate_chain=self._identity.tls_cert_pem,
            )
            self._channel = grpc.secure_channel(
                f"dns:///{relay.card.endpoint}",
                credentials,
                options=client_options(server_name(relay.member_id), MAX_PARCEL_MESSAGE_BYTES),
                compression=grpc.Compression.NoCompression,
            )
            self._card_digest = relay.card.digest
        return self._channel


def _first(parcels: Sequence[Parcel], most_bytes: int) -> Sequence[Parcel]:
    """The first parcels, up to MAX_PARCELS_PER_CALL and to the one that reaches `most_bytes`."""
    size = 0
    for place, parcel in enumerate(parcels[:MAX_PARCELS_PER_CALL], start=1):
        size += len(parcel.envelope) + len(parcel.receipts)
        if size >= most_bytes:
            return parcels[:place]
    return parcels[:MAX_PARCELS_PER_CALL]


def _refusal(relay: Member, trouble: int) -> NodeError:
    if trouble == _Trouble.UNKNOWN_RECIPIENT:
        return PeerRefused(
            f"The relay {relay.alias} does not serve the recipient.",
            advice="The recipient has to give its card to whoever runs the relay (`blindmatch relay admit` there). "
            "Nothing is lost; it is tried again.",
            reason="unknown-recipient",
        )
    if trouble == _Trouble.PAIR_FULL:
        return Busy(
            f"As much as the relay {relay.alias} keeps for one recipient lies there already, and the recipient has not "
            "come for it.",
            advice="Nothing is lost; it is tried again. Ask the recipient whether its node runs and visits the relay.",
        )
    return Busy(
        f"The relay {relay.alias} has no room left.",
        advice="Nothing is lost; it is tried again. Tell whoever runs the relay.",
    )


def _explained(error: grpc.RpcError, relay: Member) -> NodeError:
    """As for a peer, but a relay admits and does not confirm."""
    found = explain(error, relay)
    details = (error.details() or "") if isinstance(error, grpc.Call) else ""
    if isinstance(found, PeerUnreachable) and any(word in details for word in ("Socket closed", "Connection reset")):
        return PeerUnreachable(
            f"The relay {relay.alias} closed the connection without a word: most likely it has not admitted this node.",
            advice="Give the card of this node (`blindmatch card export FILE`) to whoever runs the relay.",
        )
    return found

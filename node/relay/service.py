"""The three calls of a relay. Who calls was settled before (node.rpc.interceptors): here it is only a member id.

A caller puts parcels in its own name only, and takes and forgets those that lie there for itself. Of a stream no more
than BATCH_BYTES is held in memory before it is on the disk. A stream may last minutes on a slow line, so one member has
CALLS_PER_MEMBER at once, the second of them only while half of the places are free, and all members together have
SPARE_THREADS fewer than there are threads: whoever holds places, others are answered, if only that they have to wait.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc

from node.errors import Busy
from node.relay.mailbox import Mailbox, Trouble
from node.rpc.interceptors import calling_id
from node.wire import relay_pb2
from node.wire.parcels import MAX_PARCELS_PER_CALL, SealedParcel
from node.wire.services import RELAY
from psi.errors import MalformedMessage, WrongParty

__all__ = ["BATCH_BYTES", "CALLS_PER_MEMBER", "SPARE_THREADS", "Counters", "RelayService"]

BATCH_BYTES = 4 * 1024 * 1024
"""Bytes of parcels that are stored in one transaction; one parcel more may be held."""

CALLS_PER_MEMBER = 2
"""Streams that one member may have open at once. A node visits with one; another may be left from a broken line."""
SPARE_THREADS = 2
"""Threads that streams never take: `Done`, and the answer to a stream too many, need one."""

_TROUBLES = {
    None: "NONE",
    Trouble.UNKNOWN_RECIPIENT: "UNKNOWN_RECIPIENT",
    Trouble.PAIR_FULL: "PAIR_FULL",
    Trouble.SENDER_FULL: "RELAY_FULL",  # of the relay's room, as much as this sender may have
    Trouble.RELAY_FULL: "RELAY_FULL",
}


@dataclass
class Counters:
    """What this process has done since it started, in parcels; `turned_away`: calls of `Put` that ended early;
    `expired`: parcels that were thrown away at a sweep because nobody came for them."""

    stored: int = 0
    known: int = 0
    shown: int = 0
    done: int = 0
    turned_away: int = 0
    expired: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, **more: int) -> None:
        with self._lock:
            for name, number in more.items():
                setattr(self, name, getattr(self, name) + number)

    def as_dict(self) -> dict[str, int]:
        names = ("stored", "known", "shown", "done", "turned_away", "expired")
        with self._lock:
            return {name: getattr(self, name) for name in names}


class RelayService:
    """The behaviours of the service `Relay`. `workers`: threads that answer calls, more than SPARE_THREADS."""

    def __init__(self, mailbox: Mailbox, counters: Counters, *, workers: int) -> None:
        self._mailbox = mailbox
        self._counters = counters
        self._workers = workers
        self._lock = threading.Lock()
        self._streams = Counter[str]()

    def handler(self) -> grpc.GenericRpcHandler:
        """The service for gRPC."""
        put = grpc.stream_unary_rpc_method_handler(
            self.put, relay_pb2.Parcel.FromString, relay_pb2.PutReply.SerializeToString
        )
        take = grpc.unary_stream_rpc_method_handler(
            self.take, relay_pb2.TakeRequest.FromString, relay_pb2.Parcel.SerializeToString
        )
        done = grpc.unary_unary_rpc_method_handler(
            self.done, relay_pb2.DoneRequest.FromString, relay_pb2.DoneReply.SerializeToString
        )
        return grpc.method_handlers_generic_handler(RELAY.full_name, {"Put": put, "Take": take, "Done": done})

    def put(self, requests: Iterator[relay_pb2.Parcel], _context: grpc.ServicerContext) -> relay_pb2.PutReply:
        """Store what comes, up to the first parcel that cannot be. Raises PsiError for one that breaks the rules."""
        me = calling_id()
        with self._turn(me):
            return self._put(me, requests)

    def take(self, request: relay_pb2.TakeRequest, _context: grpc.ServicerContext) -> Iterator[relay_pb2.Parcel]:
        """What lies there for the caller."""
        return self._shown(calling_id(), min(request.limit, MAX_PARCELS_PER_CALL))

    def done(self, request: relay_pb2.DoneRequest, _context: grpc.ServicerContext) -> relay_pb2.DoneReply:
        """Forget what the caller names."""
        if len(request.numbers) > MAX_PARCELS_PER_CALL:
            raise MalformedMessage(f"A call names at most {MAX_PARCELS_PER_CALL} parcels.")
        # SQLite's numbers end at 2^63; no parcel has such a one.
        removed = self._mailbox.done(calling_id(), [number for number in request.numbers if number < 2**63])
        self._counters.add(done=removed)
        return relay_pb2.DoneReply(removed=removed)

    def _put(self, me: str, requests: Iterator[relay_pb2.Parcel]) -> relay_pb2.PutReply:
        stored, trouble, too_many = 0, None, False
        batch: list[SealedParcel] = []
        for number, request in enumerate(requests, start=1):
            if number > MAX_PARCELS_PER_CALL:
                too_many = True
                break
            parcel = SealedParcel.from_proto(request)
            if parcel.sender != me:
                raise WrongParty("The parcel names another sender than the member that brings it.")
            if parcel.recipient == me:
                raise WrongParty("The parcel is for the very member that brings it.")
            batch.append(parcel)
            if sum(len(one.content) for one in batch) >= BATCH_BYTES:
                count, trouble = self._store(batch)
                stored, batch = stored + count, []
                if trouble is not None:
                    break
        if batch:
            count, trouble = self._store(batch)
            stored += count
        if trouble is not None:
            self._counters.add(turned_away=1)
        said = "TOO_MANY" if too_many and trouble is None else _TROUBLES[trouble]
        return relay_pb2.PutReply(stored=stored, trouble=said)

    def _shown(self, recipient: str, limit: int) -> Iterator[relay_pb2.Parcel]:
        with self._turn(recipient):
            for parcel in self._mailbox.take(recipient, limit):
                yield parcel.to_proto()
                self._counters.add(shown=1)

    @contextmanager
    def _turn(self, member_id: str) -> Iterator[None]:
        """One of the streams that a member, and all together, may have open. Raises Busy."""
        most = self._workers - SPARE_THREADS
        with self._lock:
            mine, all_open = self._streams[member_id], self._streams.total()
            if mine >= CALLS_PER_MEMBER or (mine and all_open >= most // 2):
                raise Busy("This member has as many calls under way as it may.", advice="Try again in a moment.")
            if all_open >= most:
                raise Busy("The relay has as many calls under way as it can.", advice="Try again in a moment.")
            self._streams[member_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._streams[member_id] -= 1
                if not self._streams[member_id]:
                    del self._streams[member_id]

    def _store(self, batch: list[SealedParcel]) -> tuple[int, Trouble | None]:
        stored, known, trouble = self._mailbox.put(batch)
        self._counters.add(stored=stored - known, known=known)
        return stored, trouble

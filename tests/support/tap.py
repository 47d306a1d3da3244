"""A tap inside TLS and inside the seal of envelopes: every message that gRPC is given for a peer, and every one that it
hands out, byte for byte.

    with listening(tap):                 from here on every channel and every service of this process is tapped
        with serving(folder, ..., adapt=tap.adapt): ...

It sits between the node and gRPC, under everything a node does and above the encryption: a message that a node sends
by any other method, or beside its envelopes, is caught as well, and a kind of call that the tap does not know fails.
Each call is kept with the number of entries that the caller's audit log held just before it.
"""

import base64
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import grpc

from node.operations import Parts
from node.rounds.mailbox import PROTOCOL_LINE
from node.wire import peer_pb2
from node.wire.envelope import Envelope, EnvelopeKind
from node.wire.services import DELIVER, DELIVER_BATCH
from psi.errors import PsiError
from psi.messages import Message, decode
from tests.support.inside import inside

__all__ = ["Caught", "Sent", "Tap", "arrivals", "length_findings", "listening", "protocol", "read_tap", "sent"]

UNKNOWN = -1
"""In place of a number of audit entries: the caller is not known."""


@dataclass(frozen=True)
class Caught:
    """One call. `side`: caller or callee; the callee's record holds the request only. `error`: code, text, trailers;
    `inside`: what is sealed in the request."""

    side: str
    method: str
    request: bytes
    reply: bytes
    error: bytes
    entries: int
    inside: bytes

    @property
    def plaintext(self) -> bytes:
        return b"\n".join((self.method.encode(), self.request, self.inside, self.reply, self.error))

    def to_line(self) -> str:
        fields = {k: base64.b64encode(v).decode() if isinstance(v, bytes) else v for k, v in asdict(self).items()}
        return json.dumps(fields) + "\n"

    @classmethod
    def from_line(cls, line: str) -> "Caught":
        fields = json.loads(line)
        for name in ("request", "reply", "error", "inside"):
            fields[name] = base64.b64decode(fields[name])
        return cls(**fields)


class Tap:
    """What was caught in this process, in `caught` and, if there is a `path`, in that file. Safe for threads."""

    def __init__(self, path: Path | None = None) -> None:
        self.caught: list[Caught] = []
        self._path = path
        self._lock = threading.Lock()
        self._logs: dict[str, Callable[[], int]] = {}

    def adapt(self, parts: Parts) -> None:
        """For `node.app.serving`: from now on the calls of this node are kept with the size of its audit log."""
        self._logs[parts.identity.member_id] = parts.audit.size

    def keep(self, caught: Caught) -> None:
        with self._lock:
            self.caught.append(caught)
            if self._path is not None:
                with self._path.open("a") as file:
                    file.write(caught.to_line())

    @staticmethod
    def inside(method: str, request: bytes) -> bytes:
        """What is sealed in an envelope; nothing for one that a process before this one sealed."""
        if method != DELIVER:
            return b""
        try:
            return inside(Envelope.from_bytes(request))
        except KeyError:
            return b""

    def entries(self, method: str, request: bytes) -> int:
        if method not in (DELIVER, DELIVER_BATCH):
            return UNKNOWN
        first = next(one for _, one, _ in _each(method, request, b""))
        size = self._logs.get(Envelope.from_bytes(first).sender)
        return UNKNOWN if size is None else size()


def read_tap(path: Path) -> list[Caught]:
    return [Caught.from_line(line) for line in path.read_text().splitlines()] if path.exists() else []


class _Channel:
    """A channel of which only unary calls can be used; it passes on bytes."""

    def __init__(self, tap: Tap, channel: grpc.Channel) -> None:
        self._tap = tap
        self._channel = channel

    def unary_unary(self, method: str, write: Any = None, read: Any = None) -> Callable[..., Any]:
        call: Callable[..., bytes] = self._channel.unary_unary(method, None, None)

        def tapped(request: Any, **options: Any) -> Any:
            assert "metadata" not in options, "the tap does not keep what goes in headers"
            data: bytes = request if write is None else write(request)
            entries = self._tap.entries(method, data)
            reply = error = b""
            try:
                reply = call(data, **options)
            except grpc.RpcError as refused:
                error = _error(refused)
                raise
            finally:
                for one, its_data, its_reply in _each(method, data, reply):
                    inside = self._tap.inside(one, its_data)
                    self._tap.keep(Caught("caller", one, its_data, its_reply, error, entries, inside))
            return reply if read is None else read(reply)

        return tapped

    def close(self) -> None:
        self._channel.close()


def _each(method: str, data: bytes, reply: bytes) -> Iterator[tuple[str, bytes, bytes]]:
    """The calls that a call stands for: a batch is as many deliveries, and those that were taken have their receipt."""
    if method != DELIVER_BATCH:
        yield method, data, reply
        return
    taken = peer_pb2.BatchReceipt.FromString(reply).taken
    receipt = peer_pb2.Receipt(status="ACCEPTED").SerializeToString()
    for number, envelope in enumerate(peer_pb2.Batch.FromString(data).envelopes):
        yield DELIVER, envelope.SerializeToString(deterministic=True), receipt if number < taken else b""


def _error(refused: grpc.RpcError) -> bytes:
    if not isinstance(refused, grpc.Call):
        return b"?"
    trailers = [f"{key}=".encode() + _bytes(value) for key, value in refused.trailing_metadata() or ()]
    return b"\n".join((refused.code().name.encode(), (refused.details() or "").encode(), *trailers))


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


@contextmanager
def listening(tap: Tap) -> Iterator[Tap]:
    """While the block lasts, every channel to a peer and every unary service that is made in this process is tapped."""
    secure, insecure, unary = grpc.secure_channel, grpc.insecure_channel, grpc.unary_unary_rpc_method_handler
    tapped_writers: set[int] = set()

    def channel(target: str, *args: Any, **options: Any) -> Any:
        made = secure(target, *args, **options)
        return made if target.startswith("unix") else _Channel(tap, made)

    def refuse(*_args: Any, **_options: Any) -> Any:
        raise AssertionError("a node made a channel without TLS")

    def handler(behaviour: Any, read: Any = None, write: Any = None) -> Any:
        if id(write) in tapped_writers:  # an interceptor wraps the handler of a service that is tapped already
            return unary(behaviour, read, write)

        def reading(data: bytes) -> Any:
            tap.keep(Caught("callee", "", data, b"", b"", UNKNOWN, b""))
            return data if read is None else read(data)

        def writing(reply: Any) -> bytes:
            data: bytes = reply if write is None else write(reply)
            return data

        kept.append(writing)
        tapped_writers.add(id(writing))
        return unary(behaviour, reading, writing)

    kept: list[Any] = []  # so that no id is used twice
    module: Any = grpc
    module.secure_channel, module.insecure_channel = channel, refuse
    module.unary_unary_rpc_method_handler = handler
    try:
        yield tap
    finally:
        module.secure_channel, module.insecure_channel = secure, insecure
        module.unary_unary_rpc_method_handler = unary


@dataclass(frozen=True)
class Sent:
    """An envelope as its sender sent it for the first time. `kind` names the protocol's message where it is one."""

    envelope: Envelope
    kind: str
    length: int
    reply_length: int
    entries: int
    payload: bytes

    @property
    def message(self) -> Message:
        return decode(self.payload)


def sent(caught: Iterable[Caught], round_id: str) -> list[Sent]:
    """The envelopes of a round, each once, in the order in which they were sent. AssertionError if a resend differs."""
    seen: dict[tuple[str, str, int], bytes] = {}
    found: list[Sent] = []
    for call in caught:
        if call.side != "caller" or call.method != DELIVER:
            continue
        envelope = Envelope.from_bytes(call.request)
        place = (envelope.sender, envelope.recipient, envelope.sequence)
        if envelope.round_id != round_id:
            continue
        assert seen.setdefault(place, call.request) == call.request, "a resend is not what was sent first"
        if len(found) < len(seen):
            found.append(
                Sent(
                    envelope,
                    _kind(envelope, call.inside),
                    len(call.request),
                    len(call.reply),
                    call.entries,
                    call.inside,
                )
            )
    return found


def protocol(caught: Iterable[Caught], round_id: str, sender: str) -> list[Sent]:
    """Those of them that are messages of the protocol from one sender."""
    return [
        one
        for one in sent(caught, round_id)
        if one.envelope.sender == sender and one.envelope.kind is EnvelopeKind.ROUND
    ]


def arrivals(caught: Iterable[Caught]) -> set[bytes]:
    """Every request that a service of a tapped process was handed."""
    return {call.request for call in caught if call.side == "callee"}


def _kind(envelope: Envelope, payload: bytes) -> str:
    if envelope.kind is not EnvelopeKind.ROUND:
        return envelope.kind.name
    try:
        return type(decode(payload)).__name__
    except PsiError:
        return "unreadable"


Line = list[tuple[str, int, int]]


def _lines(messages: Iterable[Sent]) -> Mapping[tuple[str, str, str], Line]:
    """Per direction and line (messages about the round, messages of its protocol): kind, length and length of the
    reply, in the order of their numbers. How the two lines interleave is a matter of timing, and so is where notes
    about audit logs stand among the other notes: they count as a line of their own."""
    lines: dict[tuple[str, str, str], Line] = {}
    for one in sorted(messages, key=lambda one: one.envelope.sequence):
        line = "protocol" if one.envelope.sequence > PROTOCOL_LINE else "about"
        if one.kind == "WITNESS":
            line = "audit logs"
        place = (one.envelope.sender, one.envelope.recipient, line)
        lines.setdefault(place, []).append((one.kind, one.length, one.reply_length))
    return lines


def length_findings(rounds: Mapping[str, list[Sent]]) -> list[str]:
    """Where the messages of rounds, each under a name, differ in number, direction, kind or length."""
    (first, expected), *others = ((name, _lines(messages)) for name, messages in rounds.items())
    findings = [f"{first}: no message at all"] if not expected else []
    for name, lines in others:
        for place in sorted(set(expected) | set(lines)):
            here, there = expected.get(place, []), lines.get(place, [])
            if len(here) != len(there):
                findings.append(f"{place}: {len(here)} messages in {first}, {len(there)} in {name}")
            findings += [
                f"{place}: {one} in {first}, {other} in {name}"
                for one, other in zip(here, there, strict=False)
                if one != other
            ]
    return findings

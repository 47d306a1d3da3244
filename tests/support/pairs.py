"""Two sides of protocol `pair` in one process, with lists in memory: for tests of the protocol itself."""

import contextlib
import hashlib
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from psi.backend import Backend, choose
from psi.messages import Checkpoint, Message, decode
from psi.protocol.listing import PADDING, Listing, blind_list, identifier_message
from psi.protocol.pair import PairSession
from psi.protocol.states import Gate, Place, Reply
from psi.protocol.terms import Band, PairSpools, PairTerms
from psi.secret import SecretBytes
from psi.spool import CHUNK_ROWS, MemorySpool, chunks

AGREEMENT = hashlib.sha512(b"an agreement").digest()
RUN = b"\x07" * 16


def counting_random(seed: str) -> Callable[[int], bytes]:
    """Bytes that look random and are the same in every run."""
    counter = itertools.count()
    return lambda size: hashlib.shake_256(f"{seed}/{next(counter)}".encode()).digest(size)


class FakeVoice:
    """Signs with a hash under a name: the protocol does not care how."""

    def __init__(self, me: str, peer: str) -> None:
        self.me, self.peer = me, peer

    def sign(self, label: bytes, data: bytes) -> bytes:
        return hashlib.sha512(self.me.encode() + b"|" + label + b"|" + data).digest()

    def verify_peer(self, label: bytes, data: bytes, signature: bytes) -> bool:
        return signature == hashlib.sha512(self.peer.encode() + b"|" + label + b"|" + data).digest()

    def checkpoint(self) -> Checkpoint:
        return Checkpoint(1, bytes(32), bytes(64))


@dataclass
class Side:
    """One side: its session, its values in order, and which value stands where in its sorted list."""

    session: PairSession
    values: list[str]
    order: MemorySpool
    scalar: SecretBytes
    sent: list[bytes] = field(default_factory=list)

    def learned(self) -> set[str]:
        """The own values that the session found to agree."""
        found = set()
        places = b"".join(chunks(self.order))
        for chunk in chunks(self.session.spools.matches):
            for at in range(0, len(chunk), 16):
                position = int.from_bytes(chunk[at : at + 8], "big")
                number = int.from_bytes(places[8 * position : 8 * position + 8], "big")
                assert number != PADDING
                found.add(self.values[number])
        return found

    def release(self, values: Iterable[str]) -> None:
        """Put the peer positions of these own values into the release spool."""
        wanted, rows = set(values), []
        places = b"".join(chunks(self.order))
        for chunk in chunks(self.session.spools.matches):
            for at in range(0, len(chunk), 16):
                position = int.from_bytes(chunk[at : at + 8], "big")
                number = int.from_bytes(places[8 * position : 8 * position + 8], "big")
                if self.values[number] in wanted:
                    rows.append(chunk[at + 8 : at + 16])
        rows.sort()
        for start in range(0, len(rows), CHUNK_ROWS):
            self.session.spools.release.append(b"".join(rows[start : start + CHUNK_ROWS]))


def spools() -> PairSpools:
    return PairSpools.make(lambda _name, width: MemorySpool(width))


def messages_of(values: Sequence[str], agreement: bytes = AGREEMENT) -> list[list[bytes]]:
    encoded = [identifier_message(agreement, "phone", "test/1", value) for value in values]
    return [encoded[start : start + CHUNK_ROWS] for start in range(0, len(encoded), CHUNK_ROWS)]


def make_side(
    values: Sequence[str],
    terms: PairTerms,
    *,
    backend: Backend | None = None,
    list_scalar: SecretBytes | None = None,
    seed: str = "",
) -> Side:
    """A side ready to open. `list_scalar` blinds the list under another scalar than the key: the two-scalar cheater."""
    backend = backend or choose()
    random_bytes = counting_random(f"{seed}{terms.me}")
    scalar = backend.new_scalar(random_bytes)
    lists, order = spools(), MemorySpool(8)
    listing: Listing = blind_list(
        messages_of(values, terms.agreement),
        size=terms.my_size,
        scalar=list_scalar or scalar,
        backend=backend,
        random_bytes=random_bytes,
        mine=lists.mine,
        order=order,
    )
    session = PairSession.begin(
        terms,
        listing,
        scalar=scalar,
        spools=lists,
        voice=FakeVoice(terms.me, terms.peer),
        backend=backend,
        random_bytes=random_bytes,
    )
    return Side(session, list(values), order, scalar)


def make_pair(
    first: Sequence[str],
    second: Sequence[str],
    reply: Reply = Reply.ORDERED,
    *,
    first_size: int = 64,
    second_size: int = 64,
    bands: tuple[Band, ...] = (),
    max_released: int = 1 << 16,
    seed: str = "",
) -> tuple[Side, Side]:
    """The first learner and the other side, under the same terms."""
    terms = PairTerms(
        "alder", "birch", Place.FIRST, reply, AGREEMENT, RUN, first_size, second_size, bands, max_released
    )
    mirrored = replace(terms, me="birch", peer="alder", place=Place.SECOND, my_size=second_size, peer_size=first_size)
    return make_side(first, terms, seed=seed), make_side(second, mirrored, seed=seed)


def say(side: Side) -> bytes | None:
    """The side's next message as bytes, after giving every permission that does not need a person."""
    if side.session.waiting_for is Gate.ANSWER:
        side.session.permit_answer()
    if side.session.waiting_for is Gate.COUNT:
        side.session.permit_count(len(side.learned()))
    message = side.session.next_message()
    if message is None:
        return None
    data = message.encode()
    side.sent.append(data)
    return data


Change = Callable[[Place, Message], Sequence[Message]]
"""What a cheat makes of an honest side's message before it is delivered: other messages, several, or none."""


def run(first: Side, second: Side, *, release: Iterable[str] | None = None, change: Change | None = None) -> None:
    """Both sides talk until both have closed. `release`: the first learner's values to release; None: all it found.

    `change` sees every message on its way and may put others in its place. RuntimeError if neither side can go on.
    """
    while not (first.session.finished and second.session.finished):
        moved = False
        for side, other in ((first, second), (second, first)):
            while (data := say(side)) is not None:
                message = decode(data)
                for told in change(side.session.terms.place, message) if change else [message]:
                    other.session.receive(told)
                moved = True
            if side.session.waiting_for is Gate.RELEASE:
                if side.session.terms.reply in (Reply.RELEASED, Reply.COUNT_RELEASED):
                    side.release(side.learned() if release is None else release)
                side.session.permit_release()
                moved = True
        if not moved:
            raise RuntimeError("neither side can go on")


def swap(kind: type[Message], by: Callable[[Any], Message], place: Place | None = None) -> Change:
    """A cheat that changes the first message of one kind (said by `place`, if given) and leaves the rest alone."""
    done = False

    def change(sender: Place, message: Message) -> Sequence[Message]:
        nonlocal done
        if done or not isinstance(message, kind) or place not in (None, sender):
            return [message]
        done = True
        return [by(message)]

    return change


def until(first: Side, second: Side, kind: type[Message], place: Place) -> Message:
    """Let both talk until `place` says its first message of a kind; that one is returned and not delivered."""
    held: list[Message] = []

    def change(sender: Place, message: Message) -> Sequence[Message]:
        if held or (sender is place and isinstance(message, kind)):
            held.append(message)
            return []
        return [message]

    with contextlib.suppress(RuntimeError):
        run(first, second, change=change)
    return held[0]


def elements_of(data: bytes) -> list[bytes]:
    return [data[at : at + 32] for at in range(0, len(data), 32)]

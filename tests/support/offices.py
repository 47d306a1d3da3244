"""Organisations for tests: an identity, a store, a member book and an audit log each, introduced to one another."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from node.audit import AuditLog, NoteKey, NoteSigner
from node.clock import Clock, ManualClock
from node.identity.cards import Profile
from node.identity.keys import Identity
from node.identity.members import Member, MemberBook
from node.rpc.peer import PeerService, Versions
from node.rpc.refusals import RefusalLog
from node.rpc.server import PeerServer
from node.store import KeyRing, StateDir, Store
from node.wire.envelope import Envelope, EnvelopeKind, ReceiptKind
from tests.support.stores import CHEAP, secret

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ROUND = "00112233445566778899aabbccddeeff"


def profile(name: str = "Harbour House", **changes: object) -> Profile:
    values: dict[str, object] = {
        "name": name,
        "member_class": "ngo",
        "country": "NL",
        "languages": ["nl", "en"],
        "contact": "The night desk",
        "endpoint": "127.0.0.1:7443",
    }
    return Profile.of(values | changes)


@dataclass
class Office:
    folder: Path
    store: Store
    identity: Identity
    audit: AuditLog
    book: MemberBook
    clock: Clock

    @property
    def card_file(self) -> bytes:
        return self.identity.signed_card.to_bytes()

    def trust(self, other: "Office") -> Member:
        """Two people of this office take in the other one's card."""
        member = self.book.add(other.card_file, "Ada")
        return self.book.confirm(member.alias, " ".join(self.book.check_words(member.alias)), "Ben")

    def events(self, name: str) -> list[dict[str, object]]:
        """The facts of every audit entry with this event."""
        return [dict(entry.facts) for entry in self.audit.entries() if entry.event == name]

    def envelope(self, other: "Office", payload: bytes = b"payload", sequence: int = 1) -> Envelope:
        return Envelope.signed(
            self.identity,
            round_id=ROUND,
            recipient=other.identity.member_id,
            sequence=sequence,
            kind=EnvelopeKind.ROUND,
            payload=payload,
        )


@contextmanager
def office(
    folder: Path, name: str = "Harbour House", *, clock: Clock | None = None, **changes: object
) -> Iterator[Office]:
    """A new organisation. `clock` is a ManualClock at START unless given."""
    clock = clock or ManualClock(START)
    state = StateDir(folder)
    state.create()
    KeyRing.create(state.key, secret(), os.urandom, cost=CHEAP).close()
    keys = KeyRing.open(state.key, secret())
    store = Store.open(state.database_url, keys, clock=clock)
    try:
        identity = Identity.create(store, profile(name, **changes), clock=clock, random_bytes=os.urandom)
        signer = NoteSigner(NoteKey.of_member(identity.member_id, identity.public_key), identity.sign_note)
        audit = AuditLog(store, signer, clock)
        yield Office(folder, store, identity, audit, MemberBook(store, audit, identity, clock), clock)
    finally:
        store.close()
        keys.close()


@dataclass
class Pigeonhole:
    """An inbox that keeps what comes and answers as told; raises `error` if there is one."""

    answer: ReceiptKind = ReceiptKind.ACCEPTED
    error: Exception | None = None
    taken: list[tuple[str, Envelope]] = field(default_factory=list)

    def accept(self, member: Member, envelope: Envelope) -> ReceiptKind:
        if self.error is not None:
            raise self.error
        self.taken.append((member.alias, envelope))
        return self.answer

    def accept_batch(self, member: Member, envelopes: Sequence[Envelope]) -> int:
        if self.error is not None:
            raise self.error
        self.taken += [(member.alias, envelope) for envelope in envelopes]
        return len(envelopes)


@contextmanager
def serving(host: Office, inbox: Pigeonhole, port: int = 0) -> Iterator[int]:
    """The office's peer server on loopback; gives the port and stops the server at the end."""
    versions = Versions("pair/1", "bm1.test", "0.1.0")
    server = PeerServer(
        f"127.0.0.1:{port}",
        identity=host.identity,
        book=host.book,
        service=PeerService(host.identity.member_id, inbox, versions, host.clock),
        refusals=RefusalLog(host.store, host.audit, host.clock),
        clock=host.clock,
    )
    bound = server.start()
    try:
        yield bound
    finally:
        server.stop(0.2)

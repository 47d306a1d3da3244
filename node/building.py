"""What a node is made of: builds the objects from a node's folder and ties them together. Nothing here runs or listens.

    build(stack, folder, ...)    settings, keys, database, identity and what stands on them, as `Parts`
    wire_up(parts, ...)          who is told of what, once the node runs
    visits_of(parts)             what takes things from relays and members

`node.app` opens, serves and restores nodes with it. What the environment may say: `BLINDMATCH_BACKEND` names the
arithmetic to use (`psi.backend`).
"""

import os
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from node import config
from node.arithmetic import ParallelBackend, usable_processors
from node.audit import AuditLog, NoteKey, NoteSigner
from node.audit.witness import Witness
from node.clock import Clock
from node.datasets import DatasetBook
from node.identity.keys import Identity
from node.identity.members import MemberBook
from node.ids import RandomBytes
from node.keeping.moving import check_not_left, finish_move
from node.operations import Parts
from node.operations.budgets import grant_approved
from node.operations.policies import children_approved
from node.policy import Budget, Limits
from node.policy.exposure import Exposures
from node.policy.grants import GrantBook
from node.policy.narrowing import load_policy
from node.rounds.book import RoundBook
from node.rounds.contact import ContactDesk
from node.rounds.conversation import Workshop
from node.rounds.engine import RoundEngine
from node.rounds.known_different import KnownDifferent
from node.rounds.leads import LeadBook
from node.rounds.mailbox import Inbox, Outbox
from node.rounds.negotiation import Negotiation
from node.rounds.post import Post
from node.rounds.presence import Presence
from node.rounds.progress import ProgressBoard
from node.rounds.reviews import Reviews
from node.rounds.room import Room
from node.rounds.seals import Seals
from node.rounds.tripwires import Tripwires
from node.rounds.witnessing import Witnessing
from node.rpc.refusals import RefusalLog
from node.staff import Approvals, Roster, Subject
from node.store import KeyRing, SpoolFolder, StateDir, Store, UpgradeTold, read_address, untold
from node.transport.collecting import Bell
from node.transport.direct import DirectCarrier
from node.transport.door import Door
from node.transport.relay import RelayClient
from node.transport.routes import Routes
from node.transport.visits import Visits
from node.tripwires import FreezeBook
from node.wire.envelope import EnvelopeKind
from psi.backend import Backend, choose
from psi.secret import SecretBytes

__all__ = ["Unlock", "audit_log", "build", "chosen_backend", "database_address", "visits_of", "wire_up"]

Unlock = Callable[[Path, SecretBytes | None], KeyRing]
"""Opens a key file: its place, and the passphrase or what stands for it."""

BACKEND_VARIABLE = "BLINDMATCH_BACKEND"


def chosen_backend() -> Backend:
    """The arithmetic that the environment names, or the best there is; self-tested."""
    return choose(os.environ.get(BACKEND_VARIABLE) or None)


def database_address(state: StateDir, settings: config.Config) -> str:
    """Where a node's database is, as a URL; one of a server holds a password. UserError if its file cannot be used."""
    named = settings.store.database_file
    return read_address(state.path / named) if named else state.database_url


def build(
    stack: ExitStack,
    state: StateDir,
    passphrase: SecretBytes | None,
    clock: Clock,
    random_bytes: Callable[[int], bytes],
    unlock: Unlock = KeyRing.open,
    *,
    address: str | None = None,
    tell: UpgradeTold = untold,
) -> Parts:
    """The parts of a node from its folder; `stack` closes them. Nothing runs yet. `address`: URL of the database, in
    place of what the settings say; `tell` hears of an upgrade of it, which such a database gets without a copy."""
    settings, policy = config.load(state.config), load_policy(state.policy)
    backend = ParallelBackend(chosen_backend(), settings.limits.arithmetic_threads or usable_processors())
    stack.callback(backend.close)
    keys = unlock(state.key, passphrase)
    stack.callback(keys.close)
    where = address or database_address(state, settings)
    store = Store.open(where, keys, clock=clock, tell=tell, copy=address is None)
    stack.callback(store.close)
    if address is None:
        if not settings.store.database_file:
            check_not_left(store)
        elif state.database.exists():
            finish_move(state, keys, store)
    identity = Identity.load(store)
    audit = audit_log(store, identity, clock, random_bytes)
    roster = Roster(store, audit, clock, random_bytes)
    approvals = Approvals(store, audit, clock, roster)
    approvals.when(Subject.STAFF, roster.approved)
    members = MemberBook(store, audit, identity, clock)
    datasets = DatasetBook(
        store,
        state.records,
        audit,
        clock,
        random_bytes,
        processes=settings.limits.arithmetic_threads,
    )
    spool_key, *older = keys.subkeys(b"spools")
    for key in (spool_key, *older):
        stack.callback(key.wipe)
    spools = SpoolFolder(state.spools, spool_key, random_bytes, older=older)
    limits = settings.budget
    asked = Limits(limits.elements, max(limits.elements, limits.elements_in_all), limits.days)
    budget = Budget(store, clock, asked, approvals)
    book, leads = RoundBook(store), LeadBook(store)
    seals = Seals(identity, members, book, random_bytes)
    inbox, outbox = Inbox(store, most_waiting=settings.limits.inbox_messages), Outbox(store, identity, seals)
    carrier = DirectCarrier(identity, members, clock)
    stack.callback(carrier.close)
    routes = Routes(members, carrier)
    room, progress = Room(state.path, book, identity.member_id, clock), ProgressBoard(clock)
    post = Post(store, outbox, routes, clock, random_bytes, Presence(clock), way=routes.way)
    room.window = post.window
    freezes = FreezeBook(store, audit, clock, members, approvals)
    negotiation = Negotiation(
        store=store,
        audit=audit,
        clock=clock,
        identity=identity,
        members=members,
        datasets=datasets,
        budget=budget,
        approvals=approvals,
        freezes=freezes,
        book=book,
        outbox=outbox,
        seals=seals,
        room=room,
        exposures=Exposures(store, random_bytes, backend),
        wake=_sleep,
        policy=policy,
    )
    approvals.when(Subject.CHILDREN_MEMBER, partial(children_approved, members))
    approvals.when(Subject.GRANT, partial(grant_approved, GrantBook(store, approvals), audit, clock))
    reviews = Reviews(store, audit, clock, leads, outbox)
    desk = ContactDesk(store, audit, clock, leads, outbox, negotiation, settings.contact)
    witness = Witness(audit, NoteSigner(audit.key, identity.cosign_note), clock)
    engine = RoundEngine(
        store=store,
        audit=audit,
        clock=clock,
        identity=identity,
        members=members,
        budget=budget,
        book=book,
        leads=leads,
        inbox=inbox,
        outbox=outbox,
        post=post,
        negotiation=negotiation,
        workshop=Workshop(me=identity.member_id, spools=spools, book=book, backend=backend, random_bytes=random_bytes),
        witnessing=Witnessing(store, members, outbox, witness),
        tripwires=Tripwires(store, identity.member_id, datasets, freezes, random_bytes, settings.tripwires.decoys),
        further={EnvelopeKind.FEEDBACK: reviews, EnvelopeKind.CONTACT: desk},
        progress=progress.prepared,
    )
    stack.callback(engine.close)
    return Parts(
        folder=state,
        config=settings,
        policy=policy,
        clock=clock,
        random_bytes=random_bytes,
        backend=backend,
        keys=keys,
        spools=spools,
        store=store,
        identity=identity,
        audit=audit,
        roster=roster,
        approvals=approvals,
        members=members,
        freezes=freezes,
        datasets=datasets,
        budget=budget,
        book=book,
        leads=leads,
        reviews=reviews,
        different=KnownDifferent(store, audit, clock, leads, negotiation, random_bytes),
        desk=desk,
        outbox=outbox,
        negotiation=negotiation,
        engine=engine,
        carrier=carrier,
        routes=routes,
        door=Door(
            identity.member_id,
            members,
            accept=engine.accept,
            accept_batch=engine.accept_batch,
            settle=post.settle,
            blame=RefusalLog(store, audit, clock).blame,
            woken=_sleep,
            clock=clock,
        ),
        room=room,
        progress=progress,
        wake=_sleep,
    )


def wire_up(parts: Parts, wake: Callable[[str], None], bell: Bell, visits: Visits, refusals: RefusalLog) -> None:
    """Who is told of what, once the node runs."""

    def noticed(member_id: str) -> None:
        bell.ring(member_id)
        visits.notice(member_id)

    parts.wake = parts.negotiation.wake = parts.door.woken = wake
    parts.door.blame = refusals.blame  # the very log of the server, so that its limit holds for both
    post = parts.engine.post
    post.wake, post.noticed = wake, noticed


def visits_of(parts: Parts) -> Visits:
    """What takes things from relays and members; not started."""

    def relay(member_id: str) -> RelayClient:
        return RelayClient(parts.identity, parts.members, member_id, parts.clock)

    own = parts.identity.signed_card.card
    return Visits(
        identity=parts.identity,
        book=parts.members,
        door=parts.door,
        post=parts.engine.post,
        carrier=parts.carrier,
        relay=relay,
        clock=parts.clock,
        random_bytes=parts.random_bytes,
        dials_out=own.dials_out_only or parts.config.node.listen == config.NO_PORT,
    )


def audit_log(store: Store, identity: Identity, clock: Clock, random_bytes: RandomBytes) -> AuditLog:
    """The log of a node; its notes are signed by the identity."""
    key = NoteKey.of_member(identity.member_id, identity.public_key)
    return AuditLog(store, NoteSigner(key, identity.sign_note), clock, random_bytes)


def _sleep(_round_id: str) -> None:
    """Nobody to wake: the node does not run, and looks at every open round when it starts."""

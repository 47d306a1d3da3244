"""The one place that builds a node's objects, reads the environment and starts threads and servers.

    open_node(folder, passphrase)      the parts, without servers: for commands on a node that does not run
    run_node(folder, passphrase)       the same, serving peers and the command line until SIGTERM or SIGINT
    create_node(folder, profile, ...)  a new folder with keys, card, database and settings

What else the environment may say: `BLINDMATCH_BACKEND` names the arithmetic to use (`psi.backend`).
"""

import gc
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from node import __version__, config, logs
from node.arithmetic import ParallelBackend, usable_processors
from node.audit import AuditLog, NoteKey, NoteSigner
from node.audit.witness import Witness
from node.clock import Clock, SystemClock
from node.datasets import DatasetBook
from node.identity.cards import Profile
from node.identity.keys import Identity
from node.identity.members import MemberBook
from node.operations import OPERATIONS, Dispatcher, Parts
from node.policy import Budget, Limits
from node.rounds.book import RoundBook
from node.rounds.conversation import Workshop
from node.rounds.engine import RoundEngine
from node.rounds.leads import LeadBook
from node.rounds.mailbox import Inbox, Outbox
from node.rounds.negotiation import Negotiation
from node.rounds.post import Post
from node.rounds.scheduler import Scheduler
from node.rpc.control import ControlServer
from node.rpc.peer import PeerService, Versions
from node.rpc.refusals import RefusalLog
from node.rpc.server import PeerServer
from node.store import KeyRing, SpoolFolder, StateDir, Store
from node.transport.direct import DirectCarrier
from node.wire.envelope import Envelope, ReceiptKind
from psi.backend import Backend, choose
from psi.identifiers import NORMALISER_VERSION
from psi.messages import PROTOCOL_VERSION
from psi.secret import SecretBytes

__all__ = ["chosen_backend", "create_node", "harden", "open_node", "run_node", "serving"]

CONTROL_STOP_SECONDS = 2.0
"""How long a stopping node lets commands come to their end; a round's long steps are broken off."""
SCHEDULER_STOP_SECONDS = 4.0
"""How long it waits for the step of each round to end; what was not stored is done again at the next start."""
SERVER_STOP_SECONDS = 2.0
"""How long it lets calls of peers come to their end. The three together stay under the ten seconds of a service."""

BACKEND_VARIABLE = "BLINDMATCH_BACKEND"

GC_OBJECTS = 20_000
"""Container objects that are made before the garbage collector looks for cycles among them: those of a few blocks of
records, which are gone by then. Python's own figure is 700."""


def chosen_backend() -> Backend:
    """The arithmetic that the environment names, or the best there is; self-tested."""
    return choose(os.environ.get(BACKEND_VARIABLE) or None)


def harden() -> None:
    """No core dumps: they would hold keys and identifiers."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        import ctypes

        pr_set_dumpable = 4
        ctypes.CDLL(None).prctl(pr_set_dumpable, 0, 0, 0, 0)


def _calm_collector() -> None:
    """Once everything is built: what is there stays, so the garbage collector need not look through it again and again
    while a round makes and drops a few objects for each of its records."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_OBJECTS)


def create_node(
    folder: Path, profile: Profile, passphrase: SecretBytes | None, *, listen: str, clock: Clock | None = None
) -> str:
    """Make a node's folder: keys, settings, database, identity and card. Gives the member id.

    If a step fails, or is interrupted, nothing of it stays: a half-made node would be in the way of the next try.
    """
    state = StateDir(folder)
    new = not state.path.exists()
    state.create()
    try:
        return _furnish(state, profile, passphrase, listen, clock or SystemClock())
    except BaseException:
        state.discard()
        if new:
            state.path.rmdir()
        raise


def _furnish(state: StateDir, profile: Profile, passphrase: SecretBytes | None, listen: str, clock: Clock) -> str:
    with ExitStack() as stack:
        keys = KeyRing.create(state.key, passphrase, os.urandom)
        stack.callback(keys.close)
        config.write_default(state.config, listen=listen)
        config.load(state.config)
        store = Store.open(state.database_url, keys, clock=clock)
        stack.callback(store.close)
        identity = Identity.create(store, profile, clock=clock, random_bytes=os.urandom)
        with store.transaction() as tx:
            _audit(store, identity, clock).append(tx, "node-created", member=identity.member_id)
        return identity.member_id


@contextmanager
def open_node(folder: Path, passphrase: SecretBytes | None, *, clock: Clock | None = None) -> Iterator[Parts]:
    """The parts of a node, for as long as the block lasts. Busy if a node runs in this folder."""
    with ExitStack() as stack:
        state = StateDir(folder)
        stack.enter_context(state.lock())
        yield _build(stack, state, passphrase, clock or SystemClock(), os.urandom)


@contextmanager
def serving(
    folder: Path,
    passphrase: SecretBytes | None,
    *,
    clock: Clock | None = None,
    random_bytes: Callable[[int], bytes] = os.urandom,
    adapt: Callable[[Parts], None] = lambda _parts: None,
) -> Iterator[Parts]:
    """A node that serves while the block lasts. `adapt` lets tests listen in or sabotage before it starts."""
    with ExitStack() as stack:
        state = StateDir(folder)
        stack.enter_context(state.lock())
        parts = _build(stack, state, passphrase, clock or SystemClock(), random_bytes)
        adapt(parts)
        limits = parts.config.limits
        scheduler = Scheduler(
            parts.engine,
            book=parts.book,
            inbox=parts.engine.inbox,
            outbox=parts.outbox,
            clock=parts.clock,
            workers=limits.rounds_at_once,
        )
        _wire_up(parts, scheduler.wake)
        refusals = RefusalLog(parts.store, parts.audit, parts.clock)
        versions = Versions(str(PROTOCOL_VERSION), NORMALISER_VERSION, __version__)
        service = PeerService(parts.identity.member_id, _Door(parts.engine, scheduler.wake), versions, parts.clock)
        server = PeerServer(
            parts.config.node.listen,
            identity=parts.identity,
            book=parts.members,
            service=service,
            refusals=refusals,
            clock=parts.clock,
            workers=limits.workers,
        )
        control = ControlServer(state.path, Dispatcher(parts, OPERATIONS))
        parts.port = server.start()
        parts.running = True
        _note(parts, "node-started", version=__version__)
        # Undone from the last to the first: what could still wait for a peer is cut off, the rest ends, then the log.
        stack.callback(_note, parts, "node-stopped")
        stack.callback(server.stop, SERVER_STOP_SECONDS)
        scheduler.start()
        stack.callback(scheduler.stop, SCHEDULER_STOP_SECONDS)
        control.start()
        stack.callback(control.stop, CONTROL_STOP_SECONDS)
        stack.callback(parts.carrier.close)
        stack.callback(parts.engine.stop)
        yield parts


def run_node(
    folder: Path,
    passphrase: SecretBytes | None,
    *,
    log_style: logs.Style = "console",
    ready: Callable[[Parts], None],
    adapt: Callable[[Parts], None] = lambda _parts: None,
) -> None:
    """Serve until SIGTERM or SIGINT. `ready` is called once everything listens; `adapt` as for `serving`."""
    clock = SystemClock()
    harden()
    logs.configure(log_style, clock)
    stopping = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    with serving(folder, passphrase, clock=clock, adapt=adapt) as parts:
        _calm_collector()
        ready(parts)
        stopping.wait()


def _build(
    stack: ExitStack,
    state: StateDir,
    passphrase: SecretBytes | None,
    clock: Clock,
    random_bytes: Callable[[int], bytes],
) -> Parts:
    settings = config.load(state.config)
    backend = ParallelBackend(chosen_backend(), settings.limits.arithmetic_threads or usable_processors())
    stack.callback(backend.close)
    keys = KeyRing.open(state.key, passphrase)
    stack.callback(keys.close)
    store = Store.open(state.database_url, keys, clock=clock)
    stack.callback(store.close)
    identity = Identity.load(store)
    audit = _audit(store, identity, clock)
    members = MemberBook(store, audit, identity, clock)
    datasets = DatasetBook(
        store,
        state.path / "datasets",
        audit,
        clock,
        random_bytes,
        processes=settings.limits.arithmetic_threads,
    )
    spool_key = keys.subkey(b"spools")
    stack.callback(spool_key.wipe)
    spools = SpoolFolder(state.spools, spool_key, random_bytes)
    limits = settings.budget
    budget = Budget(store, clock, Limits(limits.elements, max(limits.elements, limits.elements_in_all), limits.days))
    book, leads = RoundBook(store), LeadBook(store)
    inbox, outbox = Inbox(store, most_waiting=settings.limits.inbox_messages), Outbox(store, identity)
    carrier = DirectCarrier(identity, members, clock)
    stack.callback(carrier.close)
    negotiation = Negotiation(
        store=store,
        audit=audit,
        clock=clock,
        identity=identity,
        members=members,
        datasets=datasets,
        budget=budget,
        book=book,
        outbox=outbox,
        wake=_sleep,
    )
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
        post=Post(store, outbox, carrier, clock, random_bytes),
        negotiation=negotiation,
        workshop=Workshop(me=identity.member_id, spools=spools, book=book, backend=backend, random_bytes=random_bytes),
        witness=Witness(),
    )
    stack.callback(engine.close)
    return Parts(
        folder=state,
        config=settings,
        clock=clock,
        random_bytes=random_bytes,
        backend=backend,
        store=store,
        identity=identity,
        audit=audit,
        members=members,
        datasets=datasets,
        budget=budget,
        book=book,
        leads=leads,
        outbox=outbox,
        negotiation=negotiation,
        engine=engine,
        carrier=carrier,
        wake=_sleep,
    )


def _wire_up(parts: Parts, wake: Callable[[str], None]) -> None:
    parts.wake = wake
    parts.negotiation.wake = wake


def _note(parts: Parts, event: str, **facts: str) -> None:
    with parts.store.transaction() as tx:
        parts.audit.append(tx, event, **facts)


def _sleep(_round_id: str) -> None:
    """Nobody to wake: the node does not run, and looks at every open round when it starts."""


def _audit(store: Store, identity: Identity, clock: Clock) -> AuditLog:
    key = NoteKey.of_member(identity.member_id, identity.public_key)
    return AuditLog(store, NoteSigner(key, identity.sign_note), clock)


class _Door:
    """Between the peers' calls and the engine: store, then wake."""

    def __init__(self, engine: RoundEngine, wake: Callable[[str], None]) -> None:
        self._engine = engine
        self._wake = wake

    def accept(self, _member: object, envelope: Envelope) -> ReceiptKind:
        receipt = self._engine.accept(envelope)
        if receipt is ReceiptKind.ACCEPTED:
            self._wake(envelope.round_id)
        return receipt

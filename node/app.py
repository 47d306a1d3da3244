"""Opens, makes, restores and serves nodes; the one place that starts threads and servers.

    open_node(folder, passphrase)      the parts, without servers: for commands on a node that does not run
    run_node(folder, passphrase)       the same, serving peers and the command line until SIGTERM or SIGINT
    create_node(folder, profile, ...)  a new folder with keys, card, database and settings
    restore_node(file, folder, ...)    a folder put together from a backup
    move_node(folder, ...)             its database moved to a server

What a node is made of stands in `node.building`.
"""

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext, suppress
from pathlib import Path

from node import __version__, config, logs
from node.building import Unlock, audit_log, build, chosen_backend, database_address, visits_of, wire_up
from node.clock import Clock, SystemClock
from node.errors import Busy, NodeError, UserError
from node.hardening import Told, harden, until_told
from node.identity.cards import Profile
from node.identity.keys import Identity
from node.keeping.moving import Moved, move_database, server_address, set_aside
from node.keeping.restore import Restored, look_through, opened_backup, put_in_place, settle, staging, unpack
from node.keeping.retention import RetentionWatch
from node.keeping.sealedfile import Reader, damaged_backup, read_header
from node.operations import OPERATIONS, Dispatcher, Parts, Progress
from node.operations.figures import checks, refresher
from node.operations.retention import retention_of
from node.policy.narrowing import Policy, policy_digest
from node.rounds.ends import Ends
from node.rounds.presence import ClockWatch
from node.rounds.scheduler import Scheduler
from node.rpc.control import ControlServer
from node.rpc.peer import PeerService, Versions
from node.rpc.refusals import RefusalLog
from node.rpc.server import PeerServer
from node.staff.settings_noted import (
    note_policy,
    note_settings,
    remember_policy,
    remember_settings,
    settings_digest,
)
from node.store import LOOK_SECONDS, KeyRing, StateDir, Store, UpgradeTold, untold
from node.transport.collecting import Bell, Collecting, WaitingRoom
from node.transport.visits import Visits
from psi.identifiers import NORMALISER_VERSION
from psi.messages import PROTOCOL_VERSION
from psi.secret import SecretBytes

__all__ = [
    "Unlock",
    "chosen_backend",
    "create_node",
    "database_address",
    "harden",
    "move_node",
    "open_node",
    "restore_node",
    "run_node",
    "serving",
]

CONTROL_STOP_SECONDS = 2.0
"""How long a stopping node lets commands come to their end; a round's long steps are broken off."""
SCHEDULER_STOP_SECONDS = 4.0
"""How long it waits for the step of each round to end; what was not stored is done again at the next start."""
SERVER_STOP_SECONDS = 2.0
"""How long it lets calls of peers come to their end."""
RETENTION_STOP_SECONDS = 1.0
"""How long it waits for a look at what is due to be deleted; each round of it is one transaction."""
VISITS_STOP_SECONDS = 1.0
"""How long it waits for visits to relays and members that it takes things from, once their connections are closed.
The five together stay within the ten seconds of a service."""

GC_OBJECTS = 20_000
"""Container objects that are made before the garbage collector looks for cycles among them: those of a few blocks of
records, which are gone by then. Python's own figure is 700."""


def _calm_collector() -> None:
    """Once everything is built: what is there stays, so the garbage collector need not look through it again and again
    while a round makes and drops a few objects for each of its records."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_OBJECTS)


def create_node(
    folder: Path,
    profile: Profile,
    passphrase: SecretBytes | None,
    *,
    listen: str,
    watch: str | None = None,
    database_file: Path | None = None,
    clock: Clock | None = None,
) -> str:
    """Make a node's folder: keys, settings, database, identity and card. Gives the member id.

    `database_file` holds the address of an empty database on a server, if it is not to be a file in the folder.
    If a step fails, or is interrupted, nothing of it stays: a half-made node would be in the way of the next try.
    """
    state = StateDir(folder)
    new = not state.path.exists()
    state.create()
    try:
        return _furnish(state, profile, passphrase, listen, watch, database_file, clock or SystemClock())
    except BaseException:
        state.discard()
        if new:
            state.path.rmdir()
        raise


def _furnish(
    state: StateDir,
    profile: Profile,
    passphrase: SecretBytes | None,
    listen: str,
    watch: str | None,
    database_file: Path | None,
    clock: Clock,
) -> str:
    with ExitStack() as stack:
        keys = KeyRing.create(state.key, passphrase, os.urandom)
        stack.callback(keys.close)
        named = None if database_file is None else str(database_file.absolute())
        config.write_default(state.config, listen=listen, watch=watch, database_file=named)
        store = Store.open(database_address(state, config.load(state.config)), keys, clock=clock)
        stack.callback(store.close)
        if not store.new:
            raise UserError(
                "There is already a node in this database.",
                advice="Give the new node an empty database of its own.",
            )
        try:
            identity = Identity.create(store, profile, clock=clock, random_bytes=os.urandom)
            with store.transaction() as tx:
                audit_log(store, identity, clock, os.urandom).append(tx, "node-created", member=identity.member_id)
                remember_settings(tx, store, settings_digest(state.config))
                remember_policy(tx, store, policy_digest(Policy()))
        except BaseException:
            with suppress(NodeError):
                store.discard()
            raise
        return identity.member_id


@contextmanager
def open_node(
    folder: Path,
    passphrase: SecretBytes | None,
    *,
    clock: Clock | None = None,
    unlock: Unlock = KeyRing.open,
    tell: UpgradeTold = untold,
) -> Iterator[Parts]:
    """The parts of a node, for as long as the block lasts. Busy if a node runs in this folder.

    `unlock` opens the key file; it is given its place and `passphrase`. `tell` hears of an upgrade of the database,
    before it begins.
    """
    with ExitStack() as stack:
        state = StateDir(folder)
        stack.enter_context(state.lock())
        parts = build(stack, state, passphrase, clock or SystemClock(), os.urandom, unlock, tell=tell)
        _note_upgrade(parts)
        note_settings(parts.store, parts.audit, state.config)
        note_policy(parts.store, parts.audit, policy_digest(parts.policy))
        yield parts


def restore_node(
    file: Path,
    folder: Path,
    *,
    by: str,
    unlock: Callable[[Path, bytes], KeyRing],
    clock: Clock | None = None,
    progress: Progress = lambda _step: None,
) -> Restored:
    """Make a node's folder from a backup (`node.keeping.restore`). `by`: a staff label.

    `unlock` opens the key file that stands in the backup; it is given a place to name and the content.
    """
    clock = clock or SystemClock()
    with staging(folder) as place, opened_backup(file) as backup:
        header = read_header(backup)
        with closing(unlock(file, header.key_file)) as keys:
            about = unpack(place, header, Reader(backup, header, keys), clock, progress)
        with ExitStack() as stack:
            # The folder is held already, and whatever the settings say, the database is the one in it.
            parts = build(stack, place, None, clock, os.urandom, lambda key, _: unlock(key, header.key_file),
                          address=place.database_url)  # fmt: skip
            if parts.identity.member_id != about.member:
                raise damaged_backup()
            look_through(place, parts.store, parts.audit, about)
            ends = Ends(parts.store, parts.audit, parts.identity, parts.book, parts.engine.inbox, parts.outbox)
            ended = settle(parts.store, parts.audit, ends, parts.book, about, by)
            until = parts.budget.closed_until()
            member = parts.identity.member_id
        put_in_place(place, folder)
        return Restored(member, about, ended, until)


def move_node(
    folder: Path,
    passphrase: SecretBytes | None,
    database_file: Path,
    *,
    by: str,
    clock: Clock | None = None,
    progress: Progress = lambda _step: None,
) -> Moved:
    """Move the database of a stopped node to the server whose address `database_file` holds (`node.keeping.moving`)."""
    clock = clock or SystemClock()
    state = StateDir(folder)
    with state.lock():
        settings = config.load(state.config)
        address = server_address(state, settings, database_file)
        with ExitStack() as stack:
            # Whatever the settings say by now: the database that is moved is the one in the folder.
            parts = build(stack, state, passphrase, clock, os.urandom, address=state.database_url)
            there = Store.open(address, parts.keys, clock=clock)
            stack.callback(there.close)
            moved = move_database(
                state,
                settings,
                database_file,
                here=parts.store,
                log_here=parts.audit,
                there=there,
                log_there=audit_log(there, parts.identity, clock, os.urandom),
                by=by,
                progress=progress,
            )
        set_aside(state)
        return moved


@contextmanager
def serving(
    folder: Path,
    passphrase: SecretBytes | None,
    *,
    clock: Clock | None = None,
    random_bytes: Callable[[int], bytes] = os.urandom,
    adapt: Callable[[Parts], None] = lambda _parts: None,
    tell: UpgradeTold = untold,
) -> Iterator[Parts]:
    """A node that serves while the block lasts. `adapt` lets tests listen in or sabotage before it starts; `tell` as
    for `open_node`."""
    with ExitStack() as stack:
        state = StateDir(folder)
        stack.enter_context(state.lock())
        parts = build(stack, state, passphrase, clock or SystemClock(), random_bytes, tell=tell)
        _note_upgrade(parts)
        note_settings(parts.store, parts.audit, state.config)
        note_policy(parts.store, parts.audit, policy_digest(parts.policy))
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
        refusals = RefusalLog(parts.store, parts.audit, parts.clock)
        bell = Bell()
        visits = visits_of(parts)
        wire_up(parts, scheduler.wake, bell, visits, refusals)
        versions = Versions(str(PROTOCOL_VERSION), NORMALISER_VERSION, __version__)
        # Waiting collectors never hold more than half of the threads.
        room = WaitingRoom(bell, parts.clock, places=limits.workers // 2)
        hatch = Collecting(parts.door, parts.engine.post, room)
        service = PeerService(parts.identity.member_id, parts.door, versions, parts.clock, hatch)
        server = PeerServer(
            parts.config.node.listen,
            identity=parts.identity,
            book=parts.members,
            service=service,
            refusals=refusals,
            clock=parts.clock,
            workers=limits.workers,
        )
        listens = parts.config.node.listen != config.NO_PORT
        control = ControlServer(state.path, Dispatcher(parts, OPERATIONS))
        clocks = ClockWatch(parts.engine.post.presence, parts.carrier.clock_ahead)
        leaving = _watched(stack, parts, scheduler, visits)
        parts.port = server.start() if listens else None
        parts.running = True
        _note(parts, "node-started", version=__version__)
        # Undone from the last to the first: what could still wait for a peer is cut off, the rest ends, then the log.
        stack.callback(_note_stop, parts)
        if listens:
            stack.callback(server.stop, SERVER_STOP_SECONDS)
        scheduler.start()
        stack.callback(scheduler.stop, SCHEDULER_STOP_SECONDS)
        control.start()
        stack.callback(control.stop, CONTROL_STOP_SECONDS)
        visits.start()
        stack.callback(visits.stop, VISITS_STOP_SECONDS)
        stack.callback(bell.close)
        stack.callback(parts.carrier.close)
        clocks.start()
        stack.callback(clocks.stop)
        retention = RetentionWatch(retention_of(parts).run)
        retention.start()
        stack.callback(retention.stop, RETENTION_STOP_SECONDS)
        stack.callback(parts.engine.stop)
        stack.callback(parts.store.hurry)
        stack.callback(leaving)
        yield parts


def run_node(
    folder: Path,
    passphrase: SecretBytes | None,
    *,
    log_style: logs.Style | None = None,
    ready: Callable[[Parts], None],
    adapt: Callable[[Parts], None] = lambda _parts: None,
    tell: UpgradeTold = untold,
    told: Told | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT. `ready` is called once everything listens; `adapt` and `tell` as for `serving`;
    `log_style` goes before the settings; `told`: the ear of a caller who tries several times."""
    clock = SystemClock()
    harden()
    logs.configure(log_style or _style(folder), clock)
    listening = nullcontext(told) if told else until_told()
    with listening as ear, serving(folder, passphrase, clock=clock, adapt=adapt, tell=tell) as parts:
        _calm_collector()
        ready(parts)
        log = logs.get("node")
        log.info("node-started", version=__version__, **({} if parts.port is None else {"port": parts.port}))
        _look_after(parts, ear)
    log.info("node-stopped")


def _style(folder: Path) -> logs.Style:
    """How the settings want the log; where they cannot be read, `serving` says so in a moment."""
    with suppress(NodeError):
        return config.load(StateDir(folder).config).node.log
    return "console"


def _watched(stack: ExitStack, parts: Parts, scheduler: Scheduler, visits: Visits) -> Callable[[], None]:
    """Answer those who watch this node, if the settings name an address for it; what to call when it begins to stop."""
    address = parts.config.node.watch
    if not address:
        return lambda: None
    from node.watch import WatchServer

    watch = WatchServer(address, parts.clock, checks(parts, scheduler), refresher(parts, scheduler, visits))
    parts.watch = watch.port
    watch.start()
    stack.callback(watch.stop)
    return watch.readiness.stopping


def _look_after(parts: Parts, told: Told) -> None:
    """Until the node is told to stop. Raises Busy once another process has the database: then this one must end."""
    log, reached = logs.get("store"), True
    while not told.wait(LOOK_SECONDS):
        now = parts.store.keep()
        if now is not reached:
            log.warning("database-back" if now else "database-not-reached")
        reached = now


def _note_upgrade(parts: Parts) -> None:
    """The node was opened whole: the log says by which version, and nothing is left to go back to (see `upgrading`)."""
    if parts.store.upgraded is not None:
        _note(parts, "node-upgraded", version=__version__)
    parts.store.settled()


def _note_stop(parts: Parts) -> None:
    """The last entry. A stop must not fail because the database is gone; whoever took it over goes on with the log."""
    try:
        if parts.store.reached:
            _note(parts, "node-stopped")
            return
    except Busy:
        pass
    logs.get("store").warning("stop-not-noted")


def _note(parts: Parts, event: str, **facts: str) -> None:
    with parts.store.transaction() as tx:
        parts.audit.append(tx, event, **facts)

"""The process of a relay: what `node.app` is for a node.

    create_relay(folder, profile, ...)   a new folder
    opened(folder)                       its parts, without a server: for the commands that admit, remove and list
    serving(folder)                      the same, with the server, while the block lasts
    run_relay(folder)                    until SIGTERM or SIGINT

The commands and the running relay share the database; what changed is seen within POLL_SECONDS where it must be told
to gRPC (whose connections to accept), and at once where it decides (who may call).
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from node import __version__, logs
from node.clock import Clock, SystemClock
from node.errors import NodeError
from node.facts import MAX_COUNT, Fact
from node.hardening import harden, until_told
from node.identity.cards import Profile, SignedCard
from node.relay.database import RelayDatabase
from node.relay.figures import RELAY, checks, refresher
from node.relay.folder import RelayFolder, RelayKeys
from node.relay.mailbox import Mailbox
from node.relay.members import RelayMembers
from node.relay.service import Counters, RelayService
from node.relay.settings import RelaySettings
from node.rpc.access import Caller
from node.rpc.refusals import Refusals
from node.rpc.server import PeerServer
from node.wire.limits import MAX_PARCEL_MESSAGE_BYTES

__all__ = ["RelayParts", "create_relay", "opened", "run_relay", "serving"]

POLL_SECONDS = 0.5
"""How often a running relay looks whether a command admitted or removed somebody."""
SWEEP_SECONDS = 3600.0
"""How often it throws away what is too old, and logs what it did."""
STOP_SECONDS = 5.0
"""How long calls that are under way may take to end when it stops."""

_log = logs.get("relay")


@dataclass
class RelayParts:
    """The parts of a relay. `port` is set once it serves, `watch` to the port of its figures."""

    folder: RelayFolder
    settings: RelaySettings
    keys: RelayKeys
    clock: Clock
    members: RelayMembers
    mailbox: Mailbox
    counters: Counters = field(default_factory=Counters)
    port: int | None = None
    watch: int | None = None


def create_relay(
    folder: Path, profile: Profile, *, listen: str, watch: str | None = None, clock: Clock | None = None
) -> SignedCard:
    """Make a relay's folder. Gives its card. UserError if there is something in it already."""
    return RelayFolder(folder).create(
        profile, listen=listen, watch=watch, clock=clock or SystemClock(), random_bytes=os.urandom
    )


@contextmanager
def opened(folder: Path, *, clock: Clock | None = None) -> Iterator[RelayParts]:
    """The parts of a relay, whether or not it runs. NotFound or StateDamaged if there is none, or not a safe one."""
    place = RelayFolder(folder)
    keys, settings = place.read_keys(), place.read_settings()
    database = RelayDatabase(place.database)
    time = clock or SystemClock()
    try:
        members, mailbox = RelayMembers(database, time), Mailbox(database, settings.limits, time)
        yield RelayParts(place, settings, keys, time, members, mailbox)
    finally:
        database.close()


@contextmanager
def serving(
    folder: Path, *, clock: Clock | None = None, adapt: Callable[[RelayParts], None] = lambda _parts: None
) -> Iterator[RelayParts]:
    """A relay that serves while the block lasts. `adapt` lets tests sabotage it before it starts."""
    with ExitStack() as stack:
        stack.enter_context(RelayFolder(folder).lock())
        parts = stack.enter_context(opened(folder, clock=clock))
        adapt(parts)
        server = PeerServer(
            parts.settings.relay.listen,
            identity=parts.keys,
            book=parts.members,
            service=RelayService(parts.mailbox, parts.counters, workers=parts.settings.limits.workers),
            refusals=Refusals(_write_down, parts.clock),
            clock=parts.clock,
            workers=parts.settings.limits.workers,
            caller=Caller.ADMITTED,
            max_message_bytes=MAX_PARCEL_MESSAGE_BYTES,
        )
        parts.port = server.start()
        stack.callback(server.stop, STOP_SECONDS)
        stopping = threading.Event()
        keeper = threading.Thread(target=_keep, args=(parts, stopping), name="relay-keeper", daemon=True)
        keeper.start()
        stack.callback(keeper.join, STOP_SECONDS)
        stack.callback(stopping.set)
        _watched(stack, parts)
        yield parts


def run_relay(folder: Path, *, log_style: logs.Style | None = None, ready: Callable[[RelayParts], None]) -> None:
    """Serve until SIGTERM or SIGINT. `ready` is called once it listens; `log_style` goes before the settings."""
    clock = SystemClock()
    harden()
    logs.configure(log_style or _style(folder), clock)
    with until_told() as told, serving(folder, clock=clock) as parts:
        _log.info("relay-started", version=__version__, port=parts.port)
        ready(parts)
        told.wait()
    _log.info("relay-stopped")


def _style(folder: Path) -> logs.Style:
    """How the settings want the log; where they cannot be read, `serving` says so in a moment."""
    with suppress(NodeError):
        return RelayFolder(folder).read_settings().relay.log
    return "console"


def _watched(stack: ExitStack, parts: RelayParts) -> None:
    """Answer those who watch this relay, if the settings name an address for it; not ready as soon as it stops."""
    if not parts.settings.relay.watch:
        return
    from node.watch import WatchServer

    watch = WatchServer(parts.settings.relay.watch, parts.clock, checks(parts), refresher(parts), RELAY)
    parts.watch = watch.port
    watch.start()
    stack.callback(watch.stop)
    stack.callback(watch.readiness.stopping)


def _keep(parts: RelayParts, stopping: threading.Event) -> None:
    """Poll and sweep until the relay stops. A full disk or a busy database costs this look, not the thread."""
    sweep_at = parts.clock.monotonic()
    while not stopping.wait(POLL_SECONDS):
        try:
            parts.members.poll()
            if parts.clock.monotonic() >= sweep_at:
                sweep_at = parts.clock.monotonic() + SWEEP_SECONDS
                expired, totals, done = parts.mailbox.expire(), parts.mailbox.totals(), parts.counters.as_dict()
                parts.counters.add(expired=expired)
                # Sums only: who wrote to whom is in the database as long as it must be, and in no log.
                _log.info(
                    "relay-counted",
                    waiting=min(totals.parcels, MAX_COUNT),
                    stored=min(done["stored"], MAX_COUNT),
                    taken=min(done["done"], MAX_COUNT),
                    expired=min(expired, MAX_COUNT),
                )
        except NodeError as error:
            _log.warning("relay-not-kept", error=type(error).__name__)


def _write_down(event: str, facts: dict[str, Fact]) -> None:
    _log.warning(event, **facts)

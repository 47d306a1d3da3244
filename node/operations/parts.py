"""Everything a node is made of, in one place: what `node.building` builds and the operations use."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from node.audit import AuditLog
from node.clock import Clock
from node.config import Config
from node.datasets import DatasetBook
from node.identity.keys import Identity
from node.identity.members import MemberBook
from node.ids import RandomBytes
from node.policy import Budget
from node.policy.narrowing import Policy
from node.rounds.book import RoundBook
from node.rounds.contact import ContactDesk
from node.rounds.engine import RoundEngine
from node.rounds.known_different import KnownDifferent
from node.rounds.leads import LeadBook
from node.rounds.mailbox import Outbox
from node.rounds.negotiation import Negotiation
from node.rounds.progress import ProgressBoard
from node.rounds.reviews import Reviews
from node.rounds.room import Room
from node.staff import Approvals, Roster
from node.store import KeyRing, SpoolFolder, StateDir, Store
from node.transport.direct import DirectCarrier
from node.transport.door import Door
from node.transport.routes import Routes
from node.tripwires import FreezeBook
from psi.backend import Backend

__all__ = ["Parts", "Progress"]

Progress = Callable[[Mapping[str, Any]], None]


@dataclass
class Parts:
    """The parts of one node. `running`: it serves peers, at `port`; `watch` is the port of its figures."""

    folder: StateDir
    config: Config
    policy: Policy
    clock: Clock
    random_bytes: RandomBytes
    backend: Backend
    keys: KeyRing
    spools: SpoolFolder
    store: Store
    identity: Identity
    audit: AuditLog
    roster: Roster
    approvals: Approvals
    members: MemberBook
    freezes: FreezeBook
    datasets: DatasetBook
    budget: Budget
    book: RoundBook
    leads: LeadBook
    reviews: Reviews
    different: KnownDifferent
    desk: ContactDesk
    outbox: Outbox
    negotiation: Negotiation
    engine: RoundEngine
    carrier: DirectCarrier
    routes: Routes
    door: Door
    room: Room
    progress: ProgressBoard
    wake: Callable[[str], None]
    running: bool = False
    port: int | None = None
    watch: int | None = None

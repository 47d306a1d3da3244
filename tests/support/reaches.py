"""Pairs of whole nodes that reach each other in each of the four ways, for one set of tests over all of them.

    with carried_pair(folder, "relay") as pair:
        round_id = agree(pair.shelter, pair.shelter, pair.police)

`direct`: both have a port. `dial-out`: the police unit has none; it calls the shelter. `relay`: neither has one; both
know a relay. `file`: neither calls anybody; a `Courier` carries files between them, as a person would.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from node.app import create_node
from node.clock import Clock
from node.errors import NodeError
from node.identity.cards import Profile
from tests.support.killable import Killable
from tests.support.nodes import Running, introduce, run
from tests.support.ports import free_port
from tests.support.relays import relayed
from tests.support.small_rounds import Asked, plant

__all__ = ["WAYS", "Courier", "Pair", "carried_pair", "killable_carried_pair", "make"]

WAYS = ("direct", "dial-out", "relay", "file")
ALIASES = ("shelter", "police")


@dataclass
class Pair:
    """Two nodes, running; each can be stopped and started again. `courier` only where files are carried."""

    folder: Path
    way: str
    clock: Clock | None
    running: dict[str, tuple[Running, ExitStack]] = field(default_factory=dict)
    courier: "Courier | None" = None

    @property
    def shelter(self) -> Running:
        return self.running["shelter"][0]

    @property
    def police(self) -> Running:
        return self.running["police"][0]

    @property
    def nodes(self) -> list[Running]:
        return [node for node, _ in self.running.values()]

    def start(self, alias: str) -> None:
        stack = ExitStack()
        self.running[alias] = (stack.enter_context(run(self.folder / alias, alias, clock=self.clock)), stack)

    def stop(self, alias: str) -> None:
        self.running.pop(alias)[1].close()

    def restart(self, alias: str) -> None:
        self.stop(alias)
        self.start(alias)


def make(folder: Path, alias: str, member_class: str, *, dials_out: bool = False) -> None:
    """A node's folder; a node that dials out has no address and no port."""
    address = "none" if dials_out else f"127.0.0.1:{free_port()}"
    profile = Profile.of(
        {
            "name": alias.capitalize(),
            "member_class": member_class,
            "country": "DE",
            "languages": ["de"],
            "contact": "The office",
            "endpoint": address,
        }
    )
    create_node(folder, profile, None, listen=address)


@contextmanager
def carried_pair(folder: Path, way: str, clock: Clock | None = None) -> Iterator[Pair]:
    """A shelter and a police unit, introduced and with data, that reach each other in this way."""
    pair = Pair(folder, way, clock)
    with ExitStack() as stack:
        alone = way in ("relay", "file")
        make(folder / "shelter", "shelter", "ngo", dials_out=alone)
        make(folder / "police", "police", "police", dials_out=alone or way == "dial-out")
        for alias in ALIASES:
            pair.start(alias)
        stack.callback(lambda: [pair.stop(alias) for alias in list(pair.running)])
        shelter, police = pair.shelter, pair.police
        introduce(shelter, police)
        plant(folder, shelter, police)
        if way == "relay":
            card = stack.enter_context(relayed(folder / "relay", [node.parts for node in (shelter, police)]))
            for node in (shelter, police):
                words = node.ask("member.add", file=card, by="ada", alias="post")["words"]
                node.ask("member.confirm", name="post", words=" ".join(words), by="ben")
        if reach := {"relay": "relay:post", "file": "file"}.get(way):
            shelter.ask("member.reach", name="police", reach=reach, by="ada")
            police.ask("member.reach", name="shelter", reach=reach, by="ada")
        if way == "file":
            pair.courier = stack.enter_context(Courier(pair).walking())
        yield pair


@dataclass
class Processes:
    """The two, each in a process of its own."""

    folder: Path
    shelter: Killable
    police: Killable


@contextmanager
def killable_carried_pair(folder: Path, way: str) -> Iterator[tuple[Killable, Killable]]:
    """As `carried_pair`, with each node in a process that tests kill. A relay, and the courier, stay in this one."""
    folder.mkdir(exist_ok=True)
    with carried_pair(folder, way) as pair, ExitStack() as stack:
        with nullcontext() if pair.courier is None else pair.courier.held:
            found = Processes(folder, *(Killable(folder / alias) for alias in ALIASES))
            for node in (found.shelter, found.police):
                pair.stop(node.alias)
                node.start()
                stack.callback(node.stop)
            if pair.courier is not None:
                pair.courier.pair = found
        yield found.shelter, found.police


Import = Callable[[Path], Any]


def _carefully(file: Path, take_in: Import) -> bool:
    take_in(file)
    return True


class Offices(Protocol):
    """Where a courier goes, and where the files lie."""

    @property
    def folder(self) -> Path: ...

    @property
    def shelter(self) -> Asked: ...

    @property
    def police(self) -> Asked: ...


@dataclass
class Courier:
    """Carries a file whenever there is something to carry: exports at one node, imports at the other, by turns.

    `trick(file, take_in)` stands for the way between the two, an uneventful one at first; where it says False, nothing
    is heard of the file, and after a while the courier is sent with a new one. `carried` counts the files. `held`
    stops the courier between two files.
    """

    pair: Offices
    trick: Callable[[Path, Import], bool] = _carefully
    carried: int = 0
    held: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)
    _unheard: set[tuple[str, str]] = field(default_factory=set)

    @contextmanager
    def walking(self) -> Iterator["Courier"]:
        thread = threading.Thread(target=self._walk, name="courier", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join(30)

    def _walk(self) -> None:
        while not self._stop.wait(0.05):
            with self.held, suppress(NodeError, KeyError):
                for here, there in ((self.pair.shelter, self.pair.police), (self.pair.police, self.pair.shelter)):
                    for found in here.ask("round.list")["rounds"]:
                        unheard = (here.alias, found["round_id"]) in self._unheard
                        if unheard or here.ask("round.to-carry", round=found["round_id"], to=there.alias)["due"]:
                            self.carry(here, there, found["round_id"])

    def carry(self, here: Asked, there: Asked, round_id: str) -> Path:
        self.carried += 1
        file = self.pair.folder / f"leg-{self.carried}"
        here.ask("round.export", round=round_id, to=there.alias, file=str(file))
        self._unheard.add((here.alias, round_id))  # also where the node that takes it in dies over it
        if self.trick(file, lambda path: there.ask("round.import", file=str(path))):
            self._unheard.discard((here.alias, round_id))
        return file

"""Whole nodes in this process: real folders, real TLS on loopback, real files; only the process borders are missing."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.app import create_node, open_node, serving
from node.clock import Clock, SystemClock
from node.identity.cards import Profile
from node.operations import OPERATIONS, Dispatcher, Parts
from tests.support.ports import free_port


@dataclass
class Running:
    """A node that serves, spoken to through its table of operations."""

    alias: str
    parts: Parts

    def ask(self, operation: str, **request: Any) -> Any:
        reply = Dispatcher(self.parts, OPERATIONS).invoke(operation, json.dumps(request).encode(), lambda _step: None)
        return json.loads(reply)

    def state(self, round_id: str) -> str:
        return str(self.ask("round.status", round=round_id)["round"]["state"])

    def step(self, round_id: str) -> None:
        """Wake a round, until a step that began after that has come to its end."""
        step, ended = self.parts.engine.step, threading.Event()

        def watched(woken: str) -> Any:
            done = step(woken)
            if woken == round_id:
                ended.set()
            return done

        self.parts.engine.step = watched  # type: ignore[method-assign]
        try:
            self.parts.wake(round_id)
            assert ended.wait(60), "it did not happen in time"
        finally:
            self.parts.engine.step = step  # type: ignore[method-assign]

    def events(self) -> list[str]:
        """What the log says, but for the readings: this is one itself."""
        shown = self.ask("audit.show", limit=1000)["entries"]
        return [entry["event"] for entry in shown if entry["event"] != "audit-read"]


def make_folder(
    folder: Path,
    alias: str,
    member_class: str,
    settings: str = "",
    database_file: Path | None = None,
    clock: Clock | None = None,
) -> int:
    """A new node's folder; the port that its card names. `settings` stand in for all that `node init` writes."""
    port = free_port()
    profile = Profile.of(
        {
            "name": alias.capitalize(),
            "member_class": member_class,
            "country": "DE",
            "languages": ["de"],
            "contact": "The office",
            "endpoint": f"127.0.0.1:{port}",
        }
    )
    create_node(folder, profile, None, listen=f"127.0.0.1:{port}", database_file=database_file, clock=clock)
    if settings:
        (folder / "config.toml").write_text(f'[node]\nlisten = "127.0.0.1:{port}"\n{settings}')
        approve_limits(folder)
    return port


def approve_limits(folder: Path) -> None:
    """Two people agree to the limits in the settings of a node that does not run, where it takes two."""
    with open_node(folder, None) as parts:
        if not parts.budget.settings_hold:
            for label in ("ada", "ben"):
                Dispatcher(parts, OPERATIONS).invoke(
                    "budget.approve-settings", json.dumps({"by": label}).encode(), lambda _said: None
                )


@contextmanager
def run(
    folder: Path,
    alias: str,
    *,
    clock: Clock | None = None,
    adapt: Callable[[Parts], None] = lambda _parts: None,
) -> Iterator[Running]:
    with serving(folder, None, clock=clock or SystemClock(), adapt=adapt) as parts:
        yield Running(alias, parts)


def introduce(one: Running, other: Running) -> None:
    """Both take in each other's card; a second person confirms the words."""
    for here, there in ((one, other), (other, one)):
        card = there.ask("card.show")["file"]
        words = here.ask("member.add", file=card, by="ada", alias=there.alias)["words"]
        here.ask("member.confirm", name=there.alias, words=" ".join(words), by="ben")


@contextmanager
def three(folder: Path, settings: str = "") -> Iterator[tuple[Running, Running, Running]]:
    """A shelter, a police unit and a coordinator, running and introduced to each other."""
    with ExitStack() as stack:
        nodes = []
        for alias, member_class in (("shelter", "ngo"), ("police", "police"), ("board", "coordinator")):
            make_folder(folder / alias, alias, member_class, settings)
            nodes.append(stack.enter_context(run(folder / alias, alias)))
        shelter, police, board = nodes
        introduce(shelter, police)
        introduce(shelter, board)
        introduce(police, board)
        yield shelter, police, board


def wait_for(done: Callable[[], bool], seconds: float = 60.0) -> None:
    """Until `done`, or fail."""
    limit = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.02)

"""Three organisations as they would run: a process, a folder, keys, logs and temporary files of its own for each.

    with three_processes(folder) as world:
        world.shelter.ask("dataset.add", ...)

Spoken to over the control socket, as the command line does; every reply is kept in `replies`. Every process is a
`tapped_node`, whose messages are in `world.caught()`.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node.rpc.control_client import ControlClient, NodeNotRunning
from tests.support import node_life
from tests.support.nodes import make_folder
from tests.support.signing import sign
from tests.support.small_rounds import lead_numbers
from tests.support.tap import Caught, read_tap

__all__ = ["Office", "World", "three_processes", "wait_until"]

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0
STOP_SECONDS = 20.0


@dataclass
class Office:
    """One node. `state_folder`, `temporary`, `log` and `tap` are all that it can write to."""

    alias: str
    folder: Path
    process: subprocess.Popen[bytes]
    client: ControlClient
    member_id: str = ""
    replies: list[Any] = field(default_factory=list)

    @property
    def state_folder(self) -> Path:
        return self.folder / "state"

    @property
    def temporary(self) -> Path:
        return self.folder / "tmp"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def tap(self) -> Path:
        return self.folder / "tap"

    def ask(self, operation: str, **request: Any) -> Any:
        reply = self.client.call(operation, request)
        self.replies.append(reply)
        return reply

    def round(self, round_id: str) -> Any:
        return self.ask("round.status", round=round_id)["round"]

    def knows(self, round_id: str) -> bool:
        return any(found["round_id"] == round_id for found in self.ask("round.list")["rounds"])

    def wait(self, round_id: str, *states: str, seconds: float = 60.0) -> None:
        """Until the round is in one of these states here."""
        wait_until(lambda: self.round(round_id)["state"] in (*states, "failed"), seconds)
        found = self.round(round_id)
        assert found["state"] in states, (self.alias, found["state"], found["failure"])

    def stop(self) -> int:
        """As a service manager stops it; the exit code."""
        return node_life.stop(self.process, seconds=STOP_SECONDS)


@dataclass
class World:
    shelter: Office
    police: Office
    board: Office

    @property
    def offices(self) -> tuple[Office, Office, Office]:
        return self.shelter, self.police, self.board

    def caught(self) -> list[Caught]:
        """What all three taps hold until now."""
        return [call for office in self.offices for call in read_tap(office.tap)]

    def agree(self, template: str, datasets: tuple[str, str], settings: dict[str, Any] | None = None) -> str:
        """The board proposes, the shelter and the police unit sign with these data sets, the board says go."""
        proposal = self.board.ask(
            "round.propose",
            template=template,
            members=["shelter", "police"],
            settings=settings or {},
            by="carl",
        )
        round_id = str(proposal["round"]["round_id"])
        for office, dataset in zip((self.shelter, self.police), datasets, strict=True):
            wait_until(lambda office=office: office.knows(round_id))  # type: ignore[misc]
            sign(office, round_id, dataset)
        self.board.wait(round_id, "agreed")
        self.board.ask("round.start", round=round_id, by="carl")
        return round_id

    def release(self, round_id: str, references: list[str]) -> None:
        """The shelter decides; then all three see the end."""
        self.shelter.wait(round_id, "deciding")
        chosen = lead_numbers(self.shelter, round_id, references)
        self.shelter.ask("round.release", round=round_id, leads=chosen, by="ada")
        for office in self.offices:
            office.wait(round_id, "finished")


def wait_until(done: Callable[[], bool], seconds: float = 60.0) -> None:
    limit = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.05)


@contextmanager
def three_processes(folder: Path, settings: str = "") -> Iterator[World]:
    """A shelter, a police unit and a coordinator, running and introduced to each other. `settings`: of `config.toml`,
    with {alias} in them for each node's own name."""
    with ExitStack() as stack:
        classes = {"shelter": "ngo", "police": "police", "board": "coordinator"}
        offices = [_start(stack, folder / alias, alias, kind, settings) for alias, kind in classes.items()]
        for office in offices:
            wait_until(lambda office=office: _is_up(office), START_SECONDS)  # type: ignore[misc]
            office.member_id = office.ask("node.status")["member_id"]
        cards = {office.alias: office.ask("card.show")["file"] for office in offices}

        def meet(office: Office) -> None:
            for alias, card in cards.items():
                if alias != office.alias:
                    words = office.ask("member.add", file=card, by="ada", alias=alias)["words"]
                    office.ask("member.confirm", name=alias, words=" ".join(words), by="ben")

        with ThreadPoolExecutor(len(offices)) as pool:
            list(pool.map(meet, offices))
        yield World(*offices)


def _start(stack: ExitStack, folder: Path, alias: str, member_class: str, settings: str) -> Office:
    (folder / "tmp").mkdir(parents=True)
    make_folder(folder / "state", alias, member_class, settings.format(alias=alias))
    log = stack.enter_context((folder / "log").open("wb"))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.tapped_node", str(folder / "state"), str(folder / "tap")],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder / "tmp"), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    office = Office(alias, folder, process, stack.enter_context(ControlClient(folder / "state")))
    stack.callback(office.stop)
    return office


def _is_up(office: Office) -> bool:
    assert office.process.poll() is None, f"the node ended at once: {office.log.read_text()}"
    try:
        office.ask("node.status")
    except NodeNotRunning:
        return False
    return True

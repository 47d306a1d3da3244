"""Many nodes on one machine, each a process as it is installed, and rounds between them, all at the same time.

    with fleet(folder, 6) as nodes:
        seen = carry_out(nodes, all_pairs(nodes))

Every node knows every other one and holds `RECORDS` adverts with a telephone number each; `SHARED` of them are the same
everywhere, the others its own, so that every round has a true result. All rounds are of job J2 with answers in order:
both sides learn, and both must have learned exactly that. The folders are made and the nodes introduced by this
process, before any node runs, since that is not what is measured.

The driver does what persons would: it proposes, signs, starts and releases. It looks into the nodes' databases from
outside, which costs them nothing.
"""

import csv
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any
from unittest import mock

from node.app import open_node
from node.errors import Busy
from node.rpc.control_client import ControlClient, RemoteError
from tests.support import node_life
from tests.support.nodes import Running, make_folder

__all__ = ["Fleet", "Node", "Seen", "all_pairs", "carry_out", "check", "fleet", "hub_rounds"]

ROOT = Path(__file__).parents[2]
RECORDS, SHARED = 10, 3
ELEMENTS = 64
"""Size class of each list: what a round charges each side for the other."""
SETTINGS = "[limits]\narithmetic_threads = 1\n[budget]\nelements = 1_000_000\nelements_in_all = 10_000_000\n"
START_SECONDS = 300.0
STOP_SECONDS = 30.0
AT_A_TIME = 4
"""Nodes that are started, and calls that are under way, at the same time."""
LOOK_SECONDS = 0.5
ASK_SECONDS = 600.0
"""How long a command may take, and how long it is repeated while the node is busy."""
_TICKS = os.sysconf("SC_CLK_TCK")

Pair = tuple[int, int]
"""Who proposes and learns first, and with whom."""


@dataclass
class Node:
    """One node. `peak_files`: the most files it was seen to have open."""

    number: int
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    peak_files: int = 0
    states: dict[str, str] = field(default_factory=dict)
    client: ControlClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = ControlClient(self.folder)

    @property
    def alias(self) -> str:
        return alias(self.number)

    def ask(self, operation: str, **request: Any) -> Any:
        """Asked again while the node is busy with other commands, as it tells people to."""
        limit = time.monotonic() + ASK_SECONDS
        while True:
            try:
                return self.client.call(operation, request, timeout_seconds=ASK_SECONDS)
            except RemoteError as error:
                if error.code != Busy.code or time.monotonic() > limit:
                    raise
                time.sleep(LOOK_SECONDS)

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cli", "node", "run", "--folder", str(self.folder)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        node_life.wait_until_up(self.process, self.ask, self._log, seconds=START_SECONDS)

    @property
    def _log(self) -> Path:
        return self.folder.with_suffix(".log")

    def look(self) -> None:
        """Read where its rounds stand, and how many files it has open."""
        with sqlite3.connect(f"file:{self.folder / 'db'}?mode=ro", uri=True, timeout=30) as connection:
            self.states = dict(connection.execute("select round_id, state from rounds").fetchall())
        connection.close()
        self.peak_files = max(self.peak_files, sum(1 for _ in self._proc("fd").iterdir()))

    def cpu_seconds(self) -> float:
        fields = self._proc("stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def peak_mib(self) -> float:
        return _kib(self._proc("status"), "VmHWM:") / 1024

    def own_mib(self) -> float:
        """Its share of memory just now: pages that several processes use are divided among them."""
        return _kib(self._proc("smaps_rollup"), "Pss:") / 1024

    def _proc(self, name: str) -> Path:
        assert self.process is not None
        return Path(f"/proc/{self.process.pid}/{name}")

    def stop(self) -> None:
        self.client.close()
        if self.process is not None:
            node_life.stop(self.process, seconds=STOP_SECONDS)


def _kib(path: Path, name: str) -> int:
    (line,) = [one for one in path.read_text().splitlines() if one.startswith(name)]
    return int(line.split()[1])


def alias(number: int) -> str:
    return f"office-{number}"


@dataclass
class Fleet:
    nodes: list[Node]
    prepared_seconds: float
    started_seconds: float


@dataclass
class Seen:
    """What one run of rounds cost and came to. Memory in MiB, time in seconds; `parties` of each round."""

    rounds: int
    finished: int
    parties: dict[str, Pair] = field(repr=False)
    seconds: float
    cpu_seconds: list[float]
    peak_mib: list[float]
    total_mib: float
    peak_files: list[int]
    most_open: int
    wrong: list[str]

    def as_dict(self) -> dict[str, Any]:
        return {
            "rounds": self.rounds,
            "finished": self.finished,
            "lost_or_wrong": len(self.wrong),
            "seconds": round(self.seconds, 1),
            "rounds_per_second": round(self.rounds / self.seconds, 2),
            "cpu_seconds_per_round": round(sum(self.cpu_seconds) / self.rounds, 3),
            "cpu_seconds_total": round(sum(self.cpu_seconds), 1),
            "peak_mib_of_a_node": round(max(self.peak_mib), 1),
            "sum_of_peaks_mib": round(sum(self.peak_mib)),
            "most_memory_at_once_mib": round(self.total_mib),
            "open_files_of_a_node": max(self.peak_files),
            "open_files_total": sum(self.peak_files),
            "rounds_open_at_once": self.most_open,
        }


def all_pairs(nodes: Sequence[Node]) -> list[Pair]:
    return list(combinations(range(len(nodes)), 2))


def hub_rounds(nodes: Sequence[Node], rounds: int) -> list[Pair]:
    """The first node with each of the others in turn."""
    return [(0, 1 + number % (len(nodes) - 1)) for number in range(rounds)]


@contextmanager
def fleet(folder: Path, count: int) -> Iterator[Fleet]:
    """`count` nodes that know each other, each with its data set, running."""
    began = time.monotonic()
    folders = [folder / alias(number) for number in range(count)]
    with mock.patch("node.identity.words.SCRYPT_COST", 2):
        for number, path in enumerate(folders):
            make_folder(path, alias(number), "police", SETTINGS)
        cards = [_as_owner(path, lambda node: node.ask("card.show")["file"]) for path in folders]
        for number, path in enumerate(folders):
            _as_owner(path, lambda node, number=number: _furnish(node, number, cards))  # type: ignore[misc]
    prepared = time.monotonic() - began
    with ExitStack() as stack:
        nodes = [Node(number, path) for number, path in enumerate(folders)]
        for node in nodes:
            stack.callback(node.stop)
        began = time.monotonic()
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            list(pool.map(Node.start, nodes))
        yield Fleet(nodes, prepared, time.monotonic() - began)


def _as_owner(path: Path, act: Callable[[Running], Any]) -> Any:
    with open_node(path, None) as parts:
        return act(Running(path.name, parts))


def _furnish(node: Running, number: int, cards: Sequence[Any]) -> None:
    for other, card in enumerate(cards):
        if other != number:
            words = node.ask("member.add", file=card, by="ada", alias=alias(other))["words"]
            node.ask("member.confirm", name=alias(other), words=" ".join(words), by="ben")
    source = node.parts.folder.path.with_suffix(".csv")
    with source.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["Case", "Phone"])
        for at in range(RECORDS):
            local = at if at < SHARED else 10 + number * RECORDS + at
            rows.writerow([f"C-{number}-{at}", f"+49 30 9018 {local:04}"])
    node.ask(
        "dataset.add",
        path=str(source),
        name="list",
        record_class="advert",
        basis="legal_duty",
        legal_reference="Article 1",
        region="DE",
        mapping={"Case": "reference", "Phone": "phone"},
        by="ada",
    )


def carry_out(nodes: Sequence[Node], pairs: Sequence[Pair], *, seconds: float, at_once: int = 0) -> Seen:
    """All these rounds. `at_once`: so many are open at a time (0: all of them). `seconds`: give up after this."""
    before = [node.cpu_seconds() for node in nodes]
    began = time.monotonic()
    rounds: dict[str, Pair] = {}
    done: set[tuple[str, str]] = set()
    total = 0.0
    most_open = 0
    states: dict[str, tuple[str, ...]] = {}
    waiting = list(reversed(pairs))
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        while time.monotonic() - began < seconds:
            room = max(0, (at_once or len(pairs)) - sum(not _over(one) for one in states.values()))
            begun = [waiting.pop() for _ in range(min(room, len(waiting)))]
            for round_id, pair in pool.map(lambda pair: (_propose(nodes, pair), pair), begun):
                rounds[round_id] = pair
            for node in nodes:
                node.look()
            total = max(total, sum(node.own_mib() for node in nodes))
            states = {name: tuple(nodes[at].states.get(name, "") for at in pair) for name, pair in rounds.items()}
            most_open = max(most_open, sum(one != ("finished", "finished") for one in states.values()))
            if not waiting and all(map(_over, states.values())):
                break
            steps = [step for name, pair in rounds.items() for step in _steps(nodes, pair, name, states[name], done)]
            list(pool.map(lambda step: step(), steps))
            if not steps:
                time.sleep(LOOK_SECONDS)
        assert len(rounds) == len(pairs) - len(waiting)
        spent = time.monotonic() - began
        cpu = [node.cpu_seconds() - was for node, was in zip(nodes, before, strict=True)]
        finished = sum(one == ("finished", "finished") for one in states.values())
        wrong = check(nodes, rounds)
    return Seen(
        len(pairs),
        finished,
        rounds,
        spent,
        cpu,
        [node.peak_mib() for node in nodes],
        total,
        [node.peak_files for node in nodes],
        most_open,
        wrong,
    )


def _propose(nodes: Sequence[Node], pair: Pair) -> str:
    one, other = (nodes[at] for at in pair)
    terms = {"records": RECORDS, "record_class": "advert"}
    proposed = one.ask(
        "round.propose",
        template="J2",
        members=["me", other.alias],
        settings={
            "first_learner": "me",
            "match": [{"kind": "phone", "per_record": 1}],
            "members": {"me": terms, other.alias: terms},
        },
        by="carl",
    )
    return str(proposed["round"]["round_id"])


def _over(states: Sequence[str]) -> bool:
    return all(one in ("finished", "failed", "cancelled", "refused") for one in states)


def _steps(
    nodes: Sequence[Node], pair: Pair, name: str, states: tuple[str, ...], done: set[tuple[str, str]]
) -> list[Callable[[], Any]]:
    """What persons have to do for this round now; each of it is done once."""
    one, other = (nodes[at] for at in pair)
    wanted: list[tuple[str, Node, str, dict[str, Any]]] = []
    for what, node, state in (("sign first", one, states[0]), ("sign second", other, states[1])):
        if state == "proposed":
            wanted.append((what, node, "round.sign", {"dataset": "list", "by": "ada"}))
    if states == ("agreed", "agreed"):
        wanted.append(("start", one, "round.start", {"by": "carl"}))
    if states[0] == "deciding":
        wanted.append(("release", one, "round.release", {"everything": True, "by": "ada"}))
    steps: list[Callable[[], Any]] = []
    for what, node, operation, request in wanted:
        if (name, what) not in done:
            done.add((name, what))
            steps.append(
                lambda node=node, operation=operation, request=request: node.ask(  # type: ignore[misc]
                    operation, round=name, **request
                )
            )
    return steps


def check(nodes: Sequence[Node], rounds: dict[str, Pair]) -> list[str]:
    """A sentence for everything that is lost or wrong: a round that did not finish, a result that is not the true one,
    a charge too many or too few, a log that does not verify."""
    wrong: list[str] = []
    charged = {node.alias: 0 for node in nodes}
    for name, pair in rounds.items():
        for at in pair:
            node = nodes[at]
            if node.states.get(name) != "finished":
                wrong.append(f"a round of {node.alias} is {node.states.get(name, 'unknown')}")
                continue
            charged[node.alias] += ELEMENTS
            leads = node.ask("round.results", round=name)["leads"]
            if sorted(lead["reference"] for lead in leads) != [f"C-{at}-{number}" for number in range(SHARED)]:
                wrong.append(f"a round of {node.alias} has another result")
    for node in nodes:
        with sqlite3.connect(f"file:{node.folder / 'db'}?mode=ro", uri=True, timeout=30) as connection:
            charges = connection.execute("select round_id, elements from charges").fetchall()
        connection.close()
        spent = sum(elements for name, elements in charges if name in rounds)
        if spent != charged[node.alias]:
            wrong.append(f"{node.alias} charged {spent} elements and not {charged[node.alias]}")
        if not node.ask("audit.verify")["ok"]:
            wrong.append(f"the log of {node.alias} does not verify")
    return wrong

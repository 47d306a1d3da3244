"""Kill -9 at every named step of a round, on either side, and on both sides once.

Two lanes of two real nodes each work through all cases; a node that is gone is started again, as a service manager
would. A case arms one failpoint on one side (or one on each), runs a round and looks at what is left: the same overlap
on both sides or an end that both logs explain, every charge once, and nothing that the other side had to blame. That
is also how a second opening or a second list in one round would show: the other side keeps a digest of every message.

Pairs: `PAIRS` at every run, `CI_PAIRS` in all on every submission, half of these at any step there is;
before a release every step of the one side with every step of the other.
"""

import random
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import pytest

from node import failpoints
from node.clock import timestamp
from node.errors import NodeError
from node.rpc.control_client import NodeNotRunning
from tests.support.killable import Killable, killable_pair
from tests.support.small_rounds import agree, check

ROOT = Path(__file__).parents[2]
SIDES = ("shelter", "police")
ONLY_THE_SHELTER = {"round.deciding", "round.after-release"}
"""Only the first learner lets a person decide."""

ENDS = {"finished", "failed", "cancelled"}
CASE_SECONDS = 60.0
LANES = 3
PAIRS = 2
COMMON_PAIRS = 6
QUICK_STEP = 5
"""Of the single kills, every such one is played at every run; all of them on every submission."""
CI_PAIRS = 40
"""Cases, those of `PAIRS` among them."""
OFTEN = (
    "round.before-persist",
    "round.after-persist",
    "round.after-send",
    "round.after-acknowledge",
    "round.after-accept",
)
"""Points that both sides pass at least four times between the start and the end of a round."""


@dataclass(frozen=True)
class Case:
    """`kills`: for each side the failpoint and at which hit."""

    kills: tuple[tuple[str, str, int], ...]

    @property
    def fails(self) -> bool:
        return any(name == "round.after-failure" for _side, name, _count in self.kills)

    def __str__(self) -> str:
        return "+".join(f"{side}:{name.removeprefix('round.')}:{count}" for side, name, count in self.kills)


def points_of(side: str) -> list[str]:
    """The steps of a round that ends well, on this side."""
    others = {"round.after-failure"} if side == "shelter" else {"round.after-failure", *ONLY_THE_SHELTER}
    return sorted(failpoints.POINTS - others)


def single_cases() -> list[Case]:
    return [
        Case(((side, name, 1),))
        for name in sorted(failpoints.POINTS)
        for side in SIDES
        if side == "shelter" or name not in ONLY_THE_SHELTER
    ]


def seeded_pairs() -> list[Case]:
    """The first `COMMON_PAIRS` and every second after them at steps that come often, the others at any."""
    seeded = random.Random("blindmatch pairs of steps")
    pairs: list[Case] = []
    while len(pairs) < CI_PAIRS:
        if len(pairs) < COMMON_PAIRS or len(pairs) % 2:
            case = Case(tuple((side, seeded.choice(OFTEN), seeded.randint(1, 4)) for side in SIDES))
        else:
            case = Case(tuple((side, seeded.choice(points_of(side)), 1) for side in SIDES))
        if case not in pairs:
            pairs.append(case)
    return pairs


def all_pairs() -> list[Case]:
    ending = [(one, other) for one in points_of("shelter") for other in points_of("police")]
    failing = [("round.after-failure", "round.after-failure")]
    return [Case((("shelter", one, 1), ("police", other, 1))) for one, other in ending + failing]


SINGLES, SEEDED = single_cases(), seeded_pairs()
SOAK = [case for case in all_pairs() if case not in SEEDED]
CASES = SINGLES[::QUICK_STEP] + SEEDED[:PAIRS]
"""Those of every run."""
PARAMETERS = [
    *CASES,
    *(pytest.param(case, marks=pytest.mark.ci) for case in SINGLES + SEEDED if case not in CASES),
    *(pytest.param(case, marks=pytest.mark.soak) for case in SOAK),
]


@dataclass
class Outcome:
    """What was seen: exit codes of nodes that died, states, and per side the events of the round."""

    died: dict[str, int]
    states: dict[str, str]
    events: dict[str, list[tuple[str, dict[str, Any]]]]
    verified: dict[str, bool]


def calm(ask: Callable[[], Any]) -> Any:
    """The answer, or None from a node that is just dying or says no."""
    try:
        return ask()
    except (NodeNotRunning, NodeError):
        return None


def play(case: Case, shelter: Killable, police: Killable) -> Outcome:
    nodes = {"shelter": shelter, "police": police}
    settings = {}
    if case.fails:
        settings["deadline"] = timestamp(datetime.now(UTC) + timedelta(seconds=3))
    round_id = agree(shelter, shelter, police, **settings)
    if case.fails:
        limit = datetime.fromisoformat(settings["deadline"])
        while datetime.now(UTC) <= limit + timedelta(seconds=1):
            time.sleep(0.05)
    for side, name, count in case.kills:
        nodes[side].arm("kill", name, count)
    calm(lambda: shelter.ask("round.start", round=round_id, by="carl"))
    died: dict[str, int] = {}
    limit_at = time.monotonic() + CASE_SECONDS
    while True:
        assert time.monotonic() < limit_at, f"{case} did not come to an end"
        for side, node in nodes.items():
            assert node.process is not None
            if node.process.poll() is not None:
                died[side] = node.process.returncode
                node.start()
        states = {side: node.state(round_id) for side, node in nodes.items()}
        if states["shelter"] == "agreed":  # the first call died with the node
            calm(lambda: shelter.ask("round.start", round=round_id, by="carl"))
        if states["shelter"] == "deciding":
            calm(lambda: shelter.ask("round.release", round=round_id, everything=True, by="ada"))
        if set(died) == {side for side, _name, _count in case.kills} and all(one in ENDS for one in states.values()):
            break
        time.sleep(0.05)
    wait_until_cleared(nodes, round_id)
    if states == {"shelter": "finished", "police": "finished"}:
        check(shelter, police, round_id)
    return Outcome(
        died,
        states,
        {side: node.events(round_id) for side, node in nodes.items()},
        {side: bool(node.ask("audit.verify")["ok"]) for side, node in nodes.items()},
    )


def wait_until_cleared(nodes: dict[str, Killable], round_id: str) -> None:
    """No list, no key and no snapshot of a round that is over stays behind."""
    limit = time.monotonic() + 10
    for node in nodes.values():
        assert node.rows("select scalar, snapshot, decision from rounds where round_id = ?", round_id) == [
            (None, None, None)
        ]
        while any((node.folder / "spools").glob(f"{round_id}.*")):
            assert time.monotonic() < limit, "lists were left behind"
            time.sleep(0.02)


def work(folder: Path, cases: "SimpleQueue[Case]", outcomes: dict[Case, Outcome | BaseException]) -> None:
    try:
        with killable_pair(folder) as (shelter, police):
            while True:
                case = cases.get_nowait()
                try:
                    outcomes[case] = play(case, shelter, police)
                except BaseException as error:  # noqa: BLE001 - told by the test of this case
                    outcomes[case] = error
                    for node in (shelter, police):
                        node.stop(signal.SIGKILL)
                        node.start()
    except Empty:
        pass


@pytest.fixture(scope="module")
def outcomes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[Case, Outcome | BaseException]]:
    """All cases that were asked for, played once."""
    asked = [item.callspec.params.get("case") for item in request.session.items if hasattr(item, "callspec")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("node.identity.words.SCRYPT_COST", 2)
        queue: SimpleQueue[Case] = SimpleQueue()
        for case in dict.fromkeys(one for one in asked if isinstance(one, Case)):
            queue.put(case)
        seen: dict[Case, Outcome | BaseException] = {}
        folder = tmp_path_factory.mktemp("kill9")
        lanes = [threading.Thread(target=work, args=(folder / f"lane{n}", queue, seen)) for n in range(LANES)]
        for lane in lanes:
            lane.start()
        for lane in lanes:
            lane.join()
        print(f"played {len(seen)} cases, {sum(len(case.kills) == 2 for case in seen)} of them pairs")
        yield seen


def test_the_list_of_names_is_the_codes() -> None:
    """Every point in the code is in the table, and the reverse; a case stands for each on each side that passes it."""
    hit = set()
    for path in (ROOT / "node").rglob("*.py"):
        hit |= set(re.findall(r'failpoints\.hit\("([^"]+)"\)', path.read_text()))
        assert not re.search(r"failpoints\.hit\([^\")]", path.read_text()), "a failpoint has a fixed name"
    assert hit == failpoints.POINTS | failpoints.KEEPING
    played = {(side, name) for case in SINGLES for side, name, _count in case.kills}
    expected = {(side, name) for side in SIDES for name in failpoints.POINTS}
    assert played == expected - {("police", name) for name in ONLY_THE_SHELTER}


def test_the_pairs_are_as_many_as_promised() -> None:
    assert len(set(SEEDED)) == CI_PAIRS
    assert all(len({side for side, _name, _count in case.kills}) == 2 for case in SEEDED + SOAK)
    shelters, polices = points_of("shelter"), points_of("police")
    assert len(shelters) == len(failpoints.POINTS) - 1 == len(polices) + len(ONLY_THE_SHELTER)
    played = {tuple(name for _side, name, _count in case.kills) for case in SEEDED + SOAK}
    assert played >= {(one, other) for one in shelters for other in polices}


@pytest.mark.tm("TM-40")
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("case", PARAMETERS, ids=str)
def test_a_kill_costs_a_repetition_and_nothing_else(case: Case, outcomes: dict[Case, Outcome | BaseException]) -> None:
    seen = outcomes[case]
    if isinstance(seen, BaseException):
        raise seen
    assert seen.died == {side: -signal.SIGKILL for side, _name, _count in case.kills}, "a kill did not happen"
    assert seen.verified == dict.fromkeys(SIDES, True)
    names = {side: [name for name, _facts in events] for side, events in seen.events.items()}
    assert not any("peer-blamed" in one for one in names.values())
    charged = {
        side: [facts["elements"] for name, facts in events if name == "budget-charged"]
        for side, events in seen.events.items()
    }
    if case.fails:
        assert seen.states == dict.fromkeys(SIDES, "failed")
        assert charged == {"shelter": [], "police": []}
        assert all(one.count("round-failed") == 1 for one in names.values())
        return
    assert seen.states == dict.fromkeys(SIDES, "finished")
    assert charged == {"shelter": [3], "police": [64]}
    for once in ("list-committed", "overlap-learned", "round-closed"):
        assert all(one.count(once) == 1 for one in names.values())
    assert names["shelter"].index("release-decided") < names["shelter"].index("release-sent")
    assert names["police"].index("budget-charged") < names["police"].index("answer-sent")


@pytest.mark.tm("TM-41")
def test_a_second_blinding_in_one_round_would_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin: after the restart this node says another list than the one it had committed to."""
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    with killable_pair(tmp_path / "twin") as (shelter, police):
        round_id = agree(shelter, shelter, police)
        police.arm("kill", "round.list-stored")
        shelter.ask("round.start", round=round_id, by="carl")
        assert police.process is not None
        assert police.process.wait(30) == -signal.SIGKILL
        police.start(BLINDMATCH_TEST_SABOTAGE="fresh-list")
        limit = time.monotonic() + 30
        while shelter.state(round_id) != "failed":
            assert time.monotonic() < limit
            time.sleep(0.05)
        blames = [facts for name, facts in shelter.events(round_id) if name == "peer-blamed"]
        assert [facts["code"] for facts in blames] == ["broken-commitment"]
        assert shelter.ask("round.results", round=round_id)["leads"] == []

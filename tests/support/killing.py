"""A round in which processes are killed at named steps, played once, and what has to be left of it.

Two real nodes (`Killable`); a node that is gone is started again, as a service manager would. A case arms one failpoint
on one side (or one on each), runs a round and looks at what is left: the same overlap on both sides or an end that both
logs explain, every charge once, and nothing that the other side had to blame. That is also how a second opening or a
second list in one round would show: the other side keeps a digest of every message.
"""

import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from queue import Empty, SimpleQueue
from typing import Any

from node import failpoints
from node.clock import timestamp
from node.errors import NodeError
from tests.support.killable import Killable
from tests.support.small_rounds import agree, check

__all__ = ["ONLY_THE_SHELTER", "SIDES", "Case", "Outcome", "play_all", "points_of", "survived"]

SIDES = ("shelter", "police")
ENDS = {"finished", "failed", "cancelled"}
CASE_SECONDS = 60.0
DEADLINE_SECONDS = 25.0
"""Of a round that is to fail: long enough to be agreed on a busy machine, however it travels."""
ONLY_THE_SHELTER = {"round.deciding", "round.after-release"}
"""Only the first learner lets a person decide."""


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
    except NodeError:
        return None


def play(case: Case, shelter: Killable, police: Killable) -> Outcome:
    nodes = {"shelter": shelter, "police": police}
    settings = {}
    if case.fails:
        settings["deadline"] = timestamp(datetime.now(UTC) + timedelta(seconds=DEADLINE_SECONDS))
    round_id = agree(shelter, shelter, police, **settings)
    for side, name, count in case.kills:
        nodes[side].arm("kill", name, count)
    if case.fails:  # at its deadline, by whatever step comes next
        limit = datetime.fromisoformat(settings["deadline"])
        while datetime.now(UTC) <= limit + timedelta(seconds=1):
            time.sleep(0.05)
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


def play_all(
    open_pair: Callable[[], AbstractContextManager[tuple[Killable, Killable]]],
    cases: "SimpleQueue[Case]",
    outcomes: dict[Case, Outcome | BaseException],
) -> None:
    """Play cases with a pair of nodes until none is left; what came of each, or the error, goes into `outcomes`."""
    with open_pair() as (shelter, police), suppress(Empty):
        while True:
            case = cases.get_nowait()
            try:
                outcomes[case] = play(case, shelter, police)
            except BaseException as error:  # noqa: BLE001 - told by the test of this case
                outcomes[case] = error
                for node in (shelter, police):
                    node.stop(signal.SIGKILL)
                    node.start()


def survived(case: Case, seen: Outcome | BaseException) -> None:
    """AssertionError unless the kills happened and cost a repetition, and nothing else."""
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

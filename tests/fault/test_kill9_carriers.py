"""Kill -9 at every named step of a round whose nodes do not call each other: one dials out, or others carry.

The cases and what has to be left of them are those of `test_kill9`: what travels, and how, makes no difference to what
is stored before it is sent. One pair of nodes for each way; the relay and the courier live on. Pairs of steps, and the
relay's own crashes, are played elsewhere (`test_kill9`, `tests/security/test_relay.py`).
"""

import threading
from collections.abc import Iterator
from functools import partial
from queue import SimpleQueue

import pytest

from node import failpoints
from tests.support.killing import ONLY_THE_SHELTER, SIDES, Case, Outcome, play_all, survived
from tests.support.reaches import WAYS, killable_carried_pair

CARRIED = [way for way in WAYS if way != "direct"]
QUICK = (("dial-out", "police", "round.after-persist"), ("relay", "shelter", "round.after-accept"))
"""Those of every run; all of them on every submission."""
Seen = dict[str, dict[Case, Outcome | BaseException]]

CALLS = "round.after-send"
"""Passed by a side that calls the other one."""
NOT_PASSED = {
    "dial-out": {("shelter", CALLS)},
    "relay": {(side, CALLS) for side in SIDES},
    "file": {(side, CALLS) for side in SIDES},
}
STEPS = [
    (way, side, name)
    for way in CARRIED
    for name in sorted(failpoints.POINTS)
    for side in SIDES
    if (side == "shelter" or name not in ONLY_THE_SHELTER) and (side, name) not in NOT_PASSED[way]
]
PARAMETERS = [
    pytest.param(
        way,
        Case(((side, name, 1),)),
        id=f"{way}-{side}-{name.removeprefix('round.')}",
        marks=[] if (way, side, name) in QUICK else pytest.mark.ci,
    )
    for way, side, name in STEPS
]


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """All cases that were asked for, played once; the ways side by side."""
    asked = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("node.identity.words.SCRYPT_COST", 2)
        folder = tmp_path_factory.mktemp("carried")
        seen: Seen = {way: {} for way in CARRIED}
        lanes = []
        for way in CARRIED:
            queue: SimpleQueue[Case] = SimpleQueue()
            cases = [one["case"] for one in asked if one.get("way") == way and isinstance(one.get("case"), Case)]
            for case in dict.fromkeys(cases):
                queue.put(case)
            if cases:
                pair = partial(killable_carried_pair, folder / way, way)
                lanes.append(threading.Thread(target=play_all, args=(pair, queue, seen[way])))
        for lane in lanes:
            lane.start()
        for lane in lanes:
            lane.join()
        yield seen


@pytest.mark.tm("TM-40")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("way", "case"), PARAMETERS)
def test_a_kill_costs_a_repetition_whoever_carries(way: str, case: Case, outcomes: Seen) -> None:
    survived(case, outcomes[way][case])


def test_every_step_that_there_is_on_a_way_is_played() -> None:
    assert len(set(STEPS)) == len(PARAMETERS) == 79
    for way in CARRIED:
        left_out = {name for _side, name in NOT_PASSED[way]}
        assert {name for one, _side, name in STEPS if one == way} >= failpoints.POINTS - left_out

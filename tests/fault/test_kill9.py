"""Kill -9 at every named step of a round, on either side, and on both sides once.

Lanes of two real nodes each work through all cases (`tests.support.killing`). The nodes call each other here;
`test_kill9_carriers` has the other ways.

Pairs: `PAIRS` at every run, `CI_PAIRS` in all on every submission, half of these at any step there is;
before a release every step of the one side with every step of the other.
"""

import random
import re
import signal
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from queue import SimpleQueue

import pytest

from node import failpoints
from tests.support.killable import killable_pair
from tests.support.killing import ONLY_THE_SHELTER, SIDES, Case, Outcome, play_all, points_of, survived
from tests.support.small_rounds import agree

ROOT = Path(__file__).parents[2]
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
        pairs = [partial(killable_pair, folder / f"lane{n}") for n in range(LANES)]
        lanes = [threading.Thread(target=play_all, args=(pair, queue, seen)) for pair in pairs]
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
    survived(case, outcomes[case])


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

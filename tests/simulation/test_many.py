"""The runner of very many seeds: what it counts, where it goes on, and what makes it fail. Runs are made up here."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.simulation import many
from tests.simulation.many import BLOCK, Many
from tests.simulation.runs import FAULTS, RARE
from tests.simulation.watch import Broken
from tests.simulation.world import Outcome

BAD = 7


def made_up(seed: int, **more: Any) -> Outcome:
    said: dict[str, Any] = {
        "happened": Counter(FAULTS | RARE),
        "done": Counter({"sign": 36}),
        "ends": {"finished": 3, "cancelled": 1, "refused": 1, "failed: deadline": 1},
        "envelopes": 40,
        "disclosures": 2,
        "lists": 4,
    }
    return Outcome(seed, **said | more)


@pytest.fixture(autouse=True)
def _made_up_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "simulate", made_up)
    monkeypatch.setattr(many.organisations, "template", lambda: Path())


def test_all_seeds_are_run_once_and_counted(tmp_path: Path) -> None:
    out = tmp_path / "build" / "said.json"
    assert Many(0, 2 * BLOCK + 3, out).run(2)
    said = json.loads(out.read_text())
    assert said["complete"]
    assert said["done"] == [[0, 2 * BLOCK + 2]]
    assert {first: tally["runs"] for first, tally in said["blocks"].items()} == {"0": BLOCK, "500": BLOCK, "1000": 3}
    total = said["total"]
    assert (total["runs"], total["operations"]) == (2 * BLOCK + 3, 36 * (2 * BLOCK + 3))
    assert total["happened"]["cheat"] == total["runs"]


def test_a_seed_that_fails_is_named_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaking(seed: int) -> Outcome:
        if seed == BAD:
            raise Broken("two lists under one scalar")
        return made_up(seed)

    monkeypatch.setattr(many, "simulate", breaking)
    assert not Many(0, 20, tmp_path / "said.json").run(1)
    said = json.loads((tmp_path / "said.json").read_text())
    assert said["failed"] == {str(BAD): "Broken: two lists under one scalar"}
    assert (said["total"]["runs"], said["complete"]) == (19, True)
    assert f"seed {BAD}: Broken: two lists under one scalar" in capsys.readouterr().out
    # Nobody makes it good by calling again.
    monkeypatch.setattr(many, "simulate", made_up)
    assert not Many(0, 20, tmp_path / "said.json").run(1)


def test_the_same_command_goes_on_with_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "said.json"
    stopped = Many(0, 10, out)
    for seed in (0, 1, 2, 5):
        stopped._note(seed, made_up(seed), None, 1.0)
    stopped._save([])

    def again(seed: int) -> Outcome:
        assert seed not in (0, 1, 2, 5), "this one was done"
        return made_up(seed)

    monkeypatch.setattr(many, "simulate", again)
    assert Many(0, 10, out).run(2)
    assert json.loads(out.read_text())["total"]["runs"] == 10
    # Other seeds, and other sources, begin anew.
    monkeypatch.setattr(many, "simulate", made_up)
    assert Many(0, 11, out).run(1)
    assert json.loads(out.read_text())["total"]["runs"] == 11
    before = json.loads(out.read_text()) | {"done": [[0, 10]], "failed": {"3": "Broken: of other sources"}}
    out.write_text(json.dumps(before | {"sources": "0" * 64}))
    assert Many(0, 11, out).run(1)
    assert json.loads(out.read_text())["failed"] == {}


def test_a_block_in_which_too_little_happened_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "simulate", lambda seed: made_up(seed, happened=Counter(FAULTS - {"cheat"} | RARE)))
    assert not Many(0, BLOCK, tmp_path / "said.json").run(2)
    (said,) = json.loads((tmp_path / "said.json").read_text())["too_little"]
    assert "never happened: ['cheat']" in said

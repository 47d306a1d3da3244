"""Rounds by carried file between nodes that never run: every command opens the folder, does its part and closes it."""

import json
from pathlib import Path
from typing import Any

import pytest

from node.app import open_node
from node.errors import UserError
from node.operations import OPERATIONS, Dispatcher
from tests.support.nodes import introduce
from tests.support.reaches import make
from tests.support.signing import sign
from tests.support.small_rounds import SETTINGS, SHARED, THEIRS, learned, plant


class Resting:
    """A node that does not run, spoken to as the command line does. `most_waiting`: its inbox, made small."""

    def __init__(self, folder: Path, alias: str, member_class: str) -> None:
        make(folder / alias, alias, member_class, dials_out=True)
        self.folder, self.alias = folder / alias, alias
        self.most_waiting = 1000
        self.steps = 0

    def ask(self, operation: str, **request: Any) -> Any:
        with open_node(self.folder, None) as parts:
            parts.engine.inbox._most_waiting = self.most_waiting
            step = parts.engine.step

            def counted(round_id: str) -> Any:
                self.steps += 1
                return step(round_id)

            parts.engine.step = counted  # type: ignore[method-assign]
            dispatcher = Dispatcher(parts, OPERATIONS)
            return json.loads(dispatcher.invoke(operation, json.dumps(request).encode(), lambda _step: None))

    def state(self, round_id: str) -> str:
        return str(self.ask("round.status", round=round_id)["round"]["state"])


@pytest.fixture
def offices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Resting, Resting]:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    shelter, police = Resting(tmp_path, "shelter", "ngo"), Resting(tmp_path, "police", "police")
    introduce(shelter, police)  # type: ignore[arg-type]
    plant(tmp_path, shelter, police)
    for here, there in ((shelter, police), (police, shelter)):
        here.ask("member.reach", name=there.alias, reach="file", by="ada")
    return shelter, police


def carry(here: Resting, there: Resting, round_id: str, folder: Path) -> tuple[Path, Any]:
    """One journey: the file, and what the import said."""
    written = here.ask("round.export", round=round_id, file=str(folder), to=there.alias)
    return Path(written["file"]), there.ask("round.import", file=written["file"])


def propose(shelter: Resting) -> str:
    asked = {"template": "J1", "members": ["me", "police"], "settings": SETTINGS, "by": "carl"}
    return str(shelter.ask("round.propose", **asked)["round"]["round_id"])


@pytest.mark.ci
@pytest.mark.tm("TM-118")
def test_a_round_of_two_nodes_that_never_run(offices: tuple[Resting, Resting], tmp_path: Path) -> None:
    """With an inbox of one message: an import makes room for what follows by stepping the engine."""
    shelter, police = offices
    for node in offices:
        node.most_waiting = 1
    round_id = propose(shelter)
    carry(shelter, police, round_id, tmp_path)
    sign(police, round_id, "files")
    carry(police, shelter, round_id, tmp_path)
    sign(shelter, round_id, "cases")
    shelter.ask("round.start", round=round_id, by="carl")
    journeys, several = 0, 0
    while shelter.state(round_id) != "finished" or police.state(round_id) != "finished":
        if shelter.state(round_id) == "deciding":
            shelter.ask("round.release", round=round_id, by="ada", everything=True)
        before = shelter.steps + police.steps
        for here, there in ((shelter, police), (police, shelter)):
            if here.ask("round.to-carry", round=round_id, to=there.alias)["due"] or journeys == 0:
                _, taken = carry(here, there, round_id, tmp_path)
                assert taken["later"] == taken["refused"] == 0
                several += taken["new"] > 1
                journeys += 1
        assert shelter.steps + police.steps > before
        assert journeys < 20, "the round does not come to its end"
    assert several >= 1, "no file held more than the inbox takes"
    assert learned(police, round_id) == THEIRS[:SHARED]
    assert {path.name[:19] for path in tmp_path.glob("*.leg")} == {f"blindmatch-{round_id[:8]}"}


@pytest.mark.ci
@pytest.mark.tm("TM-118")
def test_a_damaged_copy_costs_a_journey(offices: tuple[Resting, Resting], tmp_path: Path) -> None:
    """What was whole before the damage is taken; the file again, or a new one, brings the rest."""
    shelter, police = offices
    round_id = propose(shelter)
    sign(shelter, round_id, "cases")
    written = Path(shelter.ask("round.export", round=round_id, file=str(tmp_path / "leg"))["file"])
    whole = written.read_bytes()
    assert written.stat().st_mode & 0o777 == 0o600
    damaged = tmp_path / "damaged"
    damaged.write_bytes(whole[: len(whole) - 200])
    with pytest.raises(UserError, match="ends too early"):
        police.ask("round.import", file=str(damaged))
    assert police.state(round_id) == "proposed"  # the first message was whole
    taken = police.ask("round.import", file=str(written))
    assert (taken["known"], taken["new"]) == (1, 1)
    assert police.ask("round.import", file=str(written))["known"] == 2
    again = Path(shelter.ask("round.export", round=round_id, file=str(tmp_path / "again"))["file"])
    # Byte for byte the same messages; only the number of the file is another one.
    assert len(again.read_bytes()) == len(whole)
    assert police.ask("round.import", file=str(again))["known"] == 2


@pytest.mark.ci
@pytest.mark.tm("TM-118")
def test_whose_file_it_is(offices: tuple[Resting, Resting], tmp_path: Path) -> None:
    shelter, police = offices
    round_id = propose(shelter)
    written = shelter.ask("round.export", round=round_id, file=str(tmp_path / "leg"))["file"]
    with pytest.raises(UserError, match="another node"):
        shelter.ask("round.import", file=written)
    police.ask("member.remove", name="shelter", by="ada")
    with pytest.raises(UserError, match="no confirmed member"):
        police.ask("round.import", file=written)
    assert not police.ask("round.list")["rounds"]
    with pytest.raises(UserError, match="cannot be read"):
        police.ask("round.import", file=str(tmp_path / "nothing"))
    other = propose(shelter)
    changed = bytearray(Path(written).read_bytes())
    at = changed.index(bytes.fromhex(round_id))
    changed[at : at + 16] = bytes.fromhex(other)
    (tmp_path / "changed").write_bytes(changed)
    with pytest.raises(UserError):
        police.ask("round.import", file=str(tmp_path / "changed"))

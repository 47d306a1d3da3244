"""Leaving a consortium: rounds end first, who has to hear it does, and only then is anybody forgotten."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from node.errors import NotFound, UserError
from node.operations import leaving
from tests.support.nodes import Running
from tests.support.small_rounds import SETTINGS, at_rest


@dataclass
class Town:
    shelter: Running
    police: Running
    board: Running

    def proposed(self, other: str = "police") -> str:
        made = self.shelter.ask("round.propose", template="J1", members=["me", other], settings=SETTINGS, by="ada")
        return str(made["round"]["round_id"])

    def state(self, alias: str) -> str:
        return str(self.shelter.ask("member.show", name=alias)["member"]["state"])

    def heard(self) -> None:
        """Everything that waits is acknowledged."""
        rounds = self.shelter.parts.outbox.rounds_waiting()
        with self.shelter.parts.store.transaction() as tx:
            for round_id in rounds:
                self.shelter.parts.outbox.drop_round(tx, round_id)


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """Three nodes that do not run: nothing is delivered unless a test says so."""
    with at_rest(tmp_path, "police", "board") as nodes:
        yield Town(*nodes)


def leave(town: Town, **more: Any) -> Any:
    return town.shelter.ask("node.leave", by="ada", **more)


@pytest.mark.tm("TM-257")
def test_a_member_stays_until_it_has_heard_of_the_end_of_its_rounds(town: Town) -> None:
    round_id = town.proposed()
    said = leave(town, members=["police"])
    assert (said["ended"], said["left"]) == ([round_id], [])
    assert [(one["alias"], one["rounds"]) for one in said["waiting"]] == [("police", 1)]
    assert "does not run" in said["to_do"][0]
    assert (town.shelter.state(round_id), town.state("police")) == ("refused", "confirmed")
    town.heard()
    said = leave(town, members=["police"])
    assert (said["ended"], said["left"], said["waiting"]) == ([], ["police"], [])
    assert town.state("police") == "removed"
    entry = [one for one in town.shelter.parts.audit.entries(limit=1000) if one.event == "member-left"]
    assert [(one.facts["by"], one.facts["rounds"], one.facts["waiting"]) for one in entry] == [("ada", 1, 0)]


def test_sabotaged_without_the_wait_it_would_be_forgotten_unheard(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    town.proposed()
    monkeypatch.setattr(type(town.shelter.parts.outbox), "waiting_for", lambda _self: [])
    assert leave(town, members=["police"])["left"] == ["police"]


@pytest.mark.tm("TM-257")
def test_now_waits_for_nobody_and_the_log_says_so(town: Town) -> None:
    town.proposed()
    assert leave(town, members=["police"], now=True)["left"] == ["police"]
    entry = next(one for one in town.shelter.parts.audit.entries(limit=1000) if one.event == "member-left")
    assert entry.facts["waiting"] == 1


def test_one_that_is_away_holds_nobody_else_up(town: Town) -> None:
    town.proposed()
    said = leave(town)
    assert (said["left"], [one["alias"] for one in said["waiting"]]) == (["board"], ["police"])


def test_rounds_with_others_are_left_alone(town: Town) -> None:
    mine = town.proposed()
    said = leave(town, members=["board"])
    assert (said["ended"], said["left"]) == ([], ["board"])
    assert town.shelter.state(mine) == "proposed"
    assert town.state("police") == "confirmed"


def test_a_round_that_ends_at_that_very_moment_is_no_mistake(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    round_id = town.proposed()
    negotiation = type(town.shelter.parts.negotiation)
    refuse = negotiation.refuse

    def twice(self: Any, found: Any, *, by: str) -> Any:
        refuse(self, found, by=by)
        return refuse(self, found, by=by)

    monkeypatch.setattr(negotiation, "refuse", twice)
    assert leave(town, members=["police"])["ended"] == []
    assert town.shelter.state(round_id) == "refused"


def test_what_cannot_be_left(town: Town) -> None:
    with pytest.raises(NotFound):
        leave(town, members=["nobody"])
    leave(town, now=True)
    for members in ([], ["police"]):
        with pytest.raises(UserError) as caught:
            leave(town, members=members)
        assert "removed already" in caught.value.sentence or "nobody to leave" in caught.value.sentence


def test_the_reply_says_what_no_program_can_do(town: Town) -> None:
    said = " ".join(leave(town)["to_do"])
    for words in ("member remove", "audit export", "records that they hold", "destroy"):
        assert words in said
    assert leaving.OPERATIONS[0].name == "node.leave"


def test_the_log_says_of_nobody_that_it_was_left_who_may_still_call(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = town.shelter.parts
    before = parts.audit.size()
    monkeypatch.setattr(parts.members, "remove", Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        leave(town, members=["police"], now=True)
    assert town.state("police") == "confirmed"
    assert "member-left" not in [entry.event.value for entry in parts.audit.entries(first=before)]

"""The node of a coordinator: it holds no records, and what it says of a round is what the members tell it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.errors import NotAllowed, NotFound, UserError
from tests.support.nodes import Running, three, wait_for
from tests.support.signing import sign
from tests.support.small_rounds import SETTINGS, agree, decide, go, knows, plant, write_numbers

Nodes = tuple[Running, Running, Running]


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nodes]:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    with three(tmp_path) as running:
        plant(tmp_path, *running[:2])
        yield running


def test_a_coordinators_node_takes_no_records(nodes: Nodes, tmp_path: Path) -> None:
    _shelter, _police, board = nodes
    terms = {"record_class": "victim", "region": "DE", "by": "dora", "basis": "legal_duty", "legal_reference": "x"}
    with pytest.raises(NotAllowed, match="holds no records") as refused:
        board.ask("dataset.add", path=str(write_numbers(tmp_path / "some.csv", ["A", "B"], 0)), name="some", **terms)
    assert "whose records they are" in refused.value.advice
    assert board.ask("dataset.list")["datasets"] == []


def test_a_convener_counts_the_time_that_the_members_have(nodes: Nodes) -> None:
    shelter, police, board = nodes
    round_id = agree(board, shelter, police)
    assert "until the lists must be exchanged" in board.ask("round.status", round=round_id)["round"]["time_left"]
    go(board, round_id)
    wait_for(lambda: board.ask("round.status", round=round_id)["round"]["reports"].get(me(shelter)) == "deciding")
    for node in nodes:
        seen = node.ask("round.status", round=round_id)["round"]
        assert "until the agreement ends" in seen["time_left"], node.alias
    decide(shelter, round_id)
    wait_for(lambda: board.state(round_id) == "finished")


def test_a_round_that_never_began_is_not_counted_as_one_with_a_member(nodes: Nodes) -> None:
    shelter, police, _board = nodes

    def counted() -> dict[str, object]:
        (found,) = [one for one in shelter.ask("budget.show")["members"] if one["member"] == police.alias]
        return {name: found[name] for name in ("rounds", "kinds", "largest_list")}

    made = shelter.ask("round.propose", template="J1", members=["me", "police"], settings=SETTINGS, by="carl")
    cancelled = str(made["round"]["round_id"])
    wait_for(lambda: knows(police, cancelled))
    shelter.ask("round.cancel", round=cancelled, by="carl")
    wait_for(lambda: police.state(cancelled) == "cancelled")
    with pytest.raises(UserError, match="the round is cancelled") as refused:
        sign(police, cancelled, "files")
    assert "proposed again" in refused.value.advice
    assert counted() == {"rounds": 0, "kinds": [], "largest_list": 0}
    round_id = agree(shelter, shelter, police)
    go(shelter, round_id)
    wait_for(lambda: shelter.state(round_id) == "deciding")
    assert counted()["rounds"] == 1


def test_a_misspelt_member_is_guessed(nodes: Nodes) -> None:
    shelter, _police, _board = nodes
    with pytest.raises(NotFound) as refused:
        shelter.ask("round.propose", template="J1", members=["me", "polcie"], settings=SETTINGS, by="carl")
    assert "Did you mean police?" in refused.value.advice


def me(node: Running) -> str:
    return node.parts.identity.member_id

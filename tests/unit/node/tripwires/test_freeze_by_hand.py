"""A member that a person suspects: one stops everything with it, two let it go on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from node.errors import NodeError, NotAllowed, NotFound, RefusedByPolicy, StateDamaged, UserError
from node.store.schema import freezes
from node.tripwires.freezes import BY_HAND, FreezeBook, Hit
from tests.support.nodes import Running
from tests.support.small_rounds import SETTINGS, at_rest


@pytest.fixture
def shelter(tmp_path: Path) -> Iterator[Running]:
    """A shelter that knows a police unit; neither runs."""
    with at_rest(tmp_path, "police") as (shelter, _police):
        yield shelter


def proposed(shelter: Running) -> str:
    made = shelter.ask("round.propose", template="J1", members=["me", "police"], settings=SETTINGS, by="ada")
    return str(made["round"]["round_id"])


def signed(shelter: Running) -> str:
    """As far as one person gets."""
    round_id = proposed(shelter)
    shelter.ask("round.sign", round=round_id, dataset="cases", by="ada")
    return round_id


@pytest.mark.tm("TM-258")
def test_one_person_stops_everything_and_two_let_it_go_on(shelter: Running) -> None:
    said = shelter.ask("member.freeze", name="police", by="ada")
    assert said["member"]["frozen"]
    assert (said["freezes"][0]["by"], said["freezes"][0]["round_id"]) == ("ada", "")
    assert "ada stopped everything with Police" in said["freezes"][0]["sentence"]
    assert "decoys" not in said["note"], "nobody is told of decoys that nobody met"
    with pytest.raises(RefusedByPolicy, match="frozen"):
        signed(shelter)
    number = shelter.ask("member.unfreeze", name="police", by="ada")["number"]
    with pytest.raises(NotAllowed):
        shelter.ask("approval.approve", number=number, by="ada")
    with pytest.raises(RefusedByPolicy, match="frozen"):
        signed(shelter)
    shelter.ask("approval.approve", number=number, by="ben")
    signed(shelter)
    events = [one for one in shelter.parts.audit.entries(limit=1000) if one.event.value.startswith("member-")][-2:]
    assert [(one.event.value, one.facts["by"]) for one in events] == [
        ("member-frozen", "ada"),
        ("member-unfrozen", "ada"),
    ]


def test_sabotaged_a_freeze_that_nobody_asks_about_stops_nothing(
    shelter: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter.ask("member.freeze", name="police", by="ada")
    monkeypatch.setattr(FreezeBook, "frozen", lambda _self, _tx=None: frozenset())
    signed(shelter)


@pytest.mark.tm("TM-258")
@pytest.mark.parametrize("change", [{"lifted_at": "2026-01-01T00:00:00Z"}, {"reason": "none"}])
def test_whoever_has_no_key_unfreezes_nobody(shelter: Running, change: dict[str, str]) -> None:
    shelter.ask("member.freeze", name="police", by="ada")
    with shelter.parts.store.transaction() as tx:
        tx.execute(update(freezes).where(freezes.c.reason == BY_HAND).values(**change))
    with pytest.raises(StateDamaged, match="changed outside the program"):
        signed(shelter)


def refuses(shelter: Running, name: str, error: type[NodeError]) -> None:
    with pytest.raises(error) as caught:
        shelter.ask("member.freeze", name=name, by="ada")
    assert caught.value.advice


def test_what_cannot_be_frozen(shelter: Running) -> None:
    refuses(shelter, "nobody", NotFound)
    shelter.ask("member.freeze", name="police", by="ada")
    refuses(shelter, "police", UserError)
    shelter.ask("member.remove", name="police", by="ada")
    refuses(shelter, "police", UserError)


def test_what_was_asked_for_is_void_once_decoys_are_met_too(shelter: Running) -> None:
    """Who approves has seen what there is to see, and nothing that came after."""
    shelter.ask("member.freeze", name="police", by="ada")
    number = shelter.ask("member.unfreeze", name="police", by="ada")["number"]
    round_id = proposed(shelter)
    with shelter.parts.store.transaction() as tx:
        police = shelter.parts.members.get("police").member_id
        shelter.parts.freezes.freeze(tx, police, round_id, Hit((), {}))
    with pytest.raises(UserError, match="another round met decoys"):
        shelter.ask("approval.approve", number=number, by="ben")
    assert shelter.ask("member.show", name="police")["member"]["frozen"]


def test_it_can_be_frozen_again_at_once(shelter: Running) -> None:
    for _ in range(2):
        shelter.ask("member.freeze", name="police", by="ada")
        number = shelter.ask("member.unfreeze", name="police", by="ada")["number"]
        shelter.ask("approval.approve", number=number, by="ben")
    assert [one["stands"] for one in shelter.ask("member.show", name="police")["freezes"]] == [False, False]

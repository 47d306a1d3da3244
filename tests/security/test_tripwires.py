"""A member that asks about decoys: the round ends with nothing released, the member is frozen until two people decide,
and the evidence is kept. Each with a twin in which the defence is out.

The decoys of these rounds are numbers that stand on the other side's list: for both nodes that is what a sweep is that
met them. How often a sweep does is in tests/unit/node/tripwires.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from node.errors import NotAllowed, NotFound, RefusedByPolicy, StateDamaged, UserError
from node.rounds import engine, scheduler
from node.rounds.tripwires import Tripwires
from node.store.schema import charges, decoys, freezes, results
from node.tripwires import Decoy
from tests.support import small_rounds
from tests.support.nodes import Running, introduce, make_folder, run, wait_for
from tests.support.small_rounds import go, write_numbers

Pair = tuple[Running, Running]

POLICE_ONLY = [f"+49309018{number:04}" for number in (11, 12, 13)]
"""On the list of the police and not on that of the shelter."""
SHELTER_ONLY = [f"+49309018{number:04}" for number in (0, 1)]
NOBODYS = [f"+49151123456{number:02}" for number in range(20)]

ORDERED = {"reply": {"mode": "ordered"}}
RELEASED = {"reply": {"mode": "released"}}


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("tripwires")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("node.identity.words.SCRYPT_COST", 2)
        patch.setattr(scheduler, "TICK_SECONDS", 0.1)
        patch.setattr(engine, "FROZEN_PAUSE_SECONDS", 0.1)
        with ExitStack() as stack:
            for alias, member_class in (("shelter", "ngo"), ("police", "police")):
                make_folder(folder / alias, alias, member_class, "[budget]\nelements = 1000000\n")
            pair = (
                stack.enter_context(run(folder / "shelter", "shelter")),
                stack.enter_context(run(folder / "police", "police")),
            )
            introduce(*pair)
            _plant(folder, *pair)
            yield pair


def _plant(folder: Path, shelter: Running, police: Running) -> None:
    mapping = {"Case": "reference", "Phone": "phone", "Consent": "consent"}
    terms: dict[str, Any] = {"record_class": "advert", "region": "DE", "mapping": mapping, "by": "ada"}
    ours = write_numbers(folder / "ours.csv", small_rounds.OURS, 0)
    theirs = write_numbers(folder / "theirs.csv", small_rounds.THEIRS, 7)
    shelter.ask("dataset.add", path=str(ours), name="cases", **terms)
    duty = {"basis": "legal_duty", "legal_reference": "Article 1"}
    police.ask("dataset.add", path=str(theirs), name="files", **terms, **duty)


@pytest.fixture
def pair(nodes: Pair) -> Iterator[Pair]:
    kept = [node.parts.engine.tripwires.draw for node in nodes]
    yield nodes
    for node, draw in zip(nodes, kept, strict=True):
        node.parts.engine.tripwires.draw = draw  # type: ignore[method-assign]
        for frozen in [one["alias"] for one in node.ask("member.list")["members"] if one["frozen"]]:
            unfreeze(node, frozen)


def lay(node: Running, numbers: list[str]) -> None:
    """The next lists of this node get these decoys."""
    laid = [Decoy("phone", "phone", number, free=True) for number in numbers]
    node.parts.engine.tripwires.draw = lambda found, walk, room: laid[:room]  # type: ignore[method-assign]


def agreed(pair: Pair, **settings: Any) -> str:
    shelter, police = pair
    return small_rounds.agree(shelter, shelter, police, template="J2", **settings)


def both(pair: Pair, round_id: str, state: str) -> None:
    wait_for(lambda: all(node.state(round_id) == state for node in pair))


def unfreeze(node: Running, name: str) -> None:
    number = node.ask("member.unfreeze", name=name, by="ada")["number"]
    node.ask("approval.approve", number=number, by="ben")


def about(node: Running, round_id: str) -> list[str]:
    """What the log of a node says about a round, in order."""
    entries = node.parts.audit.entries(limit=1000)
    return [entry.event.value for entry in entries if entry.facts.get("round_id") == round_id]


def stored(node: Running, table: Any, round_id: str) -> int:
    with node.parts.store.read() as tx:
        return int(tx.execute(select(func.count()).select_from(table).where(table.c.round_id == round_id)).scalar_one())


def stopped_cleanly(pair: Pair, round_id: str) -> None:
    """The shelter met decoys: nothing of it came out, at either side."""
    shelter, police = pair
    wait_for(lambda: shelter.state(round_id) in ("failed", "deciding", "finished"))
    assert shelter.state(round_id) == "failed"
    wait_for(lambda: police.state(round_id) == "failed")
    events = about(shelter, round_id)
    assert events[-3:] == ["tripwire-hit", "member-frozen", "round-failed"]
    assert not {"overlap-learned", "answer-sent", "count-sent", "release-sent", "budget-charged"}.intersection(events)
    assert stored(shelter, results, round_id) == stored(shelter, charges, round_id) == 0
    assert "overlap-learned" not in about(police, round_id)
    assert not shelter.ask("round.results", round=round_id)["leads"]


# The first learner.


@pytest.mark.tm("TM-208")
@pytest.mark.parametrize(
    "reply",
    [
        RELEASED,
        pytest.param(ORDERED, marks=pytest.mark.ci),
        pytest.param({"reply": {"mode": "count"}}, marks=pytest.mark.ci),
        pytest.param({"reply": {"mode": "none"}}, marks=pytest.mark.ci),
    ],
)
def test_a_hit_ends_the_round_before_anything_is_stored_or_answered(
    pair: Pair, reply: dict[str, Any], record_property: Callable[[str, object], None]
) -> None:
    shelter, _police = pair
    lay(shelter, [*POLICE_ONLY[:2], *NOBODYS])
    round_id = agreed(pair, **reply)
    go(shelter, round_id)
    stopped_cleanly(pair, round_id)
    mode = shelter.parts.book.get(round_id).manifest.mode
    assert mode == reply["reply"]["mode"]
    record_property("ran", f"mode {mode}, 2 of 22 decoys met")


@pytest.mark.tm("TM-208")
def test_decoys_that_are_left_out_are_noticed(pair: Pair) -> None:
    """The twin: the list goes out without them."""
    shelter, _police = pair
    lay(shelter, [])
    round_id = agreed(pair, **RELEASED)
    go(shelter, round_id)
    with pytest.raises(AssertionError):
        stopped_cleanly(pair, round_id)
    shelter.ask("round.cancel", round=round_id, by="ada")


@pytest.mark.tm("TM-208")
def test_a_look_after_the_answer_is_noticed(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: the node looks for decoys only when the other side has been answered."""
    shelter, _police = pair
    monkeypatch.setattr(Tripwires, "check", lambda *_arguments: None)
    lay(shelter, POLICE_ONLY)
    round_id = agreed(pair, **ORDERED)
    go(shelter, round_id)
    small_rounds.decide(shelter, round_id)
    wait_for(lambda: "answer-sent" in about(shelter, round_id))
    with pytest.raises(AssertionError):
        stopped_cleanly(pair, round_id)
    wait_for(lambda: all(node.ask("round.status", round=round_id)["round"]["whose"] == "nobody" for node in pair))


@pytest.mark.tm("TM-208")
def test_a_round_whose_decoys_nobody_met_is_an_ordinary_one_and_keeps_none_of_them(pair: Pair) -> None:
    """Also the decoys that are drawn by chance, as in any round."""
    shelter, police = pair
    round_id = agreed(pair, **ORDERED)
    go(shelter, round_id)
    wait_for(lambda: shelter.state(round_id) == "deciding")
    assert stored(shelter, decoys, round_id) == stored(police, decoys, round_id) == 1
    small_rounds.decide(shelter, round_id)
    both(pair, round_id, "finished")
    assert small_rounds.learned(shelter, round_id) == small_rounds.OURS[-3:]
    assert small_rounds.learned(police, round_id) == small_rounds.THEIRS[:3]
    assert stored(shelter, decoys, round_id) == stored(police, decoys, round_id) == 0


# The second learner.


@pytest.mark.tm("TM-209")
def test_the_second_side_looks_afterwards_where_both_are_answered_and_says_so(pair: Pair) -> None:
    shelter, police = pair
    lay(police, SHELTER_ONLY)
    round_id = agreed(pair, **ORDERED)
    go(shelter, round_id)
    small_rounds.decide(shelter, round_id)
    both(pair, round_id, "failed")
    failure = police.ask("round.status", round=round_id)["round"]["failure"]
    assert "had answered their list before it could see that" in failure
    events = about(police, round_id)
    assert events.index("answer-sent") < events.index("tripwire-hit")
    assert stored(police, results, round_id) == 0
    assert "to be taken with care" in shelter.ask("round.status", round=round_id)["round"]["failure"]


@pytest.mark.ci
@pytest.mark.tm("TM-209")
@pytest.mark.parametrize("reply", [RELEASED, {"reply": {"mode": "count"}}])
def test_a_second_side_that_would_never_see_its_decoys_lays_none(pair: Pair, reply: dict[str, Any]) -> None:
    shelter, police = pair
    round_id = agreed(pair, **reply)
    go(shelter, round_id)
    wait_for(lambda: shelter.parts.book.get(round_id).learned)
    assert stored(police, decoys, round_id) == 0
    shelter.ask("round.cancel", round=round_id, by="ada")
    wait_for(lambda: police.state(round_id) in ("cancelled", "finished"))


# Frozen.


@pytest.mark.tm("TM-210")
def test_nothing_goes_on_with_a_frozen_member_until_two_people_have_decided(pair: Pair) -> None:
    shelter, police = pair
    waiting = agreed(pair, **ORDERED)
    unsigned = str(
        shelter.ask("round.propose", template="J2", members=["me", "police"], settings=small_rounds.SETTINGS, by="carl")
        ["round"]["round_id"]
    )  # fmt: skip
    under_way = agreed(pair, **ORDERED)
    go(shelter, under_way)
    wait_for(lambda: shelter.state(under_way) == "deciding")
    _stop(pair)
    shelter.ask("round.release", round=under_way, everything=True, by="ada")
    with pytest.raises(RefusedByPolicy, match="frozen at this node"):
        shelter.ask("round.start", round=waiting, by="carl")
    with pytest.raises(RefusedByPolicy, match="decoys were met"):
        shelter.ask("round.sign", round=unsigned, dataset="cases", by="ada")
    wait_for(lambda: shelter.ask("round.status", round=under_way)["round"]["turn"].startswith("Police is frozen"))
    assert "answer-sent" not in about(shelter, under_way)

    asked = shelter.ask("member.unfreeze", name="police", by="ada")
    with pytest.raises(NotAllowed, match="somebody else"):
        shelter.ask("approval.approve", number=asked["number"], by="Ada")
    assert "answer-sent" not in about(shelter, under_way)
    assert police.state(under_way) == "running"
    shelter.ask("approval.approve", number=asked["number"], by="ben")
    both(pair, under_way, "finished")
    last = [entry for entry in shelter.parts.audit.entries(limit=1000) if entry.event == "member-unfrozen"][-1]
    assert (last.facts["by"], last.facts["second"]) == ("ada", "ben")
    lay(shelter, [])
    go(shelter, waiting)
    small_rounds.decide(shelter, waiting)
    both(pair, waiting, "finished")
    shelter.ask("round.cancel", round=unsigned, by="carl")


@pytest.mark.tm("TM-210")
def test_an_answer_to_a_frozen_member_is_noticed(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: nothing holds it back."""
    shelter, _police = pair
    under_way = agreed(pair, **ORDERED)
    go(shelter, under_way)
    wait_for(lambda: shelter.state(under_way) == "deciding")
    _stop(pair)
    monkeypatch.setattr(Tripwires, "let_pass", lambda *_arguments: None)
    shelter.ask("round.release", round=under_way, everything=True, by="ada")
    both(pair, under_way, "finished")
    with pytest.raises(AssertionError):
        assert "answer-sent" not in about(shelter, under_way)


@pytest.mark.ci
@pytest.mark.tm("TM-210")
def test_what_was_asked_before_another_hit_unfreezes_nobody(pair: Pair) -> None:
    shelter, _police = pair
    under_way = agreed(pair, **RELEASED)
    _stop(pair)
    number = shelter.ask("member.unfreeze", name="police", by="ada")["number"]
    hit = shelter.parts.freezes.of(shelter.parts.members.get("police").member_id)[-1].hit
    with shelter.parts.store.transaction() as tx:
        shelter.parts.freezes.freeze(tx, shelter.parts.members.get("police").member_id, under_way, hit)
    with pytest.raises(UserError, match="another round met decoys"):
        shelter.ask("approval.approve", number=number, by="ben")
    assert shelter.ask("member.show", name="police")["member"]["frozen"]
    shelter.ask("round.cancel", round=under_way, by="ada")


def test_a_member_that_is_not_frozen_cannot_be_unfrozen(pair: Pair) -> None:
    with pytest.raises(UserError, match="not frozen"):
        pair[0].ask("member.unfreeze", name="police", by="ada")


def _stop(pair: Pair) -> str:
    """A round that meets decoys of the shelter, to its end."""
    shelter, _police = pair
    lay(shelter, POLICE_ONLY[:1])
    round_id = agreed(pair, **RELEASED)
    go(shelter, round_id)
    both(pair, round_id, "failed")
    return round_id


# What is told, and what is kept.


@pytest.mark.tm("TM-211")
def test_the_other_side_hears_that_it_was_stopped_and_not_by_what(pair: Pair) -> None:
    shelter, police = pair
    round_id = _stop(pair)
    told = json.dumps(police.ask("round.status", round=round_id))
    assert "stopped the round" in told
    assert "decoy" not in told
    codes = [entry.facts["code"] for entry in police.parts.audit.entries(limit=1000)
             if entry.facts.get("round_id") == round_id and entry.event == "round-failed"]  # fmt: skip
    assert codes == ["stopped"]
    ours = shelter.ask("round.status", round=round_id)["round"]["failure"]
    assert "1 of the 1 decoys" in ours
    assert "a reason to stop and ask, not proof" in ours


@pytest.mark.tm("TM-211")
def test_evidence_is_kept_sealed_and_shown_to_whoever_asks_by_name(pair: Pair) -> None:
    shelter, _police = pair
    another = agreed(pair, **RELEASED)
    round_id = _stop(pair)
    shown = shelter.ask("member.show", name="police")
    assert shown["freezes"][-1]["met"] == {"phone": 1}
    assert POLICE_ONLY[0] not in json.dumps(shown)
    evidence = shelter.ask("member.evidence", round=round_id, by="ada")
    assert [one["value"] for one in evidence["decoys"]] == POLICE_ONLY[:1]
    assert evidence["opening"]
    assert shelter.parts.audit.entries(limit=1000)[-1].facts["by"] == "ada"
    with pytest.raises(NotFound):
        shelter.ask("member.evidence", round=another, by="ada")
    shelter.ask("round.cancel", round=another, by="ada")
    number = POLICE_ONLY[0].encode()
    # Not the lists of rounds: they are being deleted, and hold no values.
    files = [path for path in shelter.parts.folder.path.iterdir() if path.is_file()]
    assert any(b"tripwire-hit" in path.read_bytes() for path in files)
    assert not any(number in path.read_bytes() for path in files)


@pytest.mark.tm("TM-211")
def test_whoever_writes_the_database_unfreezes_nobody(pair: Pair) -> None:
    shelter, _police = pair
    round_id = _stop(pair)
    row = freezes.c.round_id == round_id
    with shelter.parts.store.transaction() as tx:
        tx.execute(update(freezes).where(row).values(lifted_by="eve", lifted_second="mal", lifted_at="2026-01-01"))
    try:
        with pytest.raises(StateDamaged, match="changed outside the program"):
            shelter.parts.freezes.frozen()
    finally:
        with shelter.parts.store.transaction() as tx:
            tx.execute(update(freezes).where(row).values(lifted_by=None, lifted_second=None, lifted_at=None))
    assert shelter.parts.freezes.frozen()

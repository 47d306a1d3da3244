"""A round that takes two people at a node: one asks, another one signs with their yes, and the urgent way around it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from node.errors import NotAllowed, RefusedByPolicy, UserError
from node.operations.staff import ApprovalView
from node.rounds import negotiation, second_person
from tests.support.nodes import Running, wait_for
from tests.support.small_rounds import SETTINGS, decide, go, knows
from tests.support.two_nodes import two

Pair = tuple[Running, Running]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with two(tmp_path_factory.mktemp("eyes")) as nodes:
        yield nodes


def proposed(pair: Pair, **settings: Any) -> str:
    """A round between the two that both know and nobody has signed; two people have to agree at each side."""
    shelter, police = pair
    wanted = {"template": "J1", "members": ["me", "police"], "settings": SETTINGS | settings, "by": "carl"}
    round_id = str(shelter.ask("round.propose", **wanted)["round"]["round_id"])
    wait_for(lambda: knows(police, round_id))
    return round_id


def told(node: Running, round_id: str, *events: str) -> list[dict[str, Any]]:
    entries = node.ask("audit.show", limit=1000)["entries"]
    return [one for one in entries if one["event"] in events and one["facts"].get("round_id") == round_id]


def signed(node: Running, round_id: str) -> bool:
    me = node.parts.identity.member_id
    return any(one.member_id == me for one in node.parts.book.verdicts(round_id))


def waiting(node: Running, round_id: str) -> list[dict[str, Any]]:
    return [one for one in node.ask("approval.list")["approvals"] if one["subject_id"] == round_id]


def ask_to_sign(node: Running, round_id: str, dataset: str = "cases", by: str = "ada") -> Any:
    return node.ask("round.sign", round=round_id, dataset=dataset, by=by)["round"]


@pytest.mark.tm("TM-183")
def test_nothing_is_signed_before_a_second_person_agrees(pair: Pair) -> None:
    shelter, police = pair
    round_id = proposed(pair)
    sent = shelter.parts.outbox.waiting(round_id)
    found = ask_to_sign(shelter, round_id)
    assert "ada wants to sign; a second person has to approve it" in found["turn"]
    assert "ada asked at" in found["approval"]
    assert not signed(shelter, round_id)
    assert shelter.parts.outbox.waiting(round_id) == sent
    for same in ("ada", "Ada"):
        with pytest.raises(NotAllowed, match="somebody else"):
            shelter.ask("round.approve", round=round_id, by=same)
    with pytest.raises(UserError, match="ada has asked for this already"):
        ask_to_sign(shelter, round_id, by="carl")
    assert not signed(shelter, round_id)
    found = shelter.ask("round.approve", round=round_id, by="ben")["round"]
    assert (found["approval"], signed(shelter, round_id)) == ("", True)
    events = told(shelter, round_id, "approval-asked", "approval-given", "round-signed")
    assert [(one["event"], one["facts"]["by"]) for one in events] == [
        ("approval-asked", "ada"), ("approval-given", "ben"), ("round-signed", "ada"),
    ]  # fmt: skip
    assert events[-1]["facts"]["second"] == "ben"
    with pytest.raises(UserError):
        shelter.ask("round.approve", round=round_id, by="ben")
    wait_for(lambda: len(police.parts.book.verdicts(round_id)) == 1)
    shelter.ask("round.cancel", round=round_id, by="ada")


@pytest.mark.tm("TM-183")
def test_sabotaged_a_node_that_takes_one_person_signs_at_once(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin of the test above."""
    round_id = proposed(pair)
    monkeypatch.setattr(negotiation, "approvers_needed", lambda *_: 1)
    ask_to_sign(pair[0], round_id)
    assert signed(pair[0], round_id)
    pair[0].ask("round.cancel", round=round_id, by="ada")


@pytest.mark.tm("TM-183")
def test_the_second_person_approves_what_was_asked_for_and_nothing_else(pair: Pair) -> None:
    """Another data set is another wish; the rules are asked again; a refusal takes the wish away."""
    shelter, _police = pair
    round_id = proposed(pair)
    dataset = shelter.ask("dataset.list")["datasets"]
    assert dataset
    ask_to_sign(shelter, round_id)
    asked = shelter.parts.approvals.latest("round-sign", round_id)
    assert asked is not None
    other = second_person.sign_digest(shelter.parts.book.get(round_id).manifest, "0" * 32)
    assert asked.digest != other
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shelter.parts.negotiation, "_context", _over(shelter))
        with pytest.raises(RefusedByPolicy):
            shelter.ask("round.approve", round=round_id, by="ben")
    assert [one["what"] for one in waiting(shelter, round_id)] == [
        f"sign round {round_id[:8]} (J1 {_title(shelter, round_id)})"
    ]
    shelter.ask("round.refuse", round=round_id, by="ben")
    assert waiting(shelter, round_id) == []
    assert told(shelter, round_id, "approval-declined")
    with pytest.raises(UserError):
        shelter.ask("round.approve", round=round_id, by="ben")


def _title(node: Running, round_id: str) -> str:
    return str(node.ask("round.status", round=round_id)["round"]["title"])


def _over(node: Running) -> Any:
    """A context in which the agreement's time is over."""
    before = node.parts.negotiation._context

    def later(*arguments: Any) -> Any:
        context = before(*arguments)
        return replace(context, now=context.now + timedelta(days=400))

    return later


@pytest.mark.tm("TM-183")
def test_a_declined_wish_can_be_made_again(pair: Pair) -> None:
    shelter, _police = pair
    round_id = proposed(pair)
    ask_to_sign(shelter, round_id)
    (line,) = waiting(shelter, round_id)
    shelter.ask("approval.decline", number=line["number"], by="ben")
    assert "must sign or refuse" in shelter.ask("round.status", round=round_id)["round"]["turn"]
    ask_to_sign(shelter, round_id)
    (line,) = waiting(shelter, round_id)
    done = shelter.ask("approval.approve", number=line["number"], by="ben")["approval"]
    assert ApprovalView.model_validate(done).verdict == "approved"
    assert signed(shelter, round_id)
    shelter.ask("round.cancel", round=round_id, by="ada")


@pytest.mark.tm("TM-184")
def test_an_urgent_signature_is_overdue_until_somebody_else_has_looked(pair: Pair) -> None:
    """Through a whole round: the second person looks when it is over, and the log has all of it, in order."""
    shelter, police = pair
    round_id = proposed(pair)
    found = shelter.ask("round.sign", round=round_id, dataset="cases", by="ada", urgent=True)["round"]
    assert "ada signed this at" in found["approval"]
    assert "without a second person" in found["approval"]
    ask_to_sign(police, round_id, "files")
    police.ask("round.approve", round=round_id, by="ben")
    wait_for(lambda: shelter.state(round_id) == police.state(round_id) == "agreed")
    go(shelter, round_id)
    decide(shelter, round_id)
    wait_for(lambda: shelter.state(round_id) == police.state(round_id) == "finished")
    assert [one["overdue"] for one in waiting(shelter, round_id)] == [True]
    with pytest.raises(NotAllowed, match="somebody else"):
        shelter.ask("round.approve", round=round_id, by="Ada")
    assert "without a second person" in shelter.ask("round.status", round=round_id)["round"]["approval"]
    shelter.ask("round.approve", round=round_id, by="ben")
    assert (waiting(shelter, round_id), shelter.ask("round.status", round=round_id)["round"]["approval"]) == ([], "")
    events = told(shelter, round_id, "approval-overridden", "round-signed", "approval-given")
    own = [(one["event"], one["facts"]["by"]) for one in events if "by" in one["facts"]]
    assert own == [("approval-overridden", "ada"), ("round-signed", "ada"), ("approval-given", "ben")]
    assert shelter.ask("audit.verify")["ok"]


def test_where_one_person_is_enough_one_person_signs(pair: Pair) -> None:
    shelter, _police = pair
    round_id = proposed(pair, members={"me": {"approvers": 1}})
    sentences = " ".join(shelter.ask("round.show", round=round_id)["sentences"])
    assert "Before you sign, one person of your organisation is enough" in sentences
    assert "signs, 2 people of that organisation have to agree" in sentences
    assert ask_to_sign(shelter, round_id)["approval"] == ""
    assert signed(shelter, round_id)
    assert told(shelter, round_id, "approval-asked", "approval-overridden") == []
    shelter.ask("round.cancel", round=round_id, by="ada")


@pytest.mark.parametrize("approvers", [0, 3])
def test_an_agreement_asks_for_one_person_or_two(pair: Pair, approvers: int) -> None:
    wanted = {"template": "J1", "members": ["me", "police"], "by": "carl", "dry_run": True}
    settings = {"settings": SETTINGS | {"members": {"me": {"approvers": approvers}}}}
    if approvers == 0:
        with pytest.raises(RefusedByPolicy):
            pair[0].ask("round.propose", **wanted, **settings)
    else:
        verdicts = pair[0].ask("round.propose", **wanted, **settings)["verdicts"]
        assert any("more than two approvers" in one["sentence"] for one in verdicts)

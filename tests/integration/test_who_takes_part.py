"""Records that are kept out of rounds between two whole nodes: withdrawn at once, withheld without a trace, and
children in rounds of their own."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.datasets.exclusions import Excluded, Exclusions
from node.errors import RefusedByPolicy, StateDamaged, UserError
from tests.support.nodes import Running, wait_for
from tests.support.signing import sign
from tests.support.small_rounds import (
    OURS,
    SETTINGS,
    THEIRS,
    agree,
    check,
    decide,
    go,
    knows,
    lead_numbers,
    learned,
    run_through,
    write_numbers,
)
from tests.support.two_nodes import two

Pair = tuple[Running, Running]
BY_HAND = {"reply": {"count": "none", "count_then_release": False}}
"""Rows that a person releases, and no count before."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("node.identity.words.SCRYPT_COST", 2)
        with two(tmp_path_factory.mktemp("parts")) as made:
            yield made


@pytest.fixture(autouse=True)
def _everybody_again(pair: Pair) -> Iterator[None]:
    yield
    shelter, _ = pair
    for peer in (None, "police"):
        shelter.ask("dataset.readmit", name="cases", text="\n".join([*OURS, "S-99"]), by="ada", peer=peer)


def one_round(shelter: Running, police: Running, **settings: Any) -> tuple[list[str], list[str]]:
    """What both sides have learned in a whole round."""
    round_id = agree(shelter, shelter, police, **settings)
    go(shelter, round_id)
    decide(shelter, round_id)
    wait_for(lambda: shelter.state(round_id) == police.state(round_id) == "finished")
    return learned(shelter, round_id), learned(police, round_id)


def both_are(pair: Pair, round_id: str, state: str) -> None:
    wait_for(lambda: all(node.state(round_id) == state for node in pair))


def committed(node: Running) -> dict[str, Any]:
    """The facts of the last list that was made."""
    entries = [one for one in node.ask("audit.show", limit=1000)["entries"] if one["event"] == "list-committed"]
    return dict(entries[-1]["facts"])


@pytest.mark.tm("TM-194")
def test_a_record_that_is_withheld_takes_no_part_and_nobody_sees_that(pair: Pair) -> None:
    shelter, police = pair
    check(shelter, police, run_through(shelter, shelter, police))
    before = committed(shelter)
    told = shelter.ask("dataset.withhold", name="cases", peer="police", text="S-9\nS-99\n", by="ada")
    assert (told["named"], told["changed"], told["unknown"], told["withheld"]) == (2, 2, 1, {"police": 2})
    assert one_round(shelter, police) == (["S-7", "S-8"], ["P-0", "P-1"])
    after = committed(shelter)
    assert after["elements"] == before["elements"]
    entries = [one for one in shelter.ask("audit.show", limit=1000)["entries"] if one["event"] == "records-withheld"]
    assert [set(entry["facts"]) for entry in entries[:1]] == [{"dataset_id", "by", "withheld"}]
    seen = str(police.ask("audit.show", limit=1000)) + str(police.ask("round.list"))
    assert "withheld" not in seen.replace("'withheld': 0", "")
    # With another member it takes part: what is kept from one is kept from no other.
    dataset = shelter.parts.datasets.get("cases")
    assert not shelter.parts.datasets.exclusions.of(dataset.dataset_id, "a" * 32)


@pytest.mark.tm("TM-193")
def test_a_withdrawn_record_is_on_no_later_list_also_after_a_refresh(pair: Pair, tmp_path: Path) -> None:
    shelter, police = pair
    shelter.ask("dataset.withdraw", name="cases", text="S-8", by="ada")
    file = write_numbers(tmp_path / "again.csv", OURS, 0)  # where the row still says yes
    shelter.ask("dataset.refresh", name="cases", path=str(file), by="ada")
    round_id = agree(shelter, shelter, police)
    found = shelter.ask("round.coverage", round=round_id)["coverage"]
    assert (found["records"], found["taking_part"], found["out"]["withdrawn"]) == (10, 9, 1)
    assert sum(found["out"].values()) == 1
    assert shelter.ask("round.show", round=round_id)["coverage"] == found
    go(shelter, round_id)
    decide(shelter, round_id)
    wait_for(lambda: shelter.state(round_id) == police.state(round_id) == "finished")
    assert (learned(shelter, round_id), learned(police, round_id)) == (["S-7", "S-9"], ["P-0", "P-2"])


@pytest.mark.tm("TM-193", "TM-194")
def test_twin_where_nobody_asks_who_is_kept_out_they_take_part(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    shelter, police = pair
    shelter.ask("dataset.withdraw", name="cases", text="S-8", by="ada")
    shelter.ask("dataset.withhold", name="cases", peer="police", text="S-9", by="ada")
    monkeypatch.setattr(Exclusions, "of", lambda *_: Excluded())
    assert one_round(shelter, police) == (OURS[-3:], THEIRS[:3])


@pytest.mark.tm("TM-193")
def test_a_withdrawal_while_the_list_is_made_makes_it_anew(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    shelter, police = pair
    workshop = shelter.parts.engine.workshop
    made, real = [], workshop.prepare

    def prepare(*arguments: Any, **options: Any) -> Any:
        found = real(*arguments, **options)
        if not made:
            shelter.ask("dataset.withdraw", name="cases", text="S-7", by="ada")
        made.append(found[1].taking_part)
        return found

    monkeypatch.setattr(workshop, "prepare", prepare)
    assert one_round(shelter, police) == (["S-8", "S-9"], ["P-1", "P-2"])
    assert made == [10, 9]


@pytest.mark.tm("TM-193")
def test_a_record_that_was_withdrawn_after_the_list_was_made_is_not_released(pair: Pair) -> None:
    shelter, police = pair
    round_id = agree(shelter, shelter, police, **BY_HAND)
    go(shelter, round_id)
    wait_for(lambda: shelter.state(round_id) == "deciding")
    told = shelter.ask("dataset.withdraw", name="cases", text="S-8", by="ada")
    fates = {one["round_id"]: one["fate"] for one in told["rounds"]}
    assert fates.pop(round_id) == "not released"
    assert set(fates.values()) <= {"over"}
    with pytest.raises(UserError, match="was withdrawn"):
        shelter.ask("round.release", round=round_id, leads=lead_numbers(shelter, round_id, ["S-8"]), by="ada")
    assert shelter.ask("round.release", round=round_id, everything=True, by="ada")["released"] == 2
    wait_for(lambda: shelter.state(round_id) == police.state(round_id) == "finished")
    assert learned(police, round_id) == ["P-0", "P-2"]


@pytest.mark.tm("TM-193")
def test_a_round_that_would_answer_by_itself_is_cancelled(pair: Pair) -> None:
    shelter, police = pair
    round_id = agree(shelter, shelter, police)  # a count goes by itself, before the release
    go(shelter, round_id)
    wait_for(lambda: shelter.state(round_id) == "deciding")
    told = shelter.ask("dataset.withdraw", name="cases", text="S-8", by="ada")
    assert {one["fate"] for one in told["rounds"] if one["round_id"] == round_id} == {"cancelled"}
    wait_for(lambda: shelter.state(round_id) == police.state(round_id) == "cancelled")
    assert learned(police, round_id) == []


@pytest.mark.tm("TM-193")
def test_a_record_is_withdrawn_and_its_round_cancelled_in_one_transaction(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ends the process between the two leaves neither: the person who was told nothing says it again."""
    shelter, police = pair
    round_id = agree(shelter, shelter, police)
    go(shelter, round_id)
    wait_for(lambda: shelter.state(round_id) == "deciding")
    dataset, append = shelter.parts.datasets.get("cases"), type(shelter.parts.audit).append

    def dies(self: Any, tx: Any, event: str, **facts: Any) -> int:
        if event == "round-cancelled":
            raise RuntimeError("the power is gone")
        return append(self, tx, event, **facts)

    before = shelter.parts.audit.size()
    with monkeypatch.context() as patch:
        patch.setattr(type(shelter.parts.audit), "append", dies)
        with pytest.raises(RuntimeError, match="power"):
            shelter.ask("dataset.withdraw", name="cases", text="S-7", by="ada")
    assert shelter.state(round_id) == "deciding"
    assert "S-7" not in shelter.parts.datasets.exclusions.of(dataset.dataset_id, "")
    assert "consent-withdrawn" not in [one.event for one in shelter.parts.audit.entries(first=before)]

    told = shelter.ask("dataset.withdraw", name="cases", text="S-7", by="ada")
    assert {one["fate"] for one in told["rounds"] if one["round_id"] == round_id} == {"cancelled"}
    assert "S-7" in shelter.parts.datasets.exclusions.of(dataset.dataset_id, "")
    wait_for(lambda: shelter.state(round_id) == police.state(round_id) == "cancelled")


@pytest.mark.tm("TM-193")
def test_a_damaged_file_of_records_keeps_nobody_from_withdrawing(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    shelter, _police = pair
    dataset = shelter.parts.datasets.get("cases")

    def damaged(*_arguments: Any) -> Any:
        raise StateDamaged("A file of records is damaged.")

    with monkeypatch.context() as patch:
        patch.setattr("node.operations.consent._rounds_with", damaged)
        with pytest.raises(StateDamaged):
            shelter.ask("dataset.withdraw", name="cases", text="S-6", by="ada")
    assert "S-6" in shelter.parts.datasets.exclusions.of(dataset.dataset_id, "")


def test_what_stands_in_other_data_sets_is_told(pair: Pair, tmp_path: Path) -> None:
    shelter, _ = pair
    shelter.ask(
        "dataset.add", path=str(write_numbers(tmp_path / "old.csv", ["S-1", "X-1"], 50)), name="old", by="ada",
        record_class="victim", region="DE", mapping={"Case": "reference", "Phone": "phone", "Consent": "consent"},
    )  # fmt: skip
    told = shelter.ask("dataset.withdraw", name="cases", text="S-1\nS-2", by="ada")
    assert told["also_in"] == {"old": 1}
    shelter.ask("dataset.remove", name="old", by="ada")


@pytest.mark.tm("TM-196")
def test_references_that_are_kept_out_stand_nowhere_in_the_open(pair: Pair) -> None:
    shelter, _ = pair
    shelter.ask("dataset.withdraw", name="cases", text="canary-reference", by="ada")
    shelter.ask("dataset.withhold", name="cases", peer="police", text="canary-reference", by="ada")
    assert "canary" not in str(shelter.ask("audit.show", limit=1000))
    files = [path for path in shelter.parts.folder.path.rglob("*") if path.is_file()]
    assert len(files) > 3
    assert [path.name for path in files if b"canary-reference" in path.read_bytes()] == []
    dataset = shelter.parts.datasets.get("cases")
    assert "canary-reference" in shelter.parts.datasets.exclusions.of(dataset.dataset_id, "")
    shelter.ask("dataset.readmit", name="cases", text="canary-reference", by="ada")
    shelter.ask("dataset.readmit", name="cases", text="canary-reference", by="ada", peer="police")
    assert shelter.parts.datasets.exclusions.counts(dataset.dataset_id) == {}


def children_file(path: Path, letter: str, first: int) -> Path:
    """Six records with a telephone number each; every other one is a child's."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["Case", "Phone", "Consent", "Child"])
        for at in range(6):
            rows.writerow([f"{letter}-{at}", f"+49 30 9018 {first + at:04}", "yes", "yes" if at % 2 else "no"])
    return path


def may_meet(here: Running, there: Running) -> None:
    """Two people let the other node take part in rounds about children."""
    number = here.ask("member.children", name=there.alias, by="ada")["number"]
    with pytest.raises(UserError, match="waits for a second person"):
        here.ask("member.children", name=there.alias, by="ada")
    here.ask("approval.approve", number=number, by="ben")
    assert here.ask("member.list")["members"][0]["children"]


@pytest.mark.ci
@pytest.mark.tm("TM-195")
def test_children_meet_in_a_round_of_their_own_and_in_no_other(pair: Pair, tmp_path: Path) -> None:
    shelter, police = pair
    mapping = {"Case": "reference", "Phone": "phone", "Consent": "consent", "Child": "child"}
    terms = {"record_class": "victim", "region": "DE", "mapping": mapping, "by": "ada"}
    shelter.ask("dataset.add", path=str(children_file(tmp_path / "s.csv", "K", 500)), name="young", **terms)
    terms |= {"basis": "legal_duty", "legal_reference": "Article 1"}
    police.ask("dataset.add", path=str(children_file(tmp_path / "p.csv", "Q", 500)), name="younger", **terms)

    def propose(**settings: Any) -> str:
        proposed = shelter.ask("round.propose", template="J1", members=["me", "police"], settings=SETTINGS | settings,
                               by="carl")  # fmt: skip
        round_id = str(proposed["round"]["round_id"])
        wait_for(lambda: knows(police, round_id))
        return round_id

    apart = propose(children="only")
    with pytest.raises(RefusedByPolicy, match="is not among the members that take part in rounds about children"):
        shelter.ask("round.sign", round=apart, dataset="young", by="ada")
    may_meet(shelter, police)
    may_meet(police, shelter)
    for children, expected in (("only", ["1", "3", "5"]), ("excluded", ["0", "2", "4"])):
        round_id = apart if children == "only" else propose()
        covered = shelter.ask("round.coverage", round=round_id, dataset="young")["coverage"]
        assert covered["taking_part"] == 3
        assert covered["out"]["not-a-child" if children == "only" else "child"] == 3
        for node, dataset in ((shelter, "young"), (police, "younger")):
            sign(node, round_id, dataset)
        both_are(pair, round_id, "agreed")
        go(shelter, round_id)
        decide(shelter, round_id)
        both_are(pair, round_id, "finished")
        assert learned(shelter, round_id) == [f"K-{number}" for number in expected]
    shelter.ask("member.children", name="police", by="ada", allowed=False)
    again = propose(children="only")
    with pytest.raises(RefusedByPolicy, match="is not among the members"):
        shelter.ask("round.sign", round=again, dataset="young", by="ada")

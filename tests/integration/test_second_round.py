"""The same again: every run is charged in full, the same lists give the same band, and each side is told beforehand how
many of its own records the other one saw before."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.policy.exposure import Exposures, Shown
from tests.support.nodes import Running, wait_for
from tests.support.signing import sign
from tests.support.small_rounds import SETTINGS, agree, check, decide, go, knows, run_through
from tests.support.two_nodes import two

BANDED: dict[str, Any] = {"reply": {"mode": "released", "count": "banded", "count_then_release": True}}


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Running, Running]]:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    with two(tmp_path) as pair:
        yield pair


def spent(node: Running, alias: str) -> dict[str, Any]:
    (found,) = [one for one in node.ask("budget.show")["members"] if one["member"] == alias]
    return dict(found)


def events(node: Running, event: str) -> list[dict[str, Any]]:
    return [entry["facts"] for entry in node.ask("audit.show", limit=1000)["entries"] if entry["event"] == event]


@pytest.mark.tm("TM-203")
@pytest.mark.tm("TM-204")
def test_a_second_run_is_charged_in_full_says_the_same_and_is_told_beforehand(nodes: tuple[Running, Running]) -> None:
    shelter, police = nodes
    first = run_through(shelter, shelter, police, **BANDED)
    once = spent(shelter, "police")
    assert shelter.ask("round.status", round=first)["round"]["shown_before"] == ""

    second = agree(shelter, shelter, police, **BANDED)
    for node, name in ((shelter, "Police"), (police, "Shelter")):
        for asked in ("round.status", "round.show"):
            said = node.ask(asked, round=second)["round"]["shown_before"]
            assert said.startswith(f"10 of your 10 records were shown to {name} before, in an earlier round")
    go(shelter, second)
    decide(shelter, second)
    wait_for(lambda: shelter.state(second) == police.state(second) == "finished")
    check(shelter, police, second)

    assert spent(shelter, "police")["spent"] == 2 * once["spent"] > 0
    assert (once["rounds"], spent(shelter, "police")["rounds"]) == (1, 2)
    assert spent(shelter, "police")["kinds"] == ["phone"]
    counts = [police.ask("round.results", round=one)["count"] for one in (first, second)]
    assert counts[0] == counts[1]
    assert counts[0] is not None
    for node in nodes:
        (facts,) = events(node, "records-exposed-again")
        assert (facts["round_id"], facts["records"], facts["rounds"]) == (second, 10, 1)
        said = node.ask("round.status", round=second)["round"]["shown_before"]
        assert said.startswith("10 of your 10")  # of a round that is over, too


@pytest.mark.ci
@pytest.mark.tm("TM-203")
def test_sabotaged_twin_that_keeps_no_sketch_warns_of_nothing(
    nodes: tuple[Running, Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter, police = nodes
    monkeypatch.setattr(Exposures, "keep", lambda *_, **__: Shown(0, 0, 0))
    run_through(shelter, shelter, police)
    second = agree(shelter, shelter, police)
    assert shelter.ask("round.status", round=second)["round"]["shown_before"] == ""


def plant_sweep(folder: Path, node: Running) -> None:
    path = folder / "sweep.csv"
    rows = [f"X-{number},+49 30 9018 {number:04},yes" for number in range(200)]
    path.write_text("\n".join(["Case,Phone,Consent", *rows]))
    mapping = {"Case": "reference", "Phone": "phone", "Consent": "consent"}
    terms = {"record_class": "victim", "region": "DE", "basis": "legal_duty", "legal_reference": "Article 1"}
    node.ask("dataset.add", path=str(path), name="sweep", mapping=mapping, by="ada", **terms)


def proposed(shelter: Running, police: Running) -> str:
    terms = {"members": {"police": {"records": 256}}, **SETTINGS}
    made = shelter.ask("round.propose", template="J1", members=["me", "police"], settings=terms, by="carl")
    round_id = str(made["round"]["round_id"])
    wait_for(lambda: knows(police, round_id))
    return round_id


@pytest.mark.tm("TM-201")
def test_a_list_that_looks_generated_is_not_signed_for(nodes: tuple[Running, Running], tmp_path: Path) -> None:
    shelter, police = nodes
    plant_sweep(tmp_path, police)
    round_id = proposed(shelter, police)
    with pytest.raises(Exception, match="looks generated, not collected") as refused:
        police.ask("round.sign", round=round_id, dataset="sweep", by="ada")
    assert "309018" not in str(refused.value)
    (facts,) = events(police, "list-refused")
    assert {"round_id": round_id, "kind": "phone", "records": 200, "by": "ada"}.items() <= facts.items()
    assert police.state(round_id) == "proposed"
    sign(police, round_id, "files")  # an honest list of the same unit is signed for


@pytest.mark.ci
@pytest.mark.tm("TM-201")
def test_one_that_came_to_look_so_since_ends_the_round_before_anything_left(
    nodes: tuple[Running, Running], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter, police = nodes
    plant_sweep(tmp_path, police)
    round_id = proposed(shelter, police)
    with monkeypatch.context() as patch:
        patch.setattr("node.policy.generated.LEAST_VALUES", 10**6)  # as if the data set had changed after signing
        sign(police, round_id, "sweep")
    sign(shelter, round_id, "cases")
    wait_for(lambda: shelter.state(round_id) == "agreed")
    go(shelter, round_id)
    wait_for(lambda: shelter.state(round_id) == police.state(round_id) == "failed")
    assert "looks generated" in police.ask("round.status", round=round_id)["round"]["failure"]
    assert events(police, "list-refused")
    assert not [facts for facts in events(police, "list-committed") if facts["round_id"] == round_id]


@pytest.mark.ci
@pytest.mark.tm("TM-201")
def test_sabotaged_twin_that_does_not_look_sends_the_sweep(
    nodes: tuple[Running, Running], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter, police = nodes
    plant_sweep(tmp_path, police)
    round_id = proposed(shelter, police)
    monkeypatch.setattr("node.policy.generated.SeriesWatch.check", lambda _self: None)
    sign(police, round_id, "sweep")
    sign(shelter, round_id, "cases")
    wait_for(lambda: shelter.state(round_id) == "agreed")
    go(shelter, round_id)
    wait_for(lambda: bool([one for one in events(police, "list-committed") if one["round_id"] == round_id]))

"""Records are released by lead: rows with one case number are told apart; what leaves with another is said."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.errors import UserError
from tests.support.nodes import Running, introduce, make_folder, run, wait_for
from tests.support.small_rounds import agree, decide, go, learned

SETTINGS: dict[str, Any] = {"match": [{"kind": "phone", "per_record": 3}]}
OURS = [("S-1", 1), ("S-2", 1), ("S-9", 10), ("S-9", 11), ("S-9", 12)]
THEIRS = [("P-1", 1), ("P-2", 1), ("P-10", 10), ("P-11", 11), ("P-12", 12)]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Running]]:
    folder = tmp_path_factory.mktemp("pair")
    for alias, member_class in (("shelter", "ngo"), ("police", "police")):
        make_folder(folder / alias, alias, member_class)
    with run(folder / "shelter", "shelter") as shelter, run(folder / "police", "police") as police:
        introduce(shelter, police)
        mapping = {"Case": "reference", "Phone": "phone", "Consent": "consent"}
        terms = {"record_class": "victim", "region": "DE", "mapping": mapping, "by": "ada"}
        ours, theirs = write(folder / "ours.csv", OURS), write(folder / "theirs.csv", THEIRS)
        shelter.ask("dataset.add", path=ours, name="cases", **terms)
        duty = {"basis": "legal_duty", "legal_reference": "Article 1"}
        police.ask("dataset.add", path=theirs, name="files", **duty, **terms)
        yield shelter, police


def write(path: Path, rows: list[tuple[str, int]]) -> str:
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["Case", "Phone", "Consent"])
        out.writerows([reference, f"+49 30 9018 {number:04}", "yes"] for reference, number in rows)
    return str(path)


def begin(pair: tuple[Running, Running], most: int) -> str:
    shelter, _ = pair
    round_id = agree(shelter, *pair, reply={"mode": "released", "max_released": most}, **SETTINGS)
    go(shelter, round_id)
    wait_for(lambda: shelter.state(round_id) == "deciding")
    return round_id


def finish(pair: tuple[Running, Running], round_id: str) -> list[str]:
    wait_for(lambda: all(node.state(round_id) in ("finished", "failed") for node in pair))
    assert [node.state(round_id) for node in pair] == ["finished"] * 2
    return learned(pair[1], round_id)


def decided(node: Running, round_id: str) -> tuple[int, int]:
    entries = node.ask("audit.show", limit=1000)["entries"]
    facts = [e["facts"] for e in entries if e["event"] == "release-decided" and e["facts"]["round_id"] == round_id]
    return facts[0]["released"], facts[0]["withheld"]


def test_one_lead_of_a_reference_is_one_lead_of_the_cap(pair: tuple[Running, Running]) -> None:
    shelter, _ = pair
    round_id = begin(pair, most=1)
    for numbers in ([3, 4], [0], [-1], [6], [1, 99]):
        with pytest.raises(UserError):
            shelter.ask("round.release", round=round_id, leads=numbers, by="ada")
    reply = shelter.ask("round.release", round=round_id, leads=[4, 4], by="ada")
    assert (reply["released"], reply["withheld"], reply["seen_with"]) == (1, 4, [])
    assert finish(pair, round_id) == ["P-11"]
    leads = shelter.ask("round.results", round=round_id)["leads"]
    assert [lead["status"] for lead in leads] == ["withheld"] * 3 + ["released", "withheld"]
    assert decided(shelter, round_id) == (1, 4)


def test_everything_can_be_released_where_rows_share_a_reference(pair: tuple[Running, Running]) -> None:
    round_id = begin(pair, most=5)
    decide(pair[0], round_id)
    assert finish(pair, round_id) == sorted(reference for reference, _number in THEIRS)
    assert decided(pair[0], round_id) == (5, 0)


def test_all_of_them_are_too_many_where_fewer_leads_may_go(pair: tuple[Running, Running]) -> None:
    round_id = begin(pair, most=4)
    with pytest.raises(UserError, match="at most 4"):
        pair[0].ask("round.release", round=round_id, everything=True, by="ada")
    pair[0].ask("round.cancel", round=round_id, by="ada")


@pytest.mark.tm("TM-35")
def test_what_a_withheld_lead_shares_with_a_released_one_is_said(pair: tuple[Running, Running]) -> None:
    round_id = begin(pair, most=1)
    leads = pair[0].ask("round.results", round=round_id)["leads"]
    assert [(lead["reference"], lead["shares_with"]) for lead in leads[:3]] == [("S-1", [2]), ("S-2", [1]), ("S-9", [])]
    reply = pair[0].ask("round.release", round=round_id, leads=[1], by="ada")
    assert (reply["withheld"], reply["seen_with"]) == (4, [2])
    assert finish(pair, round_id) == ["P-1", "P-2"]

"""Near matches are shown as near; a number over different people is counted over a node's own records."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.nodes import Running, introduce, make_folder, run, wait_for
from tests.support.small_rounds import agree, decide, go

SHARED, SLIP, ALONE = "+49 30 9018 0001", "+49 30 9018 0992", "+49 30 9018 5555"
OURS = [
    ("S-1", "Anna Nowak", SHARED),
    ("S-2", "Olena Marchenko", SHARED),
    ("S-2", "Olena Marchenko", SHARED),
    ("S-3", "", SHARED),
    ("S-4", "Mira Petrova", "+49 30 9018 7002"),
    ("S-5", "Ana Novak", ALONE),
]
THEIRS = [("P-1", "", SHARED), ("P-2", "", "+49 30 9018 7020"), ("P-3", "", "+49 30 9018 7003"), ("P-4", "", SLIP)]
NAMES = ["Case", "Name", "Phone", "Consent"]
SETTINGS: dict[str, Any] = {"match": [{"kind": "phone", "per_record": 2}], "reply": {"mode": "count"}}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Running]]:
    folder = tmp_path_factory.mktemp("pair")
    for alias, member_class in (("shelter", "ngo"), ("police", "police")):
        make_folder(folder / alias, alias, member_class)
    with run(folder / "shelter", "shelter") as shelter, run(folder / "police", "police") as police:
        introduce(shelter, police)
        mapping = {"Case": "reference", "Name": "full_name", "Phone": "phone", "Consent": "consent"}
        terms = {"record_class": "victim", "region": "DE", "mapping": mapping, "by": "ada"}
        shelter.ask("dataset.add", path=write(folder / "ours.csv", OURS), name="cases", **terms)
        duty = {"basis": "legal_duty", "legal_reference": "Article 1"}
        police.ask("dataset.add", path=write(folder / "theirs.csv", THEIRS), name="files", **duty, **terms)
        yield shelter, police


def write(path: Path, rows: list[tuple[str, str, str]]) -> str:
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(NAMES)
        out.writerows([*row, "yes"] for row in rows)
    return str(path)


def results(pair: tuple[Running, Running], **more: Any) -> tuple[str, dict[str, Any]]:
    shelter, _ = pair
    round_id = agree(shelter, *pair, **SETTINGS, **more)
    go(shelter, round_id)
    wait_for(lambda: shelter.state(round_id) in ("deciding", "finished", "failed"))
    if shelter.state(round_id) == "deciding":
        decide(shelter, round_id)
    wait_for(lambda: shelter.state(round_id) in ("finished", "failed"))
    assert shelter.state(round_id) == "finished"
    return round_id, shelter.ask("round.results", round=round_id)


def test_without_near_matches_only_the_same_number_is_found(pair: tuple[Running, Running]) -> None:
    _, found = results(pair)
    assert [lead["reference"] for lead in found["leads"]] == ["S-1", "S-2", "S-2", "S-3"]
    assert {lead["strength"] for lead in found["leads"]} == {"exact identifier"}


@pytest.mark.tm("TM-102")
def test_a_slip_of_the_hand_is_found_and_shown_as_near(pair: tuple[Running, Running]) -> None:
    _, found = results(pair, near_matches=True)
    seen = {lead["reference"]: lead for lead in found["leads"]}
    assert seen["S-1"]["strength"] == "exact identifier"
    assert (seen["S-4"]["strength"], seen["S-4"]["near"]) == ("near", True)
    assert seen["S-4"]["agrees_in"] == ["telephone number, nearly"]
    assert "S-5" not in seen


def test_a_number_over_different_people_stands_out(pair: tuple[Running, Running]) -> None:
    shelter, _ = pair
    round_id, found = results(pair)
    contacts = shelter.ask("round.contacts", round=round_id)["contacts"]
    handle = found["leads"][0]["agreements"][0]["handle"]
    assert contacts == [{"key": "phone", "handle": handle, "records": 4, "references": 3, "people": 2}]
    read = [e for e in shelter.ask("audit.show", limit=1000)["entries"] if e["event"] == "results-read"]
    assert read[-1]["facts"]["round_id"] == round_id

"""The impact assessment of a node that has had a round: its figures are the node's, and nothing in it is personal."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from node.impact.names import FACTS_FILE
from tests.support.nodes import Running, three
from tests.support.small_rounds import plant, run_through


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Running, Path]]:
    folder = tmp_path_factory.mktemp("dpia")
    with three(folder) as (shelter, police, board):
        plant(folder, shelter, police)
        run_through(board, shelter, police)
        yield shelter, board, folder


@pytest.mark.tm("TM-271")
def test_the_papers_say_what_the_node_is(nodes: tuple[Running, Running, Path]) -> None:
    shelter, _board, _folder = nodes
    reply = shelter.ask("report.dpia", by="dpo")
    found = reply["facts"]
    assert found["agreements"] == 1
    assert found["open_rounds"] == 0
    assert found["cosigners"] == 1
    usable = sum(one.usable for one in shelter.parts.datasets.list())
    assert usable > 0
    assert sum(found["record_classes"].values()) == found["consent_rows"] == -(-usable // 10) * 10
    assert {one["name"] for one in found["members"]} == {"Police", "Board"}
    assert found["backup_days"] is None
    assert found["approvers"] == 0
    assessment = reply["papers"]["1-impact-assessment.md"]
    assert "Police" in assessment
    assert "Make one (`blindmatch backup`)" in assessment
    assert "Register the people who act here" in assessment
    assert shelter.events()[-1] == "report-made"


@pytest.mark.tm("TM-271")
@pytest.mark.parametrize("sabotaged", [False, True])
def test_one_row_is_not_told_as_one(
    nodes: tuple[Running, Running, Path], sabotaged: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Papers are published, and a list of one is a person. The twin rounds nothing."""
    shelter = nodes[0]
    one = replace(shelter.parts.datasets.list()[0], usable=1)
    monkeypatch.setattr(shelter.parts.datasets, "list", lambda: [one])
    if sabotaged:
        monkeypatch.setattr("node.operations.impact._tens", lambda rows: rows)
    papers = shelter.ask("report.dpia", by="dpo")["papers"]
    told = "\n".join(papers.values())
    assert (f"{one.record_class} (1)" in told) is sabotaged
    assert (" 1 of them rest on consent" in told) is sabotaged


@pytest.mark.tm("TM-271")
def test_nothing_in_them_is_about_a_person(nodes: tuple[Running, Running, Path]) -> None:
    shelter, _board, folder = nodes
    text = json.dumps(shelter.ask("report.dpia", by="dpo-label"), ensure_ascii=False)
    values = {
        cell.strip()
        for file in folder.glob("*.csv")
        for line in file.read_text("utf-8").splitlines()[1:]
        for cell in line.split(",")
        if len(cell.strip()) > 3
    }
    assert len(values) > 10
    assert not [value for value in values if value in text]
    labels = {"ada", "ben", "dpo-label", *(one.name for one in shelter.parts.datasets.list())}
    assert not [label for label in labels if f'"{label}"' in text or f" {label} " in text]
    # the twin: a figure that is made of a data set's own words is found by this test
    leaky = text + next(iter(values))
    assert [value for value in values if value in leaky]


def test_a_node_that_holds_no_data_has_papers_too(nodes: tuple[Running, Running, Path]) -> None:
    _shelter, board, _folder = nodes
    reply = board.ask("report.dpia", by="dpo", review_months=36)
    assert "No list has been added to the node yet." in reply["papers"]["1-impact-assessment.md"]
    assert reply["facts"]["agreements"] == 0


def test_older_papers_are_compared_with_the_node_of_today(nodes: tuple[Running, Running, Path]) -> None:
    shelter, _board, _folder = nodes
    made = shelter.ask("report.dpia", by="dpo")["papers"][FACTS_FILE]
    assert shelter.ask("report.dpia", by="dpo", compare=made)["changes"] == []
    older = json.dumps(json.loads(made) | {"decoys": 8})
    reply = shelter.ask("report.dpia", by="dpo", compare=older)
    assert reply["changes"] == ["decoys: was 8, is 32"]
    assert reply["papers"] == {}

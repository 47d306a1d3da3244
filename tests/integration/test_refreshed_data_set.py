"""A data set is refreshed while rounds go on: what was sent stands, and nothing that was withdrawn is sent again."""

import threading
from pathlib import Path

import pytest

from tests.support.nodes import run, three, wait_for
from tests.support.small_rounds import OURS, SHARED, agree, decide, go, plant, write_numbers


def withdraw(path: Path, references: set[str]) -> None:
    lines = path.read_text().splitlines()
    said = [line.removesuffix("yes") + "no" if line.split(",")[0] in references else line for line in lines]
    path.write_text("\n".join([*said, ""]))


def leads(node, round_id):
    return {lead["reference"] for lead in node.ask("round.results", round=round_id)["leads"]}


@pytest.mark.tm("TM-106")
def test_a_withdrawn_record_is_in_no_later_round_and_the_earlier_ones_are_told(tmp_path: Path) -> None:
    with three(tmp_path) as (shelter, police, board):
        plant(tmp_path, shelter, police)
        first = agree(board, shelter, police)
        go(board, first)
        wait_for(lambda: shelter.state(first) == "deciding")
        waiting = agree(board, shelter, police, title="A second round")
        source = tmp_path / "ours.csv"
        withdraw(source, {OURS[-1], OURS[0]})
        before = shelter.ask("dataset.list")["datasets"][0]

        reply = shelter.ask("dataset.refresh", name="cases", by="ada")

        changes = reply["changes"]
        assert (changes["taken_over"], changes["prepared"], changes["gone"], changes["withdrawn"]) == (8, 0, 2, 2)
        (told,) = changes["told"]
        assert set(told["references"]) == {OURS[0], OURS[-1]}
        assert [(one["round_id"], one["running"]) for one in told["rounds"]] == [(first, True)]
        after = reply["dataset"]
        assert (after["dataset_id"], after["version"]) == (before["dataset_id"], 2)
        assert len(list((shelter.parts.folder.path / "datasets").iterdir())) == 2, "the running round needs the old one"

        # The round that had made its list goes on with it, to its end.
        assert leads(shelter, first) == set(OURS[-SHARED:])
        decide(shelter, first)
        wait_for(lambda: shelter.state(first) == police.state(first) == "finished")
        wait_for(lambda: len(list((shelter.parts.folder.path / "datasets").iterdir())) == 1)

        # The round that had not uses what stands there now.
        go(board, waiting)
        wait_for(lambda: shelter.state(waiting) == "deciding")
        assert leads(shelter, waiting) == set(OURS[-SHARED:-1])
        decide(shelter, waiting)
        wait_for(lambda: shelter.state(waiting) == police.state(waiting) == "finished")

        # The past goes along: who withdraws now was in both.
        withdraw(source, {OURS[-2]})
        changes = shelter.ask("dataset.refresh", name="cases", by="ada")["changes"]
        (told,) = changes["told"]
        assert (told["references"], {one["round_id"] for one in told["rounds"]}) == ([OURS[-2]], {first, waiting})
        assert not any(one["running"] for one in told["rounds"])
        assert shelter.ask("dataset.report", name="cases")["changes"] == changes
        entries = [e for e in shelter.ask("audit.show", limit=1000)["entries"] if e["event"] == "dataset-refreshed"]
        assert [(e["facts"]["withdrawn"], e["facts"]["rounds"]) for e in entries] == [(2, 1), (1, 2)]
        assert not any(reference in str(entries) for reference in OURS)


@pytest.mark.ci
@pytest.mark.tm("TM-106")
def test_a_list_that_was_made_while_the_data_set_was_refreshed_is_made_again(tmp_path: Path) -> None:
    with three(tmp_path) as (shelter, police, board):
        plant(tmp_path, shelter, police)
        round_id = agree(board, shelter, police)
        made: list[str] = []
        workshop = shelter.parts.engine.workshop
        prepare = workshop.prepare

        def meanwhile(found, records, taking, voice, **more):
            conversation = prepare(found, records, taking, voice, **more)
            made.append(found.round_id)
            if len(made) == 1:
                withdraw(tmp_path / "ours.csv", {OURS[-1]})
                thread = threading.Thread(target=shelter.ask, args=("dataset.refresh",),
                                          kwargs={"name": "cases", "by": "ada"})  # fmt: skip
                thread.start()
                thread.join()
            return conversation

        workshop.prepare = meanwhile
        go(board, round_id)
        wait_for(lambda: shelter.state(round_id) == "deciding")
        assert made == [round_id, round_id]
        assert leads(shelter, round_id) == set(OURS[-SHARED:-1])


@pytest.mark.ci
def test_the_old_version_is_there_after_a_restart_as_long_as_its_round_runs(tmp_path: Path) -> None:
    with three(tmp_path) as (shelter, police, board):
        plant(tmp_path, shelter, police)
        round_id = agree(board, shelter, police)
        go(board, round_id)
        wait_for(lambda: shelter.state(round_id) == "deciding")
        write_numbers(tmp_path / "ours.csv", OURS[:2], 0)
        shelter.ask("dataset.refresh", name="cases", by="ada")
    folder = tmp_path / "shelter"
    with run(folder, "shelter") as shelter:
        assert len(list((folder / "datasets").iterdir())) == 2
        assert leads(shelter, round_id) == set(OURS[-SHARED:])
        shelter.ask("round.cancel", round=round_id, by="ada")
        wait_for(lambda: len(list((folder / "datasets").iterdir())) == 1)

"""J1 as it would run: three processes with folders, keys and files of their own, and the data sets that are shipped.

An NGO's node and a police unit's node find the three people whom both know (one in Cyrillic letters against Latin
ones, one by a telephone number that a spreadsheet damaged, one with day and month swapped). The board only convenes.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from node.wire.envelope import Envelope
from tests.support.canaries import Search, files_of, phone_spellings
from tests.support.make_demo_data import PLANTED, WITHHELD
from tests.support.processes import World, three_processes, wait_until
from tests.support.tap import Caught, arrivals, protocol, sent

DATA = Path(__file__).parents[2] / "cli" / "demo_data"
LET_GO = ["HS-01", "HS-02"]
KEPT_BACK = "HS-03"

# What stands in the two files and is long enough to be searched for.
VALUES = {
    **{name: name for name in ("Коваленко", "Kovalenko", "Zielińska", "Zielinska", "Małgorzata", "Malgorzata")},
    **{name: name for name in ("Katarzyna", "Blessing", "Cristina", "Benin City", "Udon Thani", "m_ziel_demo")},
    **{mail: mail for mail in ("mirela@example.org", "blessing.o@example.org", "olena.k@example.org")},
    **{date: date for date in ("1994-03-17", "17.03.1994", "1991-04-09", "04.09.1991", "1991-09-04")},
    **{
        spelling: spelling
        for phone in ("0171 3920031", "0171 3920012", "0176 04069071", "0176 04069092", "0171 3920044")
        for spelling in phone_spellings(phone)
    },
}


@dataclass
class Story:
    """What was seen along the way."""

    world: World
    round_id: str
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    audit: dict[str, list[Any]] = field(default_factory=dict)
    verified: dict[str, Any] = field(default_factory=dict)
    caught: list[Caught] = field(default_factory=list)
    exits: dict[str, int] = field(default_factory=dict)

    def references(self, alias: str, status: str = "") -> list[str]:
        leads = self.after[alias]["leads"]
        return [lead["reference"] for lead in leads if status in ("", lead["status"])]

    def events(self, alias: str) -> list[str]:
        return [entry["event"] for entry in self.audit[alias]]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with three_processes(tmp_path_factory.mktemp("j1")) as world:
        world.shelter.ask(
            "dataset.add",
            path=str(DATA / "harbour_shelter.xlsx"),
            record_class="victim",
            region="DE",
            name="cases",
            by="ada",
        )
        world.police.ask(
            "dataset.add",
            path=str(DATA / "riverside_police_unit.csv"),
            record_class="victim",
            basis="legal_duty",
            legal_reference="Police Act, article 1",
            region="DE",
            name="files",
            by="ada",
        )
        seen = Story(world, world.agree("J1", ("cases", "files")))
        world.shelter.wait(seen.round_id, "deciding")
        # The count may still be on its way; once it is there, the police has all it gets without a person's decision.
        wait_until(lambda: world.police.ask("round.results", round=seen.round_id)["count"] is not None)
        for office in world.offices:
            seen.before[office.alias] = office.ask("round.results", round=seen.round_id)
        world.release(seen.round_id, LET_GO)
        for office in world.offices:
            seen.after[office.alias] = office.ask("round.results", round=seen.round_id)
            seen.audit[office.alias] = office.ask("audit.show", limit=1000)["entries"]
            seen.verified[office.alias] = office.ask("audit.verify")
        seen.caught = world.caught()
        seen.exits = {office.alias: office.stop() for office in world.offices}
        yield seen


@pytest.mark.tm("TM-30")
def test_exactly_the_three_planted_people_are_found(story: Story) -> None:
    assert story.references("shelter") == sorted(PLANTED)
    assert {lead["reference"] for lead in story.before["shelter"]["leads"]} == set(PLANTED)
    keys = {lead["reference"]: {a["key"] for a in lead["agreements"]} for lead in story.before["shelter"]["leads"]}
    assert keys["HS-02"] == {"phone"}
    assert all(key.startswith("person:") for reference in ("HS-01", "HS-03") for key in keys[reference])


@pytest.mark.tm("TM-30")
def test_who_did_not_agree_and_children_take_no_part(story: Story) -> None:
    for here, there in WITHHELD.items():
        assert here not in story.references("shelter")
        assert there not in story.references("police")


@pytest.mark.tm("TM-30")
def test_the_police_sees_a_band_first_and_then_only_what_was_released(story: Story) -> None:
    assert story.before["police"]["count"] == [1, 4]
    assert story.before["police"]["leads"] == []
    assert not story.before["police"]["learned"]
    assert sorted(story.references("police")) == sorted(PLANTED[reference] for reference in LET_GO)
    assert sorted(story.references("shelter", "released")) == LET_GO
    assert story.references("shelter", "withheld") == [KEPT_BACK]
    events = story.events("police")
    assert events.index("count-received") < events.index("release-received") < events.index("overlap-learned")


@pytest.mark.tm("TM-30")
def test_each_side_is_told_its_own_references_only(story: Story) -> None:
    told = {office.alias: json.dumps(office.replies, ensure_ascii=False) for office in story.world.offices}
    assert all(reference in told["shelter"] for reference in PLANTED)
    assert PLANTED[LET_GO[0]] in told["police"]
    assert "RP-1" not in told["shelter"]
    assert "HS-" not in told["police"]
    assert not any(mark in told["board"] for mark in ("HS-", "RP-1"))


@pytest.mark.tm("TM-30")
def test_two_caseworkers_can_name_one_hit_without_saying_whom_it_concerns(story: Story) -> None:
    handles = {
        alias: {
            lead["reference"]: {(a["key"], a["handle"]) for a in lead["agreements"]}
            for lead in story.after[alias]["leads"]
        }
        for alias in ("shelter", "police")
    }
    for reference in LET_GO:
        assert handles["shelter"][reference] == handles["police"][PLANTED[reference]]


@pytest.mark.tm("TM-30")
def test_the_board_learns_who_signed_and_how_the_round_stands_and_nothing_else(story: Story) -> None:
    board = story.world.board
    results = story.after["board"]
    assert (results["leads"], results["count"], results["learned"]) == ([], None, False)
    to_board = [one for one in sent(story.caught, story.round_id) if one.envelope.recipient == board.member_id]
    assert {one.kind for one in to_board} == {"SIGNATURE", "STATUS"}
    notes = [json.loads(one.payload) for one in to_board if one.kind == "STATUS"]
    assert {(note["state"], note["code"]) for note in notes} == {("running", ""), ("deciding", ""), ("finished", "")}
    assert not {"overlap-learned", "count-received", "list-committed"} & set(story.events("board"))
    facts = [entry["facts"] for entry in story.audit["board"]]
    assert not any({"records", "usable", "elements", "released"} & set(fact) for fact in facts)
    assert {fact["hits"] for fact in facts if "hits" in fact} == {0}  # it looked at its own, empty results


@pytest.mark.tm("TM-32", "TM-33")
def test_nothing_of_the_two_files_is_on_the_wire_on_disk_or_in_a_log(story: Story) -> None:
    search = Search(VALUES)
    assert search.findings("the shelter's file", DATA.joinpath("riverside_police_unit.csv").read_bytes())
    assert [finding for call in story.caught for finding in search.findings("a message", call.plaintext)] == []
    for office in story.world.offices:
        assert {"db", "config.toml", "key"} <= {path.name for path in files_of(office.state_folder)}
        assert search.in_files([*files_of(office.state_folder), office.log]) == []
        assert files_of(office.temporary) == []


@pytest.mark.tm("TM-32")
def test_the_tap_misses_nothing(story: Story) -> None:
    left = {call.request for call in story.caught if call.side == "caller"}
    assert left == arrivals(story.caught)
    assert {one.kind for one in sent(story.caught, story.round_id)} == {
        *("PROPOSAL", "SIGNATURE", "START", "STATUS", "WITNESS"),
        *("Open", "Blinded", "Evaluated", "Count", "Released", "Close"),
    }
    # A slow machine asks the other one for its clock: that says nothing of a round.
    said = {call.request for call in story.caught if call.side == "caller" and not call.method.endswith("/Hello")}
    assert len(said) >= len(left) - 1
    assert all(Envelope.from_bytes(request).round_id == story.round_id for request in said)


@pytest.mark.tm("TM-39")
def test_the_ends_keep_each_others_checkpoints_and_agree_on_what_was_said(story: Story) -> None:
    shelter, police = story.world.shelter, story.world.police
    assert all(verified["ok"] and verified["problems"] == [] for verified in story.verified.values())
    for here, there in ((shelter, police), (police, shelter)):
        with closing(sqlite3.connect(here.state_folder / "db")) as connection:
            rows = connection.execute("SELECT member_id, round_id, moment FROM peer_checkpoints").fetchall()
        assert sorted(rows) == [(there.member_id, story.round_id, moment) for moment in ("close", "open")]
    digests = {
        entry["facts"]["digest"]
        for alias in ("shelter", "police")
        for entry in story.audit[alias]
        if entry["event"] == "round-closed"
    }
    closings = [protocol(story.caught, story.round_id, office.member_id)[-1].message for office in (shelter, police)]
    assert len(digests) == 1
    assert {closing.transcript[:32].hex() for closing in closings} == digests  # type: ignore[union-attr]


def test_every_node_stops_when_it_is_asked_to(story: Story) -> None:
    assert set(story.exits.values()) == {0}

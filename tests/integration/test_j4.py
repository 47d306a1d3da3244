"""J4 as it would run: are two units on the same case, and if so, whom does one speak to? Processes with folders, keys
and files of their own, and a board that only convenes.

Two rounds. In the first the two units share a case: yes, then the row that a person released, then a contact card, once
both have asked for it. In the second they share nothing: no, no row, no card. No hit, no card.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from node.errors import NodeError
from node.rpc.control_client import ControlClient
from tests.support.canaries import files_of
from tests.support.commands import blindmatch
from tests.support.processes import Office, World, three_processes, wait_until
from tests.support.tap import Caught, sent

# No twins here: the nodes are processes, seen from outside. The defences have theirs where they can be taken out: cards
# in `security/test_hostile_followers.py`, replies and counts in `security/test_disclosure.py`. What must be absent is
# also looked for where it must be: in a round with a hit, inside an envelope, in its owner's settings.

pytestmark = pytest.mark.ci

SETTINGS = '[contact]\ndesk = "Case desk of {alias}"\nphone = "+49 30 90180001"\nhours = "weekdays, 8 to 18 CET"\n'
MAPPING = {"Case": "reference", "Phone": "phone", "Consent": "consent"}
DUE = (datetime.now(UTC) + timedelta(days=7)).date().isoformat()
SHARED, KEPT_BACK = 3, 4
"""Numbers of ours that stand in their file too; the second is found and withheld."""


@dataclass
class Story:
    """What was seen along the way."""

    world: World
    hit: str
    miss: str
    seen: dict[str, Any]
    caught: list[Caught]


def plant(office: Office, folder: Path, name: str, letter: str, numbers: list[int]) -> None:
    path = folder / f"{name}.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(MAPPING)
        rows.writerows([f"{letter}-{number}", f"+49 30 9018 {number:04}", "yes"] for number in numbers)
    duty = {} if office.alias == "shelter" else {"basis": "legal_duty", "legal_reference": "Article 1"}
    terms = {"record_class": "suspect", "region": "DE", "mapping": MAPPING, "by": "ada"}
    office.ask("dataset.add", path=str(path), name=name, **terms, **duty)


def number_of(office: Office, round_id: str, reference: str) -> int:
    leads = office.ask("round.results", round=round_id)["leads"]
    return int(next(lead["number"] for lead in leads if lead["reference"] == reference))


def run_round(world: World, datasets: tuple[str, str], release: list[str]) -> str:
    round_id = world.agree("J4", datasets, {"match": [{"kind": "phone", "per_record": 1}]})
    world.shelter.wait(round_id, "deciding")
    world.release(round_id, release)
    return round_id


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("j4")
    with three_processes(folder, SETTINGS) as world:
        shelter, police = world.shelter, world.police
        plant(shelter, folder, "ours", "S", [SHARED, KEPT_BACK, *range(20, 25)])
        plant(police, folder, "theirs", "P", [SHARED, KEPT_BACK, *range(30, 35)])
        plant(shelter, folder, "ours-alone", "S", [*range(40, 45)])
        plant(police, folder, "theirs-alone", "P", [*range(50, 55)])
        hit = run_round(world, ("ours", "theirs"), [f"S-{SHARED}"])
        miss = run_round(world, ("ours-alone", "theirs-alone"), [])
        seen: dict[str, Any] = {
            f"results of {office.alias}": {one: office.ask("round.results", round=one) for one in (hit, miss)}
            for office in (shelter, police)
        }
        ours, theirs = number_of(shelter, hit, f"S-{SHARED}"), number_of(police, hit, f"P-{SHARED}")
        shelter.ask("round.contact", round=hit, leads=[ours], by="ada")
        wait_until(lambda: card_of(police, hit, theirs)["theirs"] == "offered")
        seen["one has offered"] = card_of(police, hit, theirs), card_of(shelter, hit, ours)
        seen["answer"] = command(police, "round", "contact", hit, "--lead", theirs, "--by", "ada")
        wait_until(lambda: all(card_of(*one)["desk"] for one in ((shelter, hit, ours), (police, hit, theirs))))
        seen["both have"] = card_of(police, hit, theirs), card_of(shelter, hit, ours)
        seen["shown"] = {"cards": command(police, "round", "cards", hit)} | follow(shelter, hit, ours)
        wait_until(lambda: queue(police, hit)[0]["theirs"] == "confirmed")
        seen["queues"] = {office.alias: queue(office, hit) for office in (shelter, police)}
        seen["refused"] = refusals(world, hit, miss)
        seen["cards of the miss"] = [office.ask("round.cards", round=miss)["cards"] for office in (shelter, police)]
        seen["audit"] = {one.alias: one.ask("audit.show", limit=1000)["entries"] for one in world.offices}
        caught = world.caught()
        for office in world.offices:
            office.stop()
        yield Story(world, hit, miss, seen, caught)


def command(office: Office, *words: object) -> str:
    """What a person reads who types this."""
    done = blindmatch(*map(str, words), state=office.state_folder, COLUMNS="200")
    assert done.returncode == 0, done.stderr
    return done.stdout


def follow(office: Office, round_id: str, lead: int) -> dict[str, str]:
    """What a caseworker does with a lead, and what the screen says."""
    named = (round_id, "--lead", lead, "--by", "ada")
    return {
        "follow-up": command(office, "lead", "follow-up", *named, "--due", DUE),
        "due": command(office, "lead", "list", "--status", "follow-up"),
        "not due": command(office, "lead", "list", "--due"),
        "different": command(office, "lead", "different", *named),
        "undone": command(office, "lead", "different", *named, "--undo"),
        "confirm": command(office, "lead", "confirm", *named),
        "feedback": command(office, "lead", "feedback", *named),
    }


def card_of(office: Office, round_id: str, number: int) -> dict[str, Any]:
    cards = office.ask("round.cards", round=round_id)["cards"]
    return dict(next(card for card in cards if card["number"] == number))


def queue(office: Office, round_id: str) -> list[dict[str, Any]]:
    return list(office.ask("lead.list", round=round_id)["leads"])


def refusals(world: World, hit: str, miss: str) -> dict[str, str]:
    """What a person reads who asks for what there is not."""
    withheld = number_of(world.shelter, hit, f"S-{KEPT_BACK}")
    asked = {
        "a withheld lead": (world.shelter.client, {"round": hit, "leads": [withheld]}),
        "no lead at all": (world.shelter.client, {"round": miss, "leads": [1]}),
        "a convener": (world.board.client, {"round": hit, "leads": [1]}),
    }
    return {what: refusal(client, request) for what, (client, request) in asked.items()}


def refusal(client: ControlClient, request: dict[str, Any]) -> str:
    with pytest.raises(NodeError) as refused:
        client.call("round.contact", {**request, "by": "ada"})
    return refused.value.sentence


@pytest.mark.tm("TM-230")
def test_the_other_unit_is_told_yes_or_no_and_the_row_that_was_released(story: Story) -> None:
    results = story.seen["results of police"]
    low, high = results[story.hit]["count"]
    assert (low, high) == (1, 64)
    assert results[story.miss]["count"] == [0, 0]
    assert [lead["reference"] for lead in results[story.hit]["leads"]] == [f"P-{SHARED}"]
    assert results[story.miss]["leads"] == []
    ours = story.seen["results of shelter"][story.hit]["leads"]
    assert sorted(lead["reference"] for lead in ours) == [f"S-{SHARED}", f"S-{KEPT_BACK}"]


@pytest.mark.tm("TM-228", "TM-230")
def test_one_offer_moves_no_card_and_two_move_both(story: Story) -> None:
    for card in story.seen["one has offered"]:
        assert (card["desk"], card["phone"], card["fields"]) == ("", "", {})
    assert "the other side had offered too, so the card is on its way" in story.seen["answer"]
    at_police, at_shelter = story.seen["both have"]
    assert (at_police["desk"], at_shelter["desk"]) == ("Case desk of shelter", "Case desk of police")
    assert at_police["handle"] == at_shelter["handle"]
    for card in (at_police, at_shelter):
        assert card["phone"] == "+49 30 90180001"
        assert set(card["fields"]) == {"as_of"}


@pytest.mark.tm("TM-230")
def test_no_hit_no_card(story: Story) -> None:
    assert story.seen["cards of the miss"] == [[], []]
    assert "not one that the other side knows of" in story.seen["refused"]["no lead at all"]
    assert "not one that the other side knows of" in story.seen["refused"]["a withheld lead"]
    assert "no record is known to both sides" in story.seen["refused"]["a convener"]
    kinds = {one.kind for one in sent(story.caught, story.miss)}
    assert not {"CONTACT", "FEEDBACK"} & kinds
    assert {"CONTACT", "FEEDBACK"} <= {one.kind for one in sent(story.caught, story.hit)}  # the tap sees them


@pytest.mark.tm("TM-230")
def test_the_convener_is_told_nothing_of_it(story: Story) -> None:
    following = [one for one in sent(story.caught, story.hit) if one.kind in ("CONTACT", "FEEDBACK")]
    members = {story.world.shelter.member_id, story.world.police.member_id}
    assert {one.envelope.recipient for one in following} == members
    assert not any("contact" in entry["event"] for entry in story.seen["audit"]["board"])


@pytest.mark.tm("TM-230")
def test_no_card_lies_readable_anywhere_but_in_its_owner_s_settings(story: Story) -> None:
    for office, desk in ((story.world.police, b"Case desk of shelter"), (story.world.shelter, b"Case desk of police")):
        assert not [call for call in story.caught if desk in call.request + call.reply + call.error]
        assert [call for call in story.caught if desk in call.inside]  # it went, sealed
        assert not [path for path in files_of(office.state_folder) if desk in path.read_bytes()]
        other = story.world.shelter if office is story.world.police else story.world.police
        assert [path.name for path in files_of(other.state_folder) if desk in path.read_bytes()] == ["config.toml"]


@pytest.mark.tm("TM-230")
def test_the_log_says_who_offered_before_anything_left_and_names_no_record(story: Story) -> None:
    for alias in ("shelter", "police"):
        entries = story.seen["audit"][alias]
        events = [entry["event"] for entry in entries if entry["event"].startswith("contact-")]
        assert sorted(events) == ["contact-given", "contact-offered", "contact-offered", "contact-received"]
        by = [
            entry["facts"]["by"] for entry in entries if entry["event"] == "contact-offered" and "by" in entry["facts"]
        ]
        assert by == ["ada"]
        assert not any("S-3" in str(entry) or "P-3" in str(entry) for entry in entries)


@pytest.mark.tm("TM-227", "TM-230", "TM-232")
def test_a_caseworker_does_all_of_it_from_the_command_line(story: Story) -> None:
    shown, lead = story.seen["shown"], f"S-{SHARED}"
    assert "Case desk of shelter, +49 30 90180001, weekdays, 8 to 18 CET" in shown["cards"]
    assert "as the other side says: as of: 20" in shown["cards"]
    assert f"follow-up, due on {DUE}" in shown["follow-up"]
    assert lead in shown["due"]
    assert DUE in shown["due"]
    assert "Do not ring the number" in shown["due"]
    assert shown["not due"].strip() == "No lead here."
    assert "noted as different people" in shown["different"]
    assert "no longer on the list" in shown["undone"]
    assert "confirmed" in shown["confirm"]
    assert "told the status and nothing else" in shown["feedback"]


@pytest.mark.tm("TM-227")
def test_the_other_side_reads_one_word_beside_its_own_queue(story: Story) -> None:
    ours = {lead["reference"]: lead for lead in story.seen["queues"]["shelter"]}
    assert (ours[f"S-{SHARED}"]["status"], ours[f"S-{SHARED}"]["told"]) == ("confirmed", "confirmed")
    assert (ours[f"S-{KEPT_BACK}"]["status"], ours[f"S-{KEPT_BACK}"]["contact"]) == ("open", "")
    (theirs,) = story.seen["queues"]["police"]
    assert (theirs["status"], theirs["theirs"], theirs["contact"]) == ("open", "confirmed", "card received")

"""The review queue: what a person may decide, what counts, what is due, and what is known to be different."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from node.config import ContactSection
from node.datasets.records import PreparedRecord, marks
from node.errors import NodeError, NotFound, UserError
from node.rounds import contact, known_different, lead_notes
from node.rounds.advice import ADVICE, ALWAYS, advice_for
from node.rounds.lead_notes import (
    ContactCard,
    Gift,
    Status,
    read_contact,
    read_feedback,
    write_feedback,
    write_gifts,
    write_offer,
)
from node.rounds.parties import MAX_LONG_NOTE_BYTES
from node.rounds.results import Lead
from node.store.schema import known_different as known_different_rows
from psi.errors import MalformedMessage
from psi.identifiers import CATALOGUE, Cell, Person
from tests.support.nodes import Running, wait_for
from tests.support.small_rounds import OURS, SHARED, agree, decide, go, write_numbers
from tests.support.two_nodes import ShiftedClock, two


class Stage:
    """Two nodes with a clock that jumps, and one finished round after another."""

    def __init__(self, folder: Path, shelter: Running, police: Running, clock: ShiftedClock) -> None:
        self.folder, self.shelter, self.police, self.clock = folder, shelter, police, clock
        self.round_id = self.finished()

    def finished(self, **settings: Any) -> str:
        round_id = agree(self.shelter, self.shelter, self.police, template="J6", **settings)
        go(self.shelter, round_id)
        decide(self.shelter, round_id)
        wait_for(lambda: self.shelter.state(round_id) == self.police.state(round_id) == "finished")
        return round_id

    def queue(self, **asked: Any) -> list[dict[str, Any]]:
        return list(self.shelter.ask("lead.list", **{"round": self.round_id, **asked})["leads"])

    def review(self, number: int, status: str, **more: Any) -> Any:
        asked = {"round": self.round_id, "leads": [number], "status": status, "by": "ada", **more}
        return self.shelter.ask("lead.review", **asked)

    def day(self, days: int) -> str:
        return (self.shelter.parts.clock.now().date().fromordinal(self._today() + days)).isoformat()

    def _today(self) -> int:
        return self.shelter.parts.clock.now().date().toordinal()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("node.identity.words.SCRYPT_COST", 2)
        folder, clock = tmp_path_factory.mktemp("reviews"), ShiftedClock()
        with two(folder, clock) as (shelter, police):
            yield Stage(folder, shelter, police, clock)


@pytest.mark.tm("TM-227")
@pytest.mark.parametrize("status", [status for status in Status if status not in (Status.FOLLOW_UP, Status.WITHDRAWN)])
def test_the_last_decision_counts_and_stands_in_the_log(stage: Stage, status: Status) -> None:
    stage.review(1, status.value)
    assert [one["status"] for one in stage.queue(status=status.value)] == [status.value]
    entries = stage.shelter.ask("audit.show", limit=1000)["entries"]
    facts = [entry["facts"] for entry in entries if entry["event"] == "lead-reviewed"][-1]
    assert facts == {"round_id": stage.round_id, "by": "ada", "verdict": status.value, "records": 1}


def test_what_was_withdrawn_stays_so(stage: Stage) -> None:
    stage.review(3, "withdrawn")
    with pytest.raises(UserError, match="final"):
        stage.review(3, "confirmed")
    assert [one["number"] for one in stage.queue(status="withdrawn")] == [3]


def test_a_follow_up_is_due_on_its_day_and_overdue_after_it(stage: Stage) -> None:
    stage.review(2, "follow-up", due_on=stage.day(2))
    assert stage.queue(due=True) == []
    assert stage.queue()[0]["number"] == 2  # what has a day stands in front
    for days, left in ((2, 0), (3, -1)):
        stage.clock.days += 2 if days == 2 else 1
        assert [(one["number"], one["due_in_days"]) for one in stage.queue(due=True)] == [(2, left)]
    stage.clock.days = 0
    stage.review(2, "disputed")
    assert stage.queue(due=True) == []


@pytest.mark.parametrize(
    ("number", "status", "due_on"),
    [
        (1, "follow-up", None),
        (1, "confirmed", "2027-01-31"),
        (1, "follow-up", "tomorrow"),
        (1, "follow-up", "2027-02-30"),
        (1, "follow-up", "20270131"),
        (1, "follow-up", "2020-01-01"),
        (1, "follow-up", "2999-01-01"),
        (SHARED + 1, "confirmed", None),
        (0, "confirmed", None),
        (-1, "confirmed", None),
    ],
)
def test_what_cannot_be_decided_changes_nothing(stage: Stage, number: int, status: str, due_on: str | None) -> None:
    before = stage.shelter.parts.reviews.latest(stage.round_id)
    with pytest.raises((UserError, NotFound)):
        stage.review(number, status, due_on=due_on)
    assert stage.shelter.parts.reviews.latest(stage.round_id) == before


@pytest.mark.parametrize("asked", [{"status": "guilty"}, {"round": "ffff0000"}])
def test_a_queue_of_what_does_not_exist(stage: Stage, asked: dict[str, Any]) -> None:
    with pytest.raises(NodeError):
        stage.queue(**asked)


def test_feedback_wants_a_decision_first_and_goes_once(stage: Stage) -> None:
    round_id = stage.finished()
    ask = stage.shelter.ask
    with pytest.raises(UserError, match="Nothing was decided"):
        ask("lead.feedback", round=round_id, leads=[1], by="ada")
    ask("lead.review", round=round_id, leads=[1], status="rejected", by="ada")
    assert ask("lead.feedback", round=round_id, leads=[1], by="ada")["told"] == {"1": "rejected"}
    with pytest.raises(UserError, match="already"):
        ask("lead.feedback", round=round_id, leads=[1], by="ada")
    wait_for(
        lambda: [one["theirs"] for one in stage.police.ask("lead.list", round=round_id)["leads"]].count("rejected") == 1
    )
    assert {one["status"] for one in stage.police.ask("lead.list", round=round_id)["leads"]} == {"open"}


def test_nothing_is_told_in_a_round_without_rows_for_both(stage: Stage) -> None:
    round_id = agree(stage.shelter, stage.shelter, stage.police, template="J14")
    with pytest.raises(UserError, match="no record is known to both"):
        stage.shelter.ask("lead.feedback", round=round_id, leads=[1], by="ada")
    with pytest.raises(UserError, match="no contact cards"):
        stage.shelter.ask("round.contact", round=round_id, leads=[1], by="ada")


@pytest.mark.tm("TM-231")
def test_what_is_known_to_be_different_is_said_when_it_meets_again(stage: Stage) -> None:
    shelter = stage.shelter
    first = stage.finished()
    assert not any(one["different"] for one in stage.queue(round=first))
    shelter.ask("lead.different", round=first, leads=[2], by="ada")
    later = stage.finished()
    marked = {one["reference"]: one["different"] for one in stage.queue(round=later)}
    assert marked == {reference: reference == OURS[-SHARED + 1] for reference in OURS[-SHARED:]}  # shown, none hidden
    with shelter.parts.store.read() as connection:
        rows = list(connection.execute(known_different_rows.select()))
    assert {len(row.digest) for row in rows} == {32}
    shelter.ask("lead.different", round=first, leads=[2], by="ada", undo=True)
    assert not any(one["different"] for one in stage.queue(round=later))


@pytest.mark.tm("TM-231")
@pytest.mark.parametrize("sabotaged", [False, True])
def test_a_record_whose_values_changed_is_a_new_lead(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, *, sabotaged: bool
) -> None:
    """Otherwise the list would call a lead different that nobody has looked at. Twin: the values are not in it."""
    shelter, found = stage.shelter, stage.shelter.parts.book.get(stage.round_id)
    if sabotaged:
        monkeypatch.setattr(known_different, "tokens", lambda *_: (("phone", "the same for all"),))
    different = shelter.parts.different
    different.note(found, [1], by="ada")
    leads = [(number, lead) for number, _status, lead in shelter.parts.leads.numbered(stage.round_id)]
    assert different.among(found, leads) == {1}
    path = write_numbers(stage.folder / f"new-{sabotaged}.csv", OURS, 500)
    honest = shelter.parts.datasets.get("cases")
    shelter.ask("dataset.refresh", name="cases", path=str(path), by="ada")
    assert different.among(found, leads) == ({1} if sabotaged else frozenset())
    back = write_numbers(stage.folder / "back.csv", OURS, 0)
    shelter.ask("dataset.refresh", name="cases", path=str(back), by="ada")
    assert shelter.parts.datasets.get("cases").usable == honest.usable
    different.note(found, [1], by="ada", undo=True)


@pytest.mark.tm("TM-232")
def test_every_kind_has_its_advice() -> None:
    assert list(ADVICE) == list(CATALOGUE)
    assert all(sentence.endswith(".") for sentence in ADVICE.values())
    assert "not ring" in ADVICE["phone"]


@pytest.mark.tm("TM-232")
def test_advice_is_said_for_what_agrees_and_nothing_else(stage: Stage) -> None:
    assert advice_for(["phone:near", "person:birth_date+name+name", "phone"]) == (
        ADVICE["phone"],
        ADVICE["person"],
        ALWAYS,
    )
    assert advice_for([]) == advice_for(["no-kind"]) == ()
    for shown in (stage.shelter.ask("round.results", round=stage.round_id), stage.shelter.ask("lead.list")):
        assert shown["advice"] == [ADVICE["phone"], ALWAYS]


@pytest.mark.parametrize(
    "section",
    [
        ContactSection(),
        ContactSection(desk="Night desk"),
        ContactSection(phone="+49 30 90180000"),
        ContactSection(desk=" Night desk", phone="1"),
        ContactSection(desk="Night\ndesk", phone="1"),
        ContactSection(desk="Night\u202edesk", phone="1"),
    ],
    ids=repr,
)
def test_a_card_that_cannot_be_given(section: ContactSection) -> None:
    with pytest.raises(UserError, match="contact card"):
        ContactCard.of(section)


def test_the_longest_notes_fit_and_are_read_back() -> None:
    handles = [f"{number:016x}" for number in range(1200)]
    notes = write_feedback(Status.DISPUTED, handles)
    assert [len(read_feedback(note).handles) for note in notes] == [512, 512, 176]
    card = ContactCard(*["\U00010000" * 120] * 4)
    fields = {"as_of": "2026-03-01", "basis": "legal_duty", "consent_until": "2026-03-01", "record_class": "employer",
              "urgent_danger": "yes"}  # fmt: skip
    gifts = write_gifts(card, dict.fromkeys(handles[:90], fields))
    read = [read_contact(note, tuple(fields)) for note in gifts]
    assert [len(one.matches) for one in read if isinstance(one, Gift)] == [40, 40, 10]
    assert max(map(len, [*notes, *gifts])) <= MAX_LONG_NOTE_BYTES


@pytest.mark.parametrize("sabotaged", [False, True])
def test_the_length_of_a_note_does_not_tell_what_is_in_it(monkeypatch: pytest.MonkeyPatch, *, sabotaged: bool) -> None:
    """Who carries it knows the card of a desk, and would see a "yes" by one byte more than a "no"."""
    if sabotaged:
        monkeypatch.setattr(lead_notes, "PAD_BYTES", 1)
    card = ContactCard("Night desk", "+49 30 90180000", "", "always")
    handles = [f"{number:016x}" for number in range(40)]
    gifts = {len(write_gifts(card, {handles[0]: {"urgent_danger": word}})[0]) for word in ("yes", "no")}
    offers = {len(write_offer(handles[:count])[0]) for count in (1, 2, 40)}
    judged = {len(write_feedback(status, handles[:count])[0]) for status in Status for count in (1, 40)}
    assert [len(lengths) == 1 for lengths in (gifts, offers, judged)] == [not sabotaged] * 3


def person(given: str) -> Person:
    found, _refused = Person.from_cells({"given_name": Cell(given), "family_name": Cell("Kovalenko")})
    assert found is not None
    return found


@pytest.mark.parametrize("sabotaged", [False, True])
def test_of_two_people_under_one_reference_the_one_of_the_lead_is_spoken_about(
    monkeypatch: pytest.MonkeyPatch, *, sabotaged: bool
) -> None:
    """Two sisters have one case number, and the consent of one is over: the other's record does not speak for her."""
    records = [PreparedRecord("S-7", person=person(name), child=name == "Olena") for name in ("Olena", "Marta")]
    persons = [mark for _, mark in marks(record.to_line() for record in records)]
    assert len(set(persons)) == 2
    monkeypatch.setattr(contact, "participation", lambda record, _asked: "barred" if record.child else None)
    monkeypatch.setattr(contact, "Asked", SimpleNamespace(of=lambda *_: None))
    if sabotaged:
        monkeypatch.setattr(contact, "marks", lambda lines: [("", persons[0]) for _ in lines])
    negotiation = SimpleNamespace(
        identity=SimpleNamespace(member_id="a" * 32), records=lambda _: records, excluded=lambda _: None
    )
    desk: Any = SimpleNamespace(negotiation=negotiation, clock=SimpleNamespace(now=lambda: datetime.now(UTC)))
    leads = {number: Lead("S-7", (), (), mark) for number, mark in enumerate(persons, start=1)}
    found = contact.ContactDesk._records(desk, SimpleNamespace(manifest=None), leads)  # type: ignore[arg-type]
    assert found.get(1) is (records[1] if sabotaged else None)
    assert sabotaged or found[2] is records[1]


@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b"{}", b'{"handles":[],"status":"confirmed"}', b"\xff" * 64])
def test_what_is_no_note(payload: bytes) -> None:
    for read in (read_feedback, lambda data: read_contact(data, ())):
        with pytest.raises(MalformedMessage):
            read(payload)

"""A person's record is erased: everywhere, by two people, for good; and what was not erased is said."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from node.app import open_node
from node.datasets.erasing import KeptOut
from node.datasets.exclusions import EVERYBODY, Exclusions
from node.errors import NotAllowed, NotFound, UserError
from node.keeping.erasure import Erasing
from node.operations import OPERATIONS, Dispatcher, Parts
from node.rounds.leads import LeadBook
from node.staff import Approval, Role, Roster, Subject
from node.store.schema import contacts, erasures, feedback, reviews
from tests.support.nodes import Running, make_folder, wait_for
from tests.support.small_rounds import OURS, SHARED, agree, decide, go, run_through, write_numbers
from tests.support.sought import places_of
from tests.support.stores import CHEAP, secret
from tests.support.two_nodes import ShiftedClock, two

GONE, STAYS = OURS[-1], OURS[-2]


Pair = tuple[Running, Running, Path, str]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two nodes that have had a round, and its id."""
    folder = tmp_path_factory.mktemp("erasure")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("node.identity.words.SCRYPT_COST", 2)
        with two(folder) as (shelter, police):
            yield shelter, police, folder, run_through(shelter, shelter, police)


def take_in(node: Running, folder: Path, name: str, references: list[str], first: int) -> Path:
    """A further data set of these references, with telephone numbers from `first` on; its file."""
    file = write_numbers(folder / f"{name}.csv", references, first)
    mapping = {"Case": "reference", "Phone": "phone", "Consent": "consent"}
    said = {"record_class": "victim", "region": "DE", "mapping": mapping, "by": "ada"}
    node.ask("dataset.add", path=str(file), name=name, **said)
    return file


def erase(node: Running, reference: str = GONE, **said: Any) -> Any:
    return node.ask("record.erase", record=reference, **{"by": "ada", "second": "ben", **said})


def leads(node: Running, round_id: str) -> list[Any]:
    found: list[Any] = node.ask("round.results", round=round_id)["leads"]
    return found


def beside(node: Running, round_id: str) -> dict[str, int]:
    """A review, a feedback note and a contact card for each lead of a round; then what there is of each."""
    found = leads(node, round_id)
    with node.parts.store.transaction() as tx:
        for lead in found:
            at = {"round_id": round_id, "at": "2026-01-02T03:04:05Z"}
            handle = {"handle": lead["agreements"][0]["handle"]}
            tx.execute(reviews.insert().values(number=lead["number"], status="confirmed", by="ada", **at))
            tx.execute(feedback.insert().values(direction="sent", status="confirmed", **handle, **at))
            tx.execute(contacts.insert().values(direction="ours", state="offered", **handle, **at))
    return count_beside(node, round_id)


def count_beside(node: Running, round_id: str) -> dict[str, int]:
    with node.parts.store.read() as connection:
        return {
            table.name: len(connection.execute(select(table).where(table.c.round_id == round_id)).all())
            for table in (reviews, feedback, contacts)
        }


@pytest.mark.tm("TM-237")
def test_erased_means_that_nothing_of_it_is_left(pair: Pair) -> None:
    shelter, police, folder, round_id = pair
    assert beside(shelter, round_id) == {"reviews": SHARED, "feedback": SHARED, "contacts": SHARED}
    withdraw_elsewhere(shelter)
    assert places_of(shelter.parts, GONE) >= {"records", "results.body", "exclusions.body"}
    with pytest.raises(UserError, match="two people"):
        erase(shelter, second="ADA")
    with pytest.raises(UserError, match="two people"):
        erase(shelter, second="")
    with pytest.raises(NotFound):
        erase(shelter, "S-77")
    assert places_of(shelter.parts, GONE) >= {"records", "results.body", "exclusions.body"}

    reply = erase(shelter)
    assert reply["done"] is True
    assert reply["erasure"]["counts"] == {
        "datasets": 1, "lists": 1, "leads": 1, "reviews": 1, "feedback": 1, "contacts": 1,
    }  # fmt: skip
    assert (reply["left"], reply["rounds"]) == ({}, [round_id])
    assert places_of(shelter.parts, GONE) == set()
    assert places_of(shelter.parts, STAYS) >= {"records", "results.body"}
    assert "records" not in places_of(shelter.parts, "+4930901809")  # its number neither: 30 9018 0009

    # The others are what they were, under their numbers.
    assert [lead["reference"] for lead in leads(shelter, round_id)] == [*OURS[-SHARED:-1], ""]
    assert [lead["status"] for lead in leads(shelter, round_id)] == ["released", "released", "erased"]
    assert count_beside(shelter, round_id) == dict.fromkeys(("reviews", "feedback", "contacts"), SHARED - 1)

    # The log has it, without saying whom; the list of erasures too.
    entry = shelter.parts.audit.entries(first=reply["erasure"]["position"], limit=1)[0]
    assert entry.event == "record-erased"
    assert entry.facts == {"by": "ada", "second": "ben", "records": 1, "hits": 1, "rounds": 1, "entries": 4}
    assert GONE not in json.dumps([dict(one.facts) for one in shelter.parts.audit.entries()])
    (known,) = shelter.ask("retention.show")["erasures"]
    assert known == reply["erasure"]
    with pytest.raises(NotFound):
        erase(shelter)

    # The row still stands in the source file. It does not come back, and the report says so.
    again = write_numbers(folder / "again.csv", OURS, 0)
    refreshed = shelter.ask("dataset.refresh", name="cases", path=str(again), by="ada")
    assert refreshed["dataset"]["usable"] == len(OURS) - 1
    take_in(shelter, folder, "anew", OURS, 0)
    counts = shelter.parts.datasets.get("anew").counts
    assert (counts["usable"], counts["left_out"], counts["reasons"]) == (len(OURS) - 1, 1, {"row/erased": 1})
    assert places_of(shelter.parts, GONE) == set()
    # A later round does not find it.
    later = agree(shelter, shelter, police)
    go(shelter, later)
    decide(shelter, later)
    wait_for(lambda: shelter.state(later) == "finished")
    assert [lead["reference"] for lead in leads(shelter, later)] == OURS[-SHARED:-1]
    assert shelter.parts.audit.verify().ok


def withdraw_elsewhere(node: Running, reference: str = GONE) -> None:
    """The reference stands in the list of withdrawn records."""
    with node.parts.store.transaction() as tx:
        dataset = node.parts.datasets.get("cases")
        Exclusions(node.parts.store, node.parts.clock).add(tx, dataset.dataset_id, EVERYBODY, [reference, "S-other"])


@pytest.mark.tm("TM-237")
@pytest.mark.parametrize("left_out", ["leads", "lists", "datasets"])
def test_twin_that_forgets_a_place_is_told_of_it(pair: Pair, left_out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shelter, _police, folder, _round_id = pair
    wanted = OURS[-3] if left_out == "leads" else f"S-{left_out}"
    if left_out != "leads":
        take_in(shelter, folder, left_out, [wanted, "S-1"], 20)
        withdraw_elsewhere(shelter, wanted)
    with monkeypatch.context() as patch:
        if left_out == "leads":
            patch.setattr(LeadBook, "erase", lambda *_arguments: {})
        elif left_out == "lists":
            patch.setattr(Exclusions, "forget", lambda *_arguments: 0)
        else:
            patch.setattr(type(shelter.parts.datasets), "cut", lambda *_arguments: None)
        reply = erase(shelter, wanted)
    assert reply["done"] is False
    assert set(reply["left"]) == {left_out}
    assert places_of(shelter.parts, wanted)


@pytest.mark.tm("TM-238")
def test_twin_that_forgets_the_digest_lets_the_record_come_back(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    shelter, _police, folder, _round_id = pair
    file = take_in(shelter, folder, "twin", ["S-back", "S-1"], 40)
    erase(shelter, "S-back")
    assert places_of(shelter.parts, "S-back") == set()
    assert shelter.ask("dataset.refresh", name="twin", path=str(file), by="ada")["dataset"]["usable"] == 1
    with monkeypatch.context() as patch:
        patch.setattr(KeptOut, "append", lambda self, line: self._writer.append(line))
        patch.setattr(KeptOut, "settle", lambda *_arguments: None)
        assert shelter.ask("dataset.refresh", name="twin", path=str(file), by="ada")["dataset"]["usable"] == 2
    assert places_of(shelter.parts, "S-back") == {"records"}


@pytest.mark.tm("TM-238")
def test_the_digest_says_nothing_without_the_key(pair: Pair) -> None:
    shelter, police, folder, _round_id = pair
    digests = []
    for node in (shelter, police):
        take_in(node, folder, f"small-{node.alias}", ["X-1", "X-2"], 60)
        erase(node, "X-1")
        with node.parts.store.read() as connection:
            digests.append(connection.execute(select(erasures.c.digest).order_by(erasures.c.id.desc())).scalar())
    assert digests[0] != digests[1]


@pytest.mark.tm("TM-237")
def test_nothing_is_erased_while_a_running_round_has_the_record(pair: Pair) -> None:
    shelter, police, _folder, _round_id = pair
    wanted = OURS[1]
    round_id = agree(shelter, shelter, police)
    go(shelter, round_id)
    wait_for(lambda: shelter.state(round_id) == "deciding")
    before = places_of(shelter.parts, wanted)
    with pytest.raises(UserError, match="running has sent a list"):
        erase(shelter, wanted)
    assert places_of(shelter.parts, wanted) == before
    shelter.ask("round.cancel", round=round_id, by="ada")
    assert erase(shelter, wanted)["done"] is True
    assert places_of(shelter.parts, wanted) == set()


@pytest.mark.tm("TM-237")
def test_a_round_that_begins_while_a_record_is_being_erased_keeps_it(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its list is stored behind the first look at the running rounds, and before the transaction."""
    shelter, police, _folder, _round_id = pair
    wanted = OURS[2]
    round_id = agree(shelter, shelter, police)
    real, begun = Erasing._erase, []

    def later(*arguments: Any) -> Any:
        if not begun:
            begun.append(round_id)
            go(shelter, round_id)
            wait_for(lambda: shelter.state(round_id) == "deciding")
        return real(*arguments)

    monkeypatch.setattr(Erasing, "_erase", later)
    before = places_of(shelter.parts, wanted)
    files = {path.name for path in shelter.parts.folder.records.iterdir()}
    with pytest.raises(UserError, match="running has sent a list"):
        erase(shelter, wanted)
    assert begun == [round_id]
    assert places_of(shelter.parts, wanted) == before != set()
    assert {path.name for path in shelter.parts.folder.records.iterdir()} == files
    shelter.ask("round.cancel", round=round_id, by="ada")
    assert erase(shelter, wanted)["done"] is True
    assert places_of(shelter.parts, wanted) == set()


@pytest.mark.tm("TM-237")
def test_a_fault_in_the_middle_erases_nothing(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    shelter, _police, _folder, _round_id = pair
    before = places_of(shelter.parts, OURS[0])
    files = sorted(path.name for path in shelter.parts.folder.records.iterdir())

    def broken(*_arguments: Any, **_facts: Any) -> int:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(type(shelter.parts.audit), "append", broken)
        with pytest.raises(RuntimeError):
            erase(shelter, OURS[0])
    assert places_of(shelter.parts, OURS[0]) == before != set()
    assert sorted(path.name for path in shelter.parts.folder.records.iterdir()) == files
    erasing = Erasing(
        shelter.parts.store, shelter.parts.audit, shelter.parts.datasets, shelter.parts.book, shelter.parts.leads,
        shelter.parts.clock,
    )  # fmt: skip
    assert erasing.when(OURS[0]) is None


@pytest.mark.tm("TM-235")
def test_after_a_round_its_keys_are_gone_and_after_the_agreed_days_its_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    clock = ShiftedClock()
    with two(tmp_path, clock) as (shelter, police):
        round_id = run_through(shelter, shelter, police)
        for node in (shelter, police):
            book = node.parts.book
            assert (book.scalar(round_id), book.round_secret(round_id), book.snapshot(round_id)) == (None, None, None)
            assert book.decision(round_id) is None
            wait_for(lambda node=node: not node.parts.engine.workshop.left_behind())  # type: ignore[misc]
            days = book.get(round_id).manifest.member(node.parts.identity.member_id).retention_days
            assert node.ask("retention.run")["now"] == {}
            (kept,) = node.ask("retention.show")["kept"]
            assert (kept["leads"], kept["overdue"]) == (SHARED, False)
        clock.days = days + 0.1
        for node in (shelter, police):
            assert node.ask("retention.run")["now"] == {round_id: SHARED}
            results = node.ask("round.results", round=round_id)
            assert (results["leads"], results["total"], results["count"]) == ([], 0, None)
            assert "was deleted on" in results["note"]
            assert node.parts.audit.verify().ok


ANNA, BELA, CARL = b"anna has a long one", b"bela has another one", b"carl reviews what is found"


@pytest.fixture
def staffed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Parts]:
    """A node that does not run: anna operates, bela approves, carl reviews, each with a passphrase; three records."""
    make_folder(tmp_path / "shelter", "shelter", "ngo")
    with open_node(tmp_path / "shelter", None) as parts:
        take_in(Running("shelter", parts), tmp_path, "cases", ["S-1", "S-2", "S-3"], 0)
        parts.roster = Roster(parts.store, parts.audit, parts.clock, parts.random_bytes, cost=CHEAP)
        people = (("bela", Role.APPROVER, BELA), ("anna", Role.OPERATOR, ANNA), ("carl", Role.REVIEWER, CARL))
        with parts.store.transaction() as tx:
            for label, role, passphrase in people:
                with secret(passphrase) as own:
                    parts.roster.add(tx, label, frozenset([role]), own, "bela")
        yield parts


def asked(parts: Parts, operation: str, passphrase: bytes, **request: Any) -> Any:
    with secret(passphrase) as own:
        said = json.dumps(request).encode()
        return json.loads(Dispatcher(parts, OPERATIONS).invoke(operation, said, lambda _step: None, credential=own))


@pytest.mark.tm("TM-239")
def test_where_staff_is_registered_the_second_person_approves_and_once(staffed: Parts) -> None:
    erasing = {"record": "S-1", "by": "anna"}
    with pytest.raises(UserError, match="command of their own"):
        asked(staffed, "record.erase", ANNA, second="bela", **erasing)
    with pytest.raises(NotFound):
        asked(staffed, "record.erase", ANNA, record="S-77", by="anna")
    with pytest.raises(NotAllowed):
        asked(staffed, "record.erase", CARL, record="S-1", by="carl")
    waits = asked(staffed, "record.erase", ANNA, **erasing)
    assert (waits["done"], waits["erasure"]) == (False, None)
    assert asked(staffed, "record.erase", ANNA, **erasing)["approval"] == waits["approval"]
    assert "S-1" not in json.dumps([dict(entry.facts) for entry in staffed.audit.entries()])
    for label, passphrase in (("anna", ANNA), ("carl", CARL)):
        with pytest.raises(NotAllowed):
            asked(staffed, "approval.approve", passphrase, number=waits["approval"], by=label)
    assert places_of(staffed, "S-1") == {"records"}
    asked(staffed, "approval.approve", BELA, number=waits["approval"], by="bela")
    assert places_of(staffed, "S-1") == {"records"}
    with pytest.raises(NotFound):  # what bela approved is this record and no other
        asked(staffed, "record.erase", ANNA, record="S-77", by="anna")
    assert asked(staffed, "record.erase", ANNA, record="S-2", by="anna")["done"] is False
    done = asked(staffed, "record.erase", ANNA, **erasing)
    assert (done["done"], done["erasure"]["by"], done["erasure"]["second"]) == (True, "anna", "bela")
    assert places_of(staffed, "S-1") == set()
    with pytest.raises(NotFound):
        asked(staffed, "record.erase", ANNA, **erasing)


@pytest.mark.tm("TM-239")
def test_twin_that_asks_nobody_erases_alone(staffed: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    approved = Approval(1, Subject.ERASE, "", b"", "anna", "", "approved", "bela", "")
    monkeypatch.setattr("node.operations.retention._approval", lambda *_arguments: approved)
    assert asked(staffed, "record.erase", ANNA, record="S-1", by="anna")["done"] is True

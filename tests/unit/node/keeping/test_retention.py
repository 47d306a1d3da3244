"""What is due is deleted, what is not stays, nobody can draw the time out, and the log says what was deleted when."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import LargeBinary, Table, func, select

from node.agreement.terms import moment
from node.keeping import retention
from node.keeping.retention import Retention, RetentionWatch
from node.rounds.book import RoundBook
from node.rounds.conversation import Workshop
from node.rounds.leads import LeadBook
from node.rounds.results import Agreement, Lead, LeadColumns
from node.rounds.states import RoundState
from node.store.schema import (
    charges,
    contacts,
    decoys,
    feedback,
    freezes,
    inbox,
    metadata,
    outbox,
    results,
    reviews,
    rounds,
    signatures,
)
from tests.support.agreements import NGO, POLICE, agreement
from tests.support.stores import SmallNode, small_node

pytestmark = pytest.mark.tm("TM-234")

DAYS = 90
HANDLE = "0123456789abcdef"
GIVEN = (results, reviews, feedback, contacts, decoys)
# Tables that name a round and stay: what was agreed, sent by number and digest, charged, seen of logs, asked of people.
STAYS = {
    "rounds", "signatures", "inbox", "outbox", "carried", "charges", "peer_checkpoints", "exposures", "freezes",
    "cosignatures",
}  # fmt: skip


@dataclass
class Shelf:
    """Stands for the lists on the disk."""

    lists: set[str] = field(default_factory=set)

    def left_behind(self) -> set[str]:
        return set(self.lists)

    def forget(self, round_id: str) -> None:
        self.lists.discard(round_id)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[SmallNode]:
    with small_node(tmp_path / "node") as made:
        yield made


def retention_of(node: SmallNode, shelf: Shelf | None = None) -> Retention:
    workshop = cast(Workshop, shelf or Shelf())
    return Retention(node.store, node.audit, RoundBook(node.store), workshop, node.clock, me=NGO.member_id)


def sealed(node: SmallNode, table: Table, place: str, column: str) -> bytes:
    return node.store.cells.seal(table.name, place, column, b"+40721123456")


def a_round(node: SmallNode, *, title: str = "A round", ended: bool = True) -> str:
    """A round that has given everything that a round can give."""
    book, leads = RoundBook(node.store), LeadBook(node.store)
    manifest = agreement(title=title)
    assert manifest.member(NGO.member_id).retention_days == DAYS
    with node.store.transaction() as tx:
        round_id = book.add(tx, manifest, me=NGO.member_id)
        leads.save(tx, leads.pack(round_id, [LeadColumns.of([Lead("CASE-7", (Agreement("phone", HANDLE),))] * 3)]))
        book.save_count(tx, round_id, 1, 4)
        at = {"round_id": round_id, "at": "2026-01-02T03:04:05Z"}
        tx.execute(reviews.insert().values(number=1, status="confirmed", by="ada", **at))
        tx.execute(feedback.insert().values(handle=HANDLE, direction="sent", status="confirmed", **at))
        card = sealed(node, contacts, f"{round_id}/{HANDLE}/theirs", "body")
        tx.execute(contacts.insert().values(handle=HANDLE, direction="theirs", state="given", body=card, **at))
        tx.execute(decoys.insert().values(round_id=round_id, body=sealed(node, decoys, round_id, "body")))
        frozen = {"member_id": POLICE.member_id, "reason": "tripwire", "frozen_at": at["at"]}
        evidence = sealed(node, freezes, f"{POLICE.member_id}/{round_id}", "evidence")
        tx.execute(freezes.insert().values(round_id=round_id, evidence=evidence, lifted_at=at["at"], **frozen))
        letter = {"round_id": round_id, "sequence": 1, "kind": "CONTACT"}
        payload = sealed(node, inbox, f"{round_id}/{POLICE.member_id}/1", "payload")
        tx.execute(
            inbox.insert().values(sender=POLICE.member_id, digest=b"d", payload=payload, processed=False, **letter)
        )
        envelope = sealed(node, outbox, f"{round_id}/{POLICE.member_id}/1", "envelope")
        tx.execute(outbox.insert().values(recipient=POLICE.member_id, envelope=envelope, acknowledged=False, **letter))
        tx.execute(charges.insert().values(peer=POLICE.member_id, reason="answer", elements=64, **at))
        if ended:
            book.move(tx, round_id, RoundState.CANCELLED)
    return round_id


def given(node: SmallNode, round_id: str) -> dict[str, int]:
    """What there still is of it, by table; contents of envelopes, evidence and the count among it."""
    with node.store.read() as connection:
        found = {
            table.name: connection.execute(
                select(func.count()).select_from(table).where(table.c.round_id == round_id)
            ).scalar_one()
            for table in GIVEN
        }
        for table, column in ((inbox, "payload"), (outbox, "envelope"), (freezes, "evidence")):  # empty: dropped
            cells = connection.execute(select(table.c[column]).where(table.c.round_id == round_id)).scalars()
            found[table.name] = sum(bool(cell) for cell in cells)
        counts = connection.execute(select(rounds.c.count_low).where(rounds.c.round_id == round_id)).scalar()
        found["count"] = counts is not None
    return {name: number for name, number in found.items() if number}


def erased_entries(node: SmallNode) -> list[Any]:
    return [entry for entry in node.audit.entries() if entry.event == "results-erased"]


def test_what_a_round_gave_is_deleted_on_the_day_and_not_a_second_before(node: SmallNode) -> None:
    round_id = a_round(node)
    assert len(given(node, round_id)) == len(GIVEN) + 4
    node.clock.advance(DAYS * 86_400 - 1)
    assert retention_of(node).run() == []
    assert len(given(node, round_id)) == len(GIVEN) + 4
    node.clock.advance(1)
    (deleted,) = retention_of(node).run()
    assert (deleted.leads, deleted.rest, deleted.envelopes) == (3, 4, 2)
    assert given(node, round_id) == {}
    (entry,) = erased_entries(node)
    assert entry.facts == {"round_id": round_id, "hits": 3, "entries": 6}
    assert retention_of(node).run() == []
    assert len(erased_entries(node)) == 1


@pytest.mark.parametrize("left_out", GIVEN, ids=lambda table: str(table.name))
def test_twin_that_forgets_a_table_is_caught(node: SmallNode, monkeypatch: pytest.MonkeyPatch, left_out: Table) -> None:
    monkeypatch.setattr(retention, "_KEPT", tuple(table for table in GIVEN if table is not left_out))
    round_id = a_round(node)
    node.clock.advance(DAYS * 86_400)
    retention_of(node).run()
    assert given(node, round_id) == {left_out.name: given(node, round_id)[left_out.name]}


def test_every_table_that_names_a_round_is_deleted_from_or_known_to_stay() -> None:
    named = {table.name for table in metadata.sorted_tables if "round_id" in table.c}
    assert named == {table.name for table in GIVEN} | STAYS | {signatures.name}
    assert {table.name for table in retention._KEPT} == {table.name for table in GIVEN}
    sealed_columns = {
        (table.name, column.name) for table in GIVEN for column in table.c if isinstance(column.type, LargeBinary)
    }
    assert sealed_columns == {("results", "body"), ("contacts", "body"), ("decoys", "body")}


def test_what_proves_the_round_stays(node: SmallNode) -> None:
    round_id = a_round(node)
    node.clock.advance(DAYS * 86_400)
    retention_of(node).run()
    found = RoundBook(node.store).get(round_id)
    assert (found.manifest, found.state, found.erased_at) == (
        agreement(title="A round"), RoundState.CANCELLED, "2026-04-02T03:04:05Z",
    )  # fmt: skip
    with node.store.read() as connection:
        assert connection.execute(select(inbox.c.digest)).scalars().all() == [b"d"]
        assert connection.execute(select(charges.c.elements)).scalars().all() == [64]
    assert node.audit.verify().ok


def test_a_round_that_is_not_over_keeps_everything(node: SmallNode) -> None:
    round_id = a_round(node, ended=False)
    before = given(node, round_id)
    node.clock.advance(3_650 * 86_400)
    assert retention_of(node).run() == []
    assert retention_of(node).kept() == []
    assert given(node, round_id) == before


def test_a_note_of_the_other_side_does_not_draw_the_time_out(node: SmallNode) -> None:
    round_id = a_round(node)
    until = retention_of(node).kept()[0].until
    node.clock.advance(DAYS * 86_400 - 60)
    with node.store.transaction() as tx:
        RoundBook(node.store).report(tx, round_id, POLICE.member_id, "finished")
    assert retention_of(node).kept()[0].until == until == moment("2026-01-02T03:04:05Z") + timedelta(days=DAYS)


def test_twin_that_counts_from_the_last_change_keeps_too_long(node: SmallNode, monkeypatch: pytest.MonkeyPatch) -> None:
    def from_the_last_change(self: Retention, found: Any) -> Any:
        return moment(found.updated_at) + timedelta(days=DAYS)

    monkeypatch.setattr(Retention, "until", from_the_last_change)
    with pytest.raises(AssertionError):
        test_a_note_of_the_other_side_does_not_draw_the_time_out(node)


def test_what_comes_in_later_goes_at_the_next_look(node: SmallNode) -> None:
    round_id = a_round(node)
    node.clock.advance(DAYS * 86_400)
    retention_of(node).run()
    card = sealed(node, contacts, f"{round_id}/{HANDLE}/theirs", "body")
    with node.store.transaction() as tx:
        late = {"handle": HANDLE, "direction": "theirs", "state": "given", "body": card, "at": "2026-05-01T00:00:00Z"}
        tx.execute(contacts.insert().values(round_id=round_id, **late))
    assert [one.round_id for one in retention_of(node).run()] == [round_id]
    assert given(node, round_id) == {}


def test_each_round_has_its_own_day_and_its_own_entry(node: SmallNode) -> None:
    first = a_round(node)
    node.clock.advance(86_400)
    second = a_round(node, title="A later one")
    node.clock.advance((DAYS - 1) * 86_400)
    assert [one.found.round_id for one in retention_of(node).kept()] == [first, second]
    assert [one.due(node.clock.now()) for one in retention_of(node).kept()] == [True, False]
    assert [one.round_id for one in retention_of(node).run()] == [first]
    assert len(given(node, second)) == len(GIVEN) + 4


def test_evidence_that_nobody_has_looked_at_yet_stays(node: SmallNode) -> None:
    round_id = a_round(node)
    with node.store.transaction() as tx:
        tx.execute(freezes.update().values(lifted_at=None))
    node.clock.advance(DAYS * 86_400)
    retention_of(node).run()
    assert given(node, round_id) == {"freezes": 1}


def test_lists_of_a_round_that_is_over_go_and_those_of_others_stay(node: SmallNode) -> None:
    over, running = a_round(node), a_round(node, title="Another", ended=False)
    shelf = Shelf({over, running, "f" * 32})
    retention_of(node, shelf).run()
    assert shelf.lists == {running, "f" * 32}


def test_the_key_and_the_state_of_a_round_go_with_its_end(node: SmallNode) -> None:
    book = RoundBook(node.store)
    secrets = ("snapshot", "scalar", "decision", "sealing_key")
    round_id = a_round(node, ended=False)
    with node.store.transaction() as tx:
        tx.execute(rounds.update().values({name: sealed(node, rounds, round_id, name) for name in secrets}))
    with node.store.transaction() as tx:
        book.move(tx, round_id, RoundState.FAILED)
    with node.store.read() as connection:
        assert set(connection.execute(select(*(rounds.c[name] for name in secrets))).one()) == {None}


def test_the_log_says_nothing_about_whom(node: SmallNode) -> None:
    a_round(node)
    node.clock.advance(DAYS * 86_400)
    retention_of(node).run()
    (entry,) = erased_entries(node)
    assert "CASE" not in json.dumps(dict(entry.facts))


def test_a_look_that_fails_does_not_end_the_watch() -> None:
    looks = 0

    def run() -> None:
        nonlocal looks
        looks += 1
        raise RuntimeError("anything")

    watch = RetentionWatch(run)
    watch.look()
    watch.look()
    assert looks == 2
    watch.start()
    watch.stop(5.0)
    assert looks == 3

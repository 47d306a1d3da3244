"""Leads in the store: pages, decisions, and what the database file shows of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.errors import NotFound, StateDamaged
from node.rounds.book import RoundBook
from node.rounds.leads import BLOCK_LEADS, LeadBook
from node.rounds.results import Agreement, Lead
from node.store.schema import results
from tests.support.agreements import NGO, POLICE, agreement
from tests.support.stores import SmallNode, small_node

LEADS = [Lead(f"Case Ω-{number}", (Agreement("phone", f"{number:016x}"),)) for number in range(2_500)]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[SmallNode]:
    with small_node(tmp_path / "node") as made:
        yield made


@pytest.fixture
def round_id(node: SmallNode) -> str:
    with node.store.transaction() as tx:
        made = RoundBook(node.store).add(tx, agreement(), me=NGO.member_id)
        book = LeadBook(node.store)
        assert book.save(tx, book.pack(made, iter(LEADS))) == len(LEADS)
    return made


def test_pages_hold_every_lead_once_and_in_order(node: SmallNode, round_id: str) -> None:
    book = LeadBook(node.store)
    assert book.count(round_id) == len(LEADS)
    found = [one for first in range(1, 2_600, 700) for one in book.list(round_id, first=first, limit=700)]
    assert found == [(number, "lead", lead) for number, lead in enumerate(LEADS, start=1)]


@pytest.mark.parametrize("first", [2_501, 1 << 24])
def test_a_page_behind_the_end_is_empty(node: SmallNode, round_id: str, first: int) -> None:
    assert LeadBook(node.store).list(round_id, first=first, limit=5_000) == []


def test_another_round_shares_nothing(node: SmallNode, round_id: str) -> None:
    book = LeadBook(node.store)
    with node.store.transaction() as tx:
        other = RoundBook(node.store).add(tx, agreement(cards=(NGO, POLICE), title="Another"), me=NGO.member_id)
    assert other != round_id
    assert (book.count(other), book.seen_with(other, {1}), book.list(other, first=1, limit=10)) == (0, [], [])


def test_what_is_not_chosen_is_withheld(node: SmallNode, round_id: str) -> None:
    book = LeadBook(node.store)
    chosen = set(range(2, 2_501, 2))
    with node.store.transaction() as tx:
        assert book.mark(tx, round_id, chosen) == len(chosen)
    for number, status, lead in book.list(round_id, first=1, limit=len(LEADS)):
        assert status == ("released" if number in chosen else "withheld"), lead.reference


@pytest.mark.parametrize(("chosen", "status", "count"), [(None, "released", 2_500), (set(), "withheld", 0)])
def test_all_or_none(node: SmallNode, round_id: str, chosen: set[int] | None, status: str, count: int) -> None:
    book = LeadBook(node.store)
    with node.store.transaction() as tx:
        assert book.mark(tx, round_id, chosen) == count
    assert {found for _number, found, _lead in book.list(round_id, first=1, limit=5_000)} == {status}


def test_leads_moved_to_other_numbers_do_not_open(node: SmallNode, round_id: str) -> None:
    with node.store.transaction() as tx:
        tx.execute(results.update().where(results.c.first == 1 + BLOCK_LEADS).values(first=9_000))
    with pytest.raises(StateDamaged):
        LeadBook(node.store).list(round_id, first=9_000, limit=1)


@pytest.mark.parametrize("statuses", ["l" * (BLOCK_LEADS - 1), "l" * (BLOCK_LEADS + 1), "x" * BLOCK_LEADS])
def test_leads_whose_statuses_were_altered_are_not_shown(node: SmallNode, round_id: str, statuses: str) -> None:
    with node.store.transaction() as tx:
        tx.execute(results.update().where(results.c.first == 1).values(statuses=statuses))
    with pytest.raises(StateDamaged):
        LeadBook(node.store).list(round_id, first=1, limit=5)


@pytest.mark.parametrize("prefix", ["", "%", "_", "%%", "zz"])
def test_a_round_is_found_by_the_beginning_of_its_id_only(node: SmallNode, round_id: str, prefix: str) -> None:
    book = RoundBook(node.store)
    assert book.find(round_id[:6].upper()).round_id == round_id
    with pytest.raises(NotFound):
        book.find(prefix)


def test_rows_of_one_reference_are_told_apart_and_shared_identifiers_are_seen(node: SmallNode) -> None:
    book = LeadBook(node.store)
    shared, own = Agreement("phone", "0" * 16), Agreement("phone", "1" * 16)
    leads = [Lead("Case 1", (shared,), (2,)), Lead("Case 1", (shared, own), (1,)), Lead("Case 1", (own,), (2,))]
    with node.store.transaction() as tx:
        made = RoundBook(node.store).add(tx, agreement(), me=NGO.member_id)
        book.save(tx, book.pack(made, leads))
        assert book.mark(tx, made, {1, 9}) == 1
    assert [status for _number, status, _lead in book.list(made, first=1, limit=5)] == ["released", *["withheld"] * 2]
    assert [lead for _number, _status, lead in book.list(made, first=1, limit=5)] == leads
    assert [book.seen_with(made, chosen) for chosen in ({1}, {2}, {3}, {1, 2, 3}, set())] == [[2], [1, 3], [2], [], []]

"""Leads in the store: pages, decisions, and what the database file shows of them."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import NotFound, StateDamaged
from node.rounds.book import RoundBook
from node.rounds.leads import LeadBook, _packed, _unpacked
from node.rounds.results import BLOCK_LEADS, Agreement, Lead, LeadColumns
from node.store.schema import results
from tests.support.agreements import NGO, POLICE, agreement
from tests.support.stores import SmallNode, small_node

LEADS = [Lead(f"Case Ω-{number}", (Agreement("phone", f"{number:016x}"),)) for number in range(2_500)]

# Texts as they stand in files: any alphabet, quotes, backslashes, line ends and nothing at all.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
HANDLES = st.integers(0, 3).map("{:016x}".format)
ANY_LEADS = st.lists(
    st.builds(
        Lead,
        TEXTS,
        st.lists(st.builds(Agreement, st.sampled_from(["phone", "person:name+birth"]), HANDLES), max_size=3).map(tuple),
        st.lists(st.integers(1, 2**24), max_size=3).map(tuple),
        st.just("") | TEXTS,
    ),
    max_size=9,
)


def columns(leads: Sequence[Lead]) -> Iterator[LeadColumns]:
    return (LeadColumns.of(leads[at : at + BLOCK_LEADS]) for at in range(0, len(leads), BLOCK_LEADS))


@pytest.fixture
def node(tmp_path: Path) -> Iterator[SmallNode]:
    with small_node(tmp_path / "node") as made:
        yield made


@pytest.fixture
def round_id(node: SmallNode) -> str:
    with node.store.transaction() as tx:
        made = RoundBook(node.store).add(tx, agreement(), me=NGO.member_id)
        book = LeadBook(node.store)
        assert book.save(tx, book.pack(made, columns(LEADS))) == len(LEADS)
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
        book.save(tx, book.pack(made, columns(leads)))
        assert book.mark(tx, made, {1, 9}) == 1
    assert [status for _number, status, _lead in book.list(made, first=1, limit=5)] == ["released", *["withheld"] * 2]
    assert [lead for _number, _status, lead in book.list(made, first=1, limit=5)] == leads
    assert [book.seen_with(made, chosen) for chosen in ({1}, {2}, {3}, {1, 2, 3}, set())] == [[2], [1, 3], [2], [], []]


def rows_of(leads: Sequence[Lead], *, persons: bool = True) -> bytes:
    """A block as earlier versions wrote it; as 0.1.0 did, without persons."""
    rows = [list(lead) if persons else list(lead[:3]) for lead in leads]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode()


def keep(node: SmallNode, *bodies: tuple[bytes, int]) -> str:
    """A round with these blocks as they are: plaintext, and how many leads it holds."""
    with node.store.transaction() as tx:
        made, first = RoundBook(node.store).add(tx, agreement(), me=NGO.member_id), 1
        for plain, count in bodies:
            sealed = node.store.cells.seal("results", f"{made}/{first}", "body", plain)
            row = {"round_id": made, "first": first, "body": sealed, "statuses": "l" * count}
            tx.execute(results.insert().values(**row, at="2026-01-01T00:00:00Z"))
            first += count
    return made


def plain_of(node: SmallNode, round_id: str) -> list[Any]:
    with node.store.read() as connection:
        rows = connection.execute(results.select().where(results.c.round_id == round_id).order_by(results.c.first))
        cells = node.store.cells
        return [json.loads(cells.unseal("results", f"{round_id}/{row.first}", "body", row.body)) for row in rows]


def reads_back(leads: list[Lead], made: LeadColumns) -> bool:
    try:
        return len(made) == len(leads) and _unpacked(_packed(made)) == leads
    except ValueError:
        return False


@given(ANY_LEADS)
def test_any_leads_are_read_as_they_were_stored(leads: list[Lead]) -> None:
    assert LeadColumns.of(leads).leads() == leads
    assert reads_back(leads, LeadColumns.of(leads))


@given(ANY_LEADS)
def test_any_leads_in_the_rows_of_earlier_versions_are_read(leads: list[Lead]) -> None:
    assert _unpacked(rows_of(leads)) == leads
    assert _unpacked(rows_of(leads, persons=False)) == [lead._replace(person="") for lead in leads]


@pytest.mark.parametrize("lost", ["handles", "counts", "keys", "shares_with", "persons"])
def test_columns_that_lack_one_do_not_give_the_same_leads(lost: str) -> None:
    """The twin of the test of any leads: it sees each of the columns."""
    one, two = Agreement("phone", "0" * 16), Agreement("e-mail", "1" * 16)
    leads = [Lead("A", (one,), (2,), "anna"), Lead('"B"\n', (one, two), (1,)), Lead("", ())]
    made = LeadColumns.of(leads)
    assert reads_back(leads, made)
    assert not reads_back(leads, replace(made, **{lost: type(getattr(made, lost))()}))


def test_what_all_leads_have_in_common_is_stored_once(node: SmallNode, round_id: str) -> None:
    body = plain_of(node, round_id)[0]
    assert (sorted(body), body["keys"]) == (["handles", "keys", "references"], ["phone"])


@pytest.mark.parametrize(
    "body",
    [
        {"references": ["A-1"], "keys": ["phone"], "handles": "0" * 16, "counts": [2]},
        {"references": ["A-1"], "keys": ["phone", "phone"], "handles": "0" * 16},
        {"references": ["A-1"], "keys": ["phone"], "handles": "0" * 16, "persons": ["anna", "bela"]},
        {"references": ["A-1"], "keys": ["phone"], "handles": "0" * 16, "of_a_later_version": []},
    ],
    ids=["counts", "keys", "persons", "another column"],
)
def test_columns_that_do_not_fit_together_are_damage(node: SmallNode, body: dict[str, Any]) -> None:
    made = keep(node, (json.dumps(body).encode(), 1))
    with pytest.raises(StateDamaged):
        LeadBook(node.store).list(made, first=1, limit=1)


@pytest.mark.parametrize("columned", [True, False], ids=["columns", "rows of earlier versions"])
def test_a_lead_is_erased_in_either_form_and_all_others_stay(node: SmallNode, columned: bool) -> None:
    shared, own = Agreement("phone", "0" * 16), Agreement("e-mail", "1" * 16)
    blocks = [
        [Lead("A-1", (shared,), (2,), "anna"), Lead('Ä "2"', (shared, own), (1,))],
        [Lead("A-3", (Agreement("phone", "2" * 16),))],
    ]
    bodies = [(_packed(LeadColumns.of(block)) if columned else rows_of(block), len(block)) for block in blocks]
    made, book = keep(node, *bodies), LeadBook(node.store)
    untouched = plain_of(node, made)[1]
    with node.store.transaction() as tx:
        assert book.erase(tx, frozenset(['Ä "2"'])) == {made: {2: ("1" * 16,)}}
    assert book.list(made, first=1, limit=9) == [
        (1, "lead", Lead("A-1", (shared,), (), "anna")),
        (2, "erased", Lead("", ())),
        (3, "lead", blocks[1][0]),
    ]
    assert plain_of(node, made)[1] == untouched
    assert "Ä" not in json.dumps(plain_of(node, made), ensure_ascii=False)

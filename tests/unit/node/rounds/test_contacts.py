"""Which contacts recur over a node's own records, and over how many people."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.rounds import contacts
from node.rounds.book import RoundBook
from node.rounds.contacts import Contact, recurring_contacts
from node.rounds.leads import LeadBook
from node.rounds.results import Agreement, Lead, LeadColumns
from tests.support.agreements import NGO, agreement
from tests.support.stores import SmallNode, small_node

SHARED, HOME, ALONE, PERSON = (f"{number:016x}" for number in (2**64 - 1, 7, 8, 9))


@pytest.fixture
def node(tmp_path: Path) -> Iterator[SmallNode]:
    with small_node(tmp_path / "node") as made:
        yield made


def round_with(node: SmallNode, *leads: Lead) -> str:
    with node.store.transaction() as tx:
        made = RoundBook(node.store).add(tx, agreement(), me=NGO.member_id)
        book = LeadBook(node.store)
        book.save(tx, book.pack(made, [LeadColumns.of(leads)] if leads else []))
    return made


def lead(reference: str, person: str, *handles: str, key: str = "phone") -> Lead:
    return Lead(reference, tuple(Agreement(key, handle) for handle in handles), (), person)


def test_one_number_over_different_people(node: SmallNode) -> None:
    round_id = round_with(
        node,
        lead("A-1", "anna", SHARED, ALONE),
        lead("A-2", "olga", SHARED, HOME),
        lead("A-2", "olga", SHARED),
        lead("A-3", "", SHARED, HOME),
    )
    assert recurring_contacts(LeadBook(node.store), round_id) == [
        Contact("phone", SHARED, records=4, references=3, people=2),
        Contact("phone", HOME, records=2, references=2, people=1),
    ]


def test_what_stands_once_does_not_recur(node: SmallNode) -> None:
    round_id = round_with(node, lead("A-1", "anna", ALONE), lead("A-2", "olga", HOME))
    assert recurring_contacts(LeadBook(node.store), round_id) == []
    assert recurring_contacts(LeadBook(node.store), round_with(node)) == []


def test_sharing_a_match_key_of_persons_is_no_contact(node: SmallNode) -> None:
    round_id = round_with(
        node, *(lead(f"A-{number}", f"{number}", PERSON, key="person:birth_date+name+name") for number in range(3))
    )
    assert recurring_contacts(LeadBook(node.store), round_id) == []


def test_sharing_a_variant_is_no_contact(node: SmallNode) -> None:
    """Records that share one hold different numbers."""
    round_id = round_with(node, *(lead(f"A-{number}", f"{number}", HOME, key="phone:near") for number in range(3)))
    assert recurring_contacts(LeadBook(node.store), round_id) == []


def test_the_longest_list_is_that_of_the_most_records(node: SmallNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contacts, "MOST_CONTACTS", 1)
    round_id = round_with(node, *(lead(f"A-{n}", "", SHARED, *([HOME] if n else [])) for n in range(3)))
    assert [one.handle for one in recurring_contacts(LeadBook(node.store), round_id)] == [SHARED]


def test_leads_of_the_first_version_name_nobody(node: SmallNode) -> None:
    round_id = round_with(node, Lead("A-1", (Agreement("phone", SHARED),)), Lead("A-2", (Agreement("phone", SHARED),)))
    assert [one.people for one in recurring_contacts(LeadBook(node.store), round_id)] == [0]

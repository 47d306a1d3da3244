"""A member takes part in rounds about children only where two people said so, of exactly the card that it has."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from node.errors import NotAllowed, StateDamaged, UserError
from node.identity import members as module
from node.identity.members import Member
from node.operations.policies import children_approved, children_digest
from node.staff import Approvals, Roster, Subject
from node.store.schema import members
from tests.support.offices import Office, office


@pytest.fixture
def us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    with office(tmp_path / "us", "Harbour House") as here, office(tmp_path / "them", "Politie Noord") as them:
        here.trust(them)
        yield here


def the_member(us: Office) -> Member:
    return us.book.list()[0]


def approvals(us: Office) -> Approvals:
    made = Approvals(us.store, us.audit, us.clock, Roster(us.store, us.audit, us.clock, lambda count: b"r" * count))
    made.when(Subject.CHILDREN_MEMBER, lambda tx, approval: children_approved(us.book, tx, approval))
    return made


@pytest.mark.tm("TM-195")
def test_one_person_is_not_enough_and_both_are_in_the_log(us: Office) -> None:
    asked, member = approvals(us), the_member(us)
    digest = children_digest(member)
    with us.store.transaction() as tx:
        asked.ask(tx, Subject.CHILDREN_MEMBER, member.member_id, digest, "Ada")
    assert not the_member(us).children
    with pytest.raises(NotAllowed), us.store.transaction() as tx:
        asked.approve(tx, Subject.CHILDREN_MEMBER, member.member_id, digest, "ada")
    assert not the_member(us).children
    with us.store.transaction() as tx:
        asked.approve(tx, Subject.CHILDREN_MEMBER, member.member_id, digest, "Ben")
    assert the_member(us).children
    assert us.events("member-children-set") == [{"member": member.member_id, "ok": True, "by": "Ada", "second": "Ben"}]


@pytest.mark.tm("TM-195")
def test_approved_is_that_card_and_no_other(us: Office) -> None:
    asked, member = approvals(us), the_member(us)
    with us.store.transaction() as tx:
        asked.ask(tx, Subject.CHILDREN_MEMBER, member.member_id, b"d" * 32, "Ada")
    with pytest.raises(UserError, match="another card"), us.store.transaction() as tx:
        asked.approve(tx, Subject.CHILDREN_MEMBER, member.member_id, b"d" * 32, "Ben")
    assert not the_member(us).children


def marked_in_the_database(us: Office) -> bool:
    with us.store.transaction() as tx:
        tx.execute(update(members).values(children=True))
    return the_member(us).children


@pytest.mark.tm("TM-195")
def test_who_writes_into_the_database_without_a_key_marks_nobody(us: Office) -> None:
    with pytest.raises(StateDamaged, match="outside the program"):
        marked_in_the_database(us)


@pytest.mark.tm("TM-195")
def test_twin_where_the_mark_is_not_sealed_the_database_decides(us: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    real = module._standing
    monkeypatch.setattr(module, "_standing", lambda columns: real({**columns, "children": None}))
    assert marked_in_the_database(us)

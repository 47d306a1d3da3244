"""Four eyes: what one person asked for, and who may say yes to it."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import Connection

from node.errors import NodeError, NotAllowed, NotFound, StateDamaged, UserError
from node.staff import Approval, Approvals, Role, Subject
from node.staff import approvals as module
from node.store.schema import approvals as table
from node.store.schema import audit_entries
from tests.support.stores import SmallNode, small_node

ROUND, OTHER = "0" * 32, "1" * 32
DIGEST, CHANGED = b"\1" * 32, b"\2" * 32


@dataclass
class Holders:
    """Whom the roster knows, as (label, role); None: nobody is registered."""

    known: set[tuple[str, Role]] | None = None

    def demand(self, _tx: Connection, label: str, role: Role) -> None:
        if self.known is not None and (label, role) not in self.known:
            raise NotAllowed("Not that role.", advice="Ask a colleague.")


@dataclass
class Desk:
    node: SmallNode
    holders: Holders
    book: Approvals

    def ask(self, by: str, digest: bytes = DIGEST, subject: Subject = Subject.ROUND_SIGN) -> Approval:
        with self.node.store.transaction() as tx:
            return self.book.ask(tx, subject, ROUND, digest, by)

    def override(self, by: str) -> Approval:
        with self.node.store.transaction() as tx:
            return self.book.override(tx, Subject.ROUND_SIGN, ROUND, DIGEST, by)

    def approve(
        self, by: str, digest: bytes = DIGEST, subject: Subject = Subject.ROUND_SIGN, role: Role | None = None
    ) -> Approval:
        with self.node.store.transaction() as tx:
            return self.book.approve(tx, subject, ROUND, digest, by, role=role)

    def decline(self, by: str) -> Approval:
        with self.node.store.transaction() as tx:
            return self.book.decline(tx, Subject.ROUND_SIGN, ROUND, DIGEST, by)

    def approved(self, digest: bytes = DIGEST) -> bool:
        return self.book.approved(Subject.ROUND_SIGN, ROUND, digest) is not None

    def log(self) -> list[tuple[str, str]]:
        return [(entry.event.value, str(entry.facts["by"])) for entry in self.node.audit.entries()]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallNode]:
    with small_node(tmp_path_factory.mktemp("approvals") / "state") as node:
        yield node


@pytest.fixture
def desk(node: SmallNode) -> Desk:
    with node.store.transaction() as tx:
        tx.execute(table.delete())
        tx.execute(audit_entries.delete())
    holders = Holders()
    return Desk(node, holders, Approvals(node.store, node.audit, node.clock, holders))


@pytest.mark.tm("TM-183")
@pytest.mark.parametrize("same", ["anna", "Anna", "ANNA"])
def test_whoever_asked_is_not_the_second_person(desk: Desk, same: str) -> None:
    desk.ask("anna")
    with pytest.raises(NotAllowed, match="somebody else"):
        desk.approve(same)
    assert not desk.approved()
    desk.approve("bela")
    assert desk.approved()
    assert desk.log() == [("approval-asked", "anna"), ("approval-given", "bela")]


@pytest.mark.tm("TM-183")
def test_sabotaged_labels_that_are_never_the_same_make_one_person_enough(desk: Desk) -> None:
    """The twin of the test above: with the comparison taken out, anna approves what anna asked for."""

    class NeverTheSame(str):
        __slots__ = ()

        def casefold(self) -> str:
            return str(id(self))

    desk.ask("anna")
    desk.approve(NeverTheSame("anna"))
    assert desk.approved()


@pytest.mark.tm("TM-183")
def test_what_changed_since_is_not_approved(desk: Desk) -> None:
    desk.ask("anna")
    with pytest.raises(NotFound, match="changed since"):
        desk.approve("bela", CHANGED)
    desk.ask("anna", CHANGED)
    with pytest.raises(NotFound):
        desk.approve("bela", DIGEST)
    desk.approve("bela", CHANGED)
    assert desk.approved(CHANGED)
    assert not desk.approved(DIGEST)


def test_nothing_is_approved_that_nobody_asked_for(desk: Desk) -> None:
    with pytest.raises(NotFound):
        desk.approve("bela")
    desk.ask("anna")
    desk.approve("bela")
    with pytest.raises(NotFound):
        desk.approve("bela")
    with pytest.raises(NotFound):
        desk.decline("carl")


def test_the_same_wish_waits_once(desk: Desk) -> None:
    desk.ask("anna")
    with pytest.raises(UserError, match="anna has asked for this already"):
        desk.ask("carl")
    assert [one.asked_by for one in desk.book.waiting()] == ["anna"]


@pytest.mark.parametrize("decider", ["bela", "anna"])
def test_a_declined_wish_can_be_made_again(desk: Desk, decider: str) -> None:
    desk.ask("anna")
    desk.decline(decider)
    assert (desk.book.waiting(), desk.approved()) == ([], False)
    desk.ask("anna")
    desk.approve("bela")
    assert desk.approved()


@pytest.mark.tm("TM-184")
def test_what_was_urgent_stands_as_overdue_until_somebody_else_has_looked(desk: Desk) -> None:
    line = desk.override("anna")
    assert line.overdue
    assert desk.log() == [("approval-overridden", "anna")]
    for decide in (desk.approve, desk.decline):
        with pytest.raises(NotAllowed):
            decide("Anna")
    assert [one.overdue for one in desk.book.waiting()] == [True]
    desk.approve("bela")
    assert desk.book.waiting() == []
    (line,) = desk.book.history(Subject.ROUND_SIGN, ROUND)
    assert (line.asked_by, line.verdict, line.decided_by) == ("anna", "approved", "bela")


def test_what_follows_happens_with_the_approval_or_neither_does(desk: Desk) -> None:
    done: list[str] = []
    desk.book.when(Subject.GRANT, lambda _tx, line: done.append(str(line.decided_by)))
    desk.ask("anna", subject=Subject.GRANT)
    desk.approve("bela", subject=Subject.GRANT)
    assert done == ["bela"]

    def refuses(_tx: Connection, _line: Approval) -> None:
        raise UserError("No.", advice="Not now.")

    desk.book.when(Subject.GRANT, refuses)
    desk.ask("anna", CHANGED, Subject.GRANT)
    with pytest.raises(UserError):
        desk.approve("bela", CHANGED, Subject.GRANT)
    assert desk.book.approved(Subject.GRANT, ROUND, CHANGED) is None
    assert desk.log()[-1] == ("approval-asked", "anna")


def test_what_was_urgent_is_not_done_twice_by_the_approval_afterwards(desk: Desk) -> None:
    done: list[int] = []
    desk.book.when(Subject.ROUND_SIGN, lambda _tx, line: done.append(line.number))
    desk.override("anna")
    desk.approve("bela")
    assert done == []


@pytest.mark.tm("TM-185")
@pytest.mark.parametrize(
    ("subject", "role", "wanted"),
    [
        (Subject.ROUND_SIGN, None, Role.APPROVER),
        (Subject.ROUND_SIGN, Role.CHILDREN, Role.CHILDREN),
        (Subject.CHILDREN_MEMBER, None, Role.CHILDREN),
        (Subject.GRANT, None, Role.APPROVER),
    ],
)
def test_where_staff_is_registered_the_second_person_needs_the_role(
    desk: Desk, subject: Subject, role: Role | None, wanted: Role
) -> None:
    desk.holders.known = {("bela", role) for role in Role if role is not wanted} | {("dora", wanted)}
    with desk.node.store.transaction() as tx:
        desk.book.ask(tx, subject, "a" * 32, DIGEST, "anna")
    with pytest.raises(NotAllowed), desk.node.store.transaction() as tx:
        desk.book.approve(tx, subject, "a" * 32, DIGEST, "bela", role=role)
    with desk.node.store.transaction() as tx:
        assert desk.book.approve(tx, subject, "a" * 32, DIGEST, "dora", role=role).decided_by == "dora"


FORGERIES = {
    "approved by a colleague": {"verdict": "approved", "decided_by": "bela", "decided_at": "2026-01-02T03:04:05Z"},
    "asked by a colleague": {"asked_by": "bela"},
    "of another digest": {"digest": CHANGED},
    "about another round": {"subject_id": OTHER},
    "about something else": {"subject": "grant"},
    "no seal": {"seal": b""},
}


@pytest.mark.tm("TM-188")
@pytest.mark.parametrize("forged", FORGERIES.values(), ids=FORGERIES.keys())
def test_whoever_writes_into_the_database_without_a_key_approves_nothing(desk: Desk, forged: dict[str, object]) -> None:
    line = desk.ask("anna")
    with desk.node.store.transaction() as tx:
        tx.execute(table.update().values(**forged))
    with pytest.raises(StateDamaged):
        desk.book.waiting() or desk.book.numbered(line.number)


@pytest.mark.tm("TM-188")
def test_sabotaged_without_the_seal_a_forged_approval_counts(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin of the test above: what is read is believed."""
    desk.ask("anna")
    with desk.node.store.transaction() as tx:
        tx.execute(table.update().values(FORGERIES["approved by a colleague"]))
    monkeypatch.setattr(module, "_content", lambda _line: b"anything")
    monkeypatch.setattr(desk.node.store.cells, "unseal", lambda *_place: b"anything")
    assert desk.approved()


def test_the_log_names_the_round_and_the_digest_and_nothing_else(desk: Desk) -> None:
    desk.ask("anna")
    (entry,) = desk.node.audit.entries()
    assert entry.facts == {"by": "anna", "kind": "round-sign", "round_id": ROUND, "digest": DIGEST.hex()}


def test_a_label_that_cannot_be_one_asks_for_nothing(desk: Desk) -> None:
    with pytest.raises(NodeError):
        desk.ask("0049 30 901820")
    assert desk.book.waiting() == []

"""Who may act: registered people, their roles, their own passphrases, and what happens to wrong ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from node.errors import Busy, NotAllowed, NotFound, StateDamaged, UserError
from node.staff import Approval, OwnPassphraseNeeded, Person, Role, Roster, Subject
from node.staff import roster as module
from node.staff.roster import FIRST_WAIT_SECONDS, FREE_TRIES, LONGEST_WAIT_SECONDS, SIGN_IN_MINUTES
from node.store.schema import audit_entries, staff
from tests.support.stores import CHEAP, SmallNode, secret, small_node

ANNA, BELA, WRONG = b"anna has a long one", b"bela has another one", b"guessed, and not right"


@dataclass
class Desk:
    node: SmallNode
    roster: Roster

    def add(self, label: str, *roles: Role, passphrase: bytes = ANNA, by: str = "anna") -> Person:
        with self.node.store.transaction() as tx, secret(passphrase) as own:
            return self.roster.add(tx, label, frozenset(roles), own, by)

    def remove(self, label: str, by: str = "anna") -> Person:
        with self.node.store.transaction() as tx:
            return self.roster.remove(tx, label, by)

    def activate(self, label: str, digest: bytes | None = None) -> None:
        digest = digest or self.roster.digest(self.roster.named(label))
        line = Approval(1, Subject.STAFF, label, digest, "anna", "2026-01-02T03:04:05Z", "approved", "bela")
        with self.node.store.transaction() as tx:
            self.roster.approved(tx, line)

    def admit(self, label: str, passphrase: bytes | None = ANNA, role: Role | None = Role.OPERATOR) -> None:
        if passphrase is None:
            self.roster.admit(label, role, None)
            return
        with secret(passphrase) as own:
            self.roster.admit(label, role, own)

    def log(self, *events: str) -> list[tuple[str, Any]]:
        return [
            (entry.event.value, entry.facts.get("by", entry.facts.get("reason")))
            for entry in self.node.audit.entries()
            if entry.event.value in events
        ]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallNode]:
    with small_node(tmp_path_factory.mktemp("roster") / "state") as node:
        yield node


@pytest.fixture
def desk(node: SmallNode) -> Desk:
    with node.store.transaction() as tx:
        tx.execute(staff.delete())
        tx.execute(audit_entries.delete())
    return Desk(node, Roster(node.store, node.audit, node.clock, _bytes, cost=CHEAP))


def _bytes(count: int) -> bytes:
    return bytes(range(count))


@pytest.fixture
def staffed(desk: Desk) -> Desk:
    desk.add("anna", Role.APPROVER, Role.OPERATOR)
    return desk


def test_while_nobody_is_registered_a_label_is_taken_as_said(desk: Desk) -> None:
    assert desk.roster.open
    desk.admit("whoever", None)
    assert list(desk.node.audit.entries()) == []


@pytest.mark.tm("TM-185")
def test_once_somebody_is_registered_nobody_else_acts(staffed: Desk) -> None:
    assert not staffed.roster.open
    with pytest.raises(NotAllowed, match="Nobody who may act"):
        staffed.admit("whoever")
    with pytest.raises(OwnPassphraseNeeded):
        staffed.admit("anna", None)
    with pytest.raises(NotAllowed, match="not the passphrase"):
        staffed.admit("anna", WRONG)
    staffed.admit("anna")
    staffed.admit("ANNA")


@pytest.mark.tm("TM-185")
def test_sabotaged_a_check_that_always_passes_lets_a_stranger_in(
    staffed: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: without the comparison the wrong passphrase is as good as the right one."""
    monkeypatch.setattr(module, "passes", lambda *_: True)
    staffed.admit("anna", WRONG)


@pytest.mark.tm("TM-185")
@pytest.mark.parametrize("role", [Role.REVIEWER, Role.CHILDREN])
def test_a_role_that_somebody_does_not_have_is_not_theirs(staffed: Desk, role: Role) -> None:
    with pytest.raises(NotAllowed, match=f"with the role {role.value}"):
        staffed.admit("anna", role=role)
    with pytest.raises(NotAllowed), staffed.node.store.transaction() as tx:
        staffed.roster.demand(tx, "anna", role)
    staffed.admit("anna", role=None)
    assert staffed.log("staff-refused") == [("staff-refused", "anna")]


@pytest.mark.tm("TM-185")
def test_who_was_removed_does_not_act_and_can_be_registered_again(staffed: Desk) -> None:
    staffed.add("bela", Role.APPROVER, passphrase=BELA)
    staffed.remove("Bela")
    with pytest.raises(NotAllowed, match="Nobody who may act"):
        staffed.admit("bela", BELA, Role.APPROVER)
    with pytest.raises(UserError, match="already"):
        staffed.remove("bela")
    staffed.add("bela", Role.REVIEWER, passphrase=WRONG)
    with pytest.raises(NotAllowed, match="not the passphrase"):
        staffed.admit("bela", BELA, Role.REVIEWER)
    staffed.admit("bela", WRONG, Role.REVIEWER)


@pytest.mark.tm("TM-186")
def test_wrong_passphrases_have_to_wait_longer_each_time(staffed: Desk) -> None:
    for _ in range(FREE_TRIES):
        with pytest.raises(NotAllowed, match="not the passphrase"):
            staffed.admit("anna", WRONG)
    waits, ran = [], 0
    for _ in range(10):
        ran += 1
        with pytest.raises(Busy, match="the next try is possible in"):
            staffed.admit("anna")  # the right one has to wait too: nobody learns that it is right
        low = next(wait for wait in range(1, LONGEST_WAIT_SECONDS + 2) if _admits_after(staffed, wait))
        waits.append(low)
        with pytest.raises(NotAllowed, match="not the passphrase"):
            staffed.admit("anna", WRONG)
    assert waits == [min(FIRST_WAIT_SECONDS * 2**step, LONGEST_WAIT_SECONDS) for step in range(10)]
    assert ran == 10
    assert len(staffed.log("staff-refused")) == FREE_TRIES + 10


def _admits_after(desk: Desk, seconds: int) -> bool:
    """Whether a try is looked at that many seconds after the last wrong one; time stays there if it is."""
    row = desk.roster._row("anna")
    before = desk.node.clock.now()
    desk.node.clock.advance(seconds)
    try:
        desk.roster._check_wait(row)
    except Busy:
        desk.node.clock.advance((before - desk.node.clock.now()).total_seconds())
        return False
    return True


@pytest.mark.tm("TM-186")
def test_a_restart_forgets_no_wrong_passphrase(staffed: Desk) -> None:
    for _ in range(FREE_TRIES):
        with pytest.raises(NotAllowed):
            staffed.admit("anna", WRONG)
    again = Desk(staffed.node, Roster(staffed.node.store, staffed.node.audit, staffed.node.clock, _bytes, cost=CHEAP))
    with pytest.raises(Busy):
        again.admit("anna")


@pytest.mark.tm("TM-186")
def test_sabotaged_without_the_count_guessing_never_waits(staffed: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: the same wrong passphrases, and the wait taken out."""
    monkeypatch.setattr(Roster, "_check_wait", lambda *_: None)
    for _ in range(FREE_TRIES + 5):
        with pytest.raises(NotAllowed, match="not the passphrase"):
            staffed.admit("anna", WRONG)
    staffed.admit("anna")


@pytest.mark.tm("TM-186")
def test_a_clock_that_was_set_back_neither_frees_nor_locks_for_long(staffed: Desk) -> None:
    for _ in range(FREE_TRIES):
        with pytest.raises(NotAllowed):
            staffed.admit("anna", WRONG)
    staffed.node.clock.advance(-30 * 24 * 3600)
    with pytest.raises(Busy, match=f"in {FIRST_WAIT_SECONDS} seconds"):
        staffed.admit("anna")
    staffed.node.clock.advance(30 * 24 * 3600 + FIRST_WAIT_SECONDS)
    staffed.admit("anna")


@pytest.mark.tm("TM-186")
def test_the_right_one_ends_the_waiting(staffed: Desk) -> None:
    for _ in range(FREE_TRIES):
        with pytest.raises(NotAllowed):
            staffed.admit("anna", WRONG)
    staffed.node.clock.advance(FIRST_WAIT_SECONDS)
    staffed.admit("anna")
    for _ in range(FREE_TRIES):
        with pytest.raises(NotAllowed, match="not the passphrase"):
            staffed.admit("anna", WRONG)


@pytest.mark.tm("TM-186")
def test_a_sign_in_is_logged_once_in_a_quarter_of_an_hour(staffed: Desk) -> None:
    for minutes in (0, 1, SIGN_IN_MINUTES - 2, 1, 1):
        staffed.node.clock.advance(60 * minutes)
        staffed.admit("anna")
    assert staffed.log("staff-signed-in") == [("staff-signed-in", "anna")] * 2


def test_a_label_that_nobody_has_does_not_come_into_the_log(staffed: Desk) -> None:
    with pytest.raises(NotAllowed):
        staffed.admit("mihaela")
    assert staffed.log("staff-refused") == [("staff-refused", "unknown")]


def test_the_first_person_is_an_approver(desk: Desk) -> None:
    with pytest.raises(UserError, match="has to be an approver"):
        desk.add("anna", Role.OPERATOR)
    assert desk.roster.open


@pytest.mark.tm("TM-188")
def test_beside_another_approver_nobody_registers_somebody_alone(staffed: Desk) -> None:
    assert staffed.add("bela", Role.APPROVER, passphrase=BELA).state == "active"  # nobody else could have approved
    assert staffed.add("mallory", Role.APPROVER, passphrase=WRONG).state == "waiting"
    with pytest.raises(NotAllowed, match="Nobody who may act"):
        staffed.admit("mallory", WRONG, Role.APPROVER)
    staffed.activate("mallory")
    staffed.admit("mallory", WRONG, Role.APPROVER)


@pytest.mark.tm("TM-188")
def test_what_is_approved_is_exactly_this_registration(staffed: Desk) -> None:
    staffed.add("bela", Role.APPROVER, passphrase=BELA)
    first = staffed.roster.digest(staffed.add("dora", Role.REVIEWER, passphrase=WRONG))
    staffed.remove("dora")
    staffed.node.clock.advance(1)
    again = staffed.roster.digest(staffed.add("dora", Role.REVIEWER, Role.CHILDREN, passphrase=WRONG))
    assert (first == again, len(first)) == (False, 32)
    with pytest.raises(UserError, match="has changed since"):
        staffed.activate("dora", first)
    assert staffed.roster.named("dora").state == "waiting"
    staffed.activate("dora", again)
    with pytest.raises(UserError, match="has changed since"):
        staffed.activate("dora", again)


def test_the_only_approver_stays(staffed: Desk) -> None:
    with pytest.raises(UserError, match="only approver"):
        staffed.remove("anna")
    staffed.add("bela", Role.APPROVER, passphrase=BELA)
    staffed.remove("anna", by="bela")
    with pytest.raises(UserError, match="only approver"):
        staffed.remove("bela", by="bela")


@pytest.mark.parametrize("label", ["", "0049 30 901820", "anna 19991231", "-anna", "x" * 80])
def test_a_label_that_the_log_cannot_hold_registers_nobody(desk: Desk, label: str) -> None:
    with pytest.raises(UserError):
        desk.add(label, Role.APPROVER)
    assert desk.roster.open


def test_a_label_is_taken_once_whatever_its_letters(staffed: Desk) -> None:
    with pytest.raises(UserError, match="registered already"):
        staffed.add("Anna", Role.REVIEWER)
    with pytest.raises(UserError, match="too short"):
        staffed.add("bela", Role.REVIEWER, passphrase=b"short")
    with pytest.raises(NotFound):
        staffed.roster.named("bela")


def test_another_passphrase_takes_the_place_of_the_old_one(staffed: Desk) -> None:
    with staffed.node.store.transaction() as tx, secret(BELA) as new:
        staffed.roster.change_passphrase(tx, "anna", new)
    with pytest.raises(NotAllowed):
        staffed.admit("anna", ANNA)
    staffed.admit("anna", BELA)


FORGERIES: dict[str, dict[str, Any]] = {
    "another role": {"roles": "approver,children,operator,reviewer"},
    "active again": {"state": "active", "removed_at": None},
    "another label": {"label": "mallory"},
    "another verifier": {"verifier": b""},
    "registered by somebody else": {"added_by": "dora"},
}


@pytest.mark.tm("TM-188")
@pytest.mark.parametrize("forged", FORGERIES.values(), ids=FORGERIES.keys())
def test_whoever_writes_into_the_database_without_a_key_registers_nobody(staffed: Desk, forged: dict[str, Any]) -> None:
    staffed.add("bela", Role.REVIEWER, passphrase=BELA)
    staffed.remove("bela")
    with staffed.node.store.transaction() as tx:
        tx.execute(staff.update().where(staff.c.label == "bela").values(**forged))
    with pytest.raises(StateDamaged):
        staffed.roster.people()


@pytest.mark.tm("TM-188")
def test_sabotaged_without_the_seal_a_forged_role_counts(staffed: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: what stands in the columns is believed."""
    with staffed.node.store.transaction() as tx:
        tx.execute(staff.update().values(roles="children"))
    monkeypatch.setattr(module, "_standing", lambda _person: None)
    monkeypatch.setattr(Roster, "_sealed", lambda *_: {"standing": None, "check": {}})
    assert staffed.roster.named("anna").roles == {Role.CHILDREN}


def test_no_passphrase_stands_in_the_database_or_the_log(staffed: Desk) -> None:
    staffed.admit("anna")
    stored = b"".join(path.read_bytes() for path in staffed.node.state.path.rglob("*") if path.is_file())
    assert b"anna" in stored
    assert ANNA not in stored
    assert ANNA.decode() not in repr(list(staffed.node.audit.entries()))

"""Grants and limits that take two people: what counts, what does not, and what each means in years."""

import contextlib
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text, update

from node.clock import ManualClock
from node.errors import NotAllowed, NotFound, RefusedByPolicy, UserError
from node.policy import Budget, Limits
from node.policy.budgets import SETTINGS_ID, BudgetSpent
from node.policy.grants import LONGEST_GRANT_DAYS, MOST_GRANTED, Grant, GrantBook
from node.policy.limits import APPROVAL_FLOOR_YEARS
from node.staff import Approvals, Subject
from node.store import KeyRing, Store
from node.store.schema import grants
from tests.support.agreements import NOW, seeded

DAY = 86_400
CAP = 10**9
UNTIL = date(2026, 3, 31)
SMALL = Limits(elements_per_peer=1_000, elements_in_all=1_500, days=10)
LARGE = Limits(10**6, 10**7, 30)


class Log:
    """What is asked of the audit log here: nothing but to be there."""

    def append(self, *_: object, **__: object) -> int:
        return 0


class Anybody:
    def demand(self, *_: object) -> None: ...


class Bench:
    def __init__(self, folder: Path, limits: Limits) -> None:
        self.clock = ManualClock(NOW)
        keys = KeyRing.create(folder / "key", None, seeded("keys"))
        self.store = Store.open(f"sqlite:///{folder / 'db'}", keys, clock=self.clock)
        self.approvals = Approvals(self.store, Log(), self.clock, Anybody())
        self.grants = GrantBook(self.store, self.approvals)
        self.budget = Budget(self.store, self.clock, limits, self.approvals)
        self._numbers = iter(range(10**6))

    def ask(self, elements: int, peer: str = "p", until: date = UNTIL, by: str = "anna") -> Grant:
        grant_id = f"{next(self._numbers):032x}"
        with self.store.transaction() as tx:
            self.grants.ask(tx, grant_id, peer, elements, until, by=by, now=self.clock.now())
        return self.grants.find(grant_id)

    def approve(self, grant: Grant, by: str = "bela") -> Grant:
        asked = self.approvals.latest(Subject.GRANT, grant.grant_id)
        assert asked is not None
        with self.store.transaction() as tx:
            self.approvals.approve(tx, Subject.GRANT, grant.grant_id, asked.digest, by)
        return self.grants.find(grant.grant_id)

    def granted(self, elements: int, peer: str = "p", until: date = UNTIL) -> Grant:
        return self.approve(self.ask(elements, peer, until))

    def charge(self, elements: int, round_id: str, peer: str = "p") -> None:
        with self.store.transaction() as tx:
            assert self.budget.charge(tx, peer, round_id, "list", elements, cap=CAP)

    def approve_settings(self, digest: bytes, *people: str) -> None:
        with self.store.transaction() as tx:
            self.approvals.ask(tx, Subject.BUDGET_SETTINGS, SETTINGS_ID, digest, people[0])
        for second in people[1:]:
            with self.store.transaction() as tx:
                self.approvals.approve(tx, Subject.BUDGET_SETTINGS, SETTINGS_ID, digest, second)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, SMALL)
    with contextlib.closing(made.store):
        yield made


@pytest.mark.tm("TM-199")
def test_a_grant_counts_only_once_another_person_approved_it(bench: Bench) -> None:
    asked = bench.ask(500)
    assert bench.budget.remaining("p") == 1_000
    with pytest.raises(RefusedByPolicy):
        bench.charge(1_200, "r")
    with pytest.raises(NotAllowed, match="somebody else"):
        bench.approve(asked, by="Anna")
    assert bench.budget.remaining("p") == 1_000
    bench.approve(asked)
    assert (bench.budget.remaining("p"), bench.budget.allowance("p")) == (1_500, 1_500)
    assert bench.budget.remaining("q") == 1_000
    bench.charge(1_200, "r")


@pytest.mark.tm("TM-198")
def test_a_grant_is_a_pot_and_is_used_to_the_last_element_and_not_one_more(bench: Bench) -> None:
    grant = bench.granted(500)
    bench.charge(1_499, "first")
    assert bench.grants.find(grant.grant_id).left == 1
    with pytest.raises(RefusedByPolicy, match=r"0 of 1,000 elements left and 1 granted"):
        bench.charge(2, "more")
    bench.charge(1, "last")
    bench.clock.advance(11 * DAY)
    # The window is over: the ordinary budget is there again, the grant is not.
    assert bench.budget.remaining("p") == 1_000
    assert [state for _, state in bench.budget.grants_of("p")] == ["used up"]


def test_the_ordinary_budget_is_used_first_and_what_a_grant_paid_does_not_count_in_it(bench: Bench) -> None:
    grant = bench.granted(2_000)
    bench.charge(900, "a")
    assert bench.grants.find(grant.grant_id).used == 0
    bench.charge(1_100, "b")
    assert bench.grants.find(grant.grant_id).used == 1_000
    assert (bench.budget.spent("p"), bench.budget.spent(None)) == (1_000, 1_000)
    assert bench.budget.remaining("q") == 500, "what all may have is not used up by a grant of one"


def test_several_grants_pay_in_the_order_in_which_they_end(bench: Bench) -> None:
    late, early = bench.granted(100), bench.granted(100, until=UNTIL - timedelta(days=9))
    bench.charge(1_150, "r")
    assert (bench.grants.find(early.grant_id).used, bench.grants.find(late.grant_id).used) == (100, 50)


def test_all_members_together_may_have_a_grant_of_one_on_top(bench: Bench) -> None:
    bench.charge(900, "a", "q")
    bench.granted(700)
    assert bench.budget.remaining("p") == 600 + 700
    bench.charge(1_300, "b")
    with pytest.raises(BudgetSpent, match="all members together"):
        bench.charge(1, "c", "q")


@pytest.mark.tm("TM-198")
def test_after_its_day_a_grant_is_over_and_setting_the_clock_back_does_not_bring_it_back(bench: Bench) -> None:
    bench.granted(500, until=date(2026, 3, 2))
    bench.clock.advance(2 * DAY)
    bench.charge(10, "a")  # the node has seen this day
    bench.clock.advance(-2 * DAY)
    assert bench.budget.remaining("p") == 990
    with pytest.raises(RefusedByPolicy):
        bench.charge(991, "b")


@pytest.mark.tm("TM-199")
def test_a_revoked_grant_pays_nothing_more(bench: Bench) -> None:
    grant = bench.granted(500)
    bench.charge(1_100, "a")
    with bench.store.transaction() as tx:
        bench.grants.revoke(tx, bench.grants.find(grant.grant_id), by="carl", now=bench.clock.now())
    assert bench.budget.remaining("p") == 0
    with pytest.raises(UserError, match="revoked already"), bench.store.transaction() as tx:
        bench.grants.revoke(tx, bench.grants.find(grant.grant_id), by="carl", now=bench.clock.now())


@pytest.mark.tm("TM-199")
@pytest.mark.parametrize("change", [{"elements": 501}, {"peer": "q"}, {"valid_until": "2030-01-01T00:00:00Z"}])
def test_a_grant_that_was_changed_in_the_database_is_not_approved(bench: Bench, change: dict[str, object]) -> None:
    grant = bench.granted(500)
    with bench.store.transaction() as tx:
        tx.execute(update(grants).where(grants.c.grant_id == grant.grant_id).values(**change))
    assert [bench.budget.remaining(peer) for peer in ("p", "q")] == [1_000, 1_000]


@pytest.mark.tm("TM-199")
def test_sabotaged_twin_that_approves_by_the_grants_name_counts_the_changed_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.policy.grants._digest", lambda row: row.grant_id.encode())
    grant = bench.granted(500)
    with bench.store.transaction() as tx:
        tx.execute(update(grants).where(grants.c.grant_id == grant.grant_id).values(elements=501))
    assert bench.budget.remaining("p") == 1_501


def test_an_approved_by_in_the_row_alone_is_no_approval(bench: Bench) -> None:
    grant = bench.ask(500)
    with bench.store.transaction() as tx:
        tx.execute(text("UPDATE grants SET approved_by = 'bela', approved_at = '2026-03-01T12:00:00Z'"))
    assert not bench.grants.find(grant.grant_id).approved
    assert bench.budget.remaining("p") == 1_000


@pytest.mark.parametrize(
    ("elements", "until"),
    [
        (0, UNTIL),
        (MOST_GRANTED + 1, UNTIL),
        (1, NOW.date() - timedelta(days=1)),
        (1, NOW.date() + timedelta(days=LONGEST_GRANT_DAYS + 1)),
    ],
)
def test_what_is_no_grant_is_refused_and_leaves_nothing(bench: Bench, elements: int, until: date) -> None:
    with pytest.raises(UserError):
        bench.ask(elements, until=until)
    with bench.store.read() as connection:
        assert connection.execute(select(grants)).all() == []


def test_a_grant_is_found_by_the_beginning_of_its_id_if_it_is_the_only_one(bench: Bench) -> None:
    one, other = bench.ask(1), bench.ask(2)
    assert bench.grants.find(other.grant_id) == other
    for beginning in ("", "0", "f", "%"):
        with pytest.raises(NotFound):
            bench.grants.find(beginning)
    assert one.grant_id != other.grant_id


@pytest.mark.tm("TM-198")
def test_a_grant_says_what_it_means_in_years(bench: Bench) -> None:
    said = bench.ask(10**6).sentence("Police", Limits())
    assert "Police may have 1,000,000 elements more evaluated until 2026-03-31" in said
    # 20,000 in 10 days and 1,000,000 in 30: 35,333 a day.
    assert "7.7 years" in said


def test_a_charge_that_grants_paid_is_told_by_the_check_of_the_charges(bench: Bench) -> None:
    bench.granted(500)
    bench.charge(1_500, "r")
    with bench.store.transaction() as tx:
        tx.execute(text("UPDATE grants SET used = 0"))
    assert not bench.budget.fits_log()


@pytest.mark.tm("TM-200")
def test_limits_below_twenty_years_have_no_effect_until_two_people_agreed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, LARGE)
    with contextlib.closing(bench.store):
        floor = LARGE.within_floor()
        assert floor.years >= APPROVAL_FLOOR_YEARS
        assert Limits(floor.elements_per_peer + 1, floor.elements_in_all + 1, 30).needs_approval
        assert (bench.budget.limits, bench.budget.settings_hold) == (floor, False)
        with pytest.raises(RefusedByPolicy):
            bench.charge(floor.elements_per_peer + 1, "r")
        said = bench.budget.sentence()
        assert "20 years" in said  # what holds
        assert "8.2 years" in said  # what was asked for
        assert "approve-settings" in said
        bench.approve_settings(LARGE.digest(), "anna")
        assert not bench.budget.settings_hold, "one person is not two"
        with pytest.raises(NotAllowed), bench.store.transaction() as tx:
            bench.approvals.approve(tx, Subject.BUDGET_SETTINGS, SETTINGS_ID, LARGE.digest(), "ANNA")
        with bench.store.transaction() as tx:
            bench.approvals.approve(tx, Subject.BUDGET_SETTINGS, SETTINGS_ID, LARGE.digest(), "bela")
        assert bench.budget.limits == LARGE
        bench.charge(10**6, "r")
        # Any other numbers are another question.
        changed = Budget(bench.store, bench.clock, Limits(10**6, 10**7, 29), bench.approvals)
        assert not changed.settings_hold


@pytest.mark.tm("TM-200")
def test_sabotaged_twin_whose_settings_simply_hold_walks_a_country_in_eight_years(tmp_path: Path) -> None:
    bench = Bench(tmp_path, LARGE)
    bench.budget = Budget(bench.store, bench.clock, LARGE)  # asks nobody
    with contextlib.closing(bench.store):
        bench.charge(LARGE.within_floor().elements_per_peer + 1, "r")


def test_the_default_and_the_floor_need_nobody() -> None:
    for limits in (Limits(), Limits(136_892, 136_892, 10), Limits(1, 1, 1)):
        assert not limits.needs_approval
        assert limits.within_floor() == limits
    assert Limits(20_000, 136_900, 10).needs_approval, "all members together count, too"
    assert Limits(20_000, 136_900, 10).within_floor() == Limits(20_000, 136_892, 10)


@pytest.mark.tm("TM-199")
def test_a_grant_from_before_a_restore_is_void_and_says_so(bench: Bench) -> None:
    """How much of it was used since the backup is not known."""
    grant = bench.granted(500)
    later = NOW + timedelta(seconds=1)
    assert grant.is_open(later, None)
    assert not grant.is_open(later, NOW)
    assert grant.state(later, NOW) == "void since a restore"
    assert grant.state(NOW + timedelta(days=40), None) == "over"
    assert bench.ask(1).state(later, None) == "waits for a second person"


def test_how_much_is_used_is_told_as_shares_without_saying_whose(bench: Bench) -> None:
    assert bench.budget.usage([]).members == ()
    assert bench.budget.usage(["p", "q"]).members == (0.0, 0.0)
    bench.charge(800, "r1")
    bench.charge(250, "r2", "q")
    seen = bench.budget.usage(["p", "q"])
    assert sorted(seen.members) == [0.25, 0.8]
    assert (seen.in_all, seen.closed_until) == (0.7, None)
    assert bench.budget.usage(["q"]).members == (0.25,)  # who is no member any more still counts in all
    bench.granted(1_000)
    assert sorted(bench.budget.usage(["p", "q"]).members) == [0.25, 0.4]
    bench.clock.advance(11 * DAY)
    assert bench.budget.usage(["p", "q"]).members == (0.0, 0.0)


def test_a_grant_that_is_over_is_not_counted_in(bench: Bench) -> None:
    bench.charge(500, "r1")
    grant = bench.granted(1_000, until=NOW.date())
    bench.ask(10_000)  # not approved: nothing
    assert bench.budget.usage(["p"]).members == (0.25,)
    assert {one.grant_id for one in bench.grants.current(NOW)} >= {grant.grant_id}
    bench.clock.advance(DAY)
    assert bench.budget.usage(["p"]).members == (0.5,)
    assert grant.grant_id not in {one.grant_id for one in bench.grants.current(bench.clock.now())}

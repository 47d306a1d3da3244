"""Budgets without a crowd: what is charged, what is left, when it is free again, and what the budget means in years."""

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from node.clock import ManualClock
from node.errors import NotFound, RefusedByPolicy
from node.policy import Budget, Limits, charge_for, years_to_walk
from node.policy.budgets import APPROVAL_FLOOR_YEARS, BudgetSpent
from node.store import KeyRing, Store
from node.store.schema import audit_entries, charges
from tests.support.agreements import COORDINATOR, NGO, NOW, POLICE, agreement, seeded
from tests.support.offices import ROUND, office

DAY = 86_400
CAP = 10**9


class Bench:
    """One node's budget on a real database, with a clock to turn."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.clock = ManualClock(NOW)
        keys = KeyRing.create(folder / "key", None, seeded("keys"))
        self.store = Store.open(f"sqlite:///{folder / 'db'}", keys, clock=self.clock)
        self.budget = Budget(self.store, self.clock, limits)

    def charge(self, elements: int, peer: str = "p", round_id: str = "r", reason: str = "x", cap: int = CAP) -> bool:
        with self.store.transaction() as tx:
            return self.budget.charge(tx, peer, round_id, reason, elements, cap=cap)

    def refused(self, elements: int, peer: str = "p", round_id: str = "r", cap: int = CAP) -> RefusedByPolicy:
        before = self.rows()
        with pytest.raises(RefusedByPolicy) as refused:
            self.charge(elements, peer, round_id, "refused", cap)
        assert self.rows() == before
        return refused.value

    def rows(self) -> int:
        with self.store.read() as connection:
            return int(connection.execute(select(func.count()).select_from(charges)).scalar_one())


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, Limits(elements_per_peer=1_000, elements_in_all=1_500, days=10))
    with contextlib.closing(made.store):
        yield made


def test_what_each_reply_charges() -> None:
    ordered, released = agreement("J2"), agreement("J1", reply={"max_released": 2})
    assert charge_for(ordered, NGO.member_id) == ordered.size_class(NGO.member_id)
    assert charge_for(ordered, POLICE.member_id) == ordered.size_class(POLICE.member_id)
    assert charge_for(released, NGO.member_id) == released.size_class(NGO.member_id)
    assert charge_for(released, POLICE.member_id) == 2 * released.tokens_per_record
    for mode in ("count", "none"):
        manifest = agreement("J1", reply={"mode": mode})
        assert charge_for(manifest, POLICE.member_id) == 0
        assert charge_for(manifest, NGO.member_id) == manifest.size_class(NGO.member_id)


def test_a_release_never_charges_more_than_the_whole_list() -> None:
    manifest = agreement("J1", reply={"max_released": 1_000})
    assert charge_for(manifest, POLICE.member_id) == manifest.size_class(POLICE.member_id)


def test_few_against_many_charges_the_few_only() -> None:
    manifest = agreement("J3", members={POLICE.member_id: {"records": 1_000_000}})
    assert charge_for(manifest, POLICE.member_id) == 0
    assert charge_for(manifest, NGO.member_id) == 64 * manifest.tokens_per_record


def test_strangers_are_charged_nothing_but_an_error() -> None:
    with pytest.raises(NotFound):
        charge_for(agreement(), COORDINATOR.member_id)


def test_a_charge_lowers_what_is_left(bench: Bench) -> None:
    assert bench.budget.remaining("p") == 1_000
    assert bench.charge(400)
    assert bench.budget.remaining("p") == 600
    assert bench.budget.remaining("other") == 1_000


def test_to_the_last_element_and_not_one_more(bench: Bench) -> None:
    bench.charge(999)
    assert "1 of 1,000" in bench.refused(2).sentence
    bench.charge(1, reason="last")
    assert bench.budget.remaining("p") == 0
    bench.refused(1)


def test_a_resumed_round_is_charged_once(bench: Bench) -> None:
    assert bench.charge(700) is True
    assert bench.charge(700) is False
    assert bench.budget.remaining("p") == 300
    assert bench.rows() == 1


def test_the_same_answer_with_another_size_is_refused(bench: Bench) -> None:
    bench.charge(700)
    with pytest.raises(RefusedByPolicy, match="another size"):
        bench.charge(10)
    assert bench.budget.remaining("p") == 300


def test_a_repeated_charge_stands_even_when_the_budget_is_used_up(bench: Bench) -> None:
    bench.charge(600)
    bench.charge(400, round_id="later")
    assert bench.charge(600) is False


def test_another_reason_round_or_peer_is_another_charge(bench: Bench) -> None:
    for peer, round_id, reason in (("p", "r", "x"), ("p", "r", "y"), ("p", "s", "x"), ("q", "r", "x")):
        assert bench.charge(10, peer, round_id, reason)
    assert bench.rows() == 4


def test_nothing_is_no_charge_and_less_is_a_mistake(bench: Bench) -> None:
    bench.charge(1_000)
    assert bench.charge(0, reason="none")
    assert bench.budget.remaining("p") == 0
    with pytest.raises(ValueError, match="negative"):
        bench.charge(-1, reason="back")


def test_the_cap_of_the_agreement_holds_over_all_reasons(bench: Bench) -> None:
    bench.charge(60, cap=100)
    assert "100 elements" in bench.refused(41, cap=100).sentence
    assert bench.charge(40, reason="rest", cap=100)
    assert bench.charge(40, round_id="another agreement", cap=100)


def test_all_members_together(bench: Bench) -> None:
    bench.charge(1_000, "p")
    assert bench.budget.remaining("q") == 500
    assert "all members together" in bench.refused(501, "q").sentence
    assert bench.charge(500, "q")
    assert bench.budget.remaining("r") == 0


def test_a_rolled_back_charge_is_not_charged(bench: Bench) -> None:
    def crash() -> None:
        with bench.store.transaction() as tx:
            bench.budget.charge(tx, "p", "r", "x", 500, cap=CAP)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        crash()
    assert bench.budget.remaining("p") == 1_000


def test_the_window_slides(bench: Bench) -> None:
    bench.charge(600)
    bench.clock.advance(5 * DAY)
    bench.charge(400, round_id="s")
    bench.clock.advance(5 * DAY)
    assert bench.budget.remaining("p") == 0  # the edge itself still counts
    bench.clock.advance(1)
    assert bench.budget.remaining("p") == 600
    bench.clock.advance(5 * DAY)
    assert bench.budget.remaining("p") == 1_000


def test_the_advice_says_when(bench: Bench) -> None:
    bench.charge(600)
    bench.clock.advance(5 * DAY)
    bench.charge(400, round_id="s")
    assert "2026-03-11T12:00:01Z" in bench.refused(600, round_id="t").advice
    assert "2026-03-16T12:00:01Z" in bench.refused(601, round_id="t").advice
    bench.clock.advance(5 * DAY + 1)
    assert bench.charge(600, round_id="t")


def test_more_than_the_whole_budget_is_never_free(bench: Bench) -> None:
    refused = bench.refused(1_001)
    assert "never be enough" in refused.advice
    assert not isinstance(refused, BudgetSpent)


def test_what_is_free_later_says_when(bench: Bench) -> None:
    bench.charge(600)
    refused = bench.refused(600, round_id="s")
    assert isinstance(refused, BudgetSpent)
    assert refused.free_at == NOW + timedelta(days=10, seconds=1)


@pytest.mark.parametrize(("peer", "elements"), [("p", 401), ("q", 901), ("p", 1_001)])
def test_a_check_refuses_as_a_charge_would_and_writes_nothing(bench: Bench, peer: str, elements: int) -> None:
    bench.charge(600)
    with pytest.raises(RefusedByPolicy) as checked:
        bench.budget.check(peer, elements)
    assert bench.refused(elements, peer, round_id="s").diagnostics() == checked.value.diagnostics()
    assert bench.rows() == 1
    bench.budget.check(peer, elements - 1 if elements < 1_000 else 400)
    assert bench.rows() == 1


def test_nothing_fits_always(bench: Bench) -> None:
    bench.charge(1_000)
    tight = Budget(bench.store, bench.clock, Limits(10, 10, 10))
    tight.check("p", 0)
    with pytest.raises(BudgetSpent):
        tight.check("p", 1)


def test_a_clock_set_back_frees_nothing(bench: Bench) -> None:
    bench.charge(1_000)
    for days in (1, 9, 11, 400):
        bench.clock.advance(-days * DAY)
        assert bench.budget.remaining("p") == 0
        bench.refused(1, round_id=f"back {days}")


def test_while_the_node_runs_only_the_seconds_that_passed_free_anything(bench: Bench) -> None:
    bench.charge(1_000)
    bench.clock.advance(9 * DAY)
    bench.clock.advance(-30 * DAY)
    bench.clock.advance(DAY)
    assert bench.budget.remaining("p") == 0
    bench.clock.advance(1)
    assert bench.budget.remaining("p") == 1_000


def test_after_a_restart_the_last_charge_is_the_least_the_time_can_be(bench: Bench) -> None:
    bench.charge(500)
    bench.clock.advance(9 * DAY)
    bench.charge(100, round_id="s")
    bench.clock.advance(-9 * DAY)
    bench.budget = Budget(bench.store, bench.clock, Limits(1_000, 1_500, 10))
    bench.charge(100, round_id="t")  # counts as day 9, not as day 0
    bench.clock.advance(10 * DAY + 1)
    assert bench.budget.remaining("p") == 800
    bench.clock.advance(9 * DAY)
    assert bench.budget.remaining("p") == 1_000


def test_after_a_restart_the_last_audit_entry_counts_too(bench: Bench) -> None:
    bench.charge(1_000)
    with bench.store.transaction() as tx:
        entry = {"position": 0, "at": "2026-03-12T00:00:00Z", "body": "{}", "leaf_hash": bytes(32)}
        tx.execute(insert(audit_entries).values(entry))
    assert bench.budget.remaining("p") == 1_000


@pytest.mark.tm("TM-79")
@pytest.mark.parametrize(
    ("sql", "fits"),
    [
        ("update charges set reason = reason", True),
        ("delete from charges", False),
        ("update charges set elements = 1", False),
        ("update charges set peer = 'somebody else' where elements = 20", False),
        (
            "insert into charges (peer, round_id, reason, elements, at) values ('p', 'r', 'x', 1, '2026')",
            False,
        ),
    ],
)
def test_charges_that_somebody_changed_do_not_fit_the_log(tmp_path: Path, sql: str, fits: bool) -> None:
    with office(tmp_path) as us:
        budget = Budget(us.store, us.clock, Limits())
        for peer, elements in ((NGO.member_id, 500), (POLICE.member_id, 20)):
            with us.store.transaction() as tx:
                budget.charge(tx, peer, ROUND, "answer", elements, cap=CAP)
                us.audit.append(tx, "budget-charged", round_id=ROUND, peer=peer, elements=elements)
        assert budget.fits_log()
        with us.store.transaction() as tx:
            tx.exec_driver_sql(sql)
        assert budget.fits_log() is fits


def test_years_to_walk_a_country() -> None:
    assert round(years_to_walk(20_000, 10)) == 137
    assert round(years_to_walk(10**6, 30), 1) == 8.2
    assert years_to_walk(10, 10, numbers=10) * 365.25 == pytest.approx(10)


def test_the_sentence_printed_when_a_budget_is_set() -> None:
    assert "137 years" in Limits().sentence()
    assert "20,000 elements per 10 days" in Limits().sentence()
    assert "8.2 years" in Limits(10**6, 10**7, 30).sentence()


def test_a_large_budget_needs_approval() -> None:
    assert not Limits().needs_approval
    assert Limits(10**6, 10**7, 30).needs_approval
    assert APPROVAL_FLOOR_YEARS == 20


@pytest.mark.parametrize("numbers", [(0, 1, 1), (1, 1, 0), (-5, 10, 10), (10, 5, 10), (1, 0, 1)])
def test_limits_that_make_no_sense(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="budget"):
        Limits(*numbers)


def test_no_peer_or_round_in_a_refusal(bench: Bench) -> None:
    error = bench.refused(2_000, "canary-peer", "canary-round")
    assert "canary" not in error.diagnostics()

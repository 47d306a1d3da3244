"""With grants on top a budget still cannot be exceeded by one element: crowds, kill -9, restarts and a clock set back.

As `test_budgets`, whose figures these are (F2); each check has its twin with the defence taken out.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from node.clock import ManualClock, SystemClock
from node.errors import RefusedByPolicy
from node.policy import Budget, Limits
from node.policy.grants import Grant, GrantBook
from node.staff import Approvals, Subject
from node.store import KeyRing, Store
from node.store.schema import charges, grants
from tests.support.agreements import NOW, seeded

LIMITS = Limits(elements_per_peer=1_000, elements_in_all=1_700, days=10)
GRANTED = 800
CROWD = 100
EACH = 150
"""Elements per charge: twelve fit into budget and grant, whichever way they are cut."""

MOST = LIMITS.elements_per_peer + GRANTED
CAP = 10**9
DAY = 86_400
ENDS = date(2026, 3, 2)


class Silent:
    """An audit log and a register of staff that say yes to everything: neither is what is tested."""

    def append(self, *_: object, **__: object) -> int:
        return 0

    def demand(self, *_: object) -> None: ...


@contextlib.contextmanager
def opened(folder: Path, clock: ManualClock | SystemClock | None = None) -> Iterator[tuple[Store, Approvals]]:
    key, clock = folder / "key", clock or ManualClock(NOW)
    keys = KeyRing.open(key, None) if key.exists() else KeyRing.create(key, None, seeded("keys"))
    with contextlib.closing(Store.open(f"sqlite:///{folder / 'db'}", keys, clock=clock)) as store:
        yield store, Approvals(store, Silent(), clock, Silent())


def grant(store: Store, approvals: Approvals, *, now: datetime, until: date) -> None:
    book, grant_id = GrantBook(store, approvals), "ab" * 16
    with store.transaction() as tx:
        book.ask(tx, grant_id, "peer", GRANTED, until, by="anna", now=now)
        asked = approvals.latest(Subject.GRANT, grant_id)
        assert asked is not None
        approvals.approve(tx, Subject.GRANT, grant_id, asked.digest, "bela")


def sums(store: Store) -> tuple[int, int, int]:
    """Elements charged, of these paid by grants, and used according to the grants."""
    with store.read() as connection:
        charged = func.coalesce(func.sum(charges.c.elements), 0), func.coalesce(func.sum(charges.c.granted), 0)
        total, granted = connection.execute(select(*charged)).one()
        used = connection.execute(select(func.coalesce(func.sum(grants.c.used), 0))).scalar_one()
    return int(total), int(granted), int(used)


class SlowBudget(Budget):
    """Waits between looking and writing, so that whoever can race does."""

    def _fit(self, connection: Connection, now: datetime, peer: str, elements: int) -> int:
        granted = super()._fit(connection, now, peer, elements)
        time.sleep(0.02)
        return granted


class ForgetfulGrants(GrantBook):
    """The sabotaged twin: pays, and does not write down that it did."""

    def use(self, *_: Any) -> None: ...


def check_crowd(store: Store, approvals: Approvals, *, forgets: bool = False) -> None:
    grant(store, approvals, now=NOW, until=ENDS)
    budget, barrier = SlowBudget(store, ManualClock(NOW), LIMITS, approvals), Barrier(CROWD)
    if forgets:
        budget._grants = ForgetfulGrants(store, approvals)

    def one(number: int) -> bool:
        barrier.wait()
        try:
            with store.transaction() as tx:
                return budget.charge(tx, "peer", f"round {number}", "list", EACH, cap=CAP)
        except RefusedByPolicy:
            return False

    with ThreadPoolExecutor(CROWD) as pool:
        let_through = sum(pool.map(one, range(CROWD)))
    total, granted, used = sums(store)
    assert total <= MOST
    assert total == let_through * EACH == MOST // EACH * EACH
    assert granted == used == total - LIMITS.elements_per_peer


@pytest.mark.tm("TM-198")
def test_a_hundred_at_once_with_a_grant(tmp_path: Path) -> None:
    with opened(tmp_path) as (store, approvals):
        check_crowd(store, approvals)


@pytest.mark.tm("TM-198")
def test_sabotaged_twin_whose_grants_forget_what_they_paid_goes_over(tmp_path: Path) -> None:
    with opened(tmp_path) as (store, approvals):
        with pytest.raises(AssertionError):
            check_crowd(store, approvals, forgets=True)
        assert sums(store)[0] > MOST


class TrustingBudget(Budget):
    """The sabotaged twin: believes the clock on the wall."""

    def _now(self, *_: object) -> datetime:
        return self._clock.now()


def check_clock_set_back(folder: Path, kind: type[Budget]) -> None:
    """A grant is over. Whenever the budget says no, the clock is set back to its day and the node started again."""
    clock = ManualClock(NOW)
    with opened(folder, clock) as (store, approvals):
        grant(store, approvals, now=NOW, until=ENDS)
    clock.advance(3 * DAY)
    given = 0
    for attempt in range(30):
        with opened(folder, clock) as (store, approvals):
            try:
                with store.transaction() as tx:
                    given += kind(store, clock, LIMITS, approvals).charge(
                        tx, "peer", f"round {attempt}", "list", EACH, cap=CAP
                    )
            except RefusedByPolicy:
                clock.advance(-2 * DAY)
            assert sums(store)[0] <= LIMITS.elements_per_peer, "the grant was over before the first charge"
    assert given == LIMITS.elements_per_peer // EACH


@pytest.mark.tm("TM-198")
def test_restarts_and_a_clock_set_back_bring_no_grant_back(tmp_path: Path) -> None:
    check_clock_set_back(tmp_path, Budget)


@pytest.mark.tm("TM-198")
def test_sabotaged_twin_that_believes_the_wall_brings_it_back(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        check_clock_set_back(tmp_path, TrustingBudget)


WORKER = """
import sys
from pathlib import Path
from node.clock import SystemClock
from node.errors import RefusedByPolicy
from node.policy import Budget
from tests.security.test_grant_budgets import LIMITS, opened

folder, name = Path(sys.argv[1]), sys.argv[2]
with opened(folder, SystemClock()) as (store, approvals):
    budget = Budget(store, SystemClock(), LIMITS, approvals)
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(2_000):
        try:
            with store.transaction() as tx:
                budget.charge(tx, "peer", f"{name} {number}", "list", 40, cap=10**9)
        except RefusedByPolicy:
            break
        print("charged", flush=True)
"""
HASTY_WORKER = WORKER.replace(
    "cap=10**9)", "cap=10**9)\n                print('charged', flush=True)\n                sys.stdin.readline()"
)
"""The sabotaged twin: says that a charge stands while its transaction is still open."""


def said_by_killed_workers(folder: Path, after: int, program: str) -> int:
    """How many charges of 40 two workers said they made; each is killed once it had said `after` of them."""
    with opened(folder, SystemClock()) as (store, approvals):
        now = SystemClock().now()
        grant(store, approvals, now=now, until=now.date())
    said = 0
    for attempt in range(2):
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(folder), f"life {attempt}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.stdin.write("go\n")
        process.stdin.flush()
        for _ in range(after):
            assert process.stdout.readline() == "charged\n"
        os.kill(process.pid, signal.SIGKILL)
        said += after + process.communicate(timeout=60)[0].count("charged")
        assert process.returncode == -signal.SIGKILL
    return said


@pytest.mark.ci
@pytest.mark.tm("TM-198")
@pytest.mark.parametrize("after", [1, 14])
def test_kill_9_frees_nothing_of_a_grant(tmp_path: Path, after: int) -> None:
    """At fourteen of 40 elements a life, the second one is killed while the grant pays."""
    said = said_by_killed_workers(tmp_path, after, WORKER)
    with opened(tmp_path, SystemClock()) as (store, approvals):
        total, granted, used = sums(store)
        assert said * 40 <= total <= min(MOST, (said + 2) * 40)
        assert granted == used == max(0, total - LIMITS.elements_per_peer)
        budget = Budget(store, SystemClock(), LIMITS, approvals)
        while True:
            try:
                with store.transaction() as tx:
                    budget.charge(tx, "peer", f"after {sums(store)[0]}", "list", 40, cap=CAP)
            except RefusedByPolicy:
                break
        assert sums(store) == (MOST, GRANTED, GRANTED)


@pytest.mark.ci
@pytest.mark.tm("TM-198")
def test_sabotaged_twin_that_answers_before_the_charge_stands_loses_it(tmp_path: Path) -> None:
    assert said_by_killed_workers(tmp_path, 1, HASTY_WORKER) == 2
    with opened(tmp_path, SystemClock()) as (store, _):
        assert sums(store) == (0, 0, 0)


def test_a_grant_in_the_list_says_what_is_left(tmp_path: Path) -> None:
    with opened(tmp_path) as (store, approvals):
        grant(store, approvals, now=NOW, until=ENDS)
        (found,) = GrantBook(store, approvals).all()
        assert isinstance(found, Grant)
        assert (found.left, found.approved) == (GRANTED, True)

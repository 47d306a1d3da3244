"""Crowds, other processes, kill -9, restarts and a clock set back cannot exceed a budget by one element.

The twin runs the same crowd without the store's transaction and must go over: it shows that the crowd really races.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import Connection, create_engine, func, select

from node.clock import ManualClock, SystemClock, timestamp
from node.errors import RefusedByPolicy
from node.policy import Budget, Limits
from node.store import KeyRing, Store
from node.store.schema import charges
from tests.support.agreements import NOW, seeded

LIMITS = Limits(elements_per_peer=1_000, elements_in_all=1_700, days=10)
CROWD = 100
EACH = 150
"""Elements per charge: six fit into one peer's budget, eleven into that of all."""

CAP = 10**9
DAY = 86_400

Transaction = Callable[[], AbstractContextManager[Connection]]


class SlowBudget(Budget):
    """Waits between looking and writing, so that whoever can race does."""

    def _fits(self, tx: Connection, now: datetime, peer: str | None, limit: int, elements: int, granted: int) -> int:
        missing = super()._fits(tx, now, peer, limit, elements, granted)
        time.sleep(0.03)
        return missing


def url(folder: Path) -> str:
    return f"sqlite:///{folder / 'db'}"


@contextmanager
def opened(folder: Path) -> Iterator[Store]:
    key = folder / "key"
    keys = KeyRing.open(key, None) if key.exists() else KeyRing.create(key, None, seeded("keys"))
    store = Store.open(url(folder), keys, clock=ManualClock(NOW))
    try:
        yield store
    finally:
        store.close()


def total(store: Store, peer: str | None = None) -> int:
    query = select(func.coalesce(func.sum(charges.c.elements), 0))
    with store.read() as connection:
        return int(connection.execute(query if peer is None else query.where(charges.c.peer == peer)).scalar_one())


def crowd(
    store: Store, transaction: Transaction, peer_of: Callable[[int], str], kind: type[Budget] = SlowBudget
) -> int:
    """A hundred threads charge at once; how many were let through."""
    budget, barrier = kind(store, ManualClock(NOW), LIMITS), Barrier(CROWD)

    def one(number: int) -> bool:
        barrier.wait()
        try:
            with transaction() as tx:
                return budget.charge(tx, peer_of(number), f"round {number}", "list", EACH, cap=CAP)
        except RefusedByPolicy:
            return False

    with ThreadPoolExecutor(CROWD) as pool:
        return sum(pool.map(one, range(CROWD)))


def check_one_peer(store: Store, transaction: Transaction) -> None:
    let_through = crowd(store, transaction, lambda _: "peer")
    assert total(store) <= LIMITS.elements_per_peer
    assert let_through == LIMITS.elements_per_peer // EACH
    assert total(store) == let_through * EACH


@pytest.mark.tm("TM-76")
def test_a_hundred_at_once(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        check_one_peer(store, store.transaction)


@pytest.mark.tm("TM-76")
def test_sabotaged_twin_without_the_transaction_goes_over(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        engine = create_engine(
            url(tmp_path), isolation_level="AUTOCOMMIT", pool_size=CROWD, connect_args={"timeout": 60}
        )
        try:
            with pytest.raises(AssertionError):
                check_one_peer(store, engine.connect)
            assert total(store) > LIMITS.elements_per_peer
        finally:
            engine.dispose()


def check_many_peers(store: Store, kind: type[Budget]) -> None:
    let_through = crowd(store, store.transaction, lambda number: f"peer {number}", kind)
    assert let_through == LIMITS.elements_in_all // EACH
    assert total(store) == let_through * EACH


@pytest.mark.tm("TM-76")
def test_a_hundred_peers_at_once_stay_within_what_all_may_have(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        check_many_peers(store, SlowBudget)


class PeerBudget(Budget):
    """The sabotaged twin: looks at each peer alone."""

    def _fits(self, tx: Connection, now: datetime, peer: str | None, limit: int, elements: int, granted: int) -> int:
        return 0 if peer is None else super()._fits(tx, now, peer, limit, elements, granted)


@pytest.mark.tm("TM-76")
def test_sabotaged_twin_that_looks_at_each_peer_alone_goes_over(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        with pytest.raises(AssertionError):
            check_many_peers(store, PeerBudget)
        assert total(store) > LIMITS.elements_in_all


def check_same_charge(store: Store, kind: type[Budget]) -> None:
    budget, barrier = kind(store, ManualClock(NOW), LIMITS), Barrier(CROWD)

    def one(_: int) -> bool:
        barrier.wait()
        with store.transaction() as tx:
            return budget.charge(tx, "peer", "round", "list", 5, cap=CAP)

    with ThreadPoolExecutor(CROWD) as pool:
        assert sum(pool.map(one, range(CROWD))) == 1
    assert total(store) == 5


@pytest.mark.tm("TM-76")
def test_a_hundred_times_the_same_charge_is_one(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        check_same_charge(store, SlowBudget)


class RepeatingBudget(Budget):
    """The sabotaged twin: takes every resumption for another answer."""

    numbers = count()

    def charge(self, tx: Connection, peer: str, round_id: str, reason: str, elements: int, *, cap: int) -> bool:
        return super().charge(tx, peer, round_id, f"{reason} {next(self.numbers)}", elements, cap=cap)


@pytest.mark.tm("TM-76")
def test_sabotaged_twin_that_charges_every_time_is_found(tmp_path: Path) -> None:
    with opened(tmp_path) as store, pytest.raises(AssertionError):
        check_same_charge(store, RepeatingBudget)


class TrustingBudget(Budget):
    """The sabotaged twin: believes the clock on the wall, and counts what is not in its future."""

    def _now(self, *_: object) -> datetime:
        return self._clock.now()

    def _window(self, connection: Connection, now: datetime, peer: str | None) -> list[tuple[int, str]]:
        return [(elements, at) for elements, at in super()._window(connection, now, peer) if at <= timestamp(now)]


def check_restarts(folder: Path, kind: type[Budget]) -> None:
    """Whenever the budget says no, the clock is set back a week and the node started again."""
    clock = ManualClock(NOW)
    let_through = 0
    for attempt in range(40):
        with opened(folder) as store:
            try:
                with store.transaction() as tx:
                    let_through += kind(store, clock, LIMITS).charge(
                        tx, "peer", f"round {attempt}", "list", EACH, cap=CAP
                    )
            except RefusedByPolicy:
                clock.advance(-7 * DAY)
            assert total(store) <= LIMITS.elements_per_peer
    assert let_through == LIMITS.elements_per_peer // EACH


@pytest.mark.tm("TM-78")
def test_restarts_and_a_clock_set_back_free_nothing(tmp_path: Path) -> None:
    check_restarts(tmp_path, Budget)


@pytest.mark.tm("TM-78")
def test_sabotaged_twin_a_clock_set_back_frees_everything(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        check_restarts(tmp_path, TrustingBudget)


class WrongClock:
    """True seconds pass for both hands; the wall can be set wrong, and right again."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.wrong_by = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds + self.wrong_by)

    def monotonic(self) -> float:
        return self.seconds


def check_ten_real_days(folder: Path, seed: int, kind: type[Budget]) -> None:
    """The wall clock is set back and right again, over and over, while the node runs."""
    chance = random.Random(seed)
    clock, given = WrongClock(), []
    with opened(folder) as store:
        budget = kind(store, clock, LIMITS)
        for attempt in range(200):
            clock.seconds += chance.uniform(0, DAY)
            clock.wrong_by = chance.choice([0, 0, -DAY, -7 * DAY, -30 * DAY])
            try:
                with store.transaction() as tx:
                    budget.charge(tx, "peer", f"round {attempt}", "list", EACH, cap=CAP)
                given.append(clock.seconds)
            except RefusedByPolicy:
                pass
    assert len(given) > 30
    for start in given:
        inside = [moment for moment in given if start <= moment <= start + LIMITS.days * DAY]
        assert len(inside) * EACH <= LIMITS.elements_per_peer


@pytest.mark.tm("TM-78")
@pytest.mark.parametrize("seed", range(5))
def test_no_ten_real_days_hold_more_than_the_budget(tmp_path: Path, seed: int) -> None:
    check_ten_real_days(tmp_path, seed, Budget)


@pytest.mark.tm("TM-78")
@pytest.mark.parametrize("seed", range(5))
def test_sabotaged_twin_ten_real_days_hold_more(tmp_path: Path, seed: int) -> None:
    with pytest.raises(AssertionError):
        check_ten_real_days(tmp_path, seed, TrustingBudget)


WORKER = """
import sys
from pathlib import Path
from node.clock import SystemClock
from node.errors import RefusedByPolicy
from node.policy import Budget, Limits
from node.store import KeyRing, Store

folder, name, elements = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
store = Store.open(f"sqlite:///{folder / 'db'}", KeyRing.open(folder / "key", None), clock=SystemClock())
budget = Budget(store, SystemClock(), Limits(1_000, 1_700, 10))
print("ready", flush=True)
sys.stdin.readline()
for number in range(2_000):
    try:
        with store.transaction() as tx:
            budget.charge(tx, "peer", f"{name} {number}", "list", elements, cap=10**9)
    except RefusedByPolicy:
        break
    print("charged", flush=True)
"""


HASTY_WORKER = WORKER.replace(
    "cap=10**9)", "cap=10**9)\n            print('charged', flush=True)\n            sys.stdin.readline()"
)
"""The sabotaged twin: says that a charge stands while its transaction is still open."""


def worker(folder: Path, name: str, elements: int, program: str = WORKER) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(folder), name, str(elements)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


CARELESS_WORKER = (
    WORKER.replace("with store.transaction() as tx", "with engine.connect() as tx")
    .replace("print(", "from sqlalchemy import create_engine\nimport time\nprint(", 1)
    .replace(
        "sys.stdin",
        "engine = create_engine(f\"sqlite:///{folder / 'db'}\", isolation_level='AUTOCOMMIT', "
        "connect_args={'timeout': 60})\n"
        "fits = budget._fit\n"
        "budget._fit = lambda *words: (fits(*words), time.sleep(0.01))[0]\n"
        "sys.stdin",
        1,
    )
)
"""The sabotaged twin: looks and writes without a transaction around both."""


def check_processes(folder: Path, program: str) -> None:
    with opened(folder) as store:
        workers = [worker(folder, f"worker {number}", 7, program) for number in range(3)]
        said = 0
        for process in workers:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in workers:
            said += process.communicate(timeout=60)[0].count("charged")
            assert process.returncode == 0
        assert said == LIMITS.elements_per_peer // 7
        assert total(store) == said * 7


@pytest.mark.tm("TM-76")
def test_several_processes_at_once(tmp_path: Path) -> None:
    check_processes(tmp_path, WORKER)


@pytest.mark.ci
@pytest.mark.tm("TM-76")
def test_sabotaged_twin_processes_without_a_transaction_go_over(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        check_processes(tmp_path, CARELESS_WORKER)
    with opened(tmp_path) as store:
        assert total(store) > LIMITS.elements_per_peer


def said_by_killed_workers(folder: Path, after: int, program: str = WORKER) -> int:
    """How many charges two workers said they made, each killed once it had said `after` of them."""
    with opened(folder):
        pass
    said = 0
    for attempt in range(2):
        process = worker(folder, f"life {attempt}", 5, program)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("go\n")
        process.stdin.flush()
        for _ in range(after):
            assert process.stdout.readline() == "charged\n"
        os.kill(process.pid, signal.SIGKILL)
        said += after + process.communicate(timeout=60)[0].count("charged")
        assert process.returncode == -signal.SIGKILL
    return said


@pytest.mark.tm("TM-77")
@pytest.mark.parametrize("after", [1, 3, 20])
def test_kill_9_loses_no_charge_and_frees_none(tmp_path: Path, after: int) -> None:
    said = said_by_killed_workers(tmp_path, after)
    with opened(tmp_path) as store:
        # A charge may stand whose acknowledgement the kill cut off, never the other way round: one for each kill.
        assert said * 5 <= total(store) <= min(LIMITS.elements_per_peer, (said + 2) * 5)
        while True:
            try:
                with store.transaction() as tx:
                    Budget(store, SystemClock(), LIMITS).charge(tx, "peer", f"after {total(store)}", "list", 5, cap=CAP)
            except RefusedByPolicy:
                break
        assert total(store) == LIMITS.elements_per_peer


@pytest.mark.tm("TM-77")
def test_sabotaged_twin_that_answers_before_the_charge_stands_loses_it(tmp_path: Path) -> None:
    said = said_by_killed_workers(tmp_path, 1, HASTY_WORKER)
    with opened(tmp_path) as store:
        assert said * 5 > total(store) == 0

"""A backup shows nobody anything, and a restored node spends nothing a second time.

The histories are random: rounds open, are worked on, charged and end, time goes by, and at some moment a backup is
made. What happens after it is lost; then the node is restored and life goes on. Whatever the history, no scalar is used
before and after the restore, no window of ten days has more charged to a member, or to all, than the budget (what was
charged in the lost time included), and the audit log holds.
"""

import json
import os
import random
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from node.agreement.manifest import Manifest
from node.app import open_node, restore_node
from node.clock import ManualClock, timestamp
from node.errors import Busy, RefusedByPolicy, StateDamaged, UserError
from node.failpoints import KEEPING
from node.keeping import backup as module
from node.keeping import dump
from node.keeping.backup import write_backup
from node.keeping.restore import Restored, settle
from node.operations import OPERATIONS, Dispatcher, Parts
from node.policy.budgets import Budget
from node.rounds.book import RoundBook
from node.rounds.mailbox import PROTOCOL_LINE
from node.rounds.states import RoundState
from node.store import KeyRing
from node.store.schema import inbox, outbox, rounds
from psi.secret import SecretBytes
from tests.support.agreements import NGO, POLICE, agreement, changed
from tests.support.nodes import make_folder
from tests.support.postgres import Server
from tests.support.small_rounds import OURS, write_numbers
from tests.unit.node.keeping.test_rotation import kill, turn

START = datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)
LIMIT, LIMIT_IN_ALL, DAYS = 1_000, 2_500, 10
SETTINGS = f"[budget]\nelements = {LIMIT}\nelements_in_all = {LIMIT_IN_ALL}\ndays = {DAYS}\n"
RESTORE = sorted(step for step in KEEPING if step.startswith("restore."))


def manifest(nonce: str) -> Manifest:
    return changed(agreement(), nonce=nonce)


def unlock(path: Path, data: bytes) -> KeyRing:
    return KeyRing.from_bytes(path, data, None)


def back_up(parts: Parts, path: Path) -> None:
    write_backup(
        path,
        state=parts.folder,
        store=parts.store,
        keys=parts.keys,
        audit=parts.audit,
        member_id=parts.identity.member_id,
        clock=parts.clock,
        random_bytes=os.urandom,
        by="ada",
    )


def restore(file: Path, folder: Path, clock: ManualClock | None = None) -> Restored:
    return restore_node(file, folder, by="ben", unlock=unlock, clock=clock)


def ask(parts: Parts, operation: str, **request: Any) -> Any:
    return json.loads(Dispatcher(parts, OPERATIONS).invoke(operation, json.dumps(request).encode(), lambda _: None))


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node without anything, made once."""
    folder = tmp_path_factory.mktemp("blank") / "node"
    make_folder(folder, "shelter", "ngo", SETTINGS)
    with open_node(folder, None, clock=ManualClock(START)) as parts:
        (folder / "me").write_text(parts.identity.member_id)
    return folder


# Random histories


@dataclass
class Life:
    """What really happened, as somebody outside would have seen it: `used` scalar -> branches in which it was."""

    folder: Path
    clock: ManualClock
    draw: random.Random
    used: dict[bytes, set[str]] = field(default_factory=dict)
    charged: list[tuple[datetime, str, int]] = field(default_factory=list)
    rounds_made: int = 0
    refused: int = 0
    branch: str = "first"

    def step(self, parts: Parts) -> None:
        what = self.draw.choices(
            [self._open, self._work, self._charge, self._end, self._wait], weights=[3, 4, 5, 1, 3]
        )[0]
        what(parts)

    def _open(self, parts: Parts) -> None:
        self.rounds_made += 1
        agreement = manifest(nonce=f"{self.rounds_made:032x}")
        with parts.store.transaction() as tx:
            round_id = parts.book.add(tx, agreement, me=NGO.member_id)
            if parts.book.state(tx, round_id) is not RoundState.PROPOSED:
                return
            for state in (RoundState.AGREED, RoundState.PREPARING, RoundState.RUNNING):
                parts.book.move(tx, round_id, state)
            with SecretBytes(32) as scalar:
                scalar.view()[:] = self.draw.randbytes(32)
                parts.book.save_scalar(tx, round_id, scalar)
            parts.book.save_snapshot(tx, round_id, b"snapshot")

    def _work(self, parts: Parts) -> None:
        """A step of every live round: whoever has its scalar may use it."""
        for round_id in parts.book.open_ids():
            scalar = parts.book.scalar(round_id)
            if scalar is not None:
                with scalar:
                    self.used.setdefault(bytes(scalar.view()), set()).add(self.branch)

    def _charge(self, parts: Parts) -> None:
        peer = self.draw.choice([POLICE.member_id, "b" * 32, "c" * 32, "d" * 32])
        elements = self.draw.choice([64, 200, 500, 1000])
        self.rounds_made += 1
        round_id = f"{self.rounds_made:032x}"
        try:
            with parts.store.transaction() as tx:
                parts.budget.charge(tx, peer, round_id, "answer", elements, cap=LIMIT)
                parts.audit.append(tx, "budget-charged", round_id=round_id, peer=peer, elements=elements)
        except RefusedByPolicy:
            self.refused += 1
        else:
            self.charged.append((self.clock.now(), peer, elements))

    def _end(self, parts: Parts) -> None:
        open_rounds = parts.book.open_ids()
        if open_rounds:
            with parts.store.transaction() as tx:
                parts.book.move(tx, self.draw.choice(open_rounds), RoundState.CANCELLED)

    def _wait(self, _parts: Parts) -> None:
        self.clock.advance(self.draw.choice([60, 3_600, 86_400, 3 * 86_400]))

    def problems(self) -> list[str]:
        """What must never be, and is."""
        out = [f"a scalar was used in {sorted(seen)}" for seen in self.used.values() if len(seen) > 1]
        for at, peer, _ in self.charged:
            since = at - timedelta(days=DAYS)
            window = [(who, amount) for when, who, amount in self.charged if since <= when <= at]
            if sum(amount for who, amount in window if who == peer) > LIMIT:
                out.append("a member's budget was exceeded")
            if sum(amount for _, amount in window) > LIMIT_IN_ALL:
                out.append("the budget over all was exceeded")
        return out


def history(seed: int, blank: Path, folder: Path) -> Life:
    """One life: a while, a backup, a while that is lost, a restore, a while; what was seen of it."""
    node, file = Path(shutil.copytree(blank, folder / "node")), folder / "backup"
    (node / "me").unlink()
    life = Life(node, ManualClock(START), random.Random(seed))
    with open_node(node, None, clock=life.clock) as parts:
        for _ in range(life.draw.randrange(2, 25)):
            life.step(parts)
        back_up(parts, file)
        for _ in range(life.draw.randrange(2, 25)):
            life.step(parts)
        life._work(parts)
        assert parts.audit.verify().ok
        assert parts.budget.fits_log()
    shutil.rmtree(node)
    life.clock.advance(life.draw.choice([1, 3_600, 86_400]))
    restore(file, node, life.clock)
    life.branch = "restored"
    with open_node(node, None, clock=life.clock) as parts:
        life._work(parts)
        for _ in range(life.draw.randrange(10, 40)):
            life.step(parts)
        life._work(parts)
        assert parts.audit.verify().ok
        assert parts.budget.fits_log()
    return life


QUICK, CI, SOAK = 6, 40, 400


@pytest.mark.tm("TM-130", "TM-131")
@pytest.mark.parametrize(
    "runs",
    [QUICK, pytest.param(CI, marks=pytest.mark.ci), pytest.param(SOAK, marks=pytest.mark.soak)],
)
@pytest.mark.timeout(3600)
def test_whatever_happened_nothing_is_spent_a_second_time(
    blank: Path, tmp_path: Path, runs: int, record_property: Callable[[str, object], None]
) -> None:
    lives = []
    for seed in range(runs):
        folder = tmp_path / str(seed)
        folder.mkdir()
        lives.append(history(seed, blank, folder))
        assert lives[-1].problems() == [], seed
        shutil.rmtree(folder)
    assert len(lives) == runs
    record_property("ran", f"{len(lives)} random histories with a backup and a restore")
    assert sum(len(life.used) for life in lives) > runs, "scalars were used"
    assert sum(len(life.charged) for life in lives) > 3 * runs, "budgets were charged"
    assert sum(life.refused for life in lives) > runs, "budgets were spent"


@contextmanager
def keeping_scalars(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Sabotage: the backup takes scalars along, and the rounds go on after the restore."""

    def only_noted(store: Any, audit: Any, ends: Any, _book: Any, about: Any, by: str) -> list[str]:
        class Nothing(RoundBook):
            def open_ids(self, *_states: RoundState) -> list[str]:
                return []

        return settle(store, audit, ends, Nothing(store), about, by)

    with patch.context() as patched:
        patched.setattr(dump, "LEFT_OUT", {})
        patched.setattr("node.app.settle", only_noted)
        yield


def forget_restore(_self: Budget, _connection: Any, _now: datetime) -> None:
    """Sabotage: the budget as it stood in the backup."""


def found_in(lives: Callable[[int], Life], wanted: str, most: int = 12) -> bool:
    return any(wanted in problem for seed in range(most) for problem in lives(seed).problems())


@pytest.mark.tm("TM-130")
def test_twin_that_keeps_scalars_uses_one_twice(blank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def life(seed: int) -> Life:
        (tmp_path / str(seed)).mkdir()
        return history(seed, blank, tmp_path / str(seed))

    with keeping_scalars(monkeypatch):
        assert found_in(life, "a scalar was used in ['first', 'restored']")


@pytest.mark.tm("TM-131")
def test_twin_that_forgets_the_restore_exceeds_a_budget(
    blank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def life(seed: int) -> Life:
        (tmp_path / str(seed)).mkdir()
        return history(seed, blank, tmp_path / str(seed))

    monkeypatch.setattr(Budget, "_closed_until", forget_restore)
    assert found_in(life, "budget")


# Budgets after a restore


@pytest.mark.tm("TM-131")
def test_budgets_stay_closed_for_one_window_also_for_strangers_and_then_open(blank: Path, tmp_path: Path) -> None:
    clock = ManualClock(START)
    file = tmp_path / "backup"
    with open_node(blank, None, clock=clock) as parts:
        back_up(parts, file)
        spent = clock.now() + timedelta(seconds=1)
    clock.advance(3_600)
    done = restore(file, tmp_path / "node", clock)
    assert done.closed_until == clock.now() + timedelta(days=DAYS, seconds=1)
    with open_node(tmp_path / "node", None, clock=clock) as parts:
        for peer in (POLICE.member_id, "z" * 32):
            assert parts.budget.remaining(peer) == 0
            with pytest.raises(RefusedByPolicy, match=f"counts as spent until {timestamp(done.closed_until)}"):
                parts.budget.check(peer, 1)
        parts.budget.check(POLICE.member_id, 0)  # what costs nothing goes on
        clock.advance(DAYS * 86_400)
        assert parts.budget.remaining(POLICE.member_id) == 0
        clock.advance(1)
        assert parts.budget.closed_until() is None
        assert parts.budget.remaining(POLICE.member_id) == LIMIT
        assert clock.now() - spent > timedelta(days=DAYS), "what was charged last has left the window"
        entry = parts.audit.entries()[-1]
        assert entry.event == "node-restored"
        assert entry.facts["tree_size"] == done.about.entries == entry.position
        assert entry.facts["digest"] == done.about.digest
    # Another window in the settings counts from the restore, too.
    config = (tmp_path / "node" / "config.toml").read_text().replace(f"days = {DAYS}", "days = 30")
    (tmp_path / "node" / "config.toml").write_text(config)
    with open_node(tmp_path / "node", None, clock=clock) as parts:
        assert parts.budget.remaining(POLICE.member_id) == 0


# What is in it


def furnish(folder: Path, clock: ManualClock | None = None) -> tuple[Path, str]:
    """A node with data, an open round with everything it may hold, and one that is over; the open round's id."""
    node = folder / "node"
    make_folder(node, "shelter", "ngo", SETTINGS)
    with open_node(node, None, clock=clock) as parts:
        mapping = {"Case": "reference", "Phone": "phone", "Consent": "consent"}
        path = str(write_numbers(folder / "ours.csv", OURS, 0))
        terms = {"record_class": "victim", "region": "DE", "mapping": mapping, "by": "ada"}
        ask(parts, "dataset.add", path=path, name="cases", **terms)
        ids = []
        seal = parts.store.cells.seal
        with parts.store.transaction() as tx:
            for number in (1, 2):
                round_id = parts.book.add(tx, manifest(nonce=f"{number:032x}"), me=NGO.member_id)
                ids.append(round_id)
                for state in (RoundState.AGREED, RoundState.PREPARING, RoundState.RUNNING, RoundState.DECIDING):
                    parts.book.move(tx, round_id, state)
                with SecretBytes(32) as scalar:
                    scalar.view()[:] = os.urandom(32)
                    parts.book.save_scalar(tx, round_id, scalar)
                parts.book.save_snapshot(tx, round_id, b"snapshot")
                parts.book.save_decision(tx, round_id, b"[1]")
                secret = seal("rounds", round_id, "sealing_key", os.urandom(96))
                tx.execute(rounds.update().where(rounds.c.round_id == round_id).values(sealing_key=secret))
                for sequence in (1, PROTOCOL_LINE + 1):
                    name = f"{round_id}/{POLICE.member_id}/{sequence}"
                    common = {"round_id": round_id, "sequence": sequence, "kind": "ROUND"}
                    tx.execute(
                        outbox.insert().values(
                            **common, recipient=POLICE.member_id, acknowledged=False,
                            envelope=seal("outbox", name, "envelope", b"said"),
                        )
                    )  # fmt: skip
                    tx.execute(
                        inbox.insert().values(
                            **common, sender=POLICE.member_id, digest=bytes(64), processed=False,
                            payload=seal("inbox", name, "payload", b"heard"),
                        )
                    )  # fmt: skip
            parts.book.move(tx, ids[1], RoundState.FINISHED)
        spool = parts.spools.create(f"{ids[0]}-mine", 32)
        spool.append(bytes(64))
        spool.close()
    return node, ids[0]


@pytest.mark.tm("TM-130")
def test_what_an_open_round_holds_is_not_in_the_backup_and_its_end_is_told(tmp_path: Path) -> None:
    node, round_id = furnish(tmp_path)
    with open_node(node, None) as parts:
        back_up(parts, tmp_path / "backup")
    shutil.rmtree(node)
    done = restore(tmp_path / "backup", node)
    assert done.rounds == [round_id]
    assert list((node / "spools").iterdir()) == []
    with open_node(node, None) as parts, parts.store.read() as connection:
        row = connection.execute(rounds.select().where(rounds.c.round_id == round_id)).one()
        assert (row.state, row.failure_code) == ("failed", "restored")
        assert "restored from a backup" in row.failure_sentence
        assert (row.scalar, row.snapshot, row.decision, row.sealing_key) == (None,) * 4
        said = {
            (one.round_id, one.sequence): one for one in connection.execute(outbox.select().order_by(outbox.c.sequence))
        }
        dropped = said[round_id, PROTOCOL_LINE + 1]
        assert (dropped.acknowledged, dropped.envelope) == (True, b"")
        assert not said[round_id, 1].acknowledged, "a note is sent as it was"
        over = next(one for key, one in said.items() if key[0] != round_id and key[1] > PROTOCOL_LINE)
        assert not over.acknowledged, "what a finished round has still to deliver is delivered"
        assert all(one.processed and one.payload is None for one in connection.execute(inbox.select()))
        assert len(list(parts.datasets.records("cases"))) == len(OURS)
        failed = [entry for entry in parts.audit.entries() if entry.event == "round-failed"]
        assert [entry.facts["code"] for entry in failed] == ["restored"]


@pytest.mark.ci
@pytest.mark.tm("TM-132", "TM-135")
def test_a_node_on_a_database_server_is_backed_up_restored_into_a_file_and_rotated(
    postgres: Server, tmp_path: Path
) -> None:
    database = postgres.database()
    make_folder(tmp_path / "node", "shelter", "ngo", database_file=database.file(tmp_path / "address"))
    with open_node(tmp_path / "node", None) as parts:
        mapping = {"Case": "reference", "Phone": "phone", "Consent": "consent"}
        path = str(write_numbers(tmp_path / "ours.csv", OURS, 0))
        ask(
            parts, "dataset.add", path=path, name="cases", record_class="victim", region="DE", mapping=mapping, by="ada"
        )
        with parts.store.transaction() as tx:
            parts.book.add(tx, manifest(nonce=f"{1:032x}"), me=NGO.member_id)
        back_up(parts, tmp_path / "backup")
        audited = [entry.event for entry in parts.audit.entries()]
        assert turn(parts) >= 5
    with open_node(tmp_path / "node", None) as parts:
        assert len(list(parts.datasets.records("cases"))) == len(OURS)
    done = restore(tmp_path / "backup", tmp_path / "again")
    assert done.about.database_file
    assert len(done.rounds) == 1
    with open_node(tmp_path / "again", None) as parts, open_node(tmp_path / "node", None):
        assert (tmp_path / "again" / "db").exists()
        assert len(list(parts.datasets.records("cases"))) == len(OURS)
        assert [entry.event for entry in parts.audit.entries()][: len(audited)] == audited
        assert parts.audit.verify().ok


@pytest.mark.tm("TM-132")
def test_no_byte_of_a_backup_shows_a_reference_an_identifier_or_a_key(tmp_path: Path) -> None:
    node, _ = furnish(tmp_path)
    with open_node(node, None) as parts:
        back_up(parts, tmp_path / "backup")
        keys = [bytes(parts.keys.data_key(parts.keys.newest).view())]
    data = (tmp_path / "backup").read_bytes()
    hidden = [b"S-1", b"9018", b"cases", b"shelter", b"budget-charged", str(node).encode(), *keys]
    assert [word for word in hidden if word in data] == []
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o600
    restore(tmp_path / "backup", tmp_path / "again")
    for path in (tmp_path / "again").rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path.name


@pytest.mark.tm("TM-132")
def test_twin_without_the_seal_shows_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Open:
        def encrypt(self, _nonce: bytes, data: bytes, _place: bytes) -> bytes:
            return data

    monkeypatch.setattr("node.keeping.sealedfile.Header.cipher", lambda *_: Open())
    node, _ = furnish(tmp_path)
    with open_node(node, None) as parts:
        back_up(parts, tmp_path / "backup")
    data = (tmp_path / "backup").read_bytes()
    assert b"cases" in data
    assert str(node).encode() in data


# What is refused


def refused(file: Path, folder: Path, error: type[Exception], match: str) -> None:
    beside = sorted(path.name for path in folder.parent.iterdir())
    with pytest.raises(error, match=match):
        restore(file, folder)
    assert sorted(path.name for path in folder.parent.iterdir()) == beside, "nothing is left behind"


@pytest.fixture(scope="module")
def backup(blank: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("backup") / "backup"
    with open_node(blank, None) as parts:
        back_up(parts, file)
    return file


@pytest.mark.tm("TM-132")
def test_a_restore_goes_over_nothing(blank: Path, backup: Path, tmp_path: Path) -> None:
    refused(backup, blank, UserError, "already a node in the folder")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter").write_text("x")
    refused(backup, tmp_path / "full", UserError, "not empty")
    (tmp_path / "empty").mkdir()
    restore(backup, tmp_path / "empty")
    refused(backup, tmp_path / "empty", UserError, "already a node")


@pytest.mark.tm("TM-132")
def test_a_damaged_backup_puts_nothing_in_place(backup: Path, tmp_path: Path) -> None:
    data = backup.read_bytes()
    draw = random.Random(1)
    bad = tmp_path / "bad"
    for place in draw.sample(range(700, len(data)), 5):
        bad.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        refused(bad, tmp_path / "node", StateDamaged, "damaged, was changed, or is not whole")
    for cut in (len(data) - 1, len(data) // 2):
        bad.write_bytes(data[:cut])
        refused(bad, tmp_path / "node", StateDamaged, "not whole")
    bad.write_bytes(data.replace(b"backup/1", b"backup/9", 1))
    refused(bad, tmp_path / "node", UserError, "made by a newer blindmatch")
    bad.write_bytes(b"")
    refused(bad, tmp_path / "node", UserError, "not a backup")


@pytest.mark.tm("TM-132")
def test_a_restore_while_the_original_runs_is_refused(blank: Path, backup: Path, tmp_path: Path) -> None:
    with open_node(blank, None):
        refused(backup, tmp_path / "node", Busy, "is running in")


def test_a_clock_before_the_backup_is_refused(backup: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="clock stands before"):
        restore(backup, tmp_path / "node", ManualClock(datetime(2020, 1, 1, tzinfo=UTC)))


def test_a_backup_of_a_node_that_was_damaged_is_not_put_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "check_sound", lambda *_: None)
    node, _ = furnish(tmp_path)
    with open_node(node, None) as parts:
        with parts.store.transaction() as tx:
            tx.execute(rounds.update().values(decision=None))
            tx.exec_driver_sql("update audit_entries set body = replace(body, 'ada', 'eve')")
        back_up(parts, tmp_path / "backup")
    refused(tmp_path / "backup", tmp_path / "again", StateDamaged, "damaged already.*was changed")


def test_a_database_of_another_program_version_is_refused_in_words(
    blank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.keeping.backup.revision_of", lambda _connection: "9999")
    with open_node(blank, None) as parts:
        back_up(parts, tmp_path / "backup")
    refused(tmp_path / "backup", tmp_path / "node", UserError, "newer blindmatch")


TWO = ["restore.before-rename", "restore.after-rename"]


@pytest.mark.tm("TM-137")
@pytest.mark.parametrize("steps", [TWO, pytest.param(RESTORE, marks=pytest.mark.ci)], ids=["two", "every"])
def test_kill_9_at_a_step_of_a_restore_leaves_no_node_or_the_whole_one(
    backup: Path, tmp_path: Path, steps: list[str]
) -> None:
    assert len(RESTORE) == 5
    assert set(steps) <= set(RESTORE)
    folders = [tmp_path / step for step in steps]
    orders = [
        {"what": "restore", "file": str(backup), "folder": str(folder), "step": step}
        for folder, step in zip(folders, steps, strict=True)
    ]
    assert kill(orders) == [signal.SIGKILL] * len(steps)
    for folder, step in zip(folders, steps, strict=True):
        assert folder.exists() is (step == "restore.after-rename")
        if not folder.exists():
            restore(backup, folder)
        with open_node(folder, None) as parts:
            assert parts.audit.verify().ok
            assert [entry.event for entry in parts.audit.entries()].count("node-restored") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(steps), "what a crash left is cleared away"


@pytest.mark.tm("TM-137")
def test_twin_that_works_at_the_target_itself_leaves_half_a_node(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from node.store import StateDir

    @contextmanager
    def here(target: Path) -> Iterator[StateDir]:
        place = StateDir(target)
        place.create()
        yield place

    def stop(*_: object) -> None:
        raise InterruptedError

    monkeypatch.setattr("node.app.staging", here)
    monkeypatch.setattr("node.app.look_through", stop)
    with pytest.raises(InterruptedError):
        restore(backup, tmp_path / "node")
    assert (tmp_path / "node" / "key").exists()


def test_a_data_set_that_is_refreshed_meanwhile_is_in_the_backup_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The view is taken, then the data set is removed, then its records are copied: from the file that was open."""
    node, _ = furnish(tmp_path)
    with open_node(node, None) as parts:
        copy = module._write_rows

        def removed_meanwhile(*arguments: Any) -> Any:
            ask(parts, "dataset.remove", name="cases", by="ada")
            assert list((node / "datasets").glob("*.records")) == []
            return copy(*arguments)

        monkeypatch.setattr(module, "_write_rows", removed_meanwhile)
        back_up(parts, tmp_path / "backup")
        monkeypatch.undo()
        assert ask(parts, "dataset.list")["datasets"] == []
    restore(tmp_path / "backup", tmp_path / "again")
    with open_node(tmp_path / "again", None) as parts:
        assert len(list(parts.datasets.records("cases"))) == len(OURS)

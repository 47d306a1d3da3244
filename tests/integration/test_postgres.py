"""A node whose database is on a PostgreSQL server: whole rounds, and two processes that must not both run them.

One pair of real node processes for all tests: the shelter keeps its database in its folder, the police on the server.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cli._exit import Exit
from node.app import open_node
from node.errors import UserError
from node.store._postgres import LOCK_KEY
from tests.support.cut_at_commit import cut_at_commit
from tests.support.killable import ROOT, Killable
from tests.support.nodes import introduce, make_folder, run, wait_for
from tests.support.postgres import Database, Server
from tests.support.small_rounds import agree, check, decide, go, plant, run_through

END_SECONDS = 90.0
STOP_SECONDS = 10.0


@dataclass
class Served(Killable):
    """A node process with its database on a server."""

    database: Database = field(kw_only=True)

    @property
    def alias(self) -> str:
        """A copy of the folder is the same member."""
        return "police"

    def rows(self, query: str, *values: object) -> list[Any]:
        return self.database.ask(query.replace("?", "%s"), *values)

    def copy(self, name: str) -> "Served":
        """A copy of the folder as it is now, with the same key, data, settings and address of the database."""
        place = self.folder.with_name(name)
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.folder, place, ignore=shutil.ignore_patterns("control.sock"))
        place.chmod(0o700)
        return Served(place, database=self.database)


@dataclass
class Stage:
    shelter: Killable
    police: Served

    def both_run(self) -> None:
        for node in (self.shelter, self.police):
            if node.process is None or node.process.poll() is not None:
                node.start()


@pytest.fixture(scope="module")
def stage(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("nodes")
    database = postgres.database()
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setattr("node.identity.words.SCRYPT_COST", 2)
        make_folder(folder / "shelter", "shelter", "ngo")
        make_folder(folder / "police", "police", "police", database_file=database.file(folder / "address"))
        assert not (folder / "police" / "db").exists()
        with run(folder / "shelter", "shelter") as shelter, run(folder / "police", "police") as police:
            introduce(shelter, police)
            plant(folder, shelter, police)
        made = Stage(Killable(folder / "shelter"), Served(folder / "police", database=database))
        stack.callback(lambda: [node.stop() for node in (made.shelter, made.police) if node.process is not None])
        yield made


@pytest.fixture
def pair(stage: Stage) -> tuple[Killable, Served]:
    stage.both_run()
    return stage.shelter, stage.police


def charged(police: Served, round_id: str) -> list[int]:
    return [row[0] for row in police.rows("select elements from charges where round_id = ?", round_id)]


def finishes(shelter: Killable, police: Killable, round_id: str) -> None:
    wait_for(lambda: shelter.state(round_id) in ("deciding", "finished"))
    if shelter.state(round_id) == "deciding":
        decide(shelter, round_id)
    wait_for(lambda: shelter.state(round_id) == police.state(round_id) == "finished")
    check(shelter, police, round_id)


def explain_themselves(*nodes: Killable) -> None:
    for node in nodes:
        assert node.ask("audit.verify")["ok"]
        assert "Traceback" not in node.folder.with_suffix(".log").read_text()


def by_command(folder: Path) -> subprocess.Popen[str]:
    """`blindmatch node run`, as a person starts it."""
    return subprocess.Popen(
        [sys.executable, "-m", "cli", "node", "run", "--folder", str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.tm("TM-129")
def test_a_round_between_a_node_on_sqlite_and_one_on_postgresql(pair: tuple[Killable, Served]) -> None:
    shelter, police = pair
    round_id = run_through(shelter, shelter, police)
    assert charged(police, round_id) == [64]
    explain_themselves(*pair)
    # What the server holds shows no number and no lead; an unsealed one would be seen.
    assert shown(police.database, round_id) == []
    police.database.ask("INSERT INTO settings VALUES ('unsealed', %s)", b'{"reference":"P-1","phone":"+493090180001"}')
    assert shown(police.database, round_id) == [b"+4930901800", b'"reference"']
    police.database.ask("DELETE FROM settings WHERE key = 'unsealed'")


def shown(database: Database, round_id: str) -> list[bytes]:
    """What of the police's records stands in a dump of everything; bytes are dumped in hexadecimal digits."""
    told = dump(database)
    assert round_id.encode() in told
    words = (b"+4930901800", b"+49 30 9018", b'"reference"')
    return [word for word in words if word in told or word.hex().encode() in told]


def dump(database: Database) -> bytes:
    server = database.server
    return subprocess.run(
        ["pg_dump", "--host", "127.0.0.1", "--port", str(server.port), "--username", server.account, database.name],
        env={**os.environ, "PGPASSWORD": server.password},
        check=True,
        stdout=subprocess.PIPE,
    ).stdout


@pytest.mark.ci
def test_doctor_looks_at_the_server_and_disturbs_nobody(pair: tuple[Killable, Served]) -> None:
    _shelter, police = pair
    assert police.process is not None
    done = subprocess.run(
        [sys.executable, "-m", "cli", "doctor", "--json", "--folder", str(police.folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    (check,) = [check for check in json.loads(done.stdout)["checks"] if check["name"] == "database"]
    assert check["ok"], check
    assert check["says"].startswith("PostgreSQL ")
    assert f"in use by process {police.process.pid} on " in check["says"]
    assert police.database.password not in done.stdout + done.stderr
    assert police.ask("node.status")["running"]


def test_a_database_takes_one_node_and_a_half_made_one_leaves_nothing(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = postgres.database()
    address = database.file(tmp_path / "address")

    def tables() -> list[Any]:
        return database.ask("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")

    with monkeypatch.context() as patch:
        patch.setattr("node.app.Identity.create", lambda *_, **__: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            make_folder(tmp_path / "half", "half", "ngo", database_file=address)
    assert (tables(), (tmp_path / "half").exists()) == ([], False)
    make_folder(tmp_path / "first", "first", "ngo", database_file=address)
    assert (tmp_path / "first" / "config.toml").read_text().count(f'\ndatabase_file = "{address}"\n') == 1
    before = tables()
    with pytest.raises(UserError, match="already a node in this database"):
        make_folder(tmp_path / "second", "second", "ngo", database_file=address)
    assert (tables(), (tmp_path / "second").exists()) == (before, False)
    with open_node(tmp_path / "first", None) as parts:
        assert parts.audit.verify().ok


@pytest.mark.ci
@pytest.mark.tm("TM-128")
def test_a_copy_of_the_folder_is_no_second_node(pair: tuple[Killable, Served]) -> None:
    shelter, police = pair
    assert police.process is not None
    second = by_command(police.copy("copied").folder)
    said, _ = second.communicate(timeout=60)
    assert second.returncode == Exit.BUSY, said
    assert f"Another blindmatch process already uses this node's database: process {police.process.pid} on" in said
    assert police.database.password not in said
    assert "Traceback" not in said
    run_through(shelter, shelter, police)


@pytest.mark.ci
@pytest.mark.tm("TM-128")
def test_twin_without_the_lock_both_processes_run(pair: tuple[Killable, Served]) -> None:
    _shelter, police = pair
    second = police.copy("twin")
    port = "127.0.0.1:0"
    settings = (second.folder / "config.toml").read_text()
    listen = next(line for line in settings.splitlines() if line.startswith("listen"))
    (second.folder / "config.toml").write_text(settings.replace(listen, f'listen = "{port}"'))
    second.start(BLINDMATCH_TEST_SABOTAGE="no-database-lock")
    try:
        assert second.ask("node.status")["running"]
        assert police.ask("node.status")["running"]
    finally:
        second.stop()
        police.stop()  # the other one has been at its database


@pytest.mark.ci
@pytest.mark.tm("TM-129")
@pytest.mark.parametrize(
    ("point", "count"),
    [("round.after-charge", 1), pytest.param("round.after-persist", 3, marks=pytest.mark.ci)],
)
def test_kill_9_lets_the_other_take_over_and_finish(pair: tuple[Killable, Served], point: str, count: int) -> None:
    """The second machine has the folder as the first one left it: on storage that both can mount, say."""
    shelter, police = pair
    round_id = agree(shelter, shelter, police)
    police.arm("kill", point, count)
    go(shelter, round_id)
    assert police.process is not None
    police.process.wait(END_SECONDS)
    assert police.process.returncode == -signal.SIGKILL
    second = police.copy("taker")
    second.start()
    try:
        finishes(shelter, second, round_id)
        assert charged(second, round_id) == [64]
        events = [event for event, _facts in second.events(round_id)]
        assert events.count("budget-charged") == 1
        explain_themselves(shelter, second)
    finally:
        second.stop()
    # Back again, with a folder that knows less than the database.
    police.start()
    assert police.state(round_id) == "finished"
    wait_for(lambda: not list((police.folder / "spools").glob(f"*{round_id}*")))


@pytest.mark.ci
@pytest.mark.tm("TM-129")
def test_a_folder_copied_too_early_ends_the_round_and_says_so(pair: tuple[Killable, Served]) -> None:
    """Its lists are missing: a round that has begun cannot be finished with it, and nothing else comes of it."""
    shelter, police = pair
    second = police.copy("early")
    round_id = agree(shelter, shelter, police)
    police.arm("kill", "round.after-persist", 3)
    go(shelter, round_id)
    assert police.process is not None
    police.process.wait(END_SECONDS)
    second.start()
    try:
        wait_for(lambda: shelter.state(round_id) == second.state(round_id) == "failed")
        explain_themselves(shelter, second)
        run_through(shelter, shelter, second)
    finally:
        second.stop()


def noted(police: Served) -> str:
    """The last event in the audit log."""
    (body,) = police.rows("select body from audit_entries order by position desc limit 1")[0]
    return str(json.loads(body)["event"])


@pytest.mark.ci
@pytest.mark.tm("TM-128")
def test_a_node_that_lost_its_database_to_another_ends_with_a_sentence(stage: Stage) -> None:
    stage.both_run()
    stage.police.stop()
    node = by_command(stage.police.folder)
    wait_for(lambda: bool(stage.police.database.sessions()) and (stage.police.folder / "control.sock").exists())
    wait_for(lambda: noted(stage.police) == "node-started")
    before = stage.police.rows("select count(*) from audit_entries")
    with stage.police.database.taken_by("blindmatch elsewhere 77 word", LOCK_KEY):
        said, _ = node.communicate(timeout=END_SECONDS)
    assert node.returncode == Exit.BUSY, said
    assert "took this node's database over" in said
    assert "process 77 on elsewhere" in said
    assert "Traceback" not in said
    assert stage.police.rows("select count(*) from audit_entries") == before


@pytest.mark.ci
def test_a_node_whose_server_is_gone_still_stops_in_time(postgres: Server, tmp_path: Path) -> None:
    database = postgres.database()
    with cut_at_commit(postgres.port) as way:
        url = database.url.replace(f":{postgres.port}/", f":{way.port}/") + "?sslmode=disable"
        make_folder(tmp_path / "alone", "alone", "ngo", database_file=database.file(tmp_path / "address", url))
        node = by_command(tmp_path / "alone")
        try:
            wait_for((tmp_path / "alone" / "control.sock").exists)
            wait_for(lambda: database.ask("SELECT count(*) FROM audit_entries") == [(2,)])  # created, started
            assert node.stdout is not None
            way.cut()
            said = ""
            while "database-not-reached" not in said:
                said += node.stdout.readline()
                assert node.poll() is None, said
            began = time.monotonic()
            node.send_signal(signal.SIGTERM)
            said += node.communicate(timeout=60)[0]
            assert time.monotonic() - began < STOP_SECONDS
        finally:
            node.kill()
        assert node.returncode == 0, said
        assert "stop-not-noted" in said
        assert "Traceback" not in said


@pytest.mark.ci
@pytest.mark.tm("TM-126", "TM-129")
def test_a_server_that_crashes_in_a_round_costs_time_only(pair: tuple[Killable, Served]) -> None:
    shelter, police = pair
    round_id = agree(shelter, shelter, police)
    go(shelter, round_id)
    police.database.crash()
    finishes(shelter, police, round_id)
    assert charged(police, round_id) == [64]
    assert police.process is not None
    assert police.process.poll() is None
    explain_themselves(*pair)

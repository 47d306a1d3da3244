"""Bringing a database to the schema of this version: told before, kept as it was, all or nothing, nothing left over."""

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Boolean, MetaData

from cli._upgrade import tell as say
from cli.doctor import examine
from node.errors import StateDamaged
from node.failpoints import KEEPING
from node.keeping.dump import insert_rows, written
from node.store import KeyRing, Store, engine, migrations, upgrading
from node.store._postgres import PostgresDatabase
from node.store.address import parsed
from node.store.upgrading import Upgrade, copies, copy_name
from tests.support.postgres import Server
from tests.support.releases import Sleeping, about, nodes, snapshot
from tests.support.small_rounds import OURS, SHARED, learned
from tests.support.tree import ROOT

OLD = "schema-0005"
STEPS = sorted(step for step in KEEPING if step.startswith("upgrade."))
FIRST_COMMIT_KEPT = "upgrade.committed"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded")
    nodes(OLD, folder)
    return folder / "shelter"


@pytest.fixture
def shelter(recorded: Path, tmp_path: Path) -> Sleeping:
    """A stopped node with the database of an older version."""
    shutil.copytree(recorded, tmp_path / "shelter")
    (tmp_path / "shelter").chmod(0o700)
    return Sleeping(tmp_path / "shelter", nodes(OLD, tmp_path / "clock")["shelter"].clock)


def schema(folder: Path) -> str:
    with closing(sqlite3.connect(folder / "db")) as database:
        (found,) = database.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(found)


@pytest.mark.tm("TM-264")
def test_it_is_told_before_it_is_done_and_the_copy_is_the_database_as_it_was(shelter: Sleeping) -> None:
    before = (shelter.folder / "db").read_bytes()
    told: list[Upgrade] = []

    def looked(upgrade: Upgrade) -> None:
        told.append(upgrade)
        assert schema(shelter.folder) == "0005"
        assert upgrade.copy is not None
        assert upgrade.copy.stat().st_mode & 0o777 == 0o600
        assert schema_of(upgrade.copy) == "0005"
        with closing(sqlite3.connect(upgrade.copy)) as copy, closing(sqlite3.connect(":memory:")) as original:
            original.deserialize(before.replace(b"\x02\x02", b"\x01\x01", 1))  # out of WAL mode, as memory wants it
            assert list(copy.iterdump()) == list(original.iterdump())

    shelter.tell = looked
    assert learned(shelter, about(OLD)["rounds"]["finished"]) == OURS[-SHARED:]
    assert [(one.before, one.after, one.backup) for one in told] == [("0005", migrations.newest(), None)]
    shelter.ask("node.status")
    assert len(told) == 1


def schema_of(file: Path) -> str:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        return str(database.execute("SELECT version_num FROM alembic_version").fetchone()[0])


@pytest.mark.tm("TM-264")
@pytest.mark.parametrize("sabotaged", [False, True])
def test_no_copy_is_left_once_the_node_was_opened(
    shelter: Sleeping, sabotaged: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds what may be erased later, and going back to it would spend again what was spent. With the twin that
    forgets to delete it, it is found."""
    if sabotaged:
        monkeypatch.setattr(Store, "settled", lambda _self: None)
    shelter.ask("node.status")
    assert bool(copies(shelter.folder / "db")) is sabotaged


@pytest.mark.tm("TM-264")
def test_an_opening_that_fails_after_the_upgrade_leaves_the_copy_and_the_next_one_takes_it_away(
    shelter: Sleeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    from node.identity.keys import Identity

    def broken(_store: object) -> None:
        raise StateDamaged("a defect of the new version")

    with monkeypatch.context() as defect:
        defect.setattr(Identity, "load", broken)
        with pytest.raises(StateDamaged, match="a defect"):
            shelter.ask("node.status")
    copy = copy_name(shelter.folder / "db", "0005")
    assert copies(shelter.folder / "db") == [copy]
    assert schema(shelter.folder) == migrations.newest()
    # What a person would do with it: the copy in the place of the database, and everything is as it was.
    kept = copy.read_bytes()
    shelter.ask("node.status")
    assert copies(shelter.folder / "db") == []
    (shelter.folder / "db").write_bytes(kept)
    assert schema(shelter.folder) == "0005"
    assert shelter.ask("audit.verify")["ok"]


@pytest.mark.tm("TM-264")
def test_without_room_there_is_no_copy_and_that_is_said(
    shelter: Sleeping, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usage = shutil.disk_usage(shelter.folder)
    size = (shelter.folder / "db").stat().st_size
    few = usage._replace(free=2 * size + upgrading.SPARE_BYTES - 1)
    monkeypatch.setattr(upgrading, "disk_usage", lambda _folder: few)
    shelter.tell = say
    shelter.ask("node.status")
    said = capsys.readouterr().err
    assert "from schema 0005 to schema" in said
    assert "No copy of it is kept: the disk has no room for one." in said
    assert "this node never made one" in said


def test_what_a_person_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    copy = Path("/var/lib/node/db.schema-0005")
    say(Upgrade("0005", "0009", "2026-01-02T03:04:05Z", copy, on_server=False))
    said = capsys.readouterr().err
    assert "the older version cannot open it afterwards" in said
    assert str(copy) in said
    assert "the last one was begun at 2026-01-02T03:04:05Z" in said
    say(Upgrade("0005", "0009", None, None, on_server=True))
    assert "on a server" in capsys.readouterr().err


@pytest.mark.tm("TM-264")
def test_the_doctor_says_what_the_next_start_will_do_and_changes_nothing(shelter: Sleeping) -> None:
    before = snapshot(shelter.folder)
    (found,) = [check for check in examine(shelter.folder) if check.name == "database"]
    assert found.ok is None
    assert f"the next start brings schema 0005 to {migrations.newest()}" in found.says
    assert "never made one" in found.advice
    assert snapshot(shelter.folder) == before


@pytest.mark.tm("TM-263")
def test_killed_at_every_step_the_node_opens_with_everything_in_it(
    recorded: Path, tmp_path: Path, record_property: Any
) -> None:
    """Before the commit the old schema stands, after it the new one; the next opening makes good what is missing."""
    orders = []
    for step in STEPS:
        shutil.copytree(recorded, tmp_path / step / "shelter")
        (tmp_path / step / "shelter").chmod(0o700)
        orders.append({"what": "open", "folder": str(tmp_path / step / "shelter"), "step": step})
    child = subprocess.run(
        [sys.executable, "-m", "tests.support.keeping_child"],
        input=json.dumps(orders),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
        timeout=300,
    )
    assert json.loads(child.stdout) == [signal.SIGKILL] * len(STEPS)
    clock = nodes(OLD, tmp_path / "clock")["shelter"].clock
    rounds = about(OLD)["rounds"]
    for step in STEPS:
        node = Sleeping(tmp_path / step / "shelter", clock)
        copied = shutil.copytree(node.folder, tmp_path / step / "looked at")
        assert schema(copied) == ("0005" if step != FIRST_COMMIT_KEPT else migrations.newest())
        assert copies(node.folder / "db")
        assert learned(node, rounds["finished"]) == OURS[-SHARED:]
        assert node.state(rounds["deciding"]) == "deciding"
        assert node.ask("audit.verify")["ok"]
        assert copies(node.folder / "db") == []
        with node.opened() as parts:
            assert parts.store.check() == []
    assert len(STEPS) == 3
    record_property("ran", f"{len(STEPS)} steps of an upgrade, killed")


@pytest.mark.tm("TM-263")
@pytest.mark.parametrize("sabotaged", [False, True])
def test_a_step_that_fails_takes_all_of_it_back(
    shelter: Sleeping, sabotaged: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full in the middle, say. With the twin, which commits what there is, half an upgrade stands."""
    real = migrations.up_to

    def half(connection: Any, revision: str) -> None:
        connection.exec_driver_sql("DROP TABLE carried")
        if sabotaged:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("BEGIN")
        real(connection, revision)
        raise OSError("no space left")

    tables = set(tables_of(shelter.folder))
    with monkeypatch.context() as broken:
        broken.setattr(engine.migrations, "up_to", half)
        with pytest.raises(OSError, match="no space"):
            shelter.ask("node.status")
    assert (set(tables_of(shelter.folder)) != tables) is sabotaged
    assert schema(shelter.folder) == "0005"


def tables_of(folder: Path) -> Iterator[str]:
    with closing(sqlite3.connect(folder / "db")) as database:
        yield from (name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'"))


@pytest.mark.tm("TM-263")
@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE datasets SET details = zeroblob(length(details))",
        "UPDATE results SET round_id = 'nobody' WHERE id = (SELECT min(id) FROM results)",
    ],
    ids=["a cell that does not open", "a row that points to none"],
)
def test_a_damaged_database_is_not_upgraded(shelter: Sleeping, damage: str) -> None:
    with closing(sqlite3.connect(shelter.folder / "db")) as database:
        database.execute("PRAGMA journal_mode=DELETE")
        assert database.execute(damage).rowcount > 0
        database.commit()
    with pytest.raises(StateDamaged, match="was not brought to the new schema") as caught:
        shelter.ask("node.status")
    assert "installed before" in caught.value.advice
    assert schema(shelter.folder) == "0005"
    assert copies(shelter.folder / "db")


@pytest.mark.ci
@pytest.mark.tm("TM-263")
def test_an_older_database_on_a_server_is_upgraded_and_keeps_its_rows(
    shelter: Sleeping, postgres: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rows that the code of that day wrote, in the shape of that day, on PostgreSQL."""
    database = postgres.database()
    with closing(KeyRing.open(shelter.folder / "key", None)) as keys:
        rows = move_back(database.url, shelter.folder / "db")
        told: list[Upgrade] = []
        with closing(Store.open(database.url, keys, clock=shelter.clock, tell=told.append, copy=True)) as store:
            assert [(one.before, one.copy, one.on_server) for one in told] == [("0005", None, True)]
            with store.read() as connection:
                for table, count in rows.items():
                    found = connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar()
                    assert found == count, table
            assert store.check() == []
    say(told[0])
    assert "on a server" in capsys.readouterr().err


def move_back(url: str, file: Path) -> dict[str, int]:
    """Give an empty database the schema and the rows of a file; how many of each table."""
    there = PostgresDatabase(parsed(url))
    counts: dict[str, int] = {}
    try:
        there.prepare()
        with there.writing() as connection, closing(sqlite3.connect(file)) as source:
            migrations.up_to(connection, "0005")
            shape = MetaData()
            shape.reflect(connection)
            for table in shape.sorted_tables:
                if table.name == "alembic_version" or table.name in there.own_tables:
                    continue
                columns = [column.name for column in table.columns]
                flags = [isinstance(column.type, Boolean) for column in table.columns]
                lines = [
                    json.dumps([written(bool(value) if flag and value is not None else value)
                                for flag, value in zip(flags, row, strict=True)]).encode()
                    for row in source.execute(f"SELECT {', '.join(columns)} FROM {table.name}")
                ]  # fmt: skip
                if lines:
                    counts[table.name] = insert_rows(connection, shape, table.name, columns, b"\n".join(lines))
    finally:
        there.close()
    assert len(counts) > 8
    return counts

"""A node's database moves to a server: all of it, once, or not at all; and the old file never serves again."""

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import tomllib
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import func, insert, select

from cli.doctor import examine
from node.app import move_node, open_node
from node.config import write_default
from node.errors import Busy, NodeError, StateDamaged, UserError
from node.failpoints import KEEPING
from node.keeping import moving
from node.keeping.moving import ASIDE, server_settings
from node.store import migrations
from node.store.schema import charges, datasets, members, settings
from tests.support.nodes import Running, introduce, make_folder
from tests.support.postgres import Database, Server
from tests.support.small_rounds import plant
from tests.support.tree import ROOT

STEPS = sorted(step for step in KEEPING if step.startswith("move."))
SERVER = Path("/etc/blindmatch/database")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node that knows a member and has a data set, charges and a log. To be copied."""
    folder = tmp_path_factory.mktemp("moved")
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setattr("node.identity.words.SCRYPT_COST", 2)
        nodes = []
        for alias, member_class in (("shelter", "ngo"), ("police", "police")):
            make_folder(folder / alias, alias, member_class)
            nodes.append(Running(alias, stack.enter_context(open_node(folder / alias, None))))
        introduce(*nodes)
        plant(folder, *nodes)
        with nodes[1].parts.store.transaction() as tx:
            row = {"peer": nodes[0].parts.identity.member_id, "reason": "answer", "elements": 64}
            row["at"] = "2026-01-02T03:04:05Z"
            for number in range(3):
                tx.execute(insert(charges).values(round_id=f"{number:032x}", **row))
    return folder / "police"


@pytest.fixture
def node(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "police")
    (tmp_path / "police").chmod(0o700)
    return tmp_path / "police"


@pytest.fixture
def database(postgres: Server) -> Database:
    return postgres.database()


@pytest.fixture
def address(database: Database, tmp_path: Path) -> Path:
    return database.file(tmp_path / "address")


def what_it_holds(node: Path) -> dict[str, Any]:
    """What a person would look for, from whichever database the settings name."""
    with open_node(node, None) as parts, parts.store.read() as connection:
        found = {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (charges, datasets, members, settings)
        }
        one = Running("police", parts)
        events = [entry.event.value for entry in parts.audit.entries(limit=1000)]
        return found | {
            "member": parts.identity.member_id,
            "shelter": one.ask("member.show", name="shelter")["member"]["card"],
            "log": one.ask("audit.verify")["ok"],
            "events": [event for event in events if event != "settings-changed"],
            "closed": parts.budget.closed_until(),
        }


def test_the_same_node_goes_on_at_the_server(node: Path, address: Path, database: Database) -> None:
    before = what_it_holds(node)
    moved = move_node(node, None, address, by="ada")
    after = what_it_holds(node)
    assert after.pop("events") == [*before.pop("events"), "database-moved"]
    assert after == before
    assert after["closed"] is None, "nothing is forgotten, so no budget is closed"
    assert after["charges"] == 3
    assert (moved.entries, moved.resumed) == (database.ask("SELECT count(*) FROM audit_entries")[0][0] - 2, False)
    assert not (node / "db").exists()
    assert (node / ASIDE).stat().st_mode & 0o777 == 0o600
    assert tomllib.loads((node / "config.toml").read_text())["store"] == {"database_file": str(address)}
    with open_node(node, None) as parts, parts.store.transaction() as tx:
        row = {"round_id": "f" * 32, "peer": "x", "reason": "answer", "elements": 1, "at": "2026-01-02T03:04:05Z"}
        tx.execute(insert(charges).values(**row))  # its number is the next one, not one that came along
        assert tx.execute(select(func.max(charges.c.id))).scalar() == 4


def put_back(node: Path) -> None:
    """Somebody takes the old file for the node's database."""
    (node / ASIDE).rename(node / "db")
    config = (node / "config.toml").read_text()
    (node / "config.toml").write_text("\n".join(x for x in config.split("\n") if not x.startswith("database_file")))


@pytest.mark.tm("TM-255")
def test_the_old_file_serves_nobody_who_puts_it_back(node: Path, address: Path) -> None:
    move_node(node, None, address, by="ada")
    put_back(node)
    with pytest.raises(StateDamaged, match="was moved to a server") as caught:
        what_it_holds(node)
    assert "restore a backup" in str(caught.value.advice)


@pytest.mark.tm("TM-255")
def test_a_version_that_knows_nothing_of_moves_does_not_open_it_either(
    node: Path, address: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the previous release does: it knows neither the mark nor the word in place of the schema."""
    move_node(node, None, address, by="ada")
    put_back(node)
    told = {check.name: check.says for check in examine(node)}
    assert "was moved to a server" in told["database"]
    monkeypatch.setattr("node.store.engine.LEFT", "0000")
    monkeypatch.setattr("node.building.check_not_left", lambda _store: None)
    with pytest.raises(StateDamaged, match="newer blindmatch"):
        what_it_holds(node)


def test_whoever_takes_the_word_back_meets_the_mark(node: Path, address: Path) -> None:
    move_node(node, None, address, by="ada")
    put_back(node)
    with closing(sqlite3.connect(node / "db")) as file, file:
        file.execute("UPDATE alembic_version SET version_num = ?", [migrations.newest()])
    with pytest.raises(StateDamaged, match="was moved to a server at"):
        what_it_holds(node)


def test_sabotaged_without_its_mark_the_old_file_would_serve(
    node: Path, address: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "_leave", lambda _here: None)
    move_node(node, None, address, by="ada")
    put_back(node)
    what_it_holds(node)


def spend(node: Path) -> None:
    """Charges that only the server knows of."""
    with open_node(node, None) as parts, parts.store.transaction() as tx:
        row = {"round_id": "e" * 32, "peer": "x", "reason": "answer", "elements": 64, "at": "2026-01-02T03:04:05Z"}
        tx.execute(insert(charges).values(**row))


def charged(node: Path) -> int:
    with open_node(node, None) as parts, parts.store.read() as connection:
        return int(connection.execute(select(func.count()).select_from(charges)).scalar_one())


@pytest.mark.tm("TM-255")
def test_the_old_file_moves_to_no_other_server(node: Path, address: Path, postgres: Server, tmp_path: Path) -> None:
    move_node(node, None, address, by="ada")
    spend(node)
    put_back(node)
    with pytest.raises(StateDamaged, match="was moved to a server"):
        move_node(node, None, postgres.database().file(tmp_path / "second"), by="eve")


def test_sabotaged_without_that_look_what_was_spent_is_there_again(
    node: Path, address: Path, postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "check_not_left", lambda _store: None)
    monkeypatch.setattr("node.store.engine.LEFT", "0000")  # nor is its schema looked at
    monkeypatch.setattr(moving, "LEFT", migrations.newest())
    move_node(node, None, address, by="ada")
    spend(node)
    put_back(node)
    move_node(node, None, postgres.database().file(tmp_path / "second"), by="eve")
    assert charged(node) == 3


@pytest.mark.tm("TM-255")
def test_a_server_that_lost_everything_is_not_filled_from_the_old_file(
    node: Path, address: Path, database: Database
) -> None:
    move_node(node, None, address, by="ada")
    (node / ASIDE).rename(node / "db")
    database.ask("DROP SCHEMA public CASCADE")
    database.ask(f"CREATE SCHEMA public AUTHORIZATION {database.name}")
    for open_it in (what_it_holds, lambda folder: move_node(folder, None, address, by="eve")):
        with pytest.raises(StateDamaged, match="was moved to a server"):
            open_it(node)


def cut_off_after_the_commit(node: Path, address: Path) -> None:
    cut = patch.object(moving, "_leave", side_effect=KeyboardInterrupt)
    with cut, pytest.raises(KeyboardInterrupt):
        move_node(node, None, address, by="ada")
    assert (node / "db").exists()


@pytest.mark.tm("TM-255")
def test_a_node_that_opens_on_the_server_finishes_a_move_that_was_cut_off(node: Path, address: Path) -> None:
    cut_off_after_the_commit(node, address)
    spend(node)
    assert not (node / "db").exists()
    put_back(node)
    with pytest.raises(StateDamaged, match="was moved to a server"):
        charged(node)


def test_sabotaged_where_opening_finishes_nothing_the_old_file_would_serve(
    node: Path, address: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.building.finish_move", lambda _state, _keys, _store: None)
    cut_off_after_the_commit(node, address)
    spend(node)
    (node / "db").rename(node / ASIDE)
    put_back(node)
    assert charged(node) == 3


def test_another_run_finishes_it_too(node: Path, address: Path) -> None:
    cut_off_after_the_commit(node, address)
    assert move_node(node, None, address, by="ada").resumed
    assert not (node / "db").exists()


def test_a_file_that_is_no_database_of_this_node_is_left_alone(node: Path, address: Path) -> None:
    move_node(node, None, address, by="ada")
    (node / "db").write_bytes(b"somebody's notes")
    what_it_holds(node)
    assert (node / "db").read_bytes() == b"somebody's notes"


def refused(node: Path, address: Path, error: type[NodeError], says: str) -> None:
    """It stays where it was, and works."""
    config = (node / "config.toml").read_bytes()
    with pytest.raises(error, match=says) as caught:
        move_node(node, None, address, by="ada")
    assert caught.value.advice
    assert "fireweed" not in caught.value.diagnostics()
    assert (node / "config.toml").read_bytes() == config
    assert (node / "db").exists()


def test_no_other_nodes_database_is_written_over(node: Path, made: Path, address: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(made, other)
    other.chmod(0o700)
    move_node(other, None, address, by="ada")
    refused(node, address, UserError, "already a node in this database")
    what_it_holds(node)


def test_it_moves_once(node: Path, address: Path) -> None:
    move_node(node, None, address, by="ada")
    with pytest.raises(UserError, match="nothing to move"):
        move_node(node, None, address, by="ada")
    with pytest.raises(UserError, match="another file"):
        move_node(node, None, address.with_name("elsewhere"), by="ada")


def test_a_node_that_runs_is_left_alone(node: Path, address: Path) -> None:
    with open_node(node, None):
        refused(node, address, Busy, "already using the folder")


def test_a_file_of_sqlite_is_no_server(node: Path, tmp_path: Path) -> None:
    file = tmp_path / "address"
    file.write_text(f"sqlite:///{tmp_path / 'db'}\n")
    file.chmod(0o600)
    refused(node, file, UserError, "names no PostgreSQL server")


def test_an_address_that_others_may_read_is_not_used(node: Path, tmp_path: Path) -> None:
    file = tmp_path / "address"
    file.write_text("postgresql://a:fireweed-4711@localhost/b\n")
    file.chmod(0o644)
    refused(node, file, UserError, "Other accounts")


def altered(monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte of one card is another one when it arrives."""
    go_on = moving._go_on_counting
    copied = moving._copied

    def copy(source: Any, target: Any, table: Any) -> int:
        if table.name != "members":
            return copied(source, target, table)
        rows = [dict(row) for row in source.execute(select(table)).mappings()]
        for row in rows:
            row["card"] = bytes([row["card"][0] ^ 1]) + row["card"][1:]
        target.execute(table.insert(), rows)
        if moving._digest(target, table) != moving._digest(source, table):
            raise moving._differs("The table members is another one there.")
        return len(rows)

    monkeypatch.setattr(moving, "_copied", copy)
    monkeypatch.setattr(moving, "_go_on_counting", go_on)


@pytest.mark.tm("TM-255")
def test_a_row_that_changed_on_the_way_stops_the_move(
    node: Path, address: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    altered(monkeypatch)
    refused(node, address, StateDamaged, "The table members is another one there")
    assert database.ask("SELECT count(*) FROM members")[0][0] == 0
    what_it_holds(node)


def test_sabotaged_without_the_comparison_a_changed_row_arrives(
    node: Path, address: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    altered(monkeypatch)
    monkeypatch.setattr(moving, "_digest", lambda _connection, _table: (0, 0))
    move_node(node, None, address, by="ada")
    assert database.ask("SELECT count(*) FROM members")[0][0] == 1


def test_a_damaged_node_is_not_moved(node: Path, address: Path) -> None:
    with open_node(node, None) as parts, parts.store.transaction() as tx:
        tx.execute(members.update().values(card=b"x" * 40))
    refused(node, address, StateDamaged, "damaged")


@pytest.mark.parametrize(
    "text",
    ["", "[node]\nlisten = 'none'\n", "[store]\n", "[store] # where\ndatabase_file = ''\n[limits]\nworkers = 4\n",
     "[limits]\nworkers = 4\n[store]\n# database_file = ''", "store.database_file = ''\n", "default"],
)  # fmt: skip
def test_the_settings_name_the_server_and_say_what_they_said(text: str, tmp_path: Path) -> None:
    if text == "default":
        write_default(tmp_path / "config.toml", listen="127.0.0.1:1")
        text = (tmp_path / "config.toml").read_text()
    if text.startswith("store."):
        with pytest.raises(UserError, match="lets the move not name the server"):
            server_settings(text, SERVER)
        return
    before, after = tomllib.loads(text), tomllib.loads(server_settings(text, SERVER))
    assert after.pop("store") == {"database_file": str(SERVER)}
    before.pop("store", None)
    assert after == before


@pytest.mark.parametrize("text", ["= 1", "store = { database_file = '' }\n", "x = '''\n[store]\n'''\n"])
def test_settings_that_take_no_line_are_left_alone(text: str) -> None:
    with pytest.raises(UserError) as caught:
        server_settings(text, SERVER)
    assert caught.value.advice


def test_a_path_with_quotes_stays_one(tmp_path: Path) -> None:
    odd = Path('/etc/a "b" \\c/datenbank-ü')
    assert tomllib.loads(server_settings("[store]\n", odd))["store"]["database_file"] == str(odd)


@pytest.fixture(scope="module")
def killed(made: Path, postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """For each step a node that was killed there: its folder, address and database."""
    folder = tmp_path_factory.mktemp("killed")
    orders, stage = [], []
    for step in STEPS:
        node, database = folder / step, postgres.database()
        shutil.copytree(made, node)
        node.chmod(0o700)
        file = database.file(folder / f"{step}.address")
        orders.append({"what": "move", "folder": str(node), "file": str(file), "step": step})
        stage.append((step, node, file, database))
    ended = subprocess.run(
        [sys.executable, "-m", "tests.support.keeping_child"], input=json.dumps(orders), capture_output=True, text=True,
        cwd=ROOT, timeout=120, check=True,
    )  # fmt: skip
    assert json.loads(ended.stdout) == [signal.SIGKILL] * len(STEPS), ended.stderr
    return stage


def on_server(database: Database) -> bool:
    held = database.ask("SELECT to_regclass('members')")[0][0] is not None
    return held and database.ask("SELECT count(*) FROM members")[0][0] == 1


def names_server(node: Path) -> bool:
    return "database_file" in tomllib.loads((node / "config.toml").read_text()).get("store", {})


def both_serve(node: Path, database: Database) -> bool:
    """The server has all of it, and the node would still open the file in its folder."""
    return on_server(database) and not names_server(node) and (node / "db").exists()


def test_sabotaged_with_the_settings_written_last_both_would_serve(
    node: Path, address: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "_name_server", lambda _path, _text: None)  # later, and it did not come to that
    monkeypatch.setattr("node.app.set_aside", lambda _state: None)
    move_node(node, None, address, by="ada")
    assert both_serve(node, database)


@pytest.mark.ci
@pytest.mark.tm("TM-255")
def test_killed_at_any_step_no_two_databases_serve_and_another_run_finishes(
    killed: list[Any], made: Path, record_property: Any, tmp_path: Path
) -> None:
    copy = tmp_path / "as-it-was"
    shutil.copytree(made, copy)
    copy.chmod(0o700)
    before = what_it_holds(copy)
    opened: dict[str, str] = {}
    for step, node, file, database in killed:
        full, names = on_server(database), names_server(node)
        assert not both_serve(node, database)
        opened[step] = ("server" if full else "neither") if names else "folder"
        if opened[step] == "neither":
            with pytest.raises(StateDamaged, match="was not finished") as caught:
                what_it_holds(node)
            assert "node move" in str(caught.value.advice)
        else:
            what_it_holds(node)
        if (node / "db").exists():
            move_node(node, None, file, by="ada")
        now = what_it_holds(node)
        assert now.pop("events")[: len(before["events"]) + 1] == [*before["events"], "database-moved"]
        assert now == {name: value for name, value in before.items() if name != "events"}
        assert (node / ASIDE).exists()
        assert not (node / "db").exists()
    assert opened == {
        "move.copied": "folder",
        "move.settings-written": "neither",
        "move.committed": "server",
        "move.set-aside": "server",
    }
    record_property("ran", f"a move killed at {len(opened)} steps")

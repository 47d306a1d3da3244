"""An older blindmatch meets what a newer one wrote: it refuses, says what to install, and has changed nothing.

"Nothing" is the bytes and the time of the last change of every file and folder of the node. What a newer version may
write is made by hand from what this one writes: the same thing with a higher number.
"""

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from node import config
from node.app import open_node, restore_node
from node.errors import NodeError, StateDamaged, UserError
from node.keeping import backup, sealedfile
from node.operations import OPERATIONS, Dispatcher
from node.relay.folder import RelayFolder
from node.relay.running import opened as opened_relay
from node.store import KeyRing, _sqlite, migrations
from tests.support.nodes import make_folder
from tests.support.relays import make_relay
from tests.support.releases import snapshot

ALIAS = "shelter"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node that was stopped, and its backup; to be copied."""
    folder = tmp_path_factory.mktemp("newer")
    make_folder(folder / ALIAS, ALIAS, "ngo")
    with open_node(folder / ALIAS, None) as parts:
        asked = json.dumps({"path": str(folder / "backup"), "by": "ada"}).encode()
        Dispatcher(parts, OPERATIONS).invoke("node.backup", asked, lambda _step: None)
    return folder


@pytest.fixture
def node(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made / ALIAS, tmp_path / ALIAS)
    (tmp_path / ALIAS).chmod(0o700)
    return tmp_path / ALIAS


def newer_schema(node: Path) -> None:
    with sqlite3.connect(node / "db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.execute("CREATE TABLE of_a_later_version (body BLOB)")
    database.close()


def newer_key_file(node: Path) -> None:
    raw = json.loads((node / "key").read_text()) | {"format": "blindmatch-key/2", "more": {"of": "it"}}
    (node / "key").write_text(json.dumps(raw))


def newer_settings(node: Path) -> None:
    with (node / "config.toml").open("a") as file:
        file.write("\n[later]\nsetting = 1\n")


def newer_policy(node: Path) -> None:
    (node / "policy.toml").write_text("later = 1\n")


NEWER: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "schema": (newer_schema, "written by a newer blindmatch. Nothing was changed", "Install that version"),
    "key file": (newer_key_file, "written by a newer blindmatch. Nothing was changed", "Install that version"),
    "settings": (newer_settings, "There is no setting [later]", "A newer blindmatch may have more settings"),
    "policy": (newer_policy, "later", ""),
}


def refusal(node: Path) -> NodeError:
    with pytest.raises(NodeError) as caught, open_node(node, None):
        pass
    return caught.value


@pytest.mark.tm("TM-262")
@pytest.mark.parametrize("what", NEWER)
def test_what_a_newer_version_wrote_is_refused_and_stays_as_it_is(node: Path, what: str) -> None:
    write, sentence, advice = NEWER[what]
    write(node)
    before = snapshot(node)
    said = refusal(node)
    assert sentence in said.sentence
    assert advice in said.advice
    assert snapshot(node) == before


@pytest.mark.tm("TM-262")
def test_a_node_that_a_newer_version_left_without_a_clean_stop_stays_as_it_is(node: Path) -> None:
    """The newer schema stands only in the write-ahead log. SQLite may make its index file beside it, nothing else."""
    copied = node.with_name("copied")
    with sqlite3.connect(node / "db") as database:
        database.execute("PRAGMA wal_autocheckpoint=0")
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()
        shutil.copytree(node, copied, ignore=shutil.ignore_patterns("db-shm"))  # as the power cut leaves it
    database.close()
    copied.chmod(0o700)
    assert (copied / "db-wal").stat().st_size > 0
    before = {path: seen for path, seen in snapshot(copied).items() if path != str(copied)}
    assert "newer blindmatch" in refusal(copied).sentence
    after = {path: seen for path, seen in snapshot(copied).items() if path != str(copied)}
    assert {path: after[path] for path in before} == before
    assert set(after) - set(before) <= {str(copied / "db-shm")}


@pytest.mark.tm("TM-262")
def test_the_twin_that_looks_with_the_usual_connection_leaves_a_trace(
    node: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It refuses as well, and has made and removed files in the folder before."""
    monkeypatch.setattr(_sqlite.SqliteDatabase, "glance", lambda self: self._writer.begin())
    newer_schema(node)
    before = snapshot(node)
    assert "newer blindmatch" in refusal(node).sentence
    assert snapshot(node) != before


@pytest.mark.tm("TM-262")
def test_the_key_file_is_refused_before_the_database_is_opened(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    newer_key_file(node)
    newer_schema(node)
    monkeypatch.setattr(_sqlite, "_engine", lambda *_arguments, **_pool: pytest.fail("it was opened"))
    assert "The key file" in refusal(node).sentence


@pytest.mark.tm("TM-262")
def test_a_damaged_key_file_is_not_taken_for_a_newer_one(node: Path) -> None:
    for form in ("blindmatch-key/x", "blindmatch-key/0", "blindmatch-key/-2", "blindmatch-key/²", "else/2", 2, None):
        raw = json.loads((node / "key").read_text()) | {"format": form}
        (node / "key").write_text(json.dumps(raw))
        assert "is damaged" in refusal(node).sentence


def restored(file: Path, target: Path) -> Any:
    return restore_node(file, target, by="ben", unlock=lambda path, data: KeyRing.from_bytes(path, data, None))


@pytest.mark.tm("TM-262")
@pytest.mark.parametrize("what", ["form of the file", "form of its content", "schema"])
def test_a_newer_backup_is_refused_and_nothing_is_made(
    made: Path, tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "backup"
    if what == "form of the file":
        data = (made / "backup").read_bytes()
        file.write_bytes(sealedfile.MAGIC.replace(b"/1", b"/2") + data[len(sealedfile.MAGIC) :])
        expected = "made by a newer blindmatch"
    else:
        with monkeypatch.context() as later:
            if what == "schema":
                later.setattr(backup, "revision_of", lambda _connection: "9999")
                expected = "made by a newer blindmatch"
            else:
                later.setattr(backup, "FORMAT", 2)
                expected = "made by another version"
            shutil.copytree(made / ALIAS, tmp_path / "copy")
            (tmp_path / "copy").chmod(0o700)
            with open_node(tmp_path / "copy", None) as parts:
                asked = json.dumps({"path": str(file), "by": "ada"}).encode()
                Dispatcher(parts, OPERATIONS).invoke("node.backup", asked, lambda _step: None)
    before = snapshot(file)
    with pytest.raises(UserError, match=expected):
        restored(file, tmp_path / "target")
    assert snapshot(file) == before
    assert not (tmp_path / "target").exists()
    assert not (tmp_path / ".target.restoring").exists()


@pytest.mark.tm("TM-262")
def test_a_newer_relay_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    make_relay(tmp_path / "relay")
    with opened_relay(tmp_path / "relay"):
        pass
    folder = RelayFolder(tmp_path / "relay")
    with sqlite3.connect(folder.database) as database:
        database.execute("PRAGMA user_version=99")
    database.close()
    before = snapshot(folder.database)
    with pytest.raises(StateDamaged, match="written by a newer blindmatch"), opened_relay(tmp_path / "relay"):
        pass
    assert snapshot(folder.database) == before


@pytest.mark.tm("TM-262")
def test_the_doctor_says_it_before_anybody_tries(node: Path) -> None:
    from cli.doctor import examine

    newer_schema(node)
    before = snapshot(node)
    (found,) = [check for check in examine(node) if check.name == "database"]
    assert found.ok is False
    assert "newer blindmatch" in found.says
    assert snapshot(node) == before


def test_every_schema_is_known_by_the_number_in_its_files_name() -> None:
    """`Store.open` tells newer from older by these numbers, without reading the steps."""
    from importlib import import_module
    from importlib.resources import files

    names = sorted(path.name[:-3] for path in (files(migrations) / "versions").iterdir() if path.name[:4].isdecimal())
    steps = [import_module(f"node.store.migrations.versions.{name}") for name in names]
    assert [step.revision for step in steps] == list(migrations.known())
    assert [step.down_revision for step in steps] == [None, *migrations.known()[:-1]]
    assert migrations.newest() == migrations.known()[-1]
    assert config.Config()  # settings have no number: an unknown one is refused by name

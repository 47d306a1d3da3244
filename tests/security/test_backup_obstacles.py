"""What may be in the way of a backup or a restore, by accident or on purpose, and what then is said and left alone.

A damaged node, a key file that was exchanged, settings that name another database in an unusual way, an original that
runs, two restores at once, planted links, and backups that somebody sealed under a key of their own.
"""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from cli.backup import _passphrase_of
from node.app import open_node, restore_node
from node.building import build
from node.errors import Busy, StateDamaged, UserError
from node.keeping import backup as making
from node.keeping import dump
from node.keeping import restore as restoring
from node.keeping.local import local_settings
from node.keeping.restore import check_original, staging
from node.keeping.sealedfile import Writer
from node.operations import Parts
from node.store import KeyRing
from node.store.schema import settings
from tests.security.test_backup import back_up, furnish, restore, unlock
from tests.support.nodes import make_folder


@pytest.fixture
def node(tmp_path: Path) -> Path:
    make_folder(tmp_path / "node", "shelter", "ngo")
    return tmp_path / "node"


@pytest.fixture
def backup(node: Path, tmp_path: Path) -> Path:
    with open_node(node, None) as parts:
        back_up(parts, tmp_path / "backup")
    return tmp_path / "backup"


# A node that is damaged


def damage_a_cell(parts: Parts) -> None:
    with parts.store.transaction() as tx:
        tx.execute(settings.insert().values(key="renewal/x", value=b"\1\0\0\0\1" + bytes(60)))


def damage_a_record(parts: Parts) -> None:
    (path,) = parts.folder.records.glob("*.records")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def damage_the_log(parts: Parts) -> None:
    with parts.store.transaction() as tx:
        tx.exec_driver_sql("update audit_entries set body = replace(body, 'ada', 'eve')")


DAMAGE: dict[str, tuple[Callable[[Parts], None], str]] = {
    "cell": (damage_a_cell, "altered or moved"),
    "records": (damage_a_record, "prepared records"),
    "log": (damage_the_log, "was changed"),
}


@pytest.mark.tm("TM-181")
@pytest.mark.parametrize("twin", [False, True], ids=["as-it-is", "twin"])
@pytest.mark.parametrize("what", DAMAGE)
def test_no_backup_is_said_to_be_made_of_a_node_that_no_restore_would_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, twin: bool
) -> None:
    node, _ = furnish(tmp_path)
    harm, said = DAMAGE[what]
    with open_node(node, None) as parts:
        harm(parts)
        if twin:
            monkeypatch.setattr(making, "check_sound", lambda *_: None)
            back_up(parts, tmp_path / "backup")
        else:
            with pytest.raises(StateDamaged, match=f"no backup was made.*{said}"):
                back_up(parts, tmp_path / "backup")
    assert not list(tmp_path.glob(".backup*"))
    assert (tmp_path / "backup").exists() is twin
    if twin:
        with pytest.raises(StateDamaged, match="damaged already"):
            restore(tmp_path / "backup", tmp_path / "again")


@pytest.mark.tm("TM-130")
@pytest.mark.parametrize("twin", [False, True], ids=["as-it-is", "twin"])
def test_what_is_left_out_is_not_even_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, twin: bool) -> None:
    node, _ = furnish(tmp_path)
    asked: list[str] = []
    if twin:
        monkeypatch.setattr(dump, "LEFT_OUT", {})
    with open_node(node, None) as parts:
        reader = parts.store._database.reader

        @event.listens_for(reader, "before_cursor_execute")
        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            asked.append(statement)

        back_up(parts, tmp_path / "backup")
    found = [one for one in asked if re.search(r"rounds\.(scalar|snapshot|decision|sealing_key)|inbox\.payload", one)]
    assert len(asked) > 20
    assert bool(found) is twin


@pytest.mark.tm("TM-181")
@pytest.mark.parametrize("twin", [False, True], ids=["as-it-is", "twin"])
def test_a_key_file_that_is_exchanged_while_the_node_runs_does_not_spoil_the_backup(
    node: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, twin: bool
) -> None:
    with open_node(node, None) as parts:
        (node / "key").unlink()
        KeyRing.create(node / "key", None, os.urandom).close()
        if twin:
            monkeypatch.setattr(KeyRing, "as_file", lambda _ring: (node / "key").read_bytes())
        back_up(parts, tmp_path / "backup")
    if twin:
        with pytest.raises(StateDamaged, match="not whole"):
            restore(tmp_path / "backup", tmp_path / "again")
    else:
        restore(tmp_path / "backup", tmp_path / "again")


def test_another_log_of_the_same_length_is_refused(node: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = making._log
    monkeypatch.setattr(making, "_log", lambda connection: real(connection) | {"root": "ab" * 32})
    with open_node(node, None) as parts:
        back_up(parts, tmp_path / "backup")
    with pytest.raises(StateDamaged, match="another one than the backup says"):
        restore(tmp_path / "backup", tmp_path / "again")


# Settings that name a database server

NAMED = {
    "plain": '[store]\n  database_file = "x"\n[limits]\nworkers = 4\n',
    "quoted": '[store]\n"database_file" = "x"\n[limits]\nworkers = 4\n',
    "apostrophes": "[store]\n'database_file'='x'\n[limits]\nworkers = 4\n",
    "dotted": 'store.database_file = "x"\n[limits]\nworkers = 4\n',
    "inline": 'store = { database_file = "x" }\n[limits]\nworkers = 4\n',
    "returns": '[store]\r\ndatabase_file = "x"\r\n[limits]\r\nworkers = 4\r\n',
}
HIDDEN = {
    "escaped": '[store]\n"database\\u005ffile" = "x"\n',
    "several-lines": '[store]\ndatabase_file = """\nx"""\n',
    "with-another": 'store = { database_file = "x", other = 1 }\n',
}


@pytest.mark.tm("TM-182")
@pytest.mark.parametrize("style", NAMED)
def test_the_address_of_a_server_is_taken_out_however_it_is_written(style: str) -> None:
    import tomllib

    text, found = local_settings(NAMED[style])
    assert found
    assert tomllib.loads(text) in ({"limits": {"workers": 4}}, {"store": {}, "limits": {"workers": 4}})
    assert '"x"' in text or "'x'" in text, "it stays to be read"
    assert local_settings(text) == (text, False)


@pytest.mark.tm("TM-182")
@pytest.mark.parametrize("style", HIDDEN)
def test_an_address_that_cannot_be_taken_out_is_refused_at_the_backup_already(
    style: str, node: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="could not take out"):
        local_settings(HIDDEN[style])
    with open_node(node, None) as parts:
        (node / "config.toml").write_text(HIDDEN[style])
        with pytest.raises(UserError):
            back_up(parts, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


def test_settings_without_an_address_stay_as_they_are() -> None:
    for text in ("", "[limits]\n# database_file = x\n", '[store]\ndatabase_file = ""\n'):
        assert local_settings(text) == (text, False)
    with pytest.raises(UserError, match="not valid TOML"):
        local_settings("[store\n")


@pytest.mark.tm("TM-182")
@pytest.mark.parametrize("twin", [False, True], ids=["as-it-is", "twin"])
def test_a_restore_opens_the_database_in_the_folder_whatever_the_settings_say(
    node: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, twin: bool
) -> None:
    with open_node(node, None) as parts:
        (node / "config.toml").write_text(NAMED["quoted"])
        back_up(parts, tmp_path / "backup")
    monkeypatch.setattr(restoring, "local_settings", lambda text: (text, False))
    if twin:

        def as_the_settings_say(*arguments: Any, address: str) -> Parts:
            assert address
            return build(*arguments)

        monkeypatch.setattr("node.app.build", as_the_settings_say)
        with pytest.raises(UserError, match="database's address"):
            restore(tmp_path / "backup", tmp_path / "again")
    else:
        restore(tmp_path / "backup", tmp_path / "again")


# An original that runs


@pytest.mark.tm("TM-132")
@pytest.mark.parametrize("how", ["as-it-is", "open-to-the-group", "no-lock-file", "no-key-file"])
def test_a_running_original_is_found_whatever_state_its_folder_is_in(how: str, node: Path) -> None:
    with open_node(node, None):
        if how == "open-to-the-group":
            node.chmod(0o750)
        elif how != "as-it-is":
            (node / how.split("-")[1]).unlink()
        with pytest.raises(Busy, match="is running in"):
            check_original(node)
    check_original(node)


@pytest.mark.tm("TM-132")
def test_twin_that_asks_no_lock_finds_no_original(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_node(node, None):
        monkeypatch.setattr(restoring.fcntl, "flock", lambda *_: None)
        check_original(node)


@pytest.mark.tm("TM-132")
@pytest.mark.parametrize("how", ["not-ours", "link", "no-locks"])
def test_where_it_cannot_be_told_a_restore_is_refused(
    how: str, node: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how == "not-ours":

        def closed(path: Path, *_: Any) -> int:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(restoring.os, "open", closed)
    elif how == "link":
        (node / "lock").unlink()
        (node / "lock").symlink_to(tmp_path)
    else:

        def none(*_: Any) -> None:
            raise OSError(37, "No locks available")

        monkeypatch.setattr(restoring.fcntl, "flock", none)
    with pytest.raises(UserError, match="cannot be told"):
        check_original(node)


def test_an_original_that_is_gone_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "gone", tmp_path / "file", tmp_path):
        check_original(folder)
    assert list(tmp_path.iterdir()) == [tmp_path / "file"], "nothing is made there"


# The folder in which the node is put together


def second_meanwhile(patch: pytest.MonkeyPatch, target: Path, seen: list[Exception]) -> None:
    """In the middle of a restore another one to the same target begins."""
    take = restoring._Unpacking.take

    def interrupted(self: Any, frame: bytes, clock: Any) -> None:
        if self._part == 2 and not seen:
            seen.append(AssertionError("it began"))
            try:
                with staging(target):
                    pass
            except Busy as error:
                seen[0] = error
        take(self, frame, clock)

    patch.setattr(restoring._Unpacking, "take", interrupted)


@pytest.mark.tm("TM-132")
@pytest.mark.parametrize("twin", [False, True], ids=["as-it-is", "twin"])
def test_a_second_restore_to_one_folder_waits_and_takes_nothing_away(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, twin: bool
) -> None:
    seen: list[Exception] = []
    second_meanwhile(monkeypatch, tmp_path / "again", seen)
    if twin:
        monkeypatch.setattr("fcntl.flock", lambda *_: None)
        with pytest.raises((UserError, StateDamaged, OSError)):
            restore(backup, tmp_path / "again")
        return
    restore(backup, tmp_path / "again")
    assert isinstance(seen[0], Busy)
    assert "Another restore" in str(seen[0])
    with open_node(tmp_path / "again", None) as parts:
        assert parts.audit.verify().ok


@pytest.mark.tm("TM-132")
def test_what_is_planted_beside_the_target_is_left_alone(backup: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "precious").touch()
    place = tmp_path / ".again.restoring"
    for plant in (lambda: place.symlink_to(tmp_path / "elsewhere"), place.touch):
        plant()
        with pytest.raises(UserError, match="is in the way"):
            restore(backup, tmp_path / "again")
        place.unlink()
    assert (tmp_path / "elsewhere" / "precious").exists()
    # What an earlier try of this account left is cleared away, links in it included.
    place.mkdir(mode=0o755)
    (place / "key").touch()
    (place / "way").symlink_to(tmp_path / "elsewhere")
    restore(backup, tmp_path / "again")
    assert (tmp_path / "elsewhere" / "precious").exists()
    assert (tmp_path / "again").stat().st_mode & 0o777 == 0o700
    assert not (tmp_path / "again" / "way").exists()


# Backups and passphrases of others

ABOUT = {
    "part": "about", "format": 1, "software": "x", "made_at": "2026-01-01T00:00:00Z", "member": "m",
    "folder": "/nowhere", "revision": "0006", "entries": 0, "root": "",
}  # fmt: skip


def line(**head: Any) -> bytes:
    return json.dumps(head).encode() + b"\n"


def row(content: bytes, **head: Any) -> bytes:
    return line(**({"part": "rows", "table": "settings", "columns": ["key", "value"]} | head)) + content


START, CONFIG = line(**ABOUT), line(part="config")
FORGED = {
    "text": [b'"about"\n'],
    "number": [b"5\n"],
    "deep": [b"[" * 100_000 + b"\n"],
    "part-as-list": [line(part=[])],
    "about-as-numbers": [line(**ABOUT | {"member": 1})],
    "entries-as-text": [line(**ABOUT | {"entries": "0"})],
    "a-word-more": [line(**ABOUT, digest="x")],
    "a-folder-that-cannot-be": [line(**ABOUT | {"folder": "/tmp/\0x"})],
    "half-a-folder": [line(**ABOUT | {"folder": "node"})],
    "settings-as-bytes": [START, CONFIG + b"\xff"],
    "nothing-in-a-cell": [START, CONFIG, row(b'["a",null]')],
    "a-list-in-a-cell": [START, CONFIG, row(b'[{"a":1},"AA=="]')],
    "a-huge-number": [START, CONFIG, row(b"[" + b"9" * 40 + b',"AA=="]')],
    "a-row-twice": [START, CONFIG, row(b'["a","AA=="]\n["a","AA=="]')],
    "columns-of-columns": [START, CONFIG, row(b"[]", columns=[["key"]])],
    "table-as-list": [START, CONFIG, row(b"[]", table=[])],
    "file-as-number": [START, CONFIG, line(part="records", file=5)],
    "counts-as-list": [START, CONFIG, line(part="end", rows=[], files={})],
    "an-empty-node": [START, CONFIG, line(part="end", rows={}, files={})],
}


@pytest.mark.tm("TM-132")
@pytest.mark.parametrize("what", FORGED)
def test_a_backup_forged_under_a_key_of_their_own_is_refused_in_words(what: str, tmp_path: Path) -> None:
    ring = KeyRing.create(tmp_path / "key", None, os.urandom)
    frames = FORGED[what]
    with Writer(tmp_path / "forged", ring, ring.as_file(), os.urandom) as writer:
        for number, frame in enumerate(frames, start=1):
            writer.frame(frame, last=number == len(frames))
        writer.finish()
    with pytest.raises((StateDamaged, UserError)):
        restore_node(tmp_path / "forged", tmp_path / "again", by="ben", unlock=unlock)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["forged", "key"]


@pytest.mark.tm("TM-132")
def test_a_passphrase_for_a_backup_that_has_none_is_refused(tmp_path: Path) -> None:
    """Whoever names a passphrase expects a locked backup: an open one is not theirs."""
    ring = KeyRing.create(tmp_path / "key", None, os.urandom)
    named = tmp_path / "passphrase"
    named.write_text("four random words here\n")
    named.chmod(0o600)
    with pytest.raises(UserError, match="without a passphrase"):
        _passphrase_of(tmp_path / "backup", ring.as_file(), named)
    assert _passphrase_of(tmp_path / "backup", ring.as_file(), None) is None

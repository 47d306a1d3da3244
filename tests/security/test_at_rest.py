"""What lies on the disk says nothing about a person, and sealed cells stay where they were put."""

import os
import sqlite3
from collections.abc import Iterator
from itertools import permutations, product
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Boolean, Column, Engine, Integer, LargeBinary, Table, create_engine

from node.errors import StateDamaged
from node.store import KeyRing, SpoolFolder, StateDir, cells
from node.store.schema import metadata, settings
from node.store.sealed import PLACES, check_cells, reseal_cells
from psi.spool import CHUNK_ROWS
from tests.support.stores import SmallNode, secret, small_node

CANARIES = (b"+40721123456", "Ioana Exemplară".encode(), b"CASE-2026-0042", b"scalar-of-thirty-two-bytes-here!")
ROUND = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[SmallNode]:
    with small_node(tmp_path / "state") as made:
        yield made


SEALED = {
    "settings": {"value"},
    "members": {"card"},
    "datasets": {"details"},
    "stop_lists": {"body"},
    "rounds": {"snapshot", "scalar", "decision", "sealing_key"},
    "outbox": {"envelope"},
    "inbox": {"payload"},
    "results": {"body"},
    "staff": {"verifier"},
    "approvals": {"seal"},
    "exposures": {"body"},
    "decoys": {"body"},
    "freezes": {"evidence"},
    "contacts": {"body"},
    "exclusions": {"body"},
}
# Bytes that are no secret of a person's: digests, signatures, roots, and the agreement that every member signed.
OPEN = {"manifest", "signature", "cosignature", "root", "leaf_hash", "tls_key_hash", "round_key", "refusals"}
CLOSED_LISTS = {
    "members": "pending", "signatures": "signed", "staff": "active", "approvals": "waiting", "contacts": "offered",
}  # fmt: skip


def value_for(table: Table, column: Column[Any], number: int) -> Any:
    if column.name == "position" and table.name == "rounds":
        return "first"
    if column.name in ("state", "status", "verdict") and table.name in CLOSED_LISTS:
        return CLOSED_LISTS[table.name]
    if column.name == "direction":
        return "ours"
    if isinstance(column.type, Boolean):
        return False
    if isinstance(column.type, Integer):
        return number
    return bytes(32) if isinstance(column.type, LargeBinary) else f"{column.name}-{number}"


def fill(node: SmallNode, *, sealed: bool = True) -> dict[tuple[str, str, str], bytes]:
    """Canaries in every sealed column of three rows, and in a spool: (table, row, column) -> sealed cell."""
    written: dict[tuple[str, str, str], bytes] = {}
    plain = b"|".join(CANARIES)
    with node.store.transaction() as tx:
        for table, number in product([t for t in metadata.sorted_tables if t.name in SEALED], range(3)):
            values: dict[str, Any] = {}
            for column in table.columns:
                if column.name in SEALED[table.name]:
                    row = "/".join(str(value_for(table, table.c[name], number)) for name in PLACES[table.name][0])
                    place = (table.name, row, column.name)
                    values[column.name] = node.store.cells.seal(*place, plain) if sealed else plain
                    written[place] = values[column.name]
                elif not column.nullable:
                    values[column.name] = value_for(table, column, number)
            tx.execute(table.insert().values(values))
    if sealed:
        with node.keys.subkey(b"spools") as key:
            spool = SpoolFolder(node.state.spools, key).create("list", 32)
        spool.append(b"".join(canary[:32].ljust(32) for canary in CANARIES))
        spool.close()
    else:
        (node.state.spools / "list").write_bytes(b"".join(CANARIES))
    return written


def canaries_on_disk(folder: Path) -> list[tuple[str, bytes]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {"db", "db-wal", "key"} <= {path.name for path in files}, "the write-ahead log must be there to be searched"
    keys = (canary[:24] for canary in CANARIES)
    return [(path.name, canary) for canary in keys for path in files if canary in path.read_bytes()]


@pytest.mark.tm("TM-70")
def test_no_byte_of_the_folder_shows_a_canary_or_a_key(node: SmallNode) -> None:
    fill(node)
    assert canaries_on_disk(node.state.path) == []
    key = bytes(node.keys.data_key(1).view())
    with node.keys.subkey(b"spools") as subkey:
        held = (key, bytes(subkey.view()))
    assert not [path for path in node.state.path.rglob("*") if path.is_file() for k in held if k in path.read_bytes()]


@pytest.mark.tm("TM-70")
def test_twin_cells_that_are_not_sealed_are_caught(node: SmallNode) -> None:
    fill(node, sealed=False)
    found = canaries_on_disk(node.state.path)
    assert {name for name, _ in found} >= {"db-wal", "list"}
    assert {canary for _, canary in found} == {canary[:24] for canary in CANARIES}


@pytest.mark.tm("TM-70")
def test_every_column_of_bytes_is_sealed_or_known_to_be_open() -> None:
    for table in metadata.sorted_tables:
        binary = {column.name for column in table.columns if isinstance(column.type, LargeBinary)}
        rest = binary - SEALED.get(table.name, set())
        assert not {name for name in rest if name not in OPEN and not name.endswith("digest")}, table.name


def accepted_swaps(node: SmallNode, written: dict[tuple[str, str, str], bytes]) -> tuple[int, int]:
    tried = accepted = 0
    for here, there in permutations(written, 2):
        tried += 1
        try:
            node.store.cells.unseal(*here, written[there])
            accepted += 1
        except StateDamaged:
            continue
    return tried, accepted


@pytest.mark.tm("TM-71")
def test_no_sealed_cell_opens_in_another_place(node: SmallNode) -> None:
    written = fill(node)
    assert all(node.store.cells.unseal(*place, cell) == b"|".join(CANARIES) for place, cell in written.items())
    assert accepted_swaps(node, written) == (len(written) * (len(written) - 1), 0)
    assert len(written) == 3 * sum(len(columns) for columns in SEALED.values())


@pytest.mark.tm("TM-71")
def test_twin_without_associated_data_swapped_cells_open(node: SmallNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "_associated_data", lambda header, *place: header)
    tried, accepted = accepted_swaps(node, fill(node))
    assert accepted == tried


@pytest.mark.tm("TM-71")
def test_lengths_keep_the_parts_of_a_place_apart(node: SmallNode) -> None:
    sealed = node.store.cells.seal("rounds", "ab", "cd", b"plain")
    for place in (("rounds", "abc", "d"), ("rounds", "a", "bcd"), ("roundsa", "b", "cd"), ("rounds", "", "abcd")):
        with pytest.raises(StateDamaged):
            node.store.cells.unseal(*place, sealed)


@pytest.mark.tm("TM-72")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o666, 0o700, 0o400])
def test_a_key_file_with_another_mode_is_refused(node: SmallNode, mode: int) -> None:
    node.state.key.chmod(mode)
    with pytest.raises(StateDamaged, match="mode"):
        KeyRing.open(node.state.key, secret())


@pytest.fixture
def _no_umask() -> Iterator[None]:
    """Only what we ask for ourselves closes a file."""
    old = os.umask(0)
    yield
    os.umask(old)


def open_to_others(folder: Path) -> set[str]:
    paths = (folder, *folder.rglob("*"))
    return {path.name for path in paths if path.stat().st_mode & 0o777 != (0o700 if path.is_dir() else 0o600)}


@pytest.mark.tm("TM-72")
@pytest.mark.usefixtures("_no_umask")
def test_every_file_and_folder_is_closed_to_others(tmp_path: Path) -> None:
    with small_node(tmp_path / "state") as node:
        fill(node)
        assert open_to_others(node.state.path) == set()


@pytest.mark.tm("TM-72")
@pytest.mark.usefixtures("_no_umask")
def test_twin_files_made_with_the_usual_mode_are_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.store._sqlite.FILE_MODE", 0o644)
    monkeypatch.setattr("node.store.state_dir.FOLDER_MODE", 0o755)
    monkeypatch.setattr("node.store.place.FOLDER_MODE", 0o755)
    with small_node(tmp_path / "state") as node:
        fill(node)
        assert open_to_others(node.state.path) >= {"state", "db", "db-wal"}


@pytest.mark.tm("TM-72")
def test_twins_without_the_checks_take_such_key_files(
    node: SmallNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.state.key.chmod(0o644)
    with monkeypatch.context() as patch:
        patch.setattr("node.store.keyfile.FILE_MODE", 0o644)
        KeyRing.open(node.state.key, secret()).close()
    node.state.key.chmod(0o600)
    node.state.key.rename(tmp_path / "elsewhere")
    node.state.key.symlink_to(tmp_path / "elsewhere")
    monkeypatch.setattr(os, "O_NOFOLLOW", 0)
    KeyRing.open(node.state.key, secret()).close()


@pytest.mark.tm("TM-72")
def test_a_key_file_that_is_a_link_is_refused(node: SmallNode, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    node.state.key.rename(other)
    node.state.key.symlink_to(other)
    with pytest.raises(StateDamaged):
        KeyRing.open(node.state.key, secret())


@pytest.mark.tm("TM-71")
def test_rotation_keeps_old_cells_readable_and_seals_new_ones_under_the_new_key(node: SmallNode) -> None:
    old = node.store.cells.seal("rounds", ROUND, "scalar", b"old")
    assert node.keys.rotate(os.urandom) == 2
    new = node.store.cells.seal("rounds", ROUND, "scalar", b"new")
    assert (old[1:5], new[1:5]) == (b"\0\0\0\1", b"\0\0\0\2")
    with small_node(node.state.path, state=StateDir(node.state.path)) as again:
        assert again.store.cells.unseal("rounds", ROUND, "scalar", old) == b"old"
        assert again.store.cells.unseal("rounds", ROUND, "scalar", new) == b"new"
    # The key number is authenticated: a cell cannot be made to look as if it were under another key.
    with pytest.raises(StateDamaged):
        node.store.cells.unseal("rounds", ROUND, "scalar", old[:4] + b"\2" + old[5:])
    with pytest.raises(StateDamaged):
        node.store.cells.unseal("rounds", ROUND, "scalar", old[:4] + b"\3" + old[5:])


@pytest.mark.tm("TM-71")
def test_rotation_leaves_no_cell_of_any_table_under_the_old_key(node: SmallNode, record_property: Any) -> None:
    written = fill(node)
    newest = node.keys.rotate(os.urandom)
    with node.store.read() as connection, pytest.raises(StateDamaged):
        check_cells(connection, node.store.cells, only=newest)
    assert reseal_cells(node.store, newest) == len(written)
    with node.store.read() as connection:
        assert check_cells(connection, node.store.cells, only=newest) == len(written)
    assert canaries_on_disk(node.state.path) == []
    record_property("ran", f"{len(written)} cells of {len(SEALED)} tables sealed anew")


@pytest.mark.tm("TM-71")
@pytest.mark.parametrize("table", sorted(SEALED))
def test_twin_that_forgets_a_table_leaves_it_under_the_old_key(
    node: SmallNode, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    written = fill(node)
    newest = node.keys.rotate(os.urandom)
    with monkeypatch.context() as patch:
        patch.setattr("node.store.sealed.PLACES", {name: place for name, place in PLACES.items() if name != table})
        assert reseal_cells(node.store, newest) == len([place for place in written if place[0] != table])
    with node.store.read() as connection, pytest.raises(StateDamaged):
        check_cells(connection, node.store.cells, only=newest)


@pytest.mark.tm("TM-70")
def test_a_full_spool_chunk_does_not_show_its_rows(node: SmallNode) -> None:
    with node.keys.subkey(b"spools") as key:
        spool = SpoolFolder(node.state.spools, key).create("list", 32)
    spool.append(CANARIES[3] * CHUNK_ROWS)
    spool.close()
    assert all(CANARIES[3] not in path.read_bytes() for path in node.state.spools.iterdir())


@pytest.mark.tm("TM-70")
def test_deleted_rows_are_overwritten_in_the_database_file(node: SmallNode) -> None:
    mark = b"not sealed, only to be found again"
    with node.store.transaction() as tx:
        tx.execute(settings.insert().values(key="mark", value=mark))
    with node.store.transaction() as tx:
        tx.execute(settings.delete())
    node.store.close()
    connection = sqlite3.connect(node.state.database)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    assert mark not in node.state.database.read_bytes()


def told_of_a_failed_statement(node: SmallNode) -> str:
    with pytest.raises(Exception, match="UNIQUE") as caught, node.store.transaction() as tx:  # noqa: PT012
        for _ in range(2):
            # As text: of bytes SQLAlchemy would show the address alone, hidden or not.
            tx.execute(settings.insert().values(key=CANARIES[0].decode(), value=b""))
    return str(caught.value) + repr(caught.value)


@pytest.mark.tm("TM-73")
def test_an_error_about_a_statement_does_not_show_its_values(node: SmallNode) -> None:
    assert CANARIES[0].decode() not in told_of_a_failed_statement(node)


@pytest.mark.tm("TM-73")
def test_twin_that_does_not_hide_parameters_shows_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def talkative(*arguments: Any, **options: Any) -> Engine:
        return create_engine(*arguments, **(options | {"hide_parameters": False}))

    monkeypatch.setattr("node.store._sqlite.create_engine", talkative)
    with small_node(tmp_path / "talkative") as node:
        assert CANARIES[0].decode() in told_of_a_failed_statement(node)

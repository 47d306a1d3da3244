"""An audit log cannot be changed unnoticed.

Someone with the database file changes, deletes, inserts, swaps or cuts off entries; then someone with the node's keys
as well rewrites the whole log and signs it again, which only a checkpoint that another member kept can show.
"""

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node.audit import AuditLog, Checkpoint, Report, verify
from node.audit.checkpoint import Checkpoint as CheckpointClass
from node.audit.merkle import leaf_hash
from node.store import StateDir, Store
from tests.support.stores import SmallNode, small_node

ENTRIES = 20
Change = Callable[[sqlite3.Connection], None]


def fill(node: SmallNode, entries: int = ENTRIES) -> Checkpoint:
    """`entries` entries, a checkpoint after each fifth; the last checkpoint."""
    for number in range(entries):
        with node.store.transaction() as tx:
            node.clock.advance(60)
            node.audit.append(tx, "budget-charged", peer="b" * 32, elements=number, by="anna")
            if number % 5 == 4:
                last = node.audit.checkpoint(tx)
    return last


@pytest.fixture
def node(tmp_path: Path) -> Iterator[SmallNode]:
    with small_node(tmp_path / "state") as made:
        yield made


@pytest.fixture
def judge(node: SmallNode, tmp_path: Path) -> Callable[[Change], Report]:
    """Applies a change to a copy of the database and verifies the copy."""
    fill(node)
    node.store.close()
    with sqlite3.connect(node.state.database) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()

    def run(change: Change) -> Report:
        copy = tmp_path / "copy.db"
        shutil.copy(node.state.database, copy)
        connection = sqlite3.connect(copy)
        change(connection)
        connection.commit()
        connection.close()
        store = Store.open(f"sqlite:///{copy}", node.keys, clock=node.clock)
        try:
            return AuditLog(store, node.signer, node.clock).verify()
        finally:
            store.close()
            for left in tmp_path.glob("copy.db*"):
                left.unlink()

    return run


def sql(text: str, *values: object) -> Change:
    return lambda connection: connection.execute(text, values) and None


def rehash(connection: sqlite3.Connection, position: int, body: bytes) -> None:
    connection.execute(
        "UPDATE audit_entries SET body = ?, leaf_hash = ?, at = ? WHERE position = ?",
        (body.decode(), leaf_hash(body), json.loads(body)["time"], position),
    )


def swap(first: int, second: int) -> Change:
    def change(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE audit_entries SET position = 999 WHERE position = ?", (first,))
        connection.execute("UPDATE audit_entries SET position = ? WHERE position = ?", (first, second))
        connection.execute("UPDATE audit_entries SET position = ? WHERE position = 999", (second,))

    return change


def edit_with_hash(position: int) -> Change:
    """The careful forger: body and stored hash fit each other again."""

    def change(connection: sqlite3.Connection) -> None:
        (body,) = connection.execute("SELECT body FROM audit_entries WHERE position = ?", (position,)).fetchone()
        rehash(connection, position, body.replace('"anna"', '"emil"').encode())

    return change


def delete_and_close_up(position: int) -> Change:
    def change(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM audit_entries WHERE position = ?", (position,))
        rows = connection.execute("SELECT position, body FROM audit_entries WHERE position > ? ORDER BY 1", (position,))
        for old, body in rows.fetchall():
            connection.execute("UPDATE audit_entries SET position = ? WHERE position = ?", (old - 1, old))
            moved = body.replace(f'"position":{old}', f'"position":{old - 1}')
            rehash(connection, old - 1, moved.encode())

    return change


INSERT = "INSERT INTO audit_entries SELECT ?, at, body, leaf_hash FROM audit_entries WHERE position = ?"
CHANGES: dict[str, list[Change]] = {
    "edited": [edit_with_hash(position) for position in range(ENTRIES)],
    "deleted": [sql("DELETE FROM audit_entries WHERE position = ?", position) for position in range(ENTRIES)],
    "deleted and closed up": [delete_and_close_up(position) for position in range(ENTRIES)],
    "swapped": [swap(position, (position + 7) % ENTRIES) for position in range(ENTRIES)],
    "repeated": [sql(INSERT, ENTRIES + 5, position) for position in range(ENTRIES)],
    "cut off": [sql("DELETE FROM audit_entries WHERE position >= ?", position) for position in range(ENTRIES)],
    "other time": [
        sql("UPDATE audit_entries SET at = '2020-01-01T00:00:00Z' WHERE position = ?", position)
        for position in range(ENTRIES)
    ],
    "not text": [sql("UPDATE audit_entries SET body = x'ff00' WHERE position = ?", place) for place in range(ENTRIES)],
    "hash as text": [
        sql("UPDATE audit_entries SET leaf_hash = 'x' WHERE position = ?", position) for position in range(ENTRIES)
    ],
    "checkpoint root": [
        sql("UPDATE checkpoints SET root = zeroblob(32) WHERE tree_size = ?", size) for size in (5, 10, 15, 20)
    ],
    "checkpoint signature": [
        sql("UPDATE checkpoints SET signature = zeroblob(64) WHERE tree_size = ?", size) for size in (5, 10, 15, 20)
    ],
}


@pytest.mark.tm("TM-74")
@pytest.mark.parametrize("kind", CHANGES)
def test_every_change_to_an_entry_or_checkpoint_is_found(kind: str, judge: Callable[[Change], Report]) -> None:
    reports = [judge(change) for change in CHANGES[kind]]
    assert len(reports) in (4, ENTRIES)
    assert [report.ok for report in reports] == [False] * len(reports)
    assert all(report.problems[0].endswith(".") for report in reports)


@pytest.mark.tm("TM-74")
def test_an_untouched_log_is_sound(judge: Callable[[Change], Report]) -> None:
    report = judge(lambda connection: None)
    assert report.ok
    assert (report.entries, report.checkpoints) == (ENTRIES, ENTRIES // 5)


def every_byte(node: SmallNode, report_of: Callable[[], Report]) -> tuple[int, int]:
    """Flip one bit of every byte of every column of every entry, in place: how many were tried and how many found."""
    connection = sqlite3.connect(node.state.database, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    columns = ("at", "body", "leaf_hash")
    rows = connection.execute(
        "SELECT position, CAST(at AS BLOB), CAST(body AS BLOB), leaf_hash FROM audit_entries"
    ).fetchall()
    tried = found = 0
    for position, *values in rows:
        for column, value in zip(columns, values, strict=True):
            kind = "BLOB" if column == "leaf_hash" else "TEXT"
            statement = f"UPDATE audit_entries SET {column} = CAST(? AS {kind}) WHERE position = ?"
            for index in range(len(value)):
                changed = bytearray(value)
                changed[index] ^= 1 << (index + position) % 8
                connection.execute(statement, (bytes(changed), position))
                tried += 1
                found += not report_of().ok
            connection.execute(statement, (value, position))
    connection.close()
    return tried, found


@pytest.mark.tm("TM-74")
def test_a_flipped_bit_in_any_byte_is_found(tmp_path: Path) -> None:
    with small_node(tmp_path / "state") as node:
        fill(node, ENTRIES)
        tried, found = every_byte(node, node.audit.verify)
        assert tried > ENTRIES * (20 + 140 + 32)
        assert found == tried
        assert node.audit.verify().ok


@pytest.mark.tm("TM-74")
def test_twin_a_check_that_believes_stored_hashes_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "_entry_problem", lambda *parts: "")
    monkeypatch.setattr(verify, "_compare", lambda *parts: None)
    with small_node(tmp_path / "state") as node:
        fill(node, 5)
        tried, found = every_byte(node, node.audit.verify)
        assert found < tried


def rewritten(node: SmallNode) -> None:
    """Everything again, with one entry changed, all hashes and all signatures new: what a thief of the keys can do."""
    connection = sqlite3.connect(node.state.database)
    edit_with_hash(3)(connection)
    connection.execute("DELETE FROM checkpoints")
    connection.commit()
    connection.close()
    with node.store.transaction() as tx:
        AuditLog(node.store, node.signer, node.clock).checkpoint(tx)


@pytest.mark.tm("TM-75")
def test_a_rewritten_and_signed_log_is_found_by_a_checkpoint_that_another_member_kept(node: SmallNode) -> None:
    remembered = fill(node)
    assert node.audit.verify([remembered]).ok
    rewritten(node)
    assert node.audit.verify().ok, "inside the node nothing shows it, which is why peers keep checkpoints"
    report = node.audit.verify([remembered])
    assert [problem for problem in report.problems if "another member remembers" in problem]


@pytest.mark.tm("TM-75")
def test_an_end_cut_off_with_its_checkpoints_is_found_by_a_kept_checkpoint(node: SmallNode) -> None:
    remembered = fill(node)
    connection = sqlite3.connect(node.state.database)
    connection.execute("DELETE FROM audit_entries WHERE position >= 10")
    connection.execute("DELETE FROM checkpoints WHERE tree_size > 10")
    connection.commit()
    connection.close()
    assert node.audit.verify().ok
    assert "the end of the log is missing" in node.audit.verify([remembered]).problems[0]


@pytest.mark.tm("TM-75")
def test_a_made_up_remembered_checkpoint_does_not_count_as_ours(node: SmallNode) -> None:
    kept = fill(node)
    forged = Checkpoint(kept.tree_size, kept.root, bytes(64))
    assert "does not carry this node's signature" in node.audit.verify([forged]).problems[0]


@pytest.mark.tm("TM-75")
def test_twin_without_signature_check_a_forged_checkpoint_passes(
    node: SmallNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = fill(node)
    monkeypatch.setattr(CheckpointClass, "verify", lambda *parts, **named: None)
    assert node.audit.verify([Checkpoint(kept.tree_size, kept.root, bytes(64))]).ok


def test_many_problems_are_counted_and_not_all_listed(node: SmallNode, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(node)
    monkeypatch.setattr(verify, "MAX_PROBLEMS", 3)
    connection = sqlite3.connect(node.state.database)
    connection.execute("UPDATE audit_entries SET leaf_hash = zeroblob(32)")
    connection.commit()
    connection.close()
    report = node.audit.verify()
    assert len(report.problems) == 3
    assert report.more_problems == ENTRIES - 3


def test_the_log_survives_a_restart(node: SmallNode) -> None:
    fill(node)
    node.store.close()
    with small_node(node.state.path, state=StateDir(node.state.path), signer=node.signer) as again:
        with again.store.transaction() as tx:
            assert again.audit.append(tx, "node-started") == ENTRIES
            again.audit.checkpoint(tx)
        assert again.audit.verify().ok

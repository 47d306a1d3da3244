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
from node.audit.merkle import Tree, leaf_hash, verify_inclusion
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


ASIDE = 10**6
"""A position that no entry of these logs has."""


def swap(first: int, second: int) -> Change:
    def change(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE audit_entries SET position = ? WHERE position = ?", (ASIDE, first))
        connection.execute("UPDATE audit_entries SET position = ? WHERE position = ?", (first, second))
        connection.execute("UPDATE audit_entries SET position = ? WHERE position = ?", (second, ASIDE))

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


def byte_changes(value: bytes) -> Iterator[bytes]:
    """At every byte: another one, none, one more, and its neighbour's place; never what was there before."""
    for index in range(len(value)):
        yield value[:index] + bytes([value[index] ^ 1 << index % 8]) + value[index + 1 :]
        yield value[:index] + value[index + 1 :]
        yield value[:index] + b"0" + value[index:]
        if index and value[index] != value[index - 1]:
            yield value[: index - 1] + value[index : index + 1] + value[index - 1 : index] + value[index + 1 :]


@pytest.mark.ci
@pytest.mark.tm("TM-74")
def test_a_change_at_any_byte_is_found_by_audit_verify(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Change, delete, insert and swap at every byte of 20 entries; once as it is, once with a hash that fits again."""
    with small_node(tmp_path / "state") as node:
        fill(node, ENTRIES)
        connection = sqlite3.connect(node.state.database, isolation_level=None)
        connection.execute("PRAGMA synchronous=OFF")
        rows = connection.execute("SELECT position, CAST(body AS BLOB), leaf_hash FROM audit_entries").fetchall()
        tried = missed = 0
        for position, body, leaf in rows:
            for number, changed in enumerate(byte_changes(body)):
                # The careful forger at every other one: both at each byte would show nothing more.
                fitting = leaf_hash(changed) if number % 2 else leaf
                put = "UPDATE audit_entries SET body = CAST(? AS TEXT), leaf_hash = ? WHERE position = ?"
                connection.execute(put, (changed, fitting, position))
                tried += 1
                missed += node.audit.verify().ok
            connection.execute(put, (body, leaf, position))
        connection.close()
        assert node.audit.verify().ok
    record_property("ran", f"{tried:,} changes at every byte of {len(rows)} entries, all found")
    assert len(rows) == ENTRIES
    assert tried >= 3 * sum(len(body) for _, body, _ in rows)
    assert missed == 0


LONG = 1_000


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.tm("TM-74")
def test_a_change_at_any_byte_of_a_long_log_is_found(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """1,000 entries. Every change is given to what `audit verify` asks of each row and of the root; of each entry one
    change of each sort goes through the whole of it."""
    with small_node(tmp_path / "state") as node:
        fill(node, LONG)
        connection = sqlite3.connect(node.state.database, isolation_level=None)
        connection.execute("PRAGMA synchronous=OFF")
        rows = connection.execute(
            "SELECT position, CAST(at AS BLOB), CAST(body AS BLOB), leaf_hash FROM audit_entries ORDER BY position"
        ).fetchall()
        tree = Tree([leaf for *_, leaf in rows])
        tried = missed = whole = 0
        put = "UPDATE audit_entries SET body = CAST(? AS TEXT), leaf_hash = ? WHERE position = ?"
        for position, at, body, leaf in rows:
            proof = tree.inclusion(position, LONG)
            for number, changed in enumerate(byte_changes(body)):
                tried += 1
                other = leaf_hash(changed)
                missed += not verify._row_problem(position, at, changed, leaf)
                missed += verify_inclusion(other, position, LONG, proof, tree.root())
                if 4 * position <= number < 4 * position + 4 or number < 4:
                    connection.execute(put, (changed, other if number % 2 else leaf, position))
                    whole += 1
                    missed += node.audit.verify().ok
            connection.execute(put, (body, leaf, position))
        connection.close()
        assert node.audit.verify().ok
    record_property("ran", f"{tried:,} changes at every byte of {LONG:,} entries, {whole:,} through the whole check")
    assert tried >= 3 * sum(len(body) for _, _, body, _ in rows)
    assert whole >= 4 * LONG
    assert missed == 0


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.tm("TM-74")
def test_every_entry_of_a_long_log_that_is_changed_deleted_inserted_or_swapped_is_found(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with small_node(tmp_path / "state") as node:
        fill(node, LONG)
        connection = sqlite3.connect(node.state.database, isolation_level=None)
        connection.execute("PRAGMA synchronous=OFF")
        rows, found = connection.execute("SELECT * FROM audit_entries").fetchall(), 0
        for position in range(LONG):
            for change in (
                edit_with_hash(position),
                sql("DELETE FROM audit_entries WHERE position = ?", position),
                sql(INSERT, LONG + 5, position),
                swap(position, (position + 7) % LONG),
            ):
                connection.execute("BEGIN")
                change(connection)
                connection.execute("COMMIT")
                found += not node.audit.verify().ok
                undo(connection, rows)
        connection.close()
    record_property("ran", f"{4 * LONG:,} changes of whole entries")
    assert found == 4 * LONG


def undo(connection: sqlite3.Connection, rows: list[tuple[object, ...]]) -> None:
    """Put the entries back as they were."""
    connection.execute("BEGIN")
    connection.execute("DELETE FROM audit_entries")
    connection.executemany("INSERT INTO audit_entries VALUES (?, ?, ?, ?)", rows)
    connection.execute("COMMIT")


@pytest.mark.tm("TM-74")
def test_twin_a_check_that_believes_stored_hashes_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "_row_problem", lambda *parts: "")
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

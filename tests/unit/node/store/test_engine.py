import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from node.errors import Busy, StateDamaged, UserError
from node.rounds.book import RoundBook
from node.rounds.leads import LeadBook
from node.rounds.results import Agreement, Lead
from node.store import Store, _sqlite
from node.store.schema import datasets, metadata, results, rounds, settings
from tests.support.agreements import NGO, agreement
from tests.support.stores import SmallNode, small_node


@pytest.fixture
def node(tmp_path: Path) -> Iterator[SmallNode]:
    with small_node(tmp_path / "state") as made:
        yield made


def put(store: Store, key: str) -> None:
    with store.transaction() as tx:
        tx.execute(settings.insert().values(key=key, value=b""))


def count(store: Store) -> int:
    with store.read() as connection:
        return int(connection.execute(select(func.count()).select_from(settings)).scalar_one())


def reopen(node: SmallNode) -> Store:
    node.store.close()
    return Store.open(node.state.database_url, node.keys, clock=node.clock)


def tamper(node: SmallNode, statement: str) -> bytes:
    node.store.close()
    connection = sqlite3.connect(node.state.database)
    connection.execute(statement)
    connection.commit()
    connection.close()
    return node.state.database.read_bytes()


def test_the_migrations_lead_to_the_schema(node: SmallNode) -> None:
    with node.store.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        made = {sql for (sql,) in connection.execute(text("SELECT sql FROM sqlite_master WHERE sql LIKE '%CHECK%'"))}
    constraints = {c.name for t in metadata.tables.values() for c in t.constraints if str(c.name).startswith("ck_")}
    assert constraints
    assert all(any(str(name) in sql for sql in made) for name in constraints)


def undo_0003(tx: Connection) -> None:
    tx.execute(text("DROP TABLE stop_lists"))
    for table, column in (("datasets", "version_id"), ("datasets", "version"), ("datasets", "refreshed_at"),
                          ("rounds", "version_id"), ("rounds", "listed_at")):  # fmt: skip
        tx.execute(text(f"ALTER TABLE {table} DROP COLUMN {column}"))


def test_what_was_there_before_versions_is_version_one(tmp_path: Path) -> None:
    with small_node(tmp_path / "old") as node:
        with node.store.transaction() as tx:
            tx.execute(
                datasets.insert().values(
                    dataset_id="d", name="cases", record_class="victim", basis="consent", normaliser_version="bm1",
                    records=1, usable=1, counts="{}", details=b"", created_at="2026-01-02T03:04:05Z", version_id="d",
                    version=1,
                )
            )  # fmt: skip
            rows = {}
            for number, state in enumerate(("agreed", "running", "finished", "failed")):
                rows[state] = RoundBook(node.store).add(tx, agreement(title=f"Round {number}"), me=NGO.member_id)
                tx.execute(rounds.update().where(rounds.c.round_id == rows[state]).values(dataset_id="d", state=state))
            undo_0003(tx)
            tx.execute(text("UPDATE alembic_version SET version_num = '0002'"))
        store = reopen(node)
        with store.read() as connection:
            assert connection.execute(select(datasets.c.version_id, datasets.c.version)).one() == ("d", 1)
            found = connection.execute(select(rounds.c.state, rounds.c.version_id, rounds.c.listed_at)).all()
        made = {state: (version, listed is not None) for state, version, listed in found}
        assert made == {
            "agreed": (None, False), "running": ("d", True), "finished": ("d", True), "failed": (None, False)
        }  # fmt: skip
        store.close()


def test_leads_of_the_first_version_are_kept_as_blocks_of_one(tmp_path: Path) -> None:
    """The database as 0.1.0 made it, with two leads; their sealed bodies open as they are."""
    with small_node(tmp_path / "old") as node:
        with node.store.transaction() as tx:
            round_id = RoundBook(node.store).add(tx, agreement(), me=NGO.member_id)
            tx.execute(text("DROP TABLE results"))
            undo_0003(tx)
            tx.execute(
                text(
                    "CREATE TABLE results (id INTEGER NOT NULL PRIMARY KEY, round_id TEXT NOT NULL REFERENCES rounds, "
                    "number INTEGER NOT NULL, body BLOB NOT NULL, status TEXT NOT NULL, at TEXT NOT NULL)"
                )
            )
            for number, status in ((1, "lead"), (2, "withheld")):
                body = b'{"reference":"S-%d","agreements":[["phone","%016x"]],"shares_with":[7]}' % (number, number)
                sealed = node.store.cells.seal("results", f"{round_id}/{number}", "body", body)
                values = {"round": round_id, "number": number, "body": sealed, "status": status}
                tx.execute(
                    text("INSERT INTO results VALUES (NULL, :round, :number, :body, :status, '2026-01-02T03:04:05Z')"),
                    values,
                )
            tx.execute(text("UPDATE alembic_version SET version_num = '0001'"))
        store = reopen(node)
        book = LeadBook(store)
        leads = [Lead(f"S-{n}", (Agreement("phone", f"{n:016x}"),), (7,)) for n in (1, 2)]
        assert book.list(round_id, first=1, limit=5) == [(1, "lead", leads[0]), (2, "withheld", leads[1])]
        assert (book.count(round_id), book.list(round_id, first=2, limit=1)) == (2, [(2, "withheld", leads[1])])
        with store.transaction() as tx:
            assert book.mark(tx, round_id, {2}) == 1
        assert [status for _number, status, _lead in book.list(round_id, first=1, limit=5)] == ["withheld", "released"]
        store.close()


def test_the_settings_that_durability_needs_are_on(node: SmallNode) -> None:
    with node.store.transaction() as tx:
        found = {
            name: tx.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}


def test_a_transaction_that_raises_leaves_nothing(node: SmallNode) -> None:
    with pytest.raises(ZeroDivisionError), node.store.transaction() as tx:  # noqa: PT012
        tx.execute(settings.insert().values(key="a", value=b""))
        raise ZeroDivisionError
    assert count(node.store) == 0
    put(node.store, "b")
    assert count(node.store) == 1


def test_a_transaction_in_a_transaction_is_a_mistake(node: SmallNode) -> None:
    with pytest.raises(RuntimeError, match="already open"), node.store.transaction(), node.store.transaction():
        pass
    put(node.store, "still works")


def test_reading_inside_a_transaction_sees_it_and_outside_does_not(node: SmallNode) -> None:
    seen: list[int] = []
    with node.store.transaction() as tx:
        tx.execute(settings.insert().values(key="a", value=b""))
        assert count(node.store) == 1
        other = threading.Thread(target=lambda: seen.append(count(node.store)))
        other.start()
        other.join()
    assert seen == [0]
    assert count(node.store) == 1


def test_a_reader_cannot_write(node: SmallNode) -> None:
    with pytest.raises((OperationalError, StateDamaged)), node.store.read() as connection:
        connection.execute(settings.insert().values(key="a", value=b""))
    assert count(node.store) == 0


def test_a_read_is_a_view_of_one_moment(node: SmallNode) -> None:
    with node.store.read() as connection:
        query = select(func.count()).select_from(settings)
        assert connection.execute(query).scalar_one() == 0
        writer = threading.Thread(target=put, args=(node.store, "a"))
        writer.start()
        writer.join()
        assert connection.execute(query).scalar_one() == 0
    assert count(node.store) == 1


def test_many_threads_write_and_none_is_lost(node: SmallNode) -> None:
    def work(name: int) -> None:
        for number in range(25):
            with node.store.transaction() as tx:
                total = tx.execute(select(func.count()).select_from(settings)).scalar_one()
                tx.execute(settings.insert().values(key=f"{total:05}", value=b"%d %d" % (name, number)))

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Read and write in one transaction: had two writers overlapped, two would have seen the same total.
    assert count(node.store) == 200


def test_foreign_keys_hold(node: SmallNode) -> None:
    with pytest.raises(IntegrityError), node.store.transaction() as tx:
        tx.execute(results.insert().values(round_id="none", first=1, body=b"", statuses="l", at=""))


def test_opening_again_changes_nothing(node: SmallNode) -> None:
    put(node.store, "a")
    again = reopen(node)
    try:
        assert count(again) == 1
        assert again.check() == []
    finally:
        again.close()


def test_a_database_of_a_newer_version_is_refused_and_untouched(node: SmallNode) -> None:
    before = tamper(node, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StateDamaged, match="newer blindmatch"):
        reopen(node)
    assert node.state.database.read_bytes() == before


def test_a_database_that_is_not_ours_is_refused(node: SmallNode) -> None:
    tamper(node, "DROP TABLE alembic_version")
    with pytest.raises(StateDamaged, match="not made by blindmatch"):
        reopen(node)


@pytest.mark.parametrize("content", [b"not a database, just text " * 200, b"SQLite format 3\0" + bytes(4000)])
def test_a_file_that_is_not_a_database_is_damage(node: SmallNode, content: bytes) -> None:
    node.store.close()
    for path in node.state.path.glob("db*"):
        path.unlink()
    node.state.database.write_bytes(content)
    with pytest.raises(StateDamaged):
        reopen(node)


@pytest.mark.parametrize(("start", "length"), [(-8192, 8192), (-4096, 100)])
def test_damage_inside_is_found_by_check(node: SmallNode, start: int, length: int) -> None:
    for number in range(200):
        put(node.store, f"key {number} " + "x" * 100)
    node.store.close()
    content = bytearray(node.state.database.read_bytes())
    content[start : start + length or None] = bytes(length)  # rows, not the list of tables
    node.state.database.write_bytes(bytes(content))
    store = reopen(node)
    try:
        (problem,) = store.check()
        assert "damaged" in problem
    finally:
        store.close()


def test_rows_that_point_nowhere_are_found_by_check(node: SmallNode) -> None:
    tamper(node, "INSERT INTO results VALUES (1, 'none', 1, x'', 'l', '')")
    store = reopen(node)
    try:
        assert store.check() == ["Rows of the database point to rows that do not exist."]
    finally:
        store.close()


def test_another_program_that_holds_the_file_is_named_as_the_cause(
    node: SmallNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_sqlite, "BUSY_SECONDS", 0)
    store = reopen(node)
    other = sqlite3.connect(node.state.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(Busy, match="Another program"):
            put(store, "a")
        other.execute("ROLLBACK")
        put(store, "a")
    finally:
        other.close()
        store.close()


def test_a_full_disk_is_said_and_nothing_is_half_written(node: SmallNode) -> None:
    with node.store.transaction() as tx:
        pages = tx.exec_driver_sql("PRAGMA page_count").scalar_one()
        tx.exec_driver_sql(f"PRAGMA max_page_count={pages + 2}")
    with pytest.raises(Busy, match="full"), node.store.transaction() as tx:  # noqa: PT012
        tx.execute(settings.insert().values(key="small", value=b""))
        tx.execute(settings.insert().values(key="large", value=bytes(100_000)))
    assert count(node.store) == 0
    put(node.store, "small again")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "postgresql://host/db", "", "a b", "nonsense"])
def test_another_kind_of_database_is_refused(node: SmallNode, url: str) -> None:
    with pytest.raises(UserError, match=r"SQLite|address"):
        Store.open(url, node.keys, clock=node.clock)


def test_a_folder_that_is_not_there(node: SmallNode, tmp_path: Path) -> None:
    with pytest.raises(StateDamaged, match="cannot be opened"):
        Store.open(f"sqlite:///{tmp_path}/missing/db", node.keys, clock=node.clock)


def test_a_folder_name_with_a_percent_sign(tmp_path: Path) -> None:
    with small_node(tmp_path / "100%d %(here)s") as node:
        put(node.store, "a")
        assert count(node.store) == 1

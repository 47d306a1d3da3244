"""What is particular to SQLite, and the databases that older versions left."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import MetaData, select
from sqlalchemy.engine import make_url

from node.errors import Busy, StateDamaged
from node.rounds.leads import LeadBook
from node.rounds.results import Agreement, Lead
from node.store import Cells, KeyRing, StateDir, Store, _sqlite
from node.store.revisions import at_revision
from node.store.schema import datasets, outbox, rounds, settings
from tests.support.stores import CHEAP, SmallNode, count, put, reopen, secret, small_node

WHEN = "2026-01-02T03:04:05Z"

CHUNK_BYTES = 128 * 1024
"""About those of a chunk of a list."""


@pytest.fixture
def node(tmp_path: Path) -> Iterator[SmallNode]:
    with small_node(tmp_path / "state") as made:
        yield made


@pytest.fixture
def place(tmp_path: Path) -> StateDir:
    """A folder with a key, for a database that an older version made."""
    state = StateDir(tmp_path / "old")
    state.create()
    KeyRing.create(state.key, secret(), os.urandom, cost=CHEAP).close()
    return state


def tamper(node: SmallNode, statement: str) -> bytes:
    node.store.close()
    connection = sqlite3.connect(node.state.database)
    connection.execute(statement)
    connection.commit()
    connection.close()
    return node.state.database.read_bytes()


def old_round(round_id: str, **values: object) -> dict[str, object]:
    """A round as every version keeps it."""
    made = {"round_id": round_id, "manifest": b"", "convener": "m", "position": "first", "state": "finished"}
    return {**made, "started": True, "reports": "{}", "learned": True, "created_at": WHEN, "updated_at": WHEN, **values}


def test_what_was_there_before_versions_is_version_one(place: StateDir) -> None:
    states = ("agreed", "running", "finished", "failed")
    with at_revision(place.database_url, "0002") as tx:
        old = MetaData()
        old.reflect(tx)
        assert "stop_lists" not in old.tables
        tx.execute(
            old.tables["datasets"].insert().values(
                dataset_id="d", name="cases", record_class="victim", basis="consent", normaliser_version="bm1",
                records=1, usable=1, counts="{}", details=b"", created_at=WHEN,
            )
        )  # fmt: skip
        tx.execute(
            old.tables["rounds"].insert(),
            [old_round(f"r{number}", state=state, dataset_id="d") for number, state in enumerate(states)],
        )
    with small_node(place.path, state=place) as node, node.store.read() as connection:
        assert connection.execute(select(datasets.c.version_id, datasets.c.version)).one() == ("d", 1)
        found = connection.execute(select(rounds.c.state, rounds.c.version_id, rounds.c.listed_at)).all()
    made = {state: (version, listed is not None) for state, version, listed in found}
    assert made == {"agreed": (None, False), "running": ("d", True), "finished": ("d", True), "failed": (None, False)}


def test_leads_of_the_first_version_are_kept_as_blocks_of_one(place: StateDir) -> None:
    """The database as 0.1.0 made it, with two leads; their sealed bodies open as they are."""
    keys = KeyRing.open(place.key, secret())
    cells = Cells(keys, os.urandom)
    with at_revision(place.database_url, "0001") as tx:
        old = MetaData()
        old.reflect(tx)
        tx.execute(old.tables["rounds"].insert().values(**old_round("r")))
        for number, status in ((1, "lead"), (2, "withheld")):
            body = b'{"reference":"S-%d","agreements":[["phone","%016x"]],"shares_with":[7]}' % (number, number)
            sealed = cells.seal("results", f"r/{number}", "body", body)
            tx.execute(
                old.tables["results"].insert().values(round_id="r", number=number, body=sealed, status=status, at=WHEN)
            )
    keys.close()
    with small_node(place.path, state=place) as node:
        book = LeadBook(node.store)
        leads = [Lead(f"S-{n}", (Agreement("phone", f"{n:016x}"),), (7,)) for n in (1, 2)]
        assert book.list("r", first=1, limit=5) == [(1, "lead", leads[0]), (2, "withheld", leads[1])]
        assert (book.count("r"), book.list("r", first=2, limit=1)) == (2, [(2, "withheld", leads[1])])
        with node.store.transaction() as tx:
            assert book.mark(tx, "r", {2}) == 1
        assert [status for _number, status, _lead in book.list("r", first=1, limit=5)] == ["withheld", "released"]


def test_what_waited_to_be_sent_before_messages_were_sealed_is_not_sent_any_more(place: StateDir) -> None:
    """Its numbers stay used: some of it may have arrived."""
    with at_revision(place.database_url, "0003") as tx:
        old = MetaData()
        old.reflect(tx)
        with closing(KeyRing.open(place.key, secret())) as keys:
            said = Cells(keys, os.urandom).seal("outbox", "r/m/1", "envelope", b"said")
        row = {"round_id": "r", "recipient": "m", "kind": "STATUS", "envelope": said}
        tx.execute(
            old.tables["outbox"].insert(),
            [row | {"sequence": n, "acknowledged": done} for n, done in ((1, True), (2, False))],
        )
    with small_node(place.path, state=place) as node, node.store.read() as connection:
        found = connection.execute(select(outbox.c.sequence, outbox.c.acknowledged, outbox.c.envelope)).all()
    assert sorted(found) == [(1, True, said), (2, True, b"")]


def test_the_settings_that_durability_needs_are_on(node: SmallNode) -> None:
    with node.store.transaction() as tx:
        found = {
            name: tx.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}


def test_a_database_of_a_newer_version_is_not_touched(node: SmallNode) -> None:
    before = tamper(node, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StateDamaged, match="newer blindmatch"):
        reopen(node)
    assert node.state.database.read_bytes() == before


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


def test_a_folder_that_is_not_there(node: SmallNode, tmp_path: Path) -> None:
    with pytest.raises(StateDamaged, match="cannot be opened"):
        Store.open(f"sqlite:///{tmp_path}/missing/db", node.keys, clock=node.clock)


def test_a_folder_name_with_a_percent_sign(tmp_path: Path) -> None:
    with small_node(tmp_path / "100%d %(here)s") as node:
        put(node.store, "a")
        assert count(node.store) == 1


@pytest.mark.tm("TM-142")
@pytest.mark.parametrize("page_bytes", [4096, 16_384])
def test_the_log_is_written_into_the_file_before_it_takes_more_room(tmp_path: Path, page_bytes: int) -> None:
    """Whatever the pages of the file, which an older version may have made: what a round takes is said beforehand."""
    path, most = tmp_path / "db", 0
    if page_bytes != _sqlite.PAGE_BYTES:
        with closing(sqlite3.connect(path)) as older:
            older.execute(f"PRAGMA page_size={page_bytes}")
            older.execute("CREATE TABLE made_before (a)")
    database = _sqlite.SqliteDatabase(make_url(f"sqlite:///{path}"))
    with closing(database):
        with database.writing() as tx:
            assert tx.exec_driver_sql("PRAGMA page_size").scalar() == page_bytes
            tx.exec_driver_sql("CREATE TABLE chunks (body BLOB)")
        for _ in range(2 * _sqlite.LOG_BYTES // CHUNK_BYTES):
            with database.writing() as tx:
                tx.exec_driver_sql("INSERT INTO chunks VALUES (zeroblob(?))", (CHUNK_BYTES,))
            most = max(most, (tmp_path / "db-wal").stat().st_size)
    assert _sqlite.LOG_BYTES // 2 < most < _sqlite.LOG_BYTES + 2 * CHUNK_BYTES

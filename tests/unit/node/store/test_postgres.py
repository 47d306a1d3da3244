"""What is particular to PostgreSQL: who may write, what is flushed, how the server is reached, and what is said.

Each defence has its twin: the same check with the defence taken out, which must come out the other way.
"""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, event
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from node.errors import Busy, NodeError, StateDamaged, UserError
from node.store import _postgres
from node.store._postgres import LOCK_KEY, PostgresDatabase, TakenOver
from node.store._postgres_errors import explained
from node.store.address import parsed
from node.store.engine import look_at_server
from node.store.schema import settings
from tests.support.cut_at_commit import cut_at_commit
from tests.support.postgres import Database, Server, server_setting
from tests.support.stores import SmallNode, another, count, put, says, small_node

CANARY = b"CANARY-0721-555-0100"


@pytest.fixture
def database(postgres: Server) -> Database:
    return postgres.database()


@pytest.fixture
def node(database: Database, tmp_path: Path) -> Iterator[SmallNode]:
    with small_node(tmp_path / "state", url=database.url) as made:
        yield made


def writer_of(node: SmallNode) -> Engine:
    assert isinstance(node.store._database, PostgresDatabase)
    return node.store._database._writer


# Who may write.


@pytest.mark.tm("TM-128")
def test_a_second_process_is_told_who_has_the_database(node: SmallNode, database: Database) -> None:
    said = says(lambda: another(node), database.password, database.name)
    assert said.startswith("Another blindmatch process already uses this node's database: process ")
    assert f"process {os.getpid()} on {socket.gethostname()[:20]}" in said
    put(node.store, "goes on")
    node.store.close()
    again = another(node)
    assert count(again) == 1
    again.close()


@pytest.mark.tm("TM-128")
def test_twin_without_the_lock_a_second_process_gets_in(node: SmallNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_postgres, "_LOCK", "SELECT %s IS NOT NULL")
    second = another(node)
    put(second, "both write")
    put(node.store, "at the same time")
    second.close()


@pytest.mark.tm("TM-128")
def test_a_lost_connection_costs_one_step_and_is_made_again(node: SmallNode, database: Database) -> None:
    with pytest.raises(Busy, match=r"lost\. Nothing of this step was saved"), node.store.transaction() as tx:  # noqa: PT012
        tx.execute(settings.insert().values(key="a", value=b""))
        database.lose_the_writer()
        tx.execute(settings.insert().values(key="b", value=b""))
    assert count(node.store) == 0
    put(node.store, "again")
    assert count(node.store) == 1
    assert database.ask("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted") == [(1,)]


OTHER = "blindmatch elsewhere 77 word"


@pytest.mark.tm("TM-128")
def test_whoever_took_the_lock_keeps_it(node: SmallNode, database: Database) -> None:
    with database.taken_by(OTHER, LOCK_KEY) as other:
        with suppress(Busy):
            put(node.store, "the one that finds out")
        for _ in range(2):
            with pytest.raises(TakenOver, match="process 77 on elsewhere"):
                put(node.store, "a")
        other.execute("SELECT pg_advisory_unlock(%s)", (LOCK_KEY,))
        # It is free again, and this process is through all the same: it does not know what was written meanwhile.
        with pytest.raises(TakenOver):
            put(node.store, "a")
        with pytest.raises(TakenOver):
            node.store.keep()
    assert database.ask("SELECT count(*) FROM settings") == [(0,)]


@pytest.mark.tm("TM-128")
def test_twin_without_the_lock_on_a_new_connection_it_would_write(
    node: SmallNode, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PostgresDatabase, "_take", lambda self, session: None)
    with database.taken_by(OTHER, LOCK_KEY):
        with suppress(Busy):
            put(node.store, "the one that finds out")
        put(node.store, "a")
    assert database.ask("SELECT count(*) FROM settings") == [(1,)]


def came_and_went(node: SmallNode, database: Database) -> None:
    database.lose_the_writer()
    other = another(node)
    put(other, "from elsewhere")
    other.close()
    with suppress(Busy):
        put(node.store, "the one that finds out")
    put(node.store, "a")


@pytest.mark.tm("TM-128")
def test_somebody_who_came_and_went_is_found_out(node: SmallNode, database: Database) -> None:
    with pytest.raises(TakenOver, match="has ended again"):
        came_and_went(node, database)
    assert database.ask("SELECT key FROM settings") == [("from elsewhere",)]


@pytest.mark.tm("TM-128")
def test_twin_without_its_word_it_would_go_on(
    node: SmallNode, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PostgresDatabase, "_is_ours", lambda self, found: True)
    came_and_went(node, database)
    assert database.ask("SELECT count(*) FROM settings") == [(2,)]


def migrated_and_died(node: SmallNode, database: Database) -> None:
    """Another process wrote, as a migration does, and was gone before its store was open."""
    database.lose_the_writer()
    other = PostgresDatabase(parsed(database.url))
    other.prepare()
    with other.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE made_elsewhere (n int)")
    other.close()
    with suppress(Busy):
        put(node.store, "the one that finds out")
    put(node.store, "a")


@pytest.mark.tm("TM-128")
def test_somebody_who_only_migrated_is_found_out(node: SmallNode, database: Database) -> None:
    with pytest.raises(TakenOver, match="has ended again"):
        migrated_and_died(node, database)
    with pytest.raises(TakenOver):
        node.store.keep()
    assert database.ask("SELECT count(*) FROM settings") == [(0,)]


@pytest.mark.tm("TM-128")
def test_twin_without_a_word_in_the_same_transaction_it_would_go_on(
    node: SmallNode, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PostgresDatabase, "_remember", lambda self, connection: None)
    migrated_and_died(node, database)
    assert database.ask("SELECT count(*) FROM settings") == [(1,)]


@pytest.mark.tm("TM-128")
def test_somebody_who_died_before_he_wrote_anything_has_changed_nothing(node: SmallNode, database: Database) -> None:
    before = database.ask("SELECT word FROM node_process")
    database.lose_the_writer()
    other = PostgresDatabase(parsed(database.url))
    other.prepare()
    with other.writing() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM settings")
    other.close()
    assert database.ask("SELECT word FROM node_process") == before
    with suppress(Busy):
        put(node.store, "the one that finds out")
    put(node.store, "a")


def test_a_database_of_somebody_else_is_left_as_it_is(database: Database, tmp_path: Path) -> None:
    database.ask("CREATE TABLE theirs (n int)")
    with pytest.raises(StateDamaged, match="not made by blindmatch"), small_node(tmp_path / "state", url=database.url):
        pass
    assert database.ask("SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [("theirs",)]


@pytest.mark.tm("TM-128")
def test_a_session_of_ours_that_the_server_still_holds_is_ended(node: SmallNode, database: Database) -> None:
    """The way broke, and the server has not noticed: without more, our own dead session would keep us out."""
    (before, *_) = database.sessions()
    with writer_of(node).connect() as connection:
        session: Any = connection.connection.dbapi_connection
        number = session.pgconn.socket
        kept = os.dup(number)  # the server sees a connection that is there and says nothing
        nothing = os.open("/dev/null", os.O_RDWR)
        os.dup2(nothing, number)
        os.close(nothing)
    assert before in database.sessions()
    with suppress(Busy):
        put(node.store, "the one that finds out")
    put(node.store, "a")
    assert before not in database.sessions()
    os.close(kept)


@pytest.mark.tm("TM-128")
@pytest.mark.parametrize(
    ("true", "told", "sentence"),
    [
        ("pg_backend_pid()", "pg_backend_pid() + 1", "connection pooler"),
        ("pg_is_in_recovery()", "true", "copy of another one"),
        ("current_setting('server_version_num')::int", "120010", "older than PostgreSQL 13"),
    ],
)
def test_a_server_that_would_not_do_is_refused(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, true: str, told: str, sentence: str
) -> None:
    """A pooler answers with a number of its own when a session begins: here the other side of that is made up."""
    assert true in _postgres._STATE
    monkeypatch.setattr(_postgres, "_STATE", _postgres._STATE.replace(true, told))
    with pytest.raises(UserError, match=sentence), small_node(tmp_path / "state", url=database.url):
        pass


# What is flushed.


@pytest.mark.tm("TM-126")
@pytest.mark.parametrize("name", ["fsync", "full_page_writes"])
def test_a_server_that_does_not_flush_is_refused(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with small_node(tmp_path / "state", url=database.url) as node:
        assert node.store.keep()
        with server_setting(database.server, name, "off"):
            with pytest.raises(Busy, match="does not flush"):
                node.store.keep()  # a node that runs finds out too
            database.lose_the_writer()
            with suppress(Busy):
                put(node.store, "the one that finds out")
            with pytest.raises(Busy, match="does not flush"):
                put(node.store, "a")
            node.store.close()
            with pytest.raises(UserError, match="does not flush"):
                another(node)
            with pytest.raises(UserError, match="does not flush"):
                look_at_server(database.url)
            # The twin: without the check the same server is taken.
            monkeypatch.setattr(PostgresDatabase, "_durable", lambda self, *_: None)
            another(node).close()


def kept_after_a_crash(node: SmallNode, database: Database) -> int:
    """How many of 100 acknowledged transactions are there after a crash of the server right behind the last.

    Nothing is flushed on the server's own account here, so that only a commit that waits for it is safe.
    """
    with database.wal_writer_stopped() as writer:
        for number in range(100):
            put(node.store, f"key {number}")
        database.crash(writer)
    return int(database.ask("SELECT count(*) FROM settings")[0][0])


@pytest.mark.tm("TM-126")
def test_what_was_acknowledged_outlives_a_crash_of_the_server(postgres: Server, tmp_path: Path) -> None:
    """Whatever the account or the database says about it."""
    database = postgres.database()
    database.ask(f"ALTER ROLE {database.name} SET synchronous_commit = off")
    with small_node(tmp_path / "state", url=database.url) as node:
        assert kept_after_a_crash(node, database) == 100
        with suppress(Busy):
            put(node.store, "the one that finds out")
        put(node.store, "and it goes on")


@pytest.mark.tm("TM-126")
def test_twin_without_the_setting_something_acknowledged_is_lost(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = postgres.database()
    database.ask(f"ALTER ROLE {database.name} SET synchronous_commit = off")
    monkeypatch.delitem(_postgres._SETTINGS, "synchronous_commit")
    monkeypatch.setattr(PostgresDatabase, "_durable", lambda self, *_: None)
    with small_node(tmp_path / "state", url=database.url) as node:
        assert kept_after_a_crash(node, database) < 100


def cut(postgres: Server, folder: Path, when: str) -> tuple[bool, int]:
    """Whether a transaction says that it was saved whose COMMIT met a broken way, and how many rows there are then."""
    database = postgres.database()
    with cut_at_commit(postgres.port) as way:
        url = database.url.replace(f":{postgres.port}/", f":{way.port}/") + "?sslmode=disable"
        with small_node(folder, url=url) as node:
            way.arm(when)
            said = False
            with suppress(Busy):
                put(node.store, "a")
                said = True
            assert way.cuts == 1
            put(node.store, "b")  # it goes on
            return said, count(node.store) - 1


@pytest.mark.tm("TM-126")
@pytest.mark.parametrize(("when", "saved"), [("before", False), ("after", True)])
def test_a_commit_without_an_answer_is_asked_after(postgres: Server, tmp_path: Path, when: str, saved: bool) -> None:
    assert cut(postgres, tmp_path / "state", when) == (saved, int(saved))


@pytest.mark.tm("TM-126")
def test_twin_without_asking_it_would_call_a_saved_step_lost(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PostgresDatabase, "_was_committed", lambda self, word: False)
    assert cut(postgres, tmp_path / "state", "after") == (False, 1)


def lost_in_a_crash(postgres: Server, folder: Path) -> tuple[bool, int]:
    """As `cut`, but the server crashes at the COMMIT, and before it is asked others have gone on working there.

    The transaction never reached its disk: so the server gives its number out again, to one that is committed.
    """
    database = postgres.database()
    given: list[int] = []

    def crash(connection: Connection) -> None:
        if given:
            return
        number = connection.exec_driver_sql("SELECT pg_current_xact_id()::text::int").scalar_one()
        for process in (connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one(), writer):
            os.kill(process, signal.SIGKILL)
        until = time.monotonic() + 60
        while not given or given[-1] < number:
            assert time.monotonic() < until
            with suppress(psycopg.OperationalError), postgres.admin() as admin:
                found = admin.execute("SELECT pg_current_xact_id()::text::int").fetchone()
                assert found is not None
                given.append(found[0])
        assert number in given

    with small_node(folder, url=database.url) as node, database.wal_writer_stopped() as writer:
        event.listen(writer_of(node), "commit", crash)
        said = False
        with suppress(Busy):
            put(node.store, "a")
            said = True
        assert given
        until = time.monotonic() + 20
        while not node.store.keep():
            assert time.monotonic() < until
        put(node.store, "b")  # it goes on
        return said, count(node.store) - 1


@pytest.mark.tm("TM-126")
def test_a_commit_lost_in_a_crash_is_not_taken_for_saved(postgres: Server, tmp_path: Path) -> None:
    assert lost_in_a_crash(postgres, tmp_path / "state") == (False, 0)


@pytest.mark.tm("TM-126")
def test_twin_that_asks_by_the_servers_number_takes_anothers_for_its_own(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember = PostgresDatabase._remember

    def number(self: PostgresDatabase, connection: Connection) -> str | None:
        remember(self, connection)
        return str(connection.exec_driver_sql("SELECT pg_current_xact_id()").scalar_one())

    def by_number(self: PostgresDatabase, word: str) -> bool:
        with postgres.admin() as admin:
            return admin.execute("SELECT pg_xact_status(%s::xid8)", (word,)).fetchone() == ("committed",)

    monkeypatch.setattr(PostgresDatabase, "_remember", number)
    monkeypatch.setattr(PostgresDatabase, "_was_committed", by_number)
    assert lost_in_a_crash(postgres, tmp_path / "state") == (True, 0)


def test_a_commit_after_which_another_has_written_is_not_called_either(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = postgres.database()
    asked = PostgresDatabase._was_committed

    def somebody_was_faster(self: PostgresDatabase, word: str) -> bool:
        until = time.monotonic() + 20
        while True:
            assert time.monotonic() < until
            with suppress(Busy):
                another(opened, database.url).close()
                break
        return asked(self, word)

    monkeypatch.setattr(PostgresDatabase, "_was_committed", somebody_was_faster)
    with cut_at_commit(postgres.port) as way:
        url = database.url.replace(f":{postgres.port}/", f":{way.port}/") + "?sslmode=disable"
        with small_node(tmp_path / "state", url=url) as opened:
            way.arm("after")
            with pytest.raises(Busy, match="whether it has is not known"):
                put(opened.store, "a")
            with pytest.raises(TakenOver):
                put(opened.store, "b")


def test_a_transaction_that_only_reads_writes_no_word(node: SmallNode, database: Database) -> None:
    put(node.store, "a")
    before = database.ask("SELECT word FROM node_process")
    with node.store.transaction() as tx:
        tx.execute(settings.select()).all()
    assert database.ask("SELECT word FROM node_process") == before
    put(node.store, "b")
    assert database.ask("SELECT word FROM node_process") != before


def test_a_commit_that_cannot_be_asked_after_is_not_called_either(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_postgres, "ASK_SECONDS", 0.3)
    database = postgres.database()
    with cut_at_commit(postgres.port) as way:
        url = database.url.replace(f":{postgres.port}/", f":{way.port}/") + "?sslmode=disable"
        with small_node(tmp_path / "state", url=url) as node:
            way.arm("after")
            way.closed = True  # and nobody gets through any more
            with pytest.raises(Busy, match="whether it has is not known"):
                put(node.store, "a")


def test_every_row_is_read_by_check(node: SmallNode, database: Database) -> None:
    put(node.store, "a", bytes(100_000))
    assert node.store.check() == []
    database.ask("ALTER TABLE charges RENAME TO elsewhere")
    with pytest.raises(DBAPIError, match="charges"):
        node.store.check()


# What is said.


@pytest.mark.tm("TM-127")
@pytest.mark.parametrize(
    ("change", "kind", "sentence"),
    [
        (lambda d: d.url.replace(d.password, "CANARY"), UserError, "does not accept the account or its password"),
        (lambda d: d.url.replace(f"//{d.name}:", "//CANARY:"), UserError, "does not accept the account"),
        (lambda d: d.url.replace(f"/{d.name}", "/CANARY").replace("//CANARY", f"//{d.name}"), UserError, "no database"),
        (lambda d: d.url.replace(f":{d.server.port}/", ":1/"), Busy, "cannot be reached"),
        (lambda d: f"postgresql://{d.name}:{d.password}@CANARY.invalid/x?sslrootcert=/none", NodeError, "."),
        (lambda d: d.url.replace(f"/{d.name}", "/postgres").replace("//postgres", f"//{d.name}"), UserError, "may not"),
        (lambda d: "postgresql://CANARY", UserError, "names no database"),
        (lambda d: "CANARY", UserError, "not an address"),
        (lambda d: "postgresql://CANARY:CANARY@h:CANARY/db", UserError, "not an address"),
    ],
)
def test_what_goes_wrong_with_an_address_is_said_without_it(
    database: Database,
    tmp_path: Path,
    change: Callable[[Database], str],
    kind: type[NodeError],
    sentence: str,
) -> None:
    with small_node(tmp_path / "state") as node:
        url = change(database)
        assert url != database.url
        said = says(lambda: another(node, url), database.password, database.name, "CANARY", str(database.server.port))
        assert sentence in said
        with pytest.raises(kind):
            another(node, url)


def test_a_database_in_another_encoding_is_refused(database: Database, tmp_path: Path) -> None:
    with database.server.admin() as admin:
        admin.execute(
            f"CREATE DATABASE {database.name}_latin OWNER {database.name} ENCODING LATIN1 "
            "LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        )
    with small_node(tmp_path / "state") as node, pytest.raises(UserError, match="UTF-8"):
        another(node, database.url + "_latin")


REFUSES = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION USING ERRCODE = '{}', MESSAGE = 'CANARY'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON settings FOR EACH ROW EXECUTE FUNCTION refuse()
"""


@pytest.mark.parametrize(
    ("code", "kind", "sentence"),
    [
        ("53100", Busy, "disk of the database server is full"),
        ("53200", Busy, "no room"),
        ("57P03", Busy, "starting or stopping"),
        ("57014", Busy, "stopped a statement"),
        ("40001", Busy, "got in between"),
        ("25006", Busy, "only lets read"),
        ("42501", Busy, "may not do"),
        ("XX001", StateDamaged, "damaged"),
        ("58030", StateDamaged, "read or write its disk"),
    ],
)
def test_what_a_server_says_while_a_node_runs_ends_no_round(
    node: SmallNode, database: Database, code: str, kind: type[NodeError], sentence: str
) -> None:
    """All but damage is Busy then: the engine tries again, and a person puts it right meanwhile."""
    database.ask(REFUSES.format(code))
    with pytest.raises(kind, match=sentence):
        put(node.store, "a")
    says(lambda: put(node.store, "a"), "CANARY", database.name)
    database.ask("DROP TRIGGER refuse ON settings")
    put(node.store, "a")
    assert count(node.store) == 1


def test_a_table_that_another_program_holds_is_named_as_the_cause(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(_postgres._SETTINGS, "lock_timeout", "200ms")
    with small_node(tmp_path / "state", url=database.url) as node:
        with database.server.admin(database.name) as other, other.transaction():
            other.execute("LOCK TABLE settings")
            with pytest.raises(Busy, match="Another program"):
                put(node.store, "a")
        put(node.store, "a")


def test_a_defect_of_the_code_is_no_trouble_of_the_server(node: SmallNode) -> None:
    assert explained("42P01", "", connecting=False, opening=False) is None
    with pytest.raises(DBAPIError, match="nowhere"), node.store.transaction() as tx:
        tx.exec_driver_sql("SELECT * FROM nowhere")
    with pytest.raises(DBAPIError, match="NUL"):
        put(node.store, "a\0b")


def logged(database: Database) -> bytes:
    """What the server has written into its log, as far as it lies beside its data."""
    place = Path(database.ask("SHOW data_directory")[0][0])
    return b"".join(path.read_bytes() for path in (place.parents[2] / "log").glob("*.log"))


def broken_statement(node: SmallNode) -> None:
    put(node.store, "a")
    with pytest.raises(DBAPIError, match="unique"):
        put(node.store, "a", CANARY)


@pytest.mark.tm("TM-127")
def test_a_statement_that_fails_writes_no_value_into_the_servers_log(database: Database, tmp_path: Path) -> None:
    database.ask(f"ALTER ROLE {database.name} SET log_parameter_max_length_on_error = -1")
    with small_node(tmp_path / "state", url=database.url) as node:
        broken_statement(node)
    log = logged(database)
    assert b"uq_" in log or b"pk_settings" in log
    assert CANARY.hex().encode() not in log


@pytest.mark.tm("TM-127")
def test_twin_without_the_setting_the_log_shows_it(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.ask(f"ALTER ROLE {database.name} SET log_parameter_max_length_on_error = -1")
    monkeypatch.delitem(_postgres._SETTINGS, "log_parameter_max_length_on_error")
    with small_node(tmp_path / "state", url=database.url) as node:
        broken_statement(node)
    assert CANARY.hex().encode() in logged(database)


def test_a_look_from_outside_takes_and_changes_nothing(node: SmallNode, database: Database) -> None:
    before = database.ask("SELECT word FROM node_process")
    assert f"in use by process {os.getpid()} on " in look_at_server(database.url)
    node.store.close()
    assert "in use by nobody" in look_at_server(database.url)
    assert database.ask("SELECT word FROM node_process") == before

"""A query as a table: read-only whatever it says, its file private, its errors silent about URL and query."""

import os
import sqlite3
import subprocess
import sys

import pytest
import sqlalchemy

from node.datasets import open_table, sql_source
from node.errors import UserError
from tests.support.tree import ROOT

QUERY = "SELECT ref, tel, agreed FROM persons ORDER BY ref"


@pytest.fixture
def register(tmp_path):
    path = tmp_path / "register.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE persons (ref TEXT, tel INTEGER, agreed TEXT, photo BLOB)")
    connection.executemany(
        "INSERT INTO persons VALUES (?, ?, ?, ?)",
        [("A1", 721123456, "да", None), ("A2", 2**62, None, None), ("A3", None, "no", b"\xff")],
    )
    connection.commit()
    connection.close()
    return path


def describe(folder, query=QUERY, url="sqlite:///register.db", *, mode=0o600, text=None, name="source.toml"):
    path = folder / name
    path.write_text(text if text is not None else f"url = {url!r}\nquery = '''{query}'''\n", encoding="utf-8")
    path.chmod(mode)
    return path


def read(path, **options):
    with open_table(path, **options) as table:
        return table, [(row.number, row.cells, row.problem) for row in table.rows()]


def test_a_query_is_a_table_of_records(tmp_path, register):
    table, rows = read(describe(tmp_path))
    assert table.header == ("ref", "tel", "agreed")
    assert (table.facts.format, table.facts.numbering, table.facts.notes) == ("sql", "record, counted from 1", ())
    assert rows == [(1, ("A1", 721123456.0, "да"), ""), (2, ("A2", str(2**62), ""), ""), (3, ("A3", "", "no"), "")]


def test_what_reads_like_a_parameter_is_text(tmp_path, register):
    query = "SELECT ref AS \"a:b\", ':x' AS c, '50 %' || '%s' AS d FROM persons WHERE ref LIKE 'A%' AND 1 <> 2"
    table, rows = read(describe(tmp_path, query))
    assert table.header == ("a:b", "c", "d")
    assert rows[0][1] == ("A1", ":x", "50 %%s")
    assert "ORDER BY" in table.facts.notes[0]


def test_common_table_expressions_and_a_closing_semicolon(tmp_path, register):
    assert len(read(describe(tmp_path, f"WITH p AS ({QUERY}) SELECT * FROM p;\n"))[1]) == 3


def test_bytes_cost_their_row(tmp_path, register):
    _, rows = read(describe(tmp_path, "SELECT ref, photo FROM persons ORDER BY ref"))
    assert [(number, problem) for number, _, problem in rows] == [(1, ""), (2, ""), (3, "cell/not-text")]


def test_a_result_without_records_has_columns_all_the_same(tmp_path, register):
    table, rows = read(describe(tmp_path, "SELECT ref FROM persons WHERE 0"))
    assert (table.header, rows) == (("ref",), [])


def test_an_absolute_path_and_another_folder(tmp_path, register):
    (tmp_path / "other").mkdir()
    assert len(read(describe(tmp_path / "other", url=f"sqlite:///{register}"))[1]) == 3


WRITES = [
    "DELETE FROM persons",
    "UPDATE persons SET tel = 0",
    "INSERT INTO persons (ref) VALUES ('x')",
    "INSERT INTO persons (ref) SELECT ref FROM persons RETURNING ref",
    "DROP TABLE persons",
    "CREATE TABLE more (a)",
    "CREATE TEMP TABLE more AS SELECT * FROM persons",
    "ATTACH 'file:other.db?mode=rwc' AS other",
    "VACUUM INTO 'copy.db'",
    "PRAGMA writable_schema = ON",
    "PRAGMA journal_mode = WAL",
    "BEGIN IMMEDIATE",
    "SELECT load_extension('x')",
]


@pytest.mark.tm("TM-84")
@pytest.mark.parametrize("query", WRITES)
def test_nothing_but_reading_is_possible(tmp_path, register, query):
    before = (register.read_bytes(), register.stat().st_mtime_ns)
    path = describe(tmp_path, query)
    files = sorted(os.listdir(tmp_path))
    with pytest.raises(UserError):
        read(path)
    assert (register.read_bytes(), register.stat().st_mtime_ns, sorted(os.listdir(tmp_path))) == (*before, files)


@pytest.mark.tm("TM-84")
def test_without_the_authorizer_and_the_mode_a_query_would_write(tmp_path, register, monkeypatch):
    """The sabotaged twin: SQLAlchemy's own way to open the file lets the same statement through."""
    engine = sqlalchemy.create_engine(f"sqlite:///{register}")
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM persons")
    engine.dispose()
    assert read(describe(tmp_path))[1] == []


@pytest.mark.tm("TM-84")
def test_a_database_in_use_is_read_and_nothing_is_left_beside_it(tmp_path, register):
    writer = sqlite3.connect(register)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("INSERT INTO persons (ref) VALUES ('A4')")
    writer.commit()
    path = describe(tmp_path)
    files = sorted(os.listdir(tmp_path))
    before = register.read_bytes()
    assert len(read(path)[1]) == 4
    assert (register.read_bytes(), sorted(os.listdir(tmp_path))) == (before, files)
    writer.close()
    assert sorted(os.listdir(tmp_path)) == ["register.db", "source.toml"]
    before = register.read_bytes()
    assert len(read(path)[1]) == 4
    assert (register.read_bytes(), sorted(os.listdir(tmp_path))) == (before, ["register.db", "source.toml"])


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_file_that_others_may_read_is_not_used(tmp_path, register, mode):
    with pytest.raises(UserError, match="Other accounts") as caught:
        read(describe(tmp_path, mode=mode))
    assert "chmod 600" in caught.value.advice


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("url = 'sqlite:///register.db'", "does not describe a query"),
        ("url = 'sqlite:///register.db'\nquery = 5", "does not describe a query"),
        ("url = 'sqlite:///register.db'\nquery = 'SELECT 1'\nmore = 1", "does not describe a query"),
        ("url = 'no url at all'\nquery = 'SELECT 1'", "does not describe a query"),
        ("not toml", "does not describe a query"),
        ("x = " + "[" * 5000, "does not describe a query"),
        ("# " + "x" * 70_000, "does not describe a query"),
        ("url = 'sqlite:///register.db'\nquery = ' ; '", "one single statement"),
        ("url = 'sqlite:///register.db'\nquery = 'SELECT 1; DELETE FROM persons'", "one single statement"),
        ("url = 'sqlite:///nothing.db'\nquery = 'SELECT 1'", "no SQLite database"),
        ("url = 'sqlite://'\nquery = 'SELECT 1'", "no SQLite database"),
        ("url = 'sqlite:///register.db'\nquery = 'SELEKT 1'", "no SELECT"),
        ("url = 'sqlite:///register.db'\nquery = 'SELECT FROM 1'", "could not be opened|could not be run"),
        ("url = 'sqlite:///register.db'\nquery = 'SELECT nothing FROM persons'", "could not be run"),
        ("url = 'klingon://x'\nquery = 'SELECT 1'", "driver for this kind"),
        ("url = 'postgresql+nosuchdriver://x'\nquery = 'SELECT 1'", "driver for this kind"),
    ],
)
def test_a_file_that_is_no_query_is_refused(tmp_path, register, text, sentence):
    with pytest.raises(UserError, match=sentence) as caught:
        read(describe(tmp_path, text=text))
    assert caught.value.advice


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "register.db").write_bytes(b"SQLite format 3\0" + b"x" * 4000)
    with pytest.raises(UserError):
        read(describe(tmp_path))


def test_options_of_other_files_are_refused(tmp_path, register):
    for option in ({"sheet": "S"}, {"header_row": 1}, {"encoding": "utf-8"}, {"delimiter": ","}, {"password": b"x"}):
        with pytest.raises(UserError, match="query has no"):
            read(describe(tmp_path), **option)


@pytest.mark.tm("TM-83")
def test_no_error_repeats_the_url_or_the_query(tmp_path, register):
    for text in (
        "url = 'postgresql+nosuchdriver://CANARY:CANARY@db.example/x'\nquery = 'SELECT 1'",
        "url = 'sqlite:///CANARY.db'\nquery = 'SELECT 1'",
        "url = 'sqlite:///register.db'\nquery = 'SELECT CANARY FROM persons'",
        "url = 'sqlite:///register.db'\nquery = 'DELETE FROM persons WHERE ref = \"CANARY\"'",
        "url = 'CANARY'\nquery = 'CANARY'",
    ):
        with pytest.raises(UserError) as caught:
            read(describe(tmp_path, text=text))
        assert "CANARY" not in caught.value.diagnostics() + repr(caught.value) + repr(caught.value.__cause__)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_records_are_fetched_as_they_are_asked_for(tmp_path, register):
    """Ten million records of a table that is made up on the way: the first ones come at once, in little memory."""
    query = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000000) SELECT i FROM n"
    with open_table(describe(tmp_path, query)) as table:
        rows = table.rows()
        assert [next(rows).cells for _ in range(3)] == [(1.0,), (2.0,), (3.0,)]
        rows.close()


def test_a_pass_that_is_left_holds_nothing_open(tmp_path, register):
    path = describe(tmp_path)
    before = len(os.listdir("/proc/self/fd"))
    with open_table(path) as table:
        left = table.rows()
        next(left)
        assert len(list(table.rows())) == 3
        left.close()
    assert len(os.listdir("/proc/self/fd")) == before


class Refuses:
    """A connection to a server that does not know read-only transactions."""

    def execute(self, *_):
        raise sqlalchemy.exc.DatabaseError("SET TRANSACTION", {}, Exception("CANARY"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def test_a_server_without_read_only_transactions_is_refused(tmp_path, monkeypatch):
    class Engine:
        dialect = type("Dialect", (), {"name": "other"})

        def connect(self):
            return Refuses()

        def dispose(self):
            pass

    monkeypatch.setattr(sql_source, "create_engine", lambda *_, **__: Engine())
    with pytest.raises(UserError, match="can only read") as caught:
        read(describe(tmp_path, url="postgresql://db.example/x"))
    assert "CANARY" not in caught.value.diagnostics()


SERVER = """
import os, sys
from pathlib import Path
import sqlalchemy
from node.datasets import open_table
from node.errors import UserError

folder = Path(sys.argv[1])
url = os.environ["DATABASE"]
owner = sqlalchemy.create_engine(url)
with owner.begin() as connection:
    connection.exec_driver_sql("CREATE TABLE persons (ref text, tel bigint, born date)")
    connection.exec_driver_sql("CREATE SEQUENCE s")
    connection.exec_driver_sql(
        "INSERT INTO persons SELECT 'A' || i, 721000000 + i, '1990-05-17' FROM generate_series(1, 5000) i"
    )

def table(query):
    path = folder / "source.toml"
    path.write_text(f"url = '{url}'\\nquery = '''{query}'''")
    path.chmod(0o600)
    return open_table(path)

with table("SELECT ref, tel, born FROM persons WHERE ref LIKE 'A%' AND tel::text <> ':x' ORDER BY tel") as found:
    rows = list(found.rows())
    print(found.header, rows[-1].number, rows[-1].cells)
for query in ("DELETE FROM persons RETURNING ref", "WITH d AS (DELETE FROM persons RETURNING ref) SELECT * FROM d",
              "CREATE TABLE more (a int)", "SELECT setval('s', 1)", "SELECT ref INTO more FROM persons"):
    try:
        with table(query) as found:
            list(found.rows())
        print("written")
    except UserError as error:
        print("refused", "persons" in error.diagnostics())
with owner.begin() as connection:
    print(connection.exec_driver_sql("SELECT count(*) FROM persons").scalar())
"""


@pytest.mark.tm("TM-84")
def test_a_server_is_asked_in_a_transaction_that_cannot_write(tmp_path, postgres):
    url = postgres.database().url.replace("postgresql:", "postgresql+psycopg:")
    done = subprocess.run(
        [sys.executable, "-c", SERVER, tmp_path],
        cwd=ROOT,
        env={**os.environ, "DATABASE": url},
        capture_output=True,
        text=True,
        check=False,
    )
    found = "('ref', 'tel', 'born') 5000 ('A5000', 721005000.0, '1990-05-17')"
    assert done.stdout.splitlines() == [found, *["refused False"] * 5, "5000"], done


@pytest.mark.tm("TM-84")
@pytest.mark.parametrize(
    "query",
    ["COPY (SELECT 1) TO PROGRAM 'id'", "CALL work()", "DO 'BEGIN END'", "EXPLAIN ANALYZE SELECT 1", "SELECTED"],
)
def test_what_is_no_select_reaches_no_database(tmp_path, query):
    """PostgreSQL's COPY starts a program in a transaction that cannot write."""
    with pytest.raises(UserError, match="no SELECT"):
        read(describe(tmp_path, query, url="postgresql+psycopg://reader@db.invalid/cases"))


@pytest.mark.parametrize(
    "query", ["(SELECT ref FROM persons)", "-- all\nSELECT ref FROM persons", "/* a\n*/ VALUES (1)"]
)
def test_a_select_may_have_something_before_it(query):
    assert sql_source._SELECT.match(query)


ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
SWELLING = ENDLESS.replace("count(*) FROM c", "hex(randomblob(2000)) AS h FROM c ORDER BY h")


@pytest.mark.parametrize(("query", "limit"), [(ENDLESS, "MAX_CPU_SECONDS"), (SWELLING, "MAX_MORE_MEMORY_BYTES")])
def test_a_view_that_never_ends_or_fills_the_memory_is_stopped(tmp_path, register, monkeypatch, query, limit):
    connection = sqlite3.connect(register)
    connection.execute(f"CREATE VIEW people AS {query}")
    connection.commit()
    connection.close()
    monkeypatch.setattr(sql_source, "MAX_CPU_SECONDS", 1 if limit == "MAX_CPU_SECONDS" else 60)
    monkeypatch.setattr(sql_source, "MAX_MORE_MEMORY_BYTES", 64 << 20)
    with pytest.raises(UserError, match="was stopped"):
        read(describe(tmp_path, "SELECT * FROM people"))


def test_a_value_that_is_no_cell_by_far_stops_the_query(tmp_path, register):
    """Records are fetched by the hundred, so that long values would be the memory of hundreds."""
    with pytest.raises(UserError):
        read(describe(tmp_path, f"SELECT hex(zeroblob({sql_source.MAX_VALUE_BYTES // 2 + 1})) AS tel"))
    assert sql_source.MAX_VALUE_BYTES * sql_source._ROWS_FETCHED <= 2 << 30

"""A query of a database as a table, over a SQLAlchemy URL, streamed by a server-side cursor.

The URL holds a password, so it is given in a file that only its owner may read, and never on a command line:

    url = "postgresql+psycopg://reader@db.example/cases"
    query = "SELECT case_no, phone, agreed FROM persons ORDER BY case_no"

The query runs in a transaction that cannot write: `SET TRANSACTION READ ONLY` (ISO 9075) for a server, and a database
that does not know this sentence is refused; for SQLite `mode=ro`, a temporary store in memory, and an authorizer that
lets nothing pass but reading. The query is a SELECT: PostgreSQL's COPY writes files and starts programs in a
transaction that cannot write. No error repeats the URL, the query or what a driver said about them.

Rows are records counted from 1, in the order of the query: without ORDER BY that order may be another next time. Each
pass over the rows runs the query again. SQLite sorts in memory what no index sorts, since its temporary files would
hold records in the clear: a large table wants ORDER BY on its key. A SQLite database may come from elsewhere, and a
view in it may never end or fill the memory: `_Bounds` stops it. What this does not promise: that a function of the
database called in the query has no effect of its own. An account that may only read is the safeguard for that.
"""

import os
import re
import resource
import sqlite3
import stat
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, InterfaceError, NoSuchModuleError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from node.datasets.reading_child import as_cell
from node.datasets.sourcefile import SourceFile
from node.datasets.tables import BY_RECORD, MAX_COLUMNS, Facts, Row, Table, cut
from node.errors import UserError

__all__ = ["SqlTable"]

MAX_FILE_BYTES = 64 * 1024
"""Bytes of the file that holds the URL and the query."""

MAX_VALUE_BYTES = 4 * 1024 * 1024
"""Bytes of one value of a SQLite database."""

MAX_MORE_MEMORY_BYTES = 1 << 30
"""Bytes of memory that the node may take on while a SQLite query runs."""

MAX_CPU_SECONDS = 120
"""Processor time until the next records of a SQLite query, in seconds."""

_ROWS_FETCHED = 500
_STEPS = 1_000
"""Steps of SQLite's own machine between two looks at the bounds; records of one long value each take about ten."""
_SELECT = re.compile(r"(?:\s|\(|--[^\n]*\n|/\*.*?\*/)*(?:SELECT|WITH|VALUES|TABLE)\b", re.IGNORECASE | re.DOTALL)
_READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
_PRIVATE = 0o077


class SqlTable(Table):
    """One query of one database."""

    def __init__(self, source: SourceFile, folder: Path) -> None:
        self._source = source
        url, self._query = _description(source)
        self._bounds = _Bounds()
        self._engine = _engine(url, folder, self._bounds)
        self.header: tuple[str, ...] = ()
        for _ in self._records():
            break
        self.facts = Facts(
            format="sql",
            header_row=0,
            numbering=BY_RECORD,
            notes=()
            if "order by" in self._query.casefold()
            else ("The query has no ORDER BY, so the numbers of the records may be others next time.",),
        )

    def close(self) -> None:
        self._engine.dispose()
        self._source.close()

    def _read(self, after: int) -> Iterator[Row]:
        for number, values in enumerate(self._records(), start=1):
            if number > after:
                yield _row(number, values)

    def _records(self) -> Iterator[Any]:
        """Every record of the result, which names the columns too. UserError for whatever the database says."""
        try:
            self._bounds.start()
            with _reading(self._engine) as connection:
                connection = connection.execution_options(yield_per=_ROWS_FETCHED, no_parameters=True)
                result = connection.exec_driver_sql(self._query)
                names = tuple(str(name).strip() for name in result.keys())  # noqa: SIM118 - not a mapping
                if len(names) > MAX_COLUMNS:
                    raise UserError(
                        f"The result has more than {MAX_COLUMNS:,} columns.", advice="Name the columns you need."
                    )
                if self.header not in ((), names):
                    raise _gone_wrong()
                self.header = names
                for values in result:
                    yield values
                    self._bounds.start()
        except UserError:
            raise
        except (OperationalError, InterfaceError):
            if self._bounds.passed:
                raise _too_much() from None
            raise UserError(
                "The database could not be opened, or the query could not be run.",
                advice="Check the address, the account, its right to read these tables, and the query.",
            ) from None
        except (SQLAlchemyError, sqlite3.Error, OSError, ValueError, OverflowError):
            raise _gone_wrong() from None


def _description(source: SourceFile) -> tuple[URL, str]:
    """The URL and the query from the file. UserError if others may read it, or it holds anything else."""
    found = os.fstat(source.descriptor)
    if stat.S_IMODE(found.st_mode) & _PRIVATE:
        raise UserError(
            "Other accounts of this machine may read this file, and it can hold a password, so it was not used.",
            advice="Close it (chmod 600 FILE). If others have been able to read it, change the password.",
        )
    wrong = UserError(
        "This file does not describe a query.",
        advice='It is a TOML file with two lines: url = "..." (a SQLAlchemy URL) and query = "SELECT ...".',
    )
    if source.size > MAX_FILE_BYTES:
        raise wrong
    try:
        with source.reader() as file:
            held = tomllib.loads(file.read(MAX_FILE_BYTES).decode())
        if set(held) != {"url", "query"} or not all(isinstance(value, str) for value in held.values()):
            raise wrong
        url = make_url(held["url"])
    except (ValueError, RecursionError, ArgumentError):
        raise wrong from None
    query = held["query"].strip().removesuffix(";").rstrip()
    if not query or ";" in query:
        raise UserError("The query is not one single statement.", advice="Write one SELECT without any semicolon.")
    if not _SELECT.match(query):
        raise UserError("The query is no SELECT.", advice="Only reading is allowed: it begins with SELECT or WITH.")
    return url, query


def _engine(url: URL, folder: Path, bounds: "_Bounds") -> Engine:
    """An engine that opens one connection for each pass and keeps none. A relative SQLite path starts at the file."""
    options: dict[str, Any] = {"poolclass": NullPool, "hide_parameters": True}
    try:
        if url.get_backend_name() != "sqlite":
            return create_engine(url, **options)
        path = folder / (url.database or "")
        if not url.database or not path.is_file():
            raise UserError("There is no SQLite database of that name.", advice="Check the path in the URL.")
        address = f"file:{quote(str(path.absolute()))}?mode=ro{_alone(path)}"
        return create_engine("sqlite://", creator=lambda: _sqlite(address, bounds), **options)
    except (NoSuchModuleError, ImportError):
        raise UserError(
            "The driver for this kind of database is not installed.",
            advice="Install it beside blindmatch (for PostgreSQL: psycopg), or export the table as CSV or Parquet.",
        ) from None
    except (SQLAlchemyError, ValueError, TypeError, OSError):
        raise UserError(
            "The address of the database is not usable.", advice="Check the url: it is a SQLAlchemy URL."
        ) from None


def _alone(path: Path) -> str:
    """SQLite would put files of its own beside a database in WAL mode that nobody has open, and leave them there."""
    with path.open("rb") as file:
        in_wal_mode = file.read(20)[18:] == b"\2\2"
    return "&immutable=1" if in_wal_mode and not path.with_name(f"{path.name}-wal").exists() else ""


class _Bounds:
    """Stops a SQLite query that takes too long for its next records, or too much memory: SQLite asks it now and then.

    Memory is that of the whole node, by its highest mark: others at work at the same time count as well.
    """

    def __init__(self) -> None:
        self.passed = False
        self._memory = _memory_bytes() + MAX_MORE_MEMORY_BYTES
        self._seconds = 0.0

    def start(self) -> None:
        """The next records are asked for."""
        self._seconds = time.thread_time() + MAX_CPU_SECONDS

    def ask(self) -> bool:
        """Should it stop?"""
        self.passed = self.passed or time.thread_time() > self._seconds or _memory_bytes() > self._memory
        return self.passed


def _memory_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _sqlite(address: str, bounds: _Bounds) -> sqlite3.Connection:
    connection = sqlite3.connect(address, uri=True, check_same_thread=False)
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        connection.set_authorizer(_only_reading)
        connection.set_progress_handler(bounds.ask, _STEPS)
    except BaseException:
        connection.close()
        raise
    return connection


def _only_reading(action: int, name: str | None, value: str | None, *_: str | None) -> int:
    """SQLite asks this for every step of a statement before it runs. SQLAlchemy itself reads one setting."""
    harmless = action == sqlite3.SQLITE_PRAGMA and name == "read_uncommitted" and value is None
    return sqlite3.SQLITE_OK if action in _READING or harmless else sqlite3.SQLITE_DENY


@contextmanager
def _reading(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction that cannot write."""
    with engine.connect() as connection:
        if engine.dialect.name != "sqlite":
            try:
                connection.execute(text("SET TRANSACTION READ ONLY"))
            except SQLAlchemyError:
                raise UserError(
                    "This database does not offer transactions that can only read.",
                    advice="Export the table as CSV or Parquet and add that.",
                ) from None
        yield connection


def _row(number: int, values: Any) -> Row:
    try:
        cells = tuple(map(as_cell, values))
    except ValueError:
        return Row(number, (), "cell/not-text")
    return Row(number, cut(cells))


def _too_much() -> UserError:
    return UserError(
        f"The query was stopped: it took more than {MAX_CPU_SECONDS} seconds of work for its next records, or more "
        f"than {MAX_MORE_MEMORY_BYTES // 2**20:,} MiB of memory.",
        advice="Sort by a key of the table, or export the table as CSV or Parquet and add that.",
    )


def _gone_wrong() -> UserError:
    return UserError(
        "The database stopped the query, or refused it: only reading is allowed.",
        advice="Write one SELECT that names the columns you need, and try it in the database's own program.",
    )

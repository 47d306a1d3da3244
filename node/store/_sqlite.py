"""Everything in the store that is particular to SQLite; the rest of the code is portable SQL.

Two pools over one file: one connection that writes, several that cannot (`query_only`). Writers take the write lock
at BEGIN (`IMMEDIATE`), so a transaction never fails half-way because another got in between. WAL lets readers go on
meanwhile; `synchronous=FULL` flushes the WAL at every commit, so what was acknowledged survives a power cut.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

from node.errors import Busy, StateDamaged
from node.store.files import FILE_MODE, sync_folder
from node.store.upgrading import copy_file, drop_copies

__all__ = ["BUSY_SECONDS", "READERS", "SqliteDatabase"]

BUSY_SECONDS = 30
"""Seconds a writer waits for the write lock of the file (another process: a backup tool, say)."""

READERS = 16
"""Read connections kept open, in number; as many again may be opened for a moment."""

PREPARED = 1_000
"""Statements that a connection keeps prepared, in number: more than this program has. Preparing one takes several times
as long as running it."""

PAGE_BYTES = 16_384
"""Size of a page of a new file, in bytes. A chunk of a list is 128 KiB and more, so pages of SQLite's usual 4 KiB are
a call of the system each, four times as many. A transaction of a few small rows writes 3.5 times as many bytes, in no
more time. A file that exists keeps its own."""

LOG_BYTES = 4 * 1024 * 1024
"""Size of the write-ahead log at which it is written into the file, in bytes: SQLite's usual 1,000 pages of 4 KiB."""

_SETTINGS = (
    "PRAGMA foreign_keys=ON",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA temp_store=MEMORY",  # no temporary files outside the state folder
)
_WRITER_SETTINGS = (
    f"PRAGMA page_size={PAGE_BYTES}",  # before anything is written
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA secure_delete=ON",  # overwrite what is deleted
)


class SqliteDatabase:
    """A `Database` in one file."""

    own_tables: frozenset[str] = frozenset()

    def __init__(self, url: URL) -> None:
        self._path = Path(url.database or "")
        self._writer = _engine(url, "BEGIN IMMEDIATE", _WRITER_SETTINGS, LOG_BYTES, pool_size=1, max_overflow=0)
        self.reader = _engine(url, "BEGIN", ("PRAGMA query_only=ON",), pool_size=READERS, max_overflow=READERS)

    @contextmanager
    def glance(self) -> Iterator[Connection]:
        """Without the usual readers: the last of them to close would write the log into the file. A file that nobody
        has open, and with nothing in its log, is read as one that nobody changes: then SQLite makes no companion file
        either."""
        log, index = (Path(f"{self._path}-{name}") for name in ("wal", "shm"))
        alone = not index.exists() and not (log.exists() and log.stat().st_size > 0)
        query = {"mode": "ro", "uri": "true"} | ({"immutable": "1"} if alone else {})
        url = URL.create("sqlite", database=f"file:{quote(str(self._path))}", query=query)
        engine = _engine(url, "BEGIN", (), pool_size=1, max_overflow=0)
        try:
            with engine.begin() as connection:
                yield connection
        finally:
            engine.dispose()

    def keep_copy(self, revision: str) -> Path | None:
        return copy_file(self._path, revision)

    def drop_copies(self) -> None:
        drop_copies(self._path)

    def prepare(self) -> None:
        """Make the file with mode 0600 before SQLite makes it with another; WAL files inherit the mode."""
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
            os.close(descriptor)
            sync_folder(self._path.parent)
        except OSError as error:
            raise StateDamaged(
                f"The database in {self._path.parent} cannot be opened: {error.strerror}.",
                advice="Check the folder's name and permissions.",
            ) from None

    def ready(self) -> None:
        """Nothing: a file is ours by the lock of its folder."""

    def forget(self) -> None:
        """Nothing: there are none."""

    def writing(self) -> AbstractContextManager[Connection]:
        return self._writer.begin()

    def readable_errors(self) -> AbstractContextManager[None]:
        return _readable_errors(self._path)

    def check(self, connection: Connection) -> list[str]:
        """Reads the whole file."""
        found = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check(10)")]
        if found != ["ok"]:
            return ["The database file is damaged inside."]
        if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
            return ["Rows of the database point to rows that do not exist."]
        return []

    def keep(self) -> bool:
        return True

    def hurry(self) -> None:
        """Nothing: a file needs no waiting for."""

    def close(self) -> None:
        self._writer.dispose()
        self.reader.dispose()


def _engine(url: URL, begin: str, settings: tuple[str, ...], log_bytes: int = 0, **pool: int) -> Engine:
    """`log_bytes`: size of the log at which this engine's connections write it into the file; 0 for those that never
    write."""
    engine = create_engine(
        url,
        poolclass=QueuePool,
        # An error text must not show what was being stored.
        hide_parameters=True,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False, "cached_statements": PREPARED},
        **pool,
    )

    # The driver's own idea of when a transaction begins leaves out DDL and reads; we say BEGIN ourselves.
    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None
        for setting in _SETTINGS + settings:
            connection.execute(setting)
        if log_bytes:  # SQLite counts in pages, and a file of an older version has smaller ones
            (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
            connection.execute(f"PRAGMA wal_autocheckpoint={log_bytes // page_bytes}")

    # Said where SQLAlchemy says nothing, not in an event: listening to events costs more than the transaction itself.
    def begin_now(dbapi_connection: PoolProxiedConnection) -> None:
        dbapi_connection.driver_connection.execute(begin)  # type: ignore[union-attr]

    engine.dialect.do_begin = begin_now  # type: ignore[method-assign]
    return engine


@contextmanager
def _readable_errors(path: Path) -> Iterator[None]:
    """Turn the driver's errors about the file into our own; programming errors pass as they are."""
    try:
        yield
    except (DatabaseError, sqlite3.DatabaseError) as error:
        original = error.orig if isinstance(error, DatabaseError) else error
        name = getattr(original, "sqlite_errorname", "")
        if name.startswith("SQLITE_BUSY"):
            raise Busy(
                "Another program is holding this node's database.",
                advice="Close it (a database browser or a backup tool) and try again.",
            ) from None
        if name == "SQLITE_FULL":
            raise Busy(
                f"The disk that holds {path.parent} is full. Nothing of this step was saved.",
                advice="Free some space and try again.",
            ) from None
        if name.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY")):
            raise StateDamaged(
                f"The database in {path.parent} cannot be read or written.",
                advice="Check the disk and the permissions of the folder.",
            ) from None
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            raise StateDamaged(
                f"The database in {path.parent} is damaged.", advice="Stop the node and restore a backup."
            ) from None
        raise

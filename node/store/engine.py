"""The store: one database, shared by all threads of a node.

    with store.transaction() as tx:     one writer at a time; everything or nothing; on the disk when the block ends
    with store.read() as connection:    a steady view of one moment; any number at once; cannot write

`transaction()` inside `transaction()` of the same thread is a mistake in the code and raises RuntimeError: the inner
one could neither commit nor roll back by itself. `read()` inside `transaction()` gives the transaction's connection,
so that code called from a transaction sees what was written before it in the same step.

The database is a file of SQLite or one of a PostgreSQL server; what is particular to each stands in `_sqlite.py` and
`_postgres.py`, behind the few calls of `_database.py`. Deleted rows are overwritten in SQLite's file only: a PostgreSQL
server keeps old row versions and log segments for as long as it likes.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources

import alembic.command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect
from sqlalchemy.engine import URL, Connection

from node.clock import Clock
from node.errors import StateDamaged
from node.ids import RandomBytes
from node.store._database import Database
from node.store._sqlite import SqliteDatabase
from node.store.address import parsed
from node.store.cells import Cells
from node.store.keyring import KeyRing
from node.store.schema import metadata

__all__ = ["LOOK_SECONDS", "Store", "look_at_server"]

LOOK_SECONDS = 3.0
"""How often a running node looks after its database (`Store.keep`)."""

# Alembic keeps its context in module globals: two stores of one process must not migrate at the same time.
_migrating = threading.Lock()


class Store:
    """One node's database. Made by `open`."""

    new: bool
    """Whether the database was empty when it was opened."""
    reached = True
    """Whether the database was there when it was last looked after."""

    def __init__(self, database: Database, cells: Cells, clock: Clock, *, new: bool) -> None:
        self.new = new
        self.cells = cells
        self.clock = clock
        self._database = database
        self._turn = threading.Lock()
        self._own = threading.local()

    @classmethod
    def open(cls, url: str, keys: KeyRing, *, clock: Clock, random_bytes: RandomBytes = os.urandom) -> "Store":
        """Open the database, make it or bring it to the schema of this version.

        Raises UserError for an address that is none, or a server that does not let us in or does not keep what it is
        told; StateDamaged if the database is broken, is not ours, or was written by a newer blindmatch (then nothing
        is changed); Busy if another process holds it or the server cannot be reached.
        """
        location = parsed(url)
        database = _database(location)
        try:
            with database.readable_errors():
                database.prepare()
                new = _migrate(database)
                database.ready()
        except BaseException:
            database.close()
            raise
        return cls(database, Cells(keys, random_bytes), clock, new=new)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A writing transaction: committed when the block ends, rolled back when it raises."""
        if self._current() is not None:
            raise RuntimeError("a transaction of this thread is already open")
        with self._turn, self._database.readable_errors(), self._database.writing() as connection:
            self._own.connection = connection
            try:
                yield connection
            finally:
                self._own.connection = None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A view of one moment, for reading; the open transaction of this thread if there is one."""
        current = self._current()
        if current is not None:
            yield current
            return
        with self._database.readable_errors(), self._database.reader.begin() as connection:
            yield connection

    def check(self) -> list[str]:
        """Sentences about damage of the database; empty if there is none. Reads all of it."""
        try:
            with self.read() as connection:
                return self._database.check(connection)
        except StateDamaged as error:
            # Worse than what the check can describe: the database could not even finish reading.
            return [error.sentence]

    def keep(self) -> bool:
        """To be called every `LOOK_SECONDS` while a node runs: finds a lost connection and gets it back.

        False while the database cannot be reached. Raises `TakenOver` once another process has it: this one may not
        write any more, and ends.
        """
        if not self._turn.acquire(blocking=False):
            return True  # a transaction is under way, and finds out by itself
        try:
            with self._database.readable_errors():
                self.reached = self._database.keep()
            return self.reached
        finally:
            self._turn.release()

    def discard(self) -> None:
        """Take back what was made in a database that was `new`: every table."""
        with self.transaction() as tx:
            metadata.drop_all(tx)
            tx.exec_driver_sql("DROP TABLE IF EXISTS alembic_version")
        with self._turn, self._database.readable_errors():
            self._database.forget()

    def hurry(self) -> None:
        """The node stops: no step waits any more for a server that does not answer."""
        self._database.hurry()

    def close(self) -> None:
        """Close every connection. The key ring is its owner's to close."""
        self._database.close()

    def _current(self) -> Connection | None:
        connection: Connection | None = getattr(self._own, "connection", None)
        return connection


def look_at_server(url: str) -> str:
    """A sentence about a PostgreSQL server, the way to it and who has the database; takes and writes nothing.

    Raises as `Store.open` does.
    """
    from node.store._postgres import PostgresDatabase

    database = PostgresDatabase(parsed(url), alone=False)
    try:
        return database.describe()
    finally:
        database.close()


def _database(location: URL) -> Database:
    if location.get_backend_name() == "sqlite":
        return SqliteDatabase(location)
    from node.store._postgres import PostgresDatabase  # its driver is loaded where it is needed

    return PostgresDatabase(location)


def _migrate(database: Database) -> bool:
    """Bring a database to the schema of this version; True if it was empty."""
    with _migrating, resources.as_file(resources.files("node.store") / "migrations") as folder:
        config = Config()
        # Alembic's options treat % as a placeholder.
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        scripts = ScriptDirectory.from_config(config)
        with database.reader.begin() as connection:
            found = MigrationContext.configure(connection).get_current_heads()
            tables = set(inspect(connection).get_table_names()) - database.own_tables
        if any(revision not in {script.revision for script in scripts.walk_revisions()} for revision in found):
            raise StateDamaged(
                "This node's database was written by a newer blindmatch. Nothing was changed.",
                advice="Install that version, or restore a backup made with this one.",
            )
        if tables and not found:
            raise StateDamaged(
                "This node's database was not made by blindmatch.",
                advice="Move a file away and restore a backup; on a server, give the node a database of its own.",
            )
        if found == (scripts.get_current_head(),):
            return False
        with database.writing() as connection:
            config.attributes["connection"] = connection
            alembic.command.upgrade(config, "head")
    return not tables

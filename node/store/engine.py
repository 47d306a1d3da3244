"""The store: one database, shared by all threads of a node.

    with store.transaction() as tx:     one writer at a time; everything or nothing; on the disk when the block ends
    with store.read() as connection:    a steady view of one moment; any number at once; cannot write

`transaction()` inside `transaction()` of the same thread is a mistake in the code and raises RuntimeError: the inner
one could neither commit nor roll back by itself. `read()` inside `transaction()` gives the transaction's connection,
so that code called from a transaction sees what was written before it in the same step.

SQLite is the one database of this version; what is particular to it stands in `_sqlite.py`.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import alembic.command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError

from node.clock import Clock
from node.errors import StateDamaged, UserError
from node.ids import RandomBytes
from node.store import _sqlite
from node.store.cells import Cells
from node.store.keyring import KeyRing

__all__ = ["Store"]

# Alembic keeps its context in module globals: two stores of one process must not migrate at the same time.
_migrating = threading.Lock()


class Store:
    """One node's database. Made by `open`."""

    def __init__(self, path: Path, writer: Engine, reader: Engine, cells: Cells, clock: Clock) -> None:
        self.cells = cells
        self.clock = clock
        self._path = path
        self._writer = writer
        self._reader = reader
        self._turn = threading.Lock()
        self._own = threading.local()

    @classmethod
    def open(cls, url: str, keys: KeyRing, *, clock: Clock, random_bytes: RandomBytes = os.urandom) -> "Store":
        """Open the database, make it or bring it to the schema of this version.

        Raises UserError for a database of another kind, StateDamaged if it is broken, is not ours, or was written by
        a newer blindmatch (then nothing is changed), Busy if another program holds it.
        """
        location = _location(url)
        path = Path(location.database or "")
        writer, reader = _sqlite.engines(location)
        try:
            with _sqlite.readable_errors(path):
                try:
                    _sqlite.prepare_file(path)
                except OSError as error:
                    raise StateDamaged(
                        f"The database in {path.parent} cannot be opened: {error.strerror}.",
                        advice="Check the folder's name and permissions.",
                    ) from None
                _migrate(writer, reader)
        except BaseException:
            writer.dispose()
            reader.dispose()
            raise
        return cls(path, writer, reader, Cells(keys, random_bytes), clock)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A writing transaction: committed when the block ends, rolled back when it raises."""
        if self._current() is not None:
            raise RuntimeError("a transaction of this thread is already open")
        with self._turn, _sqlite.readable_errors(self._path), self._writer.begin() as connection:
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
        with _sqlite.readable_errors(self._path), self._reader.begin() as connection:
            yield connection

    def check(self) -> list[str]:
        """Sentences about damage of the database file; empty if there is none. Reads the whole file."""
        try:
            with self.read() as connection:
                return _sqlite.check_file(connection)
        except StateDamaged as error:
            # Worse than what the check can describe: SQLite could not even finish reading.
            return [error.sentence]

    def close(self) -> None:
        """Close every connection. The key ring is its owner's to close."""
        self._writer.dispose()
        self._reader.dispose()

    def _current(self) -> Connection | None:
        connection: Connection | None = getattr(self._own, "connection", None)
        return connection


def _location(url: str) -> URL:
    try:
        location = make_url(url)
    except ArgumentError:
        raise UserError("The database address is not an address.", advice="Use sqlite:////folder/db") from None
    if location.get_backend_name() != "sqlite" or location.database in (None, "", ":memory:"):
        raise UserError(
            "This version of blindmatch keeps its database in an SQLite file only.", advice="Use sqlite:////folder/db"
        )
    return location


def _migrate(writer: Engine, reader: Engine) -> None:
    with _migrating, resources.as_file(resources.files("node.store") / "migrations") as folder:
        config = Config()
        # Alembic's options treat % as a placeholder.
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        scripts = ScriptDirectory.from_config(config)
        with reader.begin() as connection:
            found = MigrationContext.configure(connection).get_current_heads()
            tables = inspect(connection).get_table_names()
        if any(revision not in {script.revision for script in scripts.walk_revisions()} for revision in found):
            raise StateDamaged(
                "This node's database was written by a newer blindmatch. Nothing was changed.",
                advice="Install that version, or restore a backup made with this one.",
            )
        if tables and not found:
            raise StateDamaged(
                "The database file in this node's folder was not made by blindmatch.",
                advice="Move it away and restore a backup.",
            )
        if found == (scripts.get_current_head(),):
            return
        with writer.begin() as connection:
            config.attributes["connection"] = connection
            alembic.command.upgrade(config, "head")

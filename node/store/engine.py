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

from sqlalchemy.engine import URL, Connection

from node import failpoints
from node.clock import Clock
from node.errors import StateDamaged
from node.ids import RandomBytes
from node.store import migrations
from node.store._database import Database
from node.store._sqlite import SqliteDatabase
from node.store.address import parsed
from node.store.cells import Cells
from node.store.keyring import KeyRing
from node.store.schema import metadata
from node.store.upgrading import LEFT, Upgrade, UpgradeTold, moved_away, seen, untold

__all__ = ["LOOK_SECONDS", "Store", "look_at_server"]

LOOK_SECONDS = 3.0
"""How often a running node looks after its database (`Store.keep`)."""


class Store:
    """One node's database. Made by `open`."""

    new: bool
    """Whether the database was empty when it was opened."""
    upgraded: Upgrade | None
    """What was done to its schema when it was opened, if anything was."""
    reached = True
    """Whether the database was there when it was last looked after."""

    def __init__(
        self, database: Database, cells: Cells, clock: Clock, *, new: bool, upgraded: Upgrade | None = None
    ) -> None:
        self.new = new
        self.upgraded = upgraded
        self.cells = cells
        self.clock = clock
        self._database = database
        self._turn = threading.Lock()
        self._own = threading.local()

    @classmethod
    def open(
        cls,
        url: str,
        keys: KeyRing,
        *,
        clock: Clock,
        random_bytes: RandomBytes = os.urandom,
        tell: UpgradeTold = untold,
        copy: bool = False,
    ) -> "Store":
        """Open the database, make it or bring it to the schema of this version. Before it does that, it keeps a `copy`
        of a file, if there is room, and tells (`node.store.upgrading`).

        Raises UserError for an address that is none, or a server that does not let us in or does not keep what it is
        told; StateDamaged if the database is broken, is not ours, or was written by a newer blindmatch (then nothing
        is changed, not even the time of a file); Busy if another process holds it or the server cannot be reached.
        """
        location = parsed(url)
        database, cells = _database(location), Cells(keys, random_bytes)
        try:
            with database.readable_errors():
                database.prepare()
                upgrade = _needed(database, copy=copy, on_server=location.get_backend_name() != "sqlite")
                new = upgrade is not None and upgrade.before is None
                if upgrade is not None:
                    if not new:
                        tell(upgrade)
                        failpoints.hit("upgrade.told")
                    _upgrade(database, cells, check=not new)
                database.ready()
        except BaseException:
            database.close()
            raise
        return cls(database, cells, clock, new=new, upgraded=None if new else upgrade)

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

    def settled(self) -> None:
        """The node was opened whole: what was kept for an upgrade that fails goes."""
        self._database.drop_copies()

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


def _needed(database: Database, *, copy: bool, on_server: bool) -> Upgrade | None:
    """What has to be done to bring a database to the schema of this version: None if nothing, `before` None if it is
    empty. Keeps a `copy` of one that is not. StateDamaged, before anything is changed, for one that is not ours, or
    that a newer version wrote."""
    with database.glance() as connection:
        found = seen(connection)
    if found.revision == migrations.newest():
        return None
    if found.revision is None and found.tables - database.own_tables:
        raise StateDamaged(
            "This node's database was not made by blindmatch.",
            advice="Move a file away and restore a backup; on a server, give the node a database of its own.",
        )
    if found.revision == LEFT:
        raise moved_away()
    if found.revision is not None and found.revision not in migrations.known():
        raise StateDamaged(
            "This node's database was written by a newer blindmatch. Nothing was changed.",
            advice="Install that version, or restore a backup made with this one.",
        )
    kept = database.keep_copy(found.revision) if copy and found.revision is not None else None
    return Upgrade(found.revision, migrations.newest(), found.backup, kept, on_server)


def _upgrade(database: Database, cells: Cells, *, check: bool) -> None:
    """Run the steps that are missing, all in one transaction, and `check` what they made before it is kept."""
    with database.writing() as connection:
        migrations.up_to(connection, migrations.newest())
        if check:
            from node.store.sealed import check_cells  # which imports this module

            problems = database.check(connection)
            try:
                check_cells(connection, cells)
            except StateDamaged as error:
                problems.append(error.sentence)
            if problems:
                raise StateDamaged(
                    f"This node's database is damaged, so it was not brought to the new schema. {problems[0]} Nothing "
                    "was changed.",
                    advice="Go on with the version that was installed before, or restore a backup from before the "
                    "damage.",
                )
        failpoints.hit("upgrade.before-commit")
    failpoints.hit("upgrade.committed")

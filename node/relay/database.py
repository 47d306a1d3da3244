"""The database of a relay: one SQLite file, one connection for each process that has it open.

    with database.transaction() as connection:     everything or nothing; on the disk when the block ends
    with database.reading() as connection:         one thread at a time, too: what is read is short

Made for a power cut at any moment: WAL with `synchronous=FULL`, so that what was committed stays. Nothing in it is
secret to the relay, and nothing but names, sizes, times and sealed bytes is. The commands that admit and remove members
open the same file while the relay runs; SQLite lets one write at a time. What has to be known at every `Put`, how much
lies there already, is counted by the database itself (triggers), so that it cannot drift from the parcels.

SQLite keeps what was freed: the pages of what went stay in the file for what comes, and the write-ahead log keeps its
largest size. So the free bytes of the disk are not all the room there is (`spare_bytes`, `cut_log`), and the file is
made such that its free pages can be given back without writing it anew (`give_back`). What goes is overwritten, and so
passes through the log as what comes does; much of it goes in steps (`drop_parcels`), since else a full disk would have
no room left for throwing away.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node.errors import Busy, StateDamaged
from node.store.files import FILE_MODE, sync_folder

__all__ = ["BUSY_SECONDS", "PARCEL_OVERHEAD_BYTES", "STEP_PARCELS", "RelayDatabase", "drop_step"]

BUSY_SECONDS = 30
"""Seconds a writer waits for another process to finish its transaction."""
PARCEL_OVERHEAD_BYTES = 512
"""What a parcel is counted with beyond its content, in bytes: its row, and its share of the indexes."""
MAX_WAL_BYTES = 16 * 1024 * 1024
"""Size that the write-ahead log is cut back to."""
STEP_PARCELS = 64
"""Parcels that one transaction throws away, at most: 64 MiB through the log."""
GIVE_BACK_PAGES = 4096
"""Pages (of 4 KiB) that one transaction gives back to the disk: others' wait, and what it adds to the log, is short."""
GIVE_BACK_STEPS = 16
"""Transactions of that kind in one sweep. What is left is room for parcels all the same, and goes with the next."""

_SCHEMA_VERSION = 1
_SETTINGS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA secure_delete=ON",  # what was taken is overwritten
    f"PRAGMA journal_size_limit={MAX_WAL_BYTES}",
)
_SCHEMA = (
    """CREATE TABLE members (
         member_id TEXT PRIMARY KEY,
         alias TEXT NOT NULL UNIQUE,
         name TEXT NOT NULL,
         member_class TEXT NOT NULL,
         certificate BLOB NOT NULL,        -- DER
         tls_key_hash BLOB NOT NULL UNIQUE,
         state TEXT NOT NULL CHECK (state IN ('confirmed', 'removed')),
         admitted_at TEXT NOT NULL,
         last_number INTEGER NOT NULL DEFAULT 0   -- of the parcels that came for it
       ) STRICT""",
    """CREATE TABLE parcels (
         recipient TEXT NOT NULL REFERENCES members,
         number INTEGER NOT NULL,
         sender TEXT NOT NULL,
         mark BLOB NOT NULL,
         size INTEGER NOT NULL,            -- of the content and its overhead, in bytes
         arrived INTEGER NOT NULL,         -- Unix time, in seconds
         content BLOB NOT NULL,            -- sealed for the recipient
         PRIMARY KEY (recipient, number),
         UNIQUE (sender, recipient, mark)
       ) STRICT""",
    "CREATE INDEX parcels_arrived ON parcels (arrived)",
    """CREATE TABLE pairs (
         sender TEXT NOT NULL,
         recipient TEXT NOT NULL,
         parcels INTEGER NOT NULL,
         bytes INTEGER NOT NULL,
         PRIMARY KEY (sender, recipient)
       ) STRICT""",
    "CREATE TABLE totals (parcels INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT",
    "INSERT INTO totals VALUES (0, 0)",
    """CREATE TRIGGER parcel_came AFTER INSERT ON parcels BEGIN
         INSERT INTO pairs VALUES (new.sender, new.recipient, 1, new.size)
           ON CONFLICT DO UPDATE SET parcels = parcels + 1, bytes = bytes + new.size;
         UPDATE totals SET parcels = parcels + 1, bytes = bytes + new.size;
       END""",
    """CREATE TRIGGER parcel_went AFTER DELETE ON parcels BEGIN
         UPDATE pairs SET parcels = parcels - 1, bytes = bytes - old.size
           WHERE sender = old.sender AND recipient = old.recipient;
         DELETE FROM pairs WHERE sender = old.sender AND recipient = old.recipient AND parcels = 0;
         UPDATE totals SET parcels = parcels - 1, bytes = bytes - old.size;
       END""",
    f"PRAGMA user_version={_SCHEMA_VERSION}",
)


def drop_step(connection: sqlite3.Connection, condition: str, value: str | int) -> int:
    """Throw away STEP_PARCELS of the parcels that fit, or all; how many. `condition`: as for `drop_parcels`."""
    statement = f"DELETE FROM parcels WHERE rowid IN (SELECT rowid FROM parcels WHERE {condition} LIMIT ?)"  # noqa: S608
    return connection.execute(statement, (value, STEP_PARCELS)).rowcount


class RelayDatabase:
    """The open file. Safe for several threads and processes. Raises StateDamaged for a file that is none of ours or
    written by a newer version, Busy while another process holds it for longer than BUSY_SECONDS."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        # Before SQLite makes it with another mode; its companions inherit the mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))
        sync_folder(path.parent)
        with self._readable_errors():
            self._connection = sqlite3.connect(
                path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                # First, since it has to be said before anything is written; and once, since saying it writes.
                if not self._connection.execute("PRAGMA auto_vacuum").fetchone()[0]:
                    self._connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
                for setting in _SETTINGS:
                    self._connection.execute(setting)
                self._make()
            except BaseException:
                self._connection.close()
                raise

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Committed, and on the disk, when the block ends; rolled back when it raises."""
        with self._lock, self._readable_errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """For a question that is answered at once."""
        with self._lock, self._readable_errors():
            yield self._connection

    def changes_elsewhere(self) -> int:
        """A number that is another one after each change by another process."""
        with self.reading() as connection:
            (version,) = connection.execute("PRAGMA data_version").fetchone()
            return int(version)

    def drop_parcels(self, condition: str, value: str | int) -> int:
        """Throw away all parcels that fit, a step a transaction; how many. `condition`: our own words, with one ?."""
        gone = 0
        while True:
            with self.transaction() as connection:
                step = drop_step(connection, condition, value)
            gone += step
            if step < STEP_PARCELS:
                return gone

    def spare_bytes(self, connection: sqlite3.Connection) -> int:
        """Bytes that can be stored without taking more of the disk, as it stands in this transaction; negative when
        what is still in the log alone will make the file longer."""
        pages, free, size = (
            int(connection.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_count", "freelist_count", "page_size")
        )
        return free * size - max(0, pages * size - self.path.stat().st_size)

    def cut_log(self) -> None:
        """Bring everything from the write-ahead log into the file, and the log to length 0. Waits for other processes,
        up to BUSY_SECONDS; if they do not end, the log stays as it is."""
        with self.reading() as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def give_back(self) -> None:
        """Give free pages back to the disk, at most GIVE_BACK_STEPS * GIVE_BACK_PAGES of them, and cut the log."""
        for _ in range(GIVE_BACK_STEPS):
            with self.reading() as connection:
                if not connection.execute("PRAGMA freelist_count").fetchone()[0]:
                    break
                # A transaction by itself. As a script, since `execute` stops after the first page.
                connection.executescript(f"PRAGMA incremental_vacuum({GIVE_BACK_PAGES})")
        self.cut_log()

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _make(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
            tables = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if version > _SCHEMA_VERSION:
                raise StateDamaged(
                    "This relay's database was written by a newer blindmatch. Nothing was changed.",
                    advice="Install that version.",
                )
            if tables and not version:
                raise StateDamaged(
                    f"The file {self.path} was not made by a blindmatch relay.", advice="Move it away, and start again."
                )
            for statement in _SCHEMA if not version else ():
                self._connection.execute(statement)
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _readable_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            name = getattr(error, "sqlite_errorname", "") or ""
            if name.startswith("SQLITE_BUSY"):
                raise Busy(
                    "Another program is holding the relay's database.", advice="Close it and try again."
                ) from None
            if name == "SQLITE_FULL":
                raise Busy(
                    "The relay's disk is full. Nothing of this was stored.", advice="Free some space and try again."
                ) from None
            if name.startswith(
                ("SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_CORRUPT", "SQLITE_NOTADB")
            ):
                raise StateDamaged(
                    f"The relay's database {self.path} is damaged or cannot be written.",
                    advice="Check the disk and who owns the folder. If the file is lost, move it away and admit the "
                    "members again: their nodes still have what the other side did not acknowledge.",
                ) from None
            raise

"""Everything in the store that is particular to PostgreSQL (13 or newer, through psycopg 3).

Two pools, as for SQLite: one connection that writes, several whose transactions are REPEATABLE READ and READ ONLY.

**One process.** A node's database serves one process at a time: two would answer one round twice. The folder's lock
keeps a second process from the same folder; it knows nothing of a copy of the folder. So the connection that writes
holds an advisory lock of the session, on which the server lets nobody else in, and which ends with the session:

    first connection   lock, or Busy: who has it
    every write        goes through the connection that has the lock; there is no other
    connection lost    the server undoes what was not committed and frees the lock; nothing is written any more until
                       there is a new connection with the lock, on which nobody else has been in between
    somebody else was  `TakenOver`, from every transaction, for good: the node ends

That nobody has been there is seen from a table of one row, `node_process`. Every transaction that writes also writes
into it, as its last statement, the word of its process and one of its own; so nobody can write, not even the first
migration, and leave no trace. What must not stand in between is a pooler that shares sessions: the server's number for
the session would not be the one that we were told, so it is found and refused.

**Durable.** `synchronous_commit` is switched on for the session; a server with `fsync` or `full_page_writes` off is
refused, at the start and whenever it is looked at (`keep`). If the connection is lost at the very COMMIT,
`node_process` is read afterwards: the transaction was saved if its word stands there. (The server's own number of a
transaction would not tell: after a crash it gives the numbers out again that had not reached its disk.) Not promised:
anything that a server lost by a restore or a failover to a copy that lagged behind.
"""

import hashlib
import json
import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Engine, Text, cast, create_engine, event, func, literal_column, select
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from node.errors import Busy, NodeError, UserError
from node.store._postgres_errors import explained
from node.store.address import is_local, libpq_words
from node.store.schema import metadata

__all__ = ["LOCK_KEY", "LOCK_SECONDS", "OLDEST_VERSION", "READERS", "PostgresDatabase", "TakenOver"]

OLDEST_VERSION = 130000
"""Oldest server: 13, as `server_version_num` counts. It is the first with `pg_current_xact_id_if_assigned`."""

READERS = 8
"""Read connections kept open, in number; as many again may be opened for a moment. A server lets in 100 in all."""

LOCK_SECONDS = 30
"""Seconds a statement waits for a lock that another program holds on a table or row."""

OWN_SESSION_SECONDS = 8.0
"""Seconds until a lost session of this very process must have given the lock back."""

ASK_SECONDS = 20.0
"""Seconds in which the server is asked what became of a transaction whose COMMIT was not answered."""

LOCK_KEY = int.from_bytes(hashlib.sha256(b"blindmatch/one-node-process").digest()[:8], "big", signed=True)
"""Of the advisory lock. Such locks are the database's own, and a database holds one node."""

_PAUSE_SECONDS = 0.1

# No setting of a person or server may make a commit less than durable, end a session that holds the lock because it
# was idle, or write values into the server's log because a statement failed.
_SETTINGS = {
    "synchronous_commit": "on",
    "default_transaction_read_only": "off",
    "lock_timeout": f"{LOCK_SECONDS}s",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "log_parameter_max_length_on_error": "0",
    "tcp_keepalives_idle": "10",  # so that the server finds a dead machine of ours, and frees its lock
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "search_path": "public",
}
# Older servers do not know all of them.
_SET = (
    "SELECT set_config(name, wanted.value, false) FROM jsonb_each_text(%s::jsonb) AS wanted(name, value) "
    "JOIN pg_settings USING (name)"
)
_STATE = (
    "SELECT pg_backend_pid(), current_setting('server_version_num')::int, current_setting('server_encoding'), "
    "current_setting('fsync'), current_setting('full_page_writes'), pg_is_in_recovery(), "
    "current_setting('synchronous_commit')"
)
_LOCK = "SELECT pg_try_advisory_lock(%s)"
_HOLDER = (
    "SELECT l.pid, coalesce(a.application_name, '') FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid) "
    "WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 "
    "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND (l.classid::bigint << 32) | l.objid::bigint = %s"
)
_TABLE = "CREATE TABLE IF NOT EXISTS node_process (one boolean PRIMARY KEY CHECK (one), word text NOT NULL)"
_FORGET = "DROP TABLE IF EXISTS node_process"
# One row if something was written before it in this transaction, else none: then there is nothing to ask after.
_REMEMBER = (
    "INSERT INTO node_process SELECT true, %s WHERE pg_current_xact_id_if_assigned() IS NOT NULL "
    "ON CONFLICT (one) DO UPDATE SET word = excluded.word"
)
_REMEMBERED = "SELECT word FROM node_process"

_OUTSIDE = frozenset(
    {option.envvar.decode() for option in psycopg.pq.Conninfo.get_defaults() if option.envvar}
    | {"PGSERVICEFILE", "PGSYSCONFDIR", "PGREQUIRESSL", "PGDATESTYLE", "PGTZ", "PGGEQO"}
)
"""Names of the environment that libpq obeys. It does so wherever the address is silent, and an address of the host
(`PGHOSTADDR`) leads past what was judged here; so none may be set."""


class TakenOver(Busy):
    """Another process has this node's database, or had it while our connection was lost: this one must end."""


class PostgresDatabase:
    """A `Database` on a server. `alone`: False for a look from outside, which takes no lock and must not write."""

    own_tables = frozenset({"node_process"})

    def __init__(self, url: URL, *, alone: bool = True) -> None:
        self._words = libpq_words(url)
        _nothing_from_outside()
        self._word = secrets.token_hex(8)
        place = "".join(c if c.isascii() and c.isprintable() else "?" for c in socket.gethostname())[:20]
        # What `pg_stat_activity` shows; at most 63 bytes. The word tells our own sessions from everybody else's.
        self._name = f"blindmatch {place or '?'} {os.getpid()} {self._word}"
        self._opening = True
        self._hurried = False
        self._registered = False
        self._taken_over = ""
        self._writer = self._engine(pool_size=1, max_overflow=0)
        self.reader = self._engine(pool_size=READERS, max_overflow=READERS)
        if alone:
            event.listen(self._writer, "connect", self._connected_to_write)
        event.listen(self.reader, "connect", self._connected_to_read)

    def _engine(self, **pool: int) -> Engine:
        return create_engine(
            URL.create("postgresql+psycopg"),  # what it says of itself shows no address
            poolclass=QueuePool,
            hide_parameters=True,
            connect_args={**self._words, "application_name": self._name},
            **pool,
        )

    def glance(self) -> AbstractContextManager[Connection]:
        return self.reader.begin()

    def keep_copy(self, revision: str) -> Path | None:
        """None: dumps are the business of the server's administrator."""
        return None

    def drop_copies(self) -> None:
        """Nothing: there are none."""

    def prepare(self) -> None:
        with self._writer.connect():
            pass

    def ready(self) -> None:
        if not self._registered:  # else the migration has done it
            with self.writing() as connection:
                connection.exec_driver_sql("SELECT pg_current_xact_id()")  # so that there is something to remember
        self._opening = False

    def forget(self) -> None:
        with self._writer.begin() as connection:
            connection.exec_driver_sql(_FORGET)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        self._still_ours()
        connection = self._writer.connect()
        try:
            transaction = connection.begin()
            try:
                yield connection
                word = self._remember(connection)
            except BaseException:
                with suppress(DBAPIError):  # a lost connection rolls back by itself
                    transaction.rollback()
                raise
            try:
                transaction.commit()
            except DBAPIError as error:
                if word is None or not error.connection_invalidated:
                    raise
                connection.close()
                if not self._was_committed(word):
                    raise
            self._registered = self._registered or word is not None
        finally:
            connection.close()

    def _remember(self, connection: Connection) -> str | None:
        """Write, into the transaction itself, by what it is known afterwards; None if it has written nothing."""
        if not self._registered:
            connection.exec_driver_sql(_TABLE)
        word = f"{self._word} {secrets.token_hex(8)}"
        return word if connection.exec_driver_sql(_REMEMBER, (word,)).rowcount else None

    def _was_committed(self, word: str) -> bool:
        """What became of a transaction whose COMMIT was not answered. Busy if that cannot be known, or not in time.

        It is over once the lock of its session is somebody's again, ours or another's.
        """
        until = time.monotonic() + ASK_SECONDS
        while time.monotonic() < until and not self._hurried:
            with suppress(DBAPIError, psycopg.Error, NodeError):
                with suppress(TakenOver), self._writer.connect():
                    pass
                with self.reader.begin() as connection:
                    found = connection.exec_driver_sql(_REMEMBERED).scalar()
                if found == word or self._is_ours(found):
                    return bool(found == word)
                break  # another process has written since
            time.sleep(_PAUSE_SECONDS)
        raise Busy(
            "The connection to the database server was lost while it saved, and whether it has is not known.",
            advice="When the server is back, look whether it was done before you do it again.",
        )

    @contextmanager
    def readable_errors(self) -> Iterator[None]:
        opening = self._opening
        try:
            yield
        except (DBAPIError, psycopg.Error) as error:
            original = error.orig if isinstance(error, DBAPIError) else error
            code = original.sqlstate if isinstance(original, psycopg.Error) else None
            ours = not isinstance(original, (psycopg.OperationalError, psycopg.InterfaceError))
            if code is None and ours:
                raise
            lost = isinstance(error, DBAPIError) and error.connection_invalidated
            said = explained(code, str(original), connecting=not lost, opening=opening)
            if said is None:
                raise
            raise said from None

    def check(self, connection: Connection) -> list[str]:
        """Reads every row: a server that keeps checksums finds damaged pages. Indexes are its own business."""
        for table in metadata.sorted_tables:
            connection.execute(select(func.count(cast(literal_column(table.name), Text))).select_from(table))
        return []

    def keep(self) -> bool:
        self._still_ours()
        try:
            with self._writer.connect() as connection:
                found = connection.exec_driver_sql(_STATE).one()
            with self.reader.connect() as connection:
                connection.exec_driver_sql("SELECT 1")
        except TakenOver:
            raise
        except (DBAPIError, psycopg.Error, NodeError):
            return False
        self._durable(*found[3:5])
        return True

    def hurry(self) -> None:
        self._hurried = True

    def close(self) -> None:
        self._writer.dispose()
        self.reader.dispose()

    def describe(self) -> str:
        """A look from outside, for `blindmatch doctor`: a sentence about server, way and holder. Writes nothing."""
        with self.readable_errors(), self.reader.begin() as connection:
            found = connection.exec_driver_sql(_STATE).one()
            holder = connection.exec_driver_sql(_HOLDER, (LOCK_KEY,)).first()
            session: Any = connection.connection.dbapi_connection
            way = "TLS" if session.pgconn.ssl_in_use else "this machine only"
        self._durable(*found[3:5])
        held = f"in use by {_who(holder[1])}" if holder is not None else "in use by nobody"
        return f"PostgreSQL {found[1] // 10_000}, over {way}; what is saved is flushed to its disk; {held}"

    # What happens on each new connection.

    def _connected_to_read(self, session: psycopg.Connection[Any], _record: Any) -> None:
        with _closed_on_error(session):
            self._checked(session)
            session.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            session.read_only = True

    def _connected_to_write(self, session: psycopg.Connection[Any], _record: Any) -> None:
        with _closed_on_error(session):
            self._checked(session)
            session.autocommit = True
            self._take(session)
            session.autocommit = False

    def _checked(self, session: psycopg.Connection[Any]) -> None:
        """The way and the server are such that a node may rely on them."""
        checked = session.pgconn.ssl_in_use and self._words["sslmode"] == "verify-full"
        if not checked and not is_local(session.info.hostaddr):
            raise self._unfit(
                "The connection to the database server leads to another machine without being encrypted and checked, "
                "so it was not used.",
                advice="Name the server by its host name, with sslmode=verify-full.",
            )
        session.autocommit = True
        session.execute(_SET, (json.dumps(_SETTINGS),))
        found = session.execute(_STATE).fetchone()
        assert found is not None
        number, version, encoding, fsync, pages, copy, commit = found
        session.autocommit = False
        if version < OLDEST_VERSION:
            raise self._unfit(
                f"The database server is older than PostgreSQL {OLDEST_VERSION // 10_000}.", advice="Update it."
            )
        if number != session.info.backend_pid:
            raise self._unfit(
                "Between this node and its database server is a connection pooler, which can lend the node's session "
                "to others.",
                advice="Name the server itself in the database's address.",
            )
        if encoding != "UTF8":
            raise self._unfit(
                "This database does not keep its text as UTF-8.",
                advice="Make one with ENCODING 'UTF8' TEMPLATE template0.",
            )
        if copy:
            raise self._unfit(
                "The database server is a copy of another one, and only lets read.",
                advice="Name the server that holds the original.",
            )
        self._durable(fsync, pages, commit)

    def _durable(self, fsync: str, pages: str, commit: str = "on") -> None:
        if (fsync, pages, commit) != ("on", "on", "on"):
            raise self._unfit(
                "The database server does not flush what it saves to its disk (fsync, full_page_writes or "
                "synchronous_commit is off): after a power cut, budgets that were spent could be there again.",
                advice="Switch them on in the server's settings, then start the node.",
            )

    def _unfit(self, sentence: str, *, advice: str) -> NodeError:
        """While the node runs nothing of the server's ends a round: it waits until that is put right."""
        return (UserError if self._opening else Busy)(sentence, advice=advice)

    def _take(self, session: psycopg.Connection[Any]) -> None:
        """The lock for this session, or Busy; TakenOver if somebody else has had it since we had."""
        until = time.monotonic() + OWN_SESSION_SECONDS
        while not _scalar(session, _LOCK, LOCK_KEY):
            holder = session.execute(_HOLDER, (LOCK_KEY,)).fetchone()
            if holder is not None and holder[1] != self._name:
                raise self._refused(_who(holder[1]))
            if holder is not None:
                # Our own: the server has not noticed yet that we lost it.
                _scalar(session, "SELECT pg_terminate_backend(%s)", holder[0])
            if time.monotonic() > until:
                raise Busy(
                    "The database server still holds the lost connection of this node open.",
                    advice="It gives it up after a while; try again.",
                )
            time.sleep(_PAUSE_SECONDS)
        if self._registered and not self._is_ours(_scalar(session, _REMEMBERED)):
            raise self._refused("a process that has ended again")

    def _is_ours(self, found: str | None) -> bool:
        return found is not None and found.startswith(f"{self._word} ")

    def _refused(self, who: str) -> Busy:
        if not self._registered:
            return Busy(
                f"Another blindmatch process already uses this node's database: {who}.",
                advice="Stop that one first. A copy of a node's folder is no second node.",
            )
        self._taken_over = who
        return self._over()

    def _still_ours(self) -> None:
        if self._taken_over:
            raise self._over()

    def _over(self) -> TakenOver:
        return TakenOver(
            "Another blindmatch process took this node's database over while the connection was lost: "
            f"{self._taken_over}. Nothing was written here since.",
            advice="Look which of the two shall run, and start only that one.",
        )


def _nothing_from_outside() -> None:
    found = sorted(_OUTSIDE.intersection(os.environ))
    if found:
        raise UserError(
            f"The environment would change how the database server is reached: {', '.join(found)}.",
            advice="Start blindmatch without these variables; what is needed belongs into the database's address.",
        )


@contextmanager
def _closed_on_error(session: psycopg.Connection[Any]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        session.close()
        raise


def _scalar(session: psycopg.Connection[Any], query: str, *values: object) -> Any:
    found = session.execute(query.encode(), values).fetchone()
    return None if found is None else found[0]


def _who(name: str) -> str:
    """The name of a session, as `PostgresDatabase` gives it, in words."""
    words = name.split(" ")
    if len(words) == 4 and words[0] == "blindmatch" and words[2].isdecimal():
        return f"process {words[2]} on {words[1]}"
    return "a process that this account may not see"

"""What the store asks of a database: the two that there are stand in `_sqlite.py` and `_postgres.py`.

Everything else is portable SQL. A transaction of `writing` is all or nothing and on the disk when its block ends; of
`reader` every transaction is a view of one moment and cannot write.
"""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from sqlalchemy import Engine
from sqlalchemy.engine import Connection

__all__ = ["Database"]


class Database(Protocol):
    """One database of one node, for this process alone. Made without touching it."""

    @property
    def reader(self) -> Engine: ...

    @property
    def own_tables(self) -> frozenset[str]:
        """Tables that the database's own module made, beside those of the schema."""
        ...

    def glance(self) -> AbstractContextManager[Connection]:
        """A connection to read with before anything else is done: it leaves no trace, as far as the database can."""
        ...

    def keep_copy(self, revision: str) -> Path | None:
        """Keep the database as it is, before its schema changes from `revision`; None where that is not possible."""
        ...

    def drop_copies(self) -> None:
        """Delete what `keep_copy` kept."""
        ...

    def prepare(self) -> None:
        """Before anything is read: make it ours alone, and make sure that it keeps what it is told."""
        ...

    def ready(self) -> None:
        """Once the schema is there; the errors of daily work are said from now on."""
        ...

    def forget(self) -> None:
        """Take back `own_tables`; nothing is written after that."""
        ...

    def writing(self) -> AbstractContextManager[Connection]:
        """A writing transaction; the caller lets one thread in at a time."""
        ...

    def readable_errors(self) -> AbstractContextManager[None]:
        """Turns the driver's errors into those of `node.errors`; errors of the code pass as they are."""
        ...

    def check(self, connection: Connection) -> list[str]:
        """Sentences about damage that the database itself can see; empty if there is none."""
        ...

    def keep(self) -> bool:
        """Look after the connection that writes; False while the database cannot be reached. Raises Busy if it is in
        other hands for good: then this process may not write any more."""
        ...

    def hurry(self) -> None:
        """The node stops: nothing waits for a server that does not answer any more."""
        ...

    def close(self) -> None: ...

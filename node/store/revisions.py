"""Databases of an older shape: which one a database has, and a new one that has it.

A backup holds rows in the shape that the database had when it was made. They are put into an empty database of that
very shape, which `Store.open` then brings to the shape of this version, with the same steps as any other.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import URL, Connection, make_url

from node.errors import UserError
from node.store import migrations
from node.store._sqlite import SqliteDatabase
from node.store.upgrading import LEFT, seen

__all__ = ["Looked", "at_revision", "look_at_file", "revision_of"]


@dataclass(frozen=True)
class Looked:
    """What a look from outside found: the schema of a file (None: none of ours), today's, and when its last backup was
    begun (RFC 3339)."""

    revision: str | None
    today: str
    backup: str | None

    @property
    def left(self) -> bool:
        return self.revision == LEFT

    @property
    def newer(self) -> bool:
        return self.revision is not None and not self.left and self.revision not in migrations.known()

    @property
    def older(self) -> bool:
        return self.revision in migrations.known()[:-1]


def look_at_file(path: Path) -> Looked:
    """Reads and changes nothing, whether or not a node runs on it. Raises as `Store.open` does for a damaged file."""
    database = SqliteDatabase(URL.create("sqlite", database=str(path)))
    try:
        with database.readable_errors(), database.glance() as connection:
            found = seen(connection)
    finally:
        database.close()
    return Looked(found.revision, migrations.newest(), found.backup)


def revision_of(connection: Connection) -> str:
    """The revision of a database that `Store.open` has opened."""
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())


@contextmanager
def at_revision(url: str, revision: str) -> Iterator[Connection]:
    """A transaction on a new SQLite database that has the shape of `revision`; committed when the block ends.

    Raises UserError for a revision that this version does not know.
    """
    if revision not in migrations.known():
        raise UserError("This backup was made by a newer blindmatch.", advice="Install that version, then restore it.")
    database = SqliteDatabase(make_url(url))
    try:
        database.prepare()
        with database.readable_errors(), database.writing() as connection:
            migrations.up_to(connection, revision)
            yield connection
    finally:
        database.close()

"""Databases of an older shape: which one a database has, and a new one that has it.

A backup holds rows in the shape that the database had when it was made. They are put into an empty database of that
very shape, which `Store.open` then brings to the shape of this version, with the same steps as any other.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources

import alembic.command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection, make_url

from node.errors import UserError
from node.store._sqlite import SqliteDatabase

__all__ = ["at_revision", "revision_of"]


def revision_of(connection: Connection) -> str:
    """The revision of a database that `Store.open` has opened."""
    (revision,) = MigrationContext.configure(connection).get_current_heads()
    return revision


@contextmanager
def at_revision(url: str, revision: str) -> Iterator[Connection]:
    """A transaction on a new SQLite database that has the shape of `revision`; committed when the block ends.

    Raises UserError for a revision that this version does not know.
    """
    database = SqliteDatabase(make_url(url))
    try:
        with resources.as_file(resources.files("node.store") / "migrations") as folder:
            config = Config()
            config.set_main_option("script_location", str(folder).replace("%", "%%"))
            if revision not in {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}:
                raise UserError(
                    "This backup was made by a newer blindmatch.", advice="Install that version, then restore it."
                )
            database.prepare()
            with database.readable_errors(), database.writing() as connection:
                config.attributes["connection"] = connection
                alembic.command.upgrade(config, revision)
                yield connection
    finally:
        database.close()

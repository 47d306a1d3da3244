"""Steps from one shape of the database to the next, run by `Store.open` and never by hand.

A step's file begins with its number, which is its revision; they are in a row, and one that was released never changes.
"""

import threading
from functools import cache
from importlib import resources

from sqlalchemy.engine import Connection

__all__ = ["known", "newest", "up_to"]

# Alembic keeps its context in module globals: two stores of one process must not run steps at the same time.
_one_at_a_time = threading.Lock()


@cache
def known() -> tuple[str, ...]:
    """The revisions that this version knows, oldest first."""
    files = (resources.files(__name__) / "versions").iterdir()
    return tuple(sorted(step.name[:4] for step in files if step.name[:4].isdecimal()))


def newest() -> str:
    """The revision of this version's schema."""
    return known()[-1]


def up_to(connection: Connection, revision: str) -> None:
    """Run every step that is missing, up to this revision, in the transaction of `connection`."""
    # Alembic takes a tenth of a second to load, and most starts need none of its steps.
    import alembic.command
    from alembic.config import Config

    with _one_at_a_time, resources.as_file(resources.files(__name__)) as folder:
        config = Config()
        # Alembic's options treat % as a placeholder.
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, revision)

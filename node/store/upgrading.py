"""What stands before the database of a node is brought to the schema of this version.

    look       which schema it has, and when its last backup was begun; changes no byte and no time of a file
    tell       whoever opens the node hears what is about to be done (`Upgrade`), before anything is
    keep       a copy of the file as it is, `db.schema-NNNN`, if the disk has room for it
    (steps)    all in one transaction, so that a crash leaves the old shape or the new one (`engine`)
    drop       once the node was opened whole, the copy goes

Why the copy goes so soon: whatever the node says after the upgrade, it would not know of after going back to the copy.
Its budgets would be spent twice, and its members would see its log shrink. It also holds what may be erased later. It
is the way back from an upgrade that failed, and nothing else; later, a backup is (`node.keeping.restore`), since that
knows what must not be done again. A database on a server is not copied: its administrator has dumps.
"""

import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage
from typing import Protocol

from sqlalchemy import inspect, select, text
from sqlalchemy.engine import Connection

from node.errors import StateDamaged
from node.store.entries import tells_of
from node.store.files import FILE_MODE, sync_folder
from node.store.schema import audit_entries

__all__ = [
    "LEFT",
    "SPARE_BYTES",
    "Seen",
    "Upgrade",
    "UpgradeTold",
    "copies",
    "copy_file",
    "copy_name",
    "drop_copies",
    "moved_away",
    "seen",
    "untold",
]

SPARE_BYTES = 64 * 1024 * 1024
"""Bytes of the disk that a copy leaves free, beside as much as the database takes: steps may write all of it anew."""


LEFT = "moved"
"""What stands in place of the schema in a file that a node has left for a server (`node.keeping.moving`): a version
that knows nothing of moves takes it for one of a newer version, and refuses it."""


def moved_away(at: str = "") -> StateDamaged:
    """For a database that was left; `at`: when, if it is known."""
    when = f" at {at}" if at else ""
    return StateDamaged(
        f"This node's database was moved to a server{when}, and what is in the folder is the old one: what was spent "
        "since would be there again.",
        advice="Let config.toml name the file with the server's address again. If the server is lost, restore a "
        "backup.",
    )


@dataclass(frozen=True)
class Upgrade:
    """A database that is about to get a newer schema. `before`, `after`: the schemas, such as 0005, None of an empty
    one; `backup`: when its last backup was begun (RFC 3339), None if none was; `copy`: where the file as it was is
    kept, None if it is not."""

    before: str | None
    after: str
    backup: str | None
    copy: Path | None
    on_server: bool


class UpgradeTold(Protocol):
    """Hears of an upgrade, before it begins."""

    def __call__(self, upgrade: Upgrade, /) -> None: ...


def untold(_upgrade: Upgrade) -> None:
    """Nobody has to hear of it: the node was just made, or is put together in a place of its own."""


@dataclass(frozen=True)
class Seen:
    """A database as it was found: its schema (None: none of ours), and its tables."""

    revision: str | None
    tables: frozenset[str]
    backup: str | None


def seen(connection: Connection) -> Seen:
    """Reads only what every schema has had from the first one on."""
    tables = frozenset(inspect(connection).get_table_names())
    if "alembic_version" not in tables:
        return Seen(None, tables, None)
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    backup = None
    if audit_entries.name in tables:
        last = select(audit_entries.c.at).where(tells_of("backup-made")).order_by(audit_entries.c.position.desc())
        backup = connection.execute(last.limit(1)).scalar()
    return Seen(revision, tables, backup)


def copy_name(database: Path, revision: str) -> Path:
    return database.with_name(f"{database.name}.schema-{revision}")


def copies(database: Path) -> list[Path]:
    """The copies beside a database, whole or broken off."""
    return sorted(path for stem in ("", ".") for path in database.parent.glob(f"{stem}{database.name}.schema-*"))


def copy_file(database: Path, revision: str) -> Path | None:
    """Keep a database file as it is, with what its write-ahead log holds; None if there is no room. Nobody else may
    write to it. An earlier copy of this schema is replaced: it was made by an upgrade that did not go on."""
    target = copy_name(database, revision)
    part = target.with_name(f".{target.name}")
    try:
        size = sum(path.stat().st_size for path in (database, Path(f"{database}-wal")) if path.exists())
        if disk_usage(database.parent).free < 2 * size + SPARE_BYTES:
            return None
        with suppress(FileNotFoundError):
            part.unlink()
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE))
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(part)) as copy:
            source.backup(copy)
        descriptor = os.open(part, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        part.replace(target)
        sync_folder(database.parent)
    except (OSError, sqlite3.Error):
        with suppress(OSError):
            part.unlink(missing_ok=True)
        return None
    return target


def drop_copies(database: Path) -> None:
    """Delete what `copy_file` kept. What cannot be deleted now is tried again at the next opening."""
    with suppress(OSError):
        for path in copies(database):
            path.unlink(missing_ok=True)

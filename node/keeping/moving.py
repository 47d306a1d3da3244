"""Moves the database of a stopped node from its folder to a PostgreSQL server. The same node goes on there.

    ready       the folder is held, what is here is whole, the database there is empty
    copy        every row of every table, in one transaction there; read back: as many, and the same digest
    note        the copied log goes on with `database-moved`
    settings    config.toml names the server           <- from here on nobody opens the file in the folder
    commit      the server has all of it, or nothing
    set aside   the file says so itself, is called `db.moved` from now on, and never opened again

Unlike a restore this ends no round and closes no budget, because nothing is forgotten: charges, scalars and messages go
along, and the two databases never serve at the same time. That is what the order is for. Killed before `settings`, the
node is where it was. Killed between `settings` and `commit`, it opens neither database until the move is run again
(`finish_move`), which copies anew. Killed after `commit`, it runs on the server; the next opening there or another run
only sets the file aside. Whoever puts the old file back finds that no node opens it, and that it moves to no other
server (`check_not_left`): what was spent since would be there again.

Digests are sums, modulo 2^256, of the SHA-256 of each row: the two databases sort text differently. They find what was
lost or altered on the way, by accident. Not promised: protection from whoever runs the server (node/README.md), and the
way back, which is a backup and a restore.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Integer, Table, func, select, text

from node import failpoints
from node.audit import AuditLog
from node.clock import timestamp
from node.config import Config
from node.errors import StateDamaged, UserError
from node.keeping.backup import check_sound
from node.keeping.dump import tables, written
from node.store import KeyRing, StateDir, Store, read_address
from node.store.address import parsed
from node.store.files import replace_file, sync_folder
from node.store.own_settings import read_own, write_own
from node.store.revisions import look_at_file
from node.store.schema import audit_entries
from node.store.upgrading import LEFT, moved_away

__all__ = [
    "ASIDE",
    "Moved",
    "check_not_left",
    "finish_move",
    "move_database",
    "server_address",
    "server_settings",
    "set_aside",
]

ASIDE = "db.moved"
"""What the file of SQLite is called once the database is on the server."""

_ROWS_AT_ONCE = 256
"""Rows that are written to the server at a time, in number."""

_LEFT = "moved-to-server"
"""Under this name the database in the folder says that the node has left it."""

_SECTION, _SETTING = "store", "database_file"
_HEADER = re.compile(r"[ \t]*\[[ \t]*store[ \t]*\][ \t]*(#.*)?")

_Progress = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class Moved:
    """What was moved: rows of all tables, entries of the audit log. `resumed`: an earlier run had come to the commit
    already, and nothing was left but to set the file aside."""

    rows: int
    entries: int
    resumed: bool = False


def finish_move(state: StateDir, keys: KeyRing, there: Store) -> None:
    """For a node whose settings name a server and whose folder still has a database: if `there` goes on after it, it is
    set aside now, since nobody may open it any more. Any other file is left alone.

    Raises StateDamaged if the database on the server holds nothing: the move was broken off, or what is on the server
    was lost.
    """
    lost = _empty(there)
    aside, here = False, None
    try:
        aside = look_at_file(state.database).left
        here = None if aside else Store.open(state.database_url, keys, clock=there.clock)
    except StateDamaged:  # what does not open here serves nobody
        _check_moved(there)
    if aside and lost:
        raise moved_away()
    if here is not None:
        with closing(here):
            if lost:
                check_not_left(here)
            _check_moved(there)
            with here.read() as source:
                aside = _went_on(source, there)
            if aside:
                _leave(here)
    if aside:
        with suppress(OSError):  # it says itself that it was left; the name is for people
            set_aside(state)


def _check_moved(there: Store) -> None:
    if _empty(there):
        raise StateDamaged(
            "The move of this node's database to a server was not finished: the database that config.toml names is "
            "empty.",
            advice="Run `blindmatch node move` again. If the server is gone for good, take the line database_file out "
            "of config.toml: the database in the folder is as it was.",
        )


def check_not_left(store: Store) -> None:
    """StateDamaged if a node has left this database for a server."""
    with store.read() as connection:
        left = read_own(store, connection, _LEFT)
    if left is not None:
        raise moved_away(left.decode())


def server_address(state: StateDir, settings: Config, file: Path) -> str:
    """The address in `file`, if this node can be moved there. UserError if not."""
    named = settings.store.database_file
    if named and (state.path / named).absolute() != file.absolute():
        raise UserError(
            "config.toml names another file with a database's address already.",
            advice="A node on one server is moved to another one with the tools of PostgreSQL.",
        )
    if not state.database.exists():
        raise UserError(
            "There is no database in the node's folder, so there is nothing to move.",
            advice="`blindmatch doctor` says where the database of this node is.",
        )
    address = read_address(file)
    if parsed(address).get_backend_name() == "sqlite":
        raise UserError(
            "The file names no PostgreSQL server.", advice="Write it as postgresql://account:password@host/database"
        )
    return address


def move_database(
    state: StateDir,
    settings: Config,
    file: Path,
    *,
    here: Store,
    log_here: AuditLog,
    there: Store,
    log_there: AuditLog,
    by: str,
    progress: _Progress = lambda _step: None,
) -> Moved:
    """Copy everything, and let config.toml name the server. The folder must be held; call `set_aside` once both stores
    are closed.

    Raises UserError if there is a node in the other database, or the settings cannot be changed; StateDamaged if what
    is here is damaged, or came out differently there. Then nothing has changed.
    """
    with here.read() as source:
        if settings.store.database_file and _went_on(source, there):
            _leave(here)
            return Moved(_rows(source), log_here.size(), resumed=True)
        check_not_left(here)
        if not _empty(there):
            raise UserError(
                "There is already a node in this database.", advice="Give this node an empty database of its own."
            )
        check_sound(source, {}, here, log_here)
        config = server_settings(state.config.read_text(encoding="utf-8"), file.absolute())
        with there.transaction() as target:
            rows = 0
            for table in tables():
                rows += _copied(source, target, table)
                progress({"done": rows, "what": "rows"})
            _go_on_counting(target)
            if problems := there.check() + log_there.verify().problems:
                raise _differs(problems[0])
            failpoints.hit("move.copied")
            entries = log_here.size()
            log_there.append(target, "database-moved", by=by, rows=rows, tree_size=entries)
            _name_server(state.config, config)
            failpoints.hit("move.settings-written")
        failpoints.hit("move.committed")
        _leave(here)
    return Moved(rows, entries)


def _leave(here: Store) -> None:
    with here.transaction() as tx:
        write_own(here, tx, _LEFT, timestamp(here.clock.now()).encode())
        tx.execute(text("UPDATE alembic_version SET version_num = :left"), {"left": LEFT})


def _name_server(path: Path, text: str) -> None:
    try:
        replace_file(path, text.encode())
    except OSError as error:
        raise UserError(
            f"The settings file {path} cannot be written: {error.strerror}. Nothing was moved.",
            advice="Check the folder's disk, and try again.",
        ) from None


def set_aside(state: StateDir) -> None:
    """Rename the file, so that nobody takes it for the node's database; once nothing has it open any more."""
    for ending in ("", "-wal", "-shm"):  # the last two are gone, as a rule: SQLite removes them when it closes
        path = state.database.with_name(state.database.name + ending)
        if path.exists():
            path.rename(state.path / (ASIDE + ending))
    sync_folder(state.path)
    failpoints.hit("move.set-aside")


def server_settings(text: str, file: Path) -> str:
    """The settings with `file` as the one that holds the database's address, and otherwise unchanged.

    UserError if they are no TOML, or written in a way that lets no line be added.
    """
    try:
        before = tomllib.loads(text)
    except (ValueError, RecursionError):
        raise UserError("The settings are not valid TOML.", advice="Correct config.toml.") from None
    line = f"{_SETTING} = {json.dumps(str(file), ensure_ascii=False)}"
    lines = [found for found in text.split("\n") if not found.lstrip().startswith(_SETTING)]
    at = next((number for number, found in enumerate(lines, 1) if _HEADER.fullmatch(found.rstrip("\r"))), None)
    if at is None:
        lines += [f"[{_SECTION}]", line, ""]
    else:
        lines.insert(at, line)
    try:
        after = tomllib.loads("\n".join(lines))
    except (ValueError, RecursionError):
        after = {}
    wanted = {**before, _SECTION: {**before.get(_SECTION, {}), _SETTING: str(file)}}
    if after != wanted:
        raise UserError(
            "config.toml is written in a way that lets the move not name the server in it.",
            advice=f"Write [{_SECTION}] on a line of its own, and each setting below it on one line.",
        )
    return "\n".join(lines)


def _copied(source: Connection, target: Connection, table: Table) -> int:
    """Copy one table and read it back; how many rows it has. StateDamaged if it came out differently."""
    query = select(table).order_by(*table.primary_key.columns)
    with source.execute(query, execution_options={"yield_per": _ROWS_AT_ONCE}) as result:
        for block in result.mappings().partitions():
            target.execute(table.insert(), [dict(row) for row in block])
    there = _digest(target, table)
    if there != _digest(source, table):
        raise _differs(f"The table {table.name} is another one there.")
    return there[0]


def _digest(connection: Connection, table: Table) -> tuple[int, int]:
    """How many rows, and the sum of their digests."""
    number = total = 0
    with connection.execute(select(table), execution_options={"yield_per": _ROWS_AT_ONCE}) as result:
        for row in result:
            line = json.dumps([written(value) for value in row], ensure_ascii=False)
            total += int.from_bytes(hashlib.sha256(line.encode()).digest(), "big")
            number += 1
    return number, total % 2**256


def _go_on_counting(target: Connection) -> None:
    """Rows came with their numbers, so the server's counters still stand at the beginning."""
    for table in tables():
        for column in table.primary_key.columns:
            if column is table.autoincrement_column and isinstance(column.type, Integer):
                highest = target.execute(select(func.max(column))).scalar()
                if highest is not None:
                    sequence = func.pg_get_serial_sequence(table.name, column.name)
                    target.execute(select(func.setval(sequence, highest)))


def _differs(sentence: str) -> StateDamaged:
    return StateDamaged(
        f"What was copied is not what is here, so nothing was moved. {sentence}",
        advice="The node is as it was. Check the server's disk and memory, and try again.",
    )


def _empty(store: Store) -> bool:
    with store.read() as connection:
        return not any(connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables())


def _rows(connection: Connection) -> int:
    return sum(connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables())


def _went_on(source: Connection, there: Store) -> bool:
    """Whether the log there is this node's, and goes on after ours with the move."""
    leaves = select(audit_entries.c.leaf_hash).order_by(audit_entries.c.position)
    ours = list(source.execute(leaves).scalars())
    with there.read() as target:
        theirs = list(target.execute(leaves.limit(len(ours))).scalars())
        body = target.execute(select(audit_entries.c.body).where(audit_entries.c.position == len(ours))).scalar()
    return bool(ours) and theirs == ours and body is not None and json.loads(body)["event"] == "database-moved"

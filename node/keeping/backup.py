"""Makes a backup, also of a node that runs: key file, settings, database and prepared records of one moment.

    about      format, when, whose, from which folder, revision of the database, entries and root of the audit log
    config     config.toml as it stands, and in its head policy.toml, if there is one
    rows       a block of rows of one table                       (`dump`: what is left out)
    records    a piece of the record file of a data set
    end        how many rows each table had; bytes and SHA-256 of each record file

Each is the content of one frame (`sealedfile`): a line of JSON, then bytes. All rows are read in one view of the
database. The record files that this view names are opened before anything is copied, so that a data set which is
refreshed or removed meanwhile is still there; where one is gone already, the view was old, and a newer one is taken.

Every cell and block of records that is copied is opened once, and the audit log computed again, in the same view: a
restore would refuse what is damaged, and that is better known while the node and older backups are still there. The key
file is that of the open keys, so that nobody who changes the one on the disk meanwhile makes the backup useless.

Never in a backup: lists of rounds, scalars, snapshots, keys and decisions of rounds that were open, and what they had
still to say. So nothing that is restored can go on with such a round: see `restore`.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import Connection, func, select

from node import __version__
from node import config as settings
from node.audit import AuditLog
from node.audit.merkle import RightEdge
from node.clock import Clock, timestamp
from node.datasets.recordfile import read_blocks_of
from node.errors import Busy, StateDamaged, UserError
from node.ids import RandomBytes
from node.keeping.dump import LEFT_OUT, rows_of, tables
from node.keeping.local import local_settings
from node.keeping.sealedfile import Writer
from node.store import KeyRing, StateDir, Store
from node.store.own_settings import read_own, write_own
from node.store.revisions import revision_of
from node.store.schema import audit_entries, datasets
from node.store.sealed import check_cells

__all__ = ["FORMAT", "Made", "check_sound", "finished_at", "note_finished", "write_backup"]

FORMAT = 1
"""Format of what stands in the frames."""

PIECE_BYTES = 1024 * 1024
"""Bytes of a record file in one frame."""

VIEWS = 5
"""How often a newer view of the database is taken because a record file was gone."""

_FINISHED = "last-backup"
"""Under which a node keeps when it last finished one: its log only tells when one was begun."""

_Progress = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class Made:
    """A finished backup: bytes and SHA-256 (hex) of the file, entries of the audit log in it, record files in it."""

    bytes: int
    digest: str
    entries: int
    datasets: int


def write_backup(
    path: Path,
    *,
    state: StateDir,
    store: Store,
    keys: KeyRing,
    audit: AuditLog,
    member_id: str,
    clock: Clock,
    random_bytes: RandomBytes,
    by: str,
    progress: _Progress = lambda _step: None,
) -> Made:
    """Write a backup to a file that does not exist yet. `by`: a staff label.

    Raises UserError if the file cannot be written, or the settings would not be good after a restore, StateDamaged if a
    part of the node is missing or damaged, Busy if data sets change all the time.
    """
    settings.load(state.config)
    try:
        config = state.config.read_bytes()
        policy = {"policy": state.policy.read_text()} if state.policy.exists() else {}
    except UnicodeDecodeError:
        raise StateDamaged("policy.toml is no text file.", advice="Correct or remove it, and try again.") from None
    except OSError as error:
        raise StateDamaged(
            f"A file of the node cannot be read: {error.strerror}.", advice="Check the folder, and try again."
        ) from None
    local_settings(config.decode(errors="replace"))
    with Writer(path, keys, keys.as_file(), random_bytes) as writer, ExitStack() as stack:
        with store.transaction() as tx:
            audit.append(tx, "backup-made", by=by)
            audit.checkpoint(tx)
        connection, files = _view(stack, store, state.records)
        check_sound(connection, files, store, audit)
        about = {
            "format": FORMAT,
            "software": __version__,
            "made_at": timestamp(clock.now()),
            "member": member_id,
            "folder": str(state.path),
            "revision": revision_of(connection),
            **_log(connection),
        }
        _frame(writer, {"part": "about", **about})
        _frame(writer, {"part": "config", **policy}, config)
        counts = _write_rows(writer, connection, progress)
        digests = {name: _write_file(writer, name, file, progress) for name, file in files.items()}
        _frame(writer, {"part": "end", "rows": counts, "files": digests}, last=True)
        digest = writer.finish()
    return Made(writer.bytes, digest, int(str(about["entries"])), len(files))


def note_finished(store: Store) -> None:
    """The file is written, all of it, now."""
    with store.transaction() as tx:
        write_own(store, tx, _FINISHED, timestamp(store.clock.now()).encode())


def finished_at(store: Store, connection: Connection) -> str | None:
    """When a backup was last finished (RFC 3339); None if none was."""
    kept = read_own(store, connection, _FINISHED)
    return None if kept is None else kept.decode()


def _view(stack: ExitStack, store: Store, folder: Path) -> tuple[Connection, dict[str, BinaryIO]]:
    """A steady view of the database, and every record file that it names, open."""
    for _ in range(VIEWS):
        with ExitStack() as tried:
            connection = tried.enter_context(store.read())
            files: dict[str, BinaryIO] = {}
            try:
                for name in sorted(connection.execute(select(datasets.c.version_id)).scalars()):
                    files[name] = tried.enter_context((folder / f"{name}.records").open("rb"))
            except FileNotFoundError:
                continue  # refreshed or removed since the view was taken; if it is really lost, it never ends well
            except OSError as error:
                raise UserError(
                    f"The prepared records of a data set cannot be read: {error.strerror}. No backup was made.",
                    advice="Check the folder's disk and permissions.",
                ) from None
            stack.push(tried.pop_all().__exit__)
            return connection, files
    with store.read() as connection:
        lost = [n for n in connection.execute(select(datasets.c.version_id)).scalars()
                if not (folder / f"{n}.records").exists()]  # fmt: skip
    if lost:
        raise StateDamaged(
            "The prepared records of a data set are missing, so no backup was made.",
            advice="Remove that data set, or add it again from its source; `blindmatch dataset list` shows all.",
        )
    raise Busy("The data sets change all the time.", advice="Make the backup when nobody works on them.")


def check_sound(connection: Connection, files: Mapping[str, BinaryIO], store: Store, audit: AuditLog) -> None:
    """StateDamaged unless the audit log holds and every cell and block of records that will be copied opens."""
    problems = audit.verify().problems
    try:
        check_cells(connection, store.cells, without=LEFT_OUT)
        for name, file in files.items():
            for _block in read_blocks_of(file, name, store.cells):
                pass
            file.seek(0)
    except StateDamaged as error:
        problems.append(error.sentence)
    if problems:
        raise StateDamaged(
            f"This node is damaged, so no backup was made. {problems[0]}",
            advice="Keep older backups: `blindmatch restore` makes a node of one. If it is a data set, remove it and "
            "add it again from its source.",
        )


def _log(connection: Connection) -> dict[str, Any]:
    """Entries and root of the audit log in this view."""
    entries = connection.execute(select(func.count()).select_from(audit_entries)).scalar_one()
    edge = RightEdge()
    for leaf in connection.execute(select(audit_entries.c.leaf_hash).order_by(audit_entries.c.position)).scalars():
        edge.append(leaf)
    return {"entries": entries, "root": edge.root().hex()}


def _write_rows(writer: Writer, connection: Connection, progress: _Progress) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for table in tables():
        columns = list(table.columns.keys())
        counts[table.name] = 0
        for number, block in rows_of(connection, table):
            _frame(writer, {"part": "rows", "table": table.name, "columns": columns}, block)
            counts[table.name] += number
            progress({"done": writer.bytes, "what": "bytes"})
    return dict(counts)


def _write_file(writer: Writer, name: str, file: BinaryIO, progress: _Progress) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    for piece in _pieces(file):
        _frame(writer, {"part": "records", "file": name}, piece)
        digest.update(piece)
        size += len(piece)
        progress({"done": writer.bytes, "what": "bytes"})
    return {"bytes": size, "sha256": digest.hexdigest()}


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(PIECE_BYTES):
        yield piece


def _frame(writer: Writer, head: Mapping[str, Any], content: bytes = b"", *, last: bool = False) -> None:
    writer.frame(json.dumps(head, separators=(",", ":"), sort_keys=True).encode() + b"\n" + content, last=last)

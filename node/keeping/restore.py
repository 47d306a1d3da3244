"""Puts a node together from a backup, so that nothing that was spent after it can be spent again.

    unpack         every frame checked; key file, settings, database and records into a folder beside the target
    look_through   every sealed cell and record opened; audit log, database and identity checked
    settle         the log goes on with `node-restored`; every round that was open fails, and its parties hear it
    put_in_place   flushed, then one rename

Until the rename there is nothing at the target, so a crash at any step leaves no node or the whole one; the next try
clears away what an earlier one left. What is spent stays spent:

- **scalars**: none is in a backup, nor a list or a snapshot, and every round that was open ends. A round that ran after
  the backup is unknown here, and its messages find nobody.
- **budgets**: what was charged since the backup is unknown. So every member's budget, also that of members who are not
  in the book yet, counts as spent for one whole window from the restore (`node.policy.budgets`; decision 0017).

Not promised: that the node which was backed up does not run any more, somewhere else. Two copies that run have a budget
each, and peers see two logs: their checkpoints show it. On the same machine a running original is found by its lock, in
the folder that it had at the time of the backup; one that was moved since is not found.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import Connection, MetaData, select
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from node import failpoints
from node.audit import AuditLog
from node.clock import Clock
from node.datasets.recordfile import read_blocks
from node.errors import Busy, StateDamaged, UserError
from node.keeping.backup import FORMAT
from node.keeping.dump import insert_rows
from node.keeping.local import local_settings
from node.keeping.sealedfile import Header, Reader, damaged_backup
from node.rounds.book import RoundBook
from node.rounds.ends import Ends
from node.rounds.parties import RESTORED
from node.store import StateDir, Store
from node.store.files import FILE_MODE, FOLDER_MODE, NO_FOLDER_LOCKS, lock_file, replace_file, sync_folder
from node.store.place import refuse_unfit
from node.store.revisions import at_revision
from node.store.schema import datasets
from node.store.sealed import check_cells

__all__ = [
    "About",
    "Restored",
    "check_original",
    "look_through",
    "opened_backup",
    "put_in_place",
    "settle",
    "staging",
    "unpack",
]

RESTORED_SENTENCE = (
    "This node was restored from a backup that was made while this round was open. Nothing of it can go on: propose it "
    "again."
)

_FILE = re.compile(r"[0-9a-f]{32}")
_ABOUT = frozenset({"made_at", "member", "folder", "revision", "entries", "root"})
_PARTS = ("about", "config", "rows", "records", "end")

_Progress = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class About:
    """What a backup says about itself. `digest`: SHA-256 of the file, in hex; `entries`, `root`: its audit log."""

    made_at: str
    member: str
    folder: str
    revision: str
    entries: int
    root: str
    digest: str = ""
    database_file: bool = False
    """Whether the node kept its database on a server; the restored one has it in its folder."""


@dataclass(frozen=True)
class Restored:
    """A restored node: whose, what the backup says of itself, ids of the rounds that were ended, and until when every
    budget counts as spent."""

    member: str
    about: About
    rounds: list[str]
    closed_until: datetime | None


@contextmanager
def opened_backup(path: Path) -> Iterator[BinaryIO]:
    """The file; UserError if it cannot be read."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise UserError(f"The backup {path} cannot be read: {error.strerror}.", advice="Check its name.") from None
    with file:
        yield file


@contextmanager
def staging(target: Path) -> Iterator[StateDir]:
    """A folder beside the target in which the node is put together; gone at the end unless it was put in place.

    Raises UserError if the target holds a node, or anything, or is a place that cannot be used; Busy if another restore
    to it is under way.
    """
    target = target.absolute()
    if StateDir(target).holds_node():
        raise UserError(
            f"There is already a node in the folder {target}. Nothing was restored.",
            advice="Name a folder that does not exist yet; a restored node never goes over another one.",
        )
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(f"The folder {target} is not empty.", advice="Name a folder that does not exist yet.")
    place = StateDir(target.with_name(f".{target.name}.restoring"))
    _make(place.path)
    taken = Busy(f"Another restore to the folder {target} is under way.", advice="Wait for it, or name another folder.")
    with lock_file(place.lock_file, taken):
        try:
            _clear(place)
            yield place
        finally:
            if place.path.exists():
                shutil.rmtree(place.path, ignore_errors=True)


def _make(path: Path) -> None:
    """The folder to work in, or the one that an earlier try of this account left. UserError if it cannot be."""
    try:
        path.mkdir(mode=FOLDER_MODE, parents=True)
    except FileExistsError:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise UserError(
                f"{path} is in the way: the node is put together there. Nothing was restored.",
                advice="Find out what it is, and remove it; or restore to a folder of another name.",
            ) from None
    except OSError as error:
        raise UserError(
            f"The folder {path} cannot be made: {error.strerror}.", advice="Choose a place in which you may write."
        ) from None


def _clear(place: StateDir) -> None:
    """Take away what an earlier try left; the lock is ours."""
    try:
        place.path.chmod(FOLDER_MODE)
        refuse_unfit(place.path)
        for path in place.path.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path != place.lock_file:
                path.unlink()
        place.spools.mkdir(mode=FOLDER_MODE)
    except OSError as error:
        raise UserError(
            f"The folder {place.path} cannot be used: {error.strerror}.",
            advice="Choose a place in which you may write.",
        ) from None


def unpack(place: StateDir, header: Header, reader: Reader, clock: Clock, progress: _Progress) -> About:
    """Write everything that the backup holds into the folder. Raises StateDamaged if any of it does not hold, UserError
    if it was made by a newer blindmatch, or this computer's clock stands before it."""
    records = place.records
    records.mkdir(mode=0o700)
    found = _Unpacking(place, records)
    try:
        replace_file(place.key, header.key_file)
        for frame in reader.frames():
            found.take(frame, clock)
            progress({"done": found.bytes, "what": "bytes"})
    except OSError as error:
        raise UserError(
            f"The node cannot be restored here: {error.strerror}. Nothing was put in place.",
            advice="Choose a place with enough room in which you may write.",
        ) from None
    finally:
        found.close()
    failpoints.hit("restore.unpacked")
    about = found.finished()
    return replace(about, digest=reader.digest)


class _Unpacking:
    """Takes one frame after the other, in their order."""

    def __init__(self, place: StateDir, records: Path) -> None:
        self._place, self._records = place, records
        self._about: About | None = None
        self._part = 0
        self._rows: Counter[str] = Counter()
        self._files: dict[str, dict[str, Any]] = {}
        self._digest = hashlib.sha256()
        self._name, self._file = "", -1
        self._open = ExitStack()
        self._connection: Connection | None = None
        self._shape = MetaData()
        self.bytes = 0
        self._ended = False

    def take(self, frame: bytes, clock: Clock) -> None:
        line, _, content = frame.partition(b"\n")
        self.bytes += len(frame)
        try:
            head = json.loads(line)
            part = _PARTS.index(head.pop("part"))
            if part < self._part or (part > 0) is (self._about is None) or self._ended:
                raise ValueError("out of order")
            self._part = part
            getattr(self, f"_take_{_PARTS[part]}")(content, **head, **({"clock": clock} if part == 0 else {}))
        except OperationalError:
            raise  # the disk is full: that says nothing about the backup
        except (ArithmeticError, AttributeError, LookupError, RecursionError, SQLAlchemyError, TypeError, ValueError):
            # Whoever makes a key file can seal anything under it: whatever is not as a backup has it comes here.
            raise damaged_backup() from None

    def finished(self) -> About:
        """What the backup says about itself; StateDamaged if it broke off."""
        if self._about is None or not self._ended:
            raise damaged_backup()
        return self._about

    def close(self) -> None:
        """Let go of the file and the database. A half of it may be stored then, in a folder that goes away."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1
        self._open.close()

    def _take_about(self, _content: bytes, *, clock: Clock, format: int, software: str, **about: Any) -> None:  # noqa: A002
        if format != FORMAT:
            raise UserError(
                "This backup was made by another version of blindmatch.",
                advice=f"Restore it with that version ({software[:20]}) or a newer one.",
            )
        if set(about) != _ABOUT or type(about["entries"]) is not int:
            raise ValueError("not what a backup says of itself")
        if not all(type(about[name]) is str for name in _ABOUT - {"entries"}):
            raise ValueError("not what a backup says of itself")
        self._about = About(**about)
        made = datetime.strptime(self._about.made_at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        if clock.now() < made:
            raise UserError(
                f"This computer's clock stands before the time at which the backup was made ({self._about.made_at}).",
                advice="Set the clock right: the time for which budgets stay closed is counted from it.",
            )
        check_original(Path(self._about.folder))
        self._connection = self._open.enter_context(at_revision(self._place.database_url, self._about.revision))
        self._shape.reflect(self._connection)

    def _take_config(self, content: bytes, *, policy: str | None = None) -> None:
        text, on_server = local_settings(content.decode())
        assert self._about is not None
        self._about = replace(self._about, database_file=on_server)
        replace_file(self._place.config, text.encode())
        if policy is not None:  # without it the restored node would allow more
            replace_file(self._place.policy, policy.encode())

    def _take_rows(self, content: bytes, *, table: str, columns: list[str]) -> None:
        assert self._connection is not None
        self._rows[table] += insert_rows(self._connection, self._shape, table, columns, content)

    def _take_records(self, content: bytes, *, file: str) -> None:
        if file != self._name:
            self._end_file()
            if not _FILE.fullmatch(file) or file in self._files:
                raise ValueError("not a record file")
            self._name, self._digest = file, hashlib.sha256()
            self._files[file] = {"bytes": 0}
            path = self._records / f"{file}.records"
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(self._file, rest) :]
        self._digest.update(content)
        self._files[file]["bytes"] += len(content)

    def _take_end(self, _content: bytes, *, rows: dict[str, int], files: dict[str, dict[str, Any]]) -> None:
        self._end_file()
        if {name: count for name, count in rows.items() if count} != dict(self._rows) or files != self._files:
            raise ValueError("not everything is there")
        self._open.close()
        self._ended = True

    def _end_file(self) -> None:
        if self._file >= 0:
            self._files[self._name]["sha256"] = self._digest.hexdigest()
            os.fsync(self._file)
            os.close(self._file)
            self._file = -1


def check_original(folder: Path) -> None:
    """Busy if the node that was backed up is running on this machine, in the folder it had then; UserError if that
    cannot be told. The locks themselves are asked: who owns the folder, and who may enter it, is no matter."""
    if not folder.is_absolute():
        raise ValueError("not the folder of a node")
    for path, kind in ((folder, os.O_DIRECTORY), (StateDir(folder).lock_file, os.O_NOFOLLOW | os.O_NONBLOCK)):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | kind)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            finally:
                os.close(descriptor)
        except (FileNotFoundError, NotADirectoryError):
            continue  # nobody holds what is not there
        except BlockingIOError:
            raise Busy(
                f"The node that this backup was made of is running in {folder}. Nothing was restored.",
                advice="If it works, there is nothing to restore. If it shall be replaced, stop it for good first.",
            ) from None
        except OSError as error:
            if path == folder and error.errno in NO_FOLDER_LOCKS:
                continue
            raise UserError(
                f"It cannot be told whether the node that this backup was made of is running in {folder}: "
                f"{error.strerror}. Nothing was restored.",
                advice="Restore as the account that the folder belongs to. If that node is stopped for good, move its "
                "folder away first.",
            ) from None


def look_through(place: StateDir, store: Store, audit: AuditLog, about: About) -> None:
    """Open every cell and record, and check the database and the audit log. StateDamaged unless all of it holds."""
    report = audit.verify()
    problems = store.check() + report.problems
    if report.entries != about.entries:
        problems.append("The audit log does not have as many entries as the backup says.")
    elif report.root != about.root:
        problems.append("The audit log is another one than the backup says.")
    with store.read() as connection:
        try:
            check_cells(connection, store.cells)
            for name in connection.execute(select(datasets.c.version_id)).scalars():
                for _block in read_blocks(place.records, name, store.cells):
                    pass
        except StateDamaged as error:
            problems.append(error.sentence)
    if problems:
        raise StateDamaged(
            f"The backup was made of a node that was damaged already, so nothing was restored. {problems[0]}",
            advice="Use an older backup.",
        )
    failpoints.hit("restore.looked-through")


def settle(store: Store, audit: AuditLog, ends: Ends, book: RoundBook, about: About, by: str) -> list[str]:
    """Let the log go on, and end every round that was open; the ids of these. What the others shall hear lies in the
    outbox then."""
    open_rounds = book.open_ids()
    with store.transaction() as tx:
        audit.append(tx, "node-restored", by=by, tree_size=about.entries, digest=about.digest, rounds=len(open_rounds))
    for round_id in open_rounds:
        ends.fail(book.get(round_id), RESTORED, RESTORED_SENTENCE)
    failpoints.hit("restore.settled")
    return open_rounds


def put_in_place(place: StateDir, target: Path) -> None:
    """Flush everything, then give the folder its name: one step."""
    for path in sorted(place.path.rglob("*")):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    sync_folder(place.path)
    failpoints.hit("restore.before-rename")
    try:
        place.path.rename(target.absolute())
    except OSError as error:
        raise UserError(
            f"The folder {target} cannot be made: {error.strerror}. Nothing was put in place.",
            advice="Name a folder that does not exist yet.",
        ) from None
    sync_folder(target.absolute().parent)
    failpoints.hit("restore.after-rename")

"""One simulated node: the real parts of `node.building` over a real folder, without threads, servers and sockets.

    start()    build everything from the folder, as after a start
    kill()     throw everything in memory away, as kill -9 does; nothing is finished, flushed or told first
    working()  a block in which this node is the one that works: what it writes, and where it may be hit, is its own

A node is hit while it works (`Blow`): killed when it comes to a failpoint for the n-th time or at its n-th write to the
database, or told that its disk is full at its next writes. `rigged` puts the hooks into the modules, once a process.
"""

import errno
import gc
import json
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from sqlalchemy import Engine
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.util import LRUCache

from node import app, failpoints
from node.building import build
from node.operations import OPERATIONS, Dispatcher, Parts
from node.rounds import conversation
from node.rounds.engine import Step
from node.store import StateDir, _sqlite, spool

__all__ = ["POINTS", "Blow", "Down", "Killed", "Office", "SkewedClock", "Told", "at_work", "rigged"]

POINTS = sorted(failpoints.POINTS | {name for name in failpoints.KEEPING if name.startswith("rotate.")})
"""Where a node can be killed by name: all steps of a round and of a key rotation."""

WRITES = ("INSERT", "UPDATE", "DELETE")

COMPILED = 4_000
"""Statements that are kept in compiled form, in number."""


class Killed(BaseException):
    """The process of a node dies at this very place. No `except Exception` of it runs any more."""


class Down(Exception):
    """The node does not run."""


class SkewedClock:
    """The clock of one node: the world's time, and how far it is off."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self.passed = 0.0
        self.off = 0.0

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.passed + self.off)

    def monotonic(self) -> float:
        return self.passed


@dataclass
class Blow:
    """What will hit a node while it works: at the `left`-th time at `place` (a failpoint, or "write")."""

    place: str
    left: int


@dataclass
class Office:
    """One node. `told` is called with what happens inside it (see `rigged`); `random` serves all its randomness that
    can be injected."""

    name: str
    folder: Path
    clock: SkewedClock
    random: random.Random
    told: "Told"
    furnish: Callable[["Office"], None]
    parts: Parts | None = None
    blow: Blow | None = None
    starts: int = 0
    full: int = 0
    """Writes to the disk that fail from now on, in number."""
    wrote: Any = None
    """The connection whose transaction has written, until it is committed."""
    _stack: ExitStack = field(default_factory=ExitStack)
    commits: int = 0
    """How often anything was committed: as long as that stays, so does what `rows` finds."""
    _view: sqlite3.Connection | None = None
    _seen: dict[tuple[Any, ...], list[Any]] = field(default_factory=dict)
    _seen_at: int = 0

    def start(self) -> None:
        self.starts += 1
        self._look_away()
        with self.working():
            try:
                self.parts = build(self._stack, StateDir(self.folder), None, self.clock, self.random.randbytes)
            except BaseException:
                self._stack.close()
                raise
            self.furnish(self)
        self._look()

    def kill(self) -> None:
        """Everything in memory is gone, and what is armed against it too."""
        self.parts, self.blow, self.wrote = None, None, None
        self._look_away()
        self._stack.close()

    @property
    def up(self) -> bool:
        return self.parts is not None

    @property
    def running(self) -> Parts:
        if self.parts is None:
            raise Down
        return self.parts

    @contextmanager
    def working(self) -> Iterator[None]:
        """What happens in this block happens in this node. Down if it dies of it."""
        _at_work.append(self)
        try:
            yield
        except Killed:
            self.kill()
            raise Down from None
        finally:
            _at_work.pop()

    def ask(self, operation: str, **request: Any) -> Any:
        """As the owner asks, over the table of operations. Raises what the operation raises; Down."""
        with self.working():
            dispatcher = Dispatcher(self.running, OPERATIONS)
            return json.loads(dispatcher.invoke(operation, json.dumps(request).encode(), lambda _step: None))

    def step(self, round_id: str) -> Step:
        with self.working():
            return self.running.engine.step(round_id)

    def rows(self, query: str, *values: object) -> list[Any]:
        """Look into the database from outside: only what is committed. Works while the node is down, too."""
        if self._view is None:
            self._look()
        if self._seen_at != self.commits:
            self._seen.clear()
            self._seen_at = self.commits
        key = (query, values)
        if key not in self._seen:
            assert self._view is not None
            self._seen[key] = self._view.execute(query, values).fetchall()
        return list(self._seen[key])

    def _look(self) -> None:
        """From outside, whether the node runs or not; not while it starts or stops: it must be alone then."""
        self._look_away()
        self._view = sqlite3.connect(f"file:{self.folder / 'db'}?mode=ro", uri=True, check_same_thread=False)

    def _look_away(self) -> None:
        if self._view is not None:
            self._view.close()
        self._view = None


@dataclass
class Told:
    """Where a run hears what its nodes do: how often which fault really happened, and the scalar of each list."""

    happened: Callable[[str], None]
    blinds: Callable[[Office, memoryview], None]


_at_work: list[Office] = []


def at_work() -> Office:
    """The node that works now."""
    return _at_work[-1]


def _hit(place: str) -> None:
    """The node that works has come to a place at which it may be killed."""
    if not _at_work or (blow := _at_work[-1].blow) is None or blow.place != place:
        return
    blow.left -= 1
    if blow.left == 0:
        office = _at_work[-1]
        office.told.happened("kill at a write" if place == "write" else f"kill at {place}")
        raise Killed


def _disk(what: str) -> bool:
    """Whether this write of the node that works finds the disk full."""
    if not _at_work or _at_work[-1].full == 0:
        return False
    _at_work[-1].full -= 1
    _at_work[-1].told.happened(f"disk full in {what}")
    return True


def _executing(real: Callable[..., None]) -> Callable[..., None]:
    def execute(dialect: Any, cursor: sqlite3.Cursor, statement: str, *more: Any) -> None:
        if _at_work and statement.startswith(WRITES):
            _at_work[-1].wrote = cursor.connection
            _on_write()
        real(dialect, cursor, statement, *more)

    return execute


def _committing(real: Callable[..., None]) -> Callable[..., None]:
    def commit(dialect: Any, connection: PoolProxiedConnection) -> None:
        if _at_work and _at_work[-1].wrote is connection.driver_connection:
            _at_work[-1].wrote = None
            _on_write()
        real(dialect, connection)
        if _at_work and connection.driver_connection.total_changes:  # that of a reader changes nothing, ever
            _at_work[-1].commits += 1

    return commit


def _on_write() -> None:
    _hit("write")
    if _disk("the database"):
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorname = "SQLITE_FULL"
        raise error


def _writing(real: Callable[..., Any]) -> Callable[..., Any]:
    def write(*arguments: Any, **keywords: Any) -> Any:
        if _disk("a list"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*arguments, **keywords)

    return write


def _telling(real: Callable[..., Any]) -> Callable[..., Any]:
    def blind_list(*arguments: Any, **keywords: Any) -> Any:
        if _at_work:
            _at_work[-1].told.blinds(_at_work[-1], keywords["scalar"].view())
        return real(*arguments, **keywords)

    return blind_list


def _point(name: str) -> Callable[[], None]:
    return lambda: _hit(name)


def _one_compiler(real: Callable[..., Engine]) -> Callable[..., Engine]:
    """All databases of the process share what statements were compiled to. A node compiles each of its statements once,
    since it starts once in its process; here it starts many thousand times."""
    compiled = LRUCache[Any, Any](COMPILED)

    def create(*arguments: Any, **keywords: Any) -> Engine:
        engine = real(*arguments, **keywords)
        engine._compiled_cache = compiled  # type: ignore[assignment]
        return engine

    return create


def _same_hash(_dialect: Any) -> int:
    return 0


def _same(_one: Any, _other: Any) -> bool:
    return True


@contextmanager
def rigged() -> Iterator[None]:
    """The hooks are in place while the block lasts, and the garbage collector is as calm as in a node that serves."""
    with ExitStack() as stack:
        stack.callback(gc.set_threshold, *gc.get_threshold())
        gc.set_threshold(app.GC_OBJECTS)
        stack.enter_context(mock.patch("node.identity.words.SCRYPT_COST", 2))
        stack.enter_context(mock.patch.object(_sqlite, "create_engine", _one_compiler(_sqlite.create_engine)))
        stack.enter_context(mock.patch.object(spool, "write_all", _writing(spool.write_all)))
        stack.enter_context(mock.patch.object(spool, "replace_file", _writing(spool.replace_file)))
        stack.enter_context(mock.patch.object(conversation, "blind_list", _telling(conversation.blind_list)))
        stack.enter_context(mock.patch.dict(failpoints._armed))
        for name in POINTS:
            failpoints.arm(name, _point(name))
        for name, hook in (("do_execute", _executing), ("do_executemany", _executing), ("do_commit", _committing)):
            stack.enter_context(mock.patch.object(SQLiteDialect_pysqlite, name, hook(getattr(SQLiteDialect, name))))
        # Equal to each other, so that what one has compiled serves all.
        stack.enter_context(mock.patch.multiple(SQLiteDialect_pysqlite, __hash__=_same_hash, __eq__=_same))
        yield

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

from sqlalchemy import Connection, Engine, event

from node import app, failpoints
from node.building import build
from node.operations import OPERATIONS, Dispatcher, Parts
from node.rounds import conversation
from node.rounds.engine import Step
from node.store import StateDir, spool

__all__ = ["POINTS", "Blow", "Down", "Killed", "Office", "SkewedClock", "Told", "at_work", "rigged"]

POINTS = sorted(failpoints.POINTS | {name for name in failpoints.KEEPING if name.startswith("rotate.")})
"""Where a node can be killed by name: all steps of a round and of a key rotation."""

WRITES = ("INSERT", "UPDATE", "DELETE")


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
    _stack: ExitStack = field(default_factory=ExitStack)
    _view: sqlite3.Connection | None = None

    def start(self) -> None:
        self.starts += 1
        with self.working():
            try:
                self.parts = build(self._stack, StateDir(self.folder), None, self.clock, self.random.randbytes)
            except BaseException:
                self._stack.close()
                raise
            self.furnish(self)
        self._view = sqlite3.connect(f"file:{self.folder / 'db'}?mode=ro", uri=True, check_same_thread=False)

    def kill(self) -> None:
        """Everything in memory is gone, and what is armed against it too."""
        self.parts, self.blow = None, None
        if self._view is not None:
            self._view.close()
        self._view = None
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
        if self._view is not None:
            return self._view.execute(query, values).fetchall()
        with sqlite3.connect(f"file:{self.folder / 'db'}?mode=ro", uri=True) as connection:
            return connection.execute(query, values).fetchall()


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


def _on_statement(connection: Connection, _cursor: Any, statement: str, *_more: Any) -> None:
    if statement.startswith(WRITES):
        connection.info["wrote"] = True
        _on_write()


def _on_commit(connection: Connection) -> None:
    if connection.info.pop("wrote", False):
        _on_write()


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


@contextmanager
def rigged() -> Iterator[None]:
    """The hooks are in place while the block lasts, and the garbage collector is as calm as in a node that serves."""
    with ExitStack() as stack:
        stack.callback(gc.set_threshold, *gc.get_threshold())
        gc.set_threshold(app.GC_OBJECTS)
        stack.enter_context(mock.patch("node.identity.words.SCRYPT_COST", 2))
        stack.enter_context(mock.patch.object(spool, "write_all", _writing(spool.write_all)))
        stack.enter_context(mock.patch.object(spool, "replace_file", _writing(spool.replace_file)))
        stack.enter_context(mock.patch.object(conversation, "blind_list", _telling(conversation.blind_list)))
        stack.enter_context(mock.patch.dict(failpoints._armed))
        for name in POINTS:
            failpoints.arm(name, _point(name))
        event.listen(Engine, "before_cursor_execute", _on_statement)
        stack.callback(event.remove, Engine, "before_cursor_execute", _on_statement)
        event.listen(Engine, "commit", _on_commit)
        stack.callback(event.remove, Engine, "commit", _on_commit)
        yield

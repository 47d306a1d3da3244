"""Processes that prepare batches of rows beside the node.

    node                                     worker (`worker_child`)
    Setup                              ->
    batch of rows                      ->    Preparer.prepare
                                       <-    Prepared
    ...                                      until the pipe is closed

Reading a table takes a fifth of the time that preparing its rows does, and one interpreter computes on one processor.
A worker is a new program, never a fork: a node has threads (gRPC's among them) that do not survive one. It gets no
key of the node, no environment and no open file but its two pipes, and a limit for files of zero bytes; it holds the
rows of one batch. It is no sandbox: our own code runs in it, on cells that are only ever text and numbers there.

A worker that ends before its work does (no memory left, killed) ends the preparation with a sentence; nothing is
stored then. Whatever ends the preparation ends the workers: they are killed, and they end by themselves when the node
dies.
"""

import os
import pickle
import queue
import struct
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO, Self

from node.datasets import worker_child
from node.datasets.batches import Plain, Prepared, Setup
from node.errors import UserError

__all__ = ["MOST_PROCESSES", "Workers"]

MOST_PROCESSES = 8
"""Worker processes, in number: one that reads the table feeds no more, and each takes some 60 MB."""

_LENGTH = struct.Struct(">Q")


class Workers:
    """`processes` workers under one setup; a context manager that ends them. UserError where none can be started."""

    def __init__(self, setup: Setup, processes: int) -> None:
        self._pool = ThreadPoolExecutor(processes, thread_name_prefix="preparing")
        self._free: queue.SimpleQueue[subprocess.Popen[bytes]] = queue.SimpleQueue()
        self._all: list[subprocess.Popen[bytes]] = []
        try:
            for _ in range(processes):
                self._all.append(_start())
            # They start at the same time: none is waited for here.
            for worker in self._all:
                _send(_pipe(worker.stdin), setup)
                self._free.put(worker)
        except OSError:
            self.close()
            raise _ended() from None
        except BaseException:
            self.close()
            raise

    @property
    def pids(self) -> tuple[int, ...]:
        """The numbers the system knows them by."""
        return tuple(worker.pid for worker in self._all)

    def submit(self, rows: Sequence[Plain]) -> "Future[Prepared]":
        """Have a batch prepared by the next free worker. Its result raises UserError if that worker ended."""
        return self._pool.submit(self._exchange, rows)

    def close(self) -> None:
        """Kill the workers and wait for their end."""
        for worker in self._all:
            worker.kill()
        self._pool.shutdown(cancel_futures=True)
        for worker in self._all:
            for pipe in (worker.stdin, worker.stdout):
                with suppress(OSError):  # there may be a batch that it never read
                    _pipe(pipe).close()
            worker.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _exchange(self, rows: Sequence[Plain]) -> Prepared:
        """In a thread of the pool: there are as many threads as workers, so one is always free."""
        worker = self._free.get()
        try:
            _send(_pipe(worker.stdin), rows)
            found = _receive(_pipe(worker.stdout))
        except (OSError, ValueError, EOFError, pickle.PickleError):
            raise _ended() from None
        finally:
            self._free.put(worker)
        assert isinstance(found, Prepared)
        return found


def _start() -> "subprocess.Popen[bytes]":
    root = Path(worker_child.__file__).parents[2]
    return subprocess.Popen(  # noqa: S603 - our own interpreter and file, arguments of our own making
        [sys.executable, "-I", worker_child.__file__, str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # Nothing of the node's own, such as a passphrase that a service was started with.
        env={name: value for name, value in os.environ.items() if name == "LD_LIBRARY_PATH"},
    )


def _send(pipe: IO[bytes], value: object) -> None:
    data = pickle.dumps(value, protocol=5)
    pipe.write(_LENGTH.pack(len(data)))
    pipe.write(data)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> object:
    head = pipe.read(_LENGTH.size)
    if len(head) != _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    data = pipe.read(length)
    if len(data) != length:
        raise EOFError
    return pickle.loads(data)  # noqa: S301 - from our own process


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


def _ended() -> UserError:
    return UserError(
        "A process that was preparing rows could not start, or ended before its work was done. Nothing was stored.",
        advice="Try again. If it happens again, the machine may be short of memory: close other programs, or set "
        "[limits] arithmetic_threads to 1, which prepares in one process.",
    )

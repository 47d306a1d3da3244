"""The program of a worker that prepares rows, started by `workers` as a script: batches in, prepared batches out.

It ends when its standard input does, or when the node dies. Whatever goes wrong in it ends it without a word: a
traceback could quote a cell.
"""

import ctypes
import gc
import os
import pickle
import resource
import signal
import struct
import sys
from typing import IO, Any

__all__: list[str] = []

GC_OBJECTS = 20_000
"""New objects between two looks for garbage: the rows of a batch make none that refers to itself."""

_LENGTH = struct.Struct(">Q")
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4


def _main(root: str) -> None:
    """Serve batches until there are none. `root`: the folder that holds our packages."""
    # Ctrl-C reaches every process of the terminal; the node decides what becomes of the work.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    libc.prctl(_PR_SET_DUMPABLE, 0)  # not to be looked into by other processes of this account
    for what in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(what, (0, 0))
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    sys.path.insert(0, root)
    from node.datasets.batches import Preparer

    preparer = Preparer(_receive(requests))
    gc.freeze()
    gc.set_threshold(GC_OBJECTS)
    while (rows := _receive(requests)) is not None:
        data = pickle.dumps(preparer.prepare(rows), protocol=5)
        answers.write(_LENGTH.pack(len(data)))
        answers.write(data)
        answers.flush()


def _receive(pipe: IO[bytes]) -> Any:
    """The next value; None at the end of all."""
    head = pipe.read(_LENGTH.size)
    if not head:
        return None
    return pickle.loads(pipe.read(*_LENGTH.unpack(head)))  # noqa: S301 - from the node that started this process


if __name__ == "__main__":
    _main(sys.argv[1])

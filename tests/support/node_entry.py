"""A node process that can be hurt on purpose: `python -m tests.support.node_entry FOLDER`. Tests only.

It is `run_node` with three additions, none of which is reachable from a real node:

    FOLDER.arm       read at SIGUSR1: "kill NAME COUNT" sends SIGKILL to itself at the COUNT-th hit of that failpoint;
                     "hold NAME COUNT" waits there until the file is gone
    FOLDER.scalar    where BLINDMATCH_TEST_SCALAR is set: each new scalar is written there, straight from its buffer
    BLINDMATCH_TEST_SABOTAGE   takes a protection away: see SABOTAGE
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from node import failpoints
from node.app import run_node
from node.rounds.conversation import Workshop
from node.rounds.scheduler import Scheduler
from node.store import SealedSpool, _postgres
from node.wire import limits
from psi.secret import SecretBytes

_PR_GET_DUMPABLE = 3


def _arm(orders: Path) -> Callable[[int, FrameType | None], None]:
    def read(_signal: int, _frame: FrameType | None) -> None:
        what, name, count = orders.read_text().split()
        left = int(count)

        def act() -> None:
            nonlocal left
            left -= 1
            if left == 0 and what == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if left == 0:
                orders.with_suffix(".held").touch()
                while orders.exists():
                    time.sleep(0.01)

        failpoints.arm(name, act)
        orders.with_suffix(".armed").touch()

    return read


def _tell_scalars(path: Path) -> None:
    prepare = Workshop.prepare

    def telling(self: Workshop, *arguments: Any, **keywords: Any) -> Any:
        made = prepare(self, *arguments, **keywords)
        scalar = made[0].scalar
        assert scalar is not None
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.write(descriptor, scalar.view())  # no copy on the way
        os.close(descriptor)
        return made

    Workshop.prepare = telling  # type: ignore[method-assign]


def _fresh_list(_folder: Path) -> None:
    """A resumed round says another list under another key, where its own should come back."""
    resume = Workshop.resume

    def again(self: Workshop, found: Any, voice: Any) -> Any:
        conversation = resume(self, found, voice)
        conversation.session.spools.mine.truncate(0)
        other = self.backend.new_scalar()
        conversation.session.spools.mine.append(
            b"".join(sorted(self.backend.hash_and_multiply(other, [bytes([n])], b"x") for n in range(64)))
        )
        return conversation

    Workshop.resume = again  # type: ignore[method-assign]


def _keep_scalars(_folder: Path) -> None:
    """Nothing is wiped, and nothing is given back to be overwritten by chance."""
    kept: list[SecretBytes] = []
    SecretBytes.wipe = lambda self: kept.append(self)  # type: ignore[method-assign]
    prepare = Workshop.prepare

    def keeping(self: Workshop, *arguments: Any, **keywords: Any) -> Any:
        made = prepare(self, *arguments, **keywords)
        assert made[0].scalar is not None
        kept.append(made[0].scalar)
        return made

    Workshop.prepare = keeping  # type: ignore[method-assign]


def _no_handshake_limit(_folder: Path) -> None:
    limits._HANDSHAKE_MILLISECONDS = 600_000


def _hoard(_folder: Path) -> None:
    """Every chunk of a list that is read stays in memory, and a thousand times."""
    kept: list[bytes] = []
    read = SealedSpool.read

    def hoarding(self: SealedSpool, chunk: int) -> bytes:
        data = read(self, chunk)
        kept.append(data * 1000)
        return data

    SealedSpool.read = hoarding  # type: ignore[method-assign]


def _no_database_lock(_folder: Path) -> None:
    _postgres._LOCK = "SELECT %s IS NOT NULL"


def _patient(_folder: Path) -> None:
    """A node that stops waits for each of its steps, however long that takes."""
    stop = Scheduler.stop
    Scheduler.stop = lambda self, _seconds: stop(self, 3600.0)  # type: ignore[method-assign]


SABOTAGE: dict[str, Callable[[Path], None]] = {
    "patient": _patient,
    "fresh-list": _fresh_list,
    "hoard": _hoard,
    "keep-scalars": _keep_scalars,
    "no-database-lock": _no_database_lock,
    "no-handshake-limit": _no_handshake_limit,
}


def main(folder: Path) -> None:
    """Run the node in `folder` until SIGTERM."""
    signal.signal(signal.SIGUSR1, _arm(folder.with_suffix(".arm")))
    if os.environ.get("BLINDMATCH_TEST_SCALAR"):
        _tell_scalars(folder.with_suffix(".scalar"))
    if name := os.environ.get("BLINDMATCH_TEST_SABOTAGE"):
        SABOTAGE[name](folder)

    def ready(_parts: Any) -> None:
        dumpable = ctypes.CDLL(None).prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0)
        folder.with_suffix(".dumpable").write_text(str(dumpable))

    run_node(folder, None, ready=ready)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

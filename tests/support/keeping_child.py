"""Kills what is done to a stopped node: `python -m tests.support.keeping_child`, orders as JSON on standard input.

Each order runs in a child of its own, which kills itself with SIGKILL when it comes to a step for the n-th time:

    {"what": "rotate", "folder": ..., "step": "rotate.batch", "count": 2}
    {"what": "restore", "file": ..., "folder": ..., "step": "restore.settled"}
    {"what": "open", "folder": ..., "step": "upgrade.told"}
    {"what": "move", "file": ..., "folder": ..., "step": "move.committed"}

Printed is a JSON list: the number of the signal that ended each child, 0 for one that came to its end. The program is
loaded once and forked, since loading it costs more than any of the steps.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from node import failpoints
from node.app import move_node, open_node, restore_node
from node.keeping.rotation import rotate
from node.store import KeyRing


def _arm(step: str, count: int) -> None:
    left = count

    def act() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    failpoints.arm(step, act)


def _rotate(folder: Path) -> None:
    with open_node(folder, None) as parts:
        rotate(
            None,
            state=parts.folder,
            store=parts.store,
            keys=parts.keys,
            audit=parts.audit,
            random_bytes=os.urandom,
            by="ada",
        )


def _run(order: dict[str, Any]) -> None:
    if order.get("step"):
        _arm(order["step"], order.get("count", 1))
    if order["what"] == "rotate":
        _rotate(Path(order["folder"]))
    elif order["what"] == "open":
        with open_node(Path(order["folder"]), None):
            pass
    elif order["what"] == "move":
        move_node(Path(order["folder"]), None, Path(order["file"]), by="ada")
    else:
        restore_node(
            Path(order["file"]),
            Path(order["folder"]),
            by="ada",
            unlock=lambda path, data: KeyRing.from_bytes(path, data, None),
        )


def main() -> None:
    ended = []
    for order in json.load(sys.stdin):
        child = os.fork()
        if child == 0:
            try:
                _run(order)
            except BaseException as error:  # noqa: BLE001  nothing of a child may go on
                sys.stderr.write(f"{type(error).__name__}: {error}\n")
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        ended.append(os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))
    sys.stdout.write(json.dumps(ended))


if __name__ == "__main__":
    main()

"""The life of a node that a test runs as a process: it comes up, and it is stopped as a service manager would do it."""

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from node.rpc.control_client import NodeNotRunning

__all__ = ["stop", "wait_until_up"]

_LOOK_SECONDS = 0.05


def wait_until_up(process: "subprocess.Popen[Any]", ask: Callable[[str], object], log: Path, *, seconds: float) -> None:
    """Until the node answers. AssertionError with its log if it ends before, or if it takes longer than that."""
    limit = time.monotonic() + seconds
    while True:
        assert process.poll() is None, f"the node ended at once: {log.read_text()}"
        try:
            ask("node.status")
            return
        except NodeNotRunning:
            assert time.monotonic() < limit, "the node did not come up"
            time.sleep(_LOOK_SECONDS)


def stop(process: "subprocess.Popen[Any]", *, seconds: float) -> int:
    """SIGTERM, and SIGKILL if it does not end within that time; the exit code."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return int(process.returncode)

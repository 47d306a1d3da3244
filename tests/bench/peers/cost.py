"""What one party of a peer's program cost: printed as one line of JSON, read by tests/bench/_peers.py.

Runs in the peer's own environment: the standard library and nothing else. CPU time is user and system time of all
threads of this process between the two calls below; the peak is the process's, from its start.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["report"]


def report(work: Callable[[], int], version: str) -> None:
    """Do the work, which gives the number of shared identifiers, and say what it cost."""
    cpu, wall = time.process_time(), time.perf_counter()
    found = work()
    spent = {"cpu_seconds": time.process_time() - cpu, "wall_seconds": time.perf_counter() - wall}
    print(json.dumps({**spent, "peak_mib": _peak_mib(), "found": found, "version": version}), flush=True)


def _peak_mib() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("the kernel does not tell the peak memory")

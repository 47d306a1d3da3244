"""Runs `tests.support.durable_child` under strace: faults at chosen system calls, and the trace of what it did.

    with traced(folder / "log", faults="signal=KILL", counts=counts) as tracer:
        played = tracer.play(state_folder, Point("pwrite64", 17))
    calls = read_trace(folder / "log")

`counts` are the calls of each kind that the work makes without a fault. strace strikes at a call that lies well behind
these (`AHEAD`), and each child fills up with idle calls so that this is the one that was chosen.
"""

import json
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.durable_child import BURNERS

__all__ = ["Call", "Played", "Point", "Tracer", "need_strace", "places", "read_trace", "traced"]

ROOT = Path(__file__).parents[2]
ANSWER_SECONDS = 60.0
WRITE_CLASS = (
    *("write", "writev", "pwrite64", "pwritev", "pwritev2", "ftruncate", "fallocate", "copy_file_range", "sendfile"),
    *("fsync", "fdatasync", "sync_file_range", "msync", "openat", "mkdir", "mkdirat", "rmdir"),
    *("rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "sendto"),
)
"""What may change a disk, and `sendto`, by which the child says what it has done."""

AHEAD = 300
"""Calls of a kind that a child may make more than without a fault, since it does again what was refused."""
AHEAD_OF_OPENAT = 6_000
"""More, because loading Python's modules opens files too, before the first child is there."""

_LINE = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\d+|\?)(.*)")
_RESUMED = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>")


@dataclass(frozen=True)
class Point:
    """The `number`-th call (from 1) of a kind."""

    call: str
    number: int

    def __str__(self) -> str:
        return f"{self.call}:{self.number}"


@dataclass(frozen=True)
class Call:
    """One line of a trace. `struck`: strace made it fail."""

    process: int
    name: str
    arguments: str
    result: str
    struck: bool

    @property
    def paths(self) -> list[str]:
        """What it names: the file of its descriptor, or the names in its arguments."""
        found = (one or other for one, other in re.findall(r"<([^>]*)>|\"([^\"]*)\"", self.arguments))
        return [path for path in found if path]


@dataclass
class Played:
    """What a child said. `code`: its exit code, minus the signal that ended it."""

    child: int = 0
    code: int = 0
    done: list[tuple[str, int]] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    restarted: bool = False
    broke: str = ""


class Tracer:
    """The running process; `play` is one child's work."""

    def __init__(self, link: socket.socket, counts: Mapping[str, int]) -> None:
        self._link = link
        self._counts = counts

    def play(self, folder: Path, point: Point | None = None) -> Played:
        burn = {} if point is None else {point.call: _strike_at(self._counts, point.call) - point.number}
        self._link.send(json.dumps({"folder": str(folder), "burn": burn}).encode())
        played = Played()
        while True:
            words: dict[str, Any] = json.loads(self._link.recv(1 << 16))
            if "done" in words:
                played.done.append((words["done"][0], words["done"][1]))
            elif "refused" in words:
                played.refused.append((words["refused"], words["sentence"]))
            elif "restarted" in words:
                played.restarted = True
            elif "broke" in words:
                played.broke = words["broke"]
            else:
                played.child, played.code = words["child"], words["ended"]
                return played


@contextmanager
def traced(
    log: Path, *, faults: str = "", counts: Mapping[str, int] | None = None, sabotage: Sequence[str] = ()
) -> Iterator[Tracer]:
    """`faults` is what strace does to a call (`signal=KILL`, `error=EIO`); empty: it only looks on."""
    counts = counts or {}
    # "?": whatever this machine does not have is no error.
    # Never with --seccomp-bpf: strace 6.1 then makes a call fail, but does not deliver the signal.
    command = ["strace", "-f", "-y", "-s", "0", "-o", str(log)]
    command += ["-e", "trace=" + ",".join(f"?{name}" for name in WRITE_CLASS)]
    if faults:
        for name in counts:
            command += ["-e", f"inject={name}:{faults}:when={_strike_at(counts, name)}"]
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command += [sys.executable, "-B", "-m", "tests.support.durable_child", str(theirs.fileno()), *sabotage]
    with ours:
        ours.settimeout(ANSWER_SECONDS)
        process = subprocess.Popen(command, cwd=ROOT, pass_fds=(theirs.fileno(),))
        theirs.close()
        try:
            yield Tracer(ours, counts)
        finally:
            ours.close()
            try:
                process.wait(ANSWER_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _strike_at(counts: Mapping[str, int], name: str) -> int:
    return counts[name] + (AHEAD_OF_OPENAT if name == "openat" else AHEAD)


def read_trace(log: Path) -> dict[int, list[Call]]:
    """The calls of each process that made any, in order."""
    found: dict[int, list[Call]] = {}
    for line in log.read_text(errors="replace").splitlines():
        assert not _RESUMED.match(line), "two processes at once: the order of the trace means nothing"
        match = _LINE.fullmatch(line)
        if match:
            process, name, arguments, result, rest = match.groups()
            found.setdefault(int(process), []).append(Call(int(process), name, arguments, result, "(INJECTED)" in rest))
    return found


def need_strace() -> None:
    """Skip, and say so, where nothing can be traced."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed (Debian: strace)")
    probe = subprocess.run(
        ["strace", "-f", "-o", "/dev/null", "-e", "trace=unlink", "true"], capture_output=True, text=True, check=False
    )
    if probe.returncode != 0:
        pytest.skip(f"strace cannot trace here: {probe.stderr.strip().splitlines()[-1:]}")


def places(calls: Sequence[Call]) -> list[Point]:
    """Every call of a kind that can be broken; of `openat` those that make a file."""
    counted: dict[str, int] = {}
    points = []
    for call in calls:
        counted[call.name] = counted.get(call.name, 0) + 1
        if call.name in BURNERS and (call.name != "openat" or "O_CREAT" in call.arguments):
            points.append(Point(call.name, counted[call.name]))
    return points

"""Cores for other kinds of computers, compiled once for all tests, and what runs them here.

`ForeignCore` stands in for the module psi._native._core: each call goes to a program that has loaded the very file of a
wheel, under wine for example (tests/deploy/cross/few_of_python.c), and comes back as Python's values.
"""

import fcntl
import hashlib
import os
import subprocess
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.release_tools import tool
from tests.support.tree import ROOT

__all__ = ["CALL_SECONDS", "SOURCES", "WINE", "ForeignCore", "built"]

SOURCES = ROOT / "tests" / "deploy" / "cross"
WINE = Path("/usr/lib/wine/wine64")
CALL_SECONDS = 120
_ANSWERS = {"ValueError": ValueError, "TypeError": TypeError, "BufferError": BufferError}


def _fingerprint() -> str:
    hashed = hashlib.sha256()
    native = [*(ROOT / "psi" / "_native").glob("*.[ch]"), *SOURCES.glob("*.c"), *(ROOT / ".ci" / "cross").iterdir()]
    for path in sorted([*native, ROOT / ".ci" / "cross.py", ROOT / "setup.py", ROOT / "requirements-release.lock"]):
        hashed.update(f"{path.name}\n{path.stat().st_size}\n".encode() + path.read_bytes())
    return hashed.hexdigest()[:20]


def built(name: str) -> Path:
    """The core for the target of that name, compiled now or before; skips where zig cannot be had. Beside the one for
    Windows lie python3.dll and starter.exe."""
    cross, environment = tool("cross"), tool("release_environment")
    try:
        python = str(environment.ensure())
    except environment.Missing as reason:
        pytest.skip(f"the compiler for other systems cannot be had here: {reason}")
    place = ROOT / "build" / "cross"
    out, cache = place / _fingerprint() / name, place / "zig"
    target = next(one for one in cross.TARGETS if one.name == name)
    out.mkdir(parents=True, exist_ok=True)
    with (place / f"{name}.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        core = out / Path(target.core).name
        if not core.exists():
            if target.system == "windows":
                how = {"python": python, "cache": cache}
                cross.compile_program(target, [SOURCES / "few_of_python.c"], out / "python3.dll", "-shared", **how)
                library = str(out / "python3.dll")
                cross.compile_program(target, [SOURCES / "starter.c"], out / "starter.exe", library, **how)
            cross.compile_core(target, ROOT, out, python=python, cache=cache)
    return core


class ForeignCore:
    """Every function of psi/_native/_core.pyi, answered by the program of `command`."""

    def __init__(self, command: Sequence[str | Path], environment: dict[str, str], folder: Path) -> None:
        self._running = subprocess.Popen(
            [str(word) for word in command],
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.calls = 0

    def cores(self) -> tuple[str, ...]:
        return tuple(self._ask("cores").split())

    def sodium(self, what: str, *data: bytes) -> bytes:
        answer = self._ask(" ".join([f"sodium-{what}", *(f"b:{one.hex()}" for one in data)]))
        return bytes.fromhex(answer)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return partial(self._call, name)

    def _call(self, name: str, core: str, *arguments: Any) -> Any:
        answer = self._ask(" ".join([name, f"s:{core}", *map(_word, arguments)]))
        if answer.startswith("error "):
            raise _ANSWERS[answer.removeprefix("error ")]
        if answer.startswith("row "):
            return int(answer.removeprefix("row "))
        if answer.startswith("tuple "):
            return tuple(bytes.fromhex(one) for one in answer.removeprefix("tuple ").split(","))
        return None if answer.startswith("none") else bytes.fromhex(answer)

    def _ask(self, line: str) -> str:
        self.calls += 1
        assert self._running.stdin is not None
        assert self._running.stdout is not None
        self._running.stdin.write(line + "\n")
        self._running.stdin.flush()
        answer = self._running.stdout.readline()
        assert answer, "the program ended instead of answering"
        return answer.strip()

    def close(self) -> str:
        """The program's last line: how many objects it did not give back."""
        last, _ = self._running.communicate(timeout=CALL_SECONDS)
        return last.strip()


def _word(argument: Any) -> str:
    if isinstance(argument, int):
        return f"n:{argument}"
    if isinstance(argument, list | tuple):
        return "l:" + "".join(f"{one.hex()}," for one in argument)
    return f"b:{bytes(argument).hex()}"

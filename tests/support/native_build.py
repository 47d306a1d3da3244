"""Compiles the C of psi/_native with test programs around it, without Python inside: tests/native, tests/fuzz.

A `Way` is how: which compiler, which flags, whether the IFMA file is compiled for the machine or with its vector
instructions emulated in plain C (tests/native/harness/ifma_emulation.h), and which lines are sabotaged first. What was
compiled lies in build/native under a name that is the hash of everything that went in, so that a second run, or another
program of the same sources, compiles nothing. Sources are found by pattern: a new file takes part.

A missing compiler or tool skips the test and says so.
"""

import fcntl
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.tree import ROOT

__all__ = [
    "CHECKED",
    "EMULATED",
    "HARNESS",
    "NATIVE",
    "RELEASE",
    "WARNINGS",
    "Sabotage",
    "Way",
    "has_ifma",
    "need",
    "need_ifma",
    "program",
    "run",
]

NATIVE = ROOT / "psi" / "_native"
HARNESS = ROOT / "tests" / "native" / "harness"
BUILT = ROOT / "build" / "native"

WARNINGS = ("-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror")
TIME_LIMIT = 280
"""Longest run of a compiler or of a program under test, in seconds."""

NEEDS_PYTHON = ("module.c",)
"""Not compiled here: needs Python's headers, and is shown through the extension."""


@dataclass(frozen=True)
class Sabotage:
    """Lines of the core taken out on purpose: `old` must stand in `file` exactly once."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Way:
    compiler: str
    flags: tuple[str, ...]
    emulated: bool = False
    sabotage: tuple[Sabotage, ...] = ()

    def but(self, *flags: str, sabotage: Iterable[Sabotage] = (), emulated: bool | None = None) -> "Way":
        """The same with more flags, sabotaged, or emulated."""
        return replace(
            self,
            flags=(*self.flags, *flags),
            sabotage=(*self.sabotage, *sabotage),
            emulated=self.emulated if emulated is None else emulated,
        )


def recipe() -> ModuleType:
    """setup.py as a module."""
    spec = importlib.util.spec_from_file_location("setup", ROOT / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RECIPE = recipe()
RELEASE = Way("gcc", (*RECIPE.FLAGS, *RECIPE.IF_KNOWN))
"""As the extension is built. Position-independent code with hidden symbols links into a program as well."""

CHECKED = ("-O1", "-Dalways_inline=unused")
"""Flags for everything that watches: functions stay functions, or instrumenting them takes minutes."""

EMULATED = Way("gcc", CHECKED, emulated=True)


def need(tool: str) -> str:
    """The path of a program, or a visible skip."""
    found = shutil.which(tool)
    if found is None:
        pytest.skip(f"{tool} is not installed")
    return found


@cache
def has_ifma() -> bool:
    """Whether this machine and its system run AVX-512 IFMA."""
    try:
        info = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    flags = next((line.split() for line in info.splitlines() if line.startswith("flags")), [])
    return {"avx512f", "avx512dq", "avx512vl", "avx512bw", "avx512ifma"} <= set(flags)


def need_ifma() -> None:
    if not has_ifma():
        pytest.skip("this machine has no AVX-512 IFMA")


def run(command: Sequence[str | Path], **more: object) -> "subprocess.CompletedProcess[str]":
    """A command, its output as text; the caller judges the exit code."""
    environment = {name: value for name, value in os.environ.items() if not name.endswith("SAN_OPTIONS")}
    environment.update(more.pop("environment", {}))  # type: ignore[call-overload]
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=more.pop("timeout", TIME_LIMIT),
        env=environment,
        check=False,
        **more,
    )


@cache
def program(name: str, way: Way, harness: tuple[str, ...] = (), link: tuple[str, ...] = ()) -> Path:
    """The program `name`: harness/name.c (and others of the harness), the core, compiled in this way."""
    compiler = need(way.compiler)
    sources = _sources(way)
    files = [HARNESS / f"{each}.c" for each in (name, *harness)]
    core = [path for path in sorted(sources.glob("*.c")) if path.name not in NEEDS_PYTHON]
    objects = [_object(compiler, way, sources, path) for path in (*core, *files)]
    out = BUILT / f"{name}-{_hash(*(part.name for part in objects), *link, compiler)}"
    if not out.exists():
        _compile([compiler, *_sanitizers(way.flags), *objects, *link, "-pthread"], out)
    return out


def _object(compiler: str, way: Way, sources: Path, path: Path) -> Path:
    known = [flag for flag in way.flags if flag not in RECIPE.IF_KNOWN or _takes(compiler, flag)]
    flags = [*WARNINGS, *known, "-g1"]
    if way.emulated:
        # -Wno-psabi: vectors of 64 bytes passed by value have no fixed calling convention without AVX-512.
        flags += ["-DNATIVE_EMULATED_VECTORS", "-Wno-psabi"]
    texts = (each.read_text() for each in _with_headers(path, sources))
    out = BUILT / f"{path.stem}-{_hash(_version(compiler), *flags, path.name, *texts)}.o"
    if not out.exists():
        _compile([compiler, *flags, f"-I{sources}", f"-I{HARNESS}", "-c", path], out)
    return out


def _with_headers(path: Path, sources: Path) -> list[Path]:
    """A file and all of ours that it includes, however deep."""
    found, waiting = [], [path]
    while waiting:
        each = waiting.pop()
        if each in found:
            continue
        found.append(each)
        for name in re.findall(r'^ *# *include "([^"]+)"', each.read_text(), re.MULTILINE):
            waiting += [folder / name for folder in (sources, HARNESS) if (folder / name).is_file()]
    return sorted(found)


def _compile(command: Sequence[str | Path], out: Path) -> None:
    """Into a file of our own, then renamed. Several test processes may want the same: one compiles, the others wait."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with (
        out.with_suffix(".lock").open("w") as lock,
        tempfile.TemporaryDirectory(dir=out.parent) as folder,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        if out.exists():
            return
        made = Path(folder) / out.name
        result = run([*command, "-o", made])
        assert result.returncode == 0, f"{' '.join(map(str, command))}\n{result.stderr}"
        made.replace(out)


def _sources(way: Way) -> Path:
    """The folder of the core's sources: a changed copy of it where they are sabotaged."""
    if not way.sabotage:
        return NATIVE
    texts = {path.name: path.read_text() for path in sorted(NATIVE.glob("*.[ch]"))}
    for each in way.sabotage:
        found = texts[each.file].count(each.old)
        assert found == 1, f"{each.file} has changed ({found} places): this sabotage must follow it\n{each.old}"
        texts[each.file] = texts[each.file].replace(each.old, each.new)
    folder = BUILT / f"sabotaged-{_hash(*texts, *texts.values())}"
    if not folder.exists():
        BUILT.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=BUILT) as temporary:
            made = Path(temporary) / folder.name
            made.mkdir()
            for name, text in texts.items():
                (made / name).write_text(text)
            try:
                made.rename(folder)
            except OSError:
                assert folder.exists()  # another test process was faster
    return folder


def _sanitizers(flags: tuple[str, ...]) -> list[str]:
    """What the linker must know too."""
    return [flag for flag in flags if re.match(r"-fsanitize|-static|-m", flag)]


@cache
def _takes(compiler: str, flag: str) -> bool:
    return run([compiler, "-Werror", flag, "-fsyntax-only", "-x", "c", os.devnull]).returncode == 0


@cache
def _version(compiler: str) -> str:
    return platform.machine() + run([compiler, "--version"]).stdout


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]

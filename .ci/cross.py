"""How the curve core is compiled for other kinds of computers, all five of a release, on this one.

The compiler is clang as zig carries it (the package ziglang): it has the C libraries of all targets with it, so nothing
of theirs is installed here. Flags and sources are those of setup.py. What each kind of computer needs besides:

    Linux     glibc 2.17 is named in the target, so that the file names no newer function and runs on every system since
    macOS     Python's functions are looked up when the module is loaded; zig puts the signature in that arm64 demands
    Windows   Python's functions come from python3.dll, for which zig makes an import library out of cross/python3.def

Python's headers are those of the Python that runs this, without its pyconfig.h: cross/pyconfig.h stands in. The stable
interface of 3.11 is all that is used, so that one file serves all later versions there, too.

The same sources, headers and zig give the same bytes, wherever they lie. Nothing is left but the file.
"""

import os
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from environment import core_recipe

__all__ = ["TARGETS", "CrossError", "Target", "compile_core", "compile_program", "glibc_needed"]

HERE = Path(__file__).resolve().parent / "cross"
PYTHON_DLL = "python3.dll"
STEP_SECONDS = 900
"""How long one call of the compiler may take, in seconds: the first one makes zig's own libraries for the target."""


class CrossError(Exception):
    """The reason, as the end of a sentence."""


@dataclass(frozen=True)
class Target:
    """`name`: for people and folders. `triple`: for zig. `tag`: the wheel's platform. `core`: its place in it."""

    name: str
    triple: str
    tag: str
    core: str

    @property
    def machine(self) -> str:
        """As setup.py calls it."""
        return self.triple.partition("-")[0]

    @property
    def system(self) -> str:
        return self.name.partition("-")[0]


SO = "psi/_native/_core.abi3.so"
TARGETS = (
    Target("linux-x86_64", "x86_64-linux-gnu.2.17", "manylinux_2_17_x86_64.manylinux2014_x86_64", SO),
    Target("linux-aarch64", "aarch64-linux-gnu.2.17", "manylinux_2_17_aarch64.manylinux2014_aarch64", SO),
    Target("macos-x86_64", "x86_64-macos.11.0", "macosx_11_0_x86_64", SO),
    Target("macos-arm64", "aarch64-macos.11.0", "macosx_11_0_arm64", SO),
    Target("windows-amd64", "x86_64-windows-gnu", "win_amd64", "psi/_native/_core.pyd"),
)

EXTRA = ["-g0", "-fno-sanitize=all", "-fstack-clash-protection"]
"""Beside the flags of setup.py: without debugging words (which name folders), and without what zig adds by itself."""

LINK = {
    "linux": ["-shared", "-Wl,-z,relro,-z,now", "-Wl,--strip-all"],
    "macos": ["-shared", "-Wl,-undefined,dynamic_lookup", "-Wl,-install_name,@rpath/_core.abi3.so", "-Wl,-s"],
    "windows": ["-shared", "-Wl,--strip-all"],
}


class Zig:
    """zig's compiler for one target. Its caches lie in `cache`, and nowhere else."""

    def __init__(self, target: Target, python: str, cache: Path) -> None:
        self._cc = [python, "-m", "ziglang", "cc", "-target", target.triple]
        self._tool = [python, "-m", "ziglang", "dlltool"]
        places = {f"ZIG_{which}_CACHE_DIR": str(cache / which.lower()) for which in ("GLOBAL", "LOCAL")}
        kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
        self._environment = kept | places | {"SOURCE_DATE_EPOCH": "0", "HOME": str(cache)}

    def compile(self, sources: list[Path], flags: list[str], into: Path, *, cwd: Path) -> list[Path]:
        """One object for each source. The first comes first: it makes what zig keeps for the target."""
        made = [into / f"{source.stem}.o" for source in sources]
        for source, one in zip(sources, made, strict=True):
            self._run([*self._cc, *flags, "-c", source.as_posix(), "-o", str(one)], cwd)
        return made

    def link(self, objects: list[Path], flags: list[str], out: Path, *, cwd: Path) -> None:
        self._run([*self._cc, *flags, *(one.name for one in objects), "-o", str(out)], cwd)

    def import_library(self, definition: Path, out: Path) -> None:
        words = ["-m", "i386:x86-64", "-D", PYTHON_DLL, "-d", str(definition), "-l", out.name]
        self._run([*self._tool, *words], out.parent)

    def _run(self, command: list[str], cwd: Path) -> None:
        try:
            done = subprocess.run(
                command,
                cwd=cwd,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=STEP_SECONDS,
            )
        except OSError as error:
            raise CrossError(f"zig cannot be started ({error.strerror})") from error
        except subprocess.TimeoutExpired as error:
            raise CrossError(f"zig took longer than {STEP_SECONDS} seconds") from error
        if done.returncode:
            if "No module named ziglang" in done.stderr:
                raise CrossError("the package ziglang is not installed in that Python")
            said = (line.strip() for line in done.stderr.splitlines())
            raise CrossError(f"zig refused: {next((line for line in said if 'error' in line), 'it said nothing')}")


def compile_core(
    target: Target, sources: Path, out: Path, *, python: str = sys.executable, cache: Path | None = None
) -> Path:
    """Compile `sources`/psi/_native for `target` into the folder `out`; the file. CrossError if that fails.

    `sources` is a copy of the checkout, anywhere. `python` has the package ziglang. `cache`: a folder for zig's caches
    that stays; without it they lie in a temporary one.
    """
    recipe = core_recipe()
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        zig = Zig(target, python, cache or scratch / "zig")
        (scratch / "zig").mkdir()
        flags = [*recipe.WARNINGS, *recipe.FLAGS, *EXTRA]
        flags += [f'-DNATIVE_FLAGS="{shlex.join([*recipe.FLAGS, *EXTRA])}"', f"-I{_headers(recipe, scratch)}"]
        names = recipe.SOURCES + recipe.BY_MACHINE[target.machine]
        objects = zig.compile(names, flags, scratch, cwd=sources)
        if target.system == "windows":
            zig.import_library(HERE / "python3.def", scratch / "python3.lib")
            objects.append(scratch / "python3.lib")
        linked = scratch / Path(target.core).name
        zig.link(objects, LINK[target.system], linked, cwd=scratch)
        return _put(linked, out)


def compile_program(
    target: Target, sources: list[Path], out: Path, *words: str, python: str, cache: Path | None = None
) -> Path:
    """A program or library of a few C files for `target`, for tests. `out`: its path. `words` go to the linker too."""
    with tempfile.TemporaryDirectory() as temporary:
        zig = Zig(target, python, cache or Path(temporary))
        zig.link([], ["-O3", "-g0", "-fno-sanitize=all", *map(str, sources), *words], out, cwd=Path(temporary))
    return out


def _headers(recipe: ModuleType, scratch: Path) -> Path:
    """Python's headers with our pyconfig.h: it is looked for beside Python.h first, so that they are copied."""
    try:
        found = recipe.headers()
    except recipe.NotCompiled as reason:
        raise CrossError(str(reason)) from reason
    include = scratch / "include"
    shutil.copytree(found, include, ignore=shutil.ignore_patterns("pyconfig*.h", "internal", "numpy", "greenlet"))
    shutil.copyfile(HERE / "pyconfig.h", include / "pyconfig.h")
    return include


def _put(linked: Path, out: Path) -> Path:
    """Into `out`, at once and only whole."""
    out.mkdir(parents=True, exist_ok=True)
    half, whole = out / f"{linked.name}.half", out / linked.name
    shutil.copyfile(linked, half)
    half.replace(whole)
    return whole


def glibc_needed(core: Path) -> tuple[int, int] | None:
    """The newest GLIBC_x.y that a 64-bit ELF file asks for; None if it is no such file, or asks for none."""
    data = core.read_bytes()
    if data[:5] != b"\x7fELF\x02":
        return None
    (start,) = struct.unpack_from("<Q", data, 40)
    size, count = struct.unpack_from("<HH", data, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, start + size * number) for number in range(count)]
    needs = next((section for section in sections if section[1] == 0x6FFFFFFE), None)  # SHT_GNU_verneed
    if needs is None:
        return None
    names = data[sections[needs[6]][4] :]
    found = set()
    library = needs[4]
    for _ in range(needs[7]):
        _version, many, _file, first, following = struct.unpack_from("<HHIII", data, library)
        entry = library + first
        for _ in range(many):
            _hash, _flags, _other, name, step = struct.unpack_from("<IHHII", data, entry)
            found.add(names[name : names.index(b"\0", name)].decode())
            entry += step
        library += following
    versions = [name.removeprefix("GLIBC_").split(".")[:2] for name in found if name.startswith("GLIBC_")]
    return max(((int(major), int(minor)) for major, minor in versions), default=None)

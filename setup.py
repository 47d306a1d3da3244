"""How the curve core, psi/_native, is compiled. Everything else about the package is in pyproject.toml.

One function, `compile_core`, does it for a wheel (setuptools calls the class below) and for the checkout
(.ci/environment.py calls it directly, so that `make demo` needs no setuptools). It needs a C compiler, Python.h and
nothing else. The result uses the stable interface of Python 3.11 only, so one file serves all later versions.

The core is optional. Where it cannot be compiled, one line says why, and blindmatch runs on libsodium, which is slower;
`blindmatch doctor` says it again. CC names the compiler, CFLAGS and LDFLAGS are added at the end: from the environment,
or in a checkout the words of the last `make native`.

No -march: the file runs on any processor of its kind, and each source names the instruction sets it uses by itself. Two
builds from the same sources with the same compiler give the same bytes, wherever they lie.
"""

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent
FOLDER = Path("psi", "_native")
MODULE = "psi._native._core"
FILE = FOLDER / "_core.abi3.so"
SOURCES = [FOLDER / name for name in ("module.c", "batch.c", "dispatch.c", "sha512.c", "portable.c")]
BY_MACHINE = {
    "x86_64": [FOLDER / "avx512ifma.c", FOLDER / "sha512_avx512.c"],
    "aarch64": [],
}
"""The machines it is for, and the files with their instruction sets."""

WARNINGS = ["-Wall", "-Wextra"]
FLAGS = ["-std=c11", "-O3", "-fPIC", "-fvisibility=hidden"]
FLAGS += ["-fstack-protector-strong", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"]
# For gcc: keep sums in the order written (or the chain of carries gets longer), and use all 32 registers in turn.
IF_KNOWN = ["-fno-tree-reassoc", "-frename-registers", "-fstack-clash-protection"]
LINK = ["-shared", "-Wl,-z,relro,-z,now", "-Wl,--strip-all"]

WORDS = ("CC", "CFLAGS", "LDFLAGS")
"""What a person can say about it, by the names that make and setuptools use as well."""


class NotCompiled(Exception):
    """The reason, as the end of a sentence."""


def compiler(words: Mapping[str, str] = os.environ) -> list[str]:
    """The words of CC; or the compiler that is there. NotCompiled if there is none."""
    if named := shlex.split(words.get("CC", "")):
        return named
    for name in ("cc", "gcc", "clang"):
        if shutil.which(name):
            return [name]
    raise NotCompiled("there is no C compiler")


def version(cc: list[str]) -> str:
    """The first line of what the compiler says about itself. NotCompiled if it cannot be started."""
    try:
        said = subprocess.run([*cc, "--version"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError as error:
        raise _not_started(error) from error
    return next(iter(said.stdout.decode(errors="replace").splitlines()), "")


def headers() -> Path:
    """The folder of Python.h."""
    for name in ("include", "platinclude"):
        folder = Path(sysconfig.get_path(name))
        if (folder / "Python.h").is_file():
            return folder
    raise NotCompiled("Python.h is missing (on Debian and Ubuntu: apt install python3-dev)")


def sources() -> list[Path]:
    """Relative to ROOT."""
    extra = BY_MACHINE.get(platform.machine())
    if extra is None or not sys.platform.startswith("linux"):
        raise NotCompiled(f"it is not for this kind of computer ({sys.platform}, {platform.machine()})")
    return SOURCES + extra


def fingerprint(words: Mapping[str, str] = os.environ) -> str:
    """All that the result depends on, as one hash: the sources, this file, the words for the compiler, the version that
    it names, and where Python's headers lie."""
    hashed = hashlib.sha256()
    for path in sorted([*(ROOT / FOLDER).glob("*.[ch]"), ROOT / "setup.py"]):
        hashed.update(f"{path.name}\n{path.stat().st_size}\n".encode() + path.read_bytes())
    for question in (lambda: compiler(words), lambda: version(compiler(words)), headers, sources):
        try:
            hashed.update(f"{question()}\n".encode())
        except NotCompiled as reason:
            hashed.update(f"{reason}\n".encode())
    for name in ("CFLAGS", "LDFLAGS"):
        hashed.update(f"{words.get(name)}\n".encode())
    return hashed.hexdigest()


def compile_core(target: Path, words: Mapping[str, str] = os.environ) -> None:
    """Compile and link to `target`, which is replaced at once and only by a whole file. NotCompiled if that fails."""
    with tempfile.TemporaryDirectory() as folder:
        cc, scratch = compiler(words), Path(folder)
        known = [flag for flag in IF_KNOWN if _takes(cc, flag, scratch)]
        said = shlex.join(FLAGS + known)
        flags = [*WARNINGS, *FLAGS, *known, f'-DNATIVE_FLAGS="{said}"', f"-ffile-prefix-map={ROOT}=.", f"-I{headers()}"]
        flags += shlex.split(words.get("CFLAGS", ""))
        objects = {scratch / f"{source.stem}.o": source for source in sources()}
        _run([[*cc, *flags, "-c", str(source), "-o", str(made)] for made, source in objects.items()])
        linked = scratch / target.name
        extra = shlex.split(words.get("LDFLAGS", ""))
        _run([[*cc, *LINK, *map(str, objects), "-o", str(linked), *extra]])
        target.parent.mkdir(parents=True, exist_ok=True)
        half = target.with_suffix(".half")
        shutil.copyfile(linked, half)
        half.replace(target)


def _takes(cc: list[str], flag: str, scratch: Path) -> bool:
    empty = scratch / "empty.c"
    empty.write_text("int nothing;\n", encoding="ascii")
    command = [*cc, "-Werror", flag, "-c", str(empty), "-o", str(scratch / "empty.o")]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _not_started(error: OSError) -> NotCompiled:
    return NotCompiled(f"the C compiler cannot be started ({error.strerror})")


def _run(commands: list[list[str]]) -> None:
    """Run compilers side by side; the first complaint ends it."""
    try:
        running = [
            subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            for command in commands
        ]
    except OSError as error:
        raise _not_started(error) from error
    ended = [(one.communicate()[0], one.returncode) for one in running]
    for output, code in ended:
        if code:
            first = next((line for line in output.splitlines() if "error" in line), "it said nothing")
            raise NotCompiled(f"the C compiler refused: {first.strip()}")


def _for_setuptools() -> None:
    from setuptools import Extension, setup
    from setuptools.command.build_ext import build_ext

    class BuildCore(build_ext):
        def build_extension(self, ext: Extension) -> None:
            try:
                compile_core(ROOT / self.get_ext_fullpath(ext.name))
            except NotCompiled as reason:
                print(f"blindmatch: the fast curve core was left out: {reason}. libsodium does its work.")

    # What belongs to the source distribution; the compiler gets its list from `sources`.
    files = sorted(str(path.relative_to(ROOT)) for path in (ROOT / FOLDER).glob("*.[ch]"))
    core = Extension(
        MODULE,
        [name for name in files if name.endswith(".c")],
        depends=[name for name in files if name.endswith(".h")],
        py_limited_api=True,
        optional=True,
    )
    setup(ext_modules=[core], cmdclass={"build_ext": BuildCore})


if __name__ == "__main__":
    _for_setuptools()

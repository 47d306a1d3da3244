"""Build the wheel twice from a clean copy, install it in a clean environment, run it outside the checkout.

Shown here: two builds from the same sources are the same bytes (SOURCE_DATE_EPOCH), the compiled curve core included;
the wheel holds every file of psi, node and cli but the C sources, the core instead of them, and nothing else; it is
tagged for Python 3.11 and later; it installs from the hash-pinned runtime lock without building anything; and
`blindmatch --help` and `blindmatch doctor --json` run with an empty HOME in an empty folder, on a native backend. A
third build, with a compiler that always fails, installs and runs as well, on libsodium. The source distribution holds
the C sources. Needs a C compiler and Python.h.
"""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from environment import core_recipe

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "build" / "wheel"
PACKAGES = {"psi", "node", "cli"}
CORE = "psi/_native/_core.abi3.so"
TAG = f"-cp311-abi3-linux_{platform.machine()}.whl"
EPOCH = "315532800"  # 1980-01-01, the oldest time that a zip file can hold
PIP = ["install", "--quiet", "--disable-pip-version-check", "--no-input"]
STEP_SECONDS = 900


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run one step, return what it printed; a step that fails ends the check with all it said."""
    clean = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
    words = [str(word) for word in command]
    done = subprocess.run(
        words,
        cwd=cwd,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=STEP_SECONDS,
    )
    if done.returncode:
        sys.exit(f"wheel-check: exit code {done.returncode} from: {' '.join(words)}\n{done.stdout}{done.stderr}")
    return done.stdout


def check_compiler() -> None:
    """That the curve core can be compiled here at all: said at once, and not as a file that a wheel lacks."""
    recipe = core_recipe()
    try:
        recipe.version(recipe.compiler())
        recipe.headers()
        recipe.sources()
    except recipe.NotCompiled as reason:
        sys.exit(f"wheel-check: the wheel must hold the curve core, which cannot be compiled here: {reason}.")


def source_files() -> list[Path]:
    """What git knows or would add: nothing ignored, no left-over of an earlier build."""
    listing = run(
        "git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT
    )
    return sorted({Path(name) for name in listing.split("\0") if name and (ROOT / name).is_file()})


def build(work: Path, files: list[Path], kind: str = "wheel", **environment: str) -> Path:
    for file in files:
        (work / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / file, work / file)  # without the mode, which the umask of a clone decides
    step = (sys.executable, "-m", "build", f"--{kind}", "--no-isolation")
    run(*step, cwd=work, SOURCE_DATE_EPOCH=EPOCH, **environment)
    return next((work / "dist").iterdir())


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def is_c_source(file: Path) -> bool:
    return file.parts[0] in PACKAGES and file.suffix in {".c", ".h"}


def check_contents(wheel: Path, files: list[Path], *extra: str) -> None:
    expected = {file.as_posix() for file in files if file.parts[0] in PACKAGES and not is_c_source(file)} | {*extra}
    held = {name for name in zipfile.ZipFile(wheel).namelist() if not name.split("/")[0].endswith(".dist-info")}
    if missing := sorted(expected - held):
        sys.exit(f"wheel-check: not in the wheel (package-data in pyproject.toml): {', '.join(missing)}")
    if foreign := sorted(held - expected):
        sys.exit(f"wheel-check: in the wheel, but it does not belong there: {', '.join(foreign)}")


def check_sources(archive: Path, files: list[Path]) -> None:
    """The C sources and how to compile them; the rest of a source distribution is setuptools' own affair."""
    with tarfile.open(archive) as tar:
        held = {name.partition("/")[2] for name in tar.getnames()}
    expected = {"setup.py", *(file.as_posix() for file in files if is_c_source(file))}
    if missing := sorted(expected - held):
        sys.exit(f"wheel-check: not in the source distribution: {', '.join(missing)}")


def make_environment(folder: Path) -> Path:
    """A clean environment with the locked packages, as deploy/systemd/README.md says: its Python."""
    run(sys.executable, "-m", "venv", folder, cwd=folder.parent)
    python = folder / "bin" / "python"
    lock = ROOT / "requirements.lock"
    run(python, "-I", "-m", "pip", *PIP, "--require-hashes", "--only-binary", ":all:", "-r", lock, cwd=folder.parent)
    return python


def check_installed(wheel: Path, python: Path, empty: Path, backend: str) -> None:
    """Install without building anything, then run from a folder that holds nothing."""
    run(python, "-I", "-m", "pip", *PIP, "--no-deps", "--no-index", "--force-reinstall", wheel, cwd=empty)
    run(python, "-I", "-m", "pip", "check", cwd=empty)
    command = python.parent / "blindmatch"
    run(command, "--help", cwd=empty, HOME=str(empty))
    report = run(command, "doctor", "--json", cwd=empty, HOME=str(empty))
    try:
        said = {check["name"]: check["says"] for check in json.loads(report)["checks"]}
    except (ValueError, KeyError):
        sys.exit(f"wheel-check: `blindmatch doctor --json` did not print its report, but:\n{report}")
    if not said["backend"].startswith(backend):
        sys.exit(f"wheel-check: expected the backend {backend}..., but doctor says: {said['backend']}")
    if left := sorted(path.name for path in empty.iterdir()):
        sys.exit(f"wheel-check: --help and doctor left files behind: {', '.join(left)}")


def main() -> None:
    check_compiler()
    files = source_files()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        empty = folder / "empty"
        empty.mkdir()
        first, second = (build(folder / name, files) for name in ("first", "second"))
        if not first.name.endswith(TAG):
            sys.exit(f"wheel-check: the wheel should end in {TAG}, but is {first.name}")
        if digest(first) != digest(second):
            sys.exit("wheel-check: two builds of the same sources differ.")
        check_contents(first, files, CORE)
        check_sources(build(folder / "sources", files, "sdist"), files)
        python = make_environment(folder / "environment")
        check_installed(first, python, empty, "native-")
        without = build(folder / "without", files, CC=shutil.which("false") or "false")
        check_contents(without, files)
        check_installed(without, python, empty, "sodium")
        OUTPUT.mkdir(parents=True, exist_ok=True)
        kept = Path(shutil.copy(first, OUTPUT))
        print(f"{kept.relative_to(ROOT)}  sha256 {digest(kept)}")


if __name__ == "__main__":
    main()

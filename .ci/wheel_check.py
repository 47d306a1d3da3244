"""Build the wheel twice from a clean copy, install it in a clean environment, run it outside the checkout.

Shown here: two builds from the same sources are the same bytes (SOURCE_DATE_EPOCH); the wheel holds every file of
psi, node and cli and nothing else; it installs from the hash-pinned runtime lock without building anything; and
`blindmatch --help` and `blindmatch doctor --json` run with an empty HOME in an empty folder.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "build" / "wheel"
PACKAGES = {"psi", "node", "cli"}
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


def source_files() -> list[Path]:
    """What git knows or would add: nothing ignored, no left-over of an earlier build."""
    listing = run(
        "git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT
    )
    return sorted({Path(name) for name in listing.split("\0") if name and (ROOT / name).is_file()})


def build(work: Path, files: list[Path]) -> Path:
    for file in files:
        (work / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / file, work / file)  # without the mode, which the umask of a clone decides
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", cwd=work, SOURCE_DATE_EPOCH=EPOCH)
    return next((work / "dist").glob("*.whl"))


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_contents(wheel: Path, files: list[Path]) -> None:
    expected = {file.as_posix() for file in files if file.parts[0] in PACKAGES}
    held = {name for name in zipfile.ZipFile(wheel).namelist() if not name.split("/")[0].endswith(".dist-info")}
    if missing := sorted(expected - held):
        sys.exit(f"wheel-check: not in the wheel (package-data in pyproject.toml): {', '.join(missing)}")
    if foreign := sorted(held - expected):
        sys.exit(f"wheel-check: in the wheel, but not in psi, node or cli: {', '.join(foreign)}")


def check_installed(wheel: Path, folder: Path) -> None:
    """Install as deploy/README.md says, then run from a folder that holds nothing."""
    environment, empty = folder / "environment", folder / "empty"
    empty.mkdir()
    run(sys.executable, "-m", "venv", environment, cwd=folder)
    python = environment / "bin" / "python"
    lock = ROOT / "requirements.lock"
    run(python, "-I", "-m", "pip", *PIP, "--require-hashes", "--only-binary", ":all:", "-r", lock, cwd=folder)
    run(python, "-I", "-m", "pip", *PIP, "--no-deps", "--no-index", wheel, cwd=folder)
    run(python, "-I", "-m", "pip", "check", cwd=folder)
    command = environment / "bin" / "blindmatch"
    run(command, "--help", cwd=empty, HOME=str(empty))
    report = run(command, "doctor", "--json", cwd=empty, HOME=str(empty))
    try:
        json.loads(report)
    except ValueError:
        sys.exit(f"wheel-check: `blindmatch doctor --json` did not print JSON, but:\n{report}")
    if left := sorted(path.name for path in empty.iterdir()):
        sys.exit(f"wheel-check: --help and doctor left files behind: {', '.join(left)}")


def main() -> None:
    files = source_files()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        first, second = (build(folder / name, files) for name in ("first", "second"))
        if digest(first) != digest(second):
            sys.exit("wheel-check: two builds of the same sources differ.")
        check_contents(first, files)
        check_installed(first, folder)
        OUTPUT.mkdir(parents=True, exist_ok=True)
        kept = Path(shutil.copy(first, OUTPUT))
        print(f"{kept.relative_to(ROOT)}  sha256 {digest(kept)}")


if __name__ == "__main__":
    main()

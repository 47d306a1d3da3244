"""Environments for the programs that the bench compares whole rounds with: `make bench-peers`.

    python3 tests/bench/peers/environments.py          makes build/peers/openmined and build/peers/spu

Each is a virtual environment of its own from a hash-pinned lock beside this file; nothing of it ever comes into .venv.
An environment that stands (its stamp names this lock and this Python) is left alone. One that cannot be made, because
there is no wheel for this machine or Python, does not keep the others from being made; the exit code is then 1.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PLACE = HERE.parents[2] / "build" / "peers"
TRIALS = {
    "openmined": "import openmined_party",
    "spu": "import spu_party; spu_party.libraries()",
}
"""Name -> what must work in the finished environment, with this folder as the first place to import from."""


def wanted(name: str) -> str:
    """What the stamp of a finished environment says."""
    lock = hashlib.sha256((HERE / f"{name}.lock").read_bytes()).hexdigest()
    return f"{sys.version.split()[0]} {lock}\n"


def make(name: str) -> str | None:
    """Make one environment; the sentence that says what went wrong, or None."""
    place = PLACE / name
    stamp, python, version = place / "blindmatch-stamp", place / "bin" / "python", sys.version.split()[0]
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted(name):
        return None
    print(f"Making build/peers/{name} (checked against the hashes in tests/bench/peers/{name}.lock)", flush=True)
    shutil.rmtree(place, ignore_errors=True)
    # Wheels only, and only what the lock names: a dependency that it leaves out is left out on purpose.
    options = ["--quiet", "--disable-pip-version-check", "--no-input", "--require-hashes", "--only-binary", ":all:"]
    steps = (
        [getattr(sys, "_base_executable", sys.executable), "-m", "venv", place],
        [python, "-I", "-m", "pip", "install", *options, "--no-deps", "-r", HERE / f"{name}.lock"],
        [python, "-c", TRIALS[name]],
    )
    for step in steps:
        if subprocess.run([str(part) for part in step], cwd=HERE, stdin=subprocess.DEVNULL).returncode:
            return f"{name} cannot be used on this machine with Python {version}; the lines above say why"
    stamp.write_text(wanted(name), encoding="utf-8")
    return None


def main() -> None:
    problems = [problem for name in TRIALS if (problem := make(name))]
    if problems:
        sys.exit("\n".join(problems))


if __name__ == "__main__":
    main()

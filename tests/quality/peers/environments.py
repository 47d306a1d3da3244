"""Environments for the programs whose tokens `make quality` compares with ours: `make quality-peers`.

    python3 tests/quality/peers/environments.py       makes build/quality-peers/openlinktoken and .../spindle

Each is a virtual environment of its own from a hash-pinned lock beside this file; nothing of it ever comes into .venv.
An environment that stands (its stamp names this lock and this Python) is left alone. One that cannot be made does not
keep the other from being made; the exit code is then 1.

spindle-token runs on Spark, which needs Java (Debian: openjdk-17-jre-headless). Spark itself is published as a source
distribution of ready-made files, several hundred megabytes: it is the one package here that is not a wheel, and is
built with the setuptools of the same lock.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PLACE = HERE.parents[2] / "build" / "quality-peers"
TRIALS = {"openlinktoken": "import openlinktoken", "spindle": "import pyspark, spindle_token"}
"""Name -> what must work in the finished environment."""

BUILT = {"spindle": "pyspark"}
"""Name -> the package of its lock that has no wheel."""

BUILDER = "setuptools"


def wanted(name: str) -> str:
    """What the stamp of a finished environment says."""
    lock = hashlib.sha256((HERE / f"{name}.lock").read_bytes()).hexdigest()
    return f"{sys.version.split()[0]} {lock}\n"


def ready(name: str) -> bool:
    stamp = PLACE / name / "blindmatch-stamp"
    return stamp.exists() and stamp.read_text(encoding="utf-8") == wanted(name)


def entry(lock: str, package: str) -> str:
    """The lines of one package of a lock, with its hashes."""
    lines = iter(lock.splitlines())
    found: list[str] = []
    for line in lines:
        if line.startswith(f"{package}=="):
            found.append(line)
            while found[-1].endswith("\\"):
                found.append(next(lines))
    return "\n".join(found) + "\n"


def make(name: str) -> str | None:
    """Make one environment; the sentence that says what went wrong, or None."""
    if ready(name):
        return None
    place = PLACE / name
    python, version = place / "bin" / "python", sys.version.split()[0]
    print(
        f"Making build/quality-peers/{name} (checked against the hashes in tests/quality/peers/{name}.lock)", flush=True
    )
    shutil.rmtree(place, ignore_errors=True)
    # Only what the lock names, and wheels only but for the one that has none.
    pip = [python, "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    pip += ["--require-hashes", "--no-deps", "--only-binary", ":all:"]
    steps: list[list[str | Path]] = [[getattr(sys, "_base_executable", sys.executable), "-m", "venv", place]]
    if built := BUILT.get(name):
        builder = PLACE / f"{name}-builder.txt"
        PLACE.mkdir(parents=True, exist_ok=True)
        builder.write_text(entry((HERE / f"{name}.lock").read_text(encoding="utf-8"), BUILDER), encoding="utf-8")
        steps.append([*pip, "-r", builder])
        pip += ["--no-binary", built, "--no-build-isolation"]
    steps += [[*pip, "-r", HERE / f"{name}.lock"], [python, "-c", TRIALS[name]]]
    for step in steps:
        if subprocess.run([str(part) for part in step], cwd=HERE, stdin=subprocess.DEVNULL).returncode:
            return f"{name} cannot be used on this machine with Python {version}; the lines above say why"
    (place / "blindmatch-stamp").write_text(wanted(name), encoding="utf-8")
    return None


def main() -> None:
    problems = [problem for name in TRIALS if (problem := make(name))]
    if problems:
        sys.exit("\n".join(problems))


if __name__ == "__main__":
    main()

"""Make or refresh the checkout's own environment in .venv, from the hash-pinned locks.

    python3 .ci/environment.py runtime     what `blindmatch` needs        (make demo)
    python3 .ci/environment.py dev         that, and the tools and tests  (make test, lint, bench ...)
    python3 .ci/environment.py native      the former, and the curve core compiled again  (make native)

Needs Python with venv and pip, and nothing else: no compiler (wheels only), no HOME, no network beyond the package
index that this machine's pip is configured for. The checkout is not installed: a .pth file points at it, so an edit
takes effect at once and .venv/bin/blindmatch runs what lies here.

Where a C compiler and Python.h are there, the curve core is compiled into the checkout as well (setup.py says how), and
again after an edit of its sources. Where they are not, one line says what that costs, and everything works without.
CC, CFLAGS and LDFLAGS of `make native` hold until the next `make native`, or until .venv is made from nothing.

What .venv holds is written to .venv/blindmatch-stamp.json, last of all. As long as that says what is wanted, this
does nothing; when a lock, the Python or the place of the checkout changed, or a set-up was interrupted, the
environment is made again from nothing. Two at a time wait for each other.
"""

import fcntl
import hashlib
import importlib.util
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "blindmatch-stamp.json"
PYTHON = VENV / "bin" / "python"
CORE_STAMP = VENV / "blindmatch-core.json"
KEPT = "words of make native"
LOCKS = {"runtime": "requirements.lock", "dev": "requirements-dev.lock"}
LAUNCHER = """#!/bin/sh
exec "$(dirname "$(readlink -f "$0")")/python" -m cli "$@"
"""


def wanted(level: str) -> dict[str, str]:
    """What the stamp says when `level` is in place."""
    levels = ["runtime"] if level == "runtime" else ["runtime", "dev"]
    stamp = {"python": sys.version.split()[0], "checkout": str(ROOT)}
    for name in levels:
        stamp[name] = hashlib.sha256((ROOT / LOCKS[name]).read_bytes()).hexdigest()
    return stamp


def in_place() -> dict[str, str]:
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) and PYTHON.exists() else {}


def run(*command: str | Path) -> None:
    # A PYTHONPATH or PYTHONHOME of the caller must not leak packages into the environment.
    clean = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
    if subprocess.run([str(part) for part in command], cwd=ROOT, env=clean).returncode:
        sys.exit(
            "The environment in .venv could not be made; the lines above say why. "
            "Nothing half-made will be used: repair the cause and run the same command again."
        )


def install(lock: str) -> None:
    print(f"Installing the packages of {lock} into .venv (checked against their hashes)", flush=True)
    # Wheels only: nothing is built here, and no code of a package runs while it is installed.
    options = ["--quiet", "--disable-pip-version-check", "--no-input", "--require-hashes", "--only-binary", ":all:"]
    run(PYTHON, "-I", "-m", "pip", "install", *options, "-r", ROOT / lock)


def point_at_checkout() -> None:
    purelib = subprocess.run(
        [str(PYTHON), "-I", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    Path(purelib, "blindmatch-checkout.pth").write_text(f"{ROOT}\n", encoding="utf-8")
    launcher = VENV / "bin" / "blindmatch"
    launcher.write_text(LAUNCHER, encoding="utf-8")
    launcher.chmod(0o755)


def write_stamp(path: Path, stamp: dict[str, Any]) -> None:
    half = path.with_suffix(".half")
    half.write_text(json.dumps(stamp, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    half.replace(path)


def ensure(level: str) -> None:
    now, goal = in_place(), wanted(level)
    if all(now.get(name) == value for name, value in goal.items()):
        return
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            sys.exit(
                f"This Python ({sys.executable}) has no '{module}'. Install its venv package "
                "(on Debian and Ubuntu: apt install python3-venv) and run the same command again."
            )
    base = wanted("runtime")
    # The dev packages go on top of the runtime ones (same versions in both locks). Any other difference: from nothing.
    if now != base:
        STAMP.unlink(missing_ok=True)
        print("Making the environment in .venv (once; some minutes on a slow line)", flush=True)
        # The base interpreter: the caller may have activated the very .venv that goes.
        run(getattr(sys, "_base_executable", sys.executable), "-m", "venv", "--clear", VENV)
        install(LOCKS["runtime"])
        point_at_checkout()
        write_stamp(STAMP, base)
    if level == "dev":
        install(LOCKS["dev"])
        write_stamp(STAMP, goal)


def core_recipe() -> ModuleType:
    """setup.py as a module."""
    spec = importlib.util.spec_from_file_location("setup", ROOT / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def core_stamp() -> dict[str, Any]:
    try:
        stamp = json.loads(CORE_STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def ensure_core(anew: bool = False) -> None:
    """The curve core in the checkout, compiled from what lies there now; or a line that says why not.

    The stamp names all that the result depends on, and whether there is one: so nothing is tried twice in vain. It also
    keeps the words of `make native` for the compiler (`anew`): where the environment names none, they are used again.
    """
    recipe = core_recipe()
    target, stamp = ROOT / recipe.FILE, core_stamp()
    given = {name: os.environ[name] for name in recipe.WORDS if os.environ.get(name)}
    kept = given if anew else _words(stamp.get(KEPT), recipe.WORDS)
    words = given or kept
    goal = {"made from": recipe.fingerprint(words), KEPT: kept}
    if not anew and stamp == goal | {"made": target.exists()}:
        return
    try:
        said = "".join(f" {name}={shlex.quote(value)}" for name, value in words.items())
        print(f"Compiling the curve core{' with' + said if said else ''}", flush=True)
        recipe.compile_core(target, words)
    except recipe.NotCompiled as reason:
        target.unlink(missing_ok=True)  # of other sources, and no longer what this says
        # Measured with the core for AVX-512 IFMA on an AMD EPYC; psi/backend.py says the same.
        price = "Everything works without it, but the arithmetic takes about 9 times as long."
        print(f"The fast curve core was left out: {reason}. {price}", flush=True)
    write_stamp(CORE_STAMP, goal | {"made": target.exists()})


def _words(kept: object, names: tuple[str, ...]) -> dict[str, str]:
    """What a stamp keeps; nothing where somebody damaged it."""
    if not isinstance(kept, dict):
        return {}
    return {name: value for name in names if isinstance(value := kept.get(name), str)}


def main() -> None:
    if len(sys.argv) != 2 or sys.argv[1] not in (*LOCKS, "native"):
        sys.exit("usage: environment.py runtime|dev|native")
    native = sys.argv[1] == "native"
    try:
        # The lock file stays: removing it would let a third process in beside a waiting second one.
        with (ROOT / ".venv.lock").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            ensure("runtime" if native else sys.argv[1])
            ensure_core(anew=native)
    except KeyboardInterrupt:
        sys.exit("Stopped. The next run starts the environment again from a clean state.")
    except OSError as error:
        sys.exit(f"The environment in .venv could not be made: {error}. Check that you may write to this folder.")


if __name__ == "__main__":
    main()

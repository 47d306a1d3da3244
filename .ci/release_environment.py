"""The tools of a release, in build/release-env: from requirements-release.lock, apart from .venv.

    python3 .ci/release_environment.py      make it, or leave it alone where it stands

They are a C compiler for all systems (zig), the builder of packages, and what asks for known weaknesses. Only `make
release`, `make advisories` and the tests of these need them; nobody who runs blindmatch does. What stands is named in a
stamp, which is written last: another lock, Python or place makes it again from nothing.
"""

import fcntl
import hashlib
import json
import subprocess
import sys
from pathlib import Path

__all__ = ["Missing", "ensure"]

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements-release.lock"
PLACE = ROOT / "build" / "release-env"
TRIAL = "import build, cyclonedx, ziglang"
"""What must work in the finished environment."""
MAX_SECONDS = 1200
"""For one step; the compiler is 100 MB to fetch."""


class Missing(Exception):
    """Why the tools cannot be had here, as a sentence."""


def wanted(place: Path) -> dict[str, str]:
    lock = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    return {"python": sys.version.split()[0], "place": str(place), "lock": lock}


def ensure(place: Path = PLACE) -> Path:
    """The Python of the environment, which is made first where it does not stand. Missing, if that fails."""
    place.parent.mkdir(parents=True, exist_ok=True)
    # Resolved, so that a copy of the checkout can use the tools of the first one through a link.
    place = place.resolve()
    with place.with_suffix(".lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        stamp, python = place / "blindmatch-stamp.json", place / "bin" / "python"
        if not _stands(stamp, place):
            print(f"Making {place.name} (checked against the hashes in {LOCK.name})", flush=True)
            options = ["--quiet", "--no-input", "--require-hashes", "--only-binary", ":all:"]
            _run(getattr(sys, "_base_executable", sys.executable), "-m", "venv", "--clear", place)
            _run(python, "-I", "-m", "pip", "install", *options, "-r", LOCK)
            _run(python, "-I", "-c", TRIAL)
            stamp.write_text(json.dumps(wanted(place), indent=1) + "\n", encoding="utf-8")
    return python


def _stands(stamp: Path, place: Path) -> bool:
    try:
        return bool(json.loads(stamp.read_text(encoding="utf-8")) == wanted(place))
    except (OSError, ValueError):
        return False


def _run(*command: str | Path) -> None:
    words = [str(word) for word in command]
    try:
        code = subprocess.run(words, stdin=subprocess.DEVNULL, timeout=MAX_SECONDS).returncode
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"The tools of a release could not be installed: {error}.") from error
    if code:
        raise Missing("The tools of a release could not be installed; the lines above say why.")


def main() -> None:
    try:
        ensure()
    except Missing as reason:
        sys.exit(str(reason))


if __name__ == "__main__":
    main()

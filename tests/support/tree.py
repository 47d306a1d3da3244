"""The project's own files, as git sees them: what is tracked or would be added, nothing ignored."""

import subprocess
from functools import cache
from pathlib import Path

__all__ = ["ROOT", "project_files", "public_modules"]

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("psi", "node", "cli")


@cache
def project_files() -> tuple[Path, ...]:
    """Paths relative to ROOT, sorted. A checkout that another user owns is fine."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(sorted({Path(name) for name in listing.split("\0") if name and (ROOT / name).is_file()}))


def public_modules() -> list[Path]:
    """Modules that others may import: no private name in the path, not generated, no migration script."""
    return [
        path
        for path in project_files()
        if path.parts[0] in PACKAGES
        and path.suffix == ".py"
        and not any(part.startswith("_") and part != "__init__.py" for part in path.parts)
        and "_pb2" not in path.name
        and "migrations" not in path.parts
    ]

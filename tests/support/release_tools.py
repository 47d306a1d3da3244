"""The scripts in .ci that make a release, as modules, and keys and folders to try them with."""

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from tests.support.tree import ROOT

__all__ = ["ALLOWED", "commands_of", "signing_key", "tool"]

ALLOWED = 'release@blindmatch.invalid namespaces="blindmatch-release"{extra} {key}\n'
"""A line of allowed_signers."""


def tool(name: str) -> ModuleType:
    """The module .ci/`name`.py. Their folder comes last in the search, so that it hides nothing."""
    folder = str(ROOT / ".ci")
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module(name)


def signing_key(folder: Path, name: str = "key") -> tuple[Path, str]:
    """A new key without a passphrase in `folder`: its private file, and its public half."""
    path = folder / name
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "nobody", "-f", str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path, path.with_suffix(".pub").read_text(encoding="utf-8").rsplit(" ", 1)[0]


def commands_of(document: str, heading: str, block: int = 1) -> list[str]:
    """The lines of a block of shell commands below a heading of a document: of the first one, if none is named."""
    part = (ROOT / document).read_text(encoding="utf-8").split(f"## {heading}\n", 1)[1]
    return part.split("```sh\n")[block].split("```", 1)[0].strip().splitlines()

"""blindmatch on a computer that no node runs on: what works there, and what to do instead.

A node leans on Linux: memory files, file modes and locks, local sockets named through /proc. Nothing of this is needed
to check what a node wrote, so that a court or a lawyer can do it with the computer that stands there.
"""

import sys

from node.errors import UserError

__all__ = ["WORKS_ANYWHERE", "nodes_run_here", "refuse_elsewhere", "system_name"]

WORKS_ANYWHERE = frozenset({"verify", "doctor"})
"""The commands that need no node, no folder of one and no passphrase; `--help` and `--version` beside them."""


def nodes_run_here() -> bool:
    return sys.platform == "linux"


def system_name() -> str:
    return {"win32": "Windows", "darwin": "macOS"}.get(sys.platform, "this system")


def refuse_elsewhere(command: str | None) -> None:
    """UserError for a command that needs a node, where none runs."""
    if nodes_run_here() or command in WORKS_ANYWHERE:
        return
    raise UserError(
        f"A node does not run on {system_name()}, so this command does not work here. What works here: `blindmatch "
        "verify` (checks a certificate or an exported log), `blindmatch doctor`, `--help` and `--version`.",
        advice="On Windows, install WSL2 and run blindmatch in it: deploy/windows/README.md shows every step."
        if sys.platform == "win32"
        else "Run the node on a computer or a virtual machine with Linux, or in a container (deploy/README.md).",
    )

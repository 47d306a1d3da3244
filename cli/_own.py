"""The own passphrase of whoever gives a command, where staff is registered: asked for, kept for that command, wiped.

It is not the passphrase of the node: that one opens the folder, this one shows who somebody is. It is asked for only
when the node wants it, once a command and person, and goes beside the request: never an argument, never a variable.
`--own-passphrase-file` stands before the command (`blindmatch --own-passphrase-file FILE round sign ...`), so that
every command has it.
"""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cli import _passphrase
from node.errors import NodeError, UserError
from psi.secret import SecretBytes

__all__ = ["NEEDED", "Shown", "choose", "new_passphrase"]

NEEDED = "own-passphrase-needed"
"""The code of the error that asks for it (`node.staff.roster.OwnPassphraseNeeded`)."""

_chosen: list[Path] = []


def choose(file: Path | None) -> None:
    """The file of --own-passphrase-file for the commands that follow; None: ask."""
    _chosen[:] = [] if file is None else [file]


class Shown:
    """What people have shown while one connection lasts; wiped at its end."""

    def __init__(self) -> None:
        self._kept: dict[str, SecretBytes] = {}

    def of(self, request: Mapping[str, Any]) -> SecretBytes | None:
        """The passphrase of whom a request names, if it was asked for already."""
        return self._kept.get(str(request.get("by", "")))

    def asked_for(self, error: NodeError, request: Mapping[str, Any]) -> bool:
        """Whether it is worth asking again: the node wanted a passphrase, and now there is one."""
        label = str(request.get("by", ""))
        if error.code != NEEDED or not label or label in self._kept:
            return False
        self._kept[label] = _read(label)
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for secret in self._kept.values():
            secret.wipe()


def new_passphrase(file: Path | None, label: str) -> SecretBytes:
    """A passphrase that somebody chooses: from a private file, or typed twice by that person. The caller wipes it."""
    from node.store.keyring import MIN_PASSPHRASE_BYTES, check_passphrase

    if file is None:
        _passphrase.tell(f"Now {label} chooses a passphrase of their own, which nobody else should see.")
        return _passphrase.ask_twice(MIN_PASSPHRASE_BYTES)
    passphrase = _passphrase.read_file(file)
    try:
        check_passphrase(passphrase)
    except UserError:
        passphrase.wipe()
        raise
    return passphrase


def _read(label: str) -> SecretBytes:
    if _chosen:
        return _passphrase.read_file(_chosen[0])
    if not _passphrase.at_terminal():
        raise UserError(
            "People are registered at this node, and nobody is there to type their own passphrase.",
            advice="Name a private file that holds it: blindmatch --own-passphrase-file FILE ...",
        )
    return _passphrase.ask(f"Own passphrase of {label}: ")

"""Commands that work on a node's keys, and so on a node that does not run: the folder is theirs for that time."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import _passphrase, _upgrade
from cli._session import Progress, Session
from node.errors import Busy, UserError
from psi.secret import SecretBytes

if TYPE_CHECKING:
    from node.operations import Parts

__all__ = ["NewPassphraseFile", "check_stopped", "new_passphrase", "rotated", "stopped_node"]

NewPassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--new-passphrase-file",
        metavar="FILE",
        help="A private file whose first line is the new passphrase; without it you are asked.",
    ),
]


@contextmanager
def stopped_node(session: Session) -> Iterator[tuple["Parts", SecretBytes | None]]:
    """The parts of the node and its passphrase. Busy, before anything is asked, if the node runs."""
    from node.app import open_node

    check_stopped(session)
    with (
        session.passphrase() or nullcontext() as passphrase,
        session.naming_the_file(),
        open_node(session.folder, passphrase, tell=_upgrade.tell) as parts,
    ):
        yield parts, passphrase


def check_stopped(session: Session) -> None:
    """Busy if the node runs, or another command is at its folder."""
    from node.app import harden
    from node.store import StateDir

    harden()
    try:
        with StateDir(session.folder).lock():
            pass
    except Busy:
        raise Busy(
            "The node is running, and this can only be done while it is stopped.",
            advice="Stop it (Ctrl-C, or systemctl stop blindmatch), run this, and start it again. Open rounds wait.",
        ) from None


def rotated(
    parts: "Parts", known: SecretBytes | None, by: str, step: Progress, *, chosen: SecretBytes | None = None
) -> int:
    """New keys for a stopped node, or an interrupted rotation brought to its end; the number of cells sealed anew.

    With a `chosen` passphrase that one protects them, and they are new in any case.
    """
    from node.keeping.rotation import rotate, rotate_anew

    run = rotate if chosen is None else partial(rotate_anew, chosen)
    return run(
        known,
        state=parts.folder,
        store=parts.store,
        keys=parts.keys,
        audit=parts.audit,
        random_bytes=parts.random_bytes,
        by=by,
        progress=step,
    )


def new_passphrase(file: Path | None) -> SecretBytes:
    """The new passphrase, read or asked for twice. The caller wipes it. UserError if it is too short."""
    from node.store.keyring import MIN_PASSPHRASE_BYTES, check_passphrase

    if file is None and not _passphrase.at_terminal():
        raise UserError(
            "Nobody is there to type a new passphrase.",
            advice="Name a private file that holds it: --new-passphrase-file.",
        )
    made = _passphrase.ask_twice(MIN_PASSPHRASE_BYTES) if file is None else _passphrase.read_file(file)
    try:
        check_passphrase(made)
    except BaseException:
        made.wipe()
        raise
    return made

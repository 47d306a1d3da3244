"""`blindmatch backup` and `blindmatch restore`: a node in one sealed file, and a node made of it."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import _passphrase
from cli._files import read_text
from cli._options import AsJson, By, Folder, PassphraseFile
from cli._output import Printer, note, show, working
from cli._session import Session
from node.errors import UserError
from psi.secret import SecretBytes

__all__ = ["backup", "read_shares", "restore"]


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write the backup; must not exist yet.")],
    by: By,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Write the whole node into one sealed file, also while it runs."""
    request = {"path": str(file.expanduser().absolute()), "by": by}
    with working("Making a backup") as step:
        reply = Session(folder, passphrase_file).call("node.backup", request, step)
    if not reply["locked"]:
        note("Warning: this node has no passphrase, so whoever has the backup can read everything in it.")
    show(reply, as_json, _made)


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The backup.")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The node's new folder; must not exist yet.")],
    by: By,
    share: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="An officer's recovery share, in place of a lost passphrase; repeat it."),
    ] = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a node from a backup. Rounds that were open end, and budgets stay closed for a while."""
    from node.app import harden, restore_node
    from node.clock import timestamp
    from node.keeping.restore import opened_backup, staging
    from node.keeping.sealedfile import read_header
    from node.keeping.shares import combine
    from node.store import KeyRing

    harden()
    target = folder.expanduser().absolute()
    with staging(target):
        pass  # nobody is asked for a passphrase in vain
    with opened_backup(file) as opened:
        key_file = read_header(opened).key_file
    secret: SecretBytes | None
    if share:
        secret = combine(read_shares(share), KeyRing.recovery_of(file, data=key_file))
    else:
        secret = _passphrase_of(file, key_file, passphrase_file)
    opens = _by_shares if share else KeyRing.from_bytes
    session = Session(target, passphrase_file)
    with secret or nullcontext(), working("Restoring") as step, session.naming_the_file():
        done = restore_node(file, target, by=by, unlock=lambda path, data: opens(path, data, secret), progress=step)
    reply = {
        "member_id": done.member,
        "folder": str(target),
        "made_at": done.about.made_at,
        "rounds_ended": done.rounds,
        "budgets_closed_until": None if done.closed_until is None else timestamp(done.closed_until),
        "was_on_server": done.about.database_file,
        "original_folder": done.about.folder,
        "by_shares": bool(share),
    }
    show(reply, as_json, _restored)


def read_shares(files: list[Path]) -> list[tuple[str, Any]]:
    """The recovery shares in these files, each with its name. UserError names the file in which there is none."""
    from node.keeping.shares import MAX_SHARE_FILE_BYTES, parse_share

    texts = [(str(file), read_text(file, what="share", max_bytes=MAX_SHARE_FILE_BYTES)) for file in files]
    return [(name, parse_share(text, name)) for name, text in texts]


def _by_shares(path: Path, data: bytes, secret: SecretBytes | None) -> Any:
    from node.store import KeyRing

    assert secret is not None
    return KeyRing.open_recovered(path, secret, data=data)


def _passphrase_of(file: Path, key_file: bytes, passphrase_file: Path | None) -> SecretBytes | None:
    from node.store import KeyRing

    if not KeyRing.is_locked(file, key_file):
        if passphrase_file is not None:
            raise UserError(
                "This backup was made of a node without a passphrase, so it is not the one that the passphrase is for.",
                advice="Check its name and SHA-256. If it is the right one, name no passphrase file.",
            )
        return None
    if passphrase_file is not None:
        return _passphrase.read_file(passphrase_file)
    if not _passphrase.at_terminal():
        raise UserError(
            "This backup is locked, and nobody is there to type its passphrase.",
            advice="Name a private file that holds it: --passphrase-file.",
        )
    return _passphrase.ask("Passphrase that the node had when the backup was made: ")


def _made(printer: Printer, made: dict[str, Any]) -> None:
    printer.line("The backup is made.", style="bold")
    printer.facts(
        {
            "file": made["path"],
            "bytes": f"{made['bytes']:,}",
            "data sets": made["datasets"],
            "audit entries": made["entries"],
            "SHA-256": made["digest"],
        }
    )
    if made["locked"]:
        printer.line("It opens with the passphrase that the node has today. Keep both, and not in one place.")
    printer.line("Rounds that are open now are not in it: after a restore they have to be proposed again.")


def _restored(printer: Printer, reply: dict[str, Any]) -> None:
    printer.line("The node is restored.", style="bold")
    printer.facts({"folder": reply["folder"], "member id": reply["member_id"], "as it was": reply["made_at"]})
    ended = len(reply["rounds_ended"])
    said = [f"{ended} rounds were open and have ended; the others are told when the node runs." if ended != 1 else
            "One round was open and has ended; the others are told when the node runs."]  # fmt: skip
    if reply["budgets_closed_until"]:
        said.append(
            "What was evaluated after the backup is not known, so every member's budget counts as spent until "
            f"{reply['budgets_closed_until']}."
        )
    said.append(
        f"Never start the node in {reply['original_folder']} again, on whichever machine that is: two nodes of one "
        "organisation spend twice, and the other members see two logs."
    )
    if reply["was_on_server"]:
        said.append("Its database was on a server; the restored one is in the folder. config.toml says so.")
    if reply["by_shares"]:
        said.append("Set a new passphrase now: `blindmatch key recover` with the same shares.")
    said.append(
        "What was done after the backup is undone: a member that was removed is trusted again, a consent that was "
        "withdrawn stands again, a renewed card is the old one. Look through `blindmatch member list`, refresh the "
        "data sets, and renew the card if that was done."
    )
    said.append("Tell the members you work with, and compare: `blindmatch audit verify`.")
    printer.bullets(said)

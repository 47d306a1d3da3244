"""`blindmatch key`: the keys of a stopped node. Another passphrase, recovery shares for officers, new keys."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli import _upgrade
from cli._options import AsJson, By, Folder, PassphraseFile
from cli._output import Printer, note, show, working
from cli._session import Session
from cli._stopped import NewPassphraseFile, check_stopped, new_passphrase, rotated, stopped_node
from cli.backup import read_shares

__all__ = ["app"]

app = typer.Typer(name="key", help="The keys of a stopped node: passphrase, recovery, rotation.", no_args_is_help=True)


@app.command()
def passphrase(
    by: By,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    new_passphrase_file: NewPassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Lock the node with another passphrase."""
    from node.keeping.passphrases import change_passphrase

    with (
        stopped_node(Session(folder, passphrase_file)) as (parts, _),
        new_passphrase(new_passphrase_file) as chosen,
    ):
        change_passphrase(
            chosen, store=parts.store, keys=parts.keys, audit=parts.audit, random_bytes=parts.random_bytes, by=by
        )
        member_id = parts.identity.member_id
    show({"member_id": member_id, "changed": True}, as_json, _changed)


@app.command()
def split(
    needed: Annotated[int, typer.Option(metavar="K", help="How many officers are needed together; at least 2.")],
    officers: Annotated[int, typer.Option(metavar="N", help="How many officers get a share; at most 20.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where to write the share files; must not exist yet.")],
    by: By,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Make recovery shares, one text file for each officer. Earlier shares become void."""
    from node.keeping.passphrases import split_keys

    with stopped_node(Session(folder, passphrase_file)) as (parts, _):
        before = parts.keys.recovery is not None
        files = split_keys(
            out.expanduser().absolute(),
            needed=needed,
            officers=officers,
            state=parts.folder,
            store=parts.store,
            keys=parts.keys,
            audit=parts.audit,
            clock=parts.clock,
            random_bytes=parts.random_bytes,
            organisation=parts.identity.signed_card.card.name,
            member_id=parts.identity.member_id,
            by=by,
        )
    reply = {"files": [str(file) for file in files], "needed": needed, "officers": officers, "earlier_void": before}
    show(reply, as_json, _split)


@app.command()
def recover(
    share: Annotated[list[Path], typer.Argument(metavar="FILE", help="The officers' shares, a file for each.")],
    by: By,
    folder: Folder = None,
    new_passphrase_file: NewPassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Set a new passphrase with the officers' shares, when the old one is lost."""
    from node.app import open_node
    from node.keeping.passphrases import note_recovery
    from node.keeping.shares import combine
    from node.store import KeyRing, StateDir

    session = Session(folder, None)
    check_stopped(session)
    recovery = KeyRing.recovery_of(StateDir(session.folder).key)
    with (
        combine(read_shares(share), recovery) as secret,
        new_passphrase(new_passphrase_file) as chosen,
        open_node(session.folder, secret, unlock=_recovered, tell=_upgrade.tell) as parts,
    ):
        assert recovery is not None
        note_recovery(parts.store, parts.audit, recovery, by)
        parts.keys.protect(chosen, parts.random_bytes)
        member_id = parts.identity.member_id
    show({"member_id": member_id, "changed": True}, as_json, _recovered_said)


@app.command()
def rotate(by: By, folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False) -> None:
    """Make new keys, seal everything under them and drop the old ones; an interrupted rotation is finished."""
    with stopped_node(Session(folder, passphrase_file)) as (parts, known), working("Sealing anew") as step:
        shares, resumed = parts.keys.recovery is not None, bool(parts.keys.retiring)
        cells = rotated(parts, known, by, step)
        number = parts.keys.newest
    reply = {"key_number": number, "cells": cells, "resumed": resumed, "shares_void": shares}
    if shares:
        note("The recovery shares are void now. Have new ones made: `blindmatch key split`.")
    show(reply, as_json, _rotated)


def _recovered(path: Path, secret: Any) -> Any:
    from node.store import KeyRing

    return KeyRing.open_recovered(path, secret)


def _changed(printer: Printer, _reply: dict[str, Any]) -> None:
    printer.line("The passphrase is changed.")
    printer.bullets(
        [
            "Bring the file with the passphrase up to date, where the node is started with one",
            "Backups that were made before open with the old passphrase; so does an old copy of the key file. If "
            "somebody may have both, run `blindmatch key rotate` as well",
        ]
    )


def _split(printer: Printer, reply: dict[str, Any]) -> None:
    printer.line(f"{reply['officers']} shares are made; any {reply['needed']} of them open the node.", style="bold")
    printer.bullets(reply["files"])
    printer.line("Give each officer one, by hand, and delete the files. Whoever holds enough of them opens the node.")
    if reply["earlier_void"]:
        printer.line("Earlier shares do not open the node any more. They still open backups made before today.")


def _recovered_said(printer: Printer, _reply: dict[str, Any]) -> None:
    printer.line("The new passphrase is set.")
    printer.line(
        "The officers have shown their shares: make new keys and shares now (`blindmatch key rotate`, then "
        "`blindmatch key split`)."
    )


def _rotated(printer: Printer, reply: dict[str, Any]) -> None:
    begun = "The rotation that was interrupted is finished" if reply["resumed"] else "The keys are new"
    printer.line(f"{begun}: {reply['cells']:,} cells were sealed anew, and the old keys are gone.")
    printer.line("Make a new backup. Older ones still open, with the passphrase that they were made under.")

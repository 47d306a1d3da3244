"""`blindmatch node move` and `blindmatch node leave`: the database goes to a server; a consortium is left."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli import node
from cli._options import AsJson, By, Folder, PassphraseFile
from cli._output import Printer, show, working
from cli._session import Session
from node.wording import plural

__all__: list[str] = []


@node.app.command("move")
def move(
    database_file: Annotated[
        Path,
        typer.Option(metavar="FILE", help="A private file with the address of an empty PostgreSQL database."),
    ],
    by: By,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Move the database of a stopped node from its folder to a PostgreSQL server. Rounds and budgets go on there."""
    from contextlib import nullcontext

    from cli._stopped import check_stopped
    from node.app import move_node
    from node.keeping.moving import ASIDE

    session = Session(folder, passphrase_file)
    check_stopped(session)
    with (
        session.passphrase() or nullcontext() as passphrase,
        session.naming_the_file(),
        working("Copying") as step,
    ):
        moved = move_node(session.folder, passphrase, database_file.expanduser().absolute(), by=by, progress=step)
    reply = {
        "rows": moved.rows,
        "entries": moved.entries,
        "resumed": moved.resumed,
        "aside": str(session.folder / ASIDE),
    }
    show(reply, as_json, _moved)


@node.app.command("leave")
def leave(
    by: By,
    member: Annotated[
        list[str] | None,
        typer.Option("--member", metavar="ALIAS", help="Only this member; may be repeated. Without it: all."),
    ] = None,
    now: Annotated[
        bool, typer.Option("--now", help="Do not wait until they have heard that their rounds are over.")
    ] = False,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Leave a consortium: end every open round with its members, let them hear it, then remove them."""
    request = {"members": member or [], "by": by, "now": now}
    with working("Ending rounds") as step:
        reply = Session(folder, passphrase_file).call("node.leave", request, step)
    show(reply, as_json, _left)


def _moved(printer: Printer, reply: dict[str, Any]) -> None:
    if reply["resumed"]:
        printer.line("Everything was on the server already; the file in the folder is set aside now.", style="bold")
    else:
        printer.line(f"The database is on the server: {reply['rows']:,} rows, compared one by one.", style="bold")
    printer.bullets(
        [
            "config.toml names the server. Start the node: open rounds and budgets go on where they were",
            f"{reply['aside']} is the old file. Nothing opens it any more, and it must never be put back: what was "
            "spent since then would be there again. Delete it once you have made a new backup",
            "The folder still belongs to the node: keys, settings, data sets and lists are in it",
        ]
    )


def _left(printer: Printer, reply: dict[str, Any]) -> None:
    if reply["ended"]:
        printer.line(f"Rounds that were open and are over now: {', '.join(one[:8] for one in reply['ended'])}.")
    if reply["left"]:
        printer.line(f"Removed: {', '.join(reply['left'])}.", style="bold")
    for one in reply["waiting"]:
        rounds = f"{one['rounds']} {plural(one['rounds'], 'round')}"
        printer.line(f"{one['alias']} has not heard yet of the end of {rounds} ({one['reach']}).")
    printer.line("Still to do:")
    printer.bullets(reply["to_do"])

"""`blindmatch dataset stop-list`: own contacts (hotlines, shelters, hotels, outreach accounts) that never take part.

Values come from a file or from standard input, never as words of a command: those can be seen by other accounts.
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli._files import read_text
from cli._options import AsJson, By, Folder, PassphraseFile
from cli._output import Printer, show
from cli._session import Session
from node.wording import plural

__all__ = ["app"]

app = typer.Typer(
    name="stop-list",
    help="Own contacts that never take part: hotlines, shelters, hotels, accounts.",
    no_args_is_help=True,
)

_Name = Annotated[str, typer.Argument(metavar="NAME", help="What the list is called, for example own-contacts.")]


@app.command()
def add(
    name: _Name,
    by: By,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A text file with one entry on each line: kind and value.")
    ] = None,
    stdin: Annotated[bool, typer.Option("--stdin", help="Read the entries from standard input instead.")] = False,
    kind: Annotated[
        str | None, typer.Option(metavar="KIND", help="What every line holds, for example phone; then no line says it.")
    ] = None,
    region: Annotated[
        str | None, typer.Option(metavar="CC", help="Country of phone numbers written without one, for example RO.")
    ] = None,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Put values on a stop-list, which is made if there is none of that name."""
    if (file is None) == (not stdin):
        raise typer.BadParameter("Name a file, or say --stdin.", param_hint="FILE")
    from node.datasets.stop_list import MAX_STOP_TEXT_BYTES

    text = read_text(file or Path("-"), what="stop-list", max_bytes=MAX_STOP_TEXT_BYTES)
    request = {"name": name, "text": text, "kind": kind, "region": region, "by": by}
    show(Session(folder, passphrase_file).call("stop-list.add", request), as_json, _show_changed("new on the list"))


@app.command("list")
def list_all(folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False) -> None:
    """List the stop-lists with the number of their values."""
    show(Session(folder, passphrase_file).call("stop-list.list", {}), as_json, _show_list)


@app.command("show")
def show_values(
    name: _Name, by: By, folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False
) -> None:
    """Show every value of a stop-list. The log notes that somebody looked."""
    reply = Session(folder, passphrase_file).call("stop-list.show", {"name": name, "by": by})
    show(reply, as_json, _show_values)


@app.command()
def remove(
    name: _Name, by: By, folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False
) -> None:
    """Remove a stop-list with all its values."""
    reply = Session(folder, passphrase_file).call("stop-list.remove", {"name": name, "by": by})
    show(reply, as_json, _show_changed("removed"))


def _show_changed(what: str) -> Any:
    def people(printer: Printer, reply: dict[str, Any]) -> None:
        printer.line(f"{reply['changed']} {plural(reply['changed'], 'value')} {what}.", style="bold")
        _show_list(printer, reply)

    return people


def _show_list(printer: Printer, reply: dict[str, Any]) -> None:
    printer.table(
        ["name", "values", "changed"],
        [
            (one["name"], ", ".join(f"{count} {kind}" for kind, count in one["counts"].items()), one["changed_at"][:10])
            for one in reply["stop_lists"]
        ],
        empty="No stop-lists.",
        whole=["name"],
    )
    for name in reply["outdated"]:
        printer.line(f"{name} was prepared before this: `blindmatch dataset refresh {name} --by NAME`.")


def _show_values(printer: Printer, reply: dict[str, Any]) -> None:
    printer.table(["kind", "value"], reply["values"], empty="Nothing is on it.")

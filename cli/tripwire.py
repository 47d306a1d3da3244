"""`blindmatch tripwire`: what decoys catch and what not, and the evidence of a round that met some."""

from typing import Annotated, Any

import typer

from cli._options import AsJson, By, Folder, PassphraseFile
from cli._output import Printer, show
from cli._session import Session

__all__ = ["app"]

app = typer.Typer(name="tripwire", help="Decoys in the own list: what they catch, and evidence.", no_args_is_help=True)


@app.command()
def table(as_json: AsJson = False) -> None:
    """Show which sweep is caught how surely by how many decoys, and how often an honest side is stopped by chance."""
    from node.tripwires.table import table_reply  # with everything behind it, which no other command needs

    show(table_reply(), as_json, _table)


@app.command()
def evidence(
    name: Annotated[str, typer.Argument(metavar="ROUND", help="The beginning of the round's id.")],
    by: By,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the decoys that a round met, to speak about them with the other side; the audit log says who read them."""
    show(Session(folder, passphrase_file).call("member.evidence", {"round": name, "by": by}), as_json, _evidence)


def _table(printer: Printer, reply: dict[str, Any]) -> None:
    for one in reply["tables"]:
        head, *lines = one["lines"]
        printer.line(one["title"], style="bold")
        printer.table(head, lines, empty="", whole=head[:1])
        printer.line()
    printer.bullets(reply["notes"])


def _evidence(printer: Printer, reply: dict[str, Any]) -> None:
    printer.table(
        ["kind", "decoy", "telephone number"],
        [(one["kind"], one["value"], "given out by no operator" if one["free"] else "") for one in reply["decoys"]],
        empty="",
        whole=["kind"],
    )
    printer.line()
    printer.line(reply["note"])

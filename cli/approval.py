"""`blindmatch approval`: what waits for a second person, whatever it is about, and what was done without one."""

from typing import Annotated, Any

import typer

from cli._options import AsJson, By, Folder, PassphraseFile
from cli._output import Printer, show
from cli._session import Session

__all__ = ["app"]

app = typer.Typer(name="approval", help="What a second person has to approve.", no_args_is_help=True)

_Number = Annotated[int, typer.Argument(min=1, metavar="NUMBER", help="Its number, as `approval list` shows it.")]


@app.command("list")
def list_waiting(folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False) -> None:
    """List what waits for a second person, and what was done as urgent and nobody else has looked at yet."""
    show(Session(folder, passphrase_file).call("approval.list", {}), as_json, _list)


@app.command()
def approve(
    number: _Number, by: By, folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False
) -> None:
    """Say yes as a second person: what was asked for is done at once."""
    reply = Session(folder, passphrase_file).call("approval.approve", {"number": number, "by": by})
    show(reply, as_json, lambda printer, done: printer.line(f"Approved: {done['approval']['what']}."))


@app.command()
def decline(
    number: _Number, by: By, folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False
) -> None:
    """Say no as a second person. What was done already as urgent is not undone by it: the log says that you object."""
    reply = Session(folder, passphrase_file).call("approval.decline", {"number": number, "by": by})
    show(reply, as_json, lambda printer, done: printer.line(f"Declined: {done['approval']['what']}."))


def _list(printer: Printer, reply: dict[str, Any]) -> None:
    printer.table(
        ["no", "what", "asked by", "at", "state"],
        [
            (one["number"], one["what"], one["asked_by"], one["asked_at"],
             "OVERDUE: done as urgent" if one["overdue"] else "waiting")
            for one in reply["approvals"]
        ],
        empty="Nothing waits for a second person.",
        whole=["no"],
    )  # fmt: skip
    if reply["approvals"]:
        printer.line()
        printer.line("A second person: blindmatch approval approve NUMBER --by NAME, or approval decline.")

"""`blindmatch audit`: what this node did and who said so, and whether the log is whole."""

from typing import Annotated, Any

import typer

from cli._exit import Exit
from cli._options import AsJson, Folder, PassphraseFile
from cli._output import Printer, show, working
from cli._session import Session

__all__ = ["app"]

app = typer.Typer(name="audit", help="What this node did, and whether the log of it is whole.", no_args_is_help=True)


@app.command("show")
def show_log(
    first: Annotated[int, typer.Option(min=0, metavar="N", help="Position of the first entry.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="How many entries.")] = 100,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Show entries of the audit log. No identifier and no record reference is ever in it."""
    reply = Session(folder, passphrase_file).call("audit.show", {"first": first, "limit": limit})
    show(reply, as_json, _entries)


@app.command()
def verify(folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False) -> None:
    """Recompute the whole log and compare it with its signed checkpoints. Exit code 9 if something does not fit."""
    with working("Verifying the audit log"):
        reply = Session(folder, passphrase_file).call("audit.verify", {})
    show(reply, as_json, _verified)
    if not reply["ok"]:
        raise typer.Exit(Exit.NOT_VERIFIED)


def _entries(printer: Printer, reply: dict[str, Any]) -> None:
    entries = reply["entries"]
    rows = [
        (e["position"], e["time"], e["event"], "  ".join(f"{k}={_short(v)}" for k, v in e["facts"].items()))
        for e in entries
    ]
    printer.table(["no", "time", "event", "facts"], rows, empty="No entries there.")
    if entries and (after := entries[-1]["position"] + 1) < reply["total"]:
        printer.line(f"{reply['total']} entries in all; --first {after} shows the next.")


def _short(value: object) -> str:
    """Digests and ids by their beginning; `--json` has the whole."""
    text = str(value)
    return f"{text[:12]}..." if len(text) > 31 else text


def _verified(printer: Printer, reply: dict[str, Any]) -> None:
    if reply["ok"]:
        printer.line(f"The log is whole: {reply['entries']} entries agree with every signed checkpoint.", style="green")
    else:
        printer.line("The log does NOT hold. Keep the folder as it is and tell your compliance officer.", style="red")
        printer.bullets(reply["problems"])
    printer.line()
    printer.line(f"It now stands at this checkpoint, signed with the key {reply['public_key']}:")
    printer.raw(f"\n{reply['checkpoint']}")

"""`blindmatch round export` and `round import`: a round by carried files, for units without a link."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli._options import AsJson, Folder, PassphraseFile, RoundId
from cli._output import Printer, show, working
from cli._session import Session

__all__ = ["register"]


def export(
    round_id: RoundId,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", help="Where to write, or a folder; without it, a name that names nobody, in this folder."
        ),
    ] = None,
    to: Annotated[
        str | None, typer.Option(metavar="ALIAS", help="For whom; only needed if the round has a third party.")
    ] = None,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Write what waits for a member of a round into a file to carry there. Only that member can read what is in it."""
    request = {"round": round_id, "file": str((file or Path()).absolute()), "to": to}
    with working("Writing the file"):
        reply = Session(folder, passphrase_file).call("round.export", request)
    show(reply, as_json, _exported)


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file that was carried here.")],
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Take in a file that another member's `round export` has written. Doing it twice does no harm."""
    with working("Reading the file"):
        reply = Session(folder, passphrase_file).call("round.import", {"file": str(file.absolute())})
    show(reply, as_json, _imported)


def register(app: typer.Typer) -> None:
    """Put both commands into `blindmatch round`."""
    app.command("export")(export)
    app.command("import")(import_)


def _exported(printer: Printer, reply: dict[str, Any]) -> None:
    printer.line(f"File {reply['number']} of this round for {reply['to']} is {reply['file']}.", style="bold")
    printer.facts(
        {"messages": f"{reply['envelopes']:,}", "receipts": f"{reply['receipts']:,}", "bytes": f"{reply['size']:,}"}
    )
    printer.line("Carry it there; `blindmatch round import FILE` takes it in. If it is lost, write a new one.")


def _imported(printer: Printer, reply: dict[str, Any]) -> None:
    short = reply["round_id"][:8]
    printer.line(f"File {reply['number']} of round {short} from {reply['sender']} was read.", style="bold")
    printer.facts({"new messages": f"{reply['new']:,}", "known already": f"{reply['known']:,}"})
    if reply["refused"]:
        printer.line(
            f"{reply['refused']:,} messages were refused by this node; `blindmatch round export` tells "
            f"{reply['sender']}.",
            style="red",
        )
    if reply["later"]:
        printer.line(
            f"{reply['later']:,} messages cannot be taken yet: `blindmatch round status {short}` says what this node "
            "waits for. Keep the file and import it again then.",
            style="yellow",
        )
    printer.line(f"`blindmatch round status {short}` says whose turn it is.")

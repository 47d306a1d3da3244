"""`blindmatch erase`: one person's record, everywhere at this node, with an account of what was where."""

from typing import Annotated, Any

import typer

from cli._exit import Exit
from cli._options import AsJson, By, Folder, PassphraseFile
from cli._output import Printer, note, show
from cli._reference import Record, reference_of
from cli._session import Session
from cli.retention import in_words
from node.wording import plural

__all__ = ["erase"]


def erase(
    record: Record,
    by: By,
    second: Annotated[
        str,
        typer.Option(
            metavar="LABEL",
            help="The second person, as long as no staff is registered here; then they approve by their own command.",
        ),
    ] = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Erase one person's record everywhere at this node, for good, and say what was erased where."""
    request = {"record": reference_of(record), "by": by, "second": second}
    reply = Session(folder, passphrase_file).call("record.erase", request)
    show(reply, as_json, _show)
    if reply["left"]:
        note("Something is left. Run the command again, and look at the log of the node.")
        raise typer.Exit(Exit.DAMAGED)


def _show(printer: Printer, reply: dict[str, Any]) -> None:
    if reply["erasure"] is None:
        printer.line("Nothing is erased yet: a second person has to approve it.", style="bold")
        printer.line(f"Somebody else: blindmatch approval approve {reply['approval']} --by NAME")
        printer.line("Then run this command again.")
        return
    done = reply["erasure"]
    printer.line("Erased." if reply["done"] else "Not everything is erased.", style="bold")
    printer.facts(
        {
            "erased": in_words(done["counts"]),
            "left, after looking again": in_words(reply["left"]),
            "when": done["at"],
            "by": f"{done['by']} and {done['second']}",
            "entry in the log": done["position"],
        }
    )
    if reply["rounds"]:
        rounds = ", ".join(round_id[:8] for round_id in reply["rounds"])
        printer.line(
            f"It took part in {len(reply['rounds'])} earlier {plural(len(reply['rounds']), 'round')} ({rounds}). What "
            "the other members learned there cannot be called back from here; `round show` names whom to ask."
        )
    printer.bullets(
        [
            "The row in the source file is yours to delete. If it stays, it is left out when the file is read again.",
            f"{reply['backups']} {plural(reply['backups'], 'backup was', 'backups were')} made of this node until now. "
            "What was made before this moment still holds the record, sealed: delete it, or erase the record again "
            "after restoring it.",
        ]
    )
    printer.line("The log as it stands now, with the entry of this erasure, for whoever has to be shown it:")
    printer.raw(reply["checkpoint"])

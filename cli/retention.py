"""`blindmatch retention`: what rounds gave is deleted when the agreed time is over; what is due and was deleted."""

from typing import Any

import typer

from cli._options import AsJson, Folder, PassphraseFile
from cli._output import Printer, show
from cli._session import Session
from node.wording import plural

__all__ = ["app", "in_words"]

app = typer.Typer(name="retention", help="What is kept of rounds that are over, and until when.", no_args_is_help=True)


@app.command("show")
def show_kept(folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False) -> None:
    """Show what is kept and until when, what was deleted when its time was over, and what was erased for a person."""
    show(Session(folder, passphrase_file).call("retention.show", {}), as_json, _show)


@app.command()
def run(folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False) -> None:
    """Delete now what is due. A running node does this by itself, at its start and every ten minutes."""
    show(Session(folder, passphrase_file).call("retention.run", {}), as_json, _show_run)


def in_words(counts: dict[str, int]) -> str:
    """The places and numbers of an erasure: "1 data set record, 2 leads"."""
    said = [f"{count} {plural(count, *_PLACES[name])}" for name, count in counts.items() if count]
    return ", ".join(said) or "nothing"


_PLACES = {
    "datasets": ("in data sets", "in data sets"),
    "lists": ("in lists of withdrawn or withheld records", "in lists of withdrawn or withheld records"),
    "leads": ("among leads", "among leads"),
    "reviews": ("decision about such leads", "decisions about such leads"),
    "feedback": ("feedback note", "feedback notes"),
    "contacts": ("contact card", "contact cards"),
}
"""Where something was erased, behind the number 1 and behind others."""


def _show(printer: Printer, reply: dict[str, Any]) -> None:
    printer.line("Kept of rounds that are over", style="bold")
    printer.table(
        ["round", "ended", "kept until", "leads", "other"],
        [
            (
                one["round_id"][:8],
                one["ended_at"][:10],
                f"{one['keeps_until'][:10]}{' (overdue)' if one['overdue'] else ''}",
                one["leads"],
                one["rest"],
            )
            for one in reply["kept"]
        ],
        empty="Nothing.",
        whole=["round"],
    )
    printer.line("Deleted when the agreed time was over", style="bold")
    deleted = [(one["round_id"][:8], one["erased_at"][:10]) for one in reply["deleted"]]
    printer.table(["round", "deleted"], deleted, empty="Nothing yet.", whole=["round"])
    printer.line("Erased at a person's request", style="bold")
    printer.table(
        ["when", "by", "second person", "what was erased", "entry in the log"],
        [(one["at"], one["by"], one["second"], in_words(one["counts"]), one["position"]) for one in reply["erasures"]],
        empty="Nothing yet.",
    )


def _show_run(printer: Printer, reply: dict[str, Any]) -> None:
    rounds, leads = len(reply["now"]), sum(reply["now"].values())
    said = f"what {rounds} {plural(rounds, 'round')} gave, {leads} {plural(leads, 'lead')} among it"
    printer.line(f"Deleted now: {said}.", style="bold")
    _show(printer, reply)

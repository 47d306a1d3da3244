"""Commands on who takes part: `dataset withdraw`, `withhold`, `readmit`, and `round coverage`.

Record references come from a file or from standard input, never as words of a command: those can be seen by other
accounts of the computer, and stay in the history of the shell.
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli._coverage_shown import show_coverage
from cli._files import read_text
from cli._options import AsJson, By, Folder, PassphraseFile, RoundId
from cli._output import Printer, show
from cli._session import Session

__all__ = ["register", "register_round"]

MAX_FILE_BYTES = 4 * 1024 * 1024
"""Largest file of references, in bytes; the node has the last word."""

_Name = Annotated[str, typer.Argument(metavar="NAME", help="The data set's name.")]
_Records = Annotated[
    Path,
    typer.Option("--records-file", metavar="FILE", help="Record references, one a line; - for standard input."),
]


def withdraw(
    name: _Name,
    records_file: _Records,
    by: By,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Note that people took their consent back: their records take part in no round from now on.

    Rounds whose lists hold such a record and that have answered nothing yet are cancelled. It holds after a refresh,
    too, whatever the file says.
    """
    request = {"name": name, "text": _text(records_file), "by": by}
    reply = Session(folder, passphrase_file).call("dataset.withdraw", request)
    show(reply, as_json, _painter("withdrawn"))


def withhold(
    name: _Name,
    peer: Annotated[str, typer.Option("--from", metavar="ALIAS", help="The member that they are kept from.")],
    records_file: _Records,
    by: By,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Keep records out of rounds with one member, who cannot see that there are any."""
    request = {"name": name, "peer": peer, "text": _text(records_file), "by": by}
    reply = Session(folder, passphrase_file).call("dataset.withhold", request)
    show(reply, as_json, _painter("withheld"))


def readmit(
    name: _Name,
    records_file: _Records,
    by: By,
    peer: Annotated[
        str | None,
        typer.Option("--from", metavar="ALIAS", help="Records that are kept from this member; else withdrawn ones."),
    ] = None,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Let records take part again that were withdrawn, or kept from a member: because the person agreed anew."""
    request = {"name": name, "peer": peer, "text": _text(records_file), "by": by}
    reply = Session(folder, passphrase_file).call("dataset.readmit", request)
    show(reply, as_json, _painter("readmitted"))


def coverage(
    round_id: RoundId,
    dataset: Annotated[
        str | None, typer.Option(metavar="NAME", help="The data set; else the one that the round is signed with.")
    ] = None,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Count how many records would take part in a round today, and why the others stay out. Nothing is sent."""
    reply = Session(folder, passphrase_file).call("round.coverage", {"round": round_id, "dataset": dataset})
    show(reply, as_json, _coverage)


def register(app: typer.Typer) -> None:
    """Put the commands on data sets into `blindmatch dataset`."""
    for command in (withdraw, withhold, readmit):
        app.command()(command)


def register_round(app: typer.Typer) -> None:
    """Put the command on rounds into `blindmatch round`."""
    app.command()(coverage)


def _text(records_file: Path) -> str:
    return read_text(records_file, what="file of references", max_bytes=MAX_FILE_BYTES)


def _painter(done: str) -> Any:
    def people(printer: Printer, reply: dict[str, Any]) -> None:
        again = reply["named"] - reply["changed"]
        printer.line(
            f"{reply['changed']:,} of {reply['named']:,} references {done} in {reply['dataset']}"
            + (f"; {again:,} were so before." if again else "."),
            style="bold",
        )
        if reply["unknown"]:
            printer.line(
                f"{reply['unknown']:,} of them stand on no record of this data set: check how they are spelt. They are "
                "noted all the same, for its next version.",
                style="yellow",
            )
        for name, number in reply["also_in"].items():
            printer.line(
                f"{number:,} of them stand in the data set {name} as well, which was not changed.", style="yellow"
            )
        printer.bullets(f"Round {one['round_id'][:8]} ({one['title']}) {one['sentence']}" for one in reply["rounds"])
        totals = {"withdrawn in all": reply["withdrawn"]}
        totals |= {f"kept from {alias}": number for alias, number in reply["withheld"].items()}
        printer.facts({name: f"{number:,}" for name, number in totals.items()})

    return people


def _coverage(printer: Printer, reply: dict[str, Any]) -> None:
    printer.line(f"Round {reply['round_id'][:8]}: {reply['title']}")
    show_coverage(printer, reply["coverage"])

"""`blindmatch lead`: the review queue. Decide about leads, follow them up, tell the other side how they were judged.

Leads are named by round and number: record references stay off the command line. Nothing here leaves the node but
`feedback`, which is one word.
"""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from cli._options import AsJson, By, Folder, PassphraseFile, RoundId
from cli._output import Printer, note, show
from cli._session import Session

__all__ = ["Leads", "app", "say"]

app = typer.Typer(name="lead", help="Review leads, follow them up, tell how they were judged.", no_args_is_help=True)

Leads = Annotated[
    list[int], typer.Option("--lead", min=1, metavar="N", help="Number of a lead, from `lead list`; repeatable.")
]


@app.command("list")
def list_all(
    round_id: Annotated[
        str, typer.Argument(metavar="[ROUND]", help="The round's id, or the beginning of it; without one, all rounds.")
    ] = "",
    status: Annotated[
        str,
        typer.Option(metavar="WORD", help="Only leads of this status: open, confirmed, rejected, disputed, duplicate, "
                     "withdrawn or follow-up."),
    ] = "",
    due: Annotated[bool, typer.Option("--due", help="Only follow-ups that are due today, or were.")] = False,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Show the review queue: every lead, what was decided, what is due. Reading is logged."""
    request = {"round": round_id, "status": status, "due": due}
    show(Session(folder, passphrase_file).call("lead.list", request), as_json, _show_queue)


def _deciding(name: str, status: str, help_: str) -> Callable[..., None]:
    """A command that notes one status."""

    def command(
        round_id: RoundId,
        lead: Leads,
        by: By,
        folder: Folder = None,
        passphrase_file: PassphraseFile = None,
        as_json: AsJson = False,
    ) -> None:
        request = {"round": round_id, "leads": lead, "status": status, "by": by}
        show(Session(folder, passphrase_file).call("lead.review", request), as_json, say)

    app.command(name, help=help_)(command)
    return command


_deciding("confirm", "confirmed", "Note that a lead is right: somebody here has checked it.")
_deciding("reject", "rejected", "Note that a lead is wrong: it is somebody else.")
_deciding("dispute", "disputed", "Note that people here do not agree about a lead, or that the person objects.")
_deciding("duplicate", "duplicate", "Note that a lead says the same as another one.")
_deciding("withdraw", "withdrawn", "Take a lead out for good, for example because the person does not want it used.")


@app.command("follow-up")
def follow_up(
    round_id: RoundId,
    lead: Leads,
    due: Annotated[str, typer.Option(metavar="DAY", help="When somebody looks at it again, as 2027-01-31.")],
    by: By,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Put a lead on a day's list. `blindmatch lead list --due` shows what is due."""
    request = {"round": round_id, "leads": lead, "status": "follow-up", "due_on": due, "by": by}
    show(Session(folder, passphrase_file).call("lead.review", request), as_json, say)


@app.command()
def different(
    round_id: RoundId,
    lead: Leads,
    by: By,
    undo: Annotated[bool, typer.Option("--undo", help="Take it off the list again.")] = False,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Note that the two records are known to be different people. Later rounds say so when the same meets the same.
    The lead itself stays open: `lead reject` decides it."""
    request = {"round": round_id, "leads": lead, "by": by, "undo": undo}
    show(Session(folder, passphrase_file).call("lead.different", request), as_json, say)


@app.command()
def feedback(
    round_id: RoundId,
    lead: Leads,
    by: By,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Tell the other side the status of a lead that both know: one word, by match handle, and nothing else."""
    request = {"round": round_id, "leads": lead, "by": by}
    show(Session(folder, passphrase_file).call("lead.feedback", request), as_json, say)
    note("It is delivered in the background, when both nodes run.")


def say(printer: Printer, reply: dict[str, Any]) -> None:
    """What was done, in a sentence."""
    printer.line(f"Round {reply['round']['round_id'][:8]}: {reply['sentence']}", style="bold")


def _show_queue(printer: Printer, reply: dict[str, Any]) -> None:
    printer.table(
        ["round", "no", "your record", "agrees in", "status", "other side"],
        [
            (
                one["round_id"][:8],
                one["number"],
                one["reference"],
                f"{', '.join(one['agrees_in'])} ({one['strength']})",
                _status(one),
                "; ".join(part for part in (one["theirs"] and f"says {one['theirs']}", one["contact"]) if part),
            )
            for one in reply["leads"]
        ],
        empty="No lead here.",
        whole=["round", "no"],
    )
    if reply["more"]:
        printer.line("There are more: name a round, or a status.")
    if reply["leads"]:
        printer.line()
        printer.bullets(reply["advice"])


def _status(one: dict[str, Any]) -> str:
    """What was decided, until when something is due, and whether the two are known to be different."""
    said = [str(one["status"])]
    if one["due_on"] is not None:
        days = one["due_in_days"]
        said.append(f"due {one['due_on']}{' (overdue)' if days < 0 else ' (today)' if days == 0 else ''}")
    if one["different"]:
        said.append("known to be different")
    return ", ".join(said)

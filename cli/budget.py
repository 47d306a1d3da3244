"""`blindmatch budget`: how many guesses each member may try here, what that means in years, and grants of more."""

from typing import Annotated, Any

import typer

from cli._options import AsJson, By, Folder, PassphraseFile
from cli._output import Printer, show
from cli._session import Session

__all__ = ["app"]

app = typer.Typer(name="budget", help="How much each member may have evaluated here, and grants.", no_args_is_help=True)


@app.command("show")
def show_budget(folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False) -> None:
    """Show what the budget means in years of guessing, what is left of it for each member, and the grants."""
    show(Session(folder, passphrase_file).call("budget.show", {}), as_json, _show)


@app.command()
def grant(
    member: Annotated[str, typer.Argument(metavar="ALIAS", help="The member that gets more.")],
    by: By,
    elements: Annotated[int, typer.Option(min=1, metavar="N", help="Elements more, in number; they are there once.")],
    until: Annotated[str, typer.Option(metavar="DAY", help="The last day on which they may be used, as 2026-12-31.")],
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Ask for more budget for one member until a day. Another person approves it."""
    request = {"member": member, "elements": elements, "until": until, "by": by}
    show(Session(folder, passphrase_file).call("budget.grant", request), as_json, _show_grant)


@app.command()
def revoke(
    grant: Annotated[str, typer.Argument(metavar="GRANT", help="The beginning of its id, as `budget show` says it.")],
    by: By,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Take back what is left of a grant, at once."""
    reply = Session(folder, passphrase_file).call("budget.revoke", {"grant": grant, "by": by})
    show(reply, as_json, lambda printer, done: printer.line(f"Grant {done['grant']['grant_id'][:8]} is revoked."))


@app.command("approve-settings")
def approve_settings(
    by: By, folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False
) -> None:
    """Let large limits of the settings file take effect: one person runs this, then another one."""
    show(Session(folder, passphrase_file).call("budget.approve-settings", {"by": by}), as_json, _show_settings)


def _show(printer: Printer, reply: dict[str, Any]) -> None:
    printer.line(reply["sentence"], style="" if reply["settings_hold"] else "yellow")
    printer.line(f"In this window all members together have used {reply['spent_in_all']:,} elements.")
    printer.line()
    printer.table(
        ["member", "used", "granted", "left", "rounds", "kinds", "largest list"],
        [
            (m["member"], f"{m['spent']:,}", f"{m['granted']:,}", f"{m['left']:,}", m["rounds"],
             ", ".join(m["kinds"]), f"{m['largest_list']:,}")
            for m in reply["members"]
        ],
        empty="No confirmed members yet.",
        whole=["member"],
    )  # fmt: skip
    if reply["grants"]:
        printer.line()
        printer.table(
            ["grant", "member", "elements", "left", "until", "asked by", "approved by", "state"],
            [
                (g["grant_id"][:8], g["member"], f"{g['elements']:,}", f"{g['left']:,}", g["until"], g["asked_by"],
                 g["approved_by"], g["state"])
                for g in reply["grants"]
            ],
            empty="",
            whole=["grant", "member", "until"],
        )  # fmt: skip


def _show_grant(printer: Printer, reply: dict[str, Any]) -> None:
    printer.line(f"Grant {reply['grant']['grant_id'][:8]}: {reply['grant']['state']}.", style="bold")
    printer.line(reply["sentence"])
    if reply["number"] is not None:
        printer.line(f"A second person: blindmatch approval approve {reply['number']} --by NAME")


def _show_settings(printer: Printer, reply: dict[str, Any]) -> None:
    if reply["settings_hold"]:
        printer.line("Approved. From now on these limits hold:", style="bold")
        printer.line(reply["limits"]["sentence"])
    else:
        printer.line("Asked for. Until a second person approves it, this has no effect:", style="bold")
        printer.line(reply["asked"]["sentence"])
        printer.line(f"Until then: {reply['limits']['sentence']}")
        printer.line("A second person: blindmatch budget approve-settings --by NAME")

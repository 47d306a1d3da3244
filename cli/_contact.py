"""`blindmatch round contact` and `round cards`: two caseworkers find each other, if both ask for it."""

from typing import Annotated, Any

import typer

from cli._options import AsJson, By, Folder, PassphraseFile, RoundId
from cli._output import Printer, note, show
from cli._session import Session
from cli.lead import Leads, say

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands to `blindmatch round`."""
    app.command("contact")(_contact)
    app.command("cards")(_cards)


def _contact(
    round_id: RoundId,
    lead: Leads,
    by: By,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Take the offer back, if the card has not gone.")
    ] = False,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Offer this node's contact card for a lead, and ask for the other side's. Each side gets the other's card, with
    the agreed fields, only if both have offered for the same record. A card that was given cannot be called back."""
    request = {"round": round_id, "leads": lead, "by": by, "withdraw": withdraw}
    show(Session(folder, passphrase_file).call("round.contact", request), as_json, say)
    note(f"`blindmatch round cards {round_id}` shows how each lead stands.")


def _cards(
    round_id: RoundId, folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False
) -> None:
    """Show who has offered a contact card for which lead, and the cards that were given. Reading is logged."""
    show(Session(folder, passphrase_file).call("round.cards", {"round": round_id}), as_json, _show)


def _show(printer: Printer, reply: dict[str, Any]) -> None:
    printer.table(
        ["no", "match handle", "this side", "other side", "whom to ask"],
        [(one["number"], one["handle"], one["ours"], one["theirs"], _card(one)) for one in reply["cards"]],
        empty="No lead of this round is known to both sides.",
        whole=["no", "match handle"],
    )
    for one in reply["cards"]:
        for name, value in one["fields"].items():
            printer.line(f"Lead {one['number']}, as the other side says: {name.replace('_', ' ')}: {value}")
    if any(one["desk"] for one in reply["cards"]):
        printer.line()
        printer.bullets(reply["advice"])


def _card(one: dict[str, Any]) -> str:
    return ", ".join(one[part] for part in ("desk", "phone", "email", "hours") if one[part])

"""`blindmatch card`: the card of this node, which others need to know it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli._files import write_new
from cli._options import AsJson, Folder, PassphraseFile
from cli._output import Printer, show
from cli._session import Session

__all__ = ["app", "card_facts"]

app = typer.Typer(name="card", help="The card of this node, which others need to know it.", no_args_is_help=True)


@app.command("show")
def show_card(folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False) -> None:
    """Show what stands on this node's card."""
    reply = Session(folder, passphrase_file).call("card.show", {})
    show(reply, as_json, lambda printer, seen: printer.facts(card_facts(seen["card"])))


@app.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write the card; must not exist yet.")],
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Write the card into a file to hand or send to another organisation. Nothing in it is secret."""
    reply = Session(folder, passphrase_file).call("card.show", {})
    write_new(file, reply["file"].encode())
    show(reply, as_json, lambda printer, seen: _exported(printer, seen, file))


def card_facts(card: dict[str, Any]) -> dict[str, object]:
    """A card's content by name."""
    return {
        "name": card["name"],
        "class": card["member_class"],
        "country": card["country"],
        "languages": ", ".join(card["languages"]),
        "contact": card["contact"],
        "endpoint": card["endpoint"],
        "member id": card["member_id"],
        "issued": card["issued_at"],
        "expires": card["expires_at"],
    }


def _exported(printer: Printer, reply: dict[str, Any], file: Path) -> None:
    printer.line(f"The card of {reply['card']['name']} is in {file}.")
    printer.line("Send it by any way; then compare the check words by voice (`blindmatch member words`).")

"""What belongs to other groups of commands and keeps a node through the years: a newer card, a colleague who leaves."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli import card, member, node
from cli._files import read_text
from cli._options import AsJson, By, Folder, PassphraseFile
from cli._output import Printer, show, working
from cli._session import Session
from cli._stopped import NewPassphraseFile, new_passphrase, rotated, stopped_node
from cli.card import card_facts
from cli.member import MAX_CARD_FILE_BYTES

__all__: list[str] = []

_Alias = Annotated[str, typer.Argument(metavar="ALIAS", help="The member's alias, or its member id.")]


@card.app.command("renew")
def renew_card(by: By, folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False) -> None:
    """Give a stopped node a new certificate and sealing key, and a newer card. The identity stays."""
    from node.identity.renewal import renew

    with stopped_node(Session(folder, passphrase_file)) as (parts, _):
        renewed = renew(parts.store, parts.identity, parts.audit, parts.clock, parts.random_bytes, by)
        card_now = renewed.signed_card.card
        expires = card_now.certificate.not_after
    reply = {"member_id": card_now.member_id, "issued_at": card_now.issued_at, "expires_at": f"{expires:%Y-%m-%d}"}
    show(reply, as_json, _card_renewed)


@member.app.command("renew")
def renew_member(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The newer card file; - for standard input.")],
    by: By,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Take in a newer card of a confirmed member. It takes effect once a second person accepts it."""
    text = read_text(file, what="card file", max_bytes=MAX_CARD_FILE_BYTES)
    show(Session(folder, passphrase_file).call("member.renew", {"file": text, "by": by}), as_json, _offered)


@member.app.command("accept")
def accept_card(
    name: _Alias, by: By, folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False
) -> None:
    """Let a member's newer card take effect, as a second person. No check words: the same identity signed it."""
    reply = Session(folder, passphrase_file).call("member.accept", {"name": name, "by": by})
    show(reply, as_json, _accepted)


@node.app.command("handover")
def handover(
    leaving: Annotated[str, typer.Option("--from", metavar="LABEL", help="Who leaves, as the audit log names them.")],
    joining: Annotated[str, typer.Option("--to", metavar="LABEL", help="Who takes over.")],
    by: By,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    new_passphrase_file: NewPassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Hand a stopped node over: new passphrase, new keys, and a list of what the one who leaves had access to."""
    from node.keeping.handover import access_of, check_people, checklist, note_handover

    check_people(leaving, joining, by)
    with (
        stopped_node(Session(folder, passphrase_file)) as (parts, known),
        new_passphrase(new_passphrase_file) as chosen,
        working("Sealing anew") as step,
    ):
        access, had_shares = access_of(parts.store, parts.audit, leaving), parts.keys.recovery is not None
        note_handover(parts.store, parts.audit, leaving, joining, by)
        rotated(parts, known, by, step, chosen=chosen)
    reply = {
        "from": leaving,
        "to": joining,
        "could_see": access.could_see,
        "did": access.did,
        "to_do": checklist(leaving, joining, had_shares=had_shares),
    }
    show(reply, as_json, _handed_over)


def _card_renewed(printer: Printer, reply: dict[str, Any]) -> None:
    printer.line(f"The card is renewed, and good until {reply['expires_at']}.", style="bold")
    printer.bullets(
        [
            "Write it out: `blindmatch card export FILE`, and send it to every member",
            "Each member takes it in: `blindmatch member renew FILE`, then a second person: `blindmatch member accept`",
            "Until then its node and this one do not reach each other. Open rounds wait, and go on then",
        ]
    )


def _offered(printer: Printer, reply: dict[str, Any]) -> None:
    printer.line(f"A newer card of {reply['alias']} waits.")
    printer.facts(card_facts(reply["card"]))
    if reply["differs"]:
        printer.line(f"Besides its keys it says something new about: {', '.join(reply['differs'])}.")
    printer.line(f"A second person accepts it: `blindmatch member accept {reply['alias']} --by NAME`.")


def _accepted(printer: Printer, reply: dict[str, Any]) -> None:
    printer.line(f"The newer card of {reply['alias']} is in force.")


def _handed_over(printer: Printer, reply: dict[str, Any]) -> None:
    printer.line(f"The node is handed over from {reply['from']} to {reply['to']}: passphrase and keys are new.",
                 style="bold")  # fmt: skip
    printer.line(f"{reply['from']} could see:")
    printer.bullets(reply["could_see"])
    if reply["did"]:
        printer.line("Done under that label:")
        printer.bullets(reply["did"])
    printer.line("Still to do:")
    printer.bullets(reply["to_do"])

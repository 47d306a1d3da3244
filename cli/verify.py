"""`blindmatch verify`: checks a certificate or an exported log, on any machine. No node, no folder, no passphrase."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli._exit import Exit
from cli._files import read_text
from cli._options import AsJson
from cli._output import Printer, show
from cli._paper import Lang, PdfFile, Tongue, print_page, write_pdf
from node.errors import UserError

if TYPE_CHECKING:
    from node.audit.words import Language

__all__ = ["check_file", "verify"]

MAX_FIRST_LINE_BYTES = 64 * 1024
"""Of the first line, which says what the file is, in bytes."""


def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A certificate or an exported log.")],
    card: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A member's card that you have from it yourself; repeatable."),
    ] = None,
    lang: Lang = Tongue.EN,
    pdf: PdfFile = None,
    as_json: AsJson = False,
) -> None:
    """Check a certificate or an exported audit log, and say what it proves. Needs no node. Exit code 9 if it fails."""
    cards = _cards(card or [])
    reply = check_file(file, cards, lang.value)
    write_pdf(reply["page"], pdf)
    show(reply, as_json, _shown)
    if not reply["ok"]:
        raise typer.Exit(Exit.NOT_VERIFIED)


def _cards(files: list[Path]) -> dict[str, str]:
    """Member id -> name on a card whose signature holds. UserError."""
    from node.identity.cards import MAX_CARD_BYTES, parse_card

    cards = {}
    for file in files:
        found = parse_card(read_text(file, what="card", max_bytes=MAX_CARD_BYTES).encode()).card
        cards[found.member_id] = found.name
    return cards


def check_file(file: Path, cards: Mapping[str, str], lang: "Language") -> dict[str, Any]:
    """The verdict on a file, whatever is in it; UserError if it cannot be read. `cards`: member id -> name."""
    from node.audit.certificate import MAX_CERTIFICATE_BYTES, verify_certificate
    from node.audit.export import FORMAT, bounded_lines, verify_export
    from node.audit.verdicts import certificate_page, export_page

    try:
        with file.open("rb") as source:
            # The header of an export is its first line, and no certificate names that form there.
            if FORMAT.encode() in source.readline(MAX_FIRST_LINE_BYTES)[:200]:
                source.seek(0)
                log = verify_export(bounded_lines(source))
                here = {one.member_id for one in (log.owner, *(c.other for c in log.cosigned)) if one is not None}
                known = {member_id: name for member_id, name in cards.items() if member_id in here}
                if len(known) < len(cards):
                    log.add("A card that you gave is of another organisation than any in this file.")
                return {
                    "ok": log.ok,
                    "kind": "export",
                    "problems": log.problems,
                    "covered": log.covered,
                    "entries": log.size - log.first,
                    "page": export_page(log, lang, known).as_dict(),
                }
            source.seek(0)
            data = source.read(MAX_CERTIFICATE_BYTES + 1)
    except OSError as error:
        raise UserError(f"The file {file} cannot be read: {error.strerror}.", advice="Check its name.") from None
    report = verify_certificate(data)
    known = {member_id: name for member_id, name in cards.items() if member_id in report.members()}
    if len(known) < len(cards):
        report.add("other-card")
    return {
        "ok": report.ok,
        "kind": "certificate",
        "problems": report.problems,
        "covered": report.covered(known),
        "entries": len(report.entries),
        "page": certificate_page(report, lang, known).as_dict(),
    }


def _shown(printer: Printer, reply: dict[str, Any]) -> None:
    print_page(printer, reply["page"], style="green" if reply["ok"] else "red")

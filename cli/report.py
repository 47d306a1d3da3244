"""`blindmatch report`: who learned what, for the person it is about and for the authority that asks; and the papers of
a data protection impact assessment, filled in from the node."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli._exit import Exit
from cli._files import read_text, write_folder
from cli._options import AsJson, By, Folder, PassphraseFile, RoundId
from cli._output import Printer, show
from cli._paper import Lang, PdfFile, Tongue, print_page, write_pdf
from cli._reference import Record, reference_of
from cli._session import Session
from node.errors import UserError

__all__ = ["app"]

app = typer.Typer(
    name="report", help="Who learned what: for a person, a round or a period; and a DPIA.", no_args_is_help=True
)


@app.command()
def person(
    record: Record,
    by: By,
    lang: Lang = Tongue.EN,
    pdf: PdfFile = None,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Say what was done with one person's record, for an access request. It shows no identifier."""
    request = {"record": reference_of(record), "by": by, "lang": lang.value}
    _report(Session(folder, passphrase_file).call("report.person", request), pdf, as_json)


@app.command("round")
def of_round(
    round_id: RoundId,
    by: By,
    lang: Lang = Tongue.EN,
    pdf: PdfFile = None,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Say who learned what in one round, on what basis and who approved."""
    request = {"round": round_id, "by": by, "lang": lang.value}
    _report(Session(folder, passphrase_file).call("report.round", request), pdf, as_json)


@app.command()
def period(
    by: By,
    since: Annotated[str, typer.Option("--from", metavar="DAY", help="The first day, in UTC: 2026-01-01.")],
    until: Annotated[str, typer.Option("--to", metavar="DAY", help="The day after the last: 2026-04-01.")],
    member: Annotated[str | None, typer.Option(metavar="ALIAS", help="Only what this member had part in.")] = None,
    lang: Lang = Tongue.EN,
    pdf: PdfFile = None,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Say who learned what in a period, and what needs a look."""
    request = {"since": since, "until": until, "member": member, "by": by, "lang": lang.value}
    _report(Session(folder, passphrase_file).call("report.period", request), pdf, as_json)


@app.command()
def dpia(
    by: By,
    into: Annotated[
        Path | None, typer.Argument(metavar="FOLDER", help="Where the papers are written; must not exist yet.")
    ] = None,
    review_months: Annotated[int, typer.Option(min=1, max=36, help="When they are to be looked at again.")] = 12,
    compare: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Make none: say what is different from when these papers were made. Exit code 9 if something is.",
        ),
    ] = None,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Make the papers of a data protection impact assessment, with what this node is and does filled in.

    Four Markdown files (the assessment, who is controller, clauses for a consortium, a human rights checklist), in
    English, and the facts they were made from. They hold no identifier and no name of a person.
    """
    if (into is None) == (compare is None):
        raise UserError("Name a folder for the papers, or --compare and the folder of older ones, not both.")
    request: dict[str, Any] = {"by": by, "review_months": review_months}
    if compare is not None:
        from node.impact.names import FACTS_FILE, MAX_FACTS_BYTES

        request["compare"] = read_text(compare / FACTS_FILE, what="file of facts", max_bytes=MAX_FACTS_BYTES)
    reply = Session(folder, passphrase_file).call("report.dpia", request)
    if into is not None:
        write_folder(into, reply["papers"])
    show(reply, as_json, _papers_made if into is not None else _papers_compared)
    if into is None and reply["changes"]:
        raise typer.Exit(Exit.NOT_VERIFIED)


def _papers_made(printer: Printer, reply: dict[str, Any]) -> None:
    printer.line("Written:")
    printer.bullets(sorted(reply["papers"]))
    printer.line("Read them, fill in what stands in [ ], and have them looked at by whoever signs them.")


def _papers_compared(printer: Printer, reply: dict[str, Any]) -> None:
    if not reply["changes"]:
        printer.line("Nothing that stands in these papers has changed at this node.")
        return
    printer.line("These papers are not true any more:", style="bold")
    printer.bullets(reply["changes"])
    printer.line("Make new ones, and carry over what you filled in.")


def _report(reply: Any, pdf: Path | None, as_json: bool) -> None:
    write_pdf(reply["page"], pdf)
    show(reply, as_json, _shown)


def _shown(printer: Printer, reply: dict[str, Any]) -> None:
    print_page(printer, reply["page"])

"""`blindmatch report`: who learned what, for the person it is about and for the authority that asks."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli._options import AsJson, By, Folder, PassphraseFile, RoundId
from cli._output import Printer, show
from cli._paper import Lang, PdfFile, Tongue, print_page, write_pdf
from cli._reference import Record, reference_of
from cli._session import Session

__all__ = ["app"]

app = typer.Typer(name="report", help="Who learned what: for a person, a round or a period.", no_args_is_help=True)


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


def _report(reply: Any, pdf: Path | None, as_json: bool) -> None:
    write_pdf(reply["page"], pdf)
    show(reply, as_json, _shown)


def _shown(printer: Printer, reply: dict[str, Any]) -> None:
    print_page(printer, reply["page"])

"""`blindmatch audit`: what this node did and who said so, and whether the log is whole."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli import _witness
from cli._exit import Exit
from cli._files import write_new
from cli._options import AsJson, By, Folder, PassphraseFile, RoundId
from cli._output import Printer, note, show, working
from cli._paper import Lang, PdfFile, Tongue, print_page, write_pdf
from cli._session import Session

__all__ = ["app"]

app = typer.Typer(name="audit", help="What this node did, and whether the log of it is whole.", no_args_is_help=True)


@app.command("show")
def show_log(
    first: Annotated[int, typer.Option(min=0, metavar="N", help="Position of the first entry.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="How many entries.")] = 100,
    event: Annotated[
        list[str] | None, typer.Option(metavar="EVENT", help="Only this event, for example round-signed; repeatable.")
    ] = None,
    member: Annotated[str | None, typer.Option(metavar="ALIAS", help="Only what names this member.")] = None,
    round_id: Annotated[str | None, typer.Option("--round", metavar="ROUND", help="Only this round.")] = None,
    staff: Annotated[str | None, typer.Option("--staff", metavar="LABEL", help="Only what this person did.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="DAY", help="From this day or time on, in UTC: 2026-01-31.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="DAY", help="Before this day or time, in UTC: 2026-02-01.")
    ] = None,
    lang: Lang = Tongue.EN,
    plain: Annotated[bool, typer.Option("--facts", help="Show events and facts as stored, not sentences.")] = False,
    reader: Annotated[
        str | None,
        typer.Option(
            "--by",
            "--reader",
            metavar="LABEL",
            help="Who reads, for the log; needed where people are registered (`staff`).",
        ),
    ] = None,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the audit log in plain sentences. No identifier and no record reference is ever in it."""
    asked = {
        "first": first,
        "limit": limit,
        "event": event or [],
        "member": member,
        "round": round_id,
        "staff": staff,
        "since": since,
        "until": until,
        "lang": lang.value,
        "by": reader,
    }
    reply = Session(folder, passphrase_file).call("audit.show", asked)
    show(reply, as_json, _facts if plain else _sentences)


@app.command()
def verify(folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False) -> None:
    """Recompute the whole log and compare it with what was signed. Exit code 9 if something does not fit."""
    with working("Verifying the audit log"):
        reply = Session(folder, passphrase_file).call("audit.verify", {})
    show(reply, as_json, _verified)
    if not reply["ok"]:
        raise typer.Exit(Exit.NOT_VERIFIED)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it; must not exist yet.")],
    by: By,
    first: Annotated[int, typer.Option(min=0, metavar="N", help="Position of the first entry.")] = 0,
    lang: Lang = Tongue.EN,
    pdf: PdfFile = None,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Write the log as JSON Lines that anybody can check (`blindmatch verify FILE`), and as PDF to read."""
    path = str(file.absolute())
    reply = Session(folder, passphrase_file).call("audit.export", {"file": path, "by": by, "first": first})
    if pdf is not None:
        write_pdf(_export_page(file, reply["names"], lang), pdf)
    show(reply, as_json, _exported)


@app.command()
def certificate(
    round_id: RoundId,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it; must not exist yet.")],
    by: By,
    handle: Annotated[
        str | None,
        typer.Option(metavar="HANDLE", help="Of one lead, by its match handle (`round results` shows it)."),
    ] = None,
    full: Annotated[
        bool,
        typer.Option(
            "--full",
            help="Also what the other side does not know: how many records agreed or were kept back. Not for them.",
        ),
    ] = False,
    lang: Lang = Tongue.EN,
    pdf: PdfFile = None,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a certificate of a round, or of one lead of it, that `blindmatch verify FILE` checks anywhere."""
    asked = {"round": round_id, "by": by, "handle": handle, "full": full, "lang": lang.value}
    reply = Session(folder, passphrase_file).call("audit.certificate", asked)
    write_new(file, reply["text"].encode())
    write_pdf(reply["page"], pdf)
    show(reply, as_json, lambda printer, seen: _certified(printer, seen, file))
    if full:
        note("It says how many records agreed or were kept back. It is for a court or an authority, not for a member.")


def _sentences(printer: Printer, reply: dict[str, Any]) -> None:
    rows = [(e["position"], e["time"], e["sentence"]) for e in reply["entries"]]
    printer.table(["no", "time", "what happened"], rows, empty="No entries there.", whole=["no"])
    _more(printer, reply)


def _facts(printer: Printer, reply: dict[str, Any]) -> None:
    rows = [
        (e["position"], e["time"], e["event"], "  ".join(f"{k}={_short(v)}" for k, v in e["facts"].items()))
        for e in reply["entries"]
    ]
    printer.table(["no", "time", "event", "facts"], rows, empty="No entries there.")
    _more(printer, reply)


def _more(printer: Printer, reply: dict[str, Any]) -> None:
    if reply["next"] is not None:
        printer.line(f"{reply['total']} entries in all; --first {reply['next']} shows the next.")


def _short(value: object) -> str:
    """Digests and ids by their beginning; `--json` has the whole."""
    text = str(value)
    return f"{text[:12]}..." if len(text) > 31 else text


def _verified(printer: Printer, reply: dict[str, Any]) -> None:
    if reply["ok"]:
        printer.line(f"The log is whole: {reply['entries']} entries agree with every signed checkpoint.", style="green")
    else:
        printer.line("The log does NOT hold. Keep the folder as it is and tell your compliance officer.", style="red")
        printer.bullets(reply["problems"])
    for name, size in reply["cosigned_by"].items():
        printer.line(f"{name} signed that it had {size} entries.")
    if reply["ok"]:
        printer.line(
            f"The last {reply['entries'] - reply['covered']} entries have no other witness than this node, as yet."
        )
    printer.line()
    printer.line(f"It now stands at this checkpoint, signed with the key {reply['public_key']}:")
    printer.raw(f"\n{reply['checkpoint']}")


def _export_page(file: Path, names: dict[str, str], lang: Tongue) -> dict[str, Any]:
    """The entries in words, and what the check of the file says."""
    from node.audit.export import verify_export
    from node.audit.verdicts import export_page
    from node.audit.words import sentence

    lines: list[str] = []
    with file.open("rb") as source:
        report = verify_export(
            source,
            lambda entry: lines.append(
                f"{entry['position']}  {entry['time']}  {sentence(entry['event'], entry['facts'], lang.value, names)}"
            ),
        )
    page = export_page(report, lang.value).as_dict()
    heading = {"en": "The entries", "de": "Die Einträge"}[lang.value]
    page["sections"].append({"heading": heading, "lines": lines, "marked": False})
    return page


def _exported(printer: Printer, reply: dict[str, Any]) -> None:
    printer.line(f"{reply['entries']} entries from number {reply['first']} on are in {reply['file']}.")
    printer.line(f"Others have signed the first {reply['covered']} entries of this log.")
    printer.line("Anybody can check it, without a node: blindmatch verify FILE.")
    printer.line(
        "It tells how many records agreed in every round and what this node decided: give it to an auditor or an "
        "authority. For another member there is `blindmatch audit share`."
    )


def _certified(printer: Printer, reply: dict[str, Any], file: Path) -> None:
    print_page(printer, reply["page"])
    printer.line()
    printer.line(f"The certificate is in {file}. Anybody can check it, without a node: blindmatch verify FILE.")


_witness.register(app)

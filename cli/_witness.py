"""Commands of `blindmatch audit` between two logs: cosignatures, comparing, time-stamps."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli._exit import Exit
from cli._files import write_new
from cli._options import AsJson, By, Folder, PassphraseFile
from cli._output import Printer, show, working
from cli._session import Session
from node.errors import UserError
from node.wording import plural

__all__ = ["register"]

_MAX_FILE_BYTES = 1024 * 1024


def register(app: typer.Typer) -> None:
    """Add them to the commands of `audit`."""
    app.command("witness")(witness)
    app.command("share")(share)
    app.command("reconcile")(reconcile)
    app.command("timestamp")(stamp)


def witness(folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False) -> None:
    """Show what other members signed of this log, and this node of theirs."""
    show(Session(folder, passphrase_file).call("audit.witness", {}), as_json, _witnessed)


def share(
    member: Annotated[str, typer.Argument(metavar="ALIAS", help="The member that the file is for.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it; must not exist yet.")],
    by: By,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Write the log for another member to compare: what it knows of anyway; of all else the hash alone."""
    asked = {"member": member, "file": str(file.absolute()), "by": by}
    show(Session(folder, passphrase_file).call("audit.share", asked), as_json, _shared)


def reconcile(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The other member's log, from `audit share` or `audit export` there.")
    ],
    by: By,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Compare another member's log with this one, round by round. Exit code 9 if something does not agree."""
    with working("Comparing the two logs"):
        asked = {"file": str(file.absolute()), "by": by}
        reply = Session(folder, passphrase_file).call("audit.reconcile", asked)
    show(reply, as_json, _reconciled)
    if not reply["ok"]:
        raise typer.Exit(Exit.NOT_VERIFIED)


def stamp(
    by: By,
    request: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a request for an authority (RFC 3161) into this file.")
    ] = None,
    reply: Annotated[Path | None, typer.Option(metavar="FILE", help="The authority's reply to check.")] = None,
    certificate: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With --reply: the authority's root certificate, PEM.")
    ] = None,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Have an authority confirm when this log stood where it stands. Nothing is sent: you carry the files."""
    if (request is None) == (reply is None) or (reply is None) != (certificate is None):
        raise typer.BadParameter("Give --request, or --reply together with --certificate.")
    session = Session(folder, passphrase_file)
    if request is not None:
        made = session.call("audit.stamp-request", {"by": by})
        write_new(request, bytes.fromhex(made["request"]))
        show(made, as_json, lambda printer, seen: _requested(printer, seen, request))
        return
    assert reply is not None
    assert certificate is not None
    asked = {"by": by, "reply": _bytes(reply).hex(), "certificates": _bytes(certificate).hex()}
    show(session.call("audit.stamp-reply", asked), as_json, _stamped)


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UserError(f"The file {path} cannot be read: {error.strerror}.", advice="Check its name.") from None
    if len(data) > _MAX_FILE_BYTES:
        raise UserError(f"The file {path} is too large.", advice="Check that it is the right file.")
    return data


_COLUMNS = {
    "our entries it signed": "so many entries of this log were there when the member last signed it. None of them can "
    "be changed unnoticed any more.",
    "its entries we signed": "the same of its log, signed by this node.",
    "proof awaited": "how often it showed its log and has not proven yet that the log goes on from what it showed "
    "before. That comes with the next message, as a rule.",
    "backups restored": "how often it said that its node was put back to a backup, so that its log goes on from there.",
    "other log shown": "how often its log was not the one that it had shown before. It should be 0.",
}
"""What stands in each column about a member, for whoever has to answer for the log."""


def _witnessed(printer: Printer, reply: dict[str, Any]) -> None:
    printer.line(f"This log has {reply['entries']:,} {plural(reply['entries'], 'entry', 'entries')}.")
    rows = [
        (one["alias"], one["name"], one["ours"], one["theirs"], one["unproven"], one["restored"], one["refused"])
        for one in reply["members"]
    ]
    head = ["alias", "name", *_COLUMNS]
    printer.table(head, rows, empty="No member is known yet.", whole=["alias"])
    if rows:
        printer.line()
        printer.bullets(f"{name}: {means}" for name, means in _COLUMNS.items())
    if any(one["refused"] for one in reply["members"]):
        printer.line(
            "A member showed a log that is not the one it had shown before. What it signed is kept: speak with it, and "
            "with your compliance officer, before the next round.",
            style="red",
        )


def _shared(printer: Printer, reply: dict[str, Any]) -> None:
    printer.line(
        f"Written to {reply['file']}: {reply['shown']:,} entries in words, {reply['hidden']:,} as a hash alone."
    )
    printer.line("The other member compares it with `blindmatch audit reconcile FILE --by LABEL`.")


def _reconciled(printer: Printer, reply: dict[str, Any]) -> None:
    name, rounds = reply["name"], reply["rounds"]
    if reply["ok"]:
        said = f"Both logs agree on {rounds} {plural(rounds, 'round')} with {name}"
        printer.line(f"{said}, as far as its file goes ({reply['made_at']}).", style="green")
    else:
        printer.line(f"The logs of this node and of {name} do NOT agree. Speak about it with {name}:", style="red")
        printer.bullets([_difference(one) for one in reply["differences"]])
    if found := reply["recovered"]:
        states = plural(found, "signed state", "signed states")
        printer.line(f"{found} {states} of this log came back with the file and {plural(found, 'is', 'are')} kept.")


def _difference(one: dict[str, Any]) -> str:
    return f"Round {one['round_id'][:8]}: {one['sentence']}" if one["round_id"] else str(one["sentence"])


def _requested(printer: Printer, reply: dict[str, Any], path: Path) -> None:
    printer.line(
        f"Written to {path}: a request about the {reply['entries']:,} entries of this log. It holds a digest only."
    )
    printer.line("Send it to the authority, and check its answer with --reply FILE --certificate FILE.")


def _stamped(printer: Printer, reply: dict[str, Any]) -> None:
    said = f"The authority confirms: the first {reply['entries']:,} entries of this log stood so at {reply['time']}."
    printer.line(said, style="green")
    printer.line("Keep the reply and the certificate: this node notes that it was checked, and does not keep them.")

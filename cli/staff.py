"""`blindmatch staff`: who of this organisation acts here. While nobody is registered, `--by` is taken as said.

Each person has a passphrase of their own, typed by that person or read from a private file, never a word of a command.
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli import _own
from cli._options import AsJson, By, Folder, PassphraseFile
from cli._output import Printer, show
from cli._session import Session

__all__ = ["app"]

app = typer.Typer(name="staff", help="People who act here: register, list, remove.", no_args_is_help=True)

_Label = Annotated[str, typer.Argument(metavar="LABEL", help="What the log calls the person, for example anna.")]
_NewFile = Annotated[
    Path | None,
    typer.Option("--new-passphrase-file", metavar="FILE", help="A private file whose first line is the passphrase that "
                 "the person chose; without it that person is asked."),
]  # fmt: skip


@app.command()
def add(
    label: _Label,
    role: Annotated[
        list[str],
        typer.Option("--role", metavar="ROLE", help="operator (data sets, members, rounds), approver (the second "
                     "person), reviewer (leads, and what is released) or children (the second person where records "
                     "are about children); may be repeated."),
    ],
    by: By,
    new_passphrase_file: _NewFile = None,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Register somebody. The first one is an approver; once there are two approvers, another one approves each."""
    with _own.new_passphrase(new_passphrase_file, label) as new:
        request = {"label": label, "roles": role, "by": by}
        reply = Session(folder, passphrase_file).call("staff.add", request, new=new)
    show(reply, as_json, _added)


@app.command("list")
def list_people(folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False) -> None:
    """List everybody who is or was registered, and their roles."""
    show(Session(folder, passphrase_file).call("staff.list", {}), as_json, _list)


@app.command()
def remove(
    label: _Label, by: By, folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False
) -> None:
    """Let somebody act here no more, from the next command on. `node handover` lists what they could see."""
    reply = Session(folder, passphrase_file).call("staff.remove", {"label": label, "by": by})
    show(reply, as_json, lambda printer, done: printer.line(f"{done['person']['label']} does not act here any more."))


@app.command()
def passphrase(
    by: By,
    new_passphrase_file: _NewFile = None,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Change your own passphrase. Forgotten? An approver removes you and registers you again."""
    with _own.new_passphrase(new_passphrase_file, by) as new:
        reply = Session(folder, passphrase_file).call("staff.passphrase", {"by": by}, new=new)
    show(reply, as_json, lambda printer, done: printer.line(f"{done['person']['label']} has another passphrase now."))


def _added(printer: Printer, reply: dict[str, Any]) -> None:
    person = reply["person"]
    printer.line(f"{person['label']} is registered as {' and '.join(person['roles'])}.")
    if reply["approval"] is not None:
        printer.line(
            "Another approver has to approve it before they can act: "
            f"blindmatch approval approve {reply['approval']} --by NAME",
            style="yellow",
        )


def _list(printer: Printer, reply: dict[str, Any]) -> None:
    printer.table(
        ["label", "roles", "state", "registered by", "at", "removed"],
        [
            (one["label"], ", ".join(one["roles"]), one["state"], one["added_by"], one["added_at"], one["removed_at"])
            for one in reply["people"]
        ],
        empty="Nobody is registered: every label is taken as said, and two people are two labels. "
        "`blindmatch staff add LABEL --role approver --by LABEL` registers the first one.",
        whole=["label"],
    )

"""`blindmatch policy`: what the rules of this node ask, how this organisation narrows them, and what they say of an
agreement."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli._exit import Exit
from cli._files import read_text
from cli._options import AsJson, Folder, PassphraseFile
from cli._output import Printer, note, show
from cli._session import Session

__all__ = ["app"]

app = typer.Typer(name="policy", help="The rules of this node: show them, explain an agreement.", no_args_is_help=True)

MAX_FILE_BYTES = 256 * 1024
"""Largest file read as an agreement, in bytes; the node has the last word."""


@app.command("show")
def show_policy(
    template: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a policy file with every setting, its meaning and its default; a new "
                     "file. Put it into the node's folder as policy.toml and restart the node."),
    ] = None,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Show every rule, and what this organisation allows less of (policy.toml in the node's folder)."""
    if template is not None:
        from node.config import write_default
        from node.policy.narrowing import Policy

        write_default(template, kind=Policy)
        note(f"Written: {template}. Change it, move it into the node's folder as policy.toml, restart the node.")
    show(Session(folder, passphrase_file).call("policy.show", {}), as_json, _policy)


@app.command()
def explain(
    agreement: Annotated[
        str,
        typer.Argument(metavar="ROUND", help="The id of a round, or its beginning; or a file with an agreement "
                       "(JSON; - for standard input)."),
    ],
    dataset: Annotated[
        str | None, typer.Option(metavar="NAME", help="The data set that would take part; else the one chosen already.")
    ] = None,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Say of every rule whether it agrees to an agreement, and why not. Exit code 5 if one refuses."""
    request: dict[str, Any] = {"dataset": dataset}
    if agreement == "-" or Path(agreement).is_file():
        request["manifest"] = read_text(Path(agreement), what="agreement", max_bytes=MAX_FILE_BYTES)
    else:
        request["round"] = agreement
    reply = Session(folder, passphrase_file).call("policy.explain", request)
    show(reply, as_json, _explained)
    if not reply["agrees"]:
        raise typer.Exit(Exit.NOT_ALLOWED)


def _policy(printer: Printer, reply: dict[str, Any]) -> None:
    printer.line("Every rule of this node; an agreement is refused if one does not hold", style="bold")
    printer.table(["rule", "what it asks"], [(r["rule"], r["asks"]) for r in reply["rules"]], empty="", whole=["rule"])
    printer.line()
    narrowed = [one for one in reply["settings"] if one["name"] in reply["narrowed"]]
    where = reply["file"] if reply["exists"] else f"{reply['file']} (there is no such file, so nothing is narrowed)"
    printer.line(f"Narrowed here: {len(narrowed)} of {len(reply['settings'])} settings, by {where}", style="bold")
    if narrowed:
        printer.table(
            ["setting", "here", "otherwise", "what it means"],
            [(one["name"], one["value"], one["usual"], one["means"]) for one in narrowed],
            empty="",
            whole=["setting"],
        )
    for warning in reply["warnings"]:
        printer.line(warning, style="red")


def _explained(printer: Printer, reply: dict[str, Any]) -> None:
    refused = [one for one in reply["rules"] if not one["ok"]]
    verdict = "every rule agrees" if reply["agrees"] else f"refused by {len(refused)} of {len(reply['rules'])} rules"
    printer.line(f"{reply['template']} {reply['title']}: {verdict}", style="bold")
    if reply["note"]:
        printer.line(reply["note"])
    printer.table(
        ["rule", "verdict", "why"],
        [
            (one["rule"], "agrees" if one["ok"] else "refused", one["asks"] if one["ok"] else one["sentence"])
            for one in reply["rules"]
        ],
        empty="",
        whole=["rule", "verdict"],
    )
    if advice := list(dict.fromkeys(one["advice"] for one in refused if one["advice"])):
        printer.line()
        printer.line("What to do", style="bold")
        printer.bullets(advice)

"""The tree of commands."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from cli import _keeping as _keeping
from cli import _node_moves as _node_moves
from cli import (
    _own,
    approval,
    audit,
    budget,
    card,
    dataset,
    doctor,
    key,
    lead,
    member,
    node,
    policy,
    relay,
    report,
    retention,
    round,  # noqa: A004  the command's name
    staff,
    tripwire,
)
from cli._elsewhere import refuse_elsewhere
from cli._exit import explained
from cli.backup import backup, restore
from cli.demo.command import demo
from cli.erase import erase
from cli.verify import verify
from node import __version__

__all__ = ["app"]

_EPILOG = f"""\b
Exit codes:
{explained()}

BLINDMATCH_STATE names the node's folder, BLINDMATCH_PASSPHRASE_FILE the file with its passphrase. New here?
`blindmatch demo` shows a whole round on this machine.
"""


_HELP_OPTIONS = frozenset({"--help", "-h"})
_ASKS_FOR_HELP = "cli.asks-for-help"


class _InOrder(TyperGroup):
    """Lists commands in the order in which they are needed, not the single ones first."""

    def list_commands(self, _ctx: object) -> list[str]:
        return [
            "demo", "node", "card", "member", "dataset", "policy", "budget", "round", "lead", "staff", "approval",
            "tripwire", "audit", "report", "verify", "relay", "retention", "erase", "backup", "restore", "key",
            "doctor",
        ]  # fmt: skip

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        ctx.meta[_ASKS_FOR_HELP] = not _HELP_OPTIONS.isdisjoint(args)
        return super().parse_args(ctx, args)


app = typer.Typer(
    name="blindmatch",
    cls=_InOrder,
    epilog=_EPILOG,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": sorted(_HELP_OPTIONS)},
)
for group in (
    node, card, member, dataset, policy, budget, round, lead,
    staff, approval, tripwire, audit, report, relay, retention, key,
):  # fmt: skip
    app.add_typer(group.app)
app.command("verify")(verify)
app.command("erase")(erase)
app.command("backup")(backup)
app.command("restore")(restore)
app.command("doctor")(doctor.doctor)
app.command("demo")(demo)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"blindmatch {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
    own_passphrase_file: Annotated[
        Path | None,
        typer.Option(
            "--own-passphrase-file",
            envvar="BLINDMATCH_OWN_PASSPHRASE_FILE",
            metavar="FILE",
            help="A private file with your own passphrase, where people are registered (`staff`); else you are asked.",
        ),
    ] = None,
) -> None:
    """Find which records two organisations both hold, and learn nothing else."""
    if not context.meta[_ASKS_FOR_HELP]:
        refuse_elsewhere(context.invoked_subcommand)
    _own.choose(own_passphrase_file)

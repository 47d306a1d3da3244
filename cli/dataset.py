"""`blindmatch dataset`: what this node can compare. The file a data set is made from is read and never changed."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from cli import _consent, stop_list
from cli._dataset_options import Columns, Meaning, Opening, call, marked_copy_path, spread
from cli._datasets_shown import (
    show_added,
    show_list,
    show_preview,
    show_profiles,
    show_refreshed,
    show_removed,
    show_report,
)
from cli._exit import Exit
from cli._options import AsJson, By, Folder, PassphraseFile
from cli._output import show, working
from cli._session import Session

__all__ = ["app"]

app = typer.Typer(
    name="dataset", help="What this node can compare: look, add, refresh, list, remove.", no_args_is_help=True
)
app.add_typer(stop_list.app)

_File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="A table: CSV, XLSX, XLS, ODS, Parquet, JSON Lines, or a .toml file with the url and query of a database.",
    ),
]
_MarkedCopy = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.xlsx", help="Write a copy of the whole table with every finding marked at its cell; a new file."
    ),
]
_Name = Annotated[str, typer.Argument(metavar="NAME", help="The data set's name.")]


class _WithRoles(TyperCommand):
    """A command whose help ends with every role, which are read when somebody asks: all of `node.datasets` is behind
    them."""

    @property
    def epilog(self) -> str | None:
        from node.datasets.roles import explain_roles

        lines = ["\b", "Roles for --map COLUMN=ROLE:"]
        for title, roles in explain_roles():
            lines += ["", f"  {title}"]
            lines += [f"    {role:<22}  {words}" for role, words in roles]
        return "\n".join(line if line else " " for line in lines)

    @epilog.setter
    def epilog(self, _given: Any) -> None:
        """It has only this one."""


@app.command(cls=_WithRoles)
@spread
def preview(
    file: _File,
    meaning: Meaning,
    columns: Columns,
    opening: Opening,
    rows: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="How many rows to show.")] = 5,
    marked_copy: _MarkedCopy = None,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Show how a file would be understood, cell by cell. Nothing is stored and nothing is sent.

    If the mapping is not whole yet, the columns are shown, and what is still needed. Exit code 3 if nothing in the file
    looks like a table with identifiers.
    """
    request = {
        "path": _absolute(file),
        **opening.request(),
        **columns.request(),
        **meaning.request(),
        "rows": rows,
        "marked_copy": marked_copy_path(marked_copy),
    }
    with working("Reading the file") as step:
        reply = call(Session(folder, passphrase_file), "dataset.preview", request, opening, step)
    show(reply, as_json, show_preview)
    if reply["unlike"]:
        raise typer.Exit(Exit.USER)


@app.command(cls=_WithRoles)
@spread
def add(
    file: _File,
    name: Annotated[str, typer.Option(metavar="NAME", help="What to call the data set.")],
    by: By,
    meaning: Meaning,
    columns: Columns,
    opening: Opening,
    marked_copy: _MarkedCopy = None,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Prepare a data set from a file, and report every cell that cannot take part, with what to do about it."""
    request = {
        "path": _absolute(file),
        **opening.request(),
        **columns.request(),
        **meaning.request(),
        "name": name,
        "by": by,
        "marked_copy": marked_copy_path(marked_copy),
    }
    with working("Preparing") as step:
        reply = call(Session(folder, passphrase_file), "dataset.add", request, opening, step)
    show(reply, as_json, show_added)


@app.command(cls=_WithRoles)
@spread
def refresh(
    name: _Name,
    by: By,
    columns: Columns,
    opening: Opening,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="The table as it is now; by default the same file again.")
    ] = None,
    marked_copy: _MarkedCopy = None,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Prepare a data set again from its newer file: only what changed, on the same terms.

    Whoever is not in it any more, or withdrew, takes no part in any later round; it is said in which earlier rounds
    they were.
    """
    request = {
        "path": None if file is None else _absolute(file),
        **opening.request(),
        **columns.request(),
        "name": name,
        "by": by,
        "marked_copy": marked_copy_path(marked_copy),
    }
    with working("Refreshing") as step:
        reply = call(Session(folder, passphrase_file), "dataset.refresh", request, opening, step)
    show(reply, as_json, show_refreshed)


@app.command("report")
def report_of(
    name: _Name, folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False
) -> None:
    """Show again what the last preparation found, column by column and cell by cell."""
    show(Session(folder, passphrase_file).call("dataset.report", {"name": name}), as_json, show_report)


@app.command("list")
def list_datasets(folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False) -> None:
    """List the data sets of this node."""
    show(Session(folder, passphrase_file).call("dataset.list", {}), as_json, show_list)


@app.command()
def profiles(folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False) -> None:
    """List the programs whose exports need no mapping by hand (--profile)."""
    show(Session(folder, passphrase_file).call("dataset.profiles", {}), as_json, show_profiles)


@app.command()
def remove(
    name: _Name,
    by: By,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Remove a data set from this node. The file it was made from stays as it is."""
    show(Session(folder, passphrase_file).call("dataset.remove", {"name": name, "by": by}), as_json, show_removed)


def _absolute(file: Path) -> str:
    # The running node has another working folder.
    return str(file.expanduser().absolute())


_consent.register(app)

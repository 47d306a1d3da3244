"""Options that many commands share, each said once."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from cli._session import DEFAULT_FOLDER

__all__ = ["AsJson", "By", "Folder", "LogStyle", "PassphraseFile", "RoundId", "log_style"]

Folder = Annotated[
    Path | None,
    typer.Option(
        "--folder",
        envvar="BLINDMATCH_STATE",
        metavar="DIR",
        help="The node's folder.",
        show_default=DEFAULT_FOLDER,
    ),
]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        envvar="BLINDMATCH_PASSPHRASE_FILE",
        metavar="FILE",
        help="A private file whose first line is the passphrase; without it you are asked.",
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document instead of text; errors stay text, on standard error.")
]
By = Annotated[
    str,
    typer.Option("--by", metavar="LABEL", help="Who does this, as your organisation calls them; goes into the log."),
]
LogStyle = Annotated[
    str | None,
    typer.Option(
        "--log",
        metavar="STYLE",
        help="How to log on standard error: console or json.",
        show_default="as the settings say",
    ),
]
RoundId = Annotated[str, typer.Argument(metavar="ROUND", help="The round's id, or the beginning of it.")]


def log_style(said: str | None) -> Literal["console", "json"] | None:
    """What `--log` said, if anything; a usage error for another word."""
    if said is None:
        return None
    if said == "console":
        return "console"
    if said == "json":
        return "json"
    raise typer.BadParameter("Say console or json.", param_hint="--log")

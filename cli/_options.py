"""Options that many commands share, each said once."""

from pathlib import Path
from typing import Annotated

import typer

from cli._session import DEFAULT_FOLDER

__all__ = ["AsJson", "By", "Folder", "PassphraseFile", "RoundId"]

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
RoundId = Annotated[str, typer.Argument(metavar="ROUND", help="The round's id, or the beginning of it.")]

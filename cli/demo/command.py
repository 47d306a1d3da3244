"""The command `blindmatch demo`: its options, its signals and its ending."""

import time
from pathlib import Path
from typing import Annotated

import typer

from cli._options import AsJson

__all__ = ["demo"]


def demo(
    keep: Annotated[
        Path | None,
        typer.Option("--keep", metavar="DIR", help="Keep everything in this new folder, to look at it afterwards."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a whole round on this machine: a shelter and a police unit find whom both know, and learn nothing else.

    Three nodes run as processes of their own, with invented people. Nothing outside this machine is contacted, and
    everything is removed at the end.
    """
    from cli._output import show
    from cli.demo.stage import Signals, Stage, Stopped
    from cli.demo.story import Narrator, play
    from cli.demo.telling import tell

    began = time.monotonic()
    signals = Signals()
    with signals.caught():
        # A stop is told once. Wherever it strikes, one of the two closes runs to its end.
        try:
            stage = Stage(signals, keep)
            try:
                signals.release()
                found = play(stage, Narrator(as_json), signals)
            finally:
                stage.close()
        except Stopped as stopped:
            stage.close()
            raise typer.Exit(stopped.code) from None
    found["seconds"] = round(time.monotonic() - began, 1)
    found["kept"] = str(stage.folder) if keep else None
    show(found, as_json, tell)

"""Runs one command line and turns whatever happens into a message and an exit code."""

import sys

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from cli._exit import Exit, exit_code
from cli._tree import app
from node.errors import NodeError, place_of
from psi.errors import PsiError

__all__ = ["run"]

_BEHIND = {"--folder": "--folder DIR", "--passphrase-file": "--passphrase-file FILE", "--json": "--json"}
"""Options of nearly every command that people put before it."""


def run(arguments: list[str]) -> int:
    """The exit code. KeyboardInterrupt and BrokenPipeError are left to the caller."""
    try:
        code = typer.main.get_command(app).main(arguments, prog_name="blindmatch", standalone_mode=False)
    except TyperException as error:
        return _usage(error)
    except (NodeError, PsiError) as error:
        _say(f"Error: {error.sentence}", error.advice)
        return exit_code(error)
    except typer.Abort:
        _say("Stopped.")
        return Exit.INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001  the last place that can catch it
        _say(
            "Error: Something went wrong inside blindmatch that it does not know how to explain "
            f"({type(error).__name__} at {place_of(error)}).",
            "Run `blindmatch doctor`, and report what it says and which command this was.",
        )
        return Exit.DEFECT
    if code == Exit.INTERRUPTED:
        _say("Stopped.")  # typer took the KeyboardInterrupt
    return code if isinstance(code, int) else Exit.OK


def _usage(error: TyperException) -> int:
    show = getattr(error, "show", None)
    if show is None:
        _say(f"Error: {error.format_message()}")
    else:
        show()
        said, place = getattr(error, "option_name", None), getattr(error, "ctx", None)
        if said in _BEHIND and place is not None and isinstance(place.command, TyperGroup):
            _say(f"It goes behind the command, for example: blindmatch node status {_BEHIND[said]}")
    return Exit.USAGE


def _say(*lines: str) -> None:
    from cli._output import safe

    sys.stderr.write("".join(f"{safe(line)}\n" for line in lines if line))

"""The way into the command line, and the last word on every error.

Errors of the node and of psi are sentences and become exit codes in `_exit.py`. Anything else is a defect of ours: it
is told in one bland sentence, because its text and traceback may quote data. Nothing but the standard library is
imported before `main` is entered, so that Ctrl-C is answered properly from the start.
"""

import os
import sys

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run one command line; the exit code. Raises nothing but SystemExit, and that only for shell completion."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its C core would write to our standard error
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        from cli._run import run

        code = run(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output (`| head`) has enough. Python would complain when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        return 130
    return code

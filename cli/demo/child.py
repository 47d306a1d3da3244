"""One node process of the demo: `python -m cli.demo.child PARENT node run`.

The system is asked to kill this process when the demo ends, however it ends (Linux, PR_SET_PDEATHSIG); then it is an
ordinary `blindmatch`.
"""

import ctypes
import os
import signal
import sys

__all__ = ["main"]

_PR_SET_PDEATHSIG = 1


def main() -> int:
    """Run the rest of the command line as long as the process PARENT lives."""
    parent, *arguments = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(parent):
        return 0  # it ended before the system knew that we depend on it
    from cli.main import main as blindmatch

    return blindmatch(arguments)


if __name__ == "__main__":
    sys.exit(main())

"""Runs `blindmatch` as people do: as a process of its own, with its own environment and nothing to type."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.tree import ROOT

__all__ = ["INIT", "blindmatch", "node_process"]

INIT = (
    "node", "init", "--name", "Harbour Shelter", "--class", "ngo", "--country", "DE", "--language", "de",
    "--contact", "Duty desk", "--listen", "127.0.0.1:0",
)  # fmt: skip
"""All of `node init` but its endpoint and its passphrase."""


def blindmatch(
    *words: str | Path, state: Path | None = None, stdin: str | None = None, seconds: float = 60, **environment: str
) -> subprocess.CompletedProcess[str]:
    """One command. `state` is the node's folder; without `stdin` there is nobody to ask."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BLINDMATCH_")}
    if state is not None:
        clean["BLINDMATCH_STATE"] = str(state)
    return subprocess.run(
        [sys.executable, "-m", "cli", *map(str, words)],
        cwd=ROOT,
        env=clean | {"NO_COLOR": "1", "COLUMNS": "80"} | environment,
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        timeout=seconds,
        start_new_session=True,  # no terminal to ask at
    )


@contextmanager
def node_process(state: Path) -> Iterator[subprocess.Popen[str]]:
    """A running node without a passphrase, from the moment it says so."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "node", "run", "--folder", str(state)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stderr is not None
        assert "is running at" in process.stderr.readline()
        yield process
    finally:
        process.terminate()
        process.wait(20)

"""What only says who we are starts without the packages that do the work: half a second each on an old laptop."""

import subprocess
import sys

import pytest

from tests.support.commands import blindmatch
from tests.support.tree import ROOT

HEAVY = ("cryptography", "grpc", "numpy", "node.datasets", "node.store", "phonenumbers",
         "psi.identifiers", "pyarrow", "sqlalchemy")  # fmt: skip
"""Each takes a tenth of a second or more to import, or brings one that does."""

LIGHT = [["--version"], ["--help"], ["-h"], ["round", "--help"], ["round", "propose", "--help"], ["node", "--help"]]

PROBE = """
import contextlib, io, sys
if {before!r}:
    __import__({before!r})
from cli.main import main
with contextlib.redirect_stdout(io.StringIO()):
    code = main({words!r})
print(code, *[name for name in {heavy!r} if name in sys.modules])
"""


def imported(words: list[str], before: str = "") -> tuple[int, set[str]]:
    """Exit code of a command line in a fresh process, and which heavy packages it has imported."""
    program = PROBE.format(words=words, heavy=HEAVY, before=before)
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    code, *found = done.stdout.split()
    return int(code), set(found)


@pytest.mark.parametrize("words", LIGHT, ids=" ".join)
def test_what_only_tells_about_the_command_imports_nothing_heavy(words: list[str]) -> None:
    assert imported(words) == (0, set())


@pytest.mark.parametrize("name", ["numpy", "node.datasets"])
def test_an_import_too_many_is_found(name: str) -> None:
    """The twin: something on the way imports it."""
    assert name in imported(["--version"], before=name)[1]


def test_the_help_that_lists_roles_still_does() -> None:
    done = blindmatch("dataset", "preview", "--help")
    assert done.returncode == 0
    assert "reference" in done.stdout.partition("Roles for --map COLUMN=ROLE:")[2]

"""The tables in node/README.md are the code's: states of a round, failpoints, packages."""

import re

import pytest

from node.failpoints import POINTS
from node.rounds.states import ENDS, RoundState
from tests.support.tree import ROOT

NOT_LISTED = {"__init__.py", "__main__.py", "clock.py", "config.py", "errors.py", "ids.py", "py.typed", "README.md"}
"""Small things that need no line in the table of where things are."""


def document() -> str:
    return (ROOT / "node" / "README.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return re.split(r"^## ", document().split(f"## {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def first_cells(text: str) -> set[str]:
    """What the first column of every table row says, without back-ticks; several names of one row are taken apart."""
    cells = re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE)
    return {word.strip("`,") for cell in cells for word in cell.split()}


def missing(code: set[str], text: str) -> set[str]:
    """Names that stand on one side only."""
    return code ^ (first_cells(text) & (code | set(re.findall(r"round\.[a-z-]+", text))))


def test_every_failpoint_is_explained_and_no_other() -> None:
    assert missing(set(POINTS), section("What a crash costs")) == set()


def test_every_state_is_explained() -> None:
    table = first_cells(section("Life of a round"))
    assert {str(state) for state in RoundState} <= table
    assert {str(state) for state in ENDS} <= table


def test_every_part_of_node_has_a_line() -> None:
    here = {path.name for path in (ROOT / "node").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    said = {cell.rstrip("/") for cell in first_cells(section("Where things are"))}
    assert here - NOT_LISTED - said == set()


MIN_FAULTS = 20
FAULT = re.compile(r"^\| .* \| \[(test_\w+)\]\(\.\./(tests/[\w/]+\.py)\) \|$", re.MULTILINE)


def faults_without_test(text: str) -> list[str]:
    """Tests that a row of the table of faults names and that do not exist."""
    named = FAULT.findall(text)
    assert len(named) == text.count("\n| ") - 2, "a row names no test"  # all rows but the head's two
    assert len(named) >= MIN_FAULTS
    return [name for name, path in named if f"def {name}(" not in (ROOT / path).read_text(encoding="utf-8")]


def test_every_fault_names_a_test_that_exists() -> None:
    assert faults_without_test(section("Faults")) == []
    assert faults_without_test(section("Faults").replace("test_a_bad_link", "test_a_good_link"))


@pytest.mark.parametrize(
    "text", ["| `round.deciding` | a | b |\n", "| `round.deciding` | |\n| `round.gone` | |\n", "round.deciding"]
)
def test_a_failpoint_that_is_left_out_or_invented_is_found(text: str) -> None:
    code = {"round.deciding", "round.new"} if "gone" not in text else {"round.deciding"}
    assert missing(code, text)

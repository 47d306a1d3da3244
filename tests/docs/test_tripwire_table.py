"""The tables of what decoys catch, in threat_model.md and on the screen, are what the program computes."""

import json
from pathlib import Path

import pytest

from cli.main import main
from node.tripwires import DEFAULT_DECOYS, table
from tests.support.tree import ROOT

BOTH = [table.sweep_cells(), table.honest_cells()]


def missing(text: str) -> list[str]:
    """The lines of both tables that a document does not have."""
    lines = text.splitlines()
    return [line for one in BOTH for line in table.markdown(one) if line not in lines]


@pytest.mark.tm("TM-207")
def test_the_document_shows_the_tables_as_they_are() -> None:
    assert missing((ROOT / "threat_model.md").read_text(encoding="utf-8")) == []


def test_a_figure_that_was_changed_in_a_document_is_found() -> None:
    """The twin."""
    text = (ROOT / "threat_model.md").read_text(encoding="utf-8")
    assert missing(text.replace("| 32 (default) | 3.2 %", "| 32 (default) | 32 %"))


@pytest.mark.tm("TM-207")
def test_the_command_shows_the_tables_and_says_what_decoys_do_not_see(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tripwire", "table", "--json"]) == 0
    reply = json.loads(capsys.readouterr().out)
    assert [one["lines"] for one in reply["tables"]] == BOTH
    assert main(["tripwire", "table"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    for row in BOTH[0][1:]:
        assert f"{row[0]} {row[1]}" in said
    assert "They never see single guesses" in said


def test_the_default_stands_in_the_settings(tmp_path: Path) -> None:
    from node.config import Config

    assert Config().tripwires.decoys == DEFAULT_DECOYS

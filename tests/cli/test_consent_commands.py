"""`dataset withdraw`, `withhold`, `readmit` as people type them: references from standard input, never shown again."""

import json
from pathlib import Path

import pytest

from cli._exit import Exit
from node.app import open_node
from node.operations import OPERATIONS, Dispatcher
from tests.support.commands import blindmatch
from tests.support.nodes import make_folder
from tests.support.small_rounds import OURS, write_numbers


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("consent")
    make_folder(place / "node", "shelter", "ngo")
    request = {
        "path": str(write_numbers(place / "ours.csv", OURS, 0)), "name": "cases", "by": "ada", "region": "DE",
        "record_class": "victim", "mapping": {"Case": "reference", "Phone": "phone", "Consent": "consent"},
    }  # fmt: skip
    with open_node(place / "node", None) as parts:
        Dispatcher(parts, OPERATIONS).invoke("dataset.add", json.dumps(request).encode(), lambda _step: None)
    return place / "node"


@pytest.mark.tm("TM-196")
def test_references_come_from_standard_input_and_are_not_shown_again(folder: Path) -> None:
    records = ("--records-file", "-", "--by", "ada")
    done = blindmatch("dataset", "withdraw", "cases", *records, state=folder, stdin="S-1\nS-77\n")
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "2 of 2 references withdrawn in cases." in said
    assert "1 of them stand on no record of this data set: check how they are spelt." in said
    back = blindmatch("dataset", "readmit", "cases", *records, "--json", state=folder, stdin="S-1\n")
    assert json.loads(back.stdout)["withdrawn"] == 1
    unknown = blindmatch("dataset", "withhold", "cases", "--from", "nobody", *records, state=folder, stdin="S-1\n")
    assert unknown.returncode == Exit.NOT_FOUND
    assert "No member of that name" in unknown.stderr
    for one in (done, back, unknown):
        assert "S-77" not in one.stdout + one.stderr
        assert "Traceback" not in one.stderr

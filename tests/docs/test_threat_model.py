"""Every promise of threat_model.md has a test, and every test that claims a promise has one.

Markers are read from the source, so a test that is skipped on this machine still counts here, and a marker in a file
that pytest does not collect does not.
"""

import ast
import re
from collections.abc import Mapping

import pytest

from tests.support.tree import ROOT, project_files

PARTS = 10
MIN_PROMISES = 50
"""So that a table that no longer parses is found."""

ID = re.compile(r"TM-(0[1-9]|[1-9]\d\d?)")
"""One number, one form: two digits, and three from 100 on."""
ROW = re.compile(r"^\| *(TM-[^ |]*) *\|(.*)\|(.*)\|$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)]+)\)")


def document() -> str:
    return (ROOT / "threat_model.md").read_text(encoding="utf-8")


def sources() -> dict[str, str]:
    """The text of every file whose tests pytest runs, by path."""
    paths = [path for path in project_files() if path.parts[0] == "tests" and path.match("test_*.py")]
    return {str(path): (ROOT / path).read_text(encoding="utf-8") for path in paths}


def ids_in(source: str) -> set[str]:
    """What `pytest.mark.tm(...)` names in a file: on tests, classes, parameters or the whole module."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="mark"), attr="tm"), args=arguments):
                found |= {ast.literal_eval(argument) for argument in arguments}
            case _:
                pass
    return found


def problems(text: str, sources: Mapping[str, str]) -> list[str]:
    """Where promises, ids in the text and markers do not fit each other; empty when they do."""
    rows = ROW.findall(text)
    promised = [found for found, _, _ in rows]
    marked = {path: ids_in(source) for path, source in sources.items()}
    shown = set().union(*marked.values()) if marked else set()
    out = [f"{each} is no id" for each in {*promised, *shown} if not ID.fullmatch(each)]
    out += [f"{each} is promised twice" for each in set(promised) if promised.count(each) > 1]
    out += [f"{each} has no test" for each in set(promised) - shown]
    out += [f"{each} is marked in a test but not promised" for each in shown - set(promised)]
    out += [f"{each} is mentioned but not promised" for each in set(re.findall(r"TM-\d+", text)) - set(promised)]
    for found, _, where in rows:
        named = LINK.findall(where)
        out += [] if named else [f"{found} names no test file"]
        out += [f"{found} is not in {path}" for path in named if found not in marked.get(path, set())]
    return sorted(out)


def test_promises_and_tests_fit_each_other() -> None:
    assert len(ROW.findall(document())) >= MIN_PROMISES
    assert problems(document(), sources()) == []


def test_other_documents_name_promises_that_exist() -> None:
    promised = {found for found, _, _ in ROW.findall(document())}
    texts = {str(path): (ROOT / path).read_text(encoding="utf-8") for path in project_files() if path.suffix == ".md"}
    unknown = {path: ids for path, text in texts.items() if (ids := set(re.findall(r"TM-\d+", text)) - promised)}
    assert unknown == {}


def test_the_ten_parts_stand_in_order() -> None:
    headings = re.findall(r"^## (\d+) ", document(), re.MULTILINE)
    assert headings == [str(number) for number in range(1, PARTS + 1)]


TABLE = "See TM-01.\n| TM-01 | Nothing leaves. | [a](tests/test_a.py) |\n"
SOURCE = '@pytest.mark.tm("TM-01")\ndef test_a(): ...\n'


def test_the_small_table_itself_is_sound() -> None:
    assert problems(TABLE, {"tests/test_a.py": SOURCE}) == []


@pytest.mark.parametrize(
    ("text", "source", "said"),
    [
        (TABLE, "", "TM-01 has no test"),
        (TABLE, "# @pytest.mark.tm('TM-01')", "TM-01 has no test"),
        (TABLE, SOURCE.replace("TM-01", "TM-02"), "TM-02 is marked in a test but not promised"),
        (TABLE, 'pytestmark = [pytest.mark.tm("TM-01", "TM-03")]', "TM-03 is marked in a test but not promised"),
        (TABLE, SOURCE + "X = pytest.param(1, marks=pytest.mark.tm('TM-04'))", "TM-04 is marked in a test"),
        (TABLE + TABLE, SOURCE, "TM-01 is promised twice"),
        (TABLE + "So TM-09 holds.", SOURCE, "TM-09 is mentioned but not promised"),
        (TABLE.replace("TM-01", "TM-1"), SOURCE.replace("TM-01", "TM-1"), "TM-1 is no id"),
        (TABLE.replace("TM-01", "TM-001"), SOURCE.replace("TM-01", "TM-001"), "TM-001 is no id"),
        (TABLE.replace("TM-01", "TM-1000"), SOURCE.replace("TM-01", "TM-1000"), "TM-1000 is no id"),
        (TABLE.replace("TM-01", "TM-101") + "See TM-101.", SOURCE, "TM-101 has no test"),
        (TABLE.replace("test_a.py", "test_b.py"), SOURCE, "TM-01 is not in tests/test_b.py"),
        (TABLE.replace("[a](tests/test_a.py)", "by hand"), SOURCE, "TM-01 names no test file"),
    ],
)
def test_what_does_not_fit_is_found(text: str, source: str, said: str) -> None:
    assert any(problem.startswith(said) for problem in problems(text, {"tests/test_a.py": source}))

"""Settings and lead numbers as people type them."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer

from cli._release import chosen_references, numbers_in
from cli._settings import read_settings
from node.errors import UserError


@pytest.mark.parametrize(
    ("entries", "settings"),
    [
        ([], {}),
        (["deadline=2027-01-31T12:00:00Z"], {"deadline": "2027-01-31T12:00:00Z"}),
        (["members.harbour.records=64"], {"members": {"harbour": {"records": 64}}}),
        (["a.b=1", "a.c=true", "a.b=2"], {"a": {"b": 2, "c": True}}),
        (['reply={"mode": "count"}'], {"reply": {"mode": "count"}}),
        (["title=a=b"], {"title": "a=b"}),
        (["title="], {"title": ""}),
    ],
)
def test_settings(entries: list[str], settings: dict[str, Any]) -> None:
    assert read_settings(None, entries) == settings


@pytest.mark.parametrize("entry", ["", "=1", "a", ".a=1", "a..b=1", "a.=1"])
def test_settings_that_are_none(entry: str) -> None:
    with pytest.raises(typer.BadParameter):
        read_settings(None, [entry])


def test_a_file_comes_first_and_entries_on_top(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"title": "old", "members": {"a": {"records": 8}}}))
    assert read_settings(file, ["title=new", "members.a.basis=consent"]) == {
        "title": "new",
        "members": {"a": {"records": 8, "basis": "consent"}},
    }


@pytest.mark.parametrize("content", ["", "[]", "{", "1", "[" * 60_000])
def test_a_file_that_is_no_object_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "settings.json"
    file.write_text(content)
    with pytest.raises(typer.BadParameter, match="not a JSON object"):
        read_settings(file, [])


@pytest.mark.parametrize(
    ("answer", "numbers"),
    [("1", [1]), ("1, 3", [1, 3]), ("2-4", [2, 3, 4]), ("3 1 3", [1, 3]), ("ALL ", [1, 2, 3, 4, 5]), ("none", [])],
)
def test_numbers(answer: str, numbers: list[int]) -> None:
    assert numbers_in(answer, 5) == numbers


@pytest.mark.parametrize("answer", ["", "0", "6", "4-2", "1-6", "-1", "HS-01", "1,,x", "1;2", "99999999", "١"])
def test_what_is_no_number_releases_nothing(answer: str) -> None:
    assert numbers_in(answer, 5) is None


def leads(_operation: str, _request: Any) -> dict[str, Any]:
    return {"total": 2, "leads": [{"number": 1, "reference": "A"}, {"number": 2, "reference": "B"}]}


def test_numbers_become_references_of_ours() -> None:
    assert chosen_references(leads, "4f", lead=[2], records_file=None) == ["B"]


def test_an_unknown_number_releases_nothing() -> None:
    with pytest.raises(UserError, match=r"no lead number 3\. Nothing was released"):
        chosen_references(leads, "4f", lead=[1, 3], records_file=None)


def test_references_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "refs"
    file.write_text("A\n\n  B  \n")
    assert chosen_references(leads, "4f", lead=[], records_file=file) == ["A", "B"]

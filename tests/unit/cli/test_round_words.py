"""Settings and lead numbers as people type them."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer

from cli._release import _ask, chosen_leads, numbers_in
from cli._settings import check_names, read_settings
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
    references = ["A", "B", "A", "C"]
    return {"total": 4, "leads": [{"number": n, "reference": r} for n, r in enumerate(references, start=1)]}


def test_numbers_are_taken_once_each() -> None:
    assert chosen_leads(leads, "4f", lead=[2, 2], records_file=None) == ([2], "1 of 4 leads (2)")


def test_an_unknown_number_releases_nothing() -> None:
    with pytest.raises(UserError, match=r"no lead number 5\. Nothing was released"):
        chosen_leads(leads, "4f", lead=[1, 5], records_file=None)


def test_a_reference_in_a_file_means_every_lead_that_carries_it_and_says_how_many(tmp_path: Path) -> None:
    file = tmp_path / "refs"
    file.write_text("A\n\n  B  \nA\n")
    said = "3 of 4 leads (those of 2 references)"
    assert chosen_leads(leads, "4f", lead=[], records_file=file) == ([1, 2, 3], said)


def test_a_reference_of_no_lead_releases_nothing(tmp_path: Path) -> None:
    file = tmp_path / "refs"
    file.write_text("A\nCase-4711\n")
    with pytest.raises(UserError, match="not that of a lead") as caught:
        chosen_leads(leads, "4f", lead=[], records_file=file)
    assert "4711" not in caught.value.diagnostics()


@pytest.mark.parametrize("said", [["y", "Y", "ja"], ["", "yes!", "no"]])
def test_anything_but_yes_in_full_releases_nothing(
    said: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = iter(["1", *said])
    monkeypatch.setattr("builtins.input", lambda _question: next(answers))
    with pytest.raises(UserError, match="Nothing was released"):
        _ask(2)
    assert capsys.readouterr().out.count("Not released. Type yes in full") == 3


def test_a_person_may_say_yes_at_the_second_try(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["1, 2", "y", "YES"])
    monkeypatch.setattr("builtins.input", lambda _question: next(answers))
    assert _ask(2) == [1, 2]


@pytest.mark.parametrize(
    ("settings", "sentence", "advice"),
    [
        ({"recods": 8}, "no setting recods", "members.ALIAS.records=256"),
        ({"records": 8}, "no setting records", "members.ALIAS.records=256"),
        ({"dedline": "x"}, "no setting dedline", "Did you mean deadline?"),
        ({"members": {"harbor": {"records": 8}}}, "no setting members.harbor", "Did you mean members.harbour?"),
        ({"members": {"harbour": {"record": 8}}}, "no setting members.harbour.record", "members.harbour.records"),
        ({"reply": {"band": []}}, "no setting reply.band", "reply.bands"),
    ],
)
def test_a_setting_that_does_not_exist_is_named(settings: dict[str, Any], sentence: str, advice: str) -> None:
    with pytest.raises(UserError, match=sentence) as caught:
        check_names(settings, ["harbour", "river"])
    assert advice in caught.value.advice


def test_settings_that_exist_pass_whatever_their_values() -> None:
    check_names({"members": {"river": {"records": "x"}}, "reply": 5, "deadline": None}, ["harbour", "river"])
    check_names({"members": None}, ["harbour"])

"""What `node init` asks: every answer is checked at once, and a slip costs that answer only."""

from typing import Any

import pytest
import typer

from cli._profile import profile_of
from node.errors import UserError

WHOLE: dict[str, Any] = {
    "name": "Harbour", "member_class": "shelter", "country": "DE", "languages": ["de"], "contact": "Desk",
    "endpoint": "127.0.0.1:7443",
}  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value", "advice"),
    [
        ("name", "two\u202elines", "cannot be seen"),
        ("member_class", "spies", "labour_inspectorate"),
        ("country", "Germany", "two capital letters"),
        ("languages", ["DEUTSCH"], "two or three small letters"),
        ("contact", "x" * 201, "200 characters"),
        ("endpoint", "nowhere", "host:port"),
        ("endpoint", "unix:/tmp/x:1", "host:port"),
    ],
)
def test_an_option_that_cannot_stand_says_what_can(field: str, value: Any, advice: str) -> None:
    with pytest.raises(UserError, match=field) as caught:
        profile_of({**WHOLE, field: value})
    assert advice in caught.value.advice


def test_a_bad_option_is_told_before_anything_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda _question: pytest.fail("asked"))
    with pytest.raises(UserError, match="country"):
        profile_of({**WHOLE, "country": "Germany", "name": None})


def test_nobody_there_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", type("Pipe", (), {"isatty": lambda _self: False})())
    with pytest.raises(typer.BadParameter):
        profile_of({**WHOLE, "name": None})


def test_a_wrong_answer_is_asked_again_and_the_others_are_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = iter(
        ["Harbour", "", "spies", "Labour Inspectorate", "Germany", "de", "DE, ro", "Desk", "here", "x.org:1"]
    )
    monkeypatch.setattr("sys.stdin", type("Terminal", (), {"isatty": lambda _self: True})())
    monkeypatch.setattr("builtins.input", lambda _question: next(answers))
    made = profile_of(dict.fromkeys(WHOLE))
    assert (made.name, made.member_class, made.country, made.languages, made.endpoint) == (
        "Harbour", "labour_inspectorate", "DE", ("de", "ro"), "x.org:1",
    )  # fmt: skip
    assert capsys.readouterr().out.count("cannot stand on a card") == 4


@pytest.mark.parametrize(
    ("typed", "stands"), [("Shelter", "shelter"), (" NGO ", "ngo"), ("labour-inspectorate", "labour_inspectorate")]
)
def test_case_and_blanks_of_a_class_do_not_matter(typed: str, stands: str) -> None:
    assert profile_of({**WHOLE, "member_class": typed, "country": "de"}).member_class == stands

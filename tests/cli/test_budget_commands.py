"""What `blindmatch budget` prints: the years, wherever a budget is set, and what takes a second person (F1)."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cli._exit import Exit
from cli.main import main
from node.app import open_node
from node.operations import OPERATIONS, Dispatcher, Parts
from tests.support.nodes import make_folder

COUNTRY = "to try the 100,000,000 telephone numbers of a country."
DEFAULT = (
    f"20,000 elements per 10 days: one peer would need 137 years {COUNTRY} "
    "All members together: 100,000 elements, 27 years."
)
LARGE = (
    f"1,000,000 elements per 30 days: one peer would need 8.2 years {COUNTRY} "
    "All members together: 1,000,000 elements, 8.2 years."
)
FLOOR = (
    f"410,677 elements per 30 days: one peer would need 20 years {COUNTRY} "
    "All members together: 410,677 elements, 20 years."
)

Say = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    monkeypatch.setenv("BLINDMATCH_STATE", str(tmp_path / "shelter"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    make_folder(tmp_path / "shelter", "shelter", "ngo", "[limits]\nworkers = 4\n")
    return tmp_path


@pytest.fixture
def say(folder: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    """Run one command in this process; what it printed, on one line."""
    assert folder

    def run(*words: str, code: Exit = Exit.OK) -> str:
        capsys.readouterr()
        found = main(list(words))
        out, err = capsys.readouterr()
        assert found == code, err
        return " ".join((err if code else out).split())

    return run


def ask(parts: Parts, operation: str, **request: Any) -> Any:
    return json.loads(Dispatcher(parts, OPERATIONS).invoke(operation, json.dumps(request).encode(), lambda _said: None))


def know_police(folder: Path) -> None:
    """The shelter has a confirmed member."""
    make_folder(folder / "police", "police", "police")
    with open_node(folder / "police", None) as police, open_node(folder / "shelter", None) as shelter:
        words = ask(shelter, "member.add", file=ask(police, "card.show")["file"], by="ada", alias="police")["words"]
        ask(shelter, "member.confirm", name="police", words=" ".join(words), by="ben")


@pytest.mark.tm("TM-200")
def test_the_years_are_printed_and_large_limits_wait_for_two_people(say: Say, folder: Path) -> None:
    assert say("budget", "show").startswith(DEFAULT)
    assert "need nobody's approval" in say("budget", "approve-settings", "--by", "anna", code=Exit.USER)
    with (folder / "shelter" / "config.toml").open("a") as config:
        config.write("[budget]\nelements = 1_000_000\ndays = 30\n")
    assert say("budget", "show").startswith(
        f"{FLOOR} The settings ask for more: {LARGE} Less than 20 years needs two people, so this has no effect"
    )
    asked = say("budget", "approve-settings", "--by", "anna")
    assert f"Until a second person approves it, this has no effect: {LARGE} Until then: {FLOOR}" in asked
    refused = say("budget", "approve-settings", "--by", "anna", code=Exit.NOT_ALLOWED)
    assert "somebody else has to decide" in refused
    assert LARGE[:-1] in say("approval", "list", "--json"), "the second person reads the years, too"
    assert json.loads(say("budget", "show", "--json"))["limits"]["elements"] == 410_677
    assert say("budget", "approve-settings", "--by", "bela") == f"Approved. From now on these limits hold: {LARGE}"
    assert say("budget", "show").startswith(f"{LARGE} In this window")
    assert "8.2 years" in say("node", "status")


@pytest.mark.tm("TM-199")
def test_a_grant_is_asked_for_approved_listed_and_revoked(say: Say, folder: Path) -> None:
    know_police(folder)
    with open_node(folder / "shelter", None) as parts:
        until = (parts.clock.now() + timedelta(days=30)).date().isoformat()
    words = ("budget", "grant", "police", "--elements", "1_000_000".replace("_", ""), "--until", until, "--by", "anna")
    asked = say(*words)
    assert "waits for a second person" in asked
    assert f"With this grant police may have 1,000,000 elements more evaluated until {until}" in asked
    assert "in 7.7 years." in asked or "in 7.6 years." in asked
    number = asked.partition("approval approve ")[2].split()[0]
    listed = say("approval", "list")
    assert "1,000,000 elements more" in listed
    assert "years" in listed
    assert "somebody else has to decide" in say("approval", "approve", number, "--by", "anna", code=Exit.NOT_ALLOWED)
    assert "20,000" in say("budget", "show")
    say("approval", "approve", number, "--by", "bela")
    shown = json.loads(say("budget", "show", "--json"))
    (grant,) = shown["grants"]
    assert (grant["state"], grant["approved_by"], grant["left"]) == ("open", "bela", 1_000_000)
    assert shown["members"][0]["left"] == 1_020_000
    assert "is revoked" in say("budget", "revoke", grant["grant_id"][:8], "--by", "carl")
    assert json.loads(say("budget", "show", "--json"))["members"][0]["left"] == 20_000
    with open_node(folder / "shelter", None) as parts:
        events = [entry.event.value for entry in parts.audit.entries(first=0)]
    assert [event for event in events if event.startswith(("grant", "approval"))] == [
        "grant-asked", "approval-asked", "approval-given", "grant-approved", "grant-revoked",
    ]  # fmt: skip


@pytest.mark.tm("TM-199")
def test_a_list_above_the_limits_needs_a_grant_that_is_approved(folder: Path) -> None:
    know_police(folder)
    terms = {"members": {"police": {"records": 100_000}}}
    with open_node(folder / "shelter", None) as parts:

        def judged() -> tuple[bool, str, int]:
            asked = {"template": "J3", "members": ["me", "police"], "settings": terms, "by": "carl", "dry_run": True}
            shown = ask(parts, "round.propose", **asked)
            (verdict,) = [one for one in shown["verdicts"] if one["rule"] == "peer-list-size"]
            return verdict["ok"], f"{verdict['sentence']} {verdict['advice']}", max(shown["elements"].values())

        good, said, elements = judged()
        assert not good
        assert f"{elements:,} elements; its budget here is 20,000" in said
        assert "blindmatch budget grant" in said
        until = parts.clock.now().date().isoformat()
        number = ask(parts, "budget.grant", member="police", elements=elements - 20_000, until=until, by="anna")[
            "number"
        ]
        assert not judged()[0], "asked for is not approved"
        ask(parts, "approval.approve", number=number, by="bela")
        assert judged()[:2] == (True, " ")


def test_what_is_no_grant_is_refused_in_a_sentence(say: Say, folder: Path) -> None:
    know_police(folder)
    with open_node(folder / "shelter", None) as parts:
        today = parts.clock.now().date().isoformat()
    for elements, until, sentence in (
        ("5", "2020-01-01", "between today and 180 days"),
        ("5", "tomorrow", "until"),
        ("200000000", today, "1 to 100,000,000"),
    ):
        words = ("budget", "grant", "police", "--elements", elements, "--until", until, "--by", "anna")
        assert sentence in say(*words, code=Exit.USER)
    assert json.loads(say("budget", "show", "--json"))["grants"] == []


def test_who_proposes_against_its_own_rules_is_told_so_at_the_end(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    know_police(folder)

    def told(*settings: str) -> list[str]:
        capsys.readouterr()
        assert (
            main(["round", "propose", "J3", "--with", "me", "--with", "police", "--by", "carl", *settings]) == Exit.OK
        )
        return capsys.readouterr().err.splitlines()

    against = told("--set", "members.police.records=100000")
    assert (
        against[0] == "Proposed, although a rule of this node objects, as above: who has the same rule cannot sign it."
    )
    assert "blindmatch round cancel " in against[1]
    assert told()[0].startswith("Proposed. `blindmatch round status ")

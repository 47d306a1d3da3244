"""What a person is told who comes too late, or whose step ends rounds: in words, with the next command."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import cli.member
from cli._exit import Exit
from cli.main import main
from node.app import open_node
from node.errors import NotAllowed, UserError
from node.rounds.states import RoundState
from tests.support.nodes import Running
from tests.support.small_rounds import SETTINGS, at_rest

OURS = ["me", "police"]


@contextmanager
def opened(folder: Path) -> Iterator[Running]:
    """The shelter, which does not run."""
    with open_node(folder / "shelter", None) as parts:
        yield Running("shelter", parts)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A shelter that knows a police unit and a board."""
    with at_rest(tmp_path, "police", "board"):
        pass
    return tmp_path


def proposed(node: Running, members: list[str] = OURS) -> str:
    made = node.ask("round.propose", template="J1", members=members, settings=SETTINGS, by="ada")
    return str(made["round"]["round_id"])


def end(node: Running, round_id: str, state: RoundState) -> None:
    with node.parts.store.transaction() as tx:
        if state is RoundState.FINISHED:
            for step in (RoundState.AGREED, RoundState.PREPARING, RoundState.RUNNING):
                node.parts.book.move(tx, round_id, step)
        node.parts.book.move(tx, round_id, state)


@pytest.mark.parametrize("operation", ["round.cancel", "round.refuse"])
@pytest.mark.parametrize(
    ("state", "command"),
    [
        (RoundState.FINISHED, "`blindmatch round results {name}` shows what it gave."),
        (RoundState.FAILED, "`blindmatch round status {name}` shows how it ended. To try again, propose it again."),
        (RoundState.REFUSED, "`blindmatch round status {name}` shows how it ended. To try again, propose it again."),
        (RoundState.CANCELLED, "`blindmatch round status {name}` shows how it ended. To try again, propose it again."),
    ],
)
def test_a_round_that_is_over_says_what_is_left_to_look_at(
    folder: Path, operation: str, state: RoundState, command: str
) -> None:
    with opened(folder) as shelter:
        round_id = proposed(shelter)
        end(shelter, round_id, state)
        with pytest.raises(UserError, match=f"This round is over: {state}") as caught:
            shelter.ask(operation, round=round_id, by="ada")
        assert command.format(name=round_id[:8]) in caught.value.advice


def test_a_round_that_was_started_is_called_off_and_not_refused(folder: Path) -> None:
    with opened(folder) as shelter:
        round_id = proposed(shelter)
        with shelter.parts.store.transaction() as tx:
            shelter.parts.book.move(tx, round_id, RoundState.AGREED)
            shelter.parts.book.move(tx, round_id, RoundState.PREPARING)
        with pytest.raises(UserError, match="can no longer be refused") as caught:
            shelter.ask("round.refuse", round=round_id, by="ada")
        assert f"`blindmatch round cancel {round_id[:8]} --by NAME`" in caught.value.advice


def test_only_the_convener_starts_and_the_others_are_told_who_that_is(folder: Path) -> None:
    with opened(folder) as shelter:
        found = shelter.parts.book.get(proposed(shelter))
        theirs = replace(found, convener=shelter.parts.members.get("police").member_id)
        with pytest.raises(NotAllowed, match="the node that proposed it") as caught:
            shelter.parts.negotiation.start(theirs, by="ada")
        assert "Ask there" in caught.value.advice


def removed(folder: Path, *words: str) -> int:
    return main(["member", "remove", *words, "--by", "ada", "--folder", str(folder / "shelter")])


def state_of(folder: Path, alias: str) -> str:
    with opened(folder) as shelter:
        return str(shelter.ask("member.show", name=alias)["member"]["state"])


def test_who_removes_a_member_hears_first_what_becomes_of_open_rounds(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened(folder) as shelter:
        open_, over = proposed(shelter), proposed(shelter)
        proposed(shelter, ["me", "board"])
        shelter.ask("round.cancel", round=over, by="ada")
    assert removed(folder, "police") == Exit.OK
    said = " ".join(capsys.readouterr().err.split())
    assert f"1 round with police is open: {open_[:8]}. Without police, it cannot come to a result" in said
    assert "`blindmatch node leave --member police --by NAME` ends it first" in said
    assert state_of(folder, "police") == "removed"


def test_several_rounds_are_counted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with opened(folder) as shelter:
        names = {proposed(shelter)[:8], proposed(shelter)[:8]}
    assert removed(folder, "police", "--json") == Exit.OK
    said = capsys.readouterr()
    assert "2 rounds with police are open" in said.err
    assert all(name in said.err for name in names)
    assert json.loads(said.out)["member"]["state"] == "removed"


def test_without_open_rounds_there_is_nothing_to_say(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with opened(folder) as shelter:
        proposed(shelter, ["me", "board"])
    assert removed(folder, "police") == Exit.OK
    assert capsys.readouterr().err == ""
    assert removed(folder, "nobody") == Exit.NOT_FOUND


class Terminal:
    @staticmethod
    def isatty() -> bool:
        return True


@pytest.mark.parametrize(("typed", "state"), [("no", "confirmed"), ("", "confirmed"), ("YES ", "removed")])
def test_at_a_terminal_open_rounds_are_a_reason_to_ask(
    folder: Path, typed: str, state: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened(folder) as shelter:
        proposed(shelter)
    with monkeypatch.context() as patch:
        patch.setattr(cli.member.sys, "stdin", Terminal())
        patch.setattr("builtins.input", lambda _question: typed)
        assert removed(folder, "police") == (Exit.OK if state == "removed" else Exit.USER)
    assert ("Nothing was removed." in capsys.readouterr().err) == (state == "confirmed")
    assert state_of(folder, "police") == state


def test_a_program_that_a_person_started_is_not_asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(_question: str) -> str:
        raise AssertionError

    with opened(folder) as shelter:
        proposed(shelter)
    with monkeypatch.context() as patch:
        patch.setattr(cli.member.sys, "stdin", Terminal())
        patch.setattr("builtins.input", ask)
        assert removed(folder, "police", "--json") == Exit.OK
    assert state_of(folder, "police") == "removed"


@pytest.mark.parametrize("as_json", [False, True])
def test_results_end_with_the_next_command_and_programs_get_none(
    folder: Path, as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened(folder) as shelter:
        name = proposed(shelter)[:8]
    words: list[Any] = ["round", "results", name, "--folder", str(folder / "shelter")]
    assert main([*words, "--json"] if as_json else words) == Exit.OK
    said = capsys.readouterr()
    assert (f"`blindmatch round status {name}`" in said.err) is not as_json
    if as_json:
        assert said.err == ""
        assert json.loads(said.out)["leads"] == []

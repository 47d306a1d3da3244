"""The twelve runbooks: each is one page with the same parts, and each command on it can be typed as it stands.

That they do what they say is shown in `test_runbooks_tried.py`. Here a command is read by the very parser that will
read it: unknown commands and options, missing ones and values of the wrong kind are found. Commands inside sentences
may be the beginning of one; of them command and options must exist.
"""

import ast
import re
import shlex
from functools import cache
from typing import Any

import pytest
import typer

from cli._tree import app
from tests.support.runbooks import PAGES, commands_of, page_text
from tests.support.tree import ROOT

ASKED = {
    "enrol-a-member", "first-round", "lost-key", "stolen-laptop", "suspected-peer", "tripwire-alarm", "restore",
    "upgrade", "move-to-postgresql", "leave", "persons-request", "regulators-visit",
}  # fmt: skip
MAX_WORDS = 540
"""Words on a page, in number: printed on one sheet, with its tables and commands."""
MAX_LINES = 85
"""Lines of a page, in number."""
PARTS = ("## It worked if", "## If it goes wrong")
OTHERS = {"systemctl", "install", "mv", "rm", "sha256sum"}
"""Programs of the machine that a page may call."""
IN_TEXT = re.compile(r"`(blindmatch [^`\n]+)`")

tree: Any = typer.main.get_command(app)


def problem_with(line: str, *, whole: bool = True) -> str | None:
    """Why this command cannot be typed; None if it can. `whole`: nothing that it needs may be missing."""
    words = shlex.split(line)
    if words[0] != "blindmatch":
        return None if words[0] in OTHERS else f"{words[0]} is no program that a page calls"
    command, path, rest = tree, ["blindmatch"], words[1:]
    if rest == ["--version"]:
        return None
    while hasattr(command, "commands") and rest:
        if rest[0] not in command.commands:
            return f"{' '.join(path)} has no {rest[0]}"
        command = command.commands[rest[0]]
        path.append(rest.pop(0))
    if hasattr(command, "commands"):
        return f"{' '.join(path)} is not a whole command" if whole else None
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    if unknown := [word for word in rest if word.startswith("--") and word not in known]:
        return f"{' '.join(path)} has no {', '.join(unknown)}"
    if whole:
        try:
            command.make_context(" ".join(path), list(rest))
        except Exception as error:  # noqa: BLE001  each parser has errors of its own
            return f"{' '.join(path)}: {error}"
    return None


@pytest.fixture(autouse=True)
def _no_node(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BLINDMATCH_STATE", "BLINDMATCH_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)


def test_all_twelve_are_there_and_in_the_index() -> None:
    assert set(PAGES) == ASKED
    assert set(re.findall(r"\]\(([a-z-]+)\.md\)", page_text("README"))) == ASKED


@pytest.mark.parametrize("page", PAGES)
def test_a_page_says_when_who_what_how_one_knows_and_what_else(page: str) -> None:
    text = page_text(page)
    lines = text.splitlines()
    assert lines[0].startswith("# ")
    assert lines[2].startswith("**When:** ")
    assert lines[3].startswith("**Who:** ")
    assert re.findall(r"^## (?:It worked|If it goes).*$", text, re.MULTILINE) == list(PARTS)
    assert len(re.findall(r"^## .*$", text, re.MULTILINE)) >= 3, "no steps"
    assert text.rpartition("\n\n")[2].startswith("| what you see | what to do |")
    assert text.count("\n| ") >= 4
    assert len(lines) <= MAX_LINES
    assert len(text.split()) <= MAX_WORDS
    steps = [int(number) for number in re.findall(r"^(\d+)\. ", text, re.MULTILINE)]
    assert steps == list(range(1, len(steps) + 1)), "steps are counted through"
    assert commands_of(text), "nothing to type"


def test_every_command_can_be_typed_as_it_stands(record_property: Any) -> None:
    typed = [command.line for page in PAGES for command in commands_of(page_text(page))]
    named = [line for page in (*PAGES, "README") for line in IN_TEXT.findall(page_text(page)) if "..." not in line]
    assert {line: said for line in typed if (said := problem_with(line))} == {}
    assert {line: said for line in named if (said := problem_with(line, whole=False))} == {}
    assert len(typed) >= 140
    assert len(named) >= 35
    record_property("ran", f"{len(typed)} commands of {len(PAGES)} runbooks parsed, and {len(named)} in sentences")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("blindmatch member freez river --by anna", "has no freez"),
        ("blindmatch member freeze river --bye anna", "has no --bye"),
        ("blindmatch member freeze river", "issing"),
        ("blindmatch member freeze --by anna", "issing"),
        ("blindmatch approval approve one --by bela", "integer"),
        ("blindmatch member", "not a whole command"),
        ("curl https://example.invalid", "no program"),
    ],
)
def test_a_command_that_cannot_be_typed_is_found(line: str, says: str) -> None:
    assert re.search(says, str(problem_with(line)))


@cache
def sentences() -> str:
    """Everything that the program may say, as its sources hold it; what is put in later is left out."""
    said: list[str] = []
    for package in ("node", "cli", "psi"):
        for path in (ROOT / package).rglob("*.py"):
            for one in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                match one:
                    case ast.Constant(value=str(text)):
                        said.append(text)
                    case ast.JoinedStr(values=parts):
                        said.append("\0".join(part.value if isinstance(part, ast.Constant) else "" for part in parts))
                    case _:
                        pass
    return "\0".join(said)


def unsaid(text: str) -> list[str]:
    """What a page quotes in the first column of its last table, and the program never says."""
    rows = re.findall(r"^\| (?!what you see)(.*?) \|", text.partition(PARTS[1])[2], re.MULTILINE)
    pieces = [
        piece.strip(" .") for row in rows for quoted in re.findall(r'"([^"]+)"', row) for piece in quoted.split("...")
    ]
    return [piece for piece in pieces if piece not in sentences()]


def test_what_a_page_says_you_will_see_is_what_the_program_says() -> None:
    assert {page: found for page in PAGES if (found := unsaid(page_text(page)))} == {}
    assert sum(page_text(page).partition(PARTS[1])[2].count('"') for page in PAGES) >= 30


def test_a_sentence_that_the_program_never_says_is_found() -> None:
    said = f'{PARTS[1]}\n\n| what you see | what to do |\n| --- | --- |\n| "The flux ... is lost" | wait |\n'
    assert unsaid(said) == ["The flux"]


def test_no_secret_stands_behind_a_command() -> None:
    typed = [command.line for page in PAGES for command in commands_of(page_text(page))]
    assert [line for line in typed if re.search(r"--(record|words)[ =](?!-)", line)] == []
    assert any("--record -" in line for line in typed)

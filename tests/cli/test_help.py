"""What every command says about itself, and that no command takes a secret or an identifier as a word."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from cli._exit import MEANINGS, Exit
from cli._tree import app
from node import __version__
from node.datasets import ROLES
from node.identity.cards import MemberClass
from tests.support.commands import blindmatch

COMMANDS = {
    "node": ["handover", "init", "leave", "move", "run", "status"],
    "card": ["export", "renew", "show"],
    "member": [
        "accept", "add", "check", "children", "confirm", "freeze", "list", "reach", "remove", "renew", "show",
        "unfreeze", "words",
    ],
    "dataset": [
        "add", "list", "preview", "profiles", "readmit", "refresh", "remove", "report", "withdraw", "withhold",
    ],
    "dataset stop-list": ["add", "list", "remove", "show"],
    "policy": ["explain", "show"],
    "budget": ["approve-settings", "grant", "revoke", "show"],
    "round": [
        "approve", "cancel", "cards", "contact", "contacts", "coverage", "export", "import", "list", "propose",
        "refuse", "release", "results", "settings", "show", "sign", "start", "status", "templates", "watch",
    ],
    "lead": [
        "confirm", "different", "dispute", "duplicate", "feedback", "follow-up", "list", "reject", "withdraw",
    ],
    "staff": ["add", "list", "passphrase", "remove"],
    "approval": ["approve", "decline", "list"],
    "tripwire": ["evidence", "table"],
    "audit": ["certificate", "export", "reconcile", "share", "show", "timestamp", "verify", "witness"],
    "report": ["dpia", "period", "person", "round"],
    "key": ["passphrase", "recover", "rotate", "split"],
    "retention": ["run", "show"],
    "relay": ["admit", "card", "init", "members", "remove", "run"],
}  # fmt: skip
ALONE = ["backup", "demo", "doctor", "erase", "restore", "verify"]
SECRET = re.compile(r"pass(phrase|word)?|secret|key|token|pin", re.IGNORECASE)
MAY_NAME_A_FILE = {"--passphrase-file", "--no-passphrase", "--new-passphrase-file", "--password-file"}


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if hasattr(command, "commands"):
        for name, child in command.commands.items():
            yield from leaves(child, (*path, name))
    else:
        yield path, command


LEAVES = dict(leaves(typer.main.get_command(app)))


def test_the_commands_are_these() -> None:
    grouped = {(*group.split(), name) for group, names in COMMANDS.items() for name in names}
    assert set(LEAVES) == grouped | {(name,) for name in ALONE}


@pytest.mark.parametrize("path", sorted(LEAVES), ids=" ".join)
def test_each_command_explains_itself(path: tuple[str, ...]) -> None:
    command = LEAVES[path]
    assert (command.help or "").strip().endswith((".", "?")), command.help
    for parameter in command.params:
        assert getattr(parameter, "help", None), f"{path} {parameter.name} has no help"


@pytest.mark.parametrize("path", sorted(LEAVES), ids=" ".join)
def test_no_command_takes_a_secret_as_a_word(path: tuple[str, ...]) -> None:
    names = {name for parameter in LEAVES[path].params for name in parameter.opts}
    assert {name for name in names if SECRET.search(name)} <= MAY_NAME_A_FILE


@pytest.mark.parametrize("name", ["add", "preview", "refresh"])
def test_the_help_of_what_maps_columns_names_every_role(name: str) -> None:
    named = set((LEAVES["dataset", name].epilog or "").split())
    assert set(ROLES) <= named


def test_node_init_names_every_class() -> None:
    (option,) = [parameter for parameter in LEAVES["node", "init"].params if parameter.name == "member_class"]
    named = {kind for kind in MemberClass if re.search(rf"\b{kind}\b", option.help)}
    assert named == set(MemberClass) - {MemberClass.RELAY}  # which `relay init` makes


def test_records_are_released_by_number_or_file_never_by_reference() -> None:
    names = {parameter.name for parameter in LEAVES["round", "release"].params}
    assert names == {
        "round_id", "by", "lead", "everything", "nothing", "records_file", "folder", "passphrase_file", "as_json",
    }  # fmt: skip
    done = blindmatch("round", "release", "4f", "--by", "ana", "--lead", "HS-01")
    assert done.returncode == Exit.USAGE
    assert "should be a valid integer" in done.stderr


def test_everything_that_prints_also_prints_json() -> None:
    without = {path for path, command in LEAVES.items() if not any("--json" in p.opts for p in command.params)}
    assert without == {("node", "run"), ("relay", "run")}


def test_the_page_for_all_names_every_exit_code() -> None:
    page = blindmatch("--help")
    assert page.returncode == 0
    for code, meaning in MEANINGS.items():
        assert re.search(rf"^\s+{int(code)}  {re.escape(meaning)}$", page.stdout, re.MULTILINE)
    listed = re.findall(r"^  (\w+)  +\S", page.stdout.partition("Commands:")[2].partition("Exit codes")[0], re.M)
    assert listed == [
        "demo", "node", "card", "member", "dataset", "policy", "budget", "round", "lead", "staff", "approval",
        "tripwire", "audit", "report", "verify", "relay", "retention", "erase", "backup", "restore", "key", "doctor",
    ]  # fmt: skip
    assert max(len(line) for line in page.stdout.splitlines()) <= 80


def test_the_version_is_the_node_s() -> None:
    assert blindmatch("--version").stdout == f"blindmatch {__version__}\n"


@pytest.mark.parametrize("words", [[], ["node"], ["round"]])
def test_a_command_that_is_not_whole_shows_help_and_fails(words: list[str]) -> None:
    done = blindmatch(*words)
    assert done.returncode == Exit.USAGE
    assert "Usage: blindmatch" in done.stdout + done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_there(shell: str) -> None:
    script = blindmatch(_BLINDMATCH_COMPLETE=f"source_{shell}")
    assert script.returncode == 0
    assert "_BLINDMATCH_COMPLETE=complete_" in script.stdout


def test_completion_knows_the_commands() -> None:
    done = blindmatch(_BLINDMATCH_COMPLETE="complete_bash", COMP_WORDS="blindmatch round re", COMP_CWORD="2")
    assert set(done.stdout.split()) == {"refuse", "release", "results"}

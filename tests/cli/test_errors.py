"""Mistakes at the keyboard: one sentence, what to do next, the documented exit code, and never a traceback."""

import json
import shutil
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cli._exit import Exit
from node.store import StateDir
from tests.support.commands import INIT, blindmatch, node_process

CANARY = "CANARY-REF-7741"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node without a passphrase, made once; tests that change it make a copy."""
    state = tmp_path_factory.mktemp("cli") / "n"
    done = blindmatch(*INIT, "--endpoint", "127.0.0.1:7443", "--no-passphrase", state=state)
    assert done.returncode == 0, done.stderr
    assert "Warning: without a passphrase" in done.stderr
    return state


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    state = tmp_path_factory.mktemp("cli") / "r"
    blindmatch(*INIT, "--endpoint", "127.0.0.1:7443", "--no-passphrase", state=state)
    with node_process(state):
        yield state


def assert_told(done: subprocess.CompletedProcess[str], code: Exit, words: str) -> None:
    assert done.returncode == code, done.stdout + done.stderr
    assert words in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert CANARY not in done.stderr
    assert len(done.stderr.splitlines()) <= 4


def test_no_node_in_the_folder(tmp_path: Path) -> None:
    assert_told(blindmatch("node", "status", state=tmp_path / "none"), Exit.NOT_FOUND, "There is no node in the folder")
    assert_told(blindmatch("node", "run", state=tmp_path / "none"), Exit.NOT_FOUND, "`blindmatch node init`")
    assert not (tmp_path / "none").exists()


def test_an_empty_folder_is_no_node(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert_told(blindmatch("round", "list", state=tmp_path), Exit.NOT_FOUND, "There is no node in the folder")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_others_can_enter(made: Path) -> None:
    made.chmod(0o755)
    try:
        assert_told(blindmatch("node", "status", state=made), Exit.DAMAGED, "chmod 700")
    finally:
        made.chmod(0o700)


def test_a_key_file_that_others_can_read(made: Path) -> None:
    (made / "key").chmod(0o644)
    try:
        assert_told(blindmatch("node", "status", state=made), Exit.DAMAGED, "chmod 600")
        assert_told(blindmatch("node", "run", state=made), Exit.DAMAGED, "chmod 600")
    finally:
        (made / "key").chmod(0o600)


def test_a_node_is_made_once(made: Path) -> None:
    again = blindmatch(*INIT, "--endpoint", "127.0.0.1:7443", "--no-passphrase", state=made)
    assert_told(again, Exit.USER, "already a node")


def test_a_folder_with_something_else_in_it(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    done = blindmatch(*INIT, "--endpoint", "127.0.0.1:7443", "--no-passphrase", state=tmp_path)
    assert done.returncode == Exit.USER
    assert "is not empty" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--class", "spies", "member_class"),
        ("--country", "Germany", "country"),
        ("--endpoint", "nowhere", "endpoint"),
        ("--language", "DEUTSCH", "languages"),
        ("--name", "two\u202elines", "name"),
    ],
)
def test_a_card_that_cannot_be_made_leaves_nothing(tmp_path: Path, option: str, value: str, words: str) -> None:
    done = blindmatch(*INIT, "--endpoint", "127.0.0.1:7443", option, value, "--no-passphrase", state=tmp_path / "n")
    assert done.returncode == Exit.USER
    assert words.split("_")[-1] in done.stderr
    assert not (tmp_path / "n").exists()


def test_init_without_anybody_to_ask(tmp_path: Path) -> None:
    assert blindmatch("node", "init", state=tmp_path / "n").returncode == Exit.USAGE
    done = blindmatch(*INIT, "--endpoint", "127.0.0.1:7443", state=tmp_path / "n")
    assert_told(done, Exit.USER, "--passphrase-file")
    assert not (tmp_path / "n").exists()


@pytest.mark.parametrize(
    ("mode", "content", "words"),
    [(0o644, "long enough secret", "Other accounts"), (0o600, "", "empty"), (0o600, "x7!ab", "too short")],
)
def test_init_with_a_bad_passphrase_file(tmp_path: Path, mode: int, content: str, words: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text(content)
    secret.chmod(mode)
    done = blindmatch(*INIT, "--endpoint", "127.0.0.1:7443", "--passphrase-file", secret, state=tmp_path / "n")
    assert_told(done, Exit.USER, words)
    assert not content or content not in done.stderr
    assert not (tmp_path / "n").exists()


def test_a_passphrase_is_asked_for_told_wrong_and_taken(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("correct horse battery\n")
    secret.chmod(0o600)
    state = tmp_path / "n"
    made = blindmatch(*INIT, "--endpoint", "127.0.0.1:7443", state=state, BLINDMATCH_PASSPHRASE_FILE=str(secret))
    assert made.returncode == 0, made.stderr
    assert_told(blindmatch("node", "status", state=state), Exit.USER, "--passphrase-file")
    secret.write_text("another horse battery\n")
    assert_told(blindmatch("node", "status", "--passphrase-file", secret, state=state), Exit.USER, "is wrong")
    secret.write_text("correct horse battery\n")
    assert blindmatch("node", "status", "--passphrase-file", secret, state=state).returncode == 0


def test_a_second_node_on_the_same_folder(running: Path) -> None:
    assert_told(blindmatch("node", "run", state=running), Exit.BUSY, "Another blindmatch node")


@pytest.mark.ci
def test_a_folder_that_somebody_holds_for_long(made: Path) -> None:
    """A node that takes long to start, for example: it is no second node that the person should look for."""
    with StateDir(made).lock():
        assert_told(blindmatch("node", "status", state=made), Exit.BUSY, "still starts, or another command")


def test_a_busy_port(made: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = made / "config.toml"
        before = config.read_text()
        config.write_text(before.replace("127.0.0.1:0", f"127.0.0.1:{taken.getsockname()[1]}"))
        try:
            assert_told(blindmatch("node", "run", state=made), Exit.USER, "cannot listen")
        finally:
            config.write_text(before)


def test_a_setting_that_does_not_exist(made: Path) -> None:
    config = made / "config.toml"
    before = config.read_text()
    config.write_text(before.replace("[budget]", "[budget]\nelemnts = 3"))
    try:
        assert_told(blindmatch("node", "status", state=made), Exit.USER, "Did you mean elements")
    finally:
        config.write_text(before)


def test_a_damaged_database(made: Path, tmp_path: Path) -> None:
    state = copy_of(made, tmp_path)
    (state / "db").write_bytes(b"\0" * 4096)
    assert_told(blindmatch("node", "status", state=state), Exit.DAMAGED, "")


@pytest.mark.parametrize("alive", [False, True], ids=["folder", "running"])
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["member", "words", "nobody"], Exit.NOT_FOUND, "No member of that name"),
        (["member", "check", "nobody"], Exit.NOT_FOUND, "No member of that name"),
        (["round", "status", "ffff"], Exit.NOT_FOUND, "no round of that name"),
        (["round", "results", "ffff"], Exit.NOT_FOUND, "no round of that name"),
        (["dataset", "remove", "gone", "--by", "ana"], Exit.NOT_FOUND, "no such data set"),
        (["dataset", "preview", "/nowhere/x.csv", "--record-class", "victim"], Exit.USER, ""),
        (["dataset", "preview", "/etc/hostname", "--record-class", "spies"], Exit.USER, ""),
        (["round", "propose", "J99", "--with", "me", "--with", "me", "--by", "ana"], Exit.NOT_FOUND, "no template"),
        (["round", "propose", "J1", "--with", "me", "--with", "me", "--by", "ana"], Exit.USER, "exactly two"),
        (["round", "propose", "J12", "--with", "me", "--with", "me", "--by", "ana"], Exit.NOT_ALLOWED, "more than two"),
    ],
)  # fmt: skip
def test_the_same_mistake_is_told_the_same_with_and_without_a_running_node(
    made: Path, running: Path, words: list[str], code: Exit, said: str, alive: bool
) -> None:
    assert_told(blindmatch(*words, state=running if alive else made), code, said)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["round", "status"], "Missing argument"),
        (["round", "fly"], "No such command"),
        (["dataset", "add", "x.csv", "--colour"], "No such option"),
        (["dataset", "preview", "x.csv", "--record-class", "victim", "--map", "Name"], "COLUMN=ROLE"),
        (["round", "propose", "J1", "--with", "me", "--by", "a", "--set", "records"], "KEY=VALUE"),
        (["round", "propose", "J1", "--with", "me", "--by", "a", "--set", "a=1", "--set", "a.b=1"], "group"),
        (["round", "release", "4f", "--by", "a", "--all", "--none"], "Give one of"),
        (["round", "release", "4f", "--by", "a"], "Say what is released"),
        (["member", "confirm", "x", "--by", "a"], "Give the words"),
        (["node", "run", "--log", "loud"], "console or json"),
    ],
)
def test_a_line_that_is_not_understood(made: Path, words: list[str], said: str) -> None:
    done = blindmatch(*words, state=made)
    assert done.returncode == Exit.USAGE
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("before", [(), ("node",)])
@pytest.mark.parametrize("option", [("--folder", "x"), ("--folder=x",), ("--json",), ("--passphrase-file", "x")])
def test_an_option_before_its_command_is_told_where_it_goes(before: tuple[str, ...], option: tuple[str, ...]) -> None:
    done = blindmatch(*before, *option, *("node", "status")[len(before) :])
    assert done.returncode == Exit.USAGE
    assert "No such option" in done.stderr
    assert f"behind the command, for example: blindmatch node status {option[0].partition('=')[0]}" in done.stderr


def test_an_option_that_no_command_has_is_not_sent_behind_it(made: Path) -> None:
    for words in (("--colour", "node", "status"), ("node", "status", "--foldr", "x")):
        assert "goes behind" not in blindmatch(*words, state=made).stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"{}", ""), (b"\xff\xfe\0", "not text"), (b"x" * 70_000, "larger than"), (CANARY.encode(), "")],
)
def test_a_card_that_is_none(made: Path, tmp_path: Path, content: bytes, said: str) -> None:
    card = tmp_path / "card"
    card.write_bytes(content)
    assert_told(blindmatch("member", "add", card, "--by", "ana", state=made), Exit.USER, said)


def test_our_own_card_is_refused_and_no_file_is_overwritten(made: Path, tmp_path: Path) -> None:
    card = tmp_path / "card"
    assert blindmatch("card", "export", card, state=made).returncode == 0
    assert_told(blindmatch("member", "add", card, "--by", "ana", state=made), Exit.USER, "your own card")
    assert_told(blindmatch("card", "export", card, state=made), Exit.USER, "already a file")


def test_a_member_that_is_not_confirmed_is_named_with_the_command_that_confirms_it(made: Path, tmp_path: Path) -> None:
    state, other, card = copy_of(made, tmp_path), tmp_path / "river", tmp_path / "river.card"
    assert blindmatch(*INIT, "--endpoint", "127.0.0.1:7444", "--no-passphrase", state=other).returncode == 0
    assert blindmatch("card", "export", card, state=other).returncode == 0
    assert blindmatch("member", "add", card, "--alias", "river", "--by", "ana", state=state).returncode == 0
    propose = ("round", "propose", "J1", "--with", "me", "--with", "river", "--by", "ana")
    done = blindmatch(*propose, state=state)
    assert done.returncode == Exit.NOT_FOUND
    assert "river is a party of this round, and is not confirmed yet." in done.stderr
    assert "`blindmatch member confirm river --by NAME`" in done.stderr
    assert "Somebody else than ana" in done.stderr
    assert blindmatch("member", "remove", "river", "--by", "ana", state=state).returncode == 0
    done = blindmatch(*propose, state=state)
    assert done.returncode == Exit.NOT_FOUND
    assert "river is a party of this round, and was removed" in done.stderr
    assert "`blindmatch member add FILE --by NAME`" in done.stderr


@pytest.mark.parametrize(
    ("typed", "guess"),
    [("round-sined", "Did you mean round-signed? "), ("results", "Did you mean results-read? "), ("xyz", "")],
)
def test_a_misspelt_event_is_guessed(made: Path, typed: str, guess: str) -> None:
    done = blindmatch("audit", "show", "--event", "node-created", "--event", typed, state=made)
    assert_told(done, Exit.USER, "There is no event of that name.")
    assert f"{guess}`blindmatch audit show --facts` names those" in " ".join(done.stderr.split())
    assert ("Did you mean" in done.stderr) == bool(guess)


@pytest.mark.parametrize(
    ("set_", "said"),
    [
        ("match=phone", """--set 'match=[{"kind": "phone", "per_record": 3}]'"""),
        ("match.kind=phone", """--set 'match=[{"kind": "phone", "per_record": 3}]'"""),
        ("deadline=2020-01-31T12:00:00Z", "Set a later time, for example --set deadline="),
    ],
)
def test_a_setting_that_is_not_understood_says_what_to_type(made: Path, tmp_path: Path, set_: str, said: str) -> None:
    state, other, card = copy_of(made, tmp_path), tmp_path / "river", tmp_path / "river.card"
    assert blindmatch(*INIT, "--endpoint", "127.0.0.1:7444", "--no-passphrase", state=other).returncode == 0
    assert blindmatch("card", "export", card, state=other).returncode == 0
    assert blindmatch("member", "add", card, "--alias", "river", "--by", "ana", state=state).returncode == 0
    propose = ("round", "propose", "J1", "--with", "me", "--with", "river", "--by", "ana", "--dry-run")
    done = blindmatch(*propose, "--set", set_, state=state)
    assert_told(done, Exit.USER, "")
    assert said in " ".join(done.stderr.split())


def test_canaries_of_a_file_are_not_told(made: Path, tmp_path: Path) -> None:
    source = tmp_path / "s.csv"
    source.write_text(f"ref,tel,consent\n{CANARY},12,yes\n{CANARY},{CANARY},yes\n{CANARY},0721123456,maybe\n")
    options = (
        "--record-class",
        "victim",
        "--region",
        "RO",
        "--by",
        "ana",
        "--map",
        "ref=reference",
        "--map",
        "tel=phone",
    )
    done = blindmatch("dataset", "add", source, "--name", "x", *options, state=made)
    assert CANARY not in done.stdout + done.stderr
    assert source.read_text().count(CANARY) == 4


def test_a_log_that_was_changed_is_found(made: Path, tmp_path: Path) -> None:
    state = copy_of(made, tmp_path)
    with sqlite3.connect(state / "db") as database:
        database.execute("UPDATE audit_entries SET body = replace(body, 'node-created', 'node-stopped')")
    done = blindmatch("audit", "verify", "--json", state=state)
    assert done.returncode == Exit.NOT_VERIFIED
    assert json.loads(done.stdout)["ok"] is False


@pytest.mark.parametrize("alive", [False, True], ids=["folder", "running"])
@pytest.mark.parametrize(
    "words",
    [["node", "status"], ["card", "show"], ["member", "list"], ["dataset", "list"], ["round", "list"],
     ["audit", "show"], ["audit", "verify"], ["doctor"]],
    ids=" ".join,
)  # fmt: skip
def test_json_is_one_document_and_nothing_else(made: Path, running: Path, words: list[str], alive: bool) -> None:
    done = blindmatch(*words, "--json", state=running if alive else made)
    assert done.returncode == 0, done.stderr
    assert isinstance(json.loads(done.stdout), dict)
    assert done.stderr == ""
    plain = blindmatch(*words, state=running if alive else made)
    assert plain.returncode == 0
    assert "\x1b" not in plain.stdout


def test_two_commands_at_once_take_turns(made: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda _: blindmatch("audit", "verify", "--json", state=made), range(3)))
    assert [(one.returncode, one.stderr) for one in done] == [(0, "")] * 3


def copy_of(state: Path, folder: Path) -> Path:
    return Path(shutil.copytree(state, folder / "copy"))

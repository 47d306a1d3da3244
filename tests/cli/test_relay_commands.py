"""`blindmatch relay` as people meet it: from nothing to a member that is served, and the mistakes on the way."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli._exit import Exit
from cli.main import main
from node.identity.cards import parse_card
from tests.support.offices import office
from tests.support.ports import free_port
from tests.support.tree import ROOT

INIT = ("relay", "init", "--name", "Joint Relay", "--country", "BE", "--language", "en", "--contact", "The desk")


Run = Callable[..., "Done"]


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def blindmatch(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """One command, in this process, with nobody to ask."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stdin", io.StringIO())

    def run(*words: str | Path, **environment: str) -> Done:
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            code = main([str(word) for word in words])
        return Done(code, *capsys.readouterr())

    return run


@pytest.fixture
def folder(tmp_path: Path, blindmatch: Run) -> Path:
    done = blindmatch(*INIT, "--endpoint", f"127.0.0.1:{free_port()}", "--folder", tmp_path / "relay")
    assert done.returncode == 0, done.stderr
    assert "blindmatch relay run --folder" in done.stdout
    return tmp_path / "relay"


@pytest.fixture
def card(tmp_path: Path) -> Path:
    with office(tmp_path / "node", "Harbour House") as made:
        (tmp_path / "node.card").write_bytes(made.card_file)
    # The office's clock stands in the past; its certificate is still good.
    return tmp_path / "node.card"


def test_from_nothing_to_a_member_that_is_served(folder: Path, card: Path, tmp_path: Path, blindmatch: Run) -> None:
    written = blindmatch("relay", "card", tmp_path / "relay.card", "--folder", folder)
    assert written.returncode == 0, written.stderr
    relays = parse_card((tmp_path / "relay.card").read_bytes()).card
    assert (relays.name, relays.member_class.value) == ("Joint Relay", "relay")
    # By the variable, as under systemd; while the relay runs.
    running = subprocess.Popen(
        [sys.executable, "-m", "cli", "relay", "run", "--folder", str(folder)],
        cwd=ROOT, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert running.stderr is not None
    while "Joint Relay relays at" not in (line := running.stderr.readline()):
        assert line
    admitted = json.loads(blindmatch("relay", "admit", card, "--json", BLINDMATCH_RELAY=str(folder)).stdout)
    assert admitted["member"]["alias"] == "harbour-house"
    assert len(admitted["words"]) == 8
    listed = blindmatch("relay", "members", BLINDMATCH_RELAY=str(folder))
    assert "harbour-house" in listed.stdout
    assert "0.0 MiB of 8,192 are used." in listed.stdout
    removed = blindmatch("relay", "remove", "harbour-house", BLINDMATCH_RELAY=str(folder))
    assert removed.stdout.splitlines() == [
        "harbour-house is no longer served.", "Parcels thrown away: 0 for it, 0 that it had left for others."
    ]  # fmt: skip
    running.terminate()
    assert running.wait(20) == 0
    (member,) = json.loads(blindmatch("relay", "members", "--json", BLINDMATCH_RELAY=str(folder)).stdout)["members"]
    assert (member["state"], member["waiting_parcels"], member["oldest_hours"]) == ("removed", 0, None)


def test_mistakes_are_sentences_with_their_exit_codes(
    folder: Path, card: Path, tmp_path: Path, blindmatch: Run
) -> None:
    again = blindmatch(*INIT, "--endpoint", "127.0.0.1:7", "--folder", folder)
    assert (again.returncode, "already a relay" in again.stderr) == (Exit.USER, True)
    nowhere = blindmatch(*INIT, "--endpoint", "none", "--folder", tmp_path / "other")
    assert (nowhere.returncode, "without an address" in nowhere.stderr) == (Exit.USER, True)
    assert not (tmp_path / "other").exists()
    node = ("node", "init", *INIT[2:], "--class", "relay", "--endpoint", "127.0.0.1:7", "--no-passphrase")
    wrong = blindmatch(*node, "--folder", tmp_path / "no-node")
    assert (wrong.returncode, "A relay is not a node" in wrong.stderr) == (Exit.USER, True), wrong.stderr
    missing = blindmatch("relay", "members", "--folder", tmp_path)
    assert (missing.returncode, "blindmatch relay init" in missing.stderr) == (Exit.NOT_FOUND, True)
    nobody = blindmatch("relay", "remove", "nobody", "--folder", folder)
    assert (nobody.returncode, "blindmatch relay members" in nobody.stderr) == (Exit.NOT_FOUND, True)
    own = blindmatch("relay", "admit", folder / "card", "--folder", folder)
    assert (own.returncode, "the card of a relay" in own.stderr) == (Exit.USER, True)
    (folder / "tls.key").chmod(0o644)
    unsafe = blindmatch("relay", "admit", card, "--folder", folder)
    assert (unsafe.returncode, "chmod 600" in unsafe.stderr) == (Exit.DAMAGED, True)

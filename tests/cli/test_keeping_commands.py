"""Backup, recovery, rotation and handover as people type them: real files, real passphrases, nobody at the terminal."""

import json
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cli._exit import Exit
from node.store import KeyRing
from psi.secret import SecretBytes
from tests.support.commands import INIT, blindmatch, node_process


def secret_file(path: Path, text: str) -> Path:
    path.write_text(text + "\n")
    path.chmod(0o600)
    return path


def done(*words: str | Path, **more: Any) -> Any:
    ended = blindmatch(*words, "--json", **more)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def said(code: int, *words: str | Path, **more: Any) -> str:
    ended = blindmatch(*words, **more)
    assert ended.returncode == code, ended.stdout + ended.stderr
    return " ".join(ended.stderr.split())


@pytest.mark.ci
@pytest.mark.timeout(1200)
@pytest.mark.tm("TM-133", "TM-134", "TM-139")
def test_the_life_of_a_key_file(tmp_path: Path) -> None:
    """Passphrase lost, recovered, changed; keys rotated; a colleague leaves; a machine burns, shares bring it back."""
    one = secret_file(tmp_path / "one", "correct horse battery")
    two = secret_file(tmp_path / "two", "another passphrase here")
    node, by = tmp_path / "node", ("--by", "ada")
    old, new = ("--passphrase-file", one), ("--passphrase-file", two)
    endpoint = ("--endpoint", "127.0.0.1:7999", "--no-passphrase")
    done(*INIT, *endpoint, state=node)
    assert "nothing that shares could recover" in said(
        Exit.USER, "key", "split", "--needed", "2", "--officers", "3", "--out", tmp_path / "s", *by, state=node
    )
    done("key", "passphrase", *by, "--new-passphrase-file", one, state=node)
    assert "locked" in said(Exit.USER, "audit", "show", state=node)
    split = ("key", "split", "--needed", "2", "--officers", "3", *by, *old)
    files = done(*split, "--out", tmp_path / "shares", state=node)["files"]
    assert len(files) == 3
    assert "cannot be written" in said(Exit.USER, *split, "--out", tmp_path / "shares", state=node)
    recover = ("key", "recover", *by, "--new-passphrase-file", two)
    assert "2 shares are needed, and 1 was given" in said(Exit.USER, *recover, files[0], state=node)
    torn = tmp_path / "torn.txt"
    torn.write_text(Path(files[1]).read_text().replace("RECOVERY", "recovery").rstrip()[:-1] + "x")
    assert "torn.txt" in said(Exit.USER, *recover, files[0], torn, state=node)
    done(*recover, files[0], files[2], state=node)
    assert "passphrase is wrong" in said(Exit.USER, "audit", "verify", *old, state=node)
    made = done("backup", tmp_path / "backup", *by, *new, state=node)
    assert made["locked"]
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o600
    assert "already a file" in said(Exit.USER, "backup", tmp_path / "backup", *by, *new, state=node)
    assert "own folder" in said(Exit.USER, "backup", node / "backup", *by, *new, state=node)
    rotated = done("key", "rotate", *by, *new, state=node)
    assert (rotated["key_number"], rotated["shares_void"], rotated["resumed"]) == (2, True, False)
    assert "does not know any recovery shares" in said(Exit.USER, *recover, files[0], files[2], state=node)
    done("card", "renew", *by, *new, state=node)
    handed = done(
        "node", "handover", "--from", "ada", "--to", "ben", "--by", "carl", *new, "--new-passphrase-file", one,
        state=node,
    )  # fmt: skip
    assert "rotated the keys: 1 time" in handed["did"]
    assert done("audit", "verify", *old, state=node)["ok"]
    restore = ("restore", tmp_path / "backup")
    assert "already a node" in said(Exit.USER, *restore, node, *by, *new)
    assert "passphrase is wrong" in said(Exit.USER, *restore, tmp_path / "again", *by, *old)
    assert not (tmp_path / "again").exists()
    back = done(*restore, tmp_path / "again", *by, "--share", files[1], "--share", files[0])
    assert back["by_shares"]
    assert back["budgets_closed_until"]
    assert done("audit", "verify", *new, "--folder", tmp_path / "again")["ok"]
    events = [entry["event"] for entry in done("audit", "show", *old, state=node)["entries"]]
    assert events == [
        "node-created", "passphrase-changed", "key-split", "key-recovered", "backup-made", "key-rotated", "key-rotated",
        "card-renewed", "staff-handover", "key-rotated", "key-rotated",
    ]  # fmt: skip


@pytest.mark.ci
@pytest.mark.tm("TM-139")
def test_a_handover_finishes_a_rotation_of_the_one_who_leaves_and_makes_new_keys(tmp_path: Path) -> None:
    one = secret_file(tmp_path / "one", "correct horse battery")
    two = secret_file(tmp_path / "two", "another passphrase here")
    node, old, new = tmp_path / "node", ("--passphrase-file", one), ("--passphrase-file", two)
    done(*INIT, "--endpoint", "127.0.0.1:7999", *old, state=node)
    known = SecretBytes(len("correct horse battery"))
    known.view()[:] = b"correct horse battery"
    with closing(KeyRing.open(node / "key", known)) as ring:
        ring.renew(known, os.urandom)  # begun, and killed
        kept = KeyRing.open(node / "key", known)
    split = ("key", "split", "--needed", "2", "--officers", "2", "--out")
    shares = done(*split, tmp_path / "shares", "--by", "ada", *old, state=node)["files"]
    assert "own folder" in said(Exit.USER, *split, node / "shares", "--by", "ada", *old, state=node)
    people = ("--from", "ada", "--to", "ben", "--by", "carl")
    done("node", "handover", *people, *old, "--new-passphrase-file", two, state=node)
    assert "passphrase is wrong" in said(Exit.USER, "audit", "verify", *old, state=node)
    assert "does not know any recovery shares" in said(
        Exit.USER, "key", "recover", *shares, "--by", "ada", "--new-passphrase-file", one, state=node
    )
    assert done("audit", "verify", *new, state=node)["ok"]
    assert set(json.loads((node / "key").read_text())["data_keys"]) == {"3"}
    assert kept.newest == 2, "what the one who leaves may have kept is none of these"


@pytest.mark.ci
@pytest.mark.timeout(1200)
def test_a_running_node_is_backed_up_and_its_keys_are_left_alone(tmp_path: Path) -> None:
    node = tmp_path / "node"
    done(*INIT, "--endpoint", "127.0.0.1:7999", "--no-passphrase", state=node)
    with node_process(node):
        ended = blindmatch("backup", tmp_path / "backup", "--by", "ada", state=node)
        assert ended.returncode == 0
        assert "whoever has the backup can read everything" in ended.stderr
        for words in (("key", "rotate"), ("card", "renew"), ("key", "passphrase")):
            assert "only be done while it is stopped" in said(Exit.BUSY, *words, "--by", "ada", state=node)
        assert "is running in" in said(Exit.BUSY, "restore", tmp_path / "backup", tmp_path / "again", "--by", "ada")
    told = blindmatch("restore", tmp_path / "backup", tmp_path / "again", "--by", "ada")
    assert told.returncode == 0
    assert "counts as spent until" in " ".join(told.stdout.split())

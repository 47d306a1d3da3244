"""Registering people and acting as one of them, as it is typed: real files, real passphrases, nobody at a terminal."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli._exit import Exit
from tests.support.commands import INIT, blindmatch, node_process

ANNA, BELA, DORA = "anna has a long one", "bela has another one", "dora is the third one"


def secret_file(path: Path, text: str) -> Path:
    path.write_text(text + "\n")
    path.chmod(0o600)
    return path


@pytest.mark.ci
@pytest.mark.tm("TM-185", "TM-187")
@pytest.mark.timeout(600)
def test_from_an_open_node_to_one_where_each_shows_who_they_are(tmp_path: Path) -> None:
    node, printed = tmp_path / "node", []

    def run(code: int, *words: str | Path) -> Any:
        ended = blindmatch(*words, state=node)
        printed.append(ended.stdout + ended.stderr)
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended

    def done(*words: str | Path) -> Any:
        return json.loads(run(0, *words, "--json").stdout)

    def said(code: int, *words: str | Path) -> str:
        return " ".join(run(code, *words).stderr.split())

    run(0, *INIT, "--endpoint", "127.0.0.1:7999", "--no-passphrase")

    files = {
        name: secret_file(tmp_path / name, text) for name, text in (("anna", ANNA), ("bela", BELA), ("dora", DORA))
    }
    own = {name: ("--own-passphrase-file", file) for name, file in files.items()}
    add = ("staff", "add")
    first = done(*add, "anna", "--role", "approver", "--by", "anna", "--new-passphrase-file", files["anna"])
    assert (first["person"]["state"], first["approval"]) == ("active", None)

    bela = (
        *add,
        "bela",
        "--role",
        "approver",
        "--role",
        "operator",
        "--by",
        "anna",
        "--new-passphrase-file",
        files["bela"],
    )
    assert "nobody is there to type" in said(Exit.USER, *bela)
    assert "not the passphrase" in said(Exit.NOT_ALLOWED, *own["bela"], *bela)
    assert done(*own["anna"], *bela)["person"]["roles"] == ["approver", "operator"]

    dora = (*add, "dora", "--role", "reviewer", "--by", "anna", "--new-passphrase-file", files["dora"])
    added = done(*own["anna"], *dora)
    assert added["person"]["state"] == "waiting"
    approve = ("approval", "approve", str(added["approval"]), "--by")
    assert done(*own["bela"], *approve, "bela")["approval"]["verdict"] == "approved"
    assert {one["label"]: one["state"] for one in done("staff", "list")["people"]} == dict.fromkeys(files, "active")

    assert "with the role approver" in said(Exit.NOT_ALLOWED, *own["dora"], "staff", "remove", "bela", "--by", "dora")
    assert "registered under that label" in said(
        Exit.NOT_ALLOWED, *own["dora"], "staff", "remove", "bela", "--by", "eve"
    )
    with node_process(node):  # over the socket as in the folder
        assert "not the passphrase" in said(Exit.NOT_ALLOWED, *own["anna"], "staff", "remove", "dora", "--by", "bela")
        done(*own["bela"], "staff", "remove", "dora", "--by", "bela")
        changed = ("staff", "passphrase", "--by", "bela", "--new-passphrase-file", files["dora"])
        done(*own["bela"], *changed)
        own["bela"] = own["dora"]

    assert "whoever reads the log says who they are" in said(Exit.USER, "audit", "show")
    assert "registered under that label" in said(Exit.NOT_ALLOWED, *own["anna"], "audit", "show", "--reader", "eve")
    shown = done(*own["bela"], "audit", "show", "--reader", "bela", "--limit", "1000")
    events = [(one["event"], one["facts"].get("by", "")) for one in shown["entries"]]
    wanted = [
        ("staff-refused", "anna"),
        ("staff-signed-in", "anna"),
        ("approval-given", "bela"),
        ("staff-removed", "bela"),
    ]
    assert [one for one in wanted if one not in events] == []
    files["anna"].chmod(0o644)
    assert "Other accounts" in said(Exit.USER, *own["anna"], "staff", "remove", "bela", "--by", "anna")
    stored = b"".join(path.read_bytes() for path in node.rglob("*") if path.is_file())
    for text in (ANNA, BELA, DORA):
        assert not [one for one in printed if text in one]
        assert text.encode() not in stored

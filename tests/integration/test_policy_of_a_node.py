"""The policy file of a whole node: read at start, in the log, in the backup, and explained with every rule."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from cli._exit import Exit
from node.app import open_node, restore_node
from node.errors import RefusedByPolicy, UserError
from node.keeping import restore as restoring
from node.keeping.backup import write_backup
from node.operations import OPERATIONS, Dispatcher, Parts
from node.policy import RULES
from node.store import KeyRing
from tests.support.agreements import NGO, POLICE, agreement
from tests.support.commands import blindmatch
from tests.support.nodes import make_folder

STRICT = '[limits]\nagreement_days = 20\n[refuse]\nkinds = ["phone"]\nmembers = ["nobody-here"]\n'


def ask(parts: Parts, operation: str, **request: Any) -> Any:
    return json.loads(Dispatcher(parts, OPERATIONS).invoke(operation, json.dumps(request).encode(), lambda _: None))


def changes(parts: Parts) -> list[dict[str, Any]]:
    return [one["facts"] for one in ask(parts, "audit.show", limit=1000)["entries"] if one["event"] == "policy-changed"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_folder(tmp_path / "node", "shelter", "ngo")
    return tmp_path / "node"


@pytest.mark.tm("TM-191")
def test_it_is_in_force_from_the_next_start_and_each_change_is_in_the_log(folder: Path) -> None:
    with open_node(folder, None) as parts:
        shown = ask(parts, "policy.show")
        assert (shown["exists"], shown["narrowed"], shown["warnings"], changes(parts)) == (False, [], [], [])
        assert [one["rule"] for one in shown["rules"]] == [rule.name for rule in RULES]
        (folder / "policy.toml").write_text(STRICT)
        assert "restart the node" in ask(parts, "policy.show")["warnings"][0]
    for _ in range(2):  # it is noted once
        with open_node(folder, None) as parts:
            shown = ask(parts, "policy.show")
            assert shown["narrowed"] == ["limits.agreement_days", "refuse.kinds", "refuse.members"]
            assert "refuses nobody" in shown["warnings"][0]
            assert changes(parts) == [{"digest": shown["digest"]}]
            explained = ask(parts, "policy.explain", manifest=agreement().canonical().decode())
            refused = {one["rule"] for one in explained["rules"] if not one["ok"]}
            assert {"refused-kinds", "times"} <= refused
    (folder / "policy.toml").unlink()
    with open_node(folder, None) as parts:
        assert ask(parts, "policy.show")["narrowed"] == []
        assert len(changes(parts)) == 2  # that it is gone is told as well


@pytest.mark.tm("TM-191")
@pytest.mark.parametrize("text", ["[limits]\nagreement_days = 400\n", "[refuse]\nkind = []\n", "not TOML"])
def test_a_node_does_not_start_with_a_file_that_would_widen_or_is_none(folder: Path, text: str) -> None:
    (folder / "policy.toml").write_text(text)
    with pytest.raises(UserError), open_node(folder, None):
        pytest.fail("the node started")


def back_up(parts: Parts, path: Path) -> None:
    write_backup(
        path, state=parts.folder, store=parts.store, keys=parts.keys, audit=parts.audit, clock=parts.clock,
        member_id=parts.identity.member_id, random_bytes=os.urandom, by="ada",
    )  # fmt: skip


@pytest.mark.tm("TM-197")
@pytest.mark.parametrize("sabotaged", [False, True])
def test_a_restored_node_allows_no_more_than_the_one_that_was_backed_up(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sabotaged: bool
) -> None:
    (folder / "policy.toml").write_text(STRICT)
    with open_node(folder, None) as parts:
        back_up(parts, tmp_path / "backup")
    if sabotaged:
        taker = restoring._Unpacking
        real = taker._take_config
        monkeypatch.setattr(taker, "_take_config", lambda self, content, **_left_out: real(self, content))
    folder.rename(tmp_path / "burnt")
    restore_node(
        tmp_path / "backup", tmp_path / "again", by="ben",
        unlock=lambda place, held: KeyRing.from_bytes(place, held, None),
    )  # fmt: skip
    with open_node(tmp_path / "again", None) as parts:
        assert (parts.policy.refuse.kinds == ["phone"]) is not sabotaged


def test_explained_are_a_draft_a_finished_agreement_and_what_is_none(folder: Path, tmp_path: Path) -> None:
    manifest = agreement()
    with open_node(folder, None) as parts:
        whole = ask(parts, "policy.explain", manifest=manifest.canonical().decode())
        assert whole["note"] == ""
        assert len(whole["rules"]) == len(RULES)
        assert not whole["agrees"]
        by_rule = {one["rule"]: one for one in whole["rules"]}
        assert "not a member of the agreement" in by_rule["our-round"]["sentence"]
        assert by_rule["retention"]["ok"]
        assert by_rule["retention"]["asks"].startswith("Nobody keeps results")
        draft = json.dumps({"manifest": json.loads(manifest.canonical()), "other": 1}, indent=1)
        assert "not in the byte form" in ask(parts, "policy.explain", manifest=draft)["note"]
        for wrong in ("", "{", '{"a": 1, "a": 2}', "[1, 2"):
            with pytest.raises(UserError):
                ask(parts, "policy.explain", manifest=wrong)
        with pytest.raises(RefusedByPolicy, match="cannot be used"):
            ask(parts, "policy.explain", manifest='{"format": "blindmatch-manifest/1"}')
        with pytest.raises(UserError, match="Say which"):
            ask(parts, "policy.explain")


def test_on_the_command_line(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "agreement.json"
    file.write_bytes(agreement("J1", (NGO, POLICE)).canonical())
    explained = blindmatch("policy", "explain", file, state=folder)
    assert explained.returncode == Exit.NOT_ALLOWED
    for rule in RULES:
        assert f"{rule.name} " in explained.stdout
    assert "Traceback" not in explained.stdout + explained.stderr
    shown = blindmatch("policy", "show", "--template", tmp_path / "template.toml", state=folder)
    assert shown.returncode == 0
    assert "Narrowed here: 0 of" in " ".join(shown.stdout.split())
    whole = (tmp_path / "template.toml").read_text()
    (folder / "policy.toml").write_text(re.sub(r"(?m)^# (\w+ = )", r"\1", whole))  # every default, said in full
    unknown = blindmatch("policy", "explain", "ffff", state=folder)
    assert unknown.returncode == Exit.NOT_FOUND

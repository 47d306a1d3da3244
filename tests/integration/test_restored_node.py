"""Whole nodes: a backup while a round waits for a decision, a restore after it went on; a renewed card in mid-round."""

import os
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from node.app import open_node, restore_node
from node.clock import SystemClock, timestamp
from node.errors import RefusedByPolicy, UserError
from node.identity.renewal import renew
from node.rounds.reception import Reception
from node.store import KeyRing
from tests.support.nodes import Running, introduce, make_folder, run, wait_for
from tests.support.signing import sign
from tests.support.small_rounds import SETTINGS, agree, check, decide, go, plant


@pytest.fixture(autouse=True)
def cheap_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)


def prepare(folder: Path) -> None:
    for alias, member_class in (("shelter", "ngo"), ("police", "police")):
        make_folder(folder / alias, alias, member_class)


def restore(file: Path, folder: Path) -> Any:
    return restore_node(file, folder, by="ben", unlock=lambda path, data: KeyRing.from_bytes(path, data, None))


def why(node: Running, round_id: str) -> tuple[str, str | None, str | None]:
    found = node.parts.book.get(round_id)
    return found.state.value, found.failure_code, found.blamed


def history(tmp_path: Path) -> dict[str, tuple[str, str | None, str | None]]:
    """Two rounds are open when the backup is made. One goes on to its end, the other one starts, then the shelter's
    folder is lost and it is restored. What became of them at the police."""
    prepare(tmp_path)
    with ExitStack() as stack:
        police = stack.enter_context(run(tmp_path / "police", "police"))
        with run(tmp_path / "shelter", "shelter") as shelter:
            introduce(shelter, police)
            plant(tmp_path, shelter, police)
            first = agree(police, shelter, police)
            second = agree(police, shelter, police)
            go(police, first)
            wait_for(lambda: shelter.state(first) == "deciding")
            made = shelter.ask("node.backup", path=str(tmp_path / "backup"), by="ada")
            assert made["datasets"] == 1
            go(police, second)
            decide(shelter, first)
            wait_for(lambda: shelter.state(first) == police.state(first) == "finished")
            check(shelter, police, first)
            wait_for(lambda: shelter.state(second) == "deciding")
            size = shelter.parts.audit.size()
        shutil.rmtree(tmp_path / "shelter")
        done = restore(tmp_path / "backup", tmp_path / "shelter")
        assert sorted(done.rounds) == sorted([first, second])
        assert done.about.entries < size
        with run(tmp_path / "shelter", "shelter") as shelter:
            assert why(shelter, first) == why(shelter, second) == ("failed", "restored", None)
            wait_for(lambda: police.state(second) == "failed")
            assert shelter.ask("audit.verify")["ok"]
            assert police.ask("audit.verify")["ok"]
            # What was spent cannot be known, so nothing is evaluated for anybody until the window is over.
            assert shelter.ask("node.status")["budget"]["remaining"] == {"police": 0}
            terms = {"template": "J1", "members": ["me", "police"], "settings": SETTINGS, "by": "ada"}
            third = shelter.ask("round.propose", **terms)["round"]["round_id"]
            with pytest.raises(RefusedByPolicy, match=r"restored from a backup.*counts as spent until"):
                sign(shelter, third, "cases")
            return {"first": why(police, first), "second": why(police, second)}


@pytest.mark.tm("TM-130")
def test_rounds_that_were_open_end_on_both_sides_and_nobody_is_blamed(tmp_path: Path) -> None:
    ended = history(tmp_path)
    assert ended["first"] == ("finished", None, None), "what was over stays over"
    state, code, blamed = ended["second"]
    assert (state, blamed) == ("failed", None)
    assert code in ("restored", "ended-by-peer")


@pytest.mark.tm("TM-130")
@pytest.mark.ci
def test_twin_that_takes_the_note_of_a_restored_node_for_a_changed_answer_blames_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reception, "_says_restored", lambda *_: False)
    _, code, blamed = history(tmp_path)["second"]
    assert code == "changed-answer"
    assert blamed is not None


def renewed(folder: Path) -> None:
    with open_node(folder, None) as parts:
        renew(parts.store, parts.identity, parts.audit, parts.clock, os.urandom, "ada")


@pytest.mark.tm("TM-138")
def test_a_round_goes_on_over_a_renewed_card(tmp_path: Path) -> None:
    """The card is renewed while the round waits for a decision; the other side takes the newer one in by file."""
    prepare(tmp_path)
    with run(tmp_path / "police", "police") as police:
        with run(tmp_path / "shelter", "shelter") as shelter:
            introduce(shelter, police)
            plant(tmp_path, shelter, police)
            round_id = agree(police, shelter, police)
            go(police, round_id)
            wait_for(lambda: shelter.state(round_id) == "deciding")
            before = shelter.ask("card.show")
        # A newer card is one of a later second.
        wait_for(lambda: timestamp(SystemClock().now()) > before["card"]["issued_at"])
        renewed(tmp_path / "shelter")
        with run(tmp_path / "shelter", "shelter") as shelter:
            now = shelter.ask("card.show")
            assert now["card"]["member_id"] == before["card"]["member_id"]
            assert now["file"] != before["file"]
            offered = police.ask("member.renew", file=now["file"], by="ada")
            assert (offered["alias"], offered["differs"]) == ("shelter", [])
            with pytest.raises(UserError, match="is not newer"):
                police.ask("member.renew", file=before["file"], by="ada")
            police.ask("member.accept", name="shelter", by="ben")
            decide(shelter, round_id)
            wait_for(lambda: shelter.state(round_id) == police.state(round_id) == "finished")
            check(shelter, police, round_id)
            events = police.events()
            assert events.index("member-renewal-added") < events.index("member-renewed")

"""Two whole nodes cosign each other's logs; one of them then rewrites its own, and the next round finds it out."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from node.audit.merkle import leaf_hash, verify_inclusion
from node.audit.witness import Witness
from node.rounds.witnessing import Witnessing
from tests.support.nodes import Running, introduce, make_folder, run, wait_for
from tests.support.small_rounds import agree, go, plant, run_through

PLACES = "SELECT round_id, moment, tree_size, root, cosignature FROM cosignatures WHERE log = ? ORDER BY 1, 2"


def rows(node: Running, query: str, *values: object) -> list[Any]:
    with sqlite3.connect(node.parts.folder.database) as connection:
        found = connection.execute(query, values).fetchall()
    connection.close()
    return found


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Running, Running]]:
    with ExitStack() as stack:
        nodes = []
        for alias, member_class in (("shelter", "ngo"), ("police", "police")):
            make_folder(tmp_path / alias, alias, member_class)
            nodes.append(stack.enter_context(run(tmp_path / alias, alias)))
        introduce(*nodes)
        plant(tmp_path, *nodes)
        yield nodes[0], nodes[1]


def rewrite(node: Running) -> None:
    """Who has the keys writes another name into an old entry, and hashes and signs everything anew."""
    audit, store = node.parts.audit, node.parts.store
    with sqlite3.connect(node.parts.folder.database) as connection:
        query = "SELECT position, body FROM audit_entries WHERE body LIKE '%dataset-added%'"
        position, body = connection.execute(query).fetchone()
        changed = body.replace('"by":"ada"', '"by":"eve"').encode()
        assert changed != body.encode()
        connection.execute(
            "UPDATE audit_entries SET body = ?, leaf_hash = ? WHERE position = ?",
            (changed.decode(), leaf_hash(changed), position),
        )
        connection.execute("DELETE FROM checkpoints")
        connection.execute("DELETE FROM cosignatures WHERE log = 'ours'")
    connection.close()
    audit._last_leaf = None  # as after a start: the tree is read anew
    with store.transaction() as tx:
        audit.checkpoint(tx)


@pytest.mark.tm("TM-217", "TM-219")
def test_logs_are_cosigned_compared_and_a_rewritten_one_is_found_by_its_peer(
    pair: tuple[Running, Running], tmp_path: Path
) -> None:
    shelter, police = pair
    round_id = run_through(shelter, shelter, police)
    for one, other in (pair, pair[::-1]):
        wait_for(lambda one=one: len(rows(one, PLACES, "ours")) == 2)
        assert [row[:2] for row in rows(one, PLACES, "ours")] == [(round_id, "close"), (round_id, "open")]
        assert rows(one, PLACES, "ours") == rows(other, PLACES, "theirs")
        assert one.ask("audit.verify")["covered"] > 0
        # Every overlap that was disclosed has an entry that can be proven under a cosigned checkpoint.
        with one.parts.store.read() as connection:
            tree = one.parts.audit.tree(connection)
            _who, _round, _at, signed, _ = Witness.held(connection, "ours")[-1]
        query = "SELECT position, body FROM audit_entries WHERE body LIKE '%overlap-learned%'"
        ((position, body),) = rows(one, query)
        proof = tree.inclusion(position, signed.tree_size)
        assert verify_inclusion(leaf_hash(body.encode()), position, signed.tree_size, proof, signed.root)

    # The two officers compare.
    shared = tmp_path / "police.jsonl"
    police.ask("audit.share", member="shelter", file=str(shared), by="ada")
    lines = [json.loads(line) for line in shared.read_text().splitlines()]
    assert not [line for line in lines if line.get("event") in ("overlap-learned", "dataset-added", "results-read")]
    found = shelter.ask("audit.reconcile", file=str(shared), by="carl")
    assert (found["ok"], found["rounds"], found["differences"]) == (True, 1, [])
    seen = {one["alias"]: one for one in shelter.ask("audit.witness")["members"]}
    assert seen["police"]["refused"] == seen["police"]["unproven"] == 0 < seen["police"]["theirs"]

    # One of them rewrites its log. It finds nothing itself...
    rewrite(police)
    assert police.ask("audit.verify")["ok"]
    # ... the other finds it when it compares,
    again = tmp_path / "again.jsonl"
    police.ask("audit.share", member="shelter", file=str(again), by="ada")
    found = shelter.ask("audit.reconcile", file=str(again), by="carl")
    assert not found["ok"]
    assert any("It is not the log that they showed us" in one["sentence"] for one in found["differences"])
    # it itself does, once it gets back what the other holds of it,
    theirs = tmp_path / "shelter.jsonl"
    shelter.ask("audit.share", member="police", file=str(theirs), by="carl")
    back = police.ask("audit.reconcile", file=str(theirs), by="ada")
    assert (back["recovered"], back["ok"]) == (2, False)
    assert not police.ask("audit.verify")["ok"]
    # and no round begins on it.
    second = agree(shelter, shelter, police)
    go(shelter, second)
    wait_for(lambda: shelter.state(second) == "failed")
    events = [row[0] for row in rows(shelter, "SELECT body FROM audit_entries WHERE body LIKE ?", f"%{second}%")]
    assert any("cosignature-refused" in body for body in events)
    assert any("peer-blamed" in body and "shrunken-log" in body for body in events)
    assert not any("answer-sent" in body or "overlap-learned" in body for body in events)
    assert {one["alias"]: one["refused"] for one in shelter.ask("audit.witness")["members"]} == {"police": 1}


@pytest.mark.ci
@pytest.mark.tm("TM-217")
def test_twin_without_the_proof_a_rewritten_log_goes_on(
    pair: tuple[Running, Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter, police = pair
    run_through(shelter, shelter, police)
    rewrite(police)
    monkeypatch.setattr("node.audit.witness.goes_on", lambda one, note: True)
    monkeypatch.setattr(Witnessing, "proven", lambda self, found: True)
    run_through(shelter, shelter, police)

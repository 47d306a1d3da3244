"""Proofs show hashes of entries that are not shown: a member must not find out by trying what is in them.

The entry beside the one that is proven says how many records agreed. Everything else in it is known to the other side:
its place, its time, the round and the member. So it tries every number. With the salt of each entry it finds nothing;
the twin, without, is read at once.
"""

import json
from pathlib import Path

import pytest

from node.audit.log import SALT
from node.audit.merkle import leaf_hash
from node.wire.strict_json import canonical
from tests.support.stores import small_node

ROUND, PEER = "4f20a91c" * 4, "b" * 32
HITS = 37
MOST_HITS = 1_000


@pytest.mark.tm("TM-224")
@pytest.mark.parametrize("salted", [True, False])
def test_the_hash_of_a_neighbour_does_not_tell_how_many_records_agreed(
    tmp_path: Path, salted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_node(tmp_path / "state") as node:
        if not salted:
            monkeypatch.setattr("node.audit.log.new_id", lambda _random_bytes: "0" * 32)
        with node.store.transaction() as tx:
            node.audit.append(tx, "overlap-learned", round_id=ROUND, peer=PEER, hits=HITS)
            node.audit.append(tx, "answer-sent", round_id=ROUND, peer=PEER, elements=64)
            shown = node.audit.tree(tx).inclusion(1, 2)
    (neighbour,) = shown
    tried = {
        leaf_hash(
            canonical(
                {
                    "position": 0,
                    "time": "2026-01-02T03:04:05Z",
                    "event": "overlap-learned",
                    "facts": {"round_id": ROUND, "peer": PEER, "hits": hits, SALT: "0" * 32},
                }
            )
        ): hits
        for hits in range(MOST_HITS)
    }
    assert len(tried) == MOST_HITS
    assert tried.get(neighbour) == (None if salted else HITS)


def test_no_two_entries_have_one_salt_and_readers_do_not_see_it(tmp_path: Path) -> None:
    with small_node(tmp_path / "state") as node:
        with node.store.transaction() as tx:
            for _ in range(50):
                node.audit.append(tx, "node-started")
        with node.store.read() as connection:
            bodies = connection.exec_driver_sql("SELECT body FROM audit_entries").scalars().all()
        salts = {json.loads(body)["facts"][SALT] for body in bodies}
        assert len(salts) == 50
        assert all(not entry.facts for entry in node.audit.entries())

"""The audit log: what may stand in an entry, in which order, and what a damaged log is told by."""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.audit import AuditLog, Event
from node.audit.merkle import EMPTY_ROOT, Tree, leaf_hash
from node.errors import UserError
from node.facts import FACTS, check_fact
from tests.support.stores import SmallNode, small_node

PEER = "b" * 32


@pytest.fixture
def node(tmp_path: Path) -> Iterator[SmallNode]:
    with small_node(tmp_path / "state") as made:
        yield made


def bodies(node: SmallNode) -> list[str]:
    connection = sqlite3.connect(node.state.database)
    try:
        return [body for (body,) in connection.execute("SELECT body FROM audit_entries ORDER BY position")]
    finally:
        connection.close()


def test_an_entry_is_canonical_and_comes_back(node: SmallNode) -> None:
    with node.store.transaction() as tx:
        assert node.audit.append(tx, "member-added", by="Ștefan", member=PEER) == 0
        assert node.audit.append(tx, Event.BUDGET_CHARGED, peer=PEER, elements=64, resumed=True) == 1
    salt = re.compile(r'"salt":"([0-9a-f]{32})"')
    salts = [salt.findall(body) for body in bodies(node)]
    assert [salt.sub('"salt":"*"', body) for body in bodies(node)] == [
        '{"event":"member-added","facts":{"by":"Ștefan","member":"' + PEER + '","salt":"*"},"position":0,'
        '"time":"2026-01-02T03:04:05Z"}',
        '{"event":"budget-charged","facts":{"elements":64,"peer":"' + PEER + '","resumed":true,"salt":"*"},'
        '"position":1,"time":"2026-01-02T03:04:05Z"}',
    ]
    assert salts[0] != salts[1]  # so that the hash of an entry tells nothing to who knows its form
    assert [(e.position, e.event, dict(e.facts)) for e in node.audit.entries(first=1)] == [
        (1, Event.BUDGET_CHARGED, {"peer": PEER, "elements": 64, "resumed": True})
    ]
    assert node.audit.size() == 2
    assert node.audit.verify().ok


IDENTIFIERS = [
    "+40721123456",
    "0721123456",
    "07 21 12 34 56",
    "0721.123.456",
    "ioana@example.org",
    "Ioana Pop 1994-03-02",
    "RO49AAAA1B31007593840000",
    "CASE-2026-0042-X",
    "https://example.org/ad/1",
    "two\nlines",
    "",
    "x" * 129,
    "ioana pop",
]


@pytest.mark.parametrize("value", IDENTIFIERS)
@pytest.mark.parametrize("name", sorted(set(FACTS) - {"by", "second", "leaving", "joining"}))
def test_no_fact_takes_what_looks_like_an_identifier(name: str, value: str) -> None:
    with pytest.raises(ValueError) as caught:
        check_fact(name, value)
    assert not value or value not in str(caught.value)


@pytest.mark.parametrize("name", ["by", "joining", "leaving", "second"])
@pytest.mark.parametrize("by", [*IDENTIFIERS[:6], "", "anna@example.org", "x" * 65, "1anna", "a\tb", "agent 12345"])
def test_a_staff_label_that_cannot_be_one_is_the_user_s_to_correct(node: SmallNode, name: str, by: str) -> None:
    with pytest.raises(UserError, match="staff label") as caught, node.store.transaction() as tx:
        node.audit.append(tx, "member-added", **{name: by})
    assert len(by) < 3 or by not in caught.value.diagnostics()
    assert node.audit.size() == 0


@pytest.mark.parametrize(
    ("event", "facts"),
    [
        ("hello", {}),
        ("member-added", {"phone": "1"}),
        ("member-added", {"by": 3}),
        ("member-added", {"by": None}),
        ("member-added", {"member": PEER[:-1]}),
        ("member-added", {"member": PEER.upper()}),
        ("member-added", {"member": PEER.encode()}),
        ("budget-charged", {"elements": -1}),
        ("budget-charged", {"elements": True}),
        ("budget-charged", {"elements": 1.0}),
        ("budget-charged", {"elements": 40721123456}),
        ("budget-charged", {"resumed": 1}),
        ("budget-charged", {"round_id": "0" * 31}),
        ("budget-charged", {"digest": "0" * 65}),
        ("budget-charged", {"code": "Bad-Code"}),
        ("budget-charged", {"code": "a" * 65}),
        ("budget-charged", {"code": "a-12345"}),
    ],
)
def test_what_is_not_on_the_list_is_a_mistake_and_writes_nothing(
    node: SmallNode, event: str, facts: dict[str, Any]
) -> None:
    with pytest.raises(ValueError), node.store.transaction() as tx:
        node.audit.append(tx, event, **facts)
    assert node.audit.size() == 0


@given(st.sampled_from(sorted(FACTS)), st.text(st.characters(codec="utf-8"), max_size=140))
def test_no_text_with_many_digits_passes_except_in_ids_and_digests(name: str, value: str) -> None:
    try:
        check_fact(name, value)
    except ValueError:
        return
    digits = sum(char.isdigit() for char in value)
    assert FACTS[name] in ("id", "digest", "member") or digits < (9 if FACTS[name] == "version" else 5)


def test_an_entry_is_there_only_if_its_step_is(node: SmallNode) -> None:
    with pytest.raises(ZeroDivisionError), node.store.transaction() as tx:  # noqa: PT012
        node.audit.append(tx, "round-started")
        node.audit.checkpoint(tx)
        raise ZeroDivisionError
    assert node.audit.size() == 0
    with node.store.transaction() as tx:
        node.audit.append(tx, "round-failed", code="x")
        node.audit.checkpoint(tx)
    assert node.audit.verify().ok


def test_rolled_back_entries_never_count_in_the_tree(node: SmallNode) -> None:
    for number in range(30):
        try:
            with node.store.transaction() as tx:
                node.audit.append(tx, "round-started", rows=number)
                node.audit.checkpoint(tx)
                if number % 3 == 0:
                    node.audit.append(tx, "round-failed")
                    raise ZeroDivisionError
        except ZeroDivisionError:
            continue
    report = node.audit.verify()
    assert (report.ok, report.entries, report.checkpoints) == (True, 20, 20)


def test_two_logs_over_one_store_do_not_disturb_each_other(node: SmallNode) -> None:
    other = AuditLog(node.store, node.signer, node.clock)
    for number in range(10):
        with node.store.transaction() as tx:
            (node.audit if number % 3 else other).append(tx, "round-started", rows=number)
            node.audit.checkpoint(tx)
    assert node.audit.verify().ok


def test_a_checkpoint_is_over_the_bodies_and_made_once(node: SmallNode) -> None:
    with node.store.transaction() as tx:
        empty = node.audit.checkpoint(tx)
        for _ in range(5):
            node.audit.append(tx, "round-started")
        first, again = node.audit.checkpoint(tx), node.audit.checkpoint(tx)
    assert (empty.tree_size, empty.root) == (0, EMPTY_ROOT)
    assert first == again
    assert (first.tree_size, first.root) == (5, Tree([leaf_hash(body.encode()) for body in bodies(node)]).root())
    first.verify(node.signer.key)
    assert node.audit.verify([empty, first]).ok


def test_entries_are_given_in_pages(node: SmallNode) -> None:
    with node.store.transaction() as tx:
        for number in range(1100):
            node.audit.append(tx, "call-refused", sequence=number)
    assert len(node.audit.entries(limit=5000)) == 1000
    assert [entry.position for entry in node.audit.entries(first=1000)] == list(range(1000, 1100))
    assert node.audit.entries(first=1100) == []

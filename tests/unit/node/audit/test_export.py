"""An export is checked from its bytes alone: every byte of an entry, of the checkpoint and of a cosignature counts."""

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from node.audit import export
from node.audit.export import Cosigned, Party, bounded_lines, export_lines, hidden_entry, verify_export
from node.audit.merkle import RightEdge, leaf_hash
from node.audit.reconcile import Ours, gather, reconcile
from node.audit.witness import Witness
from node.store.schema import audit_entries
from tests.support.witnesses import Office, meet, office

ROUND = "1" * 32


def party(of: Office, name: str) -> Party:
    return Party(of.member_id, name, of.signer.key.public_key)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Office, Office]]:
    with office(tmp_path / "alder") as alder, office(tmp_path / "birch") as birch:
        for place, moment in enumerate(("open", "close")):
            alder.grow(4)
            birch.grow(2 + place)
            meet(alder, birch, ROUND, moment)
            meet(birch, alder, ROUND, moment)
        yield alder, birch


def lines_of(owner: Office, other: Office, *, first: int = 0, hide: tuple[int, ...] = ()) -> list[bytes]:
    def held(log: str, connection: Any) -> list[Cosigned]:
        return [
            Cosigned(party(other, "Other"), round_id, moment, one, cosigned)
            for _, round_id, moment, one, cosigned in Witness.held(connection, log)
        ]

    checkpoint, edge = owner.checkpoint(), RightEdge()
    with owner.node.store.read() as connection:
        bodies = list(connection.execute(select(audit_entries.c.body).order_by(audit_entries.c.position)).scalars())
        for body in bodies[:first]:
            edge.append(leaf_hash(body.encode()))
        made = export_lines(
            party(owner, "Owner"),
            [hidden_entry(body) if at in hide else body for at, body in enumerate(bodies)][first:],
            checkpoint,
            made_at="2026-01-31T00:00:00Z",
            edge=edge,
            cosigned=held("ours", connection),
            witnessed=held("theirs", connection),
        )
        return [line.encode() for line in made]


@pytest.mark.tm("TM-218")
@pytest.mark.parametrize("first", [0, 1, 5, 8])
def test_a_whole_export_and_a_part_hold(pair: tuple[Office, Office], first: int) -> None:
    seen: list[Any] = []
    report = verify_export([line + b"\n" for line in lines_of(*pair, first=first)], seen.append)
    assert (report.ok, report.problems) == (True, [])
    assert len(seen) == report.size - first == pair[0].size() - first
    assert len(report.witnessed) == 2
    assert report.covered == max(one.checkpoint.tree_size for one in report.cosigned) > 5


@pytest.mark.tm("TM-218")
def test_hidden_entries_count_and_say_nothing(pair: tuple[Office, Office]) -> None:
    seen: list[Any] = []
    lines = lines_of(*pair, hide=(0, 2, 7))
    report = verify_export(lines, seen.append)
    assert (report.ok, report.hidden, len(seen)) == (True, 3, report.size - 3)
    assert json.loads(lines[1]).keys() == {"leaf"}
    lines[1] = lines[1].replace(b'"leaf":"', b'"leaf":"00')
    assert not verify_export(lines).ok


def changed_and_held(lines: list[bytes]) -> int:
    """One bit of every byte of everything but the first line: how often nothing is found."""
    held = 0
    for number in range(1, len(lines)):
        for place in range(len(lines[number])):
            line = bytearray(lines[number])
            line[place] ^= 1 << place % 7
            held += verify_export([*lines[:number], bytes(line), *lines[number + 1 :]]).ok
    return held


@pytest.mark.tm("TM-218")
def test_a_changed_byte_of_an_entry_or_a_signature_is_found(pair: tuple[Office, Office]) -> None:
    lines = lines_of(*pair)
    # The entries, the checkpoint; and of the lists what is signed: names beside keys are a claim.
    count = len(lines) - 2
    assert changed_and_held(lines[:count]) == 0
    assert not any(verify_export(lines[:number]).ok for number in range(len(lines)))
    assert not any(verify_export([*lines[:at], *lines[at + 1 :]]).ok for at in range(len(lines)))
    assert not verify_export([*lines[:2], lines[3], lines[2], *lines[4:]]).ok
    assert not verify_export([*lines, b"{}"]).ok


@pytest.mark.tm("TM-218")
def test_twin_an_export_that_is_not_compared_with_its_checkpoint_hides_changes(
    pair: tuple[Office, Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = lines_of(*pair)
    monkeypatch.setattr(export, "_checkpoint", lambda report, line, edge: None)
    monkeypatch.setattr(export, "_lists", lambda report, source: None)
    body = lines[1].replace(b'"elements":0', b'"elements":1')
    assert body != lines[1]
    assert verify_export([lines[0], body, *lines[2:]]).ok


@pytest.mark.tm("TM-218")
def test_a_rewritten_log_signed_anew_does_not_fit_what_others_cosigned(pair: tuple[Office, Office]) -> None:
    alder, birch = pair
    kept = [line for line in lines_of(alder, birch) if b'"cosignatures"' in line]
    alder.cut(3)
    alder.grow(20)
    lines = [kept[0] if b'"cosignatures"' in line else line for line in lines_of(alder, birch)]
    report = verify_export(lines)
    assert len(report.problems) == 2
    assert all("cosigned another log" in problem for problem in report.problems)


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b"\xff", b'{"format":"blindmatch-audit/2"}', b"null", b"[" * 5000])
def test_what_is_no_export_is_a_sentence(line: bytes) -> None:
    report = verify_export([line])
    assert not report.ok
    assert report.owner is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"from":0', b'"from":-1'),
        (b'"from":0', b'"from":true'),
        (b'"to":', b'"to":-'),
        (b'"edge":[]', b'"edge":["00"]'),
        (b'"edge":[]', b'"edge":5'),
        (b'"public_key":"', b'"public_key":"00'),
        (b'"member_id":"', b'"member_id":"z'),
        (b'"name":"Owner"', b'"name":7'),
    ],
)
def test_a_first_line_that_cannot_be_is_a_sentence(pair: tuple[Office, Office], old: bytes, new: bytes) -> None:
    lines = lines_of(*pair)
    assert old in lines[0]
    assert not verify_export([lines[0].replace(old, new), *lines[1:]]).ok


# Two logs compared.

ME, PEER = "a" * 32, "b" * 32
BOTH: dict[str, list[dict[str, Any]]] = {
    "round-signed": [{"member": ME, "manifest_digest": "0" * 64}, {"member": PEER}],
    "list-committed": [{"peer": PEER, "elements": 64}],
    "answer-sent": [{"peer": PEER, "elements": 128}],
    "overlap-learned": [{"peer": PEER, "hits": 3}],
    "count-sent": [{"peer": PEER}],
    "release-sent": [{"peer": PEER, "elements": 2}],
    "round-closed": [{"peer": PEER, "digest": "1" * 64}],
    "checkpoint-cosigned": [{"peer": PEER, "moment": "open", "tree_size": 9}],
    "cosignature-received": [{"peer": PEER, "moment": "open", "tree_size": 5}],
}
THEIRS: dict[str, list[dict[str, Any]]] = {
    "round-signed": [{"member": PEER, "manifest_digest": "0" * 64}, {"member": ME}],
    "list-committed": [{"peer": ME, "elements": 128}],
    "answer-sent": [{"peer": ME, "elements": 64}],
    "overlap-learned": [{"peer": ME, "hits": 1}],
    "count-received": [{"peer": ME}],
    "release-received": [{"peer": ME}],
    "round-closed": [{"peer": ME, "digest": "1" * 64}],
    "checkpoint-cosigned": [{"peer": ME, "moment": "open", "tree_size": 5}],
    "cosignature-received": [{"peer": ME, "moment": "open", "tree_size": 9}],
}
DISAGREE: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "agreement": ({"round-signed": [{"member": ME, "manifest_digest": "2" * 64}]}, {}, "different agreements"),
    "transcript": ({"round-closed": [{"peer": PEER, "digest": "3" * 64}]}, {}, "different transcripts"),
    "our list": ({"list-committed": [{"peer": PEER, "elements": 65}]}, {}, "We brought 65 elements"),
    "our answer": (
        {},
        {"list-committed": [{"peer": ME, "elements": 3}]},
        "We answered 128 elements, they say they brought 3",
    ),
    "no count sent": ({"count-sent": None}, {}, "they received a count of records that agree from us"),
    "no release sent": ({"release-sent": None}, {}, "they received released records from us"),
    "release lost": ({}, {"release-received": None}, "we sent released records, and theirs does not say"),
    "they sent nothing": (
        {"count-received": [{"peer": PEER}]},
        {},
        "we received a count of records that agree from them",
    ),
    "they never answered": ({}, {"answer-sent": None}, "we received an answer from them"),
    "another end": ({"round-closed": None, "round-failed": [{"peer": PEER}]}, {}, "It failed here and finished there."),
    "cosigned less": ({"checkpoint-cosigned": [{"peer": PEER, "moment": "open", "tree_size": 8}]}, {}, "We cosigned 8"),
    "cosigned more": (
        {"cosignature-received": [{"peer": PEER, "moment": "open", "tree_size": 8}]},
        {},
        "cosignature of 8",
    ),
    "unknown here": (dict.fromkeys(BOTH), {}, "ours does not know it"),
    "unknown there": ({}, dict.fromkeys(THEIRS), "theirs does not"),
}


def told(mine: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    def log(entries: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
        return {event: facts for event, facts in (entries | changes).items() if facts is not None}

    report = export.ExportReport(owner=Party(PEER, "Birch", bytes(32)), size=100)
    ours, other = log(BOTH, mine), log(THEIRS, theirs)
    rounds = {ROUND: ours} if ours else {}
    found = reconcile(Ours(ME, rounds, [], {}), report, {ROUND: other} if other else {})
    assert all(one.round_id == ROUND and one.sentence.endswith(".") for one in found)
    return [one.sentence for one in found]


def test_logs_that_agree_give_no_sentence() -> None:
    assert told({}, {}) == []


@pytest.mark.tm("TM-219")
@pytest.mark.parametrize("name", DISAGREE)
def test_each_difference_is_one_sentence(name: str) -> None:
    mine, theirs, said = DISAGREE[name]
    found = told(mine, theirs)
    assert [sentence for sentence in found if said in sentence], found


@pytest.mark.tm("TM-219")
def test_entries_are_gathered_by_round() -> None:
    found = gather([{"event": "round-closed", "facts": {"round_id": ROUND}}, {"event": "node-started", "facts": {}}])
    assert {round_id: dict(events) for round_id, events in found.items()} == {
        ROUND: {"round-closed": [{"round_id": ROUND}]}
    }


@pytest.mark.parametrize("sabotaged", [False, True])
def test_facts_that_no_log_can_hold_are_left_out(monkeypatch: pytest.MonkeyPatch, *, sabotaged: bool) -> None:
    """A file is whatever its sender wrote: it is compared, and does not break the comparison."""
    facts = {"round_id": ROUND, "peer": [ME], "member": {}, "moment": [], "tree_size": "\x1b[2J", "manifest_digest": []}
    entries = [{"event": event, "facts": facts} for event in THEIRS]
    if sabotaged:
        monkeypatch.setattr("node.audit.reconcile._is_fact", lambda *_: True)
    report = export.ExportReport(owner=Party(PEER, "Birch", bytes(32)), size=100)

    def compared() -> list[str]:
        return [one.sentence for one in reconcile(Ours(ME, {ROUND: BOTH}, [], {}), report, gather(entries))]

    if sabotaged:
        with pytest.raises(TypeError):
            compared()
    else:
        assert not any("\x1b" in sentence for sentence in compared())
        assert gather(entries)[ROUND].keys() == THEIRS.keys()


def test_a_line_without_end_is_not_read_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "MAX_LINE_BYTES", 100)
    file = BytesIO(b"x" * 1000)
    assert [len(line) for line in bounded_lines(file)] == [101] * 9 + [91]
    assert verify_export(bounded_lines(BytesIO(b"{" * 1000))).problems

"""What leaves the first learner's node under each reply mode, what is charged for it, and what stands in the audit log
before it leaves: whole nodes, watched by a tap that holds every byte of every message.

The observer also knows the *evaluated* elements of the first learner (what it made of the other side's list with its
own key) and looks for them in what it sent, whole or as a tag. Each promise has a sabotaged twin that must be caught.
"""

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from node.agreement.manifest import Manifest
from node.audit import AuditLog, Checkpoint
from node.errors import StateDamaged
from node.identity.keys import verify
from node.rounds import conversation
from node.store.schema import peer_checkpoints
from psi.messages import Close, Count, Released
from psi.protocol.proofs import signed_count
from psi.protocol.states import Reply
from psi.protocol.terms import PairTerms
from psi.transcript import Label
from tests.support.nodes import Running, wait_for
from tests.support.tap import Sent
from tests.support.watched import (
    ELEMENTS,
    MODES,
    POLICES,
    RELEASED,
    SHARED,
    SHELTERS,
    Lab,
    disclosed,
    watched_lab,
)

LEADS_OF_POLICE = {"ordered": SHARED, "released": RELEASED, "count": 0, "none": 0, "count+released": RELEASED}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with watched_lab(tmp_path_factory.mktemp("d")) as made:
        yield made


@pytest.fixture(scope="module")
def rounds(lab: Lab) -> dict[str, str]:
    """One honest round of every mode: mode -> round id."""
    return {mode: lab.run(mode) for mode in MODES}


# Which of the first learner's evaluations leave.


@pytest.mark.tm("TM-34")
@pytest.mark.parametrize("mode", ["none", "count"])
def test_no_evaluated_byte_leaves_a_first_learner_under(lab: Lab, rounds: dict[str, str], mode: str) -> None:
    evaluations = lab.evaluations[rounds[mode]]
    assert len(evaluations.rows) == ELEMENTS
    assert len(evaluations.agreeing) == SHARED
    assert disclosed(lab, rounds[mode]) == set()
    assert lab.leads(lab.shelter, rounds[mode]) == {person.reference for person in SHELTERS[:SHARED]}


@pytest.mark.tm("TM-34", "TM-35")
@pytest.mark.parametrize("mode", MODES)
def test_the_first_learner_says_only_what_the_mode_provides_for(lab: Lab, rounds: dict[str, str], mode: str) -> None:
    said = {one.kind for one in lab.said(rounds[mode], lab.shelter)}
    assert said - {"Open", "Blinded", "Close"} == MODES[mode][2]
    assert {one.kind for one in lab.said(rounds[mode], lab.police)} == {"Open", "Blinded", "Evaluated", "Close"}


@pytest.mark.tm("TM-35")
@pytest.mark.parametrize("mode", ["released", "count+released"])
def test_only_released_rows_can_be_opened(lab: Lab, rounds: dict[str, str], mode: str) -> None:
    evaluations = lab.evaluations[rounds[mode]]
    found = disclosed(lab, rounds[mode])
    assert len(found) == RELEASED
    assert found < evaluations.agreeing
    (message,) = [one.message for one in lab.said(rounds[mode], lab.shelter) if one.kind == "Released"]
    assert isinstance(message, Released)
    assert {item.index for item in message.items} == found
    assert lab.leads(lab.police, rounds[mode]) == {person.reference for person in POLICES[:RELEASED]}


@pytest.mark.tm("TM-35")
def test_a_node_that_releases_what_nobody_chose_is_caught(lab: Lab) -> None:
    """The sabotaged twin: with two records chosen, it lets go all that agree."""
    round_id = lab.begin("released")
    wait_for(lambda: lab.shelter.state(round_id) == "deciding")
    lab.shelter.ask("round.release", round=round_id, everything=True, by="ada")
    lab.wait(round_id, "finished")
    with pytest.raises(AssertionError):
        test_only_released_rows_can_be_opened(lab, {"released": round_id}, "released")
    assert len(disclosed(lab, round_id)) == len(lab.leads(lab.police, round_id)) == SHARED


@pytest.mark.tm("TM-35")
@pytest.mark.parametrize("mode", MODES)
def test_the_second_side_knows_what_it_was_given(lab: Lab, rounds: dict[str, str], mode: str) -> None:
    results = lab.police.ask("round.results", round=rounds[mode])
    assert len(results["leads"]) == LEADS_OF_POLICE[mode]
    assert results["learned"] == (LEADS_OF_POLICE[mode] > 0)
    assert results["count"] == ([1, 4] if "count" in mode else None)


@pytest.mark.tm("TM-34")
def test_the_observer_sees_an_answer_in_order(lab: Lab, rounds: dict[str, str]) -> None:
    assert disclosed(lab, rounds["ordered"]) == set(range(ELEMENTS))


@pytest.mark.tm("TM-36")
@pytest.mark.parametrize("mode", ["count", "count+released"])
def test_a_count_crosses_as_a_signed_band_and_nothing_finer(lab: Lab, rounds: dict[str, str], mode: str) -> None:
    (one,) = [one for one in lab.said(rounds[mode], lab.shelter) if one.kind == "Count"]
    message = one.message
    assert isinstance(message, Count)
    assert (message.low, message.high) == (1, 4)
    assert message.low < SHARED < message.high
    assert len(one.payload) == 2 + 8 + 8 + 64
    identity = lab.shelter.parts.identity
    data = signed_count(lab.evaluations[rounds[mode]].context, identity.member_id, 1, 4)
    assert verify(identity.public_key, Label.SIGN_COUNT, data, message.signature)
    finer = signed_count(lab.evaluations[rounds[mode]].context, identity.member_id, SHARED, SHARED)
    assert not verify(identity.public_key, Label.SIGN_COUNT, finer, message.signature)


@pytest.mark.tm("TM-36")
def test_a_node_that_counts_exactly_is_caught(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin: it knows of no bands, and signs the very number. The other side, which does, refuses it."""
    me = lab.shelter.parts.identity.member_id

    def without(manifest: Manifest, who: str) -> PairTerms:
        honest = _honest_terms(manifest, who)
        return replace(honest, bands=()) if who == me else honest

    monkeypatch.setattr(conversation, "pair_terms", without)
    round_id = lab.begin("count")
    lab.wait(round_id, "failed")
    (one,) = [one for one in lab.said(round_id, lab.shelter) if one.kind == "Count"]
    assert isinstance(one.message, Count)
    assert (one.message.low, one.message.high) == (SHARED, SHARED)


def playing_ordered(manifest: Manifest, me: str) -> PairTerms:
    """Both nodes answer everything, whatever was agreed."""
    return replace(_honest_terms(manifest, me), reply=Reply.ORDERED)


_honest_terms = conversation.pair_terms


@pytest.mark.tm("TM-34", "TM-37")
@pytest.mark.parametrize("budget", [True, False])
def test_a_node_that_answers_under_none_is_caught(lab: Lab, monkeypatch: pytest.MonkeyPatch, *, budget: bool) -> None:
    """With its budget it stops itself: the agreement gives the other side not one element. Without, the observer
    sees every element that leaves."""
    monkeypatch.setattr(conversation, "pair_terms", playing_ordered)
    if not budget:
        monkeypatch.setattr(lab.shelter.parts.budget, "charge", lambda *_, **__: False)
    round_id = lab.begin("none")
    wait_for(lambda: lab.shelter.state(round_id) == "deciding")
    with lab.shelter.parts.store.transaction() as tx:
        lab.shelter.parts.book.save_decision(tx, round_id, b"null")
    lab.shelter.parts.wake(round_id)
    lab.wait(round_id, "failed" if budget else "finished")
    found = disclosed(lab, round_id)
    assert found == (set() if budget else set(range(ELEMENTS)))


# What is charged.


@pytest.mark.tm("TM-37")
@pytest.mark.parametrize("mode", MODES)
def test_what_is_charged_is_what_the_agreement_lets_leave(lab: Lab, rounds: dict[str, str], mode: str) -> None:
    assert lab.charged(lab.police, rounds[mode]) == {"answer": ELEMENTS}
    assert lab.charged(lab.shelter, rounds[mode]) == MODES[mode][3]


# The audit log.

ENTRY_OF = {"Evaluated": "answer-sent", "Count": "count-sent", "Released": "release-sent", "Close": "round-closed"}
CHARGED_FIRST = ("Evaluated", "Released")


def entry_findings(said: list[Sent], node: Running, round_id: str) -> list[str]:
    """Messages that disclose something and left before the log of their sender said so."""
    positions: dict[str, int] = {}
    for entry in node.parts.audit.entries():
        if entry.facts.get("round_id") == round_id:
            positions.setdefault(entry.event.value, entry.position)
    findings = []
    for one in said:
        needed = [ENTRY_OF[one.kind]] if one.kind in ENTRY_OF else []
        needed += ["budget-charged"] if one.kind in CHARGED_FIRST else []
        for event in needed:
            if event not in positions:
                findings.append(f"{one.kind}: no entry {event}")
            elif not positions[event] < one.entries:
                findings.append(f"{one.kind} left before the entry {event}")
    return findings


@pytest.mark.tm("TM-38")
@pytest.mark.parametrize("mode", MODES)
def test_the_entry_stands_before_anything_is_disclosed(lab: Lab, rounds: dict[str, str], mode: str) -> None:
    for node, _peer in lab.members:
        said = lab.said(rounds[mode], node)
        assert all(one.entries > 0 for one in said)
        assert entry_findings(said, node, rounds[mode]) == []
    kinds = {one.kind for node, _ in lab.members for one in lab.said(rounds[mode], node)}
    assert kinds >= {"Evaluated", "Close"} | MODES[mode][2]


def keeping_silent(
    monkeypatch: pytest.MonkeyPatch, node: Running, events: Collection[str] = tuple(ENTRY_OF.values())
) -> list[tuple[str, dict[str, Any]]]:
    """From now on a node does not note what it sends, or other events; what it should have noted."""
    append = AuditLog.append
    unsaid: list[tuple[str, dict[str, Any]]] = []

    def silent(self: AuditLog, tx: Any, event: str, **facts: Any) -> int:
        if self is node.parts.audit and event in events:
            unsaid.append((event, facts))
            return 0
        return append(self, tx, event, **facts)

    monkeypatch.setattr(AuditLog, "append", silent)
    return unsaid


@pytest.mark.tm("TM-38")
def test_a_node_that_notes_nothing_is_caught(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin, also of what cannot be noted: an entry that is not written stops nothing here."""
    keeping_silent(monkeypatch, lab.shelter)
    round_id = lab.run("count+released")
    findings = entry_findings(lab.said(round_id, lab.shelter), lab.shelter, round_id)
    assert findings == [f"{kind}: no entry {ENTRY_OF[kind]}" for kind in ("Count", "Released", "Close")]


@pytest.mark.tm("TM-38")
def test_a_node_that_notes_too_late_is_caught(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin of the order."""
    unsaid = keeping_silent(monkeypatch, lab.shelter)
    round_id = lab.run("count")
    monkeypatch.undo()
    with lab.shelter.parts.store.transaction() as tx:
        for event, facts in unsaid:
            lab.shelter.parts.audit.append(tx, event, **facts)
    findings = entry_findings(lab.said(round_id, lab.shelter), lab.shelter, round_id)
    assert findings == [f"{kind} left before the entry {ENTRY_OF[kind]}" for kind in ("Count", "Close")]


def unwritable(monkeypatch: pytest.MonkeyPatch, node: Running, event: str) -> None:
    """From now on this entry cannot be written at a node."""
    append = AuditLog.append

    def broken(self: AuditLog, tx: Any, name: str, **facts: Any) -> int:
        if self is node.parts.audit and name == event:
            raise StateDamaged("The disk is full.")
        return append(self, tx, name, **facts)

    monkeypatch.setattr(AuditLog, "append", broken)


@pytest.mark.tm("TM-38")
@pytest.mark.parametrize(
    ("mode", "who", "event", "kind"),
    [
        ("count", "shelter", "count-sent", "Count"),
        ("released", "shelter", "release-sent", "Released"),
        ("released", "shelter", "budget-charged", "Released"),
        ("none", "police", "answer-sent", "Evaluated"),
        ("none", "police", "budget-charged", "Evaluated"),
    ],
)
def test_what_cannot_be_noted_does_not_leave(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, mode: str, who: str, event: str, kind: str
) -> None:
    node = lab.shelter if who == "shelter" else lab.police
    unwritable(monkeypatch, node, event)
    round_id = lab.begin(mode)
    if mode == "released":
        lab.decide(round_id, mode)
    lab.wait(round_id, "failed")
    assert kind not in {one.kind for one in lab.said(round_id, node)}
    assert lab.leads(lab.police, round_id) == set()


@pytest.mark.tm("TM-38")
def test_results_that_cannot_be_noted_are_not_shown(
    lab: Lab, rounds: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    size = lab.shelter.parts.audit.size()
    assert lab.shelter.ask("round.results", round=rounds["none"])["leads"]
    (entry,) = lab.shelter.parts.audit.entries(first=size)
    assert (entry.event, entry.facts["hits"]) == ("results-read", SHARED)
    unwritable(monkeypatch, lab.shelter, "results-read")
    with pytest.raises(StateDamaged):
        lab.shelter.ask("round.results", round=rounds["none"])


@pytest.mark.tm("TM-38")
def test_leads_that_cannot_be_noted_are_not_kept(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    unwritable(monkeypatch, lab.shelter, "overlap-learned")
    round_id = lab.begin("none")
    lab.wait(round_id, "failed")
    assert lab.leads(lab.shelter, round_id) == set()


@pytest.mark.tm("TM-38")
def test_a_node_that_goes_on_without_the_entry_keeps_and_shows_them(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin of both."""
    unsaid = keeping_silent(monkeypatch, lab.shelter, ("overlap-learned", "results-read"))
    round_id = lab.run("none")
    assert len(lab.leads(lab.shelter, round_id)) == SHARED
    assert {"overlap-learned", "results-read"} == {event for event, _ in unsaid}
    assert round_id not in [
        entry.facts.get("round_id")
        for entry in lab.shelter.parts.audit.entries()
        if entry.event in ("overlap-learned", "results-read")
    ]


# That both have signed one transcript is enforced by the protocol: the twin is in `test_forged_ends`, where a closing
# over another one is taken.
@pytest.mark.tm("TM-39")
@pytest.mark.parametrize("mode", MODES)
def test_both_ends_close_with_the_same_transcript(lab: Lab, rounds: dict[str, str], mode: str) -> None:
    closings = [lab.said(rounds[mode], node)[-1].message for node, _peer in lab.members]
    assert all(isinstance(closing, Close) for closing in closings)
    assert len({closing.transcript for closing in closings if isinstance(closing, Close)}) == 1
    digests = {
        entry.facts["digest"]
        for node, _peer in lab.members
        for entry in node.parts.audit.entries()
        if entry.event == "round-closed" and entry.facts["round_id"] == rounds[mode]
    }
    assert len(digests) == 1


def remembered(node: Running, of: Running) -> dict[tuple[str, str], Checkpoint]:
    """(round, moment) -> what a node keeps of the other's log."""
    query = select(peer_checkpoints).where(peer_checkpoints.c.member_id == of.parts.identity.member_id)
    with node.parts.store.read() as connection:
        return {
            (row.round_id, row.moment): Checkpoint(row.tree_size, row.root, row.signature)
            for row in connection.execute(query)
        }


@pytest.mark.tm("TM-39")
def test_each_end_keeps_the_others_checkpoints_and_its_log_fits_them(lab: Lab, rounds: dict[str, str]) -> None:
    for node, peer in lab.members:
        kept = remembered(peer, node)
        assert {(round_id, moment) for round_id in rounds.values() for moment in ("open", "close")} <= set(kept)
        for round_id in rounds.values():
            assert kept[round_id, "open"].tree_size < kept[round_id, "close"].tree_size
        report = node.parts.audit.verify(kept.values())
        assert (report.ok, report.problems) == (True, [])
    assert lab.board.ask("audit.verify")["ok"]


@pytest.mark.tm("TM-39")
def test_a_log_that_was_cut_off_no_longer_fits_what_the_other_end_keeps(lab: Lab, rounds: dict[str, str]) -> None:
    kept = remembered(lab.police, lab.shelter)[rounds["ordered"], "close"]
    longer = replace(kept, tree_size=lab.shelter.parts.audit.size() + 1)
    changed = replace(kept, root=bytes(32))
    assert lab.shelter.parts.audit.verify([kept]).ok
    for other in (longer, changed):
        assert not lab.shelter.parts.audit.verify([other]).ok


@pytest.mark.tm("TM-39")
def test_without_what_the_other_end_keeps_it_would_pass(
    lab: Lab, rounds: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sabotaged twin: the log is only held against itself."""
    honest = AuditLog.verify
    monkeypatch.setattr(AuditLog, "verify", lambda log, _kept: honest(log, []))
    with pytest.raises(AssertionError):
        test_a_log_that_was_cut_off_no_longer_fits_what_the_other_end_keeps(lab, rounds)

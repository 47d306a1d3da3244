"""How rounds end when people, clocks and links do not do what a round would like."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.errors import PeerUnreachable, UserError
from node.rounds import scheduler
from node.wire.envelope import Envelope, EnvelopeKind, ReceiptKind
from tests.support.carriers import Deliver, meddle
from tests.support.inside import by_hand
from tests.support.nodes import Running, run, wait_for
from tests.support.small_rounds import agree, check, decide, go, learned, run_through
from tests.support.two_nodes import ShiftedClock, two

Pair = tuple[Running, Running]


@pytest.fixture
def clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture
def pair(tmp_path: Path, clock: ShiftedClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    monkeypatch.setattr(scheduler, "TICK_SECONDS", 0.1)
    with two(tmp_path, clock) as nodes:
        yield nodes


def both(pair: Pair, round_id: str, state: str) -> None:
    wait_for(lambda: all(node.state(round_id) == state for node in pair), 20)


def deciding(pair: Pair) -> str:
    round_id = agree(pair[0], *pair)
    go(pair[0], round_id)
    wait_for(lambda: pair[0].state(round_id) == "deciding")
    return round_id


def sealed_columns(node: Running, round_id: str) -> tuple[object, ...]:
    with node.parts.store.read() as connection:
        query = "select scalar, snapshot, decision from rounds where round_id = ?"
        return tuple(connection.exec_driver_sql(query, (round_id,)).one())


@pytest.mark.tm("TM-52")
def test_a_decision_may_come_after_the_deadline_for_lists(pair: Pair, clock: ShiftedClock) -> None:
    """The deadline is for lists and answers; the person has until the end of the agreement."""
    round_id = deciding(pair)
    clock.days = 20
    for node in pair:
        node.step(round_id)
    assert (pair[0].state(round_id), pair[1].state(round_id)) == ("deciding", "running")
    decide(pair[0], round_id)
    both(pair, round_id, "finished")
    check(*pair, round_id)


@pytest.mark.tm("TM-52")
def test_nothing_is_released_after_the_end_of_the_agreement(pair: Pair, clock: ShiftedClock) -> None:
    """Also what had been decided and could not be delivered in time."""
    round_id = deciding(pair)
    carrier = meddle(pair[0].parts, unreachable)
    decide(pair[0], round_id)
    wait_for(lambda: pair[0].parts.outbox.waiting(round_id) > 0)
    clock.days = 31
    sent = len(carrier.sent)
    carrier.behave()
    for node in pair:
        node.parts.wake(round_id)
    both(pair, round_id, "failed")
    assert pair[0].ask("round.status", round=round_id)["round"]["failure"] == "The deadline of this round has passed."
    assert not [one for one in carrier.sent[sent:] if one.kind is EnvelopeKind.ROUND]
    assert learned(pair[1], round_id) == []


def unreachable(_envelope: Envelope, _deliver: Deliver) -> ReceiptKind:
    raise PeerUnreachable("The link is down.")


@pytest.mark.tm("TM-53")
def test_what_waits_when_a_round_is_cancelled_never_leaves(pair: Pair) -> None:
    shelter, police = pair
    round_id = deciding(pair)
    carrier = meddle(shelter.parts, unreachable)
    decide(shelter, round_id)
    wait_for(lambda: shelter.parts.outbox.waiting(round_id) > 0)
    shelter.ask("round.cancel", round=round_id, by="ada")
    assert shelter.parts.outbox.waiting(round_id) == 0
    sent = len(carrier.sent)
    carrier.behave()
    both(pair, round_id, "cancelled")
    kinds = {one.kind for one in carrier.sent[sent:]}
    assert EnvelopeKind.CANCEL in kinds
    assert EnvelopeKind.ROUND not in kinds
    assert learned(police, round_id) == []
    for node in pair:
        assert sealed_columns(node, round_id) == (None, None, None)
        wait_for(lambda node=node: not any((node.parts.folder.path / "spools").iterdir()))  # type: ignore[misc]


@pytest.mark.tm("TM-53")
def test_a_decision_on_a_round_that_was_just_cancelled_is_not_kept(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The race: the command saw the round waiting, and the cancellation came before its transaction."""
    round_id = deciding(pair)
    before = pair[0].parts.book.find(round_id)
    pair[0].ask("round.cancel", round=round_id, by="ada")
    commands: dict[str, dict[str, Any]] = {
        "round.release": {"everything": True},
        "round.cancel": {},
        "round.refuse": {},
        "round.start": {},
        "round.sign": {"dataset": "cases"},
    }
    with monkeypatch.context() as patch:
        patch.setattr(pair[0].parts.book, "find", lambda _prefix: before)
        for operation, extra in commands.items():
            with pytest.raises(UserError):
                pair[0].ask(operation, round=round_id, by="ada", **extra)
    assert sealed_columns(pair[0], round_id) == (None, None, None)
    assert "release-decided" not in pair[0].events()
    both(pair, round_id, "cancelled")


@pytest.mark.tm("TM-54")
def test_a_round_with_a_removed_member_ends(pair: Pair) -> None:
    shelter, police = pair
    round_id = deciding(pair)
    shelter.ask("member.remove", name="police", by="ada")
    shelter.parts.wake(round_id)
    wait_for(lambda: shelter.state(round_id) == "failed")
    assert "not a confirmed member" in shelter.ask("round.status", round=round_id)["round"]["failure"]
    assert sealed_columns(shelter, round_id) == (None, None, None)
    assert learned(police, round_id) == []


@pytest.mark.tm("TM-54")
def test_a_defect_costs_its_round_and_nothing_else(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that nobody foresaw, again and again: the round is given up, and the worker is still there."""
    shelter, police = pair
    broken = agree(shelter, *pair)
    speaking = police.parts.engine._speaking
    prepare = speaking.prepare

    def defect(found: Any) -> bool:
        if found.round_id == broken:
            raise ZeroDivisionError
        return prepare(found)

    monkeypatch.setattr(speaking, "prepare", defect)
    go(shelter, broken)
    both(pair, broken, "failed")
    shown = police.ask("round.status", round=broken)["round"]
    assert "fault of its own" in shown["failure"]
    assert shown["blamed"] is None
    run_through(shelter, *pair)


@pytest.mark.tm("TM-54")
def test_an_end_by_any_thread_lets_a_running_step_be(pair: Pair) -> None:
    """A message that ends the round arrives while a worker is in the middle of it: its files stay its own."""
    shelter, police = pair
    opened = shelter.parts.engine._opened
    closed: list[str] = []
    round_id = deciding(pair)
    wait_for(lambda: not shelter.parts.outbox.recipients(round_id) and round_id not in opened._held)
    with opened.holding(round_id):
        conversation = opened.get(shelter.parts.book.get(round_id))
        let_go = opened.let_go
        opened.let_go = closed.append  # type: ignore[method-assign]
        note = by_hand(
            police.parts,
            round_id=round_id,
            recipient=shelter.parts.identity.member_id,
            sequence=1,
            kind=EnvelopeKind.STATUS,
            payload=b"another first note than the one before",
        )
        with pytest.raises(Exception, match="in the place of an earlier one"):
            police.parts.carrier.deliver(note)
        wait_for(lambda: shelter.parts.book.get(round_id).over)
        opened.let_go = let_go  # type: ignore[method-assign]
        assert not closed
        assert conversation.session.spools.mine.read(0)
    assert shelter.parts.book.get(round_id).blamed == police.parts.identity.member_id


@pytest.mark.tm("TM-54")
def test_what_a_crash_left_of_an_ended_round_is_cleared_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    with two(tmp_path) as nodes:
        round_id = deciding(nodes)
        for node in nodes:
            node.parts.engine.stop()  # from here on no step runs
        nodes[0].ask("round.cancel", round=round_id, by="ada")
    assert any((tmp_path / "shelter" / "spools").iterdir())
    with run(tmp_path / "shelter", "shelter"):
        wait_for(lambda: not any((tmp_path / "shelter" / "spools").iterdir()))

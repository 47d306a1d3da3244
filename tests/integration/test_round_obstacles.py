"""What stands in a round's way for a while costs time, what stays in its way ends it, and both sides hear of it.

A full disk, a damaged row of the database, a budget that is spent, a release that the protocol refuses.
"""

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from node.errors import PeerUnreachable
from node.rounds import engine, scheduler
from node.rounds.speaking import Speaking
from node.store import spool
from node.store.files import replace_file
from node.store.schema import charges, outbox
from node.transport.explain import PeerRefused
from node.wire.envelope import Envelope, ReceiptKind
from psi.protocol.terms import PairTerms
from tests.support.carriers import Deliver, meddle
from tests.support.nodes import Running, three, wait_for
from tests.support.small_rounds import agree, check, decide, go, learned, plant
from tests.support.two_nodes import ShiftedClock, two

pytestmark = pytest.mark.tm("TM-98")

Pair = tuple[Running, Running]


@pytest.fixture(scope="module")
def clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, clock: ShiftedClock) -> Iterator[Pair]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("node.identity.words.SCRYPT_COST", 2)
        patch.setattr(scheduler, "TICK_SECONDS", 0.1)
        patch.setattr(engine, "BUSY_PAUSE_SECONDS", 0.1)
        with two(tmp_path_factory.mktemp("obstacles"), clock) as running:
            yield running


@pytest.fixture
def pair(nodes: Pair, clock: ShiftedClock) -> Iterator[Pair]:
    honest = [node.parts.engine.post.carrier for node in nodes]
    yield nodes
    for node, carrier in zip(nodes, honest, strict=True):
        node.parts.engine.post.carrier = carrier
    clock.days += 12  # whatever a test charged counts no more


def both(pair: Pair, round_id: str, state: str) -> None:
    wait_for(lambda: all(node.state(round_id) == state for node in pair), 20)


def deciding(pair: Pair) -> str:
    round_id = agree(pair[0], *pair)
    go(pair[0], round_id)
    wait_for(lambda: pair[0].state(round_id) == "deciding")
    return round_id


def shown(node: Running, round_id: str) -> dict[str, Any]:
    return dict(node.ask("round.status", round=round_id)["round"])


def unreachable(_envelope: Envelope, _deliver: Deliver) -> ReceiptKind:
    raise PeerUnreachable("The link is down.")


# The disk.


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EMFILE])
def test_a_disk_without_room_costs_time_only(pair: Pair, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """More often than a round may crash: this is no crash."""
    refused = 0

    def full(path: Path, data: bytes) -> None:
        nonlocal refused
        refused += 1
        if refused <= 2 * scheduler.MOST_CRASHES + 2:
            raise OSError(number, "No space left on device")
        replace_file(path, data)

    round_id = agree(pair[0], *pair)
    monkeypatch.setattr(spool, "replace_file", full)
    go(pair[0], round_id)
    decide(pair[0], round_id)
    both(pair, round_id, "finished")
    check(*pair, round_id)
    assert refused > 2 * scheduler.MOST_CRASHES + 2


def test_a_broken_disk_ends_the_round_on_both_sides(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_path: Path, _data: bytes) -> None:
        raise OSError(errno.EIO, "Input/output error")

    round_id = agree(pair[0], *pair)
    monkeypatch.setattr(spool, "replace_file", broken)
    go(pair[0], round_id)
    both(pair, round_id, "failed")
    codes = {node.parts.book.get(round_id).failure_code for node in pair}
    assert "state-damaged" in codes
    assert codes <= {"state-damaged", "ended-by-peer"}


# What cannot be sent any more.


def damage(node: Running, round_id: str, kind: str) -> None:
    """Change what waits to be sent of one kind, behind the node's back; it must be waiting."""
    with node.parts.store.transaction() as tx:
        here = (outbox.c.round_id == round_id, outbox.c.kind == kind, outbox.c.acknowledged.is_(False))
        assert tx.execute(outbox.update().where(*here).values(envelope=bytes(64))).rowcount


def nothing_waits(node: Running, round_id: str) -> None:
    wait_for(lambda: not node.parts.outbox.recipients(round_id), 20)
    wait_for(lambda: round_id not in node.parts.engine.rounds_to_look_at(), 20)


def test_a_damaged_note_ends_the_round_and_the_other_side_hears_so(pair: Pair) -> None:
    shelter, _ = pair
    round_id = agree(shelter, *pair)
    carrier = meddle(shelter.parts, unreachable)
    go(shelter, round_id)
    damage(shelter, round_id, "START")
    carrier.behave()
    shelter.parts.wake(round_id)
    both(pair, round_id, "failed")
    assert shelter.parts.book.get(round_id).failure_code == "state-damaged"
    assert "state-damaged" in shown(pair[1], round_id)["failure"]
    assert shown(pair[1], round_id)["blamed"] is None
    nothing_waits(shelter, round_id)


def test_a_damaged_message_of_the_protocol_is_not_made_anew(pair: Pair) -> None:
    shelter, police = pair
    round_id = deciding(pair)
    carrier = meddle(shelter.parts, unreachable)
    decide(shelter, round_id)
    wait_for(lambda: shelter.parts.outbox.waiting(round_id) > 0)
    damage(shelter, round_id, "ROUND")
    carrier.behave()
    shelter.parts.wake(round_id)
    both(pair, round_id, "failed")
    assert learned(police, round_id) == []
    nothing_waits(shelter, round_id)


def test_a_damaged_cancellation_reaches_the_other_side_as_a_failure(pair: Pair) -> None:
    shelter, police = pair
    round_id = deciding(pair)
    wait_for(lambda: not shelter.parts.outbox.recipients(round_id))
    carrier = meddle(shelter.parts, unreachable)
    shelter.ask("round.cancel", round=round_id, by="ada")
    damage(shelter, round_id, "CANCEL")
    carrier.behave()
    shelter.parts.wake(round_id)
    wait_for(lambda: police.state(round_id) == "failed", 20)
    assert shelter.state(round_id) == "cancelled"
    nothing_waits(shelter, round_id)


def test_a_note_that_is_damaged_again_and_again_is_given_up(pair: Pair) -> None:
    shelter, police = pair
    round_id = deciding(pair)
    wait_for(lambda: not shelter.parts.outbox.recipients(round_id))
    meddle(shelter.parts, unreachable)
    shelter.ask("round.cancel", round=round_id, by="ada")
    damage(shelter, round_id, "CANCEL")
    shelter.parts.wake(round_id)
    wait_for(lambda: waiting_kinds(shelter, round_id) == ["STATUS"])
    damage(shelter, round_id, "STATUS")
    shelter.parts.wake(round_id)
    nothing_waits(shelter, round_id)
    police.ask("round.cancel", round=round_id, by="ada")


def waiting_kinds(node: Running, round_id: str) -> list[str]:
    with node.parts.store.read() as connection:
        query = select(outbox.c.kind).where(outbox.c.round_id == round_id, outbox.c.acknowledged.is_(False))
        return list(connection.execute(query).scalars())


# Who does not take it any more.


def test_a_recipient_that_we_removed_is_not_said_to_refuse(pair: Pair) -> None:
    shelter, police = pair
    round_id = agree(shelter, *pair)
    member = shelter.parts.members.get("police")
    shelter.ask("member.remove", name="police", by="ada")
    try:
        go(shelter, round_id)
        wait_for(lambda: shelter.state(round_id) == "failed")
        assert shelter.parts.book.get(round_id).failure_code == "member-removed"
    finally:
        words = shelter.ask("member.add", file=police.ask("card.show")["file"], by="ada", alias="police")["words"]
        shelter.ask("member.confirm", name="police", words=" ".join(words), by="ben")
        assert shelter.parts.members.get("police").member_id == member.member_id
    police.ask("round.cancel", round=round_id, by="ada")


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("not-allowed", "Police refused a message of this round (not-allowed)."),
        ("call-this-number", "Police refused a message of this round."),
    ],
)
def test_a_recipient_that_refuses_is_named_and_its_words_are_not_kept(pair: Pair, reason: str, sentence: str) -> None:
    def refuse(_envelope: Envelope, _deliver: Deliver) -> ReceiptKind:
        raise PeerRefused("Police refused the message and says: CALL 0900.", advice="CALL", reason=reason)

    shelter, police = pair
    round_id = agree(shelter, *pair)
    meddle(shelter.parts, refuse)
    go(shelter, round_id)
    wait_for(lambda: shelter.state(round_id) == "failed")
    found = shelter.parts.book.get(round_id)
    assert (found.failure_code, found.failure_sentence, found.blamed) == ("refused-by-peer", sentence, None)
    facts = shelter.ask("audit.show", limit=1000, event=["round-failed"])["entries"][-1]["facts"]
    assert facts == {"round_id": round_id, "code": "refused-by-peer", "peer": police.parts.identity.member_id}
    police.ask("round.cancel", round=round_id, by="ada")


def test_a_convener_to_blame_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    with three(tmp_path) as (shelter, police, board):
        plant(tmp_path, shelter, police)
        round_id = agree(board, shelter, police)
        found, blamed = shelter.parts.book.get(round_id), board.parts.identity.member_id
        shelter.parts.engine._ends.fail(found, "unexpected-message", "It spoke out of turn.", blamed=blamed)
        assert shown(shelter, round_id)["blamed"] == "Board"


# The budget.


def spend(node: Running, peer: Running) -> None:
    """Nothing is left of the node's budget for the peer."""
    limit = node.parts.config.budget.elements
    with node.parts.store.transaction() as tx:
        left = node.parts.budget.remaining(peer.parts.identity.member_id)
        charged = (peer.parts.identity.member_id, "0" * 32, f"filler {node.parts.clock.now()}", left)
        assert node.parts.budget.charge(tx, *charged, cap=limit * 10**6)


def charged_for(node: Running, round_id: str) -> dict[str, int]:
    with node.parts.store.read() as connection:
        query = select(charges.c.reason, charges.c.elements).where(charges.c.round_id == round_id)
        return {row.reason: row.elements for row in connection.execute(query)}


def waits(node: Running, round_id: str) -> None:
    wait_for(lambda: "waits until enough of its budget" in shown(node, round_id)["turn"], 20)
    assert shown(node, round_id)["failure"] is None


def test_a_list_waits_for_the_budget(pair: Pair, clock: ShiftedClock) -> None:
    """The signed terms were within it; what was spent meanwhile is free again in time."""
    shelter, police = pair
    round_id = agree(shelter, *pair)
    spend(police, shelter)
    go(shelter, round_id)
    waits(police, round_id)
    assert police.state(round_id) == "preparing"
    clock.days += 10.1
    decide(shelter, round_id)
    both(pair, round_id, "finished")
    check(*pair, round_id)
    assert "waits" not in shown(police, round_id)["turn"]


def test_an_answer_waits_for_the_budget(pair: Pair, clock: ShiftedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    shelter, police = pair
    round_id = agree(shelter, *pair)
    with monkeypatch.context() as patch:
        patch.setattr(police.parts.budget, "check", lambda *_: None)  # spent between the list and the answer
        spend(police, shelter)
        go(shelter, round_id)
        waits(police, round_id)
    assert police.state(round_id) == "running"
    assert charged_for(police, round_id) == {}
    assert learned(shelter, round_id) == []
    clock.days += 10.1
    police.parts.wake(round_id)
    decide(shelter, round_id)
    both(pair, round_id, "finished")
    check(*pair, round_id)
    assert charged_for(police, round_id) == {"answer": 64}


def test_a_release_waits_for_the_budget(pair: Pair, clock: ShiftedClock) -> None:
    """The decision stands; nobody is asked again."""
    shelter, police = pair
    round_id = deciding(pair)
    spend(shelter, police)
    decide(shelter, round_id)
    waits(shelter, round_id)
    assert learned(police, round_id) == []
    assert charged_for(shelter, round_id) == {}
    clock.days += 10.1
    shelter.parts.wake(round_id)
    both(pair, round_id, "finished")
    check(*pair, round_id)
    assert charged_for(shelter, round_id) == {"release": 3}


def test_a_budget_that_is_free_too_late_ends_the_round_at_once(pair: Pair, clock: ShiftedClock) -> None:
    shelter, police = pair
    round_id = agree(shelter, *pair)
    clock.days += 5  # free again on day 15, and lists are exchanged until day 14
    spend(police, shelter)
    go(shelter, round_id)
    both(pair, round_id, "failed")
    assert police.parts.book.get(round_id).failure_code == "refused-by-policy"
    assert "propose the round again then" in shown(police, round_id)["failure"]


def test_a_round_that_waits_can_be_cancelled_and_ends_by_its_deadline(pair: Pair, clock: ShiftedClock) -> None:
    shelter, police = pair
    cancelled, late = agree(shelter, *pair), agree(shelter, *pair)
    spend(police, shelter)
    for round_id in (cancelled, late):
        go(shelter, round_id)
        waits(police, round_id)
    police.ask("round.cancel", round=cancelled, by="ada")
    both(pair, cancelled, "cancelled")
    clock.days += 15
    for node in pair:
        node.parts.wake(late)
    both(pair, late, "failed")
    assert shown(police, late)["turn"] == "The round is over: it failed."


# What the protocol refuses.


def test_a_release_that_the_protocol_refuses_is_not_charged(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    assert charged_although_refused(pair, monkeypatch) == {}


def test_sabotaged_twin_that_charges_first(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    release = Speaking._release

    def charging_first(self: Speaking, found: Any, conversation: Any) -> bool:
        if self.book.decision(found.round_id) is not None:
            self._charge(found, "release", 3)
        return release(self, found, conversation)

    monkeypatch.setattr(Speaking, "_release", charging_first)
    assert charged_although_refused(pair, monkeypatch) == {"release": 3}


def charged_although_refused(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """What the first learner has charged once it decided on more than its protocol lets go."""
    shelter, police = pair
    round_id = deciding(pair)
    monkeypatch.setattr(PairTerms, "release_cap", property(lambda _terms: 1))
    decide(shelter, round_id)
    both(pair, round_id, "failed")
    assert "at most 1 answers" in shown(shelter, round_id)["failure"]
    assert learned(police, round_id) == []
    return charged_for(shelter, round_id)

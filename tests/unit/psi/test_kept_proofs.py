"""Proofs that are made while a list comes in: the very ones that are sent, and nothing hangs on having them."""

from dataclasses import replace

import pytest

from psi import dleq
from psi.errors import BadProof, LocalError
from psi.messages import Evaluated, decode
from psi.protocol import proofs, receiving
from psi.protocol.states import Gate, Leg, Place, Reply
from psi.spool import CHUNK_ROWS, MemorySpool
from tests.support.pairs import Side, make_pair, run, say
from tests.unit.psi.test_snapshot import restored

MINE = [f"+49151000{number}" for number in range(6)]
THEIRS = [f"+49151000{number}" for number in range(3, 9)]
SIZE = 2 * CHUNK_ROWS + 64
"""Three chunks, the last one short."""


def listed(reply: Reply = Reply.ORDERED, size: int = SIZE) -> tuple[Side, Side]:
    """Both lists are said, and nothing is answered."""
    first, second = make_pair(MINE, THEIRS, reply, first_size=size, second_size=size)
    for _ in range(100):
        if all(side.session.record.turns.has_finished(place, Leg.LIST) for side in (first, second) for place in Place):
            return first, second
        for side, other in ((first, second), (second, first)):
            leg = side.session.record.turns.leg(side.session.terms.place)
            if leg in (Leg.OPEN, Leg.LIST) and (data := say(side)) is not None:
                other.session.receive(decode(data))
    raise AssertionError


def answered(first: Side, second: Side) -> list[Evaluated]:
    """What SECOND answers, taken by FIRST."""
    said = []
    while (data := say(second)) is not None:
        message = decode(data)
        assert isinstance(message, Evaluated)
        first.session.receive(message)
        said.append(message)
    return said


@pytest.mark.tm("TM-22")
def test_a_kept_proof_is_sent_and_holds_and_no_other_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = listed()
    assert second.session.spools.proofs.rows == 3 * CHUNK_ROWS
    monkeypatch.setattr(dleq, "prove_batch", lambda *_, **__: pytest.fail("proved a second time"))
    assert [message.chunk for message in answered(first, second)] == [0, 1, 2]


@pytest.mark.tm("TM-22")
@pytest.mark.parametrize("sabotaged", [False, True])
def test_a_kept_proof_waits_for_its_permission(monkeypatch: pytest.MonkeyPatch, *, sabotaged: bool) -> None:
    _first, second = listed()
    assert second.session.spools.proofs.rows == 3 * CHUNK_ROWS
    assert second.session.waiting_for is Gate.ANSWER
    if sabotaged:
        monkeypatch.setattr(type(second.session), "waiting_for", None)
    assert (second.session.next_message() is None) is not sabotaged


@pytest.mark.parametrize("reply", [Reply.RELEASED, Reply.COUNT, Reply.COUNT_RELEASED, Reply.NONE])
def test_who_will_not_answer_makes_no_proof(reply: Reply) -> None:
    first, second = listed(reply, 64)
    assert first.session.spools.proofs.rows == 0
    assert second.session.spools.proofs.rows == CHUNK_ROWS


@pytest.mark.parametrize("left", [0, 1, 2])
def test_a_session_without_some_or_all_of_its_proofs_answers_all_the_same(left: int) -> None:
    """One that was begun under an earlier version, or that a crash took some from."""
    first, second = listed()
    spool = MemorySpool(1)
    for chunk in range(left):
        spool.append(second.session.spools.proofs.read(chunk))
    second.session = restored(second, spools=replace(second.session.spools, proofs=spool))
    assert len(answered(first, second)) == 3


def updated_in_the_middle() -> tuple[Side, Side]:
    """The second has heard one chunk; the version that heard it kept no proof."""
    first, second = make_pair(MINE, THEIRS, first_size=SIZE, second_size=SIZE)
    while second.session.spools.theirs.rows < CHUNK_ROWS:
        for side, other in ((first, second), (second, first)):
            if (data := say(side)) is not None:
                other.session.receive(decode(data))
    second.session = restored(second, spools=replace(second.session.spools, proofs=MemorySpool(1)))
    return first, second


def test_a_session_that_was_updated_in_the_middle_of_a_list_keeps_no_proof_in_a_wrong_place() -> None:
    first, second = updated_in_the_middle()
    run(first, second)
    assert second.session.spools.proofs.rows == 0


def test_a_twin_that_keeps_them_in_a_wrong_place_is_found_by_the_other_side(monkeypatch: pytest.MonkeyPatch) -> None:
    def always(spool: MemorySpool, _chunk: int, proof: bytes) -> None:
        spool.append(proof.ljust(CHUNK_ROWS, b"\0"))

    monkeypatch.setattr(receiving, "keep_proof", always)
    first, second = updated_in_the_middle()
    with pytest.raises(BadProof):
        run(first, second)


def test_what_a_crash_left_behind_the_snapshot_is_cut_off() -> None:
    first, second = make_pair(MINE, THEIRS, first_size=SIZE, second_size=SIZE)
    for side, other in ((first, second), (second, first)):
        other.session.receive(decode(say(side) or b""))
    before = second.session.snapshot()
    second.session.receive(decode(say(first) or b""))
    assert second.session.spools.proofs.rows == CHUNK_ROWS
    second.session = restored(second, snapshot=before)
    assert second.session.spools.proofs.rows == second.session.spools.evaluated.rows == 0


def test_with_the_key_destroyed_a_kept_proof_does_not_leave() -> None:
    _first, second = listed()
    second.session = restored(second, scalar=None)
    second.session.permit_answer()
    with pytest.raises(LocalError, match="already been destroyed"):
        second.session.next_message()


def test_nor_does_it_when_the_key_was_wiped_where_it_lies() -> None:
    _first, second = listed()
    second.session.scalar.wipe()
    second.session.permit_answer()
    with pytest.raises(LocalError, match="already been destroyed"):
        second.session.next_message()


def test_a_kept_proof_is_read_back_as_it_was() -> None:
    spool = MemorySpool(1)
    kept = [bytes([number]) * dleq.PROOF_BYTES for number in range(3)]
    for chunk, proof in enumerate(kept):
        assert proofs.kept_proof(spool, chunk) is None
        proofs.keep_proof(spool, chunk + 1, proof)  # one is missing before it: not kept
        proofs.keep_proof(spool, chunk, proof)
    assert [proofs.kept_proof(spool, chunk) for chunk in range(4)] == [*kept, None]

"""What leaves the first learner under each reply mode, seen by somebody who holds every byte it sent.

The observer knows all values that the first learner computed under its own scalar from the peer's list (its
*evaluated* elements) and looks for them in its bytes. Each promise has a sabotaged twin that the observer must catch.
"""

from dataclasses import replace

import pytest

from psi.backend import choose
from psi.errors import ForgedRelease, WrongState
from psi.messages import Close, Count, Released, decode
from psi.protocol import pair, receiving, sending
from psi.protocol.states import Gate, Reply
from psi.spool import chunks
from psi.transcript import tags
from tests.support.pairs import Side, elements_of, make_pair, run, say

MINE = [f"+49151000{number}" for number in range(6)]
THEIRS = [f"+49151000{number}" for number in range(3, 9)]
SHARED = set(MINE) & set(THEIRS)
YES_NO = ((0, 0), (1, 64))


def evaluated_seen(side: Side) -> set[bytes]:
    """Of the elements that this side evaluated for its peer, those that stand in what it sent, whole or as a tag."""
    sent = b"".join(side.sent)
    rows = [row for chunk in chunks(side.session.spools.evaluated) for row in elements_of(chunk)]
    return {row for row in rows if row in sent or tags(choose(), side.session.context, row) in sent}


def agreeing(side: Side) -> set[bytes]:
    """The evaluated elements of this side that agree."""
    rows = [row for chunk in chunks(side.session.spools.evaluated) for row in elements_of(chunk)]
    pairs = b"".join(chunks(side.session.spools.matches))
    return {rows[int.from_bytes(pairs[at + 8 : at + 16], "big")] for at in range(0, len(pairs), 16)}


@pytest.mark.tm("TM-01")
@pytest.mark.parametrize("reply", [Reply.NONE, Reply.COUNT])
def test_no_evaluated_byte_leaves_a_first_learner_who_releases_nothing(reply: Reply) -> None:
    first, second = make_pair(MINE, THEIRS, reply)
    run(first, second)
    assert first.learned() == SHARED
    assert second.learned() == set()
    assert not second.session.has_learned
    assert evaluated_seen(first) == set()
    assert len(evaluated_seen(second)) == 64  # the observer sees them where they are


@pytest.mark.tm("TM-01")
def test_the_observer_catches_a_first_learner_who_answers_under_none() -> None:
    first, second = make_pair(MINE, THEIRS, Reply.ORDERED)
    run(first, second)
    assert len(evaluated_seen(first)) == 64


@pytest.mark.tm("TM-02")
@pytest.mark.parametrize("reply", [Reply.RELEASED, Reply.COUNT_RELEASED])
@pytest.mark.parametrize("released", [set(), {MINE[3]}, SHARED])
def test_only_released_rows_can_be_opened(reply: Reply, released: set[str]) -> None:
    first, second = make_pair(MINE, THEIRS, reply)
    run(first, second, release=released)
    assert second.learned() == released
    assert len(evaluated_seen(first)) == len(released)
    assert evaluated_seen(first) <= agreeing(first)


@pytest.mark.tm("TM-02")
def test_the_observer_catches_a_release_of_rows_that_do_not_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "check_release", lambda _side: None)
    monkeypatch.setattr(receiving, "_match_released", lambda _side: None)
    first, second = make_pair(MINE, THEIRS, Reply.RELEASED)

    def release_all(_values: object) -> None:
        first.session.spools.release.append(b"".join(row.to_bytes(8, "big") for row in range(64)))

    monkeypatch.setattr(first, "release", release_all)
    run(first, second)
    assert len(evaluated_seen(first)) == 64
    assert not evaluated_seen(first) <= agreeing(first)


@pytest.mark.tm("TM-02")
@pytest.mark.parametrize("sabotaged", [False, True])
def test_a_forged_release_is_caught(monkeypatch: pytest.MonkeyPatch, *, sabotaged: bool) -> None:
    """The first learner releases rows of the peer that it does not hold: a hit invented, with a true proof."""
    monkeypatch.setattr(sending, "check_release", lambda _side: None)
    first, second = make_pair(MINE, THEIRS, Reply.RELEASED)
    order = b"".join(chunks(second.order))
    invented = next(
        row for row in range(64) if int.from_bytes(order[8 * row : 8 * row + 8], "big") == THEIRS.index("+491510008")
    )
    monkeypatch.setattr(
        first, "release", lambda _values: first.session.spools.release.append(invented.to_bytes(8, "big"))
    )
    if sabotaged:
        monkeypatch.setattr(receiving, "_match_released", lambda _side: None)
        run(first, second)
        held = b"".join(chunks(second.session.spools.released))
        assert int.from_bytes(held[:8], "big") == invented  # kept as if it were true
    else:
        with pytest.raises(ForgedRelease):
            run(first, second)
        assert second.learned() == set()


def count_bytes(mine: list[str], theirs: list[str]) -> list[bytes]:
    """What the first learner sends after it has learned, without what differs in any two rounds: the signatures."""
    first, second = make_pair(mine, theirs, Reply.COUNT, bands=YES_NO)
    run(first, second)
    said = [decode(data) for data in first.sent]
    assert [type(message) for message in said[-2:]] == [Count, Close]
    assert second.session.record.count_heard in YES_NO
    return [replace(said[-2], signature=bytes(64)).encode()]


@pytest.mark.tm("TM-03")
def test_under_count_only_the_agreed_band_crosses() -> None:
    one = count_bytes(MINE, [MINE[0], "+1999"])
    six = count_bytes(MINE, MINE)
    none = count_bytes(MINE, ["+1999"])
    assert one == six != none


@pytest.mark.tm("TM-03")
def test_the_observer_catches_a_count_that_ignores_its_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair, "band_of", lambda count, _bands: (count, count))
    monkeypatch.setitem(receiving.TAKERS, Count, (receiving.TAKERS[Count][0], lambda side, message: True))
    first, second = make_pair(MINE, MINE, Reply.COUNT, bands=YES_NO)
    run(first, second)
    counts = [message for data in first.sent if isinstance(message := decode(data), Count)]
    assert (counts[0].low, counts[0].high) not in YES_NO


@pytest.mark.tm("TM-22")
@pytest.mark.parametrize("reply", list(Reply))
def test_nothing_is_evaluated_for_the_peer_before_it_is_permitted(reply: Reply) -> None:
    """The budget is charged first, and a person decides first: without a permission a session says nothing."""
    first, second = make_pair(MINE, THEIRS, reply)
    for side, other in ((first, second), (second, first), (first, second)):
        while side.session.waiting_for is None and (message := side.session.next_message()) is not None:
            other.session.receive(decode(message.encode()))
    assert second.session.waiting_for is Gate.ANSWER
    assert second.session.next_message() is None
    with pytest.raises(WrongState):
        second.session.permit_release()
    second.session.permit_answer()
    with pytest.raises(WrongState):
        second.session.permit_answer()
    while (message := second.session.next_message()) is not None:
        first.session.receive(decode(message.encode()))
    gates = {Reply.NONE: None, Reply.COUNT: Gate.COUNT, Reply.COUNT_RELEASED: Gate.COUNT}
    assert first.session.waiting_for is gates.get(reply, Gate.RELEASE)
    if reply is not Reply.NONE:
        assert first.session.next_message() is None


@pytest.mark.tm("TM-22")
def test_without_gates_the_answer_would_leave_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair, "GATES", {})
    first, second = make_pair(MINE, THEIRS, Reply.RELEASED)
    for side, other in ((first, second), (second, first), (first, second), (second, first)):
        while (message := side.session.next_message()) is not None:
            other.session.receive(decode(message.encode()))
            side.sent.append(message.encode())
    assert len(evaluated_seen(second)) == 64


@pytest.mark.tm("TM-02")
def test_releases_above_the_agreed_number_do_not_leave() -> None:
    first, second = make_pair(MINE, THEIRS, Reply.RELEASED, max_released=2)
    with pytest.raises(Exception, match="at most 2 answers"):
        run(first, second)
    assert evaluated_seen(first) == set()
    assert not any(isinstance(decode(data), Released) for data in first.sent)
    assert say(first) is None

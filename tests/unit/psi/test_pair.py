"""Sessions of protocol `pair` that go well, and calls that our own side must not make."""

from dataclasses import replace
from typing import Any

import pytest

from psi.backend import choose
from psi.errors import LocalError, PsiError, WrongState
from psi.messages import Count, Evaluated, decode
from psi.protocol.listing import Listing
from psi.protocol.pair import PairSession
from psi.protocol.proofs import signed_count
from psi.protocol.states import Gate, Leg, Place, Reply
from psi.protocol.terms import PairSpools, PairTerms, band_of
from psi.transcript import Label
from tests.support.pairs import AGREEMENT, RUN, FakeVoice, counting_random, make_pair, run, say, spools, until

MINE = [f"+49151000{number}" for number in range(6)]
THEIRS = [f"+49151000{number}" for number in range(3, 9)]
SHARED = set(MINE) & set(THEIRS)
TERMS = PairTerms("alder", "birch", Place.FIRST, Reply.ORDERED, AGREEMENT, RUN, 64, 64)


@pytest.mark.parametrize("reply", list(Reply))
def test_each_side_learns_what_was_agreed(reply: Reply) -> None:
    first, second = make_pair(MINE, THEIRS, reply)
    run(first, second)
    sees_rows = reply in (Reply.ORDERED, Reply.RELEASED, Reply.COUNT_RELEASED)
    sees_count = reply in (Reply.COUNT, Reply.COUNT_RELEASED)
    assert first.learned() == SHARED
    assert first.session.has_learned
    assert second.learned() == (SHARED if sees_rows else set())
    assert second.session.has_learned == sees_rows
    assert second.session.record.count_heard == ((3, 3) if sees_count else None)
    assert first.session.transcript() == second.session.transcript()
    assert first.session.context == second.session.context
    assert first.session.next_message() is None


@pytest.mark.parametrize("reply", list(Reply))
def test_the_scalar_is_needed_until_the_peers_list_is_in_and_the_answers_are_out(reply: Reply) -> None:
    """Also where the first learner answers nobody: it still multiplies the list that comes."""
    first, second = make_pair(MINE, THEIRS, reply)
    while not (first.session.finished and second.session.finished):
        for side, other in ((first, second), (second, first)):
            while True:
                needed = side.session.needs_scalar
                data = say(side)
                if data is None:
                    break
                if not needed:
                    side.scalar.wipe()
                other.session.receive(decode(data))
            if side.session.waiting_for is Gate.RELEASE:
                if reply is not Reply.ORDERED:
                    side.release(side.learned())
                side.session.permit_release()
        for side in (first, second):
            if not side.session.needs_scalar:
                side.scalar.wipe()
    assert first.scalar.wiped
    assert second.scalar.wiped
    assert first.learned() == SHARED


def test_under_none_the_first_learner_keeps_its_scalar_while_the_peers_list_is_out() -> None:
    first, second = make_pair(MINE, THEIRS, Reply.NONE)
    first.session.receive(decode(say(second) or b""))
    assert say(first)
    assert say(first)  # its list: all that it says before the closing
    assert first.session.record.turns.leg(Place.FIRST) is Leg.CLOSE
    assert first.session.needs_scalar


@pytest.mark.parametrize("call", ["permit_answer", "permit_release"])
def test_a_permission_that_nobody_waits_for_is_refused(call: str) -> None:
    first, second = make_pair(MINE, THEIRS)
    for side in (first, second):
        with pytest.raises(WrongState):
            getattr(side.session, call)()


def test_a_count_that_nobody_waits_for_is_refused() -> None:
    first, _second = make_pair(MINE, THEIRS, Reply.COUNT)
    with pytest.raises(WrongState):
        first.session.permit_count(3)


@pytest.mark.parametrize("count", [-1, 65, 2**70])
def test_a_count_outside_the_bands_is_a_defect_of_ours_and_nothing_is_said(count: int) -> None:
    first, second = make_pair(MINE, THEIRS, Reply.COUNT, bands=((0, 0), (1, 64)))
    for side, other in ((second, first), (first, second), (second, first)):
        while side.session.waiting_for is not Gate.COUNT and (data := say(side)) is not None:
            other.session.receive(decode(data))
    assert first.session.waiting_for is Gate.COUNT
    with pytest.raises(LocalError):
        first.session.permit_count(count)
    assert first.session.next_message() is None
    first.session.permit_count(64)
    assert first.session.next_message() == Count(1, 64, FakeVoice("alder", "birch").sign(*signed(first.session, 1, 64)))


def signed(session: PairSession, low: int, high: int) -> tuple[bytes, bytes]:
    return Label.SIGN_COUNT, signed_count(session.context, "alder", low, high)


@pytest.mark.parametrize(
    ("count", "bands", "band"),
    [(0, (), (0, 0)), (7, (), (7, 7)), (0, ((0, 0), (1, 9)), (0, 0)), (9, ((0, 0), (1, 9)), (1, 9))],
)
def test_the_band_of_a_count(count: int, bands: Any, band: tuple[int, int]) -> None:
    assert band_of(count, bands) == band


@pytest.mark.parametrize(
    "change",
    [
        {"me": "birch"},
        {"me": ""},
        {"peer": "two words"},
        {"peer": "é"},
        {"me": "a" * 65},
        {"agreement": bytes(32)},
        {"run": bytes(15)},
        {"my_size": 0},
        {"peer_size": 2**28},
        {"bands": ((1, 5),)},
        {"bands": ((0, 5), (7, 9))},
        {"bands": ((0, 5), (5, 9))},
        {"bands": ((0, 5), (6, 5))},
        {"max_released": -1},
    ],
    ids=str,
)
def test_terms_that_no_agreement_can_have_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(LocalError):
        replace(TERMS, **change)


def test_a_list_of_another_size_is_not_opened_with() -> None:
    lists = spools()
    with pytest.raises(WrongState):
        begin_with(lists, Listing(64, 0, bytes(64)))  # nothing stands in the spool
    lists.mine.append(bytes(32 * 64))
    with pytest.raises(WrongState):
        begin_with(lists, Listing(128, 0, bytes(64)))


def begin_with(lists: PairSpools, listing: Listing) -> PairSession:
    backend, random_bytes = choose(), counting_random("begin")
    return PairSession.begin(
        TERMS,
        listing,
        scalar=backend.new_scalar(random_bytes),
        spools=lists,
        voice=FakeVoice("alder", "birch"),
        backend=backend,
        random_bytes=random_bytes,
    )


def test_what_depends_on_the_peers_opening_waits_for_it() -> None:
    first, _second = make_pair(MINE, THEIRS)
    with pytest.raises(WrongState):
        _ = first.session.context
    with pytest.raises(WrongState):
        first.session.opening(Place.SECOND)
    assert first.session.opening(Place.FIRST).sender == "alder"


def test_after_an_error_of_our_own_the_session_is_restored_not_continued() -> None:
    """A disk that fills up between two lists must not leave them apart."""
    first, second = make_pair(MINE, THEIRS)
    answer = until(first, second, Evaluated, Place.SECOND)
    before = first.session.snapshot()
    full_disk = OSError("no space left")

    def fail(_data: bytes) -> None:
        raise full_disk

    append = first.session.spools.matches.append
    first.session.spools.matches.append = fail  # type: ignore[method-assign]
    with pytest.raises(OSError, match="no space"):
        first.session.receive(answer)
    with pytest.raises(WrongState, match="interrupted"):
        first.session.receive(answer)
    with pytest.raises(WrongState, match="interrupted"):
        first.session.snapshot()
    first.session.spools.matches.append = append  # type: ignore[method-assign]
    assert first.session.needs_scalar
    session = first.session
    first.session = PairSession.restore(
        session.terms,
        before,
        scalar=first.scalar,
        spools=session.spools,
        voice=session.voice,
        backend=session.backend,
        random_bytes=session.random_bytes,
    )
    first.session.receive(answer)
    assert first.learned() == SHARED


def test_errors_never_repeat_what_was_sent() -> None:
    first, second = make_pair(MINE, THEIRS)
    message = until(first, second, Evaluated, Place.SECOND)
    assert isinstance(message, Evaluated)
    with pytest.raises(PsiError) as caught:
        first.session.receive(replace(message, proof=bytes(64)))
    text = caught.value.diagnostics()
    assert not any(value in text for value in (*MINE, "alder", "birch", message.elements[:4].hex()))

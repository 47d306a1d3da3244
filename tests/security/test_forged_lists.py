"""Lists that are doubled, out of order, late, early, changed, too long or too short, or hold what is no element."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from psi.backend import choose
from psi.errors import BrokenCommitment, InvalidElement, ListOutOfOrder, LocalError, UnexpectedMessage, WrongCount
from psi.group import IDENTITY
from psi.messages import Blinded, Evaluated, Message, Open, decode
from psi.protocol import listing, receiving
from psi.protocol.states import Place, Reply
from psi.protocol.terms import PairTerms
from psi.spool import chunks
from tests.support.attacks import BIT_255, MINE, NOT_AN_ELEMENT, THEIRS, assert_over, no_check, refused, scalar_of
from tests.support.pairs import AGREEMENT, RUN, elements_of, make_pair, make_side, run, say, swap, until

Patch = pytest.MonkeyPatch


def with_duplicate(message: Blinded) -> Blinded:
    rows = elements_of(message.elements)
    return replace(message, elements=b"".join([*rows[:10], rows[9], *rows[11:]]))


def unsorted(message: Blinded) -> Blinded:
    rows = elements_of(message.elements)
    return replace(message, elements=b"".join([rows[1], rows[0], *rows[2:]]))


@pytest.mark.tm("TM-07")
@pytest.mark.parametrize(("change", "index"), [(with_duplicate, 10), (unsorted, 1)])
@pytest.mark.parametrize("liar", list(Place))
def test_a_duplicate_or_an_order_that_tells_is_refused(
    change: Callable[[Blinded], Blinded], index: int, liar: Place
) -> None:
    first, second = make_pair(MINE, THEIRS)
    victim = second if liar is Place.FIRST else first
    error = refused(ListOutOfOrder, first, second, swap(Blinded, change, liar), victim=victim)
    assert error.index == index


@pytest.mark.tm("TM-07")
@pytest.mark.parametrize("sabotaged", [False, True])
def test_a_duplicate_committed_to_from_the_start(monkeypatch: Patch, *, sabotaged: bool) -> None:
    """The cheat commits to its doubled list, so only the order shows it. Unnoticed, one identifier counts twice."""
    monkeypatch.setattr(listing, "first_disorder", no_check)
    first, second = make_pair([MINE[3], MINE[3], MINE[4]], THEIRS)
    if sabotaged:
        monkeypatch.setattr(receiving, "first_disorder", no_check)
        run(first, second)
        # Two answers are the same element: the matches are no longer pairs of one own and one other identifier.
        rows = [row for chunk in chunks(first.session.spools.mine) for row in elements_of(chunk)]
        assert len(set(rows)) < len(rows)
    else:
        with pytest.raises(ListOutOfOrder):
            run(first, second)
        assert_over(second)


@pytest.mark.tm("TM-07")
def test_our_own_list_is_never_sent_with_a_duplicate() -> None:
    with pytest.raises(LocalError, match="given twice"):
        make_pair([MINE[0], MINE[0]], THEIRS)


def another_list(message: Blinded) -> Blinded:
    """A list chosen after ours was seen: sorted, valid, the right size."""
    rows = sorted([*elements_of(message.elements)[1:], choose().base_multiply(scalar_of("late"))])
    return replace(message, elements=b"".join(rows))


@pytest.mark.tm("TM-08")
@pytest.mark.parametrize("liar", list(Place))
def test_a_list_that_was_changed_after_seeing_ours_is_refused(liar: Place) -> None:
    first, second = make_pair(MINE, THEIRS)
    victim = second if liar is Place.FIRST else first
    refused(BrokenCommitment, first, second, swap(Blinded, another_list, liar), victim=victim)


@pytest.mark.tm("TM-08")
def test_without_the_commitment_a_late_list_is_taken(monkeypatch: Patch) -> None:
    """The cheat FIRST waits for SECOND's list, doubles each element of it with a factor, and has it evaluated."""
    monkeypatch.setattr(receiving, "commitment", lambda opening, _root: opening.commitment)
    first, second = make_pair(MINE, THEIRS)
    late = until(first, second, Blinded, Place.FIRST)
    assert isinstance(late, Blinded)
    derived = sorted(elements_of(choose().multiply(scalar_of("factor"), second.session.spools.mine.read(0))))
    second.session.receive(replace(late, elements=b"".join(derived)))
    answer = decode(say(second) or b"")
    assert isinstance(answer, Evaluated)  # k2 applied to what only k2's owner should ever see doubled


@pytest.mark.tm("TM-08")
@pytest.mark.parametrize("place", list(Place))
def test_a_list_before_both_sides_opened_is_refused(place: Place) -> None:
    """Whoever shows its list before it has our opening could still choose another key for it."""
    first, second = make_pair(MINE, THEIRS)
    cheat, victim = (first, second) if place is Place.FIRST else (second, first)
    cheat.session.receive(victim.session.opening(victim.session.terms.place))
    victim.session.receive(decode(say(cheat) or b""))
    early = decode(cheat.session.next_message().encode())  # type: ignore[union-attr]
    with pytest.raises(UnexpectedMessage):
        victim.session.receive(early)
    assert_over(victim)


@pytest.mark.tm("TM-08")
def test_a_list_after_the_list_is_refused() -> None:
    first, second = make_pair(MINE, THEIRS)

    def twice(sender: Place, message: Message) -> list[Message]:
        return [message, message] if isinstance(message, Blinded) and sender is Place.FIRST else [message]

    refused(UnexpectedMessage, first, second, twice, victim=second)


def shortened(message: Any) -> Any:
    return replace(message, elements=message.elements[:-32])


def lengthened(message: Any) -> Any:
    return replace(message, elements=message.elements + b"\xff" * 31 + b"\x7f")


@pytest.mark.tm("TM-09")
@pytest.mark.parametrize("kind", [Blinded, Evaluated])
@pytest.mark.parametrize("change", [shortened, lengthened])
@pytest.mark.parametrize("liar", list(Place))
def test_too_few_or_too_many_elements_are_refused(
    kind: type[Message], change: Callable[[Any], Any], liar: Place
) -> None:
    first, second = make_pair(MINE, THEIRS)
    victim = second if liar is Place.FIRST else first
    refused(WrongCount, first, second, swap(kind, change, liar), victim=victim)


@pytest.mark.tm("TM-09")
@pytest.mark.parametrize("sabotaged", [False, True])
def test_a_longer_list_than_signed_is_refused(monkeypatch: Patch, *, sabotaged: bool) -> None:
    """The cheat signs 64 elements and brings 128: twice as many guesses as the agreement grants."""
    terms = PairTerms("alder", "birch", Place.FIRST, Reply.ORDERED, AGREEMENT, RUN, 128, 64)
    honest = PairTerms("birch", "alder", Place.SECOND, Reply.ORDERED, AGREEMENT, RUN, 64, 64)
    first, second = make_side(MINE, terms), make_side(THEIRS, honest)
    if not sabotaged:
        refused(WrongCount, first, second, lambda _place, message: [message], victim=second)
        return
    monkeypatch.setattr(receiving, "_check_chunk", no_check)
    opening = first.session.opening(Place.FIRST)
    declared = replace(opening, size=64)
    monkeypatch.setattr(receiving, "commitment", lambda _opening, _root: declared.commitment)
    second.session.receive(declared)
    first.session.receive(decode(say(second) or b""))
    say(first)
    second.session.receive(decode(say(first) or b""))
    assert second.session.spools.evaluated.rows == 128


@pytest.mark.tm("TM-09")
@pytest.mark.parametrize("liar", list(Place))
def test_an_opening_with_another_size_is_refused(liar: Place) -> None:
    first, second = make_pair(MINE, THEIRS)
    victim = second if liar is Place.FIRST else first
    refused(WrongCount, first, second, swap(Open, lambda m: replace(m, size=128), liar), victim=victim)


@pytest.mark.tm("TM-11")
@pytest.mark.parametrize("bad", [IDENTITY, NOT_AN_ELEMENT, BIT_255, b"\xff" * 32])
@pytest.mark.parametrize("liar", list(Place))
def test_an_invalid_key_is_refused(bad: bytes, liar: Place) -> None:
    first, second = make_pair(MINE, THEIRS)
    victim = second if liar is Place.FIRST else first
    error = refused(
        InvalidElement, first, second, swap(Open, lambda m: replace(m, public_key=bad), liar), victim=victim
    )
    assert error.index is None


@pytest.mark.tm("TM-11")
@pytest.mark.parametrize("bad", [IDENTITY, NOT_AN_ELEMENT, BIT_255, b"\xff" * 32])
def test_an_invalid_element_in_a_list_is_refused_with_its_place(bad: bytes) -> None:
    first, second = make_pair(MINE, THEIRS)

    def put(message: Blinded) -> Blinded:
        return replace(message, elements=b"".join(sorted([*elements_of(message.elements)[1:], bad])))

    error = refused(InvalidElement, first, second, swap(Blinded, put, Place.FIRST), victim=second)
    rows = sorted([*elements_of(first.session.spools.mine.read(0))[1:], bad])
    assert error.index == rows.index(bad)


@pytest.mark.tm("TM-11")
@pytest.mark.parametrize("bad", [IDENTITY, NOT_AN_ELEMENT, BIT_255])
def test_an_invalid_element_in_an_answer_is_refused_with_its_place(bad: bytes) -> None:
    first, second = make_pair(MINE, THEIRS)

    def put(message: Evaluated) -> Evaluated:
        return replace(message, elements=message.elements[: 32 * 20] + bad + message.elements[32 * 21 :])

    assert refused(InvalidElement, first, second, swap(Evaluated, put), victim=first).index == 20


@pytest.mark.tm("TM-11")
def test_without_the_check_the_identity_is_a_key(monkeypatch: Patch) -> None:
    monkeypatch.setattr(receiving, "_check_key", no_check)
    first, second = make_pair(MINE, THEIRS)
    second.session.receive(replace(first.session.opening(Place.FIRST), public_key=IDENTITY))
    assert second.session.opening(Place.FIRST).public_key == IDENTITY

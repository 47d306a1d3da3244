"""The table of turns, written out here by hand once more."""

import itertools

import pytest

from psi.protocol.states import AFTER, GATES, SCRIPTS, Leg, Place, Reply, Turns

FIRST, SECOND = Place.FIRST, Place.SECOND
SCRIPT_OF_FIRST = {
    Reply.ORDERED: "OPEN LIST ANSWER CLOSE",
    Reply.RELEASED: "OPEN LIST RELEASE CLOSE",
    Reply.COUNT: "OPEN LIST COUNT CLOSE",
    Reply.COUNT_RELEASED: "OPEN LIST COUNT RELEASE CLOSE",
    Reply.NONE: "OPEN LIST CLOSE",
}


@pytest.mark.parametrize("reply", list(Reply))
def test_the_scripts(reply: Reply) -> None:
    assert " ".join(leg.name for leg in SCRIPTS[reply, FIRST]) == SCRIPT_OF_FIRST[reply]
    assert " ".join(leg.name for leg in SCRIPTS[reply, SECOND]) == "OPEN LIST ANSWER CLOSE"


def all_courses(reply: Reply) -> set[tuple[tuple[Place, Leg], ...]]:
    """Every order in which both scripts can be said, with legs of one message."""
    done: set[tuple[tuple[Place, Leg], ...]] = set()
    todo: list[tuple[tuple[Place, Leg], ...]] = [()]
    while todo:
        course = todo.pop()
        turns = Turns.start(reply)
        for place, _leg in course:
            turns.advance(place, last=True)
        steps = [(place, leg) for place, leg in itertools.product(Place, Leg) if turns.may(place, leg)]
        if turns.over:
            assert not steps
            done.add(course)
        else:
            assert steps, "nobody can go on"
            todo += [(*course, step) for step in steps]
    return done


@pytest.mark.parametrize("reply", list(Reply))
def test_every_course_ends_and_keeps_the_order_of_what_matters(reply: Reply) -> None:
    courses = all_courses(reply)
    assert courses
    for course in courses:
        at = {step: number for number, step in enumerate(course)}
        opened = max(at[FIRST, Leg.OPEN], at[SECOND, Leg.OPEN])
        assert all(at[place, Leg.LIST] > opened for place in Place)
        assert at[SECOND, Leg.ANSWER] > max(at[FIRST, Leg.LIST], at[SECOND, Leg.LIST])
        for leg in SCRIPTS[reply, FIRST][2:]:
            assert at[FIRST, leg] > at[SECOND, Leg.ANSWER]
        assert course[-2:] == ((FIRST, Leg.CLOSE), (SECOND, Leg.CLOSE))


def test_without_its_row_a_list_could_come_before_the_other_opening(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(AFTER, (FIRST, Leg.LIST))
    early = [c for c in all_courses(Reply.NONE) if c.index((FIRST, Leg.LIST)) < c.index((SECOND, Leg.OPEN))]
    assert early


@pytest.mark.parametrize(("place", "leg"), list(itertools.product(Place, Leg)))
@pytest.mark.parametrize("reply", list(Reply))
def test_at_the_start_both_may_only_open(reply: Reply, place: Place, leg: Leg) -> None:
    assert Turns.start(reply).may(place, leg) == (leg is Leg.OPEN)


def test_everything_that_shows_the_peer_a_row_of_ours_waits_for_a_permission() -> None:
    disclosing = {(SECOND, Leg.ANSWER), (FIRST, Leg.ANSWER), (FIRST, Leg.COUNT), (FIRST, Leg.RELEASE)}
    assert set(GATES) == disclosing
    said = {(place, leg) for (_, place), legs in SCRIPTS.items() for leg in legs}
    assert said - disclosing == {(place, leg) for place in Place for leg in (Leg.OPEN, Leg.LIST, Leg.CLOSE)}


def test_a_leg_of_several_messages_ends_with_its_last() -> None:
    turns = Turns.start(Reply.NONE)
    turns.advance(FIRST, last=True)
    turns.advance(SECOND, last=True)
    turns.advance(FIRST, last=False)
    assert turns.leg(FIRST) is Leg.LIST
    assert turns.said[FIRST] == 1
    assert turns.remaining(FIRST) == (Leg.LIST, Leg.CLOSE)
    turns.advance(FIRST, last=True)
    assert turns.leg(FIRST) is Leg.CLOSE
    assert turns.said[FIRST] == 0
    assert turns.has_finished(FIRST, Leg.LIST)
    assert not turns.has_finished(FIRST, Leg.COUNT)  # not in its script at all

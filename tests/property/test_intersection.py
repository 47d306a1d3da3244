"""What both sides learn is the intersection, no more and no less. And sizes tell nothing.

Small lists, so that thousands of rounds fit: nothing in the protocol depends on the size but chunks, and their borders
are tried once.
"""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psi import matching
from psi.errors import ListDoesNotFit, LocalError
from psi.protocol import receiving
from psi.protocol.states import Reply
from psi.spool import CHUNK_ROWS
from tests.support.pairs import make_pair, run

PAIRS = 2_000
SIZE = 8
SHAPES = ("any", "empty", "one empty", "equal", "disjoint", "full", "nested", "single")


def sets_of(shape: str, source: random.Random) -> tuple[list[str], list[str]]:
    """Two lists of distinct values of the named shape, at most SIZE each."""
    pool = [f"+4915{number:07}" for number in source.sample(range(10**7), 3 * SIZE)]
    one = pool[: source.randint(1, SIZE)]
    match shape:
        case "empty":
            return [], []
        case "one empty":
            return ([], one) if source.random() < 0.5 else (one, [])
        case "equal":
            return one, source.sample(one, len(one))
        case "disjoint":
            return one, pool[SIZE : SIZE + source.randint(1, SIZE)]
        case "full":
            start = source.randint(0, SIZE)
            return pool[:SIZE], pool[start : start + SIZE]
        case "nested":
            return one, source.sample(one, source.randint(0, len(one)))
        case "single":
            return pool[:1], source.choice([pool[:1], pool[1:2]])
        case _:
            shared = pool[2 * SIZE :][: source.randint(0, SIZE)]
            mine = pool[: source.randint(0, SIZE - len(shared))]
            theirs = pool[SIZE:][: source.randint(0, SIZE - len(shared))]
            return source.sample(shared, len(shared)) + mine, shared + theirs


def wrong_results(count: int) -> int:
    source = random.Random(4)
    replies = (Reply.ORDERED, Reply.RELEASED)
    wrong = done = 0
    for number in range(count):
        mine, theirs = sets_of(SHAPES[number % len(SHAPES)], source)
        reply = replies[number // len(SHAPES) % 2]
        first, second = make_pair(mine, theirs, reply, first_size=SIZE, second_size=SIZE, seed=str(number))
        run(first, second)
        truth = set(mine) & set(theirs)
        wrong += not (first.learned() == second.learned() == truth)
        done += 1
    assert done == count
    return wrong


@pytest.mark.tm("TM-25")
def test_both_sides_learn_exactly_the_intersection() -> None:
    assert wrong_results(PAIRS) == 0


@pytest.mark.tm("TM-25")
def test_a_comparison_that_loses_a_pair_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(mine, theirs, scratch):  # type: ignore[no-untyped-def]
        for pairs in matching.match(mine, theirs, scratch):
            if len(pairs) > 16:
                yield pairs[16:]

    monkeypatch.setattr(receiving, "match", forgetful)
    assert wrong_results(len(SHAPES)) > 0


@pytest.mark.tm("TM-25")
@pytest.mark.parametrize("size", [CHUNK_ROWS - 1, CHUNK_ROWS, CHUNK_ROWS + 1])
def test_chunk_borders(size: int) -> None:
    mine = [f"+1{number}" for number in range(size)]
    theirs = [f"+1{number}" for number in range(size // 2, size + size // 2)]
    first, second = make_pair(mine, theirs, Reply.NONE, first_size=size, second_size=size)
    run(first, second)
    assert first.learned() == set(mine) & set(theirs)


@pytest.mark.tm("TM-25")
@pytest.mark.parametrize("count", [SIZE - 1, SIZE])
def test_a_size_class_can_be_filled(count: int) -> None:
    values = [f"+1{number}" for number in range(count)]
    first, second = make_pair(values, values, first_size=SIZE, second_size=SIZE)
    run(first, second)
    assert first.learned() == second.learned() == set(values)


@pytest.mark.tm("TM-25")
def test_one_more_than_the_size_class_or_a_duplicate_is_refused() -> None:
    values = [f"+1{number}" for number in range(SIZE + 1)]
    with pytest.raises(ListDoesNotFit):
        make_pair(values, [], first_size=SIZE)
    with pytest.raises(LocalError):
        make_pair([values[0], values[0]], [], first_size=SIZE)


def lengths(mine: int, theirs: int, reply: Reply, released: int) -> list[list[int]]:
    """Lengths of all messages of both sides; `released` values are shared by both."""
    shared = [f"+2{number}" for number in range(released)]
    first, second = make_pair(
        shared + [f"+1{number}" for number in range(mine)],
        shared + [f"+3{number}" for number in range(theirs)],
        reply,
        first_size=16,
        second_size=32,
        bands=((0, 0), (1, 16)),
    )
    run(first, second, release=shared)
    return [[len(data) for data in side.sent] for side in (first, second)]


@pytest.mark.tm("TM-18")
@given(st.integers(0, 14), st.integers(0, 30), st.sampled_from(list(Reply)), st.integers(0, 2))
@settings(max_examples=60, deadline=None)
def test_no_length_depends_on_how_many_identifiers_a_list_holds(
    mine: int, theirs: int, reply: Reply, released: int
) -> None:
    assert lengths(mine, theirs, reply, released) == lengths(0, 0, reply, released)


@pytest.mark.tm("TM-18")
def test_a_list_without_padding_is_caught() -> None:
    sizes = set()
    for count in (3, 10):
        values = [f"+1{number}" for number in range(count)]
        first, second = make_pair(values, values, Reply.NONE, first_size=count, second_size=count)
        run(first, second)
        sizes.add(tuple(len(data) for data in first.sent))
    assert len(sizes) == 2

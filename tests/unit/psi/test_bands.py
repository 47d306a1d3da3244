"""A count in bands is the same however often the same lists are compared: the bands are fixed and nothing is drawn.

Noise would be worse: whoever asks ten times takes the average. What repeating brings is bounded by the budget, which
every run is charged to in full (tests/integration/test_second_round.py).
"""

import random
from collections.abc import Callable

import pytest

from psi.messages import Count, decode
from psi.protocol import pair
from psi.protocol.states import Gate, Reply
from psi.protocol.terms import Band
from tests.support import pairs
from tests.support.pairs import Side, make_pair, say

BANDS: tuple[Band, ...] = ((0, 0), (1, 5), (6, 20), (21, 64))
SHARED = [f"shared {number}" for number in range(7)]
MINE = [*SHARED, *(f"mine {number}" for number in range(9))]
THEIRS = [*SHARED, *(f"theirs {number}" for number in range(11))]
RUNS = 12


class Draws:
    """Randomness that counts how often it is asked."""

    def __init__(self) -> None:
        self.count = 0

    def source(self, seed: str) -> Callable[[int], bytes]:
        inner = random.Random(seed)

        def draw(size: int) -> bytes:
            self.count += 1
            return inner.randbytes(size)

        return draw


def until_count(seed: str) -> Side:
    """The first learner at the moment at which it says the count."""
    first, second = make_pair(MINE, THEIRS, Reply.COUNT, bands=BANDS, seed=seed)
    for side, other in ((second, first), (first, second), (second, first)):
        while side.session.waiting_for is not Gate.COUNT and (data := say(side)) is not None:
            other.session.receive(decode(data))
    assert first.session.waiting_for is Gate.COUNT
    return first


def check_stable(patch: pytest.MonkeyPatch) -> None:
    said = set()
    for run in range(RUNS):
        draws = Draws()
        patch.setattr(pairs, "counting_random", draws.source)
        first = until_count(f"run {run}")
        before = draws.count
        assert before > 0
        first.session.permit_count(len(first.learned()))
        message = first.session.next_message()
        assert isinstance(message, Count)
        assert draws.count == before, "something was drawn to say a count"
        said.add((message.low, message.high))
    assert said == {(6, 20)}


@pytest.mark.tm("TM-204")
def test_the_same_lists_give_the_same_band_in_every_run_and_no_noise_is_drawn(
    monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    check_stable(monkeypatch)
    record_property("ran", f"{RUNS} runs with other keys")


@pytest.mark.tm("TM-204")
def test_sabotaged_twin_that_adds_noise_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    true, noise = pair.band_of, random.Random(1)
    monkeypatch.setattr(pair, "band_of", lambda count, bands: true(max(0, count + noise.choice((-3, 0, 3))), bands))
    with pytest.raises(AssertionError):
        check_stable(monkeypatch)

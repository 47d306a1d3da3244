"""One recorded round, and every way in which one message of it can be damaged or put in another's place.

The round is the same every time (seeded), so each message is known before it is said. Each altered round must end in an
error of ours, or with the very result of the honest one; nobody may ever learn anything else. Flipped is every bit of
every message of every reply mode before a release, a seeded share of them on every submission; cut is every message
after each of its bytes; swapped are all pairs of messages, of the same side or of both.
"""

import itertools
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import pytest

from psi import dleq
from psi.codec import Reader
from psi.errors import PeerError
from psi.messages import Message, decode
from psi.protocol import receiving
from psi.protocol.states import Place, Reply
from tests.support.attacks import no_check, take_any_closing
from tests.support.pairs import Side, make_pair, run

SIZE = 4
MINE, THEIRS = ["+11", "+12", "+13"], ["+12", "+13", "+14"]
TRUTH = {"+12", "+13"}
QUICK_FLIPS = 200
CI_FLIPS = 2_000
LEAST_BITS = 40_000
"""Bits in the messages of one round of each reply mode, together: what is flipped is no toy."""


@dataclass(frozen=True)
class Spot:
    """One bit of one message of a round."""

    reply: Reply
    message: int
    bit: int


def sides(reply: Reply) -> tuple[Side, Side]:
    return make_pair(MINE, THEIRS, reply, first_size=SIZE, second_size=SIZE, bands=((0, 0), (1, SIZE)))


def said_in(first: Side, second: Side) -> tuple[bytes, ...]:
    """All messages of their round, in the order in which they were said."""
    said: list[bytes] = []

    def record(_sender: Place, message: Message) -> Sequence[Message]:
        said.append(message.encode())
        return [message]

    run(first, second, change=record)
    assert first.learned() == TRUTH
    return tuple(said)


@cache
def recorded(reply: Reply) -> tuple[bytes, ...]:
    """The honest round that every altered one is the same as until then."""
    return said_in(*sides(reply))


def outcome(reply: Reply, instead: Mapping[int, bytes]) -> str:
    """What becomes of the round when these bytes arrive in the place of these messages: "refused", or "same" if both
    sides came to the honest result. Fails if anybody learned anything else."""
    first, second = sides(reply)
    told = 0

    def change(_sender: Place, message: Message) -> Sequence[Message]:
        nonlocal told
        told += 1
        if told - 1 not in instead:
            assert message.encode() == recorded(reply)[told - 1] or min(instead) < told - 1
            return [message]
        return [decode(instead[told - 1])]

    try:
        run(first, second, change=change)
    except PeerError:
        found = "refused"
    else:
        assert first.session.finished
        assert second.session.finished
        assert first.learned() == TRUTH
        found = "same"
    for side in (first, second):
        if side.session.has_learned:
            assert side.learned() in (set(), TRUTH)
    return found


def unreadable(data: bytes) -> bool:
    """Is it refused before a session sees it? Then the round need not be played again."""
    try:
        decode(data)
    except PeerError:
        return True
    return False


def all_spots() -> list[Spot]:
    return [
        Spot(reply, number, bit)
        for reply in Reply
        for number, data in enumerate(recorded(reply))
        for bit in range(8 * len(data))
    ]


def flip(spots: Sequence[Spot]) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    for spot in spots:
        data = bytearray(recorded(spot.reply)[spot.message])
        data[spot.bit // 8] ^= 1 << spot.bit % 8
        outcomes["unreadable" if unreadable(bytes(data)) else outcome(spot.reply, {spot.message: bytes(data)})] += 1
    return outcomes


@pytest.mark.tm("TM-150")
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(
    "count",
    [
        QUICK_FLIPS,
        pytest.param(CI_FLIPS, marks=pytest.mark.ci),
        pytest.param(None, marks=pytest.mark.soak, id="all"),
    ],
)
def test_a_flipped_bit_is_refused_or_changes_nothing(
    count: int | None, record_property: Callable[[str, object], None]
) -> None:
    spots = all_spots()
    assert len(spots) >= LEAST_BITS
    chosen = spots if count is None else random.Random(150).sample(spots, count)
    outcomes = flip(chosen)
    record_property("ran", f"{len(chosen):,} of {len(spots):,} bits flipped: {dict(outcomes)}")
    assert outcomes.total() == len(chosen)
    # All bits of all messages are under the hash of what was said, so nothing passes for the honest message.
    assert outcomes["same"] == 0
    assert outcomes["refused"] > len(chosen) // 4, "few of these reached a session"


@pytest.mark.tm("TM-150")
def test_without_proofs_and_closing_some_flips_go_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin: what was said is not compared, and answers are believed."""
    spots = [spot for spot in all_spots() if spot.reply is Reply.ORDERED]
    monkeypatch.setattr(dleq, "verify_batch", lambda *_arguments, **_keywords: None)
    for kind, (leg, _take) in list(receiving.TAKERS.items()):
        if leg.name == "CLOSE":
            monkeypatch.setitem(receiving.TAKERS, kind, (leg, lambda *_parts: True))
    through = 0
    for spot in random.Random(150).sample(spots, QUICK_FLIPS):
        try:
            through += flip([spot])["same"]
        except AssertionError:  # somebody learned something else
            through += 1
    assert through > 0


@pytest.mark.tm("TM-150")
@pytest.mark.parametrize("reply", Reply)
def test_a_message_that_is_cut_off_is_refused(reply: Reply) -> None:
    cuts = 0
    for number, data in enumerate(recorded(reply)):
        for length in range(len(data)):
            cuts += 1
            assert unreadable(data[:length]) or outcome(reply, {number: data[:length]}) == "refused"
        assert unreadable(data + b"\0")
    assert cuts == sum(map(len, recorded(reply))) > LEAST_BITS // 8 // 2 // len(Reply)


@pytest.mark.tm("TM-150")
@pytest.mark.parametrize("reply", Reply)
def test_messages_in_each_others_place_are_refused(reply: Reply) -> None:
    said = recorded(reply)
    pairs = list(itertools.combinations(range(len(said)), 2))
    assert len(pairs) == len(said) * (len(said) - 1) // 2 >= 21
    for one, other in pairs:
        assert outcome(reply, {one: said[other], other: said[one]}) == "refused", (one, other)


@pytest.mark.tm("TM-150")
def test_a_message_of_another_round_is_refused_wherever_it_stands() -> None:
    """Each message of a round, in its own place, in one with other lists and keys."""
    for reply in Reply:
        first, second = make_pair(
            THEIRS, MINE, reply, first_size=SIZE, second_size=SIZE, bands=((0, 0), (1, SIZE)), seed="other"
        )
        foreign = said_in(first, second)
        assert len(foreign) == len(recorded(reply))
        for number, data in enumerate(foreign):
            assert outcome(reply, {number: data}) == "refused", (reply, number)


@pytest.mark.tm("TM-150")
@pytest.mark.parametrize("reply", Reply)
def test_with_any_closing_taken_some_of_these_go_through(reply: Reply, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin of the three above: nobody compares what was said, and a message may end anywhere."""
    take_any_closing(monkeypatch)
    said = recorded(reply)
    last = len(said) - 1
    assert outcome(reply, {last - 1: said[last], last: said[last - 1]}) == "same"  # in each other's place
    first, second = make_pair(
        THEIRS, MINE, reply, first_size=SIZE, second_size=SIZE, bands=((0, 0), (1, SIZE)), seed="other"
    )
    assert outcome(reply, {last: said_in(first, second)[last]}) == "same"  # of another round
    monkeypatch.setattr(Reader, "finish", no_check)
    monkeypatch.setattr(Reader, "_take", take_what_is_there)
    assert not unreadable(said[last] + b"\0")
    assert outcome(reply, {last: said[last][:-1]}) == "same"  # cut off


def take_what_is_there(reader: Reader, size: int) -> bytes:
    taken = reader._data[reader._at : reader._at + size]
    reader._at += size
    return taken.ljust(size, b"\0")


def test_the_honest_round_is_not_refused() -> None:
    """Nothing altered: the same walk ends with the result, so a refusal above is one of the alteration."""
    for reply in Reply:
        assert outcome(reply, {0: recorded(reply)[0]}) == "same"

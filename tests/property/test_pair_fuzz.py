"""One bit flipped in one message of a round ends it by an error of ours, never otherwise.

Whatever an honest side would have said, a flipped bit makes it something that its sender did not say. So no round may
reach its end on both sides, and no side may learn anything but the truth or nothing.
"""

import random
from collections.abc import Sequence

import pytest

from psi import dleq
from psi.errors import PeerError
from psi.messages import Message, decode
from psi.protocol import receiving
from psi.protocol.states import Place, Reply
from tests.support.pairs import make_pair, run

FLIPS = 500
SIZE = 4
MINE, THEIRS = ["+11", "+12", "+13"], ["+12", "+13", "+14"]
TRUTH = {"+12", "+13"}


def flip_one(source: random.Random, number: int) -> bool:
    """Whether a round with one flipped bit was refused. Asserts that nobody learned anything untrue."""
    reply = list(Reply)[number % len(Reply)]
    first, second = make_pair(MINE, THEIRS, reply, first_size=SIZE, second_size=SIZE, bands=((0, 0), (1, SIZE)))
    target, seen = source.randrange(7), 0

    def change(_sender: Place, message: Message) -> Sequence[Message]:
        nonlocal seen
        seen += 1
        if seen != target + 1:
            return [message]
        data = bytearray(message.encode())
        bit = source.randrange(8 * len(data))
        data[bit // 8] ^= 1 << bit % 8
        return [decode(bytes(data))]

    refused = False
    try:
        run(first, second, change=change)
    except PeerError:
        refused = True
    assert seen > target
    for side in (first, second):
        if side.session.has_learned:
            assert side.learned() in (set(), TRUTH)
    return refused


@pytest.mark.tm("TM-24")
def test_a_flipped_bit_is_refused_wherever_it_is() -> None:
    source = random.Random(24)
    refused = [flip_one(source, number) for number in range(FLIPS)]
    assert len(refused) == FLIPS
    assert all(refused)


@pytest.mark.tm("TM-24")
def test_without_proofs_and_closing_some_flips_go_unnoticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dleq, "verify_batch", lambda *_arguments, **_keywords: None)
    for kind, (leg, _take) in list(receiving.TAKERS.items()):
        if leg.name == "CLOSE":
            monkeypatch.setitem(receiving.TAKERS, kind, (leg, lambda *_parts: True))
    source = random.Random(24)
    assert not all(flip_one(source, number) for number in range(FLIPS // 10))

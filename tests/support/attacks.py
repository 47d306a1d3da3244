"""For tests of attacks on protocol `pair`: what a victim must have done, and how to take a check away."""

import pytest

from psi.backend import choose
from psi.errors import PeerError, WrongState
from psi.group import GENERATOR
from psi.messages import Close, Count, Evaluated, decode
from psi.protocol import receiving
from psi.protocol.states import Leg
from psi.secret import SecretBytes
from tests.support.pairs import Change, Side, counting_random, run

MINE = [f"+49151000{number}" for number in range(6)]
THEIRS = [f"+49151000{number}" for number in range(3, 9)]
SHARED = set(MINE) & set(THEIRS)
NOT_AN_ELEMENT = bytes.fromhex("26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371")  # RFC 9496 A.2
BIT_255 = GENERATOR[:-1] + bytes([GENERATOR[-1] | 0x80])


def no_check(*_arguments: object, **_keywords: object) -> None:
    """Stands where a check was taken away."""


def take_any_closing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(receiving.TAKERS, Close, (Leg.CLOSE, lambda *_parts: True))


def scalar_of(name: str) -> SecretBytes:
    """The same scalar for the same name."""
    return choose().new_scalar(counting_random(name))


def assert_over(side: Side) -> None:
    """A session that refused says, hears, saves and permits nothing more; its key is needed no longer."""
    for call in (
        side.session.next_message,
        side.session.snapshot,
        side.session.permit_answer,
        side.session.permit_release,
        lambda: side.session.permit_count(0),
        lambda: side.session.receive(Count(0, 0, bytes(64))),
    ):
        with pytest.raises(WrongState):
            call()
    assert side.session.waiting_for is None
    assert not side.session.finished
    assert not side.session.needs_scalar


def refused(error: type[PeerError], first: Side, second: Side, change: Change, *, victim: Side) -> PeerError:
    """Run with a cheat on the way; the victim refuses with exactly this error and is over."""
    with pytest.raises(error) as caught:
        run(first, second, change=change)
    assert type(caught.value) is error
    assert caught.value.sentence
    assert caught.value.advice
    assert_over(victim)
    return caught.value


def answers_to(said_by: Side) -> bytes:
    """All elements that a side sent as answers in order."""
    parts = [message for data in said_by.sent if isinstance(message := decode(data), Evaluated)]
    return b"".join(message.elements for message in parts)

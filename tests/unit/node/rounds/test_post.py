"""The post: what it remembers about recipients that do not answer, and what a try costs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from node.clock import ManualClock
from node.errors import Busy, NodeError, PeerUnreachable
from node.rounds.post import FIRST_LATER_SECONDS, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, Post
from node.wire.envelope import Envelope, EnvelopeKind, ReceiptKind


@dataclass
class Letters:
    """One letter to each recipient of round "r", as the outbox would show it; counts transactions, as the store."""

    waiting: list[str] = field(default_factory=lambda: ["a", "b"])
    transactions: int = 0

    def recipients(self, _round_id: str) -> list[str]:
        return list(self.waiting)

    def next(self, _round_id: str, recipient: str) -> tuple[int, Any] | None:
        return (self.waiting.index(recipient), _Letter(recipient)) if recipient in self.waiting else None

    def acknowledged(self, _tx: object, row: int) -> None:
        del self.waiting[row]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.transactions += 1
        yield


@dataclass
class _Letter:
    recipient: str
    kind: EnvelopeKind = EnvelopeKind.ROUND


@dataclass
class Link:
    answer: ReceiptKind | NodeError
    tried: int = 0

    def deliver(self, _envelope: Envelope) -> ReceiptKind:
        self.tried += 1
        if isinstance(self.answer, NodeError):
            raise self.answer
        return self.answer


def office(answer: ReceiptKind | NodeError) -> tuple[Post, Letters, Link, ManualClock]:
    letters, link, clock = Letters(), Link(answer), ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
    return Post(cast(Any, letters), cast(Any, letters), link, clock, bytes), letters, link, clock


@pytest.mark.parametrize("error", [PeerUnreachable("Down."), Busy("Busy.")])
def test_a_try_that_fails_writes_nothing_and_the_pause_doubles(error: NodeError) -> None:
    post, letters, link, clock = office(error)
    letters.waiting = ["a"]
    pauses = []
    for _ in range(10):
        wait = post.deliver("r").retry_in
        assert wait is not None
        pauses.append(wait)
        clock.advance(wait)
    assert letters.transactions == 0
    assert link.tried == 10
    assert pauses[:3] == pytest.approx([FIRST_PAUSE_SECONDS * factor / 2 for factor in (1, 2, 4)])
    assert max(pauses) <= LONGEST_PAUSE_SECONDS


def test_a_recipient_that_does_not_answer_is_left_in_peace_by_all_rounds() -> None:
    post, letters, link, _ = office(PeerUnreachable("Down."))
    letters.waiting = ["a"]
    for round_id in ("r", "s", "t"):
        assert post.deliver(round_id).retry_in is not None
    assert link.tried == 1
    post.heard_from("a")
    post.deliver("s")
    assert link.tried == 2


def test_later_is_said_for_one_round_and_one_recipient() -> None:
    post, letters, link, clock = office(ReceiptKind.RETRY_LATER)
    assert post.deliver("r").retry_in == FIRST_LATER_SECONDS
    assert link.tried == 2
    post.deliver("r")
    assert link.tried == 2
    clock.advance(FIRST_LATER_SECONDS)
    assert post.deliver("r").retry_in == 2 * FIRST_LATER_SECONDS
    assert letters.transactions == 0


def test_nothing_is_remembered_of_what_waits_no_more() -> None:
    post, letters, link, clock = office(ReceiptKind.RETRY_LATER)
    post.deliver("r")
    letters.waiting.remove("a")  # dropped: the agreement is over
    post.deliver("r")
    assert set(post._laters["r"]) == {"b"}
    clock.advance(60)
    link.answer = ReceiptKind.ACCEPTED
    assert post.deliver("r").sent == 1
    assert not post._laters
    letters.waiting, link.answer = ["a", "b"], ReceiptKind.RETRY_LATER
    post.deliver("r")
    post.forget("r")
    assert not post._laters

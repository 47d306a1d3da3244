"""The post: what it remembers about recipients that do not answer, and what a try costs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from node.clock import ManualClock
from node.errors import Busy, NodeError, PeerRefused, PeerUnreachable
from node.rounds.post import (
    FIRST_LATER_SECONDS,
    FIRST_PAUSE_SECONDS,
    LONGEST_LATER_SECONDS,
    LONGEST_PAUSE_SECONDS,
    LONGEST_REPORT_LATER_SECONDS,
    Post,
)
from node.wire.envelope import Envelope, EnvelopeKind, ReceiptKind


@dataclass
class Letters:
    """One letter to each recipient of round "r", as the outbox would show it; counts transactions, as the store."""

    waiting: list[str] = field(default_factory=lambda: ["a", "b"])
    transactions: int = 0
    kind: EnvelopeKind = EnvelopeKind.ROUND

    def recipients(self, _round_id: str) -> list[str]:
        return list(self.waiting)

    def next(self, _round_id: str, recipient: str) -> list[tuple[int, Any]]:
        return [(self.waiting.index(recipient), _Letter(recipient, self.kind))] if recipient in self.waiting else []

    def acknowledged(self, _tx: object, row: int) -> None:
        del self.waiting[row]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.transactions += 1
        yield


@dataclass
class _Letter:
    recipient: str
    kind: EnvelopeKind
    payload: bytes = b""


@dataclass
class _Tricked:
    deliver: Callable[[Envelope], ReceiptKind]


@dataclass
class Link:
    """`answer` to each envelope; `answers` to one batch after the other, of which those after these take none."""

    answer: ReceiptKind | NodeError
    tried: int = 0
    answers: list[int | NodeError] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)

    def deliver(self, _envelope: Envelope) -> ReceiptKind:
        self.tried += 1
        if isinstance(self.answer, NodeError):
            raise self.answer
        return self.answer

    def deliver_batch(self, envelopes: Sequence[Envelope]) -> int:
        self.batches.append(len(envelopes))
        answer = self.answers.pop(0) if self.answers else 0
        if isinstance(answer, NodeError):
            raise answer
        return answer


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
    post, letters, link, clock = office(PeerUnreachable("Down."))
    letters.waiting = ["a"]
    for round_id in ("r", "s", "t"):
        assert post.deliver(round_id).retry_in is not None
    assert link.tried == 1
    post.heard_from("a")
    clock.advance(FIRST_PAUSE_SECONDS)
    post.deliver("s")
    assert link.tried == 2


def test_a_member_that_talks_and_does_not_answer_cannot_shorten_the_pauses_for_ever() -> None:
    post, letters, link, clock = office(PeerUnreachable("Silent."))
    letters.waiting = ["a"]
    for _ in range(12):  # by now the pauses are as long as they get
        clock.advance(post.deliver("r").retry_in or 0)
    tried = link.tried
    for _ in range(100):
        post.heard_from("a")
        clock.advance(0.1)
        post.deliver("r")
    assert link.tried - tried <= 2
    post.heard_from("nobody")


def test_one_call_at_a_time_to_a_recipient_whichever_rounds_wait_for_it() -> None:
    post, letters, link, clock = office(ReceiptKind.ACCEPTED)
    letters.waiting = ["a"]
    waits: list[float | None] = []

    def hang(_envelope: Envelope) -> ReceiptKind:
        for seconds in (0.0, 1.0, 2.0):
            clock.advance(seconds)
            waits.append(post.deliver("s").retry_in)
        return ReceiptKind.ACCEPTED

    post.carrier = cast(Any, _Tricked(hang))
    assert post.deliver("r").sent == 1
    assert waits == pytest.approx([FIRST_LATER_SECONDS, 1.0, 3.0])
    assert not post._calls
    letters.waiting, post.carrier = ["a"], link
    assert post.deliver("s").sent == 1


@pytest.mark.parametrize(
    ("kind", "longest"),
    [(EnvelopeKind.STATUS, LONGEST_REPORT_LATER_SECONDS), (EnvelopeKind.ROUND, LONGEST_LATER_SECONDS)],
)
def test_what_nobody_takes_yet_is_never_given_up(kind: EnvelopeKind, longest: float) -> None:
    """A copy of it may have gone another way, and its number is never given to other bytes."""
    post, letters, link, clock = office(ReceiptKind.RETRY_LATER)
    letters.waiting, letters.kind = ["a"], kind
    pauses = []
    for _ in range(100):
        wait = post.deliver("r").retry_in
        assert wait is not None
        pauses.append(wait)
        clock.advance(wait)
    assert link.tried == 100
    assert max(pauses) == pauses[-1] == longest
    assert (letters.waiting, letters.transactions) == (["a"], 0)


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


@dataclass
class Several(Letters):
    """Three letters to "a", in rows 0 to 2; `gone` are withdrawn as soon as the first was sent."""

    waiting: list[str] = field(default_factory=lambda: ["0", "1", "2"])
    gone: set[int] = field(default_factory=set)

    def recipients(self, _round_id: str) -> list[str]:
        return ["a"]

    def next(self, _round_id: str, recipient: str) -> list[tuple[int, Any]]:
        return [(int(row), _Letter(recipient, self.kind)) for row in self.waiting]

    def waits(self, row: int) -> bool:
        self.waiting = [one for one in self.waiting if int(one) not in self.gone]
        return str(row) in self.waiting

    def acknowledged(self, _tx: object, *rows: int) -> None:
        self.waiting = [row for row in self.waiting if int(row) not in rows]


@pytest.mark.parametrize(("gone", "sent", "transactions"), [(set(), 3, 1), ({1, 2}, 1, 1), ({1}, 2, 2)])
def test_letters_are_marked_together_and_none_leaves_that_was_withdrawn_meanwhile(
    gone: set[int], sent: int, transactions: int
) -> None:
    letters, link = Several(gone=gone), Link(ReceiptKind.ACCEPTED)
    post = Post(
        cast(Any, letters), cast(Any, letters), cast(Any, link), ManualClock(datetime(2026, 3, 1, tzinfo=UTC)), bytes
    )
    assert post.deliver("r").sent == link.tried == sent
    assert (letters.transactions, letters.waiting) == (transactions, [])


@pytest.mark.parametrize(
    ("answers", "batches", "tried"),
    [
        ([3], [3], 0),
        ([], [3, 2], 3),
        ([1], [3], 2),
        ([2], [3], 1),
    ],
)
def test_what_a_batch_leaves_goes_by_itself_and_then_together_again(
    answers: list[int | NodeError], batches: list[int], tried: int
) -> None:
    letters, link = Several(), Link(ReceiptKind.ACCEPTED, answers=answers)
    post = Post(
        cast(Any, letters), cast(Any, letters), cast(Any, link), ManualClock(datetime(2026, 3, 1, tzinfo=UTC)), bytes
    )
    assert post.deliver("r").sent == 3
    assert (link.batches, link.tried, letters.transactions, letters.waiting) == (batches, tried, 1, [])


def test_behind_a_batch_that_broke_off_the_reason_is_heard() -> None:
    """Of three, two were taken; the third is asked about by itself, and its refusal is its own."""
    refusal = PeerRefused("No.", reason="malformed-message")
    letters, link = Several(), Link(refusal, answers=[2])
    post = Post(
        cast(Any, letters), cast(Any, letters), cast(Any, link), ManualClock(datetime(2026, 3, 1, tzinfo=UTC)), bytes
    )
    delivery = post.deliver("r")
    assert (delivery.sent, delivery.refused, letters.waiting) == (2, (2, "a", refusal), ["2"])


@pytest.mark.parametrize(
    ("error", "refused"), [(PeerUnreachable("Down."), False), (PeerRefused("No.", reason="no"), True)]
)
def test_a_batch_that_is_not_answered_is_as_a_letter_that_is_not(error: NodeError, refused: bool) -> None:
    letters, link = Several(), Link(ReceiptKind.ACCEPTED, answers=[error])
    post = Post(
        cast(Any, letters), cast(Any, letters), cast(Any, link), ManualClock(datetime(2026, 3, 1, tzinfo=UTC)), bytes
    )
    delivery = post.deliver("r")
    assert (delivery.sent, link.tried, letters.waiting) == (0, 0, ["0", "1", "2"])
    assert delivery.refused == ((0, "a", error) if refused else None)
    assert (delivery.retry_in is None) is refused

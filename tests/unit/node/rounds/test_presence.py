"""What is known of the others' nodes: when they were heard of, what failed and why, how their clocks stand."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from node.clock import ManualClock
from node.errors import Busy, PeerUnreachable
from node.policy.agreement import CLOCK_SKEW
from node.rounds.presence import (
    CLOCK_AGAIN_SECONDS,
    CLOCK_KEPT_SECONDS,
    NOTICED_SKEW,
    TOLERATED_SKEW,
    ClockWatch,
    Known,
    Presence,
    skew_sentence,
)
from node.wire.envelope import ReceiptKind

START = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)


def presence() -> tuple[Presence, ManualClock]:
    clock = ManualClock(START)
    return Presence(clock), clock


def test_nothing_is_known_at_first() -> None:
    known, _ = presence()
    assert known.of("a") == Known()
    assert known.wait_seconds("a") is None
    assert (known.failing(), known.to_ask(), known.outcomes()) == (0, [], {})


def test_a_failure_is_told_with_its_reason_its_beginning_and_the_next_try() -> None:
    known, clock = presence()
    known.missed("a", PeerUnreachable("Nobody listens there."), 3.0)
    clock.advance(2)
    known.missed("a", PeerUnreachable("Nobody listens there now."), 6.0)
    found = known.of("a")
    assert (found.failing_since, found.reason) == (START, "Nobody listens there now.")
    clock.advance(4)
    assert known.wait_seconds("a") == pytest.approx(2.0)
    clock.advance(100)
    assert known.wait_seconds("a") == 0.0
    assert known.failing() == 1
    known.answered("a", ReceiptKind.ACCEPTED)
    assert (known.of("a").failing_since, known.of("a").reason, known.wait_seconds("a"), known.failing()) == (
        None, "", None, 0,
    )  # fmt: skip


def test_who_calls_us_is_heard_of_though_our_calls_fail() -> None:
    known, clock = presence()
    known.missed("a", Busy("Too much to do."), 1.0)
    clock.advance(60)
    known.heard("a")
    assert known.of("a").heard_at == START + timedelta(seconds=60)
    assert known.of("a").failing_since == START
    assert known.outcomes() == {"busy": 1}


def test_a_clock_is_asked_for_once_a_connection() -> None:
    known, _ = presence()
    asked: list[str] = []

    def ask(member_id: str) -> timedelta:
        asked.append(member_id)
        return timedelta(minutes=-7)

    watch = ClockWatch(known, ask)
    watch.look()
    assert asked == []  # there is no connection
    known.answered("a", ReceiptKind.ACCEPTED)
    for _ in range(3):
        watch.look()
        known.answered("a", ReceiptKind.ALREADY)
    assert asked == ["a"]
    assert known.of("a").ahead == timedelta(minutes=-7)
    assert known.skews_seconds({"a"}) == [420]
    known.missed("a", PeerUnreachable("Gone."), 1.0)
    watch.look()
    assert asked == ["a"]  # nobody is there to ask
    known.answered("a", ReceiptKind.ACCEPTED)
    watch.look()
    assert asked == ["a", "a"]  # another connection: another clock, perhaps


def test_a_clock_that_cannot_be_asked_for_ends_nothing() -> None:
    known, _ = presence()
    known.answered("a", ReceiptKind.ACCEPTED)
    known.answered("b", ReceiptKind.ACCEPTED)

    def ask(member_id: str) -> timedelta:
        if member_id == "a":
            raise PeerUnreachable("Gone.")
        return timedelta(seconds=1)

    ClockWatch(known, ask).look()
    assert (known.of("a").ahead, known.of("b").ahead) == (None, timedelta(seconds=1))


def test_a_clock_that_was_set_right_is_seen_within_the_hour_if_the_node_is_heard_of() -> None:
    known, clock = presence()
    told = [timedelta(minutes=9), timedelta(seconds=1), timedelta(seconds=2)]
    watch = ClockWatch(known, lambda _member: told.pop(0))
    known.answered("a", ReceiptKind.ACCEPTED)
    watch.look()
    assert known.skews_seconds({"a"}) == [540]
    clock.advance(CLOCK_AGAIN_SECONDS)
    watch.look()
    assert len(told) == 2  # nothing came from there since: it is not called for its time alone
    known.heard("a")
    watch.look()
    assert known.skews_seconds({"a"}) == [1]
    clock.advance(CLOCK_AGAIN_SECONDS - 1)
    known.answered("a", ReceiptKind.ACCEPTED)
    watch.look()
    assert len(told) == 1


def test_what_was_told_of_a_clock_is_forgotten_after_a_day_and_counts_for_those_who_are_asked_about() -> None:
    known, clock = presence()
    known.clock_of("a", timedelta(minutes=-5))
    clock.advance(60)
    known.clock_of("b", timedelta(minutes=7))
    known.clock_of("b", None)  # it could not be asked again
    assert sorted(known.skews_seconds({"a", "b", "c"})) == [300, 420]
    assert known.skews_seconds({"a"}) == [300]
    clock.advance(CLOCK_KEPT_SECONDS)
    assert known.skews_seconds({"a", "b"}) == [420]
    clock.advance(1)
    clock.advance(60)
    assert known.skews_seconds({"a", "b"}) == []


def test_for_how_long_members_have_not_been_reached() -> None:
    known, clock = presence()
    for member in ("a", "b"):
        known.missed(member, PeerUnreachable("Gone."), 1.0)
        clock.advance(30)
    assert sorted(known.failing_seconds({"a", "b", "c"})) == [30, 60]
    assert known.failing_seconds({"b"}) == [30]
    known.answered("b", ReceiptKind.ALREADY)
    assert known.failing_seconds({"b", "c"}) == []


def test_a_watch_that_was_stopped_asks_nobody() -> None:
    known, _ = presence()
    known.answered("a", ReceiptKind.ACCEPTED)
    called = threading.Event()
    watch = ClockWatch(known, lambda _member: called.set() or timedelta())
    watch.start()
    watch.stop()
    watch.look()
    assert not called.is_set()


@pytest.mark.tm("TM-143")
@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (None, ""),
        (timedelta(), ""),
        (NOTICED_SKEW - timedelta(seconds=1), ""),
        (timedelta(minutes=5), "River is 5 minutes ahead of ours; up to 1 hour is borne."),
        (-timedelta(minutes=1), "1 minute behind ours"),
        (TOLERATED_SKEW, "up to 1 hour is borne"),
        (TOLERATED_SKEW + timedelta(minutes=2), "62 minutes ahead of ours; more than the 1 hour that is borne"),
        (-timedelta(days=1), "1440 minutes behind ours; more than"),
    ],
)
def test_a_wrong_clock_is_told_with_advice(ahead: timedelta | None, words: str) -> None:
    said = skew_sentence("River", ahead)
    assert words in said
    assert bool(said) == bool(words)
    assert not said or said.endswith("Set the wrong one right, or let it follow a time server.")


def test_the_limit_is_that_of_the_rules() -> None:
    assert TOLERATED_SKEW == CLOCK_SKEW

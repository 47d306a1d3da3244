"""How far a round is, how fast, and how long yet."""

from datetime import UTC, datetime

import pytest

from node.clock import ManualClock
from node.rounds.progress import MOST_METERS, WINDOW_SECONDS, Meter, ProgressBoard, Stretch, stretches, turns_in
from psi.protocol.record import Record
from psi.protocol.states import Place, Reply, Turns
from psi.spool import CHUNK_ROWS
from tests.support.agreements import agreement


def test_a_rate_is_that_of_the_last_half_minute() -> None:
    meter = Meter()
    assert meter.rate(0.0, 0) is None
    assert meter.rate(0.1, 50) is None  # too soon
    assert meter.rate(10.0, 1_000) == pytest.approx(100)
    now, done = 10.0, 1_000
    for _ in range(60):  # a minute at half the pace
        now, done = now + 1, done + 50
        rate = meter.rate(now, done)
    assert rate == pytest.approx(50, rel=0.05)


def test_a_leg_that_begins_anew_has_no_old_rate() -> None:
    meter = Meter()
    meter.rate(0.0, 5_000)
    meter.rate(10.0, 10_000)
    assert meter.rate(11.0, 100) is None
    assert meter.rate(12.0, 200) == pytest.approx(100)


def test_the_time_left_is_what_the_rate_needs_for_the_rest() -> None:
    clock = ManualClock(datetime(2026, 1, 2, tzinfo=UTC))
    board = ProgressBoard(clock)
    assert board.timed("r", [Stretch("list", True, 0, 1_000)]) == [Stretch("list", True, 0, 1_000)]
    clock.advance(10)
    assert board.timed("r", [Stretch("list", True, 250, 1_000)]) == [Stretch("list", True, 250, 1_000, 25.0, 30.0)]
    clock.advance(2 * WINDOW_SECONDS)
    (still,) = board.timed("r", [Stretch("list", True, 250, 1_000)])
    assert still.seconds_left is None  # nothing moves: nobody knows


def test_what_is_measured_is_bounded() -> None:
    board = ProgressBoard(ManualClock(datetime(2026, 1, 2, tzinfo=UTC)))
    for number in range(2 * MOST_METERS):
        board.timed(f"r{number}", [Stretch("list", True, 0, 1)])
    assert len(board._meters) == MOST_METERS


def test_records_are_kept_until_the_list_is_made() -> None:
    board = ProgressBoard(ManualClock(datetime(2026, 1, 2, tzinfo=UTC)))
    board.prepared("r", 7)
    assert board.records("r") == 7
    board.forget("r")
    assert board.records("r") == 0


def test_lists_on_their_way_are_read_from_the_snapshot() -> None:
    manifest = agreement()
    me = manifest.first_learner
    peer = manifest.other(me).member_id
    turns = Turns.start(Reply.RELEASED)
    turns.finished = dict.fromkeys(Place, 1)  # both have opened
    turns.said = {Place.FIRST: 1, Place.SECOND: 0}
    snapshot = Record(turns, {}, {place: bytes(64) for place in Place})
    sizes = {who: manifest.size_class(who) for who in (me, peer)}
    assert stretches(manifest, me, snapshot.turns) == [
        Stretch("list", True, min(CHUNK_ROWS, sizes[me]), sizes[me]),
        Stretch("list", False, 0, sizes[peer]),
    ]
    assert stretches(manifest, peer, snapshot.turns) == [
        Stretch("list", True, 0, sizes[peer]),
        Stretch("list", False, min(CHUNK_ROWS, sizes[me]), sizes[me]),
    ]
    turns.finished, turns.said = {Place.FIRST: 2, Place.SECOND: 2}, dict.fromkeys(Place, 0)
    assert stretches(manifest, me, turns) == [Stretch("answer", False, 0, sizes[me])]


@pytest.mark.parametrize("snapshot", [None, b"", b"\xff" * 200])
def test_a_snapshot_that_cannot_be_read_shows_nothing(snapshot: bytes | None) -> None:
    assert turns_in(snapshot) is None

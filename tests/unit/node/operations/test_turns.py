"""Whose turn it is: one table, a row for every state, in words that say who, since when, what next and how long yet."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from node.operations.turns import TURNS, Scene, Whose, peer_words, span, time_left, turn_of
from node.rounds.presence import Known
from node.rounds.states import ENDS, RoundState
from psi.protocol.states import SCRIPTS, Place, Reply, Turns

NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
SCENE = Scene(RoundState.RUNNING, member=True, convenes=False, signed=True, now=NOW, peer="River")


def turns(mine: int, theirs: int, place: Place = Place.FIRST) -> Turns:
    """Both sides have finished so many legs."""
    made = Turns.start(Reply.RELEASED)
    made.finished = {place: mine, place.other: theirs}
    return made


CASES: dict[str, tuple[Scene, Whose, str]] = {
    "finished": (replace(SCENE, state=RoundState.FINISHED), Whose.NOBODY, "both sides have closed it"),
    "refused": (replace(SCENE, state=RoundState.REFUSED), Whose.NOBODY, "a member refused"),
    "cancelled": (replace(SCENE, state=RoundState.CANCELLED), Whose.NOBODY, "it was cancelled"),
    "failed": (replace(SCENE, state=RoundState.FAILED), Whose.NOBODY, "it failed"),
    "frozen": (replace(SCENE, frozen="River is frozen."), Whose.YOU, "River is frozen."),
    "budget": (replace(SCENE, free_at=NOW), Whose.NOBODY, "free again, at 2026-05-06T07:08:09Z"),
    "carry": (
        replace(SCENE, to_carry=("river",), round_name="4f1c2d3e"),
        Whose.YOU, "Carry a file to river: `blindmatch round export 4f1c2d3e FILE`, there",
    ),
    "no-room": (
        replace(SCENE, state=RoundState.PREPARING, short="It needs 3.1 GB."), Whose.YOU, "It needs 3.1 GB. Free some",
    ),
    "approve": (
        replace(SCENE, state=RoundState.PROPOSED, signed=False, asked_by="anna", round_name="4f1c2d3e"),
        Whose.YOU, "anna wants to sign; a second person has to approve it: `blindmatch round approve 4f1c2d3e",
    ),
    "sign": (
        replace(SCENE, state=RoundState.PROPOSED, signed=False, unsigned=("Us", "River")),
        Whose.YOU, "signature of Us and River. A person at this node",
    ),
    "they-sign": (
        replace(SCENE, state=RoundState.PROPOSED, unsigned=("River",)), Whose.THEM, "for the signature of River.",
    ),
    "start": (replace(SCENE, state=RoundState.AGREED, convenes=True), Whose.YOU, "can start"),
    "they-start": (replace(SCENE, state=RoundState.AGREED), Whose.CONVENER, "can start"),
    "decide": (replace(SCENE, state=RoundState.DECIDING), Whose.YOU, "A person at this node must decide"),
    "they-decide": (replace(SCENE, deciding=("River",)), Whose.THEM, "A person at River must decide"),
    "too-early": (
        replace(SCENE, state=RoundState.PREPARING, starts_at=NOW + timedelta(hours=1)),
        Whose.NOBODY, "begin at 2026-05-06T08:08:09Z",
    ),
    "unreachable": (replace(SCENE, failing=("River",)), Whose.OTHER_NODE, "wait here for River"),
    "members-work": (replace(SCENE, member=False), Whose.BOTH_NODES, "members' nodes are at work"),
    "prepare": (replace(SCENE, state=RoundState.PREPARING), Whose.THIS_NODE, "is being prepared"),
    "they-speak": (
        replace(SCENE, place=Place.FIRST, turns=turns(2, 2)), Whose.OTHER_NODE,
        "The node of River is next; this one waits for its answer.",
    ),
    "unproven": (
        replace(SCENE, unproven=True), Whose.OTHER_NODE, "River has not shown yet that its audit log goes on",
    ),
    "exchange": (SCENE, Whose.BOTH_NODES, "exchanging messages"),
}  # fmt: skip


@pytest.mark.parametrize("name", [row.name for row in TURNS])
def test_each_row_has_its_case(name: str) -> None:
    scene, whose, words = CASES[name]
    row = next(row for row in TURNS if row.when(scene))
    assert row.name == name
    said = turn_of(scene)
    assert said[0] is whose
    assert words in said[1]


def test_no_row_is_left_out() -> None:
    assert [row.name for row in TURNS] == list(CASES)


def test_every_scene_has_a_turn_and_no_end_is_anybody_s() -> None:
    count = 0
    for state, member, convenes, signed, failing, deciding in itertools.product(
        RoundState, *[(True, False)] * 3, [(), ("River",)], [(), ("River",)]
    ):
        scene = replace(
            SCENE, state=state, member=member, convenes=convenes, signed=signed, failing=failing, deciding=deciding
        )
        whose, sentence = turn_of(scene)
        assert sentence.endswith(".")
        assert (state in ENDS) == ("over" in sentence)
        assert state not in ENDS or whose is Whose.NOBODY
        count += 1
    assert count == len(RoundState) * 32


def test_who_speaks_next_fits_the_table_of_the_protocol() -> None:
    """Wherever two sides can be in their scripts: it is never said that this side waits while it may speak."""
    checked = 0
    for place in Place:
        for mine in range(len(SCRIPTS[Reply.RELEASED, place])):
            for theirs in range(len(SCRIPTS[Reply.RELEASED, place.other])):
                now = turns(mine, theirs, place)
                leg = now.leg(place)
                assert leg is not None
                waits = replace(SCENE, place=place, turns=now).waits_for_peer()
                assert not (waits and now.may(place, leg))
                checked += 1
    assert checked == 2 * 4 * 4


@pytest.mark.parametrize(
    ("known", "wait", "words"),
    [
        (Known(), None, "River: not heard of since this node started."),
        (Known(heard_at=NOW - timedelta(hours=3)), None, "last heard of 3 hours ago, at 2026-05-06T04:08:09Z."),
        (
            Known(failing_since=NOW - timedelta(minutes=5), reason="Nobody listens at river:1."),
            12.4,
            "No call has come through for 5 minutes: Nobody listens at river:1. The next try is in 12 seconds.",
        ),
        (Known(failing_since=NOW, reason="Nobody."), 0.0, "Nobody. The next try is due."),
        (Known(heard_at=NOW), None, "River (by carried file): last heard of 0 seconds ago"),
    ],
)
def test_when_a_party_was_last_heard_of_and_what_is_tried_next(known: Known, wait: float | None, words: str) -> None:
    way = "by carried file" if "carried" in words else ""
    assert words in peer_words("River", known, wait, NOW, way)


@pytest.mark.parametrize(
    ("state", "seconds", "words"),
    [
        (RoundState.RUNNING, 3 * 86400.0, "3 days until the lists must be exchanged"),
        (RoundState.DECIDING, 10 * 86400.0, "10 days until the agreement ends"),
        (RoundState.FINISHED, 0.0, ""),
    ],
)
def test_how_long_there_is_yet(state: RoundState, seconds: float, words: str) -> None:
    left, said = time_left(state, NOW, NOW + timedelta(days=3), NOW + timedelta(days=10))
    assert left == seconds
    assert words in said
    over = time_left(RoundState.RUNNING, NOW, NOW - timedelta(1), NOW)
    assert over == (0.0, "The time is over: the round ends at the next look.")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 seconds"), (1, "1 second"), (119, "119 seconds"), (120, "2 minutes"), (7199, "119 minutes"),
     (7200, "2 hours"), (172800, "2 days"), (-5, "0 seconds")],
)  # fmt: skip
def test_a_span_is_said_in_its_largest_unit(seconds: int, words: str) -> None:
    assert span(timedelta(seconds=seconds)) == words

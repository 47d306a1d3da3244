"""Whose turn it is in a round, in words, as one table.

    when                     ->   whose turn      what a person reads

The first row whose condition holds is the answer; a test goes through every state and finds a row for each. Below it,
what is told besides: since when, when the other side was last heard of, what is tried next and when, how its clock
stands, how much time is left.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from node.clock import timestamp
from node.rounds.presence import Known
from node.rounds.states import RoundState
from psi.protocol.states import Leg, Place, Turns

__all__ = ["TURNS", "Scene", "Turn", "Whose", "peer_words", "span", "time_left", "turn_of"]


class Whose(StrEnum):
    """Who has to do something, a person or a node."""

    YOU = "you"
    THIS_NODE = "this node"
    THEM = "another member"
    OTHER_NODE = "another node"
    CONVENER = "the convener"
    BOTH_NODES = "both nodes"
    NOBODY = "nobody"


@dataclass(frozen=True)
class Scene:
    """What a row may look at. `unsigned`: members that have not answered; `deciding`: whose nodes report that a person
    decides; `failing`: parties that cannot be reached though something waits for them; `to_carry`: to whom a file has
    to be carried now; `short`: why the disk does not take the round, if so; `free_at`: until when the budget keeps the
    round waiting; `frozen`: why nothing goes on with a member of it, if so; `unproven`: the other side opened and has
    not shown that its audit log goes on; `turns`: who has said what; `asked_by`: who here wants to sign and waits for a
    second person."""

    state: RoundState
    member: bool
    convenes: bool
    signed: bool
    now: datetime
    starts_at: datetime | None = None
    unsigned: tuple[str, ...] = ()
    deciding: tuple[str, ...] = ()
    failing: tuple[str, ...] = ()
    to_carry: tuple[str, ...] = ()
    round_name: str = ""
    short: str = ""
    free_at: datetime | None = None
    frozen: str = ""
    unproven: bool = False
    place: Place | None = None
    turns: Turns | None = None
    peer: str = "the other side"
    asked_by: str = ""

    def waits_for_peer(self) -> bool:
        """Is nothing left for our side to say before the other one speaks?"""
        if self.turns is None or self.place is None:
            return False
        mine, theirs = self.turns.leg(self.place), self.turns.leg(self.place.other)
        may_speak = mine is not None and self.turns.may(self.place, mine)
        return not may_speak and theirs is not None and self.turns.may(self.place.other, theirs)

    def expects(self) -> str:
        """What the other side says next, in words."""
        leg = None if self.turns is None or self.place is None else self.turns.leg(self.place.other)
        return (
            {
                Leg.OPEN: "its opening",
                Leg.LIST: "its list",
                Leg.ANSWER: "its answer",
                Leg.COUNT: "its count",
                Leg.RELEASE: "what it releases",
                Leg.CLOSE: "its last word",
            }.get(leg, "a message")
            if leg is not None
            else "a message"
        )


@dataclass(frozen=True)
class Turn:
    """One row; `name` is for the test that goes through them."""

    name: str
    when: Callable[[Scene], bool]
    whose: Whose
    says: Callable[[Scene], str]


def _in(*states: RoundState) -> Callable[[Scene], bool]:
    return lambda scene: scene.state in states


def _at_work(scene: Scene) -> bool:
    return scene.state in (RoundState.PREPARING, RoundState.RUNNING)


def _fixed(sentence: str) -> Callable[[Scene], str]:
    return lambda _scene: sentence


TURNS: tuple[Turn, ...] = (
    Turn("finished", _in(RoundState.FINISHED), Whose.NOBODY, _fixed("The round is over: both sides have closed it.")),
    Turn("refused", _in(RoundState.REFUSED), Whose.NOBODY, _fixed("The round is over: a member refused.")),
    Turn("cancelled", _in(RoundState.CANCELLED), Whose.NOBODY, _fixed("The round is over: it was cancelled.")),
    Turn("failed", _in(RoundState.FAILED), Whose.NOBODY, _fixed("The round is over: it failed.")),
    Turn(
        "frozen",
        lambda scene: bool(scene.frozen),
        Whose.YOU,
        lambda scene: scene.frozen,
    ),
    Turn(
        "budget",
        lambda scene: scene.free_at is not None,
        Whose.NOBODY,
        lambda scene: (
            "This node waits until enough of its budget for the other side is free again, at "
            f"{timestamp(scene.free_at or scene.now)}. Nobody has to do anything."
        ),
    ),
    Turn(
        "carry",
        lambda scene: bool(scene.to_carry),
        Whose.YOU,
        lambda scene: (
            f"Carry a file to {_and(scene.to_carry)}: `blindmatch round export {scene.round_name} FILE`, "
            "there `blindmatch round import FILE`."
        ),
    ),
    Turn(
        "no-room",
        lambda scene: _at_work(scene) and bool(scene.short),
        Whose.YOU,
        lambda scene: f"{scene.short} Free some space: the round then goes on by itself.",
    ),
    Turn(
        "approve",
        lambda scene: scene.state is RoundState.PROPOSED and scene.member and not scene.signed and bool(scene.asked_by),
        Whose.YOU,
        lambda scene: (
            f"{scene.asked_by} wants to sign; a second person has to approve it: "
            f"`blindmatch round approve {scene.round_name} --by NAME`."
        ),
    ),
    Turn(
        "sign",
        lambda scene: scene.state is RoundState.PROPOSED and scene.member and not scene.signed,
        Whose.YOU,
        lambda scene: (
            f"Waiting for the signature of {_and(scene.unsigned)}. A person at this node must sign or refuse."
        ),
    ),
    Turn(
        "they-sign",
        _in(RoundState.PROPOSED),
        Whose.THEM,
        lambda scene: f"Waiting for the signature of {_and(scene.unsigned)}.",
    ),
    Turn(
        "start",
        lambda scene: scene.state is RoundState.AGREED and scene.convenes,
        Whose.YOU,
        _fixed("Everybody has signed. This node is the convener: a person here can start the round."),
    ),
    Turn(
        "they-start",
        _in(RoundState.AGREED),
        Whose.CONVENER,
        _fixed("Everybody has signed; the convener can start the round."),
    ),
    Turn(
        "decide",
        _in(RoundState.DECIDING),
        Whose.YOU,
        _fixed("A person at this node must decide what is released."),
    ),
    Turn(
        "they-decide",
        lambda scene: _at_work(scene) and bool(scene.deciding),
        Whose.THEM,
        lambda scene: f"A person at {scene.deciding[0]} must decide what is released.",
    ),
    Turn(
        "too-early",
        lambda scene: (
            scene.state is RoundState.PREPARING and scene.starts_at is not None and scene.now < scene.starts_at
        ),
        Whose.NOBODY,
        lambda scene: f"The agreement lets the round begin at {timestamp(scene.starts_at or scene.now)}.",
    ),
    Turn(
        "unreachable",
        lambda scene: _at_work(scene) and bool(scene.failing),
        Whose.OTHER_NODE,
        lambda scene: f"Messages wait here for {_and(scene.failing)}, whose node cannot be reached now.",
    ),
    Turn(
        "members-work",
        lambda scene: _at_work(scene) and not scene.member,
        Whose.BOTH_NODES,
        _fixed("The members' nodes are at work."),
    ),
    Turn("prepare", _in(RoundState.PREPARING), Whose.THIS_NODE, _fixed("The list is being prepared.")),
    Turn(
        "they-speak",
        lambda scene: scene.waits_for_peer(),
        Whose.OTHER_NODE,
        lambda scene: f"The node of {scene.peer} is next; this one waits for {scene.expects()}.",
    ),
    Turn(
        "unproven",
        lambda scene: _at_work(scene) and scene.unproven,
        Whose.OTHER_NODE,
        lambda scene: (
            f"{scene.peer} has not shown yet that its audit log goes on from what this node saw of it. It is told "
            "nothing before; if it never does, the round ends at its deadline."
        ),
    ),
    Turn("exchange", lambda _scene: True, Whose.BOTH_NODES, _fixed("The two nodes are exchanging messages.")),
)


def turn_of(scene: Scene) -> tuple[Whose, str]:
    """The first row that holds."""
    row = next(row for row in TURNS if row.when(scene))
    return row.whose, row.says(scene)


def peer_words(name: str, known: Known, wait_seconds: float | None, now: datetime, way: str = "") -> str:
    """When a party was last heard of, and what is tried next and when; `way`: how it is reached, if not by a call."""
    name = f"{name} ({way})" if way else name
    if known.heard_at is None:
        heard = f"{name}: not heard of since this node started"
    else:
        heard = f"{name}: last heard of {span(now - known.heard_at)} ago, at {timestamp(known.heard_at)}"
    if known.failing_since is None:
        return f"{heard}."
    again = "the next try is due" if not wait_seconds else f"the next try is in {span(timedelta(seconds=wait_seconds))}"
    return (
        f"{heard}. No call has come through for {span(now - known.failing_since)}: {known.reason} {again.capitalize()}."
    )


def time_left(state: RoundState, now: datetime, deadline: datetime, expires_at: datetime) -> tuple[float, str]:
    """Seconds until the end that applies now, 0 if there is none or it has passed; and a sentence."""
    if state in (RoundState.FINISHED, RoundState.REFUSED, RoundState.CANCELLED, RoundState.FAILED):
        return 0.0, ""
    ends, what = (
        (expires_at, "until the agreement ends and nothing is released any more")
        if state is RoundState.DECIDING
        else (deadline, "until the lists must be exchanged")
    )
    left = ends - now
    if left <= timedelta():
        return 0.0, "The time is over: the round ends at the next look."
    return left.total_seconds(), f"{span(left)} {what}"


def span(time: timedelta) -> str:
    """A length of time in its largest fitting unit: "3 days", "2 hours", "40 seconds"."""
    seconds = max(0, round(time.total_seconds()))
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}s"
    return f"{seconds} second{'' if seconds == 1 else 's'}"


def _and(names: tuple[str, ...]) -> str:
    return " and ".join(names) or "nobody"

"""The table of protocol `pair`: who may say what, after what.

Both sides run the same table, and each applies it to itself and to the other with the same code: nothing here knows
whether a place is ours, so no rule can be stricter for them than for us.

A side's part is a **script** of legs. A leg is one or more messages of one type. `FIRST` is the first learner, the side
that is answered first; `SECOND` answers it and then gets what the agreement grants, by reply:

                    FIRST                                   SECOND
    ordered         OPEN LIST ANSWER CLOSE                  OPEN LIST ANSWER CLOSE
    released        OPEN LIST RELEASE CLOSE                 OPEN LIST ANSWER CLOSE
    count           OPEN LIST COUNT CLOSE                   OPEN LIST ANSWER CLOSE
    count+released  OPEN LIST COUNT RELEASE CLOSE           OPEN LIST ANSWER CLOSE
    none            OPEN LIST CLOSE                         OPEN LIST ANSWER CLOSE

`AFTER` says what the *other* side must have finished before a leg may start. `GATES` names the legs that the person or
service behind a side must permit first: an answer in order to the first learner (the budget is charged before), a count
(computed from the matches), and whatever lets SECOND see rows of its own (a person's decision, which may take days).
"""

from dataclasses import dataclass
from enum import Enum

__all__ = ["AFTER", "GATES", "SCRIPTS", "Gate", "Leg", "Place", "Reply", "Turns"]


class Place(Enum):
    FIRST = 1
    SECOND = 2

    @property
    def other(self) -> "Place":
        return Place.SECOND if self is Place.FIRST else Place.FIRST


class Leg(Enum):
    OPEN = 1
    LIST = 2
    ANSWER = 3
    COUNT = 4
    RELEASE = 5
    CLOSE = 6


class Reply(Enum):
    """What SECOND is given once FIRST has learned."""

    ORDERED = "ordered"
    RELEASED = "released"
    COUNT = "count"
    COUNT_RELEASED = "count+released"
    NONE = "none"


class Gate(Enum):
    """What must be permitted on this side before it goes on."""

    ANSWER = "answer"
    COUNT = "count"
    RELEASE = "release"


_REPLIES: dict[Reply, tuple[Leg, ...]] = {
    Reply.ORDERED: (Leg.ANSWER,),
    Reply.RELEASED: (Leg.RELEASE,),
    Reply.COUNT: (Leg.COUNT,),
    Reply.COUNT_RELEASED: (Leg.COUNT, Leg.RELEASE),
    Reply.NONE: (),
}

SCRIPTS: dict[tuple[Reply, Place], tuple[Leg, ...]] = {
    (reply, place): (Leg.OPEN, Leg.LIST, *(legs if place is Place.FIRST else (Leg.ANSWER,)), Leg.CLOSE)
    for reply, legs in _REPLIES.items()
    for place in Place
}

AFTER: dict[tuple[Place, Leg], Leg] = {
    (Place.FIRST, Leg.LIST): Leg.OPEN,
    (Place.SECOND, Leg.LIST): Leg.OPEN,
    (Place.SECOND, Leg.ANSWER): Leg.LIST,
    (Place.FIRST, Leg.ANSWER): Leg.ANSWER,
    (Place.FIRST, Leg.COUNT): Leg.ANSWER,
    (Place.FIRST, Leg.RELEASE): Leg.ANSWER,
    (Place.FIRST, Leg.CLOSE): Leg.ANSWER,
    (Place.SECOND, Leg.CLOSE): Leg.CLOSE,
}

GATES: dict[tuple[Place, Leg], Gate] = {
    (Place.SECOND, Leg.ANSWER): Gate.ANSWER,
    (Place.FIRST, Leg.COUNT): Gate.COUNT,
    (Place.FIRST, Leg.ANSWER): Gate.RELEASE,
    (Place.FIRST, Leg.RELEASE): Gate.RELEASE,
}


@dataclass
class Turns:
    """How far both sides are in their scripts: per place the number of finished legs and of messages in this one."""

    reply: Reply
    finished: dict[Place, int]
    said: dict[Place, int]

    @classmethod
    def start(cls, reply: Reply) -> "Turns":
        return cls(reply, dict.fromkeys(Place, 0), dict.fromkeys(Place, 0))

    def leg(self, place: Place) -> Leg | None:
        """The leg that is `place`'s next or current one; None when its script is over."""
        script = SCRIPTS[self.reply, place]
        return script[self.finished[place]] if self.finished[place] < len(script) else None

    def remaining(self, place: Place) -> tuple[Leg, ...]:
        """The legs that `place` has not finished."""
        return SCRIPTS[self.reply, place][self.finished[place] :]

    def has_finished(self, place: Place, leg: Leg) -> bool:
        return leg in SCRIPTS[self.reply, place][: self.finished[place]]

    def may(self, place: Place, leg: Leg) -> bool:
        """Is `leg` what `place` may say now?"""
        needed = AFTER.get((place, leg))
        return self.leg(place) is leg and (needed is None or self.has_finished(place.other, needed))

    def advance(self, place: Place, *, last: bool) -> None:
        """`place` has said one message of its leg; `last` ends the leg."""
        if last:
            self.finished[place] += 1
            self.said[place] = 0
        else:
            self.said[place] += 1

    @property
    def over(self) -> bool:
        return all(self.leg(place) is None for place in Place)

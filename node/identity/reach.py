"""How a member's node is reached: a setting of ours for each member, never the other side's to choose.

    direct        we call it at the address on its card                  (the default, if the card has an address)
    collects      it calls us and takes what waits for it                (the default, if it has none)
    relay:MEMBER  a relay that we both know keeps it until it is taken
    file          a person carries a file

Whatever the way, an envelope is the same bytes, and counts as delivered only when its recipient has said so. A way is
how things go *to* a member; what comes from it is taken whichever way it comes.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from node.errors import UserError
from node.identity.cards import Card

__all__ = ["RELAY_PREFIX", "WORDS", "Reach", "Way", "usual_reach"]

RELAY_PREFIX = "relay:"

_MEMBER = re.compile(r"[a-z2-7]{32}")


class Way(StrEnum):
    DIRECT = "direct"
    COLLECTS = "collects"
    RELAY = "relay"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Reach:
    """`relay`: the member id of the relay, only with Way.RELAY."""

    way: Way
    relay: str = ""

    def __str__(self) -> str:
        return f"{RELAY_PREFIX}{self.relay}" if self.way is Way.RELAY else self.way.value

    @classmethod
    def parse(cls, text: str) -> "Reach":
        """The reverse of `str`. Raises UserError."""
        if text.startswith(RELAY_PREFIX) and _MEMBER.fullmatch(text.removeprefix(RELAY_PREFIX)):
            return cls(Way.RELAY, text.removeprefix(RELAY_PREFIX))
        if text in (Way.DIRECT, Way.COLLECTS, Way.FILE):
            return cls(Way(text))
        raise UserError(
            "A member is reached in one of these ways: direct, collects, relay:NAME, file.",
            advice="NAME is the alias of a relay whose card this node has confirmed.",
        )


def usual_reach(card: Card) -> Reach:
    """What a card says by itself."""
    return Reach(Way.COLLECTS if card.dials_out_only else Way.DIRECT)


WORDS = {
    Way.DIRECT: "called at the address on its card",
    Way.COLLECTS: "calls this node and takes what waits for it",
    Way.RELAY: "reached through a relay",
    Way.FILE: "reached by carried file",
}
"""The ways in words, to stand behind a member's name in brackets."""

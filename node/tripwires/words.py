"""What a hit means, in words for whoever has to decide."""

from collections.abc import Mapping

from node.tripwires.decoys import HONEST_ROUNDS
from node.tripwires.freezes import Hit

__all__ = ["WHAT_NOW", "frozen_sentence", "hit_sentence", "kinds_words", "reason_sentence", "stopped_sentence"]

WHAT_NOW = (
    "That is a reason to stop and ask, not proof: by chance an honest list meets a decoy too, about once in "
    f"{HONEST_ROUNDS:,} rounds for each kind. Ring them and ask how their list was made."
)


def hit_sentence(name: str, hit: Hit) -> str:
    """Why a round was stopped. `name`: of the other side."""
    laid = sum(hit.laid.values())
    after = (
        "This node had answered their list before it could see that; nothing more leaves, and no leads were stored."
        if hit.answered
        else "Nothing was answered, and no leads were stored."
    )
    return (
        f"{name} asked about {len(hit.met)} of the {laid} decoys in the list of this node "
        f"({kinds_words(hit.met_by_kind)}{_free_words(hit)}). The round was stopped. {after} {WHAT_NOW}"
    )


def reason_sentence(name: str, hit: Hit) -> str:
    """Why a member was frozen: by a person, or by what a round met."""
    if not hit.by:
        return hit_sentence(name, hit)
    return f"{hit.by} stopped everything with {name}. Its open rounds stay where they are, until their deadlines."


def frozen_sentence(name: str, alias: str) -> str:
    """Why nothing goes on with a frozen member."""
    return (
        f"{name} is frozen at this node: nothing is signed, started or answered until two people here have decided. "
        f"`blindmatch member show {alias}` says what happened."
    )


def stopped_sentence(name: str) -> str:
    """What the other side of such a round reads."""
    return (
        f"{name} stopped the round: its people want to talk before anything more is exchanged. Ring them. What this "
        "node learned before that is to be taken with care."
    )


def kinds_words(counts: Mapping[str, int]) -> str:
    """ "phone: 3, email: 1" """
    return ", ".join(f"{kind}: {count}" for kind, count in counts.items())


def _free_words(hit: Hit) -> str:
    if not hit.free:
        return ""
    return f"; {hit.free} of them telephone numbers that no operator has given out"

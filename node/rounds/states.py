"""The states of a round at one node, and the only ways between them.

    proposed   the manifest is here; signatures are being collected
    agreed     every member has signed
    preparing  started: the list is being blinded; nothing has left this node
    running    the protocol is on its way
    deciding   this side has learned; a person must say what is released
    finished   both sides have closed
    refused    a member (or this node's rules) said no
    cancelled  a member or the convener called it off
    failed     something broke: `failure_code` says what, `blamed` who, if the other side is to blame

The last four are ends: the round's key is destroyed and its lists are deleted. A convener that is no member sees the
same states, as the members report them.
"""

from enum import StrEnum

__all__ = ["ENDS", "NEXT", "RoundState"]


class RoundState(StrEnum):
    PROPOSED = "proposed"
    AGREED = "agreed"
    PREPARING = "preparing"
    RUNNING = "running"
    DECIDING = "deciding"
    FINISHED = "finished"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    FAILED = "failed"


ENDS = frozenset({RoundState.FINISHED, RoundState.REFUSED, RoundState.CANCELLED, RoundState.FAILED})

_STOPS = frozenset({RoundState.CANCELLED, RoundState.FAILED})

NEXT: dict[RoundState, frozenset[RoundState]] = {
    RoundState.PROPOSED: _STOPS | {RoundState.AGREED, RoundState.REFUSED},
    RoundState.AGREED: _STOPS | {RoundState.PREPARING, RoundState.REFUSED},
    RoundState.PREPARING: _STOPS | {RoundState.RUNNING},
    RoundState.RUNNING: _STOPS | {RoundState.DECIDING, RoundState.FINISHED},
    RoundState.DECIDING: _STOPS | {RoundState.RUNNING, RoundState.FINISHED},
    **dict.fromkeys(ENDS, frozenset()),
}

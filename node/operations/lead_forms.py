"""What the operations on leads take and give: the forms of `node.operations.leads`, and so of `--json`."""

from pydantic import Field

from node.operations.round_forms import RoundReply, RoundRequest
from node.operations.table import Reply, Request
from node.rounds.lead_notes import Status
from node.rounds.reviews import MOST_REVIEWED_AT_ONCE

__all__ = [
    "MOST_LISTED",
    "CardView",
    "CardsReply",
    "ContactReply",
    "ContactRequest",
    "DifferentRequest",
    "LeadsReply",
    "LeadsRequest",
    "ListRequest",
    "QueueReply",
    "QueuedLead",
    "ReviewRequest",
    "ToldReply",
]

MOST_LISTED = 5_000
"""Leads in one reply, in number."""


class ListRequest(Request):
    """`round`: the beginning of a round's id, empty for all rounds. `status`: one of `Status`, or "open" for leads that
    nobody decided about, or empty. `due`: only follow-ups that are due today or were."""

    round: str = ""
    status: str = ""
    due: bool = False


class LeadsRequest(RoundRequest):
    """`leads` are numbers within the round, never references."""

    leads: list[int] = Field(min_length=1, max_length=MOST_REVIEWED_AT_ONCE)
    by: str


class ReviewRequest(LeadsRequest):
    """`due_on`: the day of a follow-up, as 2027-01-31; None for any other status."""

    status: Status
    due_on: str | None = None


class DifferentRequest(LeadsRequest):
    """`undo`: take it off the list."""

    undo: bool = False


class ContactRequest(LeadsRequest):
    """`withdraw`: take the offer back."""

    withdraw: bool = False


class QueuedLead(Reply):
    """One lead of the review queue. `released`: known to the other side (lead, released, withheld); `status`: what was
    decided, "open" if nothing; `due_in_days` is negative when it is overdue. `told` and `theirs`: what was last said to
    the other side, and by it. `different`: known to be different people. `contact`: how the contact cards stand."""

    round_id: str
    peer: str
    number: int
    reference: str
    handle: str
    strength: str
    agrees_in: list[str]
    near: bool
    household: bool
    released: str
    status: str
    by: str
    due_on: str | None
    due_in_days: int | None
    told: str
    theirs: str
    different: bool
    contact: str


class QueueReply(Reply):
    """Due follow-ups first. `more`: there were others than the first MOST_LISTED. `advice`: what to bear in mind."""

    leads: list[QueuedLead]
    more: bool
    advice: list[str]


class LeadsReply(RoundReply):
    """`sentence`: what was done, for a person."""

    leads: list[int]
    sentence: str


class ToldReply(LeadsReply):
    """`told`: number of the lead -> the one word that the other side gets."""

    told: dict[int, str]


class ContactReply(LeadsReply):
    """`given`: leads for which both sides have now offered, so that this node's card is on its way."""

    given: list[int]


class CardView(Reply):
    """How one lead stands: `ours` and `theirs` are none, offered, given or withdrawn. The card and the agreed fields
    (`fields`: name -> value) are there once the other side has given them."""

    number: int
    handle: str
    ours: str
    theirs: str
    desk: str
    phone: str
    email: str
    hours: str
    fields: dict[str, str]


class CardsReply(RoundReply):
    cards: list[CardView]
    advice: list[str]

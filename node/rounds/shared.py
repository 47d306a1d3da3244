"""Which leads both sides know, and by which match handles: about these alone may anything be said afterwards.

The side that is answered second learns nothing but what it was given, so all its leads are known to both. The first
learner learns the whole overlap, and the other side only those leads of it that a person released. Where the reply
gives no rows, there is no lead that both know, and nothing to speak about.

A handle that is not among these is answered alike whether it stands for a lead that was withheld, for a record that
agrees with nothing, or for nothing at all: what the other side says about leads is no way to ask what we withheld.

When: until the agreement ends, and not after the results were deleted. What a person wants to say waits for the end of
the round; what the other side says may come a little before it here, since notes overtake the last message.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime

from node.agreement.ladder import gives_rows
from node.agreement.terms import moment
from node.errors import RefusedByPolicy, UserError
from node.rounds.book import Round
from node.rounds.leads import LeadBook
from node.rounds.mailbox import Letter
from node.rounds.results import Lead
from node.rounds.states import RoundState
from psi.errors import UnexpectedMessage

__all__ = ["chosen_leads", "expect_known", "handles_of", "known_to_both", "may_be_told", "may_tell"]


def known_to_both(leads: LeadBook, found: Round) -> Iterator[tuple[int, Lead]]:
    """Number and lead, in order."""
    for number, status, lead in leads.numbered(found.round_id):
        if status == "released" or (found.position == "second" and status != "erased"):
            yield number, lead


def handles_of(lead: Lead) -> tuple[str, ...]:
    """The match handles of a lead, ascending, each once."""
    return tuple(sorted({agreement.handle for agreement in lead.agreements}))


def chosen_leads(leads: LeadBook, found: Round, numbers: Iterable[int]) -> dict[int, Lead]:
    """The leads of these numbers, which a person here named; UserError if both sides do not know one of them."""
    wanted = set(numbers)
    if not wanted:
        raise UserError("No lead was named.", advice="Name one with --lead; `blindmatch lead list` shows them.")
    chosen = {number: lead for number, lead in known_to_both(leads, found) if number in wanted}
    if missing := wanted - chosen.keys():
        raise UserError(
            f"Lead {min(missing)} is not one that the other side knows of too.",
            advice="Nothing was sent. `blindmatch round results` shows the leads, and which were released.",
        )
    return chosen


def expect_known(leads: LeadBook, found: Round, handles: Collection[str]) -> int:
    """How many of our leads a note with these handles is about. UnexpectedMessage if one of the handles stands for no
    lead that both sides know."""
    unknown, about = set(handles), 0
    for _number, lead in known_to_both(leads, found):
        mentioned = [handle for handle in handles_of(lead) if handle in handles]
        unknown.difference_update(mentioned)
        about += bool(mentioned)
    if unknown:
        raise UnexpectedMessage("The other side spoke about a match that it was never told of.")
    return about


def may_tell(found: Round, now: datetime) -> None:
    """Whether this node may say something about leads of a round now; UserError with the reason if not."""
    if found.position == "none" or not gives_rows(found.manifest):
        raise UserError(
            "In this round no record is known to both sides, so there is nothing to tell the other one.",
            advice="A round with the reply 'released' gives both sides rows.",
        )
    if found.state is not RoundState.FINISHED:
        raise UserError(
            "The other side is told about leads when the round has finished.",
            advice="`blindmatch round status` says what it waits for.",
        )
    if found.erased_at is not None:
        raise UserError("The results of this round were deleted, as agreed. Nothing more can be said about them.")
    if now > moment(found.manifest.expires_at):
        raise UserError(
            f"The agreement of this round ended at {found.manifest.expires_at}; nothing is told after that.",
            advice="Propose another round.",
        )


def may_be_told(found: Round, letter: Letter, now: datetime) -> None:
    """Whether the other side may. UnexpectedMessage if it never could; RefusedByPolicy if it was overtaken."""
    if letter.sender != found.peer or not gives_rows(found.manifest):
        raise UnexpectedMessage("Somebody spoke about leads who knows none of this round.")
    overtaken = found.over and found.state is not RoundState.FINISHED
    if overtaken or found.erased_at is not None or now > moment(found.manifest.expires_at):
        raise RefusedByPolicy("What the other side said about a lead came too late and was not kept.")

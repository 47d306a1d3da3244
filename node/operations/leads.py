"""Operations on leads: what caseworkers and reviewers do with what a round found.

Everything that is said to the other side is said by a person, by lead number here and by match handle on the wire. The
log gets an entry each time: who, in which round, about how many leads, never about whom.
"""

from collections.abc import Iterator
from typing import Any

from node.errors import UserError
from node.operations.lead_forms import (
    MOST_LISTED,
    CardsReply,
    CardView,
    ContactReply,
    ContactRequest,
    DifferentRequest,
    LeadsReply,
    LeadsRequest,
    ListRequest,
    QueuedLead,
    QueueReply,
    ReviewRequest,
    ToldReply,
)
from node.operations.parts import Parts, Progress
from node.operations.round_forms import RoundRequest
from node.operations.round_view import name_of, view
from node.operations.table import Operation
from node.rounds.advice import advice_for
from node.rounds.book import Round
from node.rounds.contact import GIVEN, NONE, Exchange
from node.rounds.lead_notes import Status
from node.rounds.results import Lead
from node.rounds.reviews import Review
from node.rounds.shared import handles_of
from node.staff import Role
from psi.identifiers import strength

__all__ = ["OPERATIONS"]

OPEN = "open"
MOST_SAID = 20
"""Numbers that a sentence names, in number."""


def _list(parts: Parts, request: ListRequest, _progress: Progress) -> QueueReply:
    """The review queue: every lead of one round or of all, what was decided, and what is due."""
    if request.status and request.status not in {OPEN, *(status.value for status in Status)}:
        raise UserError(
            "Leads have no such status.", advice=f"One of {', '.join([OPEN, *(status.value for status in Status)])}."
        )
    rounds = [parts.book.find(request.round)] if request.round else parts.book.all()
    listed: list[QueuedLead] = []
    keys: set[str] = set()
    more = False
    for found in rounds:
        if found.position == "none" or not parts.leads.count(found.round_id):
            continue
        before = len(listed)
        for queued, lead in _queue(parts, found, request):
            if more := len(listed) >= MOST_LISTED:
                break
            listed.append(queued)
            keys.update(agreement.key for agreement in lead.agreements)
        with parts.store.transaction() as tx:
            parts.audit.append(tx, "results-read", round_id=found.round_id, hits=len(listed) - before)
        if more:
            break
    listed.sort(key=lambda one: (one.due_on is None, one.due_on or ""))  # stable: otherwise in the order of rounds
    return QueueReply(leads=listed, more=more, advice=list(advice_for(keys)))


def _queue(parts: Parts, found: Round, request: ListRequest) -> Iterator[tuple[QueuedLead, Lead]]:
    """The leads of one round that were asked for."""
    reviews = parts.reviews.latest(found.round_id)
    told, theirs = (parts.reviews.said(found.round_id, way) for way in ("sent", "received"))
    exchanges = {one.number: one for one in parts.desk.exchanges(found)} if found.manifest.contact_card else {}
    wanted = [
        (number, state, lead)
        for number, state, lead in parts.leads.numbered(found.round_id)
        if state != "erased" and _asked_for(parts, request, reviews.get(number))
    ]
    different = parts.different.among(found, ((number, lead) for number, _state, lead in wanted))
    for number, state, lead in wanted:
        review, label = reviews.get(number), strength(agreement.key for agreement in lead.agreements)
        handles = handles_of(lead)
        yield (
            QueuedLead(
                round_id=found.round_id,
                peer="" if found.peer is None else name_of(parts, found.manifest, found.peer),
                number=number,
                reference=lead.reference,
                handle=handles[0],
                strength=label.label,
                agrees_in=list(label.fields),
                near=label.near,
                household=label.household,
                released=state,
                status=OPEN if review is None else review.status.value,
                by="" if review is None else review.by,
                due_on=None if review is None else review.due_on,
                due_in_days=_due_in(parts, review),
                told=next((told[one].value for one in handles if one in told), ""),
                theirs=next((theirs[one].value for one in handles if one in theirs), ""),
                different=number in different,
                contact=_stands(exchanges.get(number)),
            ),
            lead,
        )


def _asked_for(parts: Parts, request: ListRequest, review: Review | None) -> bool:
    due = _due_in(parts, review)
    if request.due and (due is None or due > 0):
        return False
    return not request.status or request.status == (OPEN if review is None else review.status.value)


def _due_in(parts: Parts, review: Review | None) -> int | None:
    """Days until a follow-up is due; negative if it was."""
    if review is None or review.due_on is None:
        return None
    return (parts.reviews.day(review.due_on) - parts.clock.now().date()).days


def _stands(exchange: Exchange | None) -> str:
    if exchange is None:
        return ""
    if exchange.card is not None:
        return "card received"
    return _STANDS.get((exchange.ours != NONE, exchange.theirs != NONE), "")


_STANDS = {(True, True): "both offered", (True, False): "offered here", (False, True): "offered there"}


def _review(parts: Parts, request: ReviewRequest, _progress: Progress) -> LeadsReply:
    found = parts.book.find(request.round)
    numbers = parts.reviews.decide(found, request.leads, request.status, by=request.by, due_on=request.due_on)
    until = f", due on {request.due_on}" if request.due_on else ""
    return LeadsReply(
        round=view(parts, found), leads=numbers, sentence=f"{_leads(numbers)}: {request.status.value}{until}."
    )


def _different(parts: Parts, request: DifferentRequest, _progress: Progress) -> LeadsReply:
    found = parts.book.find(request.round)
    count = parts.different.note(found, request.leads, by=request.by, undo=request.undo)
    said = (
        "no longer on the list of what is known to be different"
        if request.undo
        else "noted as different people; when the same meets the same again, it says so"
    )
    numbers = sorted(set(request.leads))
    assert count == len(numbers)
    return LeadsReply(round=view(parts, found), leads=numbers, sentence=f"{_leads(numbers)}: {said}.")


def _feedback(parts: Parts, request: LeadsRequest, _progress: Progress) -> ToldReply:
    found = parts.book.find(request.round)
    parts.negotiation.expect_not_frozen(found)
    told = parts.reviews.tell(found, request.leads, by=request.by)
    parts.wake(found.round_id)
    return ToldReply(
        round=view(parts, found),
        leads=sorted(told),
        sentence=f"{_leads(sorted(told))}: the other side is told the status and nothing else.",
        told={number: status.value for number, status in sorted(told.items())},
    )


def _contact(parts: Parts, request: ContactRequest, _progress: Progress) -> ContactReply:
    found = parts.book.find(request.round)
    numbers = sorted(set(request.leads))
    if request.withdraw:
        parts.desk.withdraw(found, numbers, by=request.by)
    else:
        parts.desk.offer(found, numbers, by=request.by)
    parts.wake(found.round_id)
    given = [one.number for one in parts.desk.exchanges(found) if one.number in numbers and one.ours == GIVEN]
    if request.withdraw:
        said = "the offer of a contact card was taken back"
    elif given == numbers:
        said = "the other side had offered too, so the card is on its way"
    else:
        said = "a contact card is offered; it goes when the other side offers too"
    return ContactReply(round=view(parts, found), leads=numbers, sentence=f"{_leads(numbers)}: {said}.", given=given)


def _cards(parts: Parts, request: RoundRequest, _progress: Progress) -> CardsReply:
    """Contact cards and agreed fields, as far as they were given. Looking is logged."""
    found = parts.book.find(request.round)
    exchanges = parts.desk.exchanges(found)
    with parts.store.transaction() as tx:
        parts.audit.append(tx, "results-read", round_id=found.round_id, hits=len(exchanges))
    return CardsReply(
        round=view(parts, found),
        cards=[_card(one) for one in exchanges],
        advice=[
            "Name the match handle, not the person, until you know who is speaking.",
            "The card says whom to ask, not what you may tell: that is decided by law and by the person concerned.",
        ],
    )


def _card(one: Exchange) -> CardView:
    parts = {"desk": "", "phone": "", "email": "", "hours": ""} if one.card is None else one.card.parts()
    return CardView(
        number=one.number, handle=one.handle, ours=one.ours, theirs=one.theirs, fields=dict(one.fields), **parts
    )


def _leads(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:MOST_SAID])) + (", ..." if len(numbers) > MOST_SAID else "")
    return f"Lead {shown}" if len(numbers) == 1 else f"Leads {shown}"


OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation("lead.list", ListRequest, _list),
    Operation("lead.review", ReviewRequest, _review, role=Role.REVIEWER),
    Operation("lead.different", DifferentRequest, _different, role=Role.REVIEWER),
    Operation("lead.feedback", LeadsRequest, _feedback, role=Role.REVIEWER),
    Operation("round.contact", ContactRequest, _contact, role=Role.REVIEWER),
    Operation("round.cards", RoundRequest, _cards),
)

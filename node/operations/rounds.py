"""Operations on rounds: what a convener, an operator and a caseworker do with them."""

import json
from typing import Any

from node.agreement.manifest import Manifest
from node.errors import UserError
from node.operations.consent import coverage_of_round, kept_out_leads
from node.operations.parts import Parts, Progress
from node.operations.round_forms import (
    AgreementView,
    ByRequest,
    ContactsReply,
    ContactView,
    LeadView,
    ProposeRequest,
    ReleaseReply,
    ReleaseRequest,
    ResultsReply,
    ResultsRequest,
    RoundList,
    RoundReply,
    RoundRequest,
    ShowReply,
    SignRequest,
    VerdictView,
)
from node.operations.round_view import view
from node.operations.table import Nothing, Operation
from node.rounds.advice import advice_for
from node.rounds.book import Round
from node.rounds.contacts import recurring_contacts
from node.rounds.explain import explain
from node.rounds.results import Lead
from node.rounds.states import RoundState
from node.rounds.templates import build
from node.staff import Role
from psi.identifiers import strength

__all__ = ["OPERATIONS"]


def _propose(parts: Parts, request: ProposeRequest, _progress: Progress) -> ShowReply:
    own = parts.identity.signed_card.card
    cards = {}
    for name in request.members:
        card = own if name in ("me", own.member_id) else parts.members.get(name).card
        cards[name] = card
    settings = dict(request.settings)
    by_alias = settings.pop("members", {})
    if not isinstance(by_alias, dict) or not set(by_alias) <= set(cards):
        raise UserError("A setting was given for an organisation that is no member of the round.")
    if by_alias:
        settings["members"] = {cards[name].member_id: value for name, value in by_alias.items()}
    if isinstance(first := settings.get("first_learner"), str) and first in cards:
        settings["first_learner"] = cards[first].member_id
    manifest = build(
        request.template,
        list(cards.values()),
        settings,
        convener=own.member_id,
        clock=parts.clock,
        random_bytes=parts.random_bytes,
    )
    if request.dry_run:
        return _show_manifest(parts, manifest, None)
    found = parts.negotiation.propose(manifest, by=request.by)
    return _show_manifest(parts, manifest, found)


def _show(parts: Parts, request: RoundRequest, _progress: Progress) -> ShowReply:
    found = parts.book.find(request.round)
    return _show_manifest(parts, found.manifest, found)


def _show_manifest(parts: Parts, manifest: Manifest, found: Round | None) -> ShowReply:
    dataset = None
    if found is not None and found.dataset_id is not None:
        dataset = parts.datasets.by_id(found.dataset_id)
    verdicts = parts.negotiation.judge(manifest, dataset)
    if found is not None:
        parts.negotiation.shown_before(found, look=True)  # said by the view
    return ShowReply(
        round=None if found is None else view(parts, found),
        manifest=json.loads(manifest.canonical()),
        sentences=list(explain(manifest, parts.identity.member_id)),
        verdicts=[VerdictView(rule=v.rule, ok=v.ok, sentence=v.sentence, advice=v.advice) for v in verdicts],
        elements={member.member_id: manifest.size_class(member.member_id) for member in manifest.members},
        coverage=coverage_of_round(parts, found, dataset),
    )


def _list(parts: Parts, _request: Nothing, _progress: Progress) -> RoundList:
    return RoundList(rounds=[view(parts, found, brief=True) for found in parts.book.all()])


def _status(parts: Parts, request: RoundRequest, _progress: Progress) -> RoundReply:
    return RoundReply(round=view(parts, parts.book.find(request.round)))


def _sign(parts: Parts, request: SignRequest, _progress: Progress) -> RoundReply:
    found = parts.book.find(request.round)
    signed = parts.negotiation.sign(found, dataset_name=request.dataset, by=request.by, urgent=request.urgent)
    return RoundReply(round=view(parts, signed))


def _approve(parts: Parts, request: ByRequest, _progress: Progress) -> RoundReply:
    """The second person's yes to what somebody here wants to sign, or has signed as urgent."""
    return RoundReply(round=view(parts, parts.negotiation.approve(parts.book.find(request.round), by=request.by)))


def _refuse(parts: Parts, request: ByRequest, _progress: Progress) -> RoundReply:
    return RoundReply(round=view(parts, parts.negotiation.refuse(parts.book.find(request.round), by=request.by)))


def _start(parts: Parts, request: ByRequest, _progress: Progress) -> RoundReply:
    return RoundReply(round=view(parts, parts.negotiation.start(parts.book.find(request.round), by=request.by)))


def _cancel(parts: Parts, request: ByRequest, _progress: Progress) -> RoundReply:
    return RoundReply(round=view(parts, parts.negotiation.cancel(parts.book.find(request.round), by=request.by)))


def _release(parts: Parts, request: ReleaseRequest, _progress: Progress) -> ReleaseReply:
    """A person decides what the other side gets. Said once; the engine carries it out."""
    found = parts.book.find(request.round)
    if found.state is not RoundState.DECIDING:
        raise UserError(
            "This round is not waiting for a release decision.",
            advice="`blindmatch round status` says what it waits for.",
        )
    if request.everything == (request.leads is not None):
        raise UserError("Say which leads are released: all of them, or a list.")
    if found.manifest.mode == "ordered" and not request.everything:
        raise UserError(
            "In this round the whole list is answered, or nothing.",
            advice="Release everything, or cancel the round.",
        )
    total = parts.leads.count(found.round_id)
    chosen = None if request.leads is None else sorted(set(request.leads))
    if chosen and (chosen[0] < 1 or chosen[-1] > total):
        raise UserError(
            "A number that was given is not that of a lead of this round. Nothing was released.",
            advice="`blindmatch round results` shows them.",
        )
    with parts.store.transaction() as tx:
        chosen = _without_kept_out(parts, found, chosen, total)  # in here: somebody may withdraw at this very moment
        most = found.manifest.reply.max_released
        if found.manifest.mode == "released" and (total if chosen is None else len(chosen)) > most:
            raise UserError(
                f"The agreement lets this side release at most {most} records.",
                advice="Choose fewer.",
            )
        if parts.book.decision(found.round_id) is not None:
            raise UserError("This decision has already been made.")
        released = parts.leads.mark(tx, found.round_id, None if chosen is None else set(chosen))
        parts.audit.append(
            tx,
            "release-decided",
            round_id=found.round_id,
            by=request.by,
            released=released,
            withheld=total - released,
        )
        parts.book.save_decision(tx, found.round_id, json.dumps(chosen).encode())
    seen_with = [] if chosen is None else parts.leads.seen_with(found.round_id, set(chosen))
    parts.wake(found.round_id)
    return ReleaseReply(
        round=view(parts, parts.book.get(found.round_id)),
        released=released,
        withheld=total - released,
        seen_with=seen_with,
    )


def _without_kept_out(parts: Parts, found: Round, chosen: list[int] | None, total: int) -> list[int] | None:
    """The choice without records that were withdrawn, or are kept from that member, since the list was made."""
    kept_out = kept_out_leads(parts, found)
    if not kept_out:
        return chosen
    if found.manifest.mode == "ordered":
        raise UserError(
            "A record on the list of this round was withdrawn, or is kept from this member, since the list was made. "
            "Nothing was released.",
            advice="In this round the whole list is answered, or nothing: cancel it and propose it again.",
        )
    if chosen is None:
        return [number for number in range(1, total + 1) if number not in kept_out]
    if named := sorted(kept_out.intersection(chosen)):
        raise UserError(
            f"Lead {named[0]} is of a record that was withdrawn, or is kept from this member. Nothing was released.",
            advice="Choose without it.",
        )
    return chosen


def _results(parts: Parts, request: ResultsRequest, _progress: Progress) -> ResultsReply:
    found = parts.book.find(request.round)
    leads = parts.leads.list(found.round_id, first=request.first, limit=request.limit)
    with parts.store.transaction() as tx:
        parts.audit.append(tx, "results-read", round_id=found.round_id, hits=len(leads))
    member = found.position != "none"
    return ResultsReply(
        round=view(parts, found),
        learned=found.learned,
        total=parts.leads.count(found.round_id),
        leads=[_lead(number, status, lead) for number, status, lead in leads],
        count=found.count,
        deleted_at=found.erased_at,
        note=_deleted_note(found)
        or (
            "A hit is a lead, not a proof. The other side holds the same identifiers; it may be another person, or a "
            "relative. Nothing else about the other side's records is known here."
            if member
            else "This node convened the round and learns nothing of its content."
        ),
        advice=list(advice_for(agreement.key for _, _, lead in leads for agreement in lead.agreements)),
    )


def _deleted_note(found: Round) -> str:
    """What is said in place of leads once the agreed time is over; empty before."""
    if found.erased_at is None:
        return ""
    return f"What this round gave was deleted on {found.erased_at[:10]}: the time for which it was to be kept is over."


def _lead(number: int, status: str, lead: Lead) -> LeadView:
    if not lead.agreements:  # erased at the person's request: nothing but the number is left
        return LeadView(
            number=number,
            status=status,
            reference="",
            strength="",
            agrees_in=[],
            near=False,
            household=False,
            agreements=[],
            shares_with=[],
        )
    found = strength(agreement.key for agreement in lead.agreements)
    return LeadView(
        number=number,
        status=status,
        reference=lead.reference,
        strength=found.label,
        agrees_in=list(found.fields),
        near=found.near,
        household=found.household,
        agreements=[AgreementView(key=a.key, handle=a.handle) for a in lead.agreements],
        shares_with=list(lead.shares_with),
    )


def _contacts(parts: Parts, request: RoundRequest, _progress: Progress) -> ContactsReply:
    """Which of the agreeing identifiers stand on several of our own records."""
    found = parts.book.find(request.round)
    contacts = recurring_contacts(parts.leads, found.round_id)
    with parts.store.transaction() as tx:
        parts.audit.append(tx, "results-read", round_id=found.round_id, hits=len(contacts))
    return ContactsReply(
        round=view(parts, found),
        contacts=[ContactView.model_validate(one._asdict()) for one in contacts],
        note=(
            "Counted over this node's own records; the other side learns nothing of it. People are told apart by how "
            "their names sound, so there may be more. Do not ring a number: it may warn whoever answers."
        ),
    )


OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation("round.propose", ProposeRequest, _propose),
    Operation("round.list", Nothing, _list),
    Operation("round.show", RoundRequest, _show),
    Operation("round.status", RoundRequest, _status),
    Operation("round.sign", SignRequest, _sign),
    Operation("round.approve", ByRequest, _approve, role=None),
    Operation("round.refuse", ByRequest, _refuse),
    Operation("round.start", ByRequest, _start),
    Operation("round.release", ReleaseRequest, _release, role=Role.REVIEWER),
    Operation("round.cancel", ByRequest, _cancel),
    Operation("round.results", ResultsRequest, _results),
    Operation("round.contacts", RoundRequest, _contacts),
)

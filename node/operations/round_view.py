"""How a round looks to its owner: `RoundView`, put together from what is stored and what the parts keep in memory."""

from datetime import datetime

from node.agreement.manifest import Manifest
from node.agreement.terms import moment
from node.clock import timestamp
from node.identity.reach import WORDS, Way
from node.operations.carrying import to_carry
from node.operations.parts import Parts
from node.operations.round_forms import MemberView, PartyView, RoundView, StretchView
from node.operations.turns import Scene, peer_words, time_left, turn_of
from node.rounds.book import Round, Verdict
from node.rounds.parties import others
from node.rounds.presence import skew_sentence, starts_at
from node.rounds.progress import Stretch, stretches, turns_in
from node.rounds.states import RoundState
from node.staff import Approval, Subject
from node.tripwires.words import frozen_sentence
from psi.protocol.states import Leg, Place, Turns

__all__ = ["name_of", "view"]


def view(parts: Parts, found: Round, *, brief: bool = False) -> RoundView:
    """Everything about a round; `brief` leaves out what takes a look at the snapshot: how far lists have come."""
    me, now = parts.identity.member_id, parts.clock.now()
    verdicts = {verdict.member_id: verdict for verdict in parts.book.verdicts(found.round_id)}
    turns = None
    if not brief and found.state in (RoundState.RUNNING, RoundState.DECIDING) and found.position != "none":
        turns = turns_in(parts.book.snapshot(found.round_id))
    asked = parts.approvals.latest(Subject.ROUND_SIGN, found.round_id)
    asked = asked if asked is not None and asked.open else None
    whose, sentence = turn_of(_scene(parts, found, verdicts, turns, now, asked))
    answered = turns is not None and turns.has_finished(Place.SECOND, Leg.ANSWER)
    if found.position == "none":  # what a convener knows of it is what the members report
        answered = RoundState.DECIDING in found.reports.values()
    left, left_words = time_left(
        RoundState.DECIDING if answered and not found.over else found.state,
        now,
        moment(found.manifest.deadline),
        moment(found.manifest.expires_at),
    )
    return RoundView(
        round_id=found.round_id,
        state=found.state.value,
        template=found.manifest.template,
        title=found.manifest.title or "",
        position=found.position,
        convener="you" if found.convener == me else found.convener,
        members=[
            MemberView(
                member_id=entry.member_id,
                name=entry.name,
                member_class=entry.member_class,
                answered=_answer(verdicts.get(entry.member_id)),
            )
            for entry in found.manifest.members
        ],
        turn=sentence,
        whose=whose.value,
        approval=_approval(parts, found, asked),
        since=_since(found, verdicts),
        seconds_left=round(left, 1),
        time_left=left_words,
        parties=[] if found.over else [_party(parts, found, other, now) for other in others(found.manifest, me)],
        progress=[_stretch_view(one) for one in _progress(parts, found, turns)],
        deadline=found.manifest.deadline,
        expires_at=found.manifest.expires_at,
        shown_before="" if brief else parts.negotiation.shown_before(found),
        failure=found.failure_sentence,
        blamed=None if found.blamed is None else name_of(parts, found.manifest, found.blamed),
        reports=dict(found.reports),
    )


def name_of(parts: Parts, manifest: Manifest, member_id: str) -> str:
    """What a party of a round is called: as the agreement says, or for a convener that is no member, as its card."""
    for entry in manifest.members:
        if entry.member_id == member_id:
            return entry.name
    member = parts.members.confirmed(member_id)
    return "The convener" if member is None else member.name


def _approval(parts: Parts, found: Round, asked: Approval | None) -> str:
    """What waits for a second person, or was done without one: the latter also after the end of the round."""
    if asked is None:
        return ""
    if asked.overdue:
        return (
            f"{asked.asked_by} signed this at {asked.asked_at} without a second person, as urgent. Somebody else still "
            f"has to look at it: `blindmatch round approve {found.round_id[:8]} --by NAME`."
        )
    if found.state is not RoundState.PROPOSED:
        return ""
    name = "" if found.dataset_id is None else parts.datasets.by_id(found.dataset_id).name
    return f"{asked.asked_by} asked at {asked.asked_at} to sign it with the data set {name}."


def _scene(
    parts: Parts,
    found: Round,
    verdicts: dict[str, Verdict],
    turns: Turns | None,
    now: datetime,
    asked: Approval | None = None,
) -> Scene:
    me, manifest = parts.identity.member_id, found.manifest
    member = found.position != "none"
    reports = found.reports
    return Scene(
        state=found.state,
        member=member,
        convenes=found.convener == me,
        signed=me in verdicts,
        now=now,
        starts_at=starts_at(manifest),
        unsigned=tuple(entry.name for entry in manifest.members if entry.member_id not in verdicts),
        deciding=tuple(entry.name for entry in manifest.members if reports.get(entry.member_id) == RoundState.DECIDING),
        failing=_failing(parts, found),
        # Also of a round that is over here: the other side may still wait for our last message.
        to_carry=tuple(to_carry(parts, found.round_id, others(manifest, me))),
        round_name=found.round_id[:8],
        short=parts.room.waits(found.round_id) if found.state is RoundState.PREPARING else "",
        free_at=None if found.over else parts.engine.waits_for_budget(found.round_id),
        frozen="" if found.over else _frozen(parts, found),
        unproven=member and not found.over and parts.engine.witnessing.waits(found),
        place=(Place.FIRST if found.position == "first" else Place.SECOND) if member else None,
        turns=turns,
        peer=name_of(parts, manifest, found.peer) if found.peer is not None else "the other side",
        asked_by="" if asked is None or asked.overdue else asked.asked_by,
    )


def _frozen(parts: Parts, found: Round) -> str:
    """Why nothing goes on with a member of this round, if it is frozen here."""
    frozen = parts.freezes.frozen()
    for entry in found.manifest.members:
        if entry.member_id in frozen:
            return frozen_sentence(entry.name, parts.members.get(entry.member_id).alias)
    return ""


def _failing(parts: Parts, found: Round) -> tuple[str, ...]:
    """Parties to whom something of the round has to go and no call comes through."""
    presence = parts.engine.post.presence
    if found.over or not presence.failing():
        return ()
    away = {one for one in others(found.manifest, parts.identity.member_id) if presence.of(one).failing_since}
    waiting = away and away & set(parts.outbox.recipients(found.round_id))
    return tuple(name_of(parts, found.manifest, one) for one in sorted(waiting))


def _since(found: Round, verdicts: dict[str, Verdict]) -> str:
    """Since when it is as it is: the last answer to a proposal, else the last change of the round."""
    if found.state is RoundState.PROPOSED:
        return max([found.created_at, *(verdict.at for verdict in verdicts.values())])
    return found.updated_at


def _answer(verdict: Verdict | None) -> str:
    return "not yet" if verdict is None else "signed" if verdict.signed else "refused"


def _party(parts: Parts, found: Round, member_id: str, now: datetime) -> PartyView:
    presence, name = parts.engine.post.presence, name_of(parts, found.manifest, member_id)
    way = parts.routes.way(member_id)
    known, wait = presence.of(member_id), presence.wait_seconds(member_id)
    return PartyView(
        member_id=member_id,
        name=name,
        heard_at=None if known.heard_at is None else timestamp(known.heard_at),
        failing_since=None if known.failing_since is None else timestamp(known.failing_since),
        next_try_seconds=None if wait is None else round(wait, 1),
        clock_ahead_seconds=None if known.ahead is None else round(known.ahead.total_seconds(), 1),
        sentence=peer_words(name, known, wait, now, "" if way is Way.DIRECT else WORDS[way]) if parts.running else "",
        clock=skew_sentence(name, known.ahead),
    )


def _progress(parts: Parts, found: Round, turns: Turns | None) -> list[Stretch]:
    if found.state is RoundState.PREPARING and found.position != "none":
        done = parts.progress.records(found.round_id)
        dataset = None if found.dataset_id is None or not done else parts.datasets.by_id(found.dataset_id)
        under_way = [] if dataset is None else [Stretch("preparing", True, done, max(done, dataset.records))]
    else:
        parts.progress.forget(found.round_id)
        under_way = [] if turns is None else stretches(found.manifest, parts.identity.member_id, turns)
    return parts.progress.timed(found.round_id, under_way)


def _stretch_view(one: Stretch) -> StretchView:
    return StretchView(
        what=one.what,
        ours=one.ours,
        done=one.done,
        total=one.total,
        records_per_second=one.records_per_second,
        seconds_left=one.seconds_left,
    )

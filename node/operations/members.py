"""Operations on our card and on the book of members."""

from typing import Any

from pydantic import Field

from node.clock import timestamp
from node.errors import UserError
from node.identity.admission import name_skeleton
from node.identity.cards import Card
from node.identity.members import Member, MemberState
from node.identity.reach import RELAY_PREFIX, WORDS, Reach, Way
from node.identity.words import slip_in
from node.operations.parts import Parts, Progress
from node.operations.policies import children_digest
from node.operations.table import Nothing, Operation, Reply, Request
from node.staff import Role, Subject
from psi.identifiers import NORMALISER_VERSION
from psi.identifiers.version import newer
from psi.messages import PROTOCOL_VERSION

__all__ = [
    "OPERATIONS",
    "AddRequest",
    "CardReply",
    "CardView",
    "ChildrenReply",
    "ChildrenRequest",
    "ConfirmRequest",
    "MemberList",
    "MemberReply",
    "MemberView",
    "NameRequest",
    "ReachRequest",
    "RemoveRequest",
    "VersionsReply",
    "alias_of",
    "card_view",
    "member_view",
]


class CardView(Reply):
    """What a card says, without its keys."""

    member_id: str
    name: str
    member_class: str
    country: str
    languages: list[str]
    contact: str
    endpoint: str
    issued_at: str
    expires_at: str


class MemberView(Reply):
    """`reach`: how it is reached, with the alias of the relay if there is one; empty for a relay itself. `frozen`:
    nothing is exchanged with it until two people here decide. `children`: it may be in rounds about children."""

    alias: str
    state: str
    reach: str
    card: CardView
    added_by: str
    confirmed_by: str | None
    children: bool = False
    frozen: bool = False


class CardReply(Reply):
    """`file` is the card to hand to others."""

    card: CardView
    file: str


class MemberReply(Reply):
    """`was`: the alias that the card had before, if that has changed. `warning` is empty, or a sentence."""

    member: MemberView
    words: list[str]
    was: str | None = None
    warning: str = ""


class MemberList(Reply):
    members: list[MemberView]


class AddRequest(Request):
    file: str
    by: str
    alias: str | None = None


class NameRequest(Request):
    name: str


class ConfirmRequest(Request):
    name: str
    words: str
    by: str


class RemoveRequest(Request):
    name: str
    by: str


class ReachRequest(Request):
    """`reach`: direct, collects, relay:NAME, file; or `card`: as its card says."""

    name: str
    reach: str
    by: str


class ChildrenRequest(Request):
    """`allowed` False takes it back, at once."""

    name: str
    by: str
    allowed: bool = True


class ChildrenReply(Reply):
    """`number`: of what waits for a second person; None if nothing does."""

    member: MemberView
    number: int | None


class VersionsReply(Reply):
    """`apart`: who has to update before there can be a round with it; empty if both have the same."""

    alias: str
    protocol: str
    normaliser: str
    software: str
    clock_ahead_seconds: float = Field(description="how far the other node's clock is ahead of ours")
    apart: str


def alias_of(parts: Parts, member_id: str) -> str:
    """What this organisation calls a member, in a sentence; also one that is not in the book any more."""
    known = {member.member_id: member.alias for member in parts.members.list()}
    return known.get(member_id, "a member that was removed")


def card_view(card: Card) -> CardView:
    return CardView(
        member_id=card.member_id,
        name=card.name,
        member_class=card.member_class.value,
        country=card.country,
        languages=list(card.languages),
        contact=card.contact,
        endpoint=card.endpoint,
        issued_at=card.issued_at,
        expires_at=timestamp(card.certificate.not_after),
    )


def member_view(parts: Parts, member: Member) -> MemberView:
    return MemberView(
        alias=member.alias,
        state=member.state.value,
        reach="" if member.is_relay else _reach_words(parts, member.reach),
        card=card_view(member.card),
        added_by=member.added_by,
        confirmed_by=member.confirmed_by,
        children=member.children,
        frozen=member.member_id in parts.freezes.frozen(),
    )


def _reach_words(parts: Parts, reach: Reach) -> str:
    """As `member reach` takes it."""
    return f"{RELAY_PREFIX}{parts.members.get(reach.relay).alias}" if reach.way is Way.RELAY else reach.way.value


def _reach(parts: Parts, request: ReachRequest, _progress: Progress) -> MemberReply:
    reach = None
    if request.reach.startswith(RELAY_PREFIX):
        relay = parts.members.get(request.reach.removeprefix(RELAY_PREFIX))
        reach = Reach(Way.RELAY, relay.member_id)
    elif request.reach != "card":
        reach = Reach.parse(request.reach)
    member = parts.members.set_reach(request.name, reach, request.by)
    for found in parts.book.all():
        if not found.over:
            parts.wake(found.round_id)  # what waits for it may have another way now
    return MemberReply(member=member_view(parts, member), words=[])


def _show_card(parts: Parts, _request: Nothing, _progress: Progress) -> CardReply:
    signed = parts.identity.signed_card
    return CardReply(card=card_view(signed.card), file=signed.to_bytes().decode())


def _add(parts: Parts, request: AddRequest, _progress: Progress) -> MemberReply:
    before = {known.member_id: known.alias for known in parts.members.list()}
    member = parts.members.add(request.file.encode(), request.by, request.alias)
    was = before.get(member.member_id, member.alias)
    alike = [
        known.alias
        for known in parts.members.list()
        if known.member_id != member.member_id and name_skeleton(known.name) == name_skeleton(member.name)
    ]
    warning = (
        f"Its name looks like that of {', '.join(alike)}: make sure that these are different organisations, and tell "
        "them apart by alias."
        if alike
        else ""
    )
    return _with_words(parts, member).model_copy(
        update={"was": None if was == member.alias else was, "warning": warning}
    )


def _words(parts: Parts, request: NameRequest, _progress: Progress) -> MemberReply:
    return _with_words(parts, parts.members.get(request.name))


def _confirm(parts: Parts, request: ConfirmRequest, _progress: Progress) -> MemberReply:
    parts.members.get(request.name)
    if slip := slip_in(request.words):
        raise UserError(f"{slip} Nothing was changed.", advice="Type all eight, in the order in which you hear them.")
    member = parts.members.confirm(request.name, request.words, request.by)
    return MemberReply(member=member_view(parts, member), words=[])


def _remove(parts: Parts, request: RemoveRequest, _progress: Progress) -> MemberReply:
    member = parts.members.remove(request.name, request.by)
    return MemberReply(member=member_view(parts, member), words=[])


def _children(parts: Parts, request: ChildrenRequest, _progress: Progress) -> ChildrenReply:
    member = parts.members.get(request.name)
    number = None
    if member.state is not MemberState.CONFIRMED or member.is_relay:
        raise UserError(f"{member.alias} is no confirmed member, so it takes part in no round.")
    if member.children and request.allowed:
        raise UserError(f"{member.alias} may take part in rounds about children already.")
    with parts.store.transaction() as tx:
        if request.allowed:
            digest = children_digest(member)
            number = parts.approvals.ask(tx, Subject.CHILDREN_MEMBER, member.member_id, digest, request.by).number
        else:
            parts.approvals.drop(tx, Subject.CHILDREN_MEMBER, member.member_id, request.by)
            parts.members.set_children(
                tx, member.member_id, member.card.digest, allowed=False, by=request.by, second=request.by
            )
    return ChildrenReply(member=member_view(parts, parts.members.get(request.name)), number=number)


def _list(parts: Parts, _request: Nothing, _progress: Progress) -> MemberList:
    return MemberList(members=[member_view(parts, member) for member in parts.members.list()])


def _check(parts: Parts, request: NameRequest, _progress: Progress) -> VersionsReply:
    member = parts.members.get(request.name)
    if not member.is_relay and member.reach.way is not Way.DIRECT:
        raise UserError(
            f"This node does not call {member.alias} ({WORDS[member.reach.way]}).",
            advice="`blindmatch member reach` changes that, if its card has an address.",
        )
    said = parts.carrier.hello(request.name)
    return VersionsReply(
        alias=member.alias,
        protocol=said.protocol,
        normaliser=said.normaliser,
        software=said.software,
        clock_ahead_seconds=round(said.clock_ahead_seconds, 1),
        apart="" if member.is_relay else _apart(member.alias, said.protocol, said.normaliser),
    )


def _apart(alias: str, protocol: str, normaliser: str) -> str:
    """A sentence on versions between which there can be no round (`node.policy.agreement.SameVersions`)."""
    if protocol != str(PROTOCOL_VERSION) and protocol.isdecimal():
        later = "first" if int(protocol) > PROTOCOL_VERSION else "second"
    elif normaliser == NORMALISER_VERSION:
        return ""
    else:
        later = newer(normaliser, NORMALISER_VERSION)
    match later:
        case "first":
            return f"No round with {alias} until this node is updated: as they state it, it is the older one."
        case "second":
            return f"No round with {alias} until they update: their node is the older one."
        case _:
            return f"No round with {alias} until both sides update: each is older in some part."


def _with_words(parts: Parts, member: Member) -> MemberReply:
    return MemberReply(member=member_view(parts, member), words=list(parts.members.check_words(member.member_id)))


OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation("card.show", Nothing, _show_card),
    Operation("member.add", AddRequest, _add),
    Operation("member.words", NameRequest, _words),
    Operation("member.confirm", ConfirmRequest, _confirm, role=Role.APPROVER),
    Operation("member.remove", RemoveRequest, _remove),
    Operation("member.reach", ReachRequest, _reach),
    Operation("member.children", ChildrenRequest, _children),
    Operation("member.list", Nothing, _list),
    Operation("member.check", NameRequest, _check),
)

"""Operations on frozen members: what happened, how one person stops everything with one, how two let it go on."""

from typing import Any

from node.errors import NotFound
from node.operations.members import MemberView, NameRequest, member_view
from node.operations.parts import Parts, Progress
from node.operations.table import Operation, Reply, Request
from node.staff import Subject
from node.tripwires import Freeze
from node.tripwires.words import WHAT_NOW, frozen_sentence, reason_sentence

__all__ = [
    "OPERATIONS",
    "EvidenceReply",
    "EvidenceRequest",
    "FreezeRequest",
    "FreezeView",
    "ShowMemberReply",
    "UnfreezeReply",
    "UnfreezeRequest",
]


class FreezeView(Reply):
    """One round that met decoys, or a stop by a person: then `by` says whose, and `round_id` is empty. `met`, `laid`:
    decoys by kind, in number; `free`: telephone numbers among them that no operator has given out; `sentence`: the same
    in words."""

    round_id: str
    frozen_at: str
    stands: bool
    met: dict[str, int]
    laid: dict[str, int]
    free: int
    sentence: str
    by: str
    lifted_by: str | None
    lifted_second: str | None
    lifted_at: str | None


class ShowMemberReply(Reply):
    """`note`: what to do now, if the member is frozen; `waiting`: who asked to unfreeze it and waits for a second
    person, with the `number` of that."""

    member: MemberView
    freezes: list[FreezeView]
    note: str
    waiting: str
    number: int | None


class FreezeRequest(Request):
    name: str
    by: str


class UnfreezeRequest(Request):
    name: str
    by: str


class UnfreezeReply(ShowMemberReply):
    """As `member.show`."""


class EvidenceRequest(Request):
    """`round`: the beginning of its id."""

    round: str
    by: str


class EvidenceReply(Reply):
    """The decoys that were met, for a talk with the other side; `opening`: by which it bound itself to its list (hex of
    its message)."""

    round_id: str
    decoys: list[dict[str, Any]]
    opening: str
    note: str


def _view(parts: Parts, freeze: Freeze, name: str) -> FreezeView:
    hit = freeze.hit
    return FreezeView(
        round_id="" if hit.by else freeze.round_id,
        frozen_at=freeze.frozen_at,
        stands=freeze.stands,
        met=hit.met_by_kind,
        laid=dict(hit.laid),
        free=hit.free,
        sentence=reason_sentence(name, hit),
        by=hit.by,
        lifted_by=freeze.lifted_by,
        lifted_second=freeze.lifted_second,
        lifted_at=freeze.lifted_at,
    )


def _shown(parts: Parts, name: str) -> dict[str, Any]:
    member = parts.members.get(name)
    found = parts.freezes.of(member.member_id)
    standing = [freeze for freeze in found if freeze.stands]
    frozen = bool(standing)
    what_now = WHAT_NOW if any(not freeze.hit.by for freeze in standing) else "Ring them, and ask."
    asked = parts.approvals.latest(Subject.UNFREEZE, member.member_id) if frozen else None
    asked = asked if asked is not None and asked.open else None
    return {
        "member": member_view(parts, member),
        "freezes": [_view(parts, freeze, member.name) for freeze in found],
        "note": f"{frozen_sentence(member.name, member.alias)} {what_now}" if frozen else "",
        "waiting": "" if asked is None else asked.asked_by,
        "number": None if asked is None else asked.number,
    }


def _show(parts: Parts, request: NameRequest, _progress: Progress) -> ShowMemberReply:
    return ShowMemberReply(**_shown(parts, request.name))


def _freeze(parts: Parts, request: FreezeRequest, _progress: Progress) -> ShowMemberReply:
    parts.freezes.hold(request.name, request.by)
    return ShowMemberReply(**_shown(parts, request.name))


def _unfreeze(parts: Parts, request: UnfreezeRequest, _progress: Progress) -> UnfreezeReply:
    parts.freezes.ask(request.name, request.by)
    return UnfreezeReply(**_shown(parts, request.name))


def _evidence(parts: Parts, request: EvidenceRequest, _progress: Progress) -> EvidenceReply:
    found = parts.book.find(request.round)
    freeze = parts.freezes.of_round(found.round_id)
    if freeze is None:
        raise NotFound("No decoys were met in this round.", advice="`blindmatch member list` shows who is frozen.")
    with parts.store.transaction() as tx:
        parts.audit.append(tx, "results-read", round_id=found.round_id, by=request.by, hits=len(freeze.hit.met))
    return EvidenceReply(
        round_id=found.round_id,
        decoys=[{"kind": one.kind, "value": one.value, "free": one.free} for one in freeze.hit.met],
        opening=freeze.hit.opening.hex(),
        note="These values were made up by this node. That the other side has them is known from this round alone: "
        "treat them as you treat a lead.",
    )


OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation("member.show", NameRequest, _show),
    Operation("member.freeze", FreezeRequest, _freeze),
    Operation("member.unfreeze", UnfreezeRequest, _unfreeze),
    Operation("member.evidence", EvidenceRequest, _evidence),
)

"""Operations on what is kept and for how long: what is due, deleting it now, and erasing one person's record."""

from typing import Any

from pydantic import Field

from node.clock import timestamp
from node.errors import UserError
from node.keeping.erasure import Erasing, Past, nothing_found
from node.keeping.retention import Kept, Retention
from node.operations.datasets import uses_of
from node.operations.parts import Parts, Progress
from node.operations.table import Nothing, Operation, Reply, Request
from node.staff import Approval, Subject

__all__ = [
    "MAX_ASKED_CHARACTERS",
    "OPERATIONS",
    "DeletedView",
    "EraseReply",
    "EraseRequest",
    "ErasureView",
    "KeptView",
    "RetentionReply",
    "RunReply",
    "erasing_of",
    "retention_of",
]

MAX_ASKED_CHARACTERS = 1_000
"""Longest text that is looked for as a record reference, in characters: room for blanks around one."""


class KeptView(Reply):
    """What is kept of one round that is over. `overdue`: its time is over, and the next look deletes it."""

    round_id: str
    title: str
    ended_at: str
    keeps_until: str
    leads: int
    rest: int
    overdue: bool


class DeletedView(Reply):
    """`erased_at`: when what a round gave was deleted here."""

    round_id: str
    title: str
    erased_at: str


class ErasureView(Reply):
    """One erasure: how many of what, who, when, and where its entry stands in the audit log. No reference."""

    at: str
    by: str
    second: str
    counts: dict[str, int]
    position: int


class RetentionReply(Reply):
    """`kept`: rounds that are over and of which something is still kept, the first due first; `deleted`: those of which
    nothing is kept any more because their time was over; `erasures`: single records erased at a person's request."""

    kept: list[KeptView]
    deleted: list[DeletedView]
    erasures: list[ErasureView]


class RunReply(RetentionReply):
    """`now`: the rounds whose results were deleted just now, with the number of leads of each."""

    now: dict[str, int]


class EraseRequest(Request):
    """`second` is needed as long as no staff is registered; afterwards the second person approves by their own
    command."""

    record: str = Field(min_length=1, max_length=MAX_ASKED_CHARACTERS, repr=False)
    by: str
    second: str = ""


class EraseReply(Reply):
    """`done`: erased, and looked through again; else it waits for a second person (`approval`), or, with `erasure`,
    something is `left`. `rounds`: earlier ones it took part in; their members keep what they learned. `backups` were
    made before. `checkpoint`: the log, with the entry of this erasure, as others can verify it."""

    done: bool
    approval: int | None
    erasure: ErasureView | None
    left: dict[str, int]
    rounds: list[str]
    backups: int
    checkpoint: str
    public_key: str


def retention_of(parts: Parts) -> Retention:
    """What deletes at this node."""
    engine = parts.engine
    return Retention(parts.store, parts.audit, parts.book, engine.workshop, parts.clock, me=parts.identity.member_id)


def erasing_of(parts: Parts) -> Erasing:
    """What erases records at this node."""
    return Erasing(parts.store, parts.audit, parts.datasets, parts.book, parts.leads, parts.clock)


def _show(parts: Parts, _request: Nothing, _progress: Progress) -> RetentionReply:
    return RetentionReply(**_state(parts))


def _run(parts: Parts, _request: Nothing, _progress: Progress) -> RunReply:
    deleted = retention_of(parts).run()
    return RunReply(**_state(parts), now={one.round_id: one.leads for one in deleted})


def _state(parts: Parts) -> dict[str, Any]:
    now = parts.clock.now()
    erased = [one for one in parts.book.all() if one.erased_at is not None]
    return {
        "kept": [_kept(one, one.due(now)) for one in retention_of(parts).kept()],
        "deleted": [
            DeletedView(round_id=one.round_id, title=one.manifest.title, erased_at=str(one.erased_at)) for one in erased
        ],
        "erasures": [_erasure(one) for one in erasing_of(parts).history()],
    }


def _kept(kept: Kept, overdue: bool) -> KeptView:
    return KeptView(
        round_id=kept.found.round_id,
        title=kept.found.manifest.title,
        ended_at=str(kept.found.ended_at),
        keeps_until=timestamp(kept.until),
        leads=kept.leads,
        rest=kept.rest,
        overdue=overdue,
    )


def _erasure(past: Past) -> ErasureView:
    return ErasureView(at=past.at, by=past.by, second=past.second, counts=dict(past.counts), position=past.position)


def _erase(parts: Parts, request: EraseRequest, _progress: Progress) -> EraseReply:
    reference = " ".join(request.record.split())
    erasing = erasing_of(parts)
    second = request.second
    if not parts.roster.open:
        if second:
            raise UserError(
                "The second person approves by a command of their own, with their own passphrase. Nothing was erased.",
                advice="Run `blindmatch erase` without --second: it asks for the approval.",
            )
        approval = _approval(parts, erasing, reference, request.by)
        if approval.decided_by is None or approval.open:
            return _waiting(parts, approval)
        second = approval.decided_by
    erasure = erasing.erase(reference, by=request.by, second=second, uses=lambda dataset: uses_of(parts, dataset))
    return EraseReply(
        done=erasure.whole,
        approval=None,
        erasure=_erasure(erasure.past),
        left={name: count for name, count in erasure.left.items() if count},
        rounds=list(erasure.rounds),
        backups=erasure.backups,
        **_log(parts),
    )


def _approval(parts: Parts, erasing: Erasing, reference: str, by: str) -> Approval:
    """The approval of exactly this erasure, asked for now if nobody has. One approval is good for one erasure."""
    digest, before = erasing.digest(reference), erasing.when(reference) or ""
    latest = parts.approvals.latest(Subject.ERASE, digest.hex())
    if latest is not None and (latest.open or (latest.verdict == "approved" and str(latest.decided_at) > before)):
        return latest
    if not erasing.known(reference):
        raise nothing_found()
    with parts.store.transaction() as tx:
        return parts.approvals.ask(tx, Subject.ERASE, digest.hex(), digest, by)


def _waiting(parts: Parts, approval: Approval) -> EraseReply:
    return EraseReply(done=False, approval=approval.number, erasure=None, left={}, rounds=[], backups=0, **_log(parts))


def _log(parts: Parts) -> dict[str, str]:
    with parts.store.transaction() as tx:
        now = parts.audit.checkpoint(tx)
    return {"checkpoint": now.to_text(parts.audit.key), "public_key": parts.identity.public_key.hex()}


OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation("retention.show", Nothing, _show),
    Operation("retention.run", Nothing, _run),
    Operation("record.erase", EraseRequest, _erase),
)

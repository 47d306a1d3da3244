"""Operations that keep a node through the years and work while it runs: a backup, another member's newer card."""

from pathlib import Path
from typing import Any

from node.errors import UserError
from node.identity.renewal import Renewals
from node.keeping.backup import note_finished, write_backup
from node.operations.members import CardView, card_view
from node.operations.parts import Parts, Progress
from node.operations.table import Operation, Reply, Request
from node.staff import Role

__all__ = ["OPERATIONS", "AcceptRequest", "BackupReply", "BackupRequest", "RenewRequest", "RenewalReply"]


class BackupRequest(Request):
    """`path`: absolute; the node writes it, as its own account."""

    path: str
    by: str


class BackupReply(Reply):
    """`digest`: SHA-256 of the file; `entries`: of the audit log, in the backup; `locked`: it needs a passphrase."""

    path: str
    bytes: int
    digest: str
    entries: int
    datasets: int
    locked: bool


class RenewRequest(Request):
    """`file`: the newer card."""

    file: str
    by: str


class AcceptRequest(Request):
    name: str
    by: str


class RenewalReply(Reply):
    """`differs`: which fields, besides the keys, say something else than before."""

    alias: str
    card: CardView
    differs: list[str]


def _backup(parts: Parts, request: BackupRequest, progress: Progress) -> BackupReply:
    path = Path(request.path)
    if not path.is_absolute():
        raise UserError("A backup is written to a whole path.", advice="Begin it with /.")
    if path.resolve().is_relative_to(parts.folder.path.resolve()):
        raise UserError(
            "A backup inside the node's own folder would be lost with it.",
            advice="Write it to another disk, or to a folder from which it is copied away.",
        )
    made = write_backup(
        path,
        state=parts.folder,
        store=parts.store,
        keys=parts.keys,
        audit=parts.audit,
        member_id=parts.identity.member_id,
        clock=parts.clock,
        random_bytes=parts.random_bytes,
        by=request.by,
        progress=progress,
    )
    note_finished(parts.store)
    return BackupReply(
        path=str(path),
        bytes=made.bytes,
        digest=made.digest,
        entries=made.entries,
        datasets=made.datasets,
        locked=parts.keys.protected,
    )


def _renewals(parts: Parts) -> Renewals:
    return Renewals(parts.store, parts.audit, parts.identity, parts.members, parts.clock)


def _renew(parts: Parts, request: RenewRequest, _progress: Progress) -> RenewalReply:
    offered = _renewals(parts).offer(request.file.encode(), request.by)
    return RenewalReply(alias=offered.member.alias, card=card_view(offered.card), differs=list(offered.differs))


def _accept(parts: Parts, request: AcceptRequest, _progress: Progress) -> RenewalReply:
    member = _renewals(parts).accept(request.name, request.by)
    for found in parts.book.all():
        if not found.over and member.member_id in (found.peer, found.convener):
            parts.wake(found.round_id)
    return RenewalReply(alias=member.alias, card=card_view(member.card), differs=[])


OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation("node.backup", BackupRequest, _backup),
    Operation("member.renew", RenewRequest, _renew),
    Operation("member.accept", AcceptRequest, _accept, role=Role.APPROVER),
)

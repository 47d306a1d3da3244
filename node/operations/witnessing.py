"""Operations between two logs: what others signed of ours and we of theirs, comparing, and time-stamps."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from node.agreement.terms import moment
from node.audit import Checkpoint, Event
from node.audit.certificate import SHAREABLE
from node.audit.export import ExportReport, bounded_lines, export_lines, hidden_entry, verify_export
from node.audit.log import Entry
from node.audit.merkle import RightEdge
from node.audit.reconcile import Ours, gather, reconcile
from node.audit.timestamps import MAX_REPLY_BYTES, check_reply, request_for
from node.audit.witness import Witness
from node.clock import timestamp
from node.errors import UserError
from node.identity.members import Member
from node.operations.audit import cosigned_of, entries_of, owner_of, write_lines
from node.operations.parts import Parts, Progress
from node.operations.table import Nothing, Operation, Reply, Request
from node.rounds.parties import others
from node.store.schema import audit_entries, checkpoints

__all__ = [
    "OPERATIONS",
    "DifferenceView",
    "ReconcileReply",
    "ReconcileRequest",
    "ShareReply",
    "ShareRequest",
    "StampReply",
    "StampReplyRequest",
    "StampRequest",
    "StampRequestReply",
    "WitnessReply",
    "WitnessView",
]

MAX_EXPORT_BYTES = 256 * 1024 * 1024
"""Largest export that is compared, in bytes: some 700,000 entries. One of nothing but hashes has five times as many,
and takes less than 1 GiB of the node's memory."""


class WitnessView(Reply):
    """What one member and this node signed of each other's logs, in entries; 0: nothing.

    `ours`: of our log, by them; `theirs`: of theirs, by us; `unproven`: how often they showed a log and did not prove
    yet that it goes on; `restored`: how often they said that it was put back to a backup; `refused`: how often what
    they showed was not the log that they had shown before.
    """

    alias: str
    name: str
    ours: int
    theirs: int
    unproven: int
    restored: int
    refused: int


class WitnessReply(Reply):
    entries: int
    members: list[WitnessView]


class ShareRequest(Request):
    """`member`: for whom; `file`: a new file, by its whole path."""

    member: str
    file: str
    by: str


class ShareReply(Reply):
    """`shown`: entries that are in the file with their words; `hidden`: those of which only the hash is."""

    file: str
    shown: int
    hidden: int


class ReconcileRequest(Request):
    """`file`: an export of the other member's log, by its whole path."""

    file: str
    by: str


class DifferenceView(Reply):
    round_id: str
    sentence: str


class ReconcileReply(Reply):
    """`recovered`: checkpoints of ours, cosigned by the other member, that this node did not have any more."""

    ok: bool
    member: str
    name: str
    made_at: str
    rounds: int
    recovered: int
    differences: list[DifferenceView]


class StampRequest(Request):
    by: str


class StampRequestReply(Reply):
    """`request` is the file for the authority, in hex."""

    entries: int
    request: str


class StampReplyRequest(Request):
    """`reply` and `certificates` are the contents of the files, in hex."""

    reply: str
    certificates: str
    by: str


class StampReply(Reply):
    entries: int
    time: str


def _witness(parts: Parts, _request: Nothing, _progress: Progress) -> WitnessReply:
    with parts.store.read() as connection:
        held = {log: Witness.held(connection, log) for log in ("ours", "theirs", "restored", "refused")}
        unproven = [member_id for member_id, *_place in Witness.waiting(connection)]

    def most(log: str, member: Member) -> int:
        return max((one.tree_size for who, _, _, one, _ in held[log] if who == member.member_id), default=0)

    def often(log: str, member: Member) -> int:
        return sum(who == member.member_id for who, *_rest in held[log])

    return WitnessReply(
        entries=parts.audit.size(),
        members=[
            WitnessView(
                alias=member.alias,
                name=member.name,
                ours=most("ours", member),
                theirs=most("theirs", member),
                unproven=unproven.count(member.member_id),
                restored=often("restored", member),
                refused=often("refused", member),
            )
            for member in parts.members.list()
            if not member.is_relay
        ],
    )


def _share(parts: Parts, request: ShareRequest, _progress: Progress) -> ShareReply:
    """The log for one member: what it knows of anyway in words, everything else as a hash."""
    member, path = parts.members.get(request.member), Path(request.file)
    if path.exists():
        raise UserError(f"There is already a file {path}.", advice="Choose another name, or remove it.")
    me = parts.identity.member_id
    common = {one.round_id for one in parts.book.all() if member.member_id in others(one.manifest, me)}
    with parts.store.transaction() as tx:
        parts.audit.append(tx, Event.AUDIT_EXPORTED, by=request.by, peer=member.member_id)
        checkpoint = parts.audit.checkpoint(tx)
    counted = [0, 0]

    def lines(connection: Connection) -> Iterator[str]:
        at = audit_entries.c.position
        rows = select(audit_entries.c.body).where(at < checkpoint.tree_size).order_by(at)
        for body in connection.execute(rows).scalars():
            entry = Entry.of(json.loads(body))
            known = entry.event in SHAREABLE and entry.facts.get("round_id") in common
            counted[known] += 1
            yield body if known else hidden_entry(body)

    with parts.store.read() as connection:
        write_lines(
            path,
            export_lines(
                owner_of(parts),
                lines(connection),
                checkpoint,
                made_at=timestamp(parts.clock.now()),
                edge=RightEdge(),
                cosigned=[one for one in cosigned_of(parts, "ours") if one.other.member_id == member.member_id],
                witnessed=[one for one in cosigned_of(parts, "theirs") if one.other.member_id == member.member_id],
            ),
        )
    return ShareReply(file=str(path), shown=counted[True], hidden=counted[False])


def _reconcile(parts: Parts, request: ReconcileRequest, _progress: Progress) -> ReconcileReply:
    entries: list[Any] = []
    theirs = _read(Path(request.file), entries)
    if theirs.owner is None:
        raise UserError(theirs.problems[0], advice="Ask the other member for `blindmatch audit share`.")
    known = [one for one in parts.members.list() if one.member_id == theirs.owner.member_id]
    if not known or known[0].identity_key != theirs.owner.public_key:
        raise UserError(
            "The file is the log of somebody whose card this node does not have.",
            advice="Add the member first (`blindmatch member add`), or check that it is the right file.",
        )
    member = known[0]
    with parts.store.transaction() as tx:
        parts.audit.append(tx, Event.AUDIT_RECONCILED, by=request.by, peer=member.member_id)
        recovered = _recover(parts, tx, member, theirs)
    ours = _ours(parts, member, theirs)
    rounds = gather(entries)
    found = reconcile(ours, theirs, rounds)
    return ReconcileReply(
        ok=not found,
        member=member.alias,
        name=member.name,
        made_at=theirs.made_at,
        rounds=len(set(ours.rounds) & set(rounds)),
        recovered=recovered,
        differences=[DifferenceView(round_id=one.round_id, sentence=one.sentence) for one in found],
    )


def _read(path: Path, entries: list[Any]) -> ExportReport:
    def each(entry: Any) -> None:
        if isinstance(entry["facts"], dict) and isinstance(entry["event"], str) and "round_id" in entry["facts"]:
            entries.append(entry)

    try:
        with path.open("rb") as file:
            if path.stat().st_size > MAX_EXPORT_BYTES:
                raise UserError(
                    "The file is too large for an export of a log.", advice="Check that it is the right one."
                )
            return verify_export(bounded_lines(file), each)
    except OSError as error:
        raise UserError(f"The file {path} cannot be read: {error.strerror}.", advice="Check its name.") from None


def _recover(parts: Parts, tx: Connection, member: Member, theirs: ExportReport) -> int:
    """Take back what the other member cosigned of our log and we do not have: `audit verify` uses it from now on."""
    mine = [one for one in theirs.witnessed if one.other.member_id == parts.identity.member_id]
    return sum(
        parts.engine.witnessing.witness.recover(tx, member, one.round_id, one.moment, one.checkpoint, one.cosignature)
        for one in mine
    )


def _ours(parts: Parts, member: Member, theirs: ExportReport) -> Ours:
    me, until = parts.identity.member_id, _time(theirs.made_at)
    common = {one.round_id for one in parts.book.all() if member.member_id in others(one.manifest, me)}
    wanted = {one.checkpoint.tree_size for one in theirs.witnessed}
    roots: dict[int, bytes] = {}
    edge = RightEdge()
    with parts.store.read() as connection:
        held = Witness.held(connection, "theirs", gone=False)
        for leaf in connection.execute(select(audit_entries.c.leaf_hash).order_by(audit_entries.c.position)).scalars():
            edge.append(leaf)
            if edge.size in wanted:
                roots[edge.size] = edge.root()
        own = [entry for entry in entries_of(connection) if _counts(entry, common, until)]
    return Ours(
        me=me,
        rounds=gather({"event": entry.event.value, "facts": entry.facts} for entry in own),
        cosigned=[(round_id, at, one) for who, round_id, at, one, _ in held if who == member.member_id],
        root_at=roots,
    )


def _counts(entry: Entry, common: set[str], until: str) -> bool:
    """Is it about a round with the other member, and could its log have known of it when the file was made?"""
    return entry.facts.get("round_id") in common and entry.time <= until


def _time(text: str) -> str:
    try:
        return timestamp(moment(text))
    except ValueError:
        return ""


def _notes(parts: Parts, connection: Connection) -> list[tuple[int, str]]:
    rows = connection.execute(select(checkpoints).order_by(checkpoints.c.tree_size))
    return [
        (row.tree_size, Checkpoint(row.tree_size, row.root, row.signature).to_text(parts.audit.key)) for row in rows
    ]


def _stamp_request(parts: Parts, request: StampRequest, _progress: Progress) -> StampRequestReply:
    with parts.store.transaction() as tx:
        # Noted first: a digest of where this log stands is about to leave.
        parts.audit.append(tx, Event.AUDIT_EXPORTED, by=request.by, kind="timestamp-request")
        checkpoint = parts.audit.checkpoint(tx)
    return StampRequestReply(
        entries=checkpoint.tree_size, request=request_for(checkpoint.to_text(parts.audit.key)).hex()
    )


def _stamp_reply(parts: Parts, request: StampReplyRequest, _progress: Progress) -> StampReply:
    try:
        reply, certificates = bytes.fromhex(request.reply), bytes.fromhex(request.certificates)
    except ValueError:
        raise UserError("The reply was not given as it should be.") from None
    if max(len(reply), len(certificates)) > MAX_REPLY_BYTES:
        raise UserError("The reply or the certificate is too large.", advice="Check that these are the right files.")
    with parts.store.transaction() as tx:
        stamp = check_reply(reply, certificates, _notes(parts, tx))
        parts.audit.append(tx, Event.CHECKPOINT_STAMPED, by=request.by, tree_size=stamp.tree_size)
    return StampReply(entries=stamp.tree_size, time=timestamp(stamp.time))


OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation("audit.witness", Nothing, _witness),
    Operation("audit.share", ShareRequest, _share, role=None),
    Operation("audit.reconcile", ReconcileRequest, _reconcile, role=None),
    Operation("audit.stamp-request", StampRequest, _stamp_request, role=None),
    Operation("audit.stamp-reply", StampReplyRequest, _stamp_reply, role=None),
)

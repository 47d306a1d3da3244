"""Operations on the audit log: reading, checking, exporting it, and certificates made from it.

Whoever reads or takes something of it away is noted first, in the same log. Reading again within `READ_AGAIN_MINUTES`
while nothing else happened is one reading: otherwise the note of a reading would itself be news to read.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import Field
from sqlalchemy import Connection, Select, select

from node.agreement.terms import moment
from node.audit import Checkpoint, Event
from node.audit.export import Cosigned, Party, export_lines
from node.audit.log import Entry
from node.audit.merkle import RightEdge
from node.audit.witness import Witness
from node.audit.words import Language, sentence
from node.clock import timestamp
from node.errors import UserError
from node.operations.parts import Parts, Progress
from node.operations.table import Nothing, Operation, Reply, Request
from node.store.files import new_file
from node.store.schema import audit_entries
from node.wording import meant

__all__ = [
    "OPERATIONS",
    "AuditReply",
    "AuditRequest",
    "EntryView",
    "ExportReply",
    "ExportRequest",
    "VerifyReply",
    "cosigned_by",
    "cosigned_of",
    "cosigned_of_ours",
    "entries_of",
    "names_of",
    "owner_of",
    "parties",
    "when",
    "write_lines",
]

READ_AGAIN_MINUTES = 15
"""Readings of an unchanged log within this time are one reading, in minutes."""


class AuditRequest(Request):
    """What of the log is shown: at most `limit` entries from position `first` on that fit everything that is given.

    `event`: names of events; `member`: alias or id; `round`: the beginning of an id; `staff`: a label that an entry
    names; `since`, `until`: a day or a time in UTC, the first included, the second not. `by`: who reads.
    """

    first: int = Field(default=0, ge=0)
    limit: int = Field(default=100, ge=1, le=1000)
    event: list[str] = Field(default_factory=list)
    member: str | None = None
    round: str | None = None
    staff: str | None = None
    since: str | None = None
    until: str | None = None
    lang: Language = "en"
    by: str | None = None


class EntryView(Reply):
    """`sentence`: the entry in words."""

    position: int
    time: str
    event: str
    facts: dict[str, str | int | bool]
    sentence: str


class AuditReply(Reply):
    """`total`: entries of the whole log; `next`: position from which more follow that fit, None if none do."""

    entries: list[EntryView]
    total: int
    next: int | None


class VerifyReply(Reply):
    """`checkpoint` is the log as it stands now, in the form that others can verify (C2SP tlog-checkpoint).

    `covered`: entries that a cosignature of another member covers; `cosigned_by`: name -> the most of them it signed.
    """

    ok: bool
    entries: int
    problems: list[str]
    checkpoint: str
    public_key: str
    covered: int
    cosigned_by: dict[str, int]


class ExportRequest(Request):
    """`file`: a new file, by its whole path."""

    file: str
    by: str
    first: int = Field(default=0, ge=0)


class ExportReply(Reply):
    """`names`: member id -> name, for whoever shows the entries."""

    file: str
    first: int
    entries: int
    size: int = Field(description="of the file, in bytes")
    covered: int
    names: dict[str, str]


def names_of(parts: Parts) -> dict[str, str]:
    """Member id -> name, of everybody this node knows and of itself."""
    known = {member.member_id: member.name for member in parts.members.list()}
    return known | {parts.identity.member_id: parts.identity.signed_card.card.name}


def parties(parts: Parts) -> dict[str, Party]:
    """The same with their keys."""
    known = {one.member_id: Party(one.member_id, one.name, one.identity_key) for one in parts.members.list()}
    return known | {parts.identity.member_id: owner_of(parts)}


def when(text: str, option: str) -> str:
    """The timestamp of a day (its beginning) or of a time, both in UTC; UserError for anything else."""
    for form in ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"):
        with suppress(ValueError):
            return timestamp(datetime.strptime(text, form).replace(tzinfo=UTC))
    raise UserError(
        f"{option} is not a day or a time.", advice="Write 2026-01-31 for a day, or 2026-01-31T12:00:00Z for a time."
    )


def entries_of(connection: Connection, query: Select[Any] | None = None, *, first: int = 0) -> Iterator[Entry]:
    """Entries from position `first` on, in order, as they stand; `query` narrows what is read."""
    rows = select(audit_entries.c.body) if query is None else query
    rows = rows.where(audit_entries.c.position >= first).order_by(audit_entries.c.position)
    for body in connection.execute(rows).scalars():
        yield Entry.of(json.loads(body))


def _show(parts: Parts, request: AuditRequest, _progress: Progress) -> AuditReply:
    if request.by is None and not parts.roster.open:
        raise UserError(
            "People are registered at this node, so whoever reads the log says who they are.",
            advice="Name yourself with --by; you are then asked for your own passphrase.",
        )
    query, fits = _filter(parts, request)
    names, total = names_of(parts), parts.audit.size()
    shown: list[Entry] = []
    following: int | None = None
    with parts.store.read() as connection:
        for entry in entries_of(connection, query, first=request.first):
            if not fits(entry):
                continue
            if len(shown) == request.limit:
                following = entry.position
                break
            shown.append(entry)
    _note_reading(parts, request.by, len(shown))
    return AuditReply(
        entries=[
            EntryView(
                position=entry.position,
                time=entry.time,
                event=entry.event,
                facts=dict(entry.facts),
                sentence=sentence(entry.event, entry.facts, request.lang, names),
            )
            for entry in shown
        ],
        total=total,
        next=following,
    )


def _filter(parts: Parts, request: AuditRequest) -> tuple[Select[Any], Any]:
    """What is read of the log, and what of that fits. UserError or NotFound for a filter that means nothing."""
    events = [event.value for event in Event]
    for name in request.event:
        if name not in events:
            raise UserError(
                "There is no event of that name.",
                advice=f"{meant(name, events)}`blindmatch audit show --facts` names those that happened.",
            )
    query = select(audit_entries.c.body)
    if request.since is not None:
        query = query.where(audit_entries.c.at >= when(request.since, "--since"))
    if request.until is not None:
        query = query.where(audit_entries.c.at < when(request.until, "--until"))
    wanted: dict[str, str] = {}
    if request.round is not None:
        wanted["round"] = parts.book.find(request.round).round_id
    if request.member is not None:
        own = request.member in ("me", parts.identity.member_id)
        wanted["member"] = parts.identity.member_id if own else parts.members.get(request.member).member_id
    for text in wanted.values():
        query = query.where(audit_entries.c.body.contains(text, autoescape=True))

    def fits(entry: Entry) -> bool:
        facts = entry.facts
        return (
            (not request.event or entry.event in request.event)
            and ("round" not in wanted or facts.get("round_id") == wanted["round"])
            and ("member" not in wanted or wanted["member"] in (facts.get("member"), facts.get("peer")))
            and (
                request.staff is None
                or request.staff.casefold()
                in [str(facts.get(name)).casefold() for name in ("by", "second", "leaving", "joining")]
            )
        )

    return query, fits


def _note_reading(parts: Parts, by: str | None, shown: int) -> None:
    """The entry of a reading, before anything is shown; none if the last entry is that of the same reader, just now."""
    facts: dict[str, Any] = {} if by is None else {"by": by}
    newest = select(audit_entries.c.body).order_by(audit_entries.c.position.desc()).limit(1)
    with parts.store.transaction() as tx:
        last = tx.execute(newest).scalar()
        if last is not None:
            entry = json.loads(last)
            again = entry["event"] == Event.AUDIT_READ and entry["facts"].get("by") == by
            age = parts.clock.now() - moment(entry["time"])
            if again and timedelta(0) <= age < timedelta(minutes=READ_AGAIN_MINUTES):
                return
        parts.audit.append(tx, Event.AUDIT_READ, entries=shown, **facts)


def _verify(parts: Parts, _request: Nothing, _progress: Progress) -> VerifyReply:
    cosigned = cosigned_of_ours(parts)
    report = parts.audit.verify([one.checkpoint for one in cosigned])
    if report.ok and not parts.budget.fits_log():
        report.add("The charges to budgets are not those that the log tells of: somebody changed the database.")
    with parts.store.transaction() as tx:
        now: Checkpoint = parts.audit.checkpoint(tx)
    most: dict[str, int] = {}
    for one in cosigned:
        most[one.other.name] = max(most.get(one.other.name, 0), one.checkpoint.tree_size)
    return VerifyReply(
        ok=report.ok,
        entries=report.entries,
        problems=list(report.problems),
        checkpoint=now.to_text(parts.audit.key),
        public_key=parts.identity.public_key.hex(),
        covered=max(most.values(), default=0),
        cosigned_by=most,
    )


def cosigned_of_ours(parts: Parts) -> list[Cosigned]:
    """What others signed of this log, by size; only of members whose card is still known here."""
    return cosigned_of(parts, "ours")


def cosigned_of(parts: Parts, log: str) -> list[Cosigned]:
    """The same of one log: "ours", cosigned by others, or "theirs", cosigned here."""
    with parts.store.read() as connection:
        return cosigned_by(connection, parties(parts), log)


def cosigned_by(connection: Connection, known: Mapping[str, Party], log: str) -> list[Cosigned]:
    """The same inside the caller's transaction, of the members that are `known`."""
    return [
        Cosigned(known[member_id], round_id, at, checkpoint, cosignature)
        for member_id, round_id, at, checkpoint, cosignature in Witness.held(connection, log)
        if member_id in known
    ]


def _export(parts: Parts, request: ExportRequest, _progress: Progress) -> ExportReply:
    path = Path(request.file)
    if path.exists():
        raise UserError(f"There is already a file {path}.", advice="Choose another name, or remove it.")
    total = parts.audit.size()
    if request.first > total:
        raise UserError(f"The log has {total:,} entries, so none from there on.")
    with parts.store.transaction() as tx:
        parts.audit.append(tx, Event.AUDIT_EXPORTED, by=request.by, entries=total + 1 - request.first)
        checkpoint = parts.audit.checkpoint(tx)
    cosigned, witnessed = cosigned_of_ours(parts), cosigned_of(parts, "theirs")
    size = 0
    with parts.store.read() as connection:
        lines = export_lines(
            owner_of(parts),
            _bodies(connection, request.first, checkpoint.tree_size),
            checkpoint,
            made_at=timestamp(parts.clock.now()),
            edge=_edge(connection, request.first),
            cosigned=cosigned,
            witnessed=witnessed,
        )
        size = write_lines(path, lines)
    return ExportReply(
        file=str(path),
        first=request.first,
        entries=checkpoint.tree_size - request.first,
        size=size,
        covered=max((one.checkpoint.tree_size for one in cosigned), default=0),
        names=names_of(parts),
    )


def _bodies(connection: Connection, first: int, size: int) -> Iterator[str]:
    at = audit_entries.c.position
    yield from connection.execute(select(audit_entries.c.body).where(at >= first, at < size).order_by(at)).scalars()


def _edge(connection: Connection, first: int) -> RightEdge:
    """The tree of the entries before `first`."""
    edge, at = RightEdge(), audit_entries.c.position
    for leaf in connection.execute(select(audit_entries.c.leaf_hash).where(at < first).order_by(at)).scalars():
        edge.append(leaf)
    return edge


def write_lines(path: Path, lines: Iterable[str]) -> int:
    """Write a new file (`node.store.files.new_file`); its size in bytes."""
    with new_file(path) as file:
        return sum(file.write(f"{line}\n".encode()) for line in lines)


def owner_of(parts: Parts) -> Party:
    """This organisation, as an export names the owner of its log."""
    card = parts.identity.signed_card.card
    return Party(parts.identity.member_id, card.name, parts.identity.public_key)


OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation("audit.show", AuditRequest, _show, role=None),
    Operation("audit.verify", Nothing, _verify),
    Operation("audit.export", ExportRequest, _export, role=None),
)

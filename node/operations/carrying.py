"""Operations on carried files: write what waits for a member into one, take one in.

Both work on a node that runs and on one that does not. Where it does not, the engine is stepped here: before a file is
written, so that it holds everything that can be said now, and while one is read, since a long list does not fit into
the inbox at once.
"""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field

from node.agreement.terms import moment
from node.errors import NotFound, UserError
from node.identity.members import Member
from node.operations.parts import Parts, Progress
from node.operations.round_forms import RoundRequest
from node.operations.table import Operation, Reply, Request
from node.rounds.carried import CarriedBook
from node.rounds.ends import LIVE
from node.rounds.parties import others
from node.rounds.states import RoundState
from node.transport.file import Header, Item, Kind, LegReader, default_name, open_leg, write_leg
from node.wire.envelope import Envelope
from node.wire.receipts import Receipt, Receipts, Status, batches
from psi.errors import PeerError, VersionMismatch

__all__ = [
    "OPERATIONS",
    "ExportReply",
    "ExportRequest",
    "ImportReply",
    "ImportRequest",
    "WaitingReply",
    "WaitingRequest",
    "to_carry",
]

STALL_SECONDS = 10.0
"""How long an import waits for a running node to make room for more, while nothing moves."""
SETTLED_SECONDS = 0.3
"""A running node has said what it can when nothing of a round has moved for so long."""
LONGEST_SETTLING_SECONDS = 600.0
POLL_SECONDS = 0.02
PROGRESS_EVERY = 256
"""Items between two reports of progress."""


class ExportRequest(RoundRequest):
    """`file`: where to write, or a folder; `to`: alias of the member, if the round has more than one other party."""

    file: str
    to: str | None = None


class ExportReply(Reply):
    file: str
    to: str
    number: int = Field(description="which file of this round to this member it is")
    envelopes: int
    receipts: int
    size: int = Field(description="of the file, in bytes")


class ImportRequest(Request):
    file: str


class ImportReply(Reply):
    """`later`: messages of the file that this node could not take yet; the file is imported again for them."""

    sender: str
    round_id: str
    number: int
    new: int
    known: int
    refused: int
    receipts: int
    later: int


class WaitingRequest(RoundRequest):
    to: str


class WaitingReply(Reply):
    """`due`: something waits that is in no file yet."""

    due: bool


def to_carry(parts: Parts, round_id: str, parties: list[str]) -> list[str]:
    """The aliases of members of a round to whom a person has to carry a file now."""
    from node.identity.reach import Way

    book = CarriedBook(parts.store)
    found = [
        parts.members.get(member_id).alias
        for member_id in parties
        if parts.routes.way(member_id) is Way.FILE and book.is_due(member_id, round_id)
    ]
    return sorted(found)


def _export(parts: Parts, request: ExportRequest, _progress: Progress) -> ExportReply:
    round_id, member = _whereto(parts, request)
    _settle(parts, round_id)
    book = CarriedBook(parts.store)
    me, fetched = parts.identity.member_id, parts.engine.post.fetched
    header = Header(me, member.member_id, round_id, book.next_number(member.member_id, round_id))
    lines = book.receipts(member.member_id, round_id)
    newest = fetched.newest(member.member_id, round_id)
    if not lines and not newest:
        raise UserError(
            f"Nothing of this round waits for {member.alias}.",
            advice="`blindmatch round status` says whose turn it is.",
        )
    path = Path(request.file)
    if path.is_dir():
        path /= default_name(header)
    envelopes = 0

    def items() -> Iterator[Item]:
        nonlocal envelopes
        for receipts in batches(parts.identity, member.member_id, lines):
            yield Kind.RECEIPTS, receipts.to_bytes()
        for envelope in fetched.leg(member.member_id, round_id, up_to=newest):
            envelopes += 1
            yield Kind.ENVELOPE, envelope.to_bytes()

    size = write_leg(path, header, items())
    book.wrote(member.member_id, round_id, newest)
    return ExportReply(
        file=str(path),
        to=member.alias,
        number=header.number,
        envelopes=envelopes,
        receipts=len(lines),
        size=size,
    )


def _whereto(parts: Parts, request: ExportRequest) -> tuple[str, Member]:
    """The round and the member that a file is for."""
    member = None if request.to is None else parts.members.get(request.to)
    try:
        found = parts.book.find(request.round)
    except NotFound:
        # A proposal that was refused at the door made no round here, and yet its sender must hear of it.
        known = [] if member is None else CarriedBook(parts.store).rounds_refused(member.member_id)
        matching = [round_id for round_id in known if round_id.startswith(request.round) and request.round]
        if member is None or len(matching) != 1:
            raise
        return matching[0], member
    parties = others(found.manifest, parts.identity.member_id)
    if member is None and len(parties) == 1:
        member = parts.members.get(parties[0])
    if member is None:
        names = ", ".join(parts.members.get(one).alias for one in parties)
        raise UserError("This round has more than one other party.", advice=f"Say for whom with --to: {names}.")
    if member.member_id not in parties:
        raise UserError(
            f"{member.alias} is no party of this round.", advice="`blindmatch round show` names the parties."
        )
    if parts.members.confirmed(member.member_id) is None:
        raise UserError(
            f"{member.alias} is not a confirmed member of this node.",
            advice="A second person confirms it first: `blindmatch member confirm`.",
        )
    return found.round_id, member


def _import(parts: Parts, request: ImportRequest, progress: Progress) -> ImportReply:
    with open_leg(Path(request.file)) as file:
        return _take_in(parts, LegReader(file), progress)


def _take_in(parts: Parts, leg: LegReader, progress: Progress) -> ImportReply:
    head = leg.header
    if head.recipient != parts.identity.member_id:
        raise UserError(
            "This file is for another node.",
            advice="If it is one that this node wrote, it has to be imported at the other one.",
        )
    sender = parts.door.sender(head.sender)
    if sender is None:
        raise UserError(
            "This file is from a node that is no confirmed member here.",
            advice="Add and confirm its card first; then import the file again.",
        )
    counts = dict.fromkeys(("new", "known", "refused", "receipts", "later"), 0)
    refused: list[Receipt] = []
    try:
        for number, (kind, data) in enumerate(leg.items(), start=1):
            if number % PROGRESS_EVERY == 0:
                progress({"items": number})
            if kind is Kind.RECEIPTS:
                receipts = Receipts.from_bytes(data)
                parts.door.settle(receipts, sender, itself=False)
                counts["receipts"] += len(receipts.lines)
                continue
            envelope = Envelope.from_bytes(data)
            if envelope.round_id != head.round_id:
                raise UserError("The file holds a message of another round than it says.", advice=_ASK_AGAIN)
            if counts["later"]:
                counts["later"] += 1  # in order, so whatever follows is for later, too
                continue
            answer = _take(parts, envelope, sender)
            counts[_COUNTED[answer.status]] += 1
            if answer.status is Status.REFUSED:
                refused.append(answer)
    except VersionMismatch as error:
        raise UserError(f"A message in the file cannot be read here: {error.sentence}", advice=error.advice) from None
    except PeerError as error:
        raise UserError(
            f"A message in the file is not what {sender.alias} wrote: {error.sentence}", advice=_ASK_AGAIN
        ) from None
    finally:
        if refused:
            CarriedBook(parts.store).refused(sender.member_id, refused)
        _go_on(parts, head.round_id)
    return ImportReply(sender=sender.alias, round_id=head.round_id, number=head.number, **counts)


_COUNTED = {
    Status.ACCEPTED: "new",
    Status.ALREADY: "known",
    Status.RETRY_LATER: "later",
    Status.REFUSED: "refused",
}
_ASK_AGAIN = (
    "What stood before it has been taken. Ask for a new file: `blindmatch round export` at the other node writes "
    "everything again."
)


def _take(parts: Parts, envelope: Envelope, sender: Member) -> Receipt:
    """Take one envelope, making room for it if the inbox is full."""
    while True:
        before = _mark(parts, envelope.round_id)
        answer = parts.door.answer(envelope, sender, itself=False)
        if answer.status is not Status.RETRY_LATER or not _make_room(parts, envelope.round_id, before):
            return answer


def _make_room(parts: Parts, round_id: str, before: tuple[object, ...]) -> bool:
    """Let the round go on; True if something has changed since `before`, so that another try is worth it."""
    if not parts.running:
        parts.engine.step(round_id)
        return _mark(parts, round_id) != before
    parts.wake(round_id)
    until = time.monotonic() + STALL_SECONDS
    while _mark(parts, round_id) == before:
        if not _works(parts, round_id) or (time.monotonic() > until and not _prepares(parts, round_id)):
            # It may have come to its end while it was looked at: a proposal that is read makes a round in one step.
            return _mark(parts, round_id) != before
        time.sleep(POLL_SECONDS)
    return True


def _go_on(parts: Parts, round_id: str) -> None:
    if parts.running:
        parts.wake(round_id)
    else:
        parts.engine.step(round_id)


def _settle(parts: Parts, round_id: str) -> None:
    """Until the round has said all that it can say now."""
    _go_on(parts, round_id)
    if not parts.running:
        return
    limit = time.monotonic() + LONGEST_SETTLING_SECONDS
    seen, since = _mark(parts, round_id), time.monotonic()
    while time.monotonic() < limit:
        time.sleep(POLL_SECONDS)
        now = _mark(parts, round_id)
        if now != seen or _prepares(parts, round_id):
            seen, since = now, time.monotonic()
        elif time.monotonic() - since >= SETTLED_SECONDS:
            return


def _mark(parts: Parts, round_id: str) -> tuple[object, ...]:
    """Changes whenever something of a round moves."""
    found = parts.book.peek(round_id)
    with parts.store.read() as tx:
        unread = parts.engine.inbox.waiting(tx, round_id)
    waits = parts.engine.inbox.waits(round_id)
    return None if found is None else found.state, unread, waits, parts.outbox.waiting(round_id)


def _works(parts: Parts, round_id: str) -> bool:
    """Is the node at this round by itself, without a person?"""
    found = parts.book.peek(round_id)
    return parts.engine.inbox.waits(round_id) or (
        found is not None and found.state in (RoundState.PREPARING, *LIVE) and found.state is not RoundState.DECIDING
    )


def _prepares(parts: Parts, round_id: str) -> bool:
    """Is it making its list, which may take long?"""
    found = parts.book.peek(round_id)
    if found is None or found.state is not RoundState.PREPARING:
        return False
    return parts.clock.now() >= moment(found.manifest.start_not_before)


def _waiting(parts: Parts, request: WaitingRequest, _progress: Progress) -> WaitingReply:
    member = parts.members.get(request.to)
    with contextlib.suppress(NotFound):
        found = parts.book.find(request.round)
        return WaitingReply(due=CarriedBook(parts.store).is_due(member.member_id, found.round_id))
    known = CarriedBook(parts.store).rounds_refused(member.member_id)
    return WaitingReply(due=any(round_id.startswith(request.round) for round_id in known))


OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation("round.export", ExportRequest, _export),
    Operation("round.import", ImportRequest, _import),
    Operation("round.to-carry", WaitingRequest, _waiting),
)

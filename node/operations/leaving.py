"""Leaving a consortium: everything with its members comes to an end, and is heard of, before they are forgotten.

    1  every open round with them ends: refused where that can still be said, else cancelled
    2  what they have to hear of that is delivered; until then the member stays, and the command says for what it waits
    3  who has heard everything is removed, from its next call on

The command may be run as often as one likes; it goes on where it stands. Each member leaves by itself, so one whose
node is away holds nobody else up. `now` does not wait: such a member learns it by telephone, or from a deadline.

What rounds gave before is a matter of their agreements and stays for the agreed days; what the others hold of us, too.
The log, the agreements and the signatures stay for good: they are the evidence. What no program can do is in `to_do`.
"""

from typing import Any

from node.clock import timestamp
from node.errors import UserError
from node.identity.members import Member, MemberState
from node.operations.parts import Parts, Progress
from node.operations.retention import retention_of
from node.operations.table import Operation, Reply, Request
from node.rounds.book import Round
from node.rounds.states import RoundState

__all__ = ["OPERATIONS", "LeaveReply", "LeaveRequest", "Waiting"]


class LeaveRequest(Request):
    """`members`: aliases or member ids; empty: all that are in the book, relays too. `now`: do not wait until they have
    heard of the end of their rounds."""

    members: tuple[str, ...] = ()
    by: str
    now: bool = False


class Waiting(Reply):
    """A member that has not heard yet of the end of so many `rounds`."""

    alias: str
    rounds: int
    reach: str


class LeaveReply(Reply):
    """`ended`: ids of rounds that this call ended; `left`: aliases of members that are removed now; `waiting`: who has
    still to hear something; `kept_until`: the last day on which something that rounds gave is kept here."""

    ended: list[str]
    left: list[str]
    waiting: list[Waiting]
    kept_until: str | None
    to_do: list[str]


def _leave(parts: Parts, request: LeaveRequest, _progress: Progress) -> LeaveReply:
    leaving = _chosen(parts, request.members)
    ids = {member.member_id for member in leaving}
    ended = [found.round_id for found in parts.book.all() if ids & _parties(found) and _ended(parts, found, request.by)]
    outstanding: dict[str, set[str]] = {}
    for round_id, recipient in parts.outbox.waiting_for():
        outstanding.setdefault(recipient, set()).add(round_id)
    left: list[str] = []
    waiting: list[Waiting] = []
    # Relays last: through them the others may have still to hear.
    for member in sorted(leaving, key=lambda one: one.is_relay):
        unheard = len(outstanding.get(member.member_id, ()))
        if (unheard and not request.now) or (member.is_relay and waiting):
            waiting.append(Waiting(alias=member.alias, rounds=unheard, reach=member.reach.way.value))
            continue
        _let_go(parts, member, request.by, unheard)
        left.append(member.alias)
    until = _kept_until(parts)
    return LeaveReply(ended=ended, left=left, waiting=waiting, kept_until=until, to_do=_to_do(parts, waiting, until))


def _chosen(parts: Parts, names: tuple[str, ...]) -> list[Member]:
    there = [member for member in parts.members.list() if member.state is not MemberState.REMOVED]
    if not names:
        if not there:
            raise UserError("No member is left, so there is nobody to leave.")
        return there
    chosen = {member.member_id: member for member in map(parts.members.get, names)}
    for member in chosen.values():
        if member.state is MemberState.REMOVED:
            raise UserError(f"{member.alias} is removed already.", advice="Leave it out.")
    return list(chosen.values())


def _parties(found: Round) -> set[str]:
    return {found.convener, *(member.member_id for member in found.manifest.members)}


def _ended(parts: Parts, found: Round, by: str) -> bool:
    """End a round if it is open; whether it was."""
    if found.over:
        return False
    unsigned = found.state is RoundState.PROPOSED and found.position != "none"
    try:
        (parts.negotiation.refuse if unsigned else parts.negotiation.cancel)(found, by=by)
    except UserError:
        if not parts.book.get(found.round_id).over:  # else it came to its end at this very moment
            raise
        return False
    return True


def _let_go(parts: Parts, member: Member, by: str, unheard: int) -> None:
    parts.members.remove(member.member_id, by)  # first: the log says of nobody that it was left who still may call
    with parts.store.transaction() as tx:
        rounds = sum(member.member_id in _parties(found) for found in parts.book.all())
        parts.audit.append(tx, "member-left", member=member.member_id, by=by, rounds=rounds, waiting=unheard)


def _kept_until(parts: Parts) -> str | None:
    days = [one.until for one in retention_of(parts).kept()]
    return timestamp(max(days)) if days else None


def _to_do(parts: Parts, waiting: list[Waiting], until: str | None) -> list[str]:
    if waiting:
        running = "" if parts.running else " Start the node: it does not run, so nobody can hear anything."
        return [f"Run this again when they have heard it.{running} `--now` does not wait."]
    lines = [
        "Ring each of them, and ask that somebody there runs `blindmatch member remove` for your organisation.",
        "Make papers of what you have to keep: `blindmatch audit export`, `blindmatch audit certificate`.",
        "Ask about your records that they hold by now: each agreement says for how many days they may.",
    ]
    if until is not None:
        lines.append(f"Let the node run until {until[:10]}: it deletes then the last of what rounds gave here.")
    return [*lines, "If no consortium is left: make a last backup or none, then destroy the folder and older backups."]


OPERATIONS: tuple[Operation[Any, Any], ...] = (Operation("node.leave", LeaveRequest, _leave),)

"""Who is in a round besides us, and how things reach them."""

import json
import re
from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import Connection

from node.agreement.manifest import Manifest
from node.errors import NodeError, NotFound
from node.identity.members import Member, MemberBook, MemberState
from node.rounds.book import Round
from node.rounds.mailbox import Outbox
from node.wire.envelope import Envelope, EnvelopeKind, ReceiptKind
from node.wire.older import OlderReader, OlderSender
from psi.errors import MalformedMessage, PsiError

__all__ = [
    "AFTER_THE_END",
    "MAX_LONG_NOTE_BYTES",
    "MAX_NOTE_BYTES",
    "RESTORED",
    "STOPPED",
    "Carrier",
    "known_code",
    "others",
    "peer_of",
    "read_note",
    "require_member",
    "tell",
    "why",
    "write_note",
]

MAX_NOTE_BYTES = 2048
"""Longest content of a note about a round that does not stand in `AFTER_THE_END`, in bytes; a STATUS among them."""

MAX_LONG_NOTE_BYTES = 16 * 1024
"""Longest content of a WITNESS, FEEDBACK or CONTACT, in bytes."""

AFTER_THE_END = frozenset({EnvelopeKind.STATUS, EnvelopeKind.WITNESS, EnvelopeKind.FEEDBACK, EnvelopeKind.CONTACT})
"""What is said of a round that is over as well: how a side stands, and what follows from the result."""

STOPPED = "stopped"
"""The code that the other side of a round with a tripwire hit is told: that people want to talk, not why."""

RESTORED = "restored"
"""The code with which a round ends whose state one side does not know any more: it was put together from a backup."""

_NOTE_KEYS = {"state", "code"}
_WORD = re.compile(r"(?!.{65})[a-z]+(?:[-/][a-z]+)*")
"""What the audit log takes as a word (`node.facts`), so that no peer's word can keep an entry from being written."""


class Carrier(Protocol):
    """How envelopes travel. Raises NodeError: PeerUnreachable or Busy if it is worth another try."""

    def deliver(self, envelope: Envelope) -> ReceiptKind: ...

    def deliver_batch(self, envelopes: Sequence[Envelope]) -> int:
        """Several messages of one round's protocol, in order, to one recipient: how many, from the first on, it has
        stored. What comes after those is to be delivered by itself; all of them, where this way knows no batches."""
        ...


def others(manifest: Manifest, me: str) -> list[str]:
    """Members and convener, without us, in order of id."""
    return sorted(({member.member_id for member in manifest.members} | {manifest.convener}) - {me})


def peer_of(found: Round) -> str:
    """The other member. Only where this node is a member itself; there `position` is not none."""
    assert found.peer is not None
    return found.peer


def tell(tx: Connection, outbox: Outbox, found: Round, me: str, kind: EnvelopeKind, payload: bytes) -> None:
    """Put one envelope for everybody else into the outbox."""
    for recipient in others(found.manifest, me):
        outbox.put(tx, round_id=found.round_id, recipient=recipient, kind=kind, payload=payload)


def require_member(book: MemberBook, member_id: str) -> Member:
    """The confirmed member; NotFound if it is none (any more)."""
    member = book.confirmed(member_id)
    if member is not None:
        return member
    try:
        known = book.get(member_id)
    except NotFound:
        raise NotFound(
            "A party of this round is not a confirmed member of this node.",
            advice="`blindmatch member list` shows who is. Add and confirm the member, or refuse the round.",
        ) from None
    if known.state is MemberState.PENDING:
        raise NotFound(
            f"{known.alias} is a party of this round, and is not confirmed yet.",
            advice=f"Somebody else than {known.added_by}, who added the card, confirms it: "
            f"`blindmatch member words {known.alias}`, then `blindmatch member confirm {known.alias} --by NAME`.",
        )
    raise NotFound(
        f"{known.alias} is a party of this round, and was removed from the members of this node.",
        advice="Add the card again, `blindmatch member add FILE --by NAME`, and let a second person confirm it.",
    )


def write_note(state: str, code: str = "") -> bytes:
    """What one node tells another about a round: a state and a reason, both short words."""
    return json.dumps({"code": code, "state": state}, separators=(",", ":"), sort_keys=True).encode()


def read_note(payload: bytes) -> tuple[str, str]:
    """State and reason; MalformedMessage for anything that `write_note` would not have written."""
    try:
        note = json.loads(payload) if len(payload) <= MAX_NOTE_BYTES else None
    except (ValueError, RecursionError):
        note = None
    if not isinstance(note, dict) or set(note) != _NOTE_KEYS:
        raise _bad_note()
    state, code = note["state"], note["code"]
    words = [word for word in (state, code) if word != ""]
    if not all(isinstance(word, str) and _WORD.fullmatch(word) for word in words):
        raise _bad_note()
    if write_note(state, code) != payload:
        raise _bad_note()
    return state, code


_FIXED_CODES = frozenset(
    {"deadline", "ended-by-peer", "internal", "member-removed", "refused-by-peer", STOPPED, RESTORED}
)
"""Reasons for which a round ends here that are no error's code."""


_UPDATE = {
    OlderReader.code: "it says that its blindmatch is the older one and has to be updated there",
    OlderSender.code: "it says that the blindmatch here is the older one and has to be updated",
}
"""A peer's claim, and told as one: a dishonest one would like us to install something."""


def why(code: str) -> str:
    """For the end of a sentence about what another node refused: the code it gave, or who has to update. No word of a
    peer's choice."""
    if code in _UPDATE:
        return f": {_UPDATE[code]}. Then propose the round again"
    return f" ({code})" if known_code(code) else ""


def known_code(code: str) -> bool:
    """Whether a code that a peer gave is one of this program's, and so may be shown and kept."""
    kinds: list[type[NodeError] | type[PsiError]] = [NodeError, PsiError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return code in _FIXED_CODES or code in {kind.code for kind in kinds}


def _bad_note() -> MalformedMessage:
    return MalformedMessage("The other side sent a note about the round that is not well formed.")

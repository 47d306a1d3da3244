"""What two nodes say to each other about leads that both know: the bytes of FEEDBACK and CONTACT.

    FEEDBACK   {"handles": [...], "status": word}                    how our people judge it; no data
    CONTACT    {"act": "offer", "handles": [...]}                    our person asks for a card, and would give ours
               {"act": "withdraw", "handles": [...]}                 not any more
               {"act": "give", "card": {...}, "matches": {handle: {field: value}}}

A lead is named by its match handles, never by a reference. There is one way to write each (canonical JSON), every word
is of a closed list, every field has a shape and a greatest length: what is not exactly this is refused before it is
looked at. Each note travels in an envelope of its own, sealed for the other side's card (`node.wire.sealing`).

Line ends stand behind the JSON up to a multiple of PAD_BYTES: else those who carry the envelope would see by its length
how many handles a lead has, and, beside a card that is known, whether somebody is in urgent danger.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any, NoReturn

from node.agreement.ladder import fits_payload
from node.config import MAX_CONTACT_CHARACTERS, ContactSection
from node.errors import UserError
from node.identity.cards import check_text
from node.rounds.parties import MAX_LONG_NOTE_BYTES
from node.rounds.results import HANDLE_BYTES
from node.wire import strict_json
from psi.errors import MalformedMessage

__all__ = [
    "MAX_HANDLES",
    "PAD_BYTES",
    "ContactCard",
    "Gift",
    "Handles",
    "Judged",
    "Status",
    "padded",
    "read_contact",
    "read_feedback",
    "write_feedback",
    "write_gifts",
    "write_offer",
    "write_withdrawal",
]

MAX_HANDLES = 512
"""Match handles in one note, in number; a record that agrees as a person has some dozens. More go in further notes."""

MAX_GIFTS = 40
"""Matches that one note brings a card for, in number: with every agreed field that is within MAX_LONG_NOTE_BYTES."""

PAD_BYTES = 4 * 1024
"""A note has a multiple of this many bytes: what is said about one lead fits into the first."""

_HANDLE = re.compile(f"[0-9a-f]{{{2 * HANDLE_BYTES}}}")
_PARTS = ("desk", "phone", "email", "hours")


class Status(StrEnum):
    """What a person said about a lead."""

    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    DISPUTED = "disputed"
    DUPLICATE = "duplicate"
    WITHDRAWN = "withdrawn"
    FOLLOW_UP = "follow-up"


@dataclass(frozen=True, slots=True)
class ContactCard:
    """Whom to ask at an organisation: a desk, not a case. Each part is "" or one readable line."""

    desk: str
    phone: str
    email: str
    hours: str

    @classmethod
    def of(cls, section: ContactSection) -> "ContactCard":
        """This node's own, from its settings. UserError if there is none, or a part of it is not readable."""
        card = cls(section.desk, section.phone, section.email, section.hours)
        if not card.desk or not (card.phone or card.email):
            raise UserError(
                "This node has no contact card that it could give.",
                advice="Write desk and phone or email under [contact] in config.toml, and start the node again.",
            )
        if not all(_is_line(part) for part in card.parts().values()):
            raise UserError(
                "A part of this node's contact card is not one readable line.",
                advice="Correct [contact] in config.toml, and start the node again.",
            )
        return card

    def parts(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in _PARTS}

    def __repr__(self) -> str:
        return "<ContactCard>"


@dataclass(frozen=True, slots=True)
class Judged:
    """A FEEDBACK: the other side's people said this about a lead."""

    status: Status
    handles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Handles:
    """A CONTACT that offers, or takes an offer back."""

    withdraws: bool
    handles: tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Gift:
    """A CONTACT that gives: the card, and for each match the agreed fields."""

    card: ContactCard
    matches: Mapping[str, Mapping[str, str]]


def write_feedback(status: Status, handles: Sequence[str]) -> list[bytes]:
    """One note, or several for many handles."""
    return [padded({"handles": part, "status": status.value}) for part in _split(handles, MAX_HANDLES)]


def write_offer(handles: Sequence[str]) -> list[bytes]:
    return [padded({"act": "offer", "handles": part}) for part in _split(handles, MAX_HANDLES)]


def write_withdrawal(handles: Sequence[str]) -> list[bytes]:
    return [padded({"act": "withdraw", "handles": part}) for part in _split(handles, MAX_HANDLES)]


def write_gifts(card: ContactCard, matches: Mapping[str, Mapping[str, str]]) -> list[bytes]:
    return [
        padded({"act": "give", "card": card.parts(), "matches": {handle: dict(matches[handle]) for handle in part}})
        for part in _split(list(matches), MAX_GIFTS)
    ]


def padded(content: Mapping[str, Any]) -> bytes:
    """The bytes of a note with this content."""
    data = strict_json.canonical(dict(content))
    return data + b"\n" * (-len(data) % PAD_BYTES)


def read_feedback(payload: bytes) -> Judged:
    """MalformedMessage for anything that `write_feedback` would not have written."""
    note = _note(payload, {"handles", "status"})
    if note["status"] not in {status.value for status in Status}:
        _refuse()
    return Judged(Status(note["status"]), _handles(note["handles"]))


def read_contact(payload: bytes, fields: Sequence[str]) -> Handles | Gift:
    """MalformedMessage for anything that we would not have written, in a round with these agreed fields."""
    note = _note(payload, None)
    if note.get("act") in ("offer", "withdraw") and set(note) == {"act", "handles"}:
        return Handles(note["act"] == "withdraw", _handles(note["handles"]))
    if note.get("act") != "give" or set(note) != {"act", "card", "matches"}:
        _refuse()
    card, matches = note["card"], note["matches"]
    if not isinstance(card, dict) or set(card) != set(_PARTS) or not all(map(_is_line, card.values())):
        _refuse()
    if not isinstance(matches, dict) or not 0 < len(matches) <= MAX_GIFTS:
        _refuse()
    for handle, payload_of in matches.items():
        if not _HANDLE.fullmatch(handle) or not isinstance(payload_of, dict) or set(payload_of) != set(fields):
            _refuse()
        if not all(fits_payload(field, value) for field, value in payload_of.items()):
            _refuse()
    return Gift(ContactCard(**card), matches)


def _note(payload: bytes, keys: set[str] | None) -> dict[str, Any]:
    try:
        note = strict_json.parse(payload.rstrip(b"\n"), max_bytes=MAX_LONG_NOTE_BYTES)
    except ValueError:
        _refuse()
    if not isinstance(note, dict) or padded(note) != payload or (keys is not None and set(note) != keys):
        _refuse()
    return note


def _handles(given: object) -> tuple[str, ...]:
    if not isinstance(given, list) or not 0 < len(given) <= MAX_HANDLES:
        _refuse()
    if not all(isinstance(one, str) and _HANDLE.fullmatch(one) for one in given) or given != sorted(set(given)):
        _refuse()
    return tuple(given)


def _is_line(text: object) -> bool:
    if not isinstance(text, str) or len(text) > MAX_CONTACT_CHARACTERS:
        return False
    try:
        return not text or check_text(text) == text
    except ValueError:
        return False


def _split(handles: Sequence[str], most: int) -> Iterator[list[str]]:
    coming = iter(sorted(set(handles)))
    while part := list(islice(coming, most)):
        yield part


def _refuse() -> NoReturn:
    raise MalformedMessage("The other side sent a note about a lead that is not well formed.") from None

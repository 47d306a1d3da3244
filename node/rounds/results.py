"""From matching positions back to our own records: leads, and what a person lets go.

    match row -> place in our sorted list -> token number -> links -> records of ours -> which keys agree

A **lead** is one record of ours with the keys that agree. Of the other side's records nothing is known but that it
holds the same identifiers. Each agreement carries a **handle**, the same at both sides and meaningless elsewhere, so
that two caseworkers can speak about one hit without saying whom it concerns (psi/PROTOCOL.md, "Match handle").
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from node.datasets.records import PreparedRecord
from node.errors import NotFound
from node.rounds.conversation import Conversation
from node.rounds.preparing import LINK_BYTES, record_tokens
from psi.errors import LocalError
from psi.identifiers import Rule
from psi.protocol.listing import PADDING
from psi.spool import CHUNK_ROWS, Spool, chunks
from psi.transcript import TAG_BYTES, Label, digest, tags

__all__ = ["HANDLE_BYTES", "MOST_SHARING", "Agreement", "Lead", "agreeing_records", "find_leads", "release_rows"]

HANDLE_BYTES = 8
"""Bytes of a match handle, shown as 16 hex characters."""

MOST_SHARING = 20
"""Other leads that a lead names as sharing an identifier with it, in number: a house telephone is shared by many."""

_NUMBER_BYTES = 8
"""Bytes of every number in a row of a list, big-endian: a position, a token, a record, a place."""


@dataclass(frozen=True)
class Agreement:
    """One key that both sides hold."""

    key: str
    handle: str


@dataclass(frozen=True)
class Lead:
    """One record of ours, known by our own reference, and the keys in which it agrees.

    `shares_with`: numbers of other leads that hold one of its agreeing identifiers too, ascending, at most MOST_SHARING
    of them. What is released of one of them is visible of the others as well.
    """

    reference: str
    agreements: tuple[Agreement, ...]
    shares_with: tuple[int, ...] = ()

    def to_bytes(self) -> bytes:
        body = {
            "reference": self.reference,
            "agreements": [[a.key, a.handle] for a in self.agreements],
            "shares_with": self.shares_with,
        }
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Lead":
        body = json.loads(data)
        agreements = tuple(Agreement(key, handle) for key, handle in body["agreements"])
        return cls(body["reference"], agreements, tuple(body["shares_with"]))


def agreeing_records(conversation: Conversation) -> int:
    """How many of our records agree in at least one key."""
    return len(_links_of(conversation, set(_agreeing_tokens(conversation))))


def find_leads(conversation: Conversation, records: Iterable[PreparedRecord], rules: Sequence[Rule]) -> Iterator[Lead]:
    """The leads of a round, in the order of the data set: the n-th of them is lead number n."""
    agreeing = _agreeing_tokens(conversation)
    links = _links_of(conversation, set(agreeing))
    handles = _handles(conversation, sorted(set(agreeing.values())))
    owners: dict[int, list[int]] = defaultdict(list)  # token number -> lead numbers, ascending, one more than is shown
    for lead, number in enumerate(sorted(links), start=1):
        for token, _place in links[number]:
            if len(owners[token]) <= MOST_SHARING:
                owners[token].append(lead)
    lead = 0
    for number, record in enumerate(records):
        if number in links:
            lead += 1
            keys = record_tokens(record, rules)
            sharing = {owner for token, _place in links[number] for owner in owners[token]} - {lead}
            yield Lead(
                record.reference,
                tuple(Agreement(keys[place][1].key, handles[agreeing[token]]) for token, place in links[number]),
                tuple(sorted(sharing)[:MOST_SHARING]),
            )


def release_rows(conversation: Conversation, chosen: set[int] | None) -> list[bytes]:
    """Peer positions (8 bytes, ascending) of everything in which the chosen leads agree; None chooses all leads.

    By number, since several records may carry one reference. NotFound if this round has no lead of a number.
    """
    agreeing = _agreeing_tokens(conversation)
    links = _links_of(conversation, set(agreeing))
    leads = dict(enumerate(sorted(links), start=1))
    if chosen is not None and not chosen.issubset(leads):
        raise NotFound(
            "A lead that was named for release is not among the leads of this round.",
            advice="`blindmatch round results` shows them. Nothing was released.",
        )
    positions = {
        agreeing[token]
        for lead, number in leads.items()
        if chosen is None or lead in chosen
        for token, _place in links[number]
    }
    return [position.to_bytes(_NUMBER_BYTES, "big") for position in sorted(positions)]


def _agreeing_tokens(conversation: Conversation) -> dict[int, int]:
    """Token number -> peer position, for every identifier of ours that agrees."""
    agreeing: dict[int, int] = {}
    at, places = -1, b""
    for chunk in chunks(conversation.session.spools.matches):
        for start in range(0, len(chunk), conversation.session.spools.matches.width):
            own, theirs = _number(chunk, start), _number(chunk, start + _NUMBER_BYTES)
            if own // CHUNK_ROWS != at:
                at = own // CHUNK_ROWS
                places = conversation.order.read(at)
            token = _number(places, own % CHUNK_ROWS * _NUMBER_BYTES)
            if token == PADDING:
                # Nobody can guess a random element of ours but by a break of the group or a defect.
                raise LocalError("An element without meaning seems to agree.", advice="Please report this defect.")
            agreeing[token] = theirs
    return agreeing


def _links_of(conversation: Conversation, wanted: set[int]) -> dict[int, list[tuple[int, int]]]:
    """Record number -> (token number, place among the record's tokens), for the wanted tokens."""
    links: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for chunk in chunks(conversation.links):
        for start in range(0, len(chunk), LINK_BYTES):
            token, record, place = (_number(chunk, at) for at in range(start, start + LINK_BYTES, _NUMBER_BYTES))
            if token in wanted:
                links[record].append((token, place))
    return links


def _number(rows: bytes, at: int) -> int:
    return int.from_bytes(rows[at : at + _NUMBER_BYTES], "big")


def _handles(conversation: Conversation, positions: list[int]) -> dict[int, str]:
    """Peer position -> handle; positions ascending."""
    evaluated: Spool = conversation.session.spools.evaluated
    context = conversation.session.context  # encoded anew at every reading
    at, found = -1, b""
    handles: dict[int, str] = {}
    for position in positions:
        if position // CHUNK_ROWS != at:
            at = position // CHUNK_ROWS
            found = tags(context, evaluated.read(at))
        start = position % CHUNK_ROWS * TAG_BYTES
        handle = digest(Label.HANDLE, context, found[start : start + TAG_BYTES])
        handles[position] = handle[:HANDLE_BYTES].hex()
    return handles

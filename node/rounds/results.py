"""From matching positions back to our own records: leads, and what a person lets go.

    match row -> place in our sorted list -> token number -> links -> records of ours -> which keys agree

A **lead** is one record of ours with the keys that agree. Of the other side's records nothing is known but that it
holds the same identifiers. Each agreement carries a **handle**, the same at both sides and meaningless elsewhere, so
that two caseworkers can speak about one hit without saying whom it concerns (psi/PROTOCOL.md, "Match handle").

Everything is done for whole chunks with numpy; a Python object is made of a lead only while it is written. In memory
are some 40 bytes for each identifier that agrees.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from node.ascending import distinct
from node.errors import NotFound
from node.rounds.conversation import Conversation
from node.rounds.preparing import LINK_BYTES, key_ids
from psi.codec import length_prefixed
from psi.errors import LocalError
from psi.group import ELEMENT_BYTES
from psi.identifiers import Rule
from psi.protocol.listing import PADDING
from psi.spool import CHUNK_ROWS, chunks
from psi.transcript import TAG_BYTES, Label, tags

__all__ = [
    "HANDLE_BYTES",
    "MOST_SHARING",
    "Agreement",
    "Lead",
    "agreeing_numbers",
    "agreeing_records",
    "find_leads",
    "release_rows",
]

HANDLE_BYTES = 8
"""Bytes of a match handle, shown as 16 hex characters."""

_HANDLE_CHARACTERS = 2 * HANDLE_BYTES

MOST_SHARING = 20
"""Other leads that a lead names as sharing an identifier with it, in number: a house telephone is shared by many."""

_Numbers = NDArray[np.int64]


class Agreement(NamedTuple):
    """One key that both sides hold."""

    key: str
    handle: str


class Lead(NamedTuple):
    """One record of ours, known by our own reference, and the keys in which it agrees.

    `shares_with`: numbers of other leads that hold one of its agreeing identifiers too, ascending, at most MOST_SHARING
    of them. What is released of one of them is visible of the others as well. `person` tells records about different
    people apart (`node.datasets.records.marks`), "" for a record that names nobody.
    """

    reference: str
    agreements: tuple[Agreement, ...]
    shares_with: tuple[int, ...] = ()
    person: str = ""


@dataclass(frozen=True)
class _Hits:
    """The links of all agreeing identifiers, in the order of the records: one entry of each array for each link.

    `leads` numbers the records that agree from 1, in order; `identifiers` says which of `positions` it is about.
    """

    records: _Numbers
    keys: _Numbers
    leads: _Numbers
    identifiers: _Numbers
    positions: _Numbers
    """Of each agreeing identifier of ours: its place in the peer's list."""

    @classmethod
    def of(cls, conversation: Conversation) -> "_Hits":
        numbers, positions = _agreeing(conversation)
        found = [np.empty((0, 3), dtype=np.int64)]
        for chunk in chunks(conversation.links):
            rows = np.frombuffer(chunk, dtype=">u4").reshape(-1, LINK_BYTES // 4).astype(np.int64)
            places = np.searchsorted(numbers, rows[:, 0])
            rows[:, 0], wanted = places, _is_at(numbers, places, rows[:, 0])
            found.append(rows[wanted])
        rows = np.concatenate(found)
        identifiers, records, keys = (np.ascontiguousarray(column) for column in rows.T)
        begins = np.diff(records, prepend=-1) != 0
        return cls(records, keys, np.cumsum(begins), identifiers, positions)

    @property
    def lead_records(self) -> _Numbers:
        """The record of each lead, ascending."""
        return distinct(self.records)


def agreeing_records(conversation: Conversation) -> int:
    """How many of our records agree in at least one key."""
    return len(_Hits.of(conversation).lead_records)


def agreeing_numbers(conversation: Conversation) -> _Numbers:
    """The token numbers of our identifiers that agree, ascending; of decoys, too."""
    return _agreeing(conversation)[0]


def find_leads(
    conversation: Conversation, marks: Callable[[NDArray[np.int64]], Iterable[tuple[str, str]]], rules: Sequence[Rule]
) -> Iterator[Lead]:
    """The leads of a round, in the order of the data set: the n-th of them is lead number n.

    `marks` gives reference and person mark of records by number, ascending.
    """
    hits = _Hits.of(conversation)
    handles, keys = _handles(conversation, hits.positions), key_ids(rules)
    sharing = _sharing(hits)
    agreements = _agreements(hits, keys, handles)
    marked = zip(marks(hits.lead_records), agreements, strict=True)
    for lead, ((reference, person), agreeing) in enumerate(marked, start=1):
        yield Lead(reference, agreeing, sharing.get(lead, ()), person)


def _agreements(hits: _Hits, keys: Sequence[str], handles: str) -> Iterator[tuple[Agreement, ...]]:
    """What each lead agrees in, one lead after the other."""
    total = int(hits.leads[-1]) if len(hits.leads) else 0
    begins = np.searchsorted(hits.leads, np.arange(1, total + 2))
    for start in range(0, total, CHUNK_ROWS):
        stops = begins[start + 1 : start + 1 + CHUNK_ROWS]
        here = slice(begins[start], stops[-1])
        names = map(keys.__getitem__, hits.keys[here].tolist())
        places = (_HANDLE_CHARACTERS * hits.identifiers[here]).tolist()
        made = list(
            map(Agreement._make, zip(names, [handles[at : at + _HANDLE_CHARACTERS] for at in places], strict=True))
        )
        if len(made) == len(stops):  # one each, as mostly
            yield from zip(made)
            continue
        begin = 0
        for stop in (stops - begins[start]).tolist():
            yield tuple(made[begin:stop])
            begin = stop


def release_rows(conversation: Conversation, chosen: set[int] | None) -> bytes:
    """Peer positions (rows of 8 bytes, ascending) of everything in which the chosen leads agree; None chooses all.

    By number, since several records may carry one reference. NotFound if this round has no lead of a number.
    """
    hits = _Hits.of(conversation)
    links = np.ones(len(hits.leads), dtype=bool) if chosen is None else np.isin(hits.leads, sorted(chosen))
    if chosen is not None and not chosen.issubset(range(1, len(hits.lead_records) + 1)):
        raise NotFound(
            "A lead that was named for release is not among the leads of this round.",
            advice="`blindmatch round results` shows them. Nothing was released.",
        )
    return distinct(np.sort(hits.positions[hits.identifiers[links]])).astype(">u8").tobytes()


def _agreeing(conversation: Conversation) -> tuple[_Numbers, _Numbers]:
    """Token number and peer position of every identifier of ours that agrees, ascending by token number."""
    numbers, positions = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for chunk in chunks(conversation.session.spools.matches):
        own, theirs = np.frombuffer(chunk, dtype=">u8").reshape(-1, 2).astype(np.int64).T
        positions.append(theirs)
        for number, places in _by_chunk(own):
            here = np.frombuffer(conversation.order.read(number), dtype=">u8")[places]
            if (here == PADDING).any():
                # Nobody can guess a random element of ours but by a break of the group or a defect.
                raise LocalError("An element without meaning seems to agree.", advice="Please report this defect.")
            numbers.append(here.astype(np.int64))
    tokens = np.concatenate(numbers)
    order = np.argsort(tokens)
    return tokens[order], np.concatenate(positions)[order]


def _by_chunk(positions: _Numbers) -> Iterator[tuple[int, _Numbers]]:
    """Ascending positions in a list, as chunk number and places in that chunk."""
    if not len(positions):
        return iter(())  # `split` makes one part of nothing
    numbers = positions // CHUNK_ROWS
    begins = np.flatnonzero(np.diff(numbers)) + 1
    return zip(distinct(numbers).tolist(), np.split(positions % CHUNK_ROWS, begins), strict=True)


def _is_at(ascending: _Numbers, places: _Numbers, wanted: _Numbers) -> NDArray[np.bool_]:
    """Does each number stand where `searchsorted` says that it would?"""
    if not len(ascending):
        return np.zeros(len(wanted), dtype=bool)
    stands: NDArray[np.bool_] = ascending[np.minimum(places, len(ascending) - 1)] == wanted
    return stands


def _sharing(hits: _Hits) -> dict[int, tuple[int, ...]]:
    """Lead number -> numbers of others that hold one of its identifiers, for leads that have such."""
    owners: dict[int, list[int]] = defaultdict(list)  # identifier -> lead numbers, ascending, one more than is shown
    shared = np.flatnonzero(np.bincount(hits.identifiers, minlength=len(hits.positions))[hits.identifiers] > 1)
    links = list(zip(hits.identifiers[shared].tolist(), hits.leads[shared].tolist(), strict=True))
    for identifier, lead in links:
        if len(owners[identifier]) <= MOST_SHARING:
            owners[identifier].append(lead)
    others: dict[int, set[int]] = defaultdict(set)
    for identifier, lead in links:
        others[lead].update(owners[identifier])
    return {lead: tuple(sorted(found - {lead})[:MOST_SHARING]) for lead, found in others.items()}


def _handles(conversation: Conversation, positions: _Numbers) -> str:
    """The handles of these peer positions in hex, one after the other."""
    session = conversation.session
    context = session.context  # encoded anew at every reading
    front = length_prefixed(Label.HANDLE, context) + TAG_BYTES.to_bytes(4, "big")  # digest(label, context, each tag)
    order = np.argsort(positions)
    handles = np.empty((len(positions), HANDLE_BYTES), dtype=np.uint8)
    done = 0
    for number, places in _by_chunk(positions[order]):
        elements = np.frombuffer(session.spools.evaluated.read(number), dtype=np.uint8).reshape(-1, ELEMENT_BYTES)
        found = tags(session.backend, context, elements[places].tobytes())
        made = session.backend.hash_rows(front, found, TAG_BYTES, HANDLE_BYTES)
        handles[order[done : done + len(places)]] = np.frombuffer(made, dtype=np.uint8).reshape(-1, HANDLE_BYTES)
        done += len(places)
    return handles.tobytes().hex()

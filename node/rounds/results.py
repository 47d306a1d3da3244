"""From matching positions back to our own records: leads, and what a person lets go.

    match row -> place in our sorted list -> token number -> links -> records of ours -> which keys agree

A **lead** is one record of ours with the keys that agree. Of the other side's records nothing is known but that it
holds the same identifiers. Each agreement carries a **handle**, the same at both sides and meaningless elsewhere, so
that two caseworkers can speak about one hit without saying whom it concerns (psi/PROTOCOL.md, "Match handle").

Everything is done for whole chunks with numpy, and leads come in columns, as they are stored: a Python object is made
of a lead only when somebody reads it. In memory are some 40 bytes for each identifier that agrees.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple, Self

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
    "BLOCK_LEADS",
    "HANDLE_BYTES",
    "MOST_SHARING",
    "Agreement",
    "Lead",
    "LeadColumns",
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

BLOCK_LEADS = 512
"""Most leads of one stretch of columns, and so of one stored block, in number: some 20 KiB."""

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


@dataclass(frozen=True, slots=True, repr=False)
class LeadColumns:
    """Consecutive leads as columns. What all of them have in common is said once, and what none of them has not at all.

    `keys` and `handles` are those of all agreements, one lead after the other.
    """

    references: Sequence[str]
    handles: str
    """HANDLE_BYTES each in hex, with nothing between them."""

    keys: Sequence[str] = ()
    """One for each agreement, or a single one for all."""

    counts: Sequence[int] = ()
    """Agreements of each lead; empty where each has one."""

    shares_with: Mapping[int, Sequence[int]] = field(default_factory=dict)
    """Of the leads that share an identifier, by their places from 0."""

    persons: Sequence[str] = ()
    """Of each lead; empty where none of them names anybody."""

    def __len__(self) -> int:
        """How many leads."""
        return len(self.references)

    @classmethod
    def of(cls, leads: Sequence[Lead]) -> Self:
        """The columns of these leads; `leads()` gives the leads back. ValueError for a handle that is none."""
        agreements = [agreement for lead in leads for agreement in lead.agreements]
        if any(len(agreement.handle) != _HANDLE_CHARACTERS for agreement in agreements):
            raise ValueError("not a match handle")
        counts, persons = [len(lead.agreements) for lead in leads], [lead.person for lead in leads]
        keys = [agreement.key for agreement in agreements]
        return cls(
            references=[lead.reference for lead in leads],
            handles="".join(agreement.handle for agreement in agreements),
            keys=keys[:1] if len(set(keys)) == 1 else keys,
            counts=() if set(counts) <= {1} else counts,
            shares_with={place: lead.shares_with for place, lead in enumerate(leads) if lead.shares_with},
            persons=persons if any(persons) else (),
        )

    def leads(self) -> list[Lead]:
        """The leads one by one. ValueError if the columns do not fit together."""
        counts = self.counts or [1] * len(self)
        keys = list(self.keys) * sum(counts) if len(self.keys) == 1 else self.keys
        handles = [self.handles[at : at + _HANDLE_CHARACTERS] for at in range(0, len(self.handles), _HANDLE_CHARACTERS)]
        made = list(map(Agreement._make, zip(keys, handles, strict=True)))
        if len(made) != sum(counts):
            raise ValueError("agreements of other leads")
        leads, begin = [], 0
        for place, (reference, count, person) in enumerate(
            zip(self.references, counts, self.persons or [""] * len(self), strict=True)
        ):
            shares_with = tuple(self.shares_with.get(place, ()))
            leads.append(Lead(reference, tuple(made[begin : begin + count]), shares_with, person))
            begin += count
        return leads


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
) -> Iterator[LeadColumns]:
    """The leads of a round, at most BLOCK_LEADS at a time, in the order of the data set: the n-th is lead number n.

    `marks` gives reference and person mark of records by number, ascending.
    """
    hits = _Hits.of(conversation)
    handles, names = _handles(conversation, hits.positions), key_ids(rules)
    sharing, records = _sharing(hits), hits.lead_records
    begins = np.searchsorted(hits.leads, np.arange(1, len(records) + 2))  # the first link of each lead, and the end
    marked = iter(marks(records))
    for start in range(0, len(records), BLOCK_LEADS):
        bounds = begins[start : start + BLOCK_LEADS + 1]
        here = slice(int(bounds[0]), int(bounds[-1]))
        references, persons = zip(*islice(marked, len(bounds) - 1), strict=True)
        keys, counts = hits.keys[here], np.diff(bounds)
        if len(references) != len(counts):
            raise ValueError("marks of other records")
        yield LeadColumns(
            references=references,
            handles=handles[hits.identifiers[here]].tobytes().hex(),
            keys=[names[number] for number in (keys[:1] if bool((keys == keys[0]).all()) else keys).tolist()],
            counts=() if bool((counts == 1).all()) else counts.tolist(),
            shares_with={
                place: sharing[start + place + 1] for place in range(len(counts)) if start + place + 1 in sharing
            },
            persons=persons if any(persons) else (),
        )


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
    matches = conversation.session.spools.matches
    found = [np.frombuffer(chunk, dtype=">u8").reshape(-1, 2).astype(np.int64) for chunk in chunks(matches)]
    own, positions = np.concatenate([np.empty((0, 2), dtype=np.int64), *found]).T
    tokens, done = np.empty(len(own), dtype=np.int64), 0
    for number, places in _by_chunk(own):  # ascending, so every chunk is read once
        here = np.frombuffer(conversation.order.read(number), dtype=">u8")[places]
        if (here == PADDING).any():
            # Nobody can guess a random element of ours but by a break of the group or a defect.
            raise LocalError("An element without meaning seems to agree.", advice="Please report this defect.")
        tokens[done : done + len(places)] = here
        done += len(places)
    order = np.argsort(tokens)
    return tokens[order], positions[order]


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


def _handles(conversation: Conversation, positions: _Numbers) -> NDArray[np.uint8]:
    """The handles of these peer positions, a row of HANDLE_BYTES each."""
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
    return handles

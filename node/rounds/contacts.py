"""Which contacts of a round recur, over our own records: one number on many advertisements, one document used by
several people.

The other side is told nothing of this and tells us nothing of the like: each counts over its own records. Counted are
records, distinct case numbers, and distinct people as far as the records name any: records whose names sound alike
count as one person, so that the number is rather too low than too high. Over *different* people is what makes a
contact a warning sign; over one person it is that person's telephone.
"""

from array import array
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from node.rounds.leads import LeadBook

__all__ = ["MOST_CONTACTS", "Contact", "recurring_contacts"]

MOST_CONTACTS = 10_000
"""Contacts that are listed, in number: those on the most records."""


class Contact(NamedTuple):
    """An identifier that both sides hold and several of our records share, under its match handle.

    `people` counts the distinct persons that these records name; 0 where none of them names one.
    """

    key: str
    handle: str
    records: int
    references: int
    people: int


@dataclass(slots=True)
class _Seen:
    key: str
    records: int = 0
    references: set[str] = field(default_factory=set)
    people: set[str] = field(default_factory=set)


def recurring_contacts(leads: LeadBook, round_id: str) -> list[Contact]:
    """The identifiers of a round on two or more of our records, those over most people first; of more than
    MOST_CONTACTS, those on the most records.

    Match keys of persons are left out: who shares one is a relative or the same person, not a contact. So are near
    matches: records that share a variant hold different numbers.
    """
    wanted = _most_frequent(leads, round_id)
    seen: dict[str, _Seen] = {}
    for lead in leads.walk(round_id):
        for agreement in lead.agreements:
            if agreement.handle in wanted and _is_contact(agreement.key):
                found = seen.setdefault(agreement.handle, _Seen(agreement.key))
                found.records += 1
                found.references.add(lead.reference)
                found.people |= {lead.person} - {""}
    contacts = [
        Contact(one.key, handle, one.records, len(one.references), len(one.people)) for handle, one in seen.items()
    ]
    return sorted(contacts, key=lambda one: (-one.people, -one.records, one.handle))


def _most_frequent(leads: LeadBook, round_id: str) -> set[str]:
    """Handles on several records: eight bytes each are held for all, and more only for these."""
    handles = array("Q")
    for lead in leads.walk(round_id):
        handles.extend(int(one.handle, 16) for one in lead.agreements if _is_contact(one.key))
    found, counts = np.unique(np.frombuffer(handles, dtype=np.uint64), return_counts=True)
    several = np.flatnonzero(counts > 1)
    most = several[np.argsort(-counts[several], kind="stable")][:MOST_CONTACTS]
    return {f"{handle:016x}" for handle in found[most].tolist()}


def _is_contact(key: str) -> bool:
    return not key.startswith("person:") and not key.endswith(":near")

"""The output ladder: how much a round gives, step by step, and who lets each step happen.

    any? -> count in bands -> exact count -> own rows -> contact card -> agreed fields

Each step is enabled by the manifest alone. Counts go by themselves once all have signed. From own rows up a person lets
go: the first learner is given its own rows because both sides signed that, the other side those that a person at the
first learner releases; a contact card and the agreed fields go only where one person on either side asked for it, for
a record that both sides know to agree.

The agreed fields (`PAYLOAD_FIELDS`) are a closed list of words about a record, none of which says who somebody is: a
day, a yes or no, or a word of another closed list. Each has a shape, so that nothing else can travel in its place.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import get_args

from node.agreement.manifest import Manifest
from node.agreement.terms import Basis, RecordClass

__all__ = ["NO_DAY", "PAYLOAD_FIELDS", "Step", "fits_payload", "gives_rows", "ladder"]

PAYLOAD_FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "as_of": "the day of the data set that the record is from",
        "basis": "whether the record takes part by consent or by a legal duty",
        "consent_until": "the last day on which the consent holds",
        "record_class": "what kind of record it is",
        "urgent_danger": "whether the person is said to be in urgent danger",
    }
)
"""Fields that may go with a contact card, and what each says."""

NO_DAY = "none"
"""In place of a day, where there is none."""

_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_SHAPES: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "as_of": re.compile(_DAY),
        "basis": re.compile("|".join(get_args(Basis))),
        "consent_until": re.compile(f"{_DAY}|{NO_DAY}"),
        "record_class": re.compile("|".join(get_args(RecordClass))),
        "urgent_danger": re.compile("yes|no"),
    }
)


def fits_payload(field: str, value: object) -> bool:
    """Whether this may stand in that agreed field; False for a field that does not exist."""
    shape = _SHAPES.get(field)
    return shape is not None and isinstance(value, str) and shape.fullmatch(value) is not None


@dataclass(frozen=True)
class Step:
    """One step of the ladder: in words, whether this agreement takes it, and what it takes besides."""

    name: str
    words: str
    enabled: bool
    lets_go: str


def gives_rows(manifest: Manifest) -> bool:
    """Does the side that is answered second learn rows of its own too? Only then is there a record both know of."""
    return manifest.mode in ("ordered", "released")


def ladder(manifest: Manifest) -> tuple[Step, ...]:
    """Every step, from the bottom up, for the side that is answered second; the first learner is given its own rows in
    any case."""
    count, signed = manifest.reply.count, "both sign for it"
    return (
        Step("any", "whether any record agrees", count == "yes_no", signed),
        Step("banded", "a count in bands", count == "banded", signed),
        Step("exact", "an exact count", count == "exact", signed),
        Step("own_rows", "own rows", gives_rows(manifest), "a person at the first learner releases them"),
        Step(
            "contact_card",
            "contact cards",
            manifest.contact_card,
            "a person on either side offers theirs, for each record",
        ),
        Step("payload", "agreed fields", bool(manifest.payload), "with the card"),
    )

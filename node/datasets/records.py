"""One prepared record: what a round may use of one row, and what its owner was allowed to do with it.

A prepared record holds canonical identifiers only, never the raw cells. It lives in a sealed record file
(`recordfile`) as one line of JSON and in memory while a list is made; it never leaves the node. Consent is kept
*beside* the identifiers and asked again at every round (`Consent.covers`), because the day, the kind, the receiver and
the purpose are only known then. A consent that covered yesterday's round says nothing about today's.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any

from psi.identifiers import Person

__all__ = ["Consent", "PreparedRecord", "marks", "references"]


@dataclass(frozen=True, slots=True)
class Consent:
    """What one person agreed to. `None` for `kinds`, `receivers` or `purposes` means: not limited by the person.

    `until` is the last day on which it holds. Under a legal duty without a consent column every record carries
    `Consent(given=True)`: the basis stands on the dataset, and this object answers only "may this record take part".
    `urgent`: nobody could ask, and two people of the organisation said that the person is in urgent danger.
    """

    given: bool = False
    kinds: frozenset[str] | None = None
    receivers: frozenset[str] | None = None
    until: date | None = None
    urgent: bool = False
    purposes: frozenset[str] | None = None

    def covers(self, kind: str, receiver_class: str, today: date, purpose: str | None = None) -> bool:
        """May identifiers of `kind` of this record be compared with a member of `receiver_class` on `today`, in a round
        with this purpose? Where the person named purposes, a round without one is none of them."""
        return (
            self.given
            and (self.kinds is None or kind in self.kinds)
            and (self.receivers is None or receiver_class in self.receivers)
            and (self.purposes is None or purpose in self.purposes)
            and (self.until is None or today <= self.until)
        )

    def to_dict(self) -> dict[str, Any]:
        """The JSON form; absent keys mean "not limited"."""
        found: dict[str, Any] = {"given": self.given}
        if self.kinds is not None:
            found["kinds"] = sorted(self.kinds)
        if self.receivers is not None:
            found["receivers"] = sorted(self.receivers)
        if self.purposes is not None:
            found["purposes"] = sorted(self.purposes)
        if self.until is not None:
            found["until"] = self.until.isoformat()
        if self.urgent:
            found["urgent"] = True
        return found

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> "Consent":
        """The reverse of `to_dict`. Equal ones are one object: most records of a data set carry the same consent."""
        kinds, receivers, purposes = found.get("kinds"), found.get("receivers"), found.get("purposes")
        return _consent(
            found["given"] is True,
            None if kinds is None else tuple(kinds),
            None if receivers is None else tuple(receivers),
            found.get("until"),
            found.get("urgent") is True,
            None if purposes is None else tuple(purposes),
        )


@lru_cache(maxsize=4096)
def _consent(
    given: bool,
    kinds: tuple[str, ...] | None,
    receivers: tuple[str, ...] | None,
    until: str | None,
    urgent: bool,
    purposes: tuple[str, ...] | None,
) -> Consent:
    return Consent(
        given=given,
        kinds=None if kinds is None else frozenset(kinds),
        receivers=None if receivers is None else frozenset(receivers),
        until=None if until is None else date.fromisoformat(until),
        urgent=urgent,
        purposes=None if purposes is None else frozenset(purposes),
    )


@dataclass(slots=True, repr=False)
class PreparedRecord:
    """One case, person or advert, ready to be matched.

    `reference` is the owner's own case number (several records may share one), `identifiers` maps a kind to its
    canonical values, `person` holds the canonical person fields or None, `child` says that the record is, or may
    be, about a child: such a record stays out of every round that is not agreed for children.

    Not frozen, for the price of that: a frozen one takes four times as long to make, and a round makes one of each row.
    Nobody changes one.
    """

    reference: str
    identifiers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    person: Person | None = None
    consent: Consent = field(default_factory=Consent)
    child: bool = False

    def __repr__(self) -> str:
        # A record in a traceback or a log would be a leak: only its shape is shown.
        kinds = {kind: len(values) for kind, values in self.identifiers.items()}
        return f"<PreparedRecord {kinds} person={self.person is not None} child={self.child}>"

    def to_line(self) -> bytes:
        """One line of JSON without the line end, UTF-8, its keys sorted.

        Put together by hand from the parser's own strings: that is what `json.dumps` gives, in half the time.
        """
        # Kinds are names of the catalogue: nothing in them needs an escape.
        kinds = [f'"{kind}":[{",".join(map(_text, values))}]' for kind, values in sorted(self.identifiers.items())]
        person = "null" if self.person is None else _object(self.person.to_dict())
        return (
            f'{{"child":{"true" if self.child else "false"},"consent":{_stated(self.consent)},'
            f'"identifiers":{{{",".join(kinds)}}},"person":{person},"reference":{_text(self.reference)}}}'
        ).encode()

    @classmethod
    def from_line(cls, line: bytes) -> "PreparedRecord":
        """The reverse of `to_line`."""
        return cls.from_lines([line])[0]

    @classmethod
    def from_lines(cls, lines: Iterable[bytes]) -> "list[PreparedRecord]":
        """Many at once, which is much faster than one by one. What stands before the JSON (`heads`) is left out."""
        records: list[PreparedRecord] = []
        stated: dict[str, Any] | None = None
        consent = Consent()
        for found in _parsed(line[line.index(b"{") :] for line in lines):
            if found["consent"] != stated:  # the same as the last one's, mostly
                stated = found["consent"]
                consent = Consent.from_dict(found["consent"])
            identifiers = found["identifiers"]
            for kind, values in identifiers.items():
                identifiers[kind] = tuple(values)
            person = found["person"]
            if person is not None:
                person = Person.from_dict(person)
            records.append(cls(found["reference"], identifiers, person, consent, found["child"]))
        return records


_text = encode_basestring
_object = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


def _stated(consent: Consent) -> str:
    """The JSON of a consent. Most records of a data set carry the same one: the last one is remembered."""
    global _last_stated
    known, text = _last_stated
    if known is not consent:
        text = _object(consent.to_dict())
        _last_stated = consent, text
    return text


_last_stated: tuple[Consent | None, str] = None, ""


_LAST_FIELD = b'"reference":'
"""What stands before the reference in a line of `to_line`: the keys are sorted, so nothing but `}` comes after it. It
stands nowhere else in the line's last field: inside a string a quote has a backslash before it."""


def references(lines: Iterable[bytes]) -> list[str]:
    """The record references alone of such lines, with their heads or without; the rest of a line is not parsed."""
    found: list[str] = _parsed(line.rpartition(_LAST_FIELD)[2][:-1] for line in lines)
    return found


def marks(lines: Iterable[bytes]) -> list[tuple[str, str]]:
    """Reference and person mark of such lines.

    The **person mark** tells people apart by how their names sound, whichever way round they stand: it is what "over
    how many different people" is counted by. "" for a record that names nobody.
    """
    fields = [line.rpartition(_LAST_FIELD)[::2] for line in lines]
    found = [""] * len(fields)
    named = [place for place, (front, _) in enumerate(fields) if not front.endswith(_NOBODY)]
    persons = _parsed(fields[place][0].rpartition(_PERSON)[2][:-1] for place in named)
    for place, forms in zip(named, persons, strict=True):
        if forms is not None:
            found[place] = " ".join(sorted(forms[name] for name in _NAMES if name in forms))
    return list(zip(_parsed(rest[:-1] for _, rest in fields), found, strict=True))


_NAMES = ("given_name", "family_name")
_PERSON = b'"person":'
_NOBODY = b'"person":null,'


def _parsed(values: Iterable[bytes]) -> list[Any]:
    # As one text: a call of the parser costs more than what it reads here. A line end cannot stand inside a line.
    parsed: list[Any] = json.loads(b"[" + b",".join(values) + b"]")
    return parsed

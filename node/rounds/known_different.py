"""The negative list: "these two are known to be different people".

Somebody looked at a lead and knows that our record and the one on the other side are not the same. When the same
record of ours meets the same member again by the same values, the lead is shown as known to be different, so that
nobody looks twice. It is shown, never hidden: the other side may hold a second, true record with the same values, and
a lead that agrees in one thing more than before is a new one.

Kept are keyed digests alone, under a key of this node that lies sealed with the settings:

    of a record with a member     HMAC(key, member, reference)                      is there anything to look for?
    of an agreement               HMAC(key, member, reference, key, our values)     has this very thing been judged?

So the list tells nobody who has not the key whom it is about, and a record whose values change is no longer on it.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from node.audit import AuditLog
from node.clock import Clock, timestamp
from node.datasets.records import PreparedRecord
from node.errors import NodeError, RefusedByPolicy, UserError
from node.ids import RandomBytes
from node.rounds.book import Round
from node.rounds.leads import LeadBook
from node.rounds.negotiation import Negotiation
from node.rounds.parties import peer_of
from node.rounds.results import Lead
from node.store import Store
from node.store.own_settings import own_key
from node.store.schema import known_different
from psi.codec import length_prefixed
from psi.errors import RefusedValue
from psi.identifiers import Rule, tokens

__all__ = ["MOST_KEPT", "KnownDifferent"]

MOST_KEPT = 100_000
"""Digests on the list, in number; a record that agrees as a person takes some dozens."""

KEY_SETTING = "known-different-key"
KEY_BYTES = 32

_Values = Mapping[str, frozenset[str]]
"""Key -> the values that records of ours with one reference have for it."""


@dataclass
class KnownDifferent:
    """Notes and finds pairs that are known to be different."""

    store: Store
    audit: AuditLog
    clock: Clock
    leads: LeadBook
    negotiation: Negotiation
    random_bytes: RandomBytes

    def note(self, found: Round, numbers: Sequence[int], *, by: str, undo: bool = False) -> int:
        """Put what these leads agree in on the list, or with `undo` take it off; how many leads. NotFound for a lead
        that does not exist, UserError if our record is not in the data set any more."""
        wanted = {number: self.leads.named(found.round_id, number) for number in set(numbers)}
        if not wanted:
            raise UserError("No lead was named.", advice="Name one with --lead.")
        values = self._values(found, {lead.reference for lead in wanted.values()})
        if any(lead.reference not in values for lead in wanted.values()):
            raise UserError(
                "The record of a lead is not in its data set any more. Nothing was noted.",
                advice="What is not there any more cannot meet anybody again.",
            )
        with self.store.transaction() as tx:
            key = self._key(tx)
            peer = peer_of(found)
            records = {_record(key, peer, lead.reference) for lead in wanted.values()}
            judged = {one for lead in wanted.values() for one in _agreements(key, peer, lead, values[lead.reference])}
            self.audit.append(
                tx,
                "different-noted",
                round_id=found.round_id,
                peer=peer,
                by=by,
                records=len(wanted),
                state="removed" if undo else "added",
            )
            if undo:  # the digest of a record stays: it only says where to look, and others may need it
                tx.execute(known_different.delete().where(known_different.c.digest.in_(sorted(judged))))
            else:
                self._add(tx, records | judged, by)
        return len(wanted)

    def among(self, found: Round, leads: Iterable[tuple[int, Lead]]) -> frozenset[int]:
        """Which of these leads are known to be different: everything in which they agree has been judged so.

        Reads the data set only if one of the records is on the list at all; without a data set, none is known.
        """
        if found.peer is None:
            return frozenset()
        with self.store.transaction() as tx:
            listed = frozenset(tx.execute(select(known_different.c.digest)).scalars())
            if not listed:
                return frozenset()
            key = self._key(tx)
        some = [(number, lead) for number, lead in leads if _record(key, found.peer, lead.reference) in listed]
        if not some:
            return frozenset()
        try:
            values = self._values(found, {lead.reference for _number, lead in some})
        except NodeError:
            return frozenset()
        return frozenset(
            number
            for number, lead in some
            if lead.reference in values
            and listed.issuperset(_agreements(key, found.peer, lead, values[lead.reference]))
        )

    def _add(self, tx: Connection, digests: set[bytes], by: str) -> None:
        kept = set(tx.execute(select(known_different.c.digest)).scalars())
        fresh = sorted(digests - kept)
        if len(kept) + len(fresh) > MOST_KEPT:
            raise RefusedByPolicy(f"The list of what is known to be different holds {MOST_KEPT:,} entries at most.")
        now = timestamp(self.clock.now())
        if fresh:
            tx.execute(known_different.insert(), [{"digest": one, "by": by, "at": now} for one in fresh])

    def count(self) -> int:
        """Digests on the list."""
        with self.store.read() as connection:
            return int(connection.execute(select(func.count()).select_from(known_different)).scalar_one())

    def _values(self, found: Round, references: set[str]) -> dict[str, _Values]:
        """What our records with these references are compared by. Walks the data set once."""
        rules = found.manifest.rules()
        gathered: dict[str, dict[str, set[str]]] = {}
        for record in self.negotiation.records(found):
            if record.reference in references:
                mine = gathered.setdefault(record.reference, {})
                for key, value in _tokens(rules, record):
                    mine.setdefault(key, set()).add(value)
        return {
            reference: {key: frozenset(values) for key, values in mine.items()} for reference, mine in gathered.items()
        }

    def _key(self, tx: Connection) -> bytes:
        """Made when it is first needed, and sealed."""
        return own_key(self.store, tx, KEY_SETTING, self.random_bytes, KEY_BYTES)


def _tokens(rules: Sequence[Rule], record: PreparedRecord) -> Iterator[tuple[str, str]]:
    for rule in rules:
        with suppress(RefusedValue):  # more values by now than this agreement had room for: never on the list
            yield from tokens(rule, record.identifiers, record.person)


def _record(key: bytes, peer: str, reference: str) -> bytes:
    return _digest(key, b"record", peer, reference)


def _agreements(key: bytes, peer: str, lead: Lead, values: _Values) -> list[bytes]:
    """One for each key in which the lead agrees."""
    return [
        _digest(key, b"agreement", peer, lead.reference, name, *sorted(values.get(name, frozenset())))
        for name in sorted({agreement.key for agreement in lead.agreements})
    ]


def _digest(key: bytes, label: bytes, *parts: str) -> bytes:
    return hmac.new(key, length_prefixed(label, *(part.encode() for part in parts)), hashlib.sha256).digest()

"""From a data set to the list of one round: which records take part, and which identifiers they give.

A record takes part if its consent covers a kind of the agreement for the other side's class today, and if it is not
marked as a child's (rounds for children are not supported yet). Equal identifiers of several records are one element;
which records share it is kept in the **links** list, which never leaves the node:

    link row (24 bytes)   token number (8) | record number (8) | place of the token among the record's tokens (8)

Token numbers run in the order in which identifiers are first met. Distinct identifiers are told apart by a 16-byte
digest each, in memory: about 150 bytes an identifier while the list is made, nothing afterwards.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from node.agreement.manifest import Manifest
from node.datasets.records import PreparedRecord
from psi.errors import ListDoesNotFit
from psi.identifiers import Rule, Token, tokens
from psi.protocol.listing import identifier_message
from psi.spool import CHUNK_ROWS, Spool

__all__ = ["LINK_BYTES", "Participation", "Taking", "record_tokens", "records_without_room"]

LINK_BYTES = 24

_SEEN_BYTES = 16
"""Bytes of the digest that tells identifiers apart; an accidental collision has probability 2^-128 a pair."""


def record_tokens(record: PreparedRecord, rules: Sequence[Rule]) -> list[tuple[str, Token]]:
    """All tokens of a record with the kind each belongs to, in a fixed order."""
    return [(rule.kind, token) for rule in rules for token in tokens(rule, record.identifiers, record.person)]


def _may_take_part(record: PreparedRecord) -> bool:
    """Whether a record can take part in any round: what it holds does not matter otherwise."""
    return record.consent.given and not record.child


def records_without_room(records: Iterable[PreparedRecord], rules: Sequence[Rule]) -> dict[str, int]:
    """Kind -> how many records that may take part hold more values of it than the agreement has room for."""
    crowded: Counter[str] = Counter()
    for record in records:
        if _may_take_part(record):
            for rule in rules:
                crowded[rule.kind] += len(record.identifiers.get(rule.kind, ())) > rule.per_record
    return {kind: count for kind, count in crowded.items() if count}


@dataclass
class Participation:
    """Numbers for the audit log and the screen: records seen, taking part, and distinct identifiers."""

    records: int = 0
    taking_part: int = 0
    identifiers: int = 0


class Taking:
    """Walks the records of a data set once and gives the messages to blind; fills `links` on the way."""

    def __init__(
        self,
        manifest: Manifest,
        *,
        me: str,
        today: date,
        links: Spool,
        progress: Callable[[int], None] = lambda _records: None,
    ) -> None:
        self.counts = Participation()
        self._rules = manifest.rules()
        self._scope = manifest.digest()
        self._normaliser = manifest.normaliser_version
        self._receiver = manifest.other(me).member_class
        self._most_records = manifest.member(me).records
        self._today = today
        self._links = links
        self._progress = progress

    def batches(self, records: Iterable[PreparedRecord]) -> Iterator[list[bytes]]:
        """Distinct identifier messages, at most CHUNK_ROWS at a time. ListDoesNotFit if too many records take part."""
        numbers: dict[bytes, int] = {}
        batch: list[bytes] = []
        links = bytearray()
        for record_number, record in enumerate(records):
            self.counts.records += 1
            taking = False
            for place, (kind, token) in enumerate(self._covered(record)):
                if kind is None:
                    continue
                taking = True
                message = identifier_message(self._scope, token.key, self._normaliser, token.value)
                seen = hashlib.sha512(message).digest()[:_SEEN_BYTES]
                number = numbers.setdefault(seen, len(numbers))
                links += number.to_bytes(8, "big") + record_number.to_bytes(8, "big") + place.to_bytes(8, "big")
                if len(links) == CHUNK_ROWS * LINK_BYTES:
                    self._links.append(bytes(links))
                    links.clear()
                if number == self.counts.identifiers:
                    self.counts.identifiers += 1
                    batch.append(message)
                    if len(batch) == CHUNK_ROWS:
                        self._progress(self.counts.records)
                        yield batch
                        batch = []
            self._count(taking)
        if links:
            self._links.append(bytes(links))
        if batch:
            yield batch

    def _covered(self, record: PreparedRecord) -> Iterator[tuple[str | None, Token]]:
        """The record's tokens; the kind is None where the record does not take part with it."""
        if not _may_take_part(record):
            return
        for kind, token in record_tokens(record, self._rules):
            yield (kind if record.consent.covers(kind, self._receiver, self._today) else None), token

    def _count(self, taking: bool) -> None:
        self.counts.taking_part += taking
        if self.counts.taking_part > self._most_records:
            raise ListDoesNotFit(
                f"More than {self._most_records} records would take part, which is what the agreement declares for "
                "this side.",
                advice="Nothing was sent. Propose a round with a larger record class.",
            )

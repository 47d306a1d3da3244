"""From a data set to the list of one round: which records take part, and which identifiers they give.

Whether a record takes part, and why not, is said by `participation`: its consent, and what this organisation decided.
Equal identifiers of several records are one element;
which records share it is kept in the **links** list, which never leaves the node:

    link row (12 bytes)   token number (4) | record number (4) | key number (4)          big-endian

Token numbers run in the order in which identifiers are first met, record numbers in the order of the data set; the
keys are numbered by `key_ids`. A record's links stand together, in the order of its tokens. Distinct identifiers are
told apart by a 16-byte digest each, in memory (`numbering`): 24 to 32 bytes an identifier while the list is made.

A record that gives one value, as most do, is taken up here without a call of `tokens`, and records that are alike as
columns; what they give is what it gives. The digests are of front and value, in rows: of the front, which is the same
for all identifiers of a key, only once.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from node.agreement.manifest import Manifest
from node.ascending import distinct
from node.datasets.alike import Alike
from node.datasets.exclusions import Excluded
from node.datasets.records import Consent, PreparedRecord
from node.rounds.numbering import DIGEST_BYTES, Numbering
from node.rounds.participation import Asked, TakingPart
from node.texts import Texts, hashed
from psi.backend import Backend
from psi.errors import ListDoesNotFit
from psi.identifiers import Rule, tokens
from psi.protocol.listing import identifier_front, with_values
from psi.spool import CHUNK_ROWS, Spool

__all__ = ["LINK_BYTES", "Participation", "Taking", "key_ids", "records_without_room"]

LINK_BYTES = 12

_DIGEST_LABEL = b"blindmatch/taking/1"

SAMPLE_VALUES = 32
"""Values of a kind that are kept for the shape of decoys, in number, twice as many at most: of some batches each."""

_SAMPLE_OF_A_BATCH = 8


def key_ids(rules: Sequence[Rule]) -> list[str]:
    """The ids of all keys that these rules can make; a key's number is its place."""
    return [key for rule in rules for key in rule.key_ids()]


def records_without_room(
    records: Iterable[PreparedRecord | Alike],
    rules: Sequence[Rule],
    asked: Asked,
    seen: Callable[[PreparedRecord | Alike], None] = lambda _part: None,
) -> dict[str, int]:
    """Kind -> how many records that take part hold more values of it than the agreement has room for. `seen` is called
    with those that take part, in order."""
    crowded: Counter[str] = Counter()
    for _numbers, part in TakingPart(records, asked):
        seen(part)
        if isinstance(part, PreparedRecord):  # those that are alike hold one value of a kind
            for rule in rules:
                crowded[rule.kind] += len(part.identifiers.get(rule.kind, ())) > rule.per_record
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
        backend: Backend,
        progress: Callable[[int], None] = lambda _records: None,
        excluded: Excluded | None = None,
        seen: Callable[[PreparedRecord | Alike], None] = lambda _part: None,
    ) -> None:
        """`seen` is called with those that take part, in order."""
        self.counts = Participation()
        self._seen = seen
        self._rules = manifest.rules()
        scope, normaliser = manifest.digest(), manifest.normaliser_version
        keys = key_ids(self._rules)
        self._keys = {key: number for number, key in enumerate(keys)}
        self._fronts = [identifier_front(scope, key, normaliser) for key in keys]
        self._asked = Asked.of(manifest, me, today, excluded)
        self._most_records = manifest.member(me).records
        self._links = links
        self._backend = backend
        self._progress = progress
        self._numbering = Numbering()
        self._link_rows = bytearray()
        self.samples: dict[str, list[str]] = {}
        single = {rule.kind for rule in self._rules if rule.kind != "person"}
        self._sampled = {number: key for key, number in self._keys.items() if key in single}

    def batches(self, records: Iterable[PreparedRecord | Alike]) -> Iterator[list[bytes]]:
        """Distinct identifier messages, at most CHUNK_ROWS at a time. ListDoesNotFit if too many records take part."""
        met = _Met(self._digests)
        walk = TakingPart(records, self._asked)
        consent: Consent | None = None
        rules: Sequence[tuple[Rule, str | None]] = ()
        for numbers, part in walk:
            self._seen(part)
            if part.consent is not consent:  # the same object for most records
                consent = part.consent
                rules = self._covered(consent)
            pieces: Iterable[tuple[Sequence[int], PreparedRecord | Alike]] = ((numbers, part),)
            if isinstance(part, Alike) and any(rule.near for rule, _kind in rules):  # many tokens each: one by one
                pieces = (((number,), record) for number, record in zip(numbers, part, strict=True))
            for here, piece in pieces:
                if isinstance(piece, PreparedRecord):
                    self._take(met, rules, piece, here[0])
                else:
                    self._take_columns(met, rules, piece, here)
                if len(met.values) >= CHUNK_ROWS:
                    self.counts.records = here[-1] + 1
                    yield from self._give(met)
                    met = _Met(self._digests)
        self.counts.records = walk.records
        yield from self._give(met)
        self._keep_links(everything=True)

    def _take(self, met: "_Met", rules: Sequence[tuple[Rule, str | None]], record: PreparedRecord, number: int) -> None:
        for rule, kind in rules:
            values = record.identifiers.get(kind, ()) if kind else ()
            if len(values) == 1 and values[0]:
                found: Sequence[tuple[str, str]] = ((rule.kind, values[0]),)
            else:
                found = tokens(rule, record.identifiers, record.person)
            for key, value in found:
                met.take(self._keys[key], value.encode(), number)

    def _take_columns(
        self, met: "_Met", rules: Sequence[tuple[Rule, str | None]], part: Alike, numbers: Sequence[int]
    ) -> None:
        """As `_take` of each of them. They name nobody and hold one value of a kind, so that the value is the token."""
        columns = {self._keys[rule.kind]: part.values[rule.kind] for rule, _kind in rules if rule.kind in part.values}
        if columns:
            met.take_columns(columns, numbers)

    def further(self, values: Sequence[tuple[str, str]]) -> tuple[list[bytes], list[int]]:
        """Messages of values that belong to no record, by key; those that no record has and that come once, with their
        places in `values`. Their token numbers go on after those of the records, in this order, and they have no links.

        Only once all batches are taken."""
        if not values:
            return [], []
        met = _Met(self._digests)
        for key, value in values:
            met.take(self._keys[key], value.encode(), 0)
        keys, _records, digests = met.whole()
        _numbers, fresh = self._numbering.number(digests.tobytes())
        return self._messages(met.values, keys, fresh), fresh

    def _sample(self, values: Sequence[bytes], keys: NDArray[np.uint32]) -> None:
        """Keep a few values of each kind of this batch, and of those that were kept before every second one where they
        are many."""
        for number, key in self._sampled.items():
            places = np.flatnonzero(keys == number)
            for at in places[:: max(1, len(places) // _SAMPLE_OF_A_BATCH)].tolist():
                kept = self.samples.setdefault(key, [])
                kept.append(values[at].decode())
                if len(kept) > 2 * SAMPLE_VALUES:
                    del kept[::2]

    def _covered(self, consent: Consent) -> list[tuple[Rule, str | None]]:
        """The rules whose kinds records with this consent take part with; the kind, if its values are its tokens."""
        covered = (rule for rule in self._rules if self._asked.covers(consent, rule.kind))
        return [(rule, None if rule.kind == "person" or rule.near else rule.kind) for rule in covered]

    def _give(self, met: "_Met") -> Iterator[list[bytes]]:
        """Number what has been met; the messages that are new, and the links of all. Whole records, as they come."""
        keys, records, digests = met.whole()
        self._take_part(len(distinct(records)))
        self._progress(self.counts.records)
        self._sample(met.values, keys)
        numbers, fresh = self._numbering.number(digests.tobytes())
        self.counts.identifiers = self._numbering.count
        links = np.empty((len(numbers), LINK_BYTES // 4), dtype=">u4")
        links[:, 0], links[:, 1], links[:, 2] = numbers, records, keys
        self._link_rows += links.tobytes()
        self._keep_links(everything=False)
        for start in range(0, len(fresh), CHUNK_ROWS):
            yield self._messages(met.values, keys, fresh[start : start + CHUNK_ROWS])

    def _messages(self, values: Sequence[bytes], keys: NDArray[np.uint32], places: Sequence[int]) -> list[bytes]:
        """The messages of the values at these places, which are ascending."""
        if len(places) != len(values):
            values, keys = [values[at] for at in places], keys[places]
        if len(keys) and bool((keys == keys[0]).all()):  # of one key, as in most rounds
            return with_values(self._fronts[keys[0]], values)
        messages = [b""] * len(values)
        for key in np.flatnonzero(np.bincount(keys)).tolist():
            here = np.flatnonzero(keys == key).tolist()
            for at, message in zip(here, with_values(self._fronts[key], [values[at] for at in here]), strict=True):
                messages[at] = message
        return messages

    def _digests(self, key: int, texts: Texts) -> NDArray[np.uint8]:
        """One for each value of a key, made many at a time. A front holds the lengths of its parts, so that none begins
        another one, and `Texts.rows` makes another row of every value: two identifiers never hash the same bytes."""
        return hashed(texts, self._backend, _DIGEST_LABEL + self._fronts[key], DIGEST_BYTES)

    def _keep_links(self, *, everything: bool) -> None:
        whole = CHUNK_ROWS * LINK_BYTES
        while len(self._link_rows) >= whole or (everything and self._link_rows):
            self._links.append(bytes(self._link_rows[:whole]))
            del self._link_rows[:whole]

    def _take_part(self, records: int) -> None:
        self.counts.taking_part += records
        if self.counts.taking_part > self._most_records:
            raise ListDoesNotFit(
                f"More than {self._most_records} records would take part, which is what the agreement declares for "
                "this side.",
                advice="Nothing was sent. Propose a round with a larger record class.",
            )


class _Met:
    """Tokens in the order in which they were met: value (UTF-8), key number, record number and digest of each."""

    def __init__(self, digests: Callable[[int, Texts], NDArray[np.uint8]]) -> None:
        """`digests`: those of the values of one key."""
        self.values: list[bytes] = []
        self._digests_of = digests
        self._keys: list[NDArray[np.uint32]] = []
        self._records: list[NDArray[np.uint32]] = []
        self._digests: list[NDArray[np.uint8]] = []
        # Of those that came one by one since the last columns.
        self._late_keys: list[int] = []
        self._late_records: list[int] = []

    def take(self, key: int, value: bytes, record: int) -> None:
        """One token."""
        self.values.append(value)
        self._late_keys.append(key)
        self._late_records.append(record)

    def take_columns(self, columns: Mapping[int, Texts], records: Sequence[int]) -> None:
        """A token of each key for each of these records; the tokens of a record stand together."""
        self._settle()
        each = len(columns)
        if each == 1:
            (column,) = columns.values()
            self.values += column.encoded
        else:
            self.values += chain.from_iterable(zip(*(column.encoded for column in columns.values()), strict=True))
        self._keys.append(np.tile(np.fromiter(columns, dtype=np.uint32, count=each), len(records)))
        self._records.append(_numbers(records).repeat(each))
        made = [self._digests_of(key, column) for key, column in columns.items()]
        self._digests.append(np.stack(made, axis=1).reshape(-1, DIGEST_BYTES))

    def whole(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint8]]:
        """Keys, records (ascending) and digests (rows of DIGEST_BYTES) of all `values`."""
        self._settle()
        if not self._keys:
            return _numbers(()), _numbers(()), np.empty((0, DIGEST_BYTES), dtype=np.uint8)
        return np.concatenate(self._keys), np.concatenate(self._records), np.concatenate(self._digests)

    def _settle(self) -> None:
        if not self._late_keys:
            return
        values = self.values[-len(self._late_keys) :]
        keys = _numbers(self._late_keys)
        digests = np.empty((len(keys), DIGEST_BYTES), dtype=np.uint8)
        for key in np.flatnonzero(np.bincount(keys)).tolist():
            places = np.flatnonzero(keys == key)
            alike = values if len(places) == len(values) else [values[at] for at in places.tolist()]
            digests[places] = self._digests_of(key, Texts.of_encoded(alike))
        self._keys.append(keys)
        self._records.append(_numbers(self._late_records))
        self._digests.append(digests)
        self._late_keys, self._late_records = [], []


def _numbers(numbers: Sequence[int]) -> NDArray[np.uint32]:
    if isinstance(numbers, range):
        return np.arange(numbers.start, numbers.stop, numbers.step, dtype=np.uint32)
    return np.array(numbers, dtype=np.uint32)

"""Records that were erased at a person's request: taken out of a data set, and kept out of the next one.

    record file  --without the lines of these references-->  the next version of the data set, as after a refresh
    reference    --BLAKE2b (RFC 7693) under a key of this node-->  digest, kept for ever

The source file is not ours: the row may still stand in it, and the next `refresh` would bring the record back. So the
digest of its reference stays, and a line that has it is left out, with the reason in the report. The digest tells
nothing to who does not hold the node's keys; who does can test a case number that is known already, which is its
purpose: to prove later that this record was erased, and when. A person who agrees anew gets a new case number.

Not promised: what an erased record's file left on the disk before its blocks are used again is sealed, not overwritten.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from node.datasets.dataset import Dataset
from node.datasets.heads import NO_PAST, Head
from node.datasets.recordfile import LineWriter, RecordWriter
from node.datasets.records import PreparedRecord, references
from node.datasets.report import Report
from node.datasets.takeover import ReadLines
from node.ids import RandomBytes
from node.store import Store
from node.store.own_settings import own_key, read_own
from node.store.schema import erasures

__all__ = ["Cut", "Erased", "KeptOut", "cut", "without_references"]

_KEY = "erasures/key"
KEY_BYTES = 32
DIGEST_BYTES = 16
"""Bytes of the digest of a reference. That two case numbers of one organisation share one does not happen."""

WIDE_BYTES = 32

REASON = "row/erased"


class Erased:
    """The digests of erased references. The key is made at the first erasure and lies sealed with the settings."""

    def __init__(self, store: Store, random_bytes: RandomBytes) -> None:
        self._store = store
        self._random_bytes = random_bytes

    def digest(self, tx: Connection, reference: str) -> bytes:
        """Of one reference; makes the key if there is none yet."""
        return _digest(self._made(tx), reference)

    def digests(self, tx: Connection, references: Iterable[str]) -> dict[str, str]:
        """Digest, as hex digits -> reference, of many."""
        key = self._made(tx)
        return {_digest(key, reference).hex(): reference for reference in references}

    def wide_digest(self, tx: Connection, reference: str) -> bytes:
        """Another one, of WIDE_BYTES, that a second person approves before anything is erased."""
        text = reference.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, key=self._made(tx), digest_size=WIDE_BYTES, person=b"bm erase wanted").digest()

    def _made(self, tx: Connection) -> bytes:
        return own_key(self._store, tx, _KEY, self._random_bytes, KEY_BYTES)

    def test(self) -> Callable[[str], bool] | None:
        """Says of a reference if its record was erased; None if none ever was."""
        with self._store.read() as connection:
            known = frozenset(connection.execute(select(erasures.c.digest)).scalars())
            key = read_own(self._store, connection, _KEY)
        if not known or key is None:
            return None
        return lambda reference: _digest(key, reference) in known


def _digest(key: bytes, reference: str) -> bytes:
    text = reference.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, key=key, digest_size=DIGEST_BYTES, person=b"bm erased ref").digest()


class KeptOut:
    """Stands before a writer and lets no line of an erased record through. `settle` then corrects the report."""

    def __init__(self, writer: LineWriter, erased: Callable[[str], bool]) -> None:
        self._writer = writer
        self._erased = erased
        self._lines: list[bytes] = []

    def append(self, line: bytes) -> None:
        if self._erased(references([line])[0]):
            self._lines.append(line)
        else:
            self._writer.append(line)

    def settle(self, report: Report) -> None:
        """Count what was kept out as left out."""
        for record in PreparedRecord.from_lines(self._lines):
            report.usable -= 1
            report.children -= record.child
            report.urgent -= record.consent.urgent
            report.identifiers.subtract(record.identifiers.keys())
            report.identifiers["person"] -= record.person is not None
            report.reasons[REASON] += 1


@dataclass(frozen=True)
class Cut:
    """A version of a data set without some records, written and not yet in force.

    `records`: how many are gone; `rounds`: ids of earlier rounds that some of them took part in, as far as the data set
    remembers; `removed`: the records themselves, for whoever has to ask which rounds of this version they were in.
    """

    dataset: Dataset
    version_id: str
    details: dict[str, Any] = field(repr=False)
    counts: dict[str, Any]
    removed: tuple[PreparedRecord, ...] = field(repr=False)
    rounds: frozenset[str]

    @property
    def records(self) -> int:
        return len(self.removed)


def cut(
    dataset: Dataset,
    blocks: ReadLines,
    wanted: frozenset[str],
    writer: Callable[[], RecordWriter],
    version_id: str,
) -> Cut | None:
    """Write a record file without the records of the references `wanted`; None if there is none of them, and nothing
    was written."""
    found = [line for lines in blocks() for line in _of(lines, wanted)]
    details = without_references(dataset.details, wanted)
    if not found and details == dataset.details:
        return None
    with writer() as file:
        for lines in blocks():
            gone = set(_of(lines, wanted))
            for line in lines:
                if line not in gone:
                    file.append(line)
        file.finish()
    removed = tuple(PreparedRecord.from_lines(found))
    names = dataset.details.get("rounds", [])
    masks = [0 if (past := Head(line).past) == NO_PAST else int(past, 16) for line in found]
    rounds = frozenset(name for bit, name in enumerate(names) if any(mask >> bit & 1 for mask in masks))
    return Cut(dataset, version_id, details, _counts(dataset.counts, removed), removed, rounds)


def without_references(details: dict[str, Any], wanted: frozenset[str]) -> dict[str, Any]:
    """Details of a data set in which the last refresh does not name these references any more."""
    if "refresh" not in details:
        return details
    told = [
        {**one, "references": [name for name in one["references"] if name not in wanted]}
        for one in details["refresh"].get("told", ())
    ]
    return {**details, "refresh": {**details["refresh"], "told": told}}


def _of(lines: Sequence[bytes], wanted: frozenset[str]) -> list[bytes]:
    return [line for line, name in zip(lines, references(lines), strict=True) if name in wanted]


def _counts(counts: dict[str, Any], removed: Sequence[PreparedRecord]) -> dict[str, Any]:
    """The numbers of a data set without these records, which count as left out."""
    identifiers = dict(counts["identifiers"])
    for record in removed:
        for kind in [*record.identifiers, *(["person"] if record.person is not None else [])]:
            identifiers[kind] -= 1
    reasons = dict(counts["reasons"])
    if removed:
        reasons[REASON] = reasons.get(REASON, 0) + len(removed)
    return {
        **counts,
        "usable": counts["usable"] - len(removed),
        "left_out": counts["left_out"] + len(removed),
        "children": counts["children"] - sum(record.child for record in removed),
        "urgent": counts.get("urgent", 0) - sum(record.consent.urgent for record in removed),
        "identifiers": dict(sorted(identifiers.items())),
        "reasons": dict(sorted(reasons.items())),
    }

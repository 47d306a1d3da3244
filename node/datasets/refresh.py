"""The same table again: what did not change is taken over, and what was withdrawn is told.

    old record file --+                                        new record file
                      +-- Known.take(row): same digest? -- yes: its line, as it is ----+
    new table --------+                                 -- no: prepare the row --------+--> Writer, which adds the past

**Taking over** is `takeover`.

**The past.** Which rounds a record took part in is kept as a set of bits in its line, by its reference: everything is
done by reference here, because that is how the owner knows a person. After a refresh each reference is compared: of
the records that are not the same as before, does one less take part in a round that is over or running, if that round
were asked again today? Then its consent was withdrawn, narrowed, or the row is gone, and the rounds it was in cannot be
called back. Memory: 12 bytes for a record with a past and 8 for every other, twice.

Not promised: the past of a data set that was removed and added again.
"""

import hashlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from node.datasets.heads import NO_PAST, Head
from node.datasets.recordfile import LineWriter
from node.datasets.records import PreparedRecord, references
from node.datasets.takeover import Old
from psi.errors import PsiError
from psi.identifiers import Rule, tokens

__all__ = ["MAX_REFERENCES_TOLD", "Changes", "Past", "Use", "Withdrawn", "Writer", "withdrawn"]

MAX_REFERENCES_TOLD = 10_000
"""References of withdrawn records that one refresh tells; their number is told in any case."""

_BLOCK = 1024
"""Lines whose past is looked up together."""


@dataclass(frozen=True)
class Use:
    """A round whose list was made from some version of the data set, and what decides who took part in it.

    `receiver` is the class of the other side, `day` the one on which the list was made. `running`: it is not over;
    `children`: it is about children alone.
    """

    round_id: str
    title: str
    version_id: str
    day: date
    receiver: str
    rules: tuple[Rule, ...]
    running: bool
    purpose: str = ""
    children: bool = False

    def took_part(self, record: PreparedRecord) -> bool:
        """Would this record have given anything to that round?"""
        if record.child is not self.children:
            return False
        consent = record.consent
        covered = [rule for rule in self.rules if consent.covers(rule.kind, self.receiver, self.day, self.purpose)]
        try:
            return any(tokens(rule, record.identifiers, record.person) for rule in covered)
        except PsiError:  # more values than that agreement has room for
            return True


@dataclass(frozen=True)
class Withdrawn:
    """References whose records were in these rounds and would not be any more."""

    references: tuple[str, ...] = field(repr=False)
    rounds: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        return {"references": list(self.references), "rounds": list(self.rounds)}


@dataclass(frozen=True)
class Changes:
    """What a refresh did: rows taken over, records prepared again, records of before whose reference is gone;
    references withdrawn from rounds in all, and which, as far as they are told."""

    taken_over: int
    prepared: int
    gone: int
    withdrawn: int
    told: tuple[Withdrawn, ...]

    COUNTS: ClassVar = ("taken_over", "prepared", "gone", "withdrawn")

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.COUNTS} | {"told": [one.to_dict() for one in self.told]}


class Past:
    """In which rounds the records of each reference took part, up to now.

    `rounds` is the list that the bits stand for: those of the version before, then the uses of that version itself.
    """

    def __init__(self, old: Old, rounds: Sequence[str], uses: Sequence[Use], version_id: str) -> None:
        self.rounds = [*rounds, *(use.round_id for use in uses if use.version_id == version_id)]
        by_id = {use.round_id: use for use in uses}
        self._uses = [by_id.get(round_id) for round_id in self.rounds]
        self._new = range(len(rounds), len(self.rounds))
        self._sets: list[int] = [0]
        self._ids: dict[int, int] = {0: 0}
        self._hashes: NDArray[np.uint64] = np.empty(0, dtype=np.uint64)
        self._masks: NDArray[np.uint32] = np.empty(0, dtype=np.uint32)
        if self.rounds:
            self._collect(old)

    def __bool__(self) -> bool:
        return bool(self.rounds)

    def id_of(self, mask: int) -> int:
        """A small number for a set of rounds: there are few different ones."""
        found = self._ids.get(mask)
        if found is None:
            found = self._ids[mask] = len(self._sets)
            self._sets.append(mask)
        return found

    def set_of(self, number: int) -> int:
        return self._sets[number]

    def of(self, hashes: NDArray[np.uint64]) -> list[int]:
        """The set of rounds of each reference."""
        if not len(self._hashes):
            return [0] * len(hashes)
        places = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
        known = self._hashes[places] == hashes
        return [self._sets[number] for number in np.where(known, self._masks[places], 0).tolist()]

    def would(self, record: PreparedRecord) -> int:
        """The rounds that this record would be part of, were they asked today."""
        found = 0
        for bit, use in enumerate(self._uses):
            # Of a round that this node has forgotten nothing is known but that the record was in it.
            if use is None or use.took_part(record):
                found |= 1 << bit
        return found

    def _collect(self, old: Old) -> None:
        hashes, masks = array("Q"), array("I")
        fresh = [(bit, use) for bit in self._new if (use := self._uses[bit]) is not None]
        for lines in old.blocks():
            heads = [Head(line) for line in lines]
            records = PreparedRecord.from_lines([head.body for head in heads]) if fresh else ()
            for place, (head, reference) in enumerate(zip(heads, references(lines), strict=True)):
                mask = 0 if head.past == NO_PAST else int(head.past, 16)
                for bit, use in fresh:
                    if use.took_part(records[place]):
                        mask |= 1 << bit
                if mask:
                    hashes.append(_hash(reference))
                    masks.append(self.id_of(mask))
        found = np.frombuffer(hashes, dtype=np.uint64) if hashes else self._hashes
        numbers = np.frombuffer(masks, dtype=np.uint32) if hashes else self._masks
        order = np.argsort(found, kind="stable")
        found, numbers = found[order], numbers[order].copy()
        heads_of = np.flatnonzero(np.concatenate([[True], found[1:] != found[:-1]])) if len(found) else order
        for start, stop in zip(heads_of.tolist(), [*heads_of.tolist()[1:], len(found)], strict=False):
            if stop - start > 1:  # one reference on several rows
                union = 0
                for number in numbers[start:stop].tolist():
                    union |= self._sets[number]
                numbers[start] = self.id_of(union)
        self._hashes, self._masks = found[heads_of], numbers[heads_of]


class Writer:
    """Stands before a record writer: gives every line its past, and notes what `withdrawn` needs."""

    def __init__(self, writer: LineWriter, past: Past) -> None:
        self._writer = writer
        self._past = past
        self._waiting: list[bytes] = []
        self._hashes = array("Q")
        self._fresh_hashes, self._fresh_masks = array("Q"), array("I")

    def append(self, line: bytes) -> None:
        self._waiting.append(line)
        if len(self._waiting) >= _BLOCK:
            self.flush()

    def flush(self) -> None:
        """Write what waits; to be called at the end as well."""
        lines, self._waiting = self._waiting, []
        if not lines:
            return
        hashes = [_hash(reference) for reference in references(lines)]
        self._hashes.extend(hashes)
        if not self._past:
            for line in lines:
                self._writer.append(line)
            return
        for line, number, mask in zip(lines, hashes, self._past.of(np.array(hashes, dtype=np.uint64)), strict=True):
            head = Head(line)
            if mask and head.past == NO_PAST:  # prepared just now
                would = self._past.would(PreparedRecord.from_line(head.body))
                self._fresh_hashes.append(number)
                self._fresh_masks.append(self._past.id_of(would))
            self._writer.append(head.with_past(mask))

    @property
    def fresh(self) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
        """(hash of the reference, rounds it would be part of) of the records that were prepared and have a past."""
        return np.array(self._fresh_hashes, dtype=np.uint64), np.array(self._fresh_masks, dtype=np.uint32)

    def unknown(self, hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which references stand on no line that was written."""
        return ~np.isin(hashes, np.array(self._hashes, dtype=np.uint64))


def withdrawn(old: Old, past: Past, writer: Writer) -> tuple[int, int, tuple[Withdrawn, ...]]:
    """(records gone, references withdrawn, and from which rounds), after the whole table was read."""
    numbers, hashes, would, was = array("Q"), array("Q"), array("I"), array("I")
    block: list[tuple[int, bytes]] = []

    def note() -> None:
        found = [_hash(reference) for reference in references(line for _, line in block)]
        pasts = past.of(np.array(found, dtype=np.uint64))
        for (number, line), hashed, mask in zip(block, found, pasts, strict=True):
            numbers.append(number)
            hashes.append(hashed)
            was.append(past.id_of(mask))
            would.append(past.id_of(mask & past.would(PreparedRecord.from_line(Head(line).body)) if mask else 0))
        block.clear()

    for entry in old.changed():
        block.append(entry)
        if len(block) >= _BLOCK:
            note()
    if block:
        note()
    before = np.array(hashes, dtype=np.uint64)
    gone = int(writer.unknown(before).sum())
    lost = _lost(past, before, np.array(would, dtype=np.uint32), np.array(was, dtype=np.uint32), *writer.fresh)
    if not lost:
        return gone, 0, ()
    first: dict[int, int] = {}
    for number, hashed in zip(numbers, hashes, strict=True):
        if hashed in lost and len(first) < MAX_REFERENCES_TOLD:
            first.setdefault(hashed, number)
    told: dict[int, list[str]] = {}
    wanted = {number: lost[hashed] for hashed, number in first.items()}
    for number, line in old.changed():
        if number in wanted:
            told.setdefault(wanted[number], []).extend(references([line]))
    groups = (
        Withdrawn(tuple(named), tuple(name for bit, name in enumerate(past.rounds) if mask >> bit & 1))
        for mask, named in told.items()
    )
    return gone, len(lost), tuple(groups)


def _lost(
    past: Past,
    before: NDArray[np.uint64],
    would: NDArray[np.uint32],
    was: NDArray[np.uint32],
    after: NDArray[np.uint64],
    would_now: NDArray[np.uint32],
) -> dict[int, int]:
    """Hash of a reference -> the rounds that it was part of and is not any more.

    Rows of one reference are not told apart; so the number of its records that would be part of a round is what counts.
    """
    hashes = np.concatenate([before, after])
    sets = np.concatenate([would, would_now])
    sign = np.concatenate([np.ones(len(before), dtype=np.int64), np.full(len(after), -1, dtype=np.int64)])
    order = np.argsort(hashes, kind="stable")
    hashes, sets, sign = hashes[order], sets[order], sign[order]
    if not len(hashes):
        return {}
    starts = np.flatnonzero(np.concatenate([[True], hashes[1:] != hashes[:-1]]))
    fewer = np.zeros(len(starts), dtype=bool)
    for bit in range(len(past.rounds)):
        has = np.array([past.set_of(number) >> bit & 1 for number in range(int(sets.max()) + 1)], dtype=np.int64)
        fewer |= np.add.reduceat(has[sets] * sign, starts) > 0
    names = set(hashes[starts[fewer]].tolist())
    told: dict[int, int] = dict.fromkeys(names, 0)
    for hashed, number in zip(before.tolist(), was.tolist(), strict=True):
        if hashed in names:
            told[hashed] |= past.set_of(number)
    still: dict[int, int] = {}
    for hashed, number in zip(after.tolist(), would_now.tolist(), strict=True):
        if hashed in names:
            still[hashed] = still.get(hashed, 0) | past.set_of(number)
    return {hashed: mask & ~still.get(hashed, 0) or mask for hashed, mask in told.items() if mask}


def _hash(reference: str) -> int:
    """Eight bytes stand for a reference: at ten million of them the chance that any two are taken for one is 3 in a
    million."""
    return int.from_bytes(hashlib.blake2b(reference.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")

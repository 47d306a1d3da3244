"""All data sets of a node: prepared from a file, then read by rounds as a stream, until someone removes them.

    add      source file -> sealed record file -> one row in the table `datasets` and one audit entry, together
    refresh  the same from a newer file: a second record file, then the row points to it (decision 0013)
    records  the prepared records, one by one
    remove   the row and an audit entry, then the files

A record file gets its name before a row knows it and loses it after no row does, so a crash in between leaves a file
that is of no use; the next start removes it. A version that was replaced stays as long as a round runs whose list was
made from it: that round finds its leads by the numbers of its records. No other round ever sees it.

The audit log gets the data set's id and counts, never its name, its source or anything in it. Removing unlinks files
and overwrites nothing: what the disk keeps is sealed.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from node.clock import Clock
from node.datasets.alike import Alike, read_records
from node.datasets.dataset import NO_STOP, Dataset, check_second, details_of, row_key
from node.datasets.dataset_rows import DatasetRows, changed_meanwhile, name_taken
from node.datasets.erasing import Cut, Erased, KeptOut, cut
from node.datasets.exclusions import EVERYBODY, Exclusions
from node.datasets.heads import KEY_BYTES, NO_PAST, Head, Heads
from node.datasets.layout import Columns
from node.datasets.mapping import Mapping
from node.datasets.memory import MappingMemory
from node.datasets.prepare import Progress, prepare
from node.datasets.recordfile import (
    LineWriter,
    RecordWriter,
    read_blocks,
    read_layouts,
    remove_file,
    remove_leftovers,
)
from node.datasets.records import PreparedRecord, marks, references
from node.datasets.refresh import Changes, Past, Use, Writer, withdrawn
from node.datasets.removed_lists import RemovedLists
from node.datasets.report import Report
from node.datasets.stop_list import StopLists, stop_digest
from node.datasets.tables import Table
from node.datasets.takeover import Known, Old
from node.datasets.terms import Terms
from node.errors import StateDamaged, UserError
from node.ids import RandomBytes, new_id
from node.store import Store
from node.store.files import FOLDER_MODE
from psi.identifiers import NORMALISER_VERSION

__all__ = ["Audit", "Dataset", "DatasetBook"]


class Audit(Protocol):
    """The part of the audit log that is needed here (`node.audit.AuditLog`)."""

    def append(self, tx: Connection, event: str, **facts: Any) -> int: ...


class DatasetBook:
    """Adds, refreshes, lists, reads and removes data sets. Make one per node: it clears away what a crash left in
    `folder`."""

    def __init__(
        self,
        store: Store,
        folder: Path,
        audit: Audit,
        clock: Clock,
        random_bytes: RandomBytes,
        *,
        processes: int = 0,
    ) -> None:
        """`processes`: how many prepare a large table (`prepare.prepare`); 0 is one for each processor."""
        self._store = store
        self._processes = processes
        self._folder = folder
        self._audit = audit
        self._clock = clock
        self._random_bytes = random_bytes
        self._rows = DatasetRows(store, clock)
        self._replaced: set[str] = set()
        self.memory = MappingMemory(store)
        self.stop_lists = StopLists(store, clock)
        self.exclusions = Exclusions(store, clock)
        self.erased = Erased(store, random_bytes)
        self._removed_lists = RemovedLists(store, self.exclusions, self.erased)
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        current, needed = self._rows.versions(), self._rows.versions_of_rounds()
        remove_leftovers(folder, current | needed)
        self._replaced |= needed - current

    def add(
        self,
        name: str,
        table: Table,
        terms: Terms,
        mapping: Mapping | None = None,
        *,
        by: str,
        source: str = "",
        opened: dict[str, Any] | None = None,
        progress: Progress | None = None,
    ) -> tuple[Dataset, Report]:
        """Prepare every row of `table` and store the result; without a mapping, the one remembered for its header.

        `source` is the file's name and `opened` how it is opened again, both kept sealed; `by` a staff label. Nothing
        is kept if anything fails: UserError for a taken or impossible name, a mapping or terms that do not fit, one
        person in two roles, or no usable row; KeyboardInterrupt passes.
        """
        self.check_name(name)
        check_second(terms, by)
        mapping = mapping or self.memory.recall(table.header)
        if mapping is None:
            raise UserError(
                "It is not known yet what the columns of this table mean.",
                advice="Look at the preview, which proposes a mapping, and add the data set with it.",
            )
        file_id = new_id(self._random_bytes)
        key = self._random_bytes(KEY_BYTES)
        stop = self.stop_lists.everything()
        with RecordWriter(self._folder, file_id, self._store.cells) as file:
            writer = self._kept_out(file)
            report = prepare(
                table,
                mapping,
                terms,
                writer,
                today=self._clock.now().date(),
                key=row_key(key, mapping, terms, stop_digest(stop)),
                stop=stop,
                progress=progress,
                processes=self._processes,
            )
            if isinstance(writer, KeptOut):
                writer.settle(report)
            file.finish()
        details = details_of(table, mapping, terms, report, source, opened or {}, key, stop_digest(stop))
        try:
            with self._store.transaction() as tx:
                self._rows.insert(tx, file_id, name, terms, report, details)
                self._audit.append(
                    tx, "dataset-added", dataset_id=file_id, by=by, **_audited(report), **_urgent(report, terms)
                )
                names = (name for block in self._version(file_id) for name in references(block))
                for peer, kept_out in self._removed_lists.found_in(tx, names).items():
                    self._exclude(tx, file_id, kept_out, by, peer)
                self.memory.remember(tx, table.header, mapping)
        except IntegrityError:
            remove_file(self._folder, file_id)
            raise name_taken() from None
        except BaseException:
            remove_file(self._folder, file_id)
            raise
        return self.get(name), report

    def refresh(
        self,
        name: str,
        table: Table,
        mapping: Mapping,
        *,
        by: str,
        urgent_second: str = "",
        uses: Sequence[Use] = (),
        source: str = "",
        opened: dict[str, Any] | None = None,
        progress: Progress | None = None,
    ) -> tuple[Dataset, Report, Changes]:
        """Make the next version of a data set from a newer state of its table, on the terms that it has.

        Rows that did not change are taken over; the result is that of adding the table anew. `uses` are the rounds
        whose lists were made from this data set. The old version stands until the new one does, and stays if anything
        fails: NotFound; UserError as for `add`, for an empty table, or if the data set changed meanwhile.
        """
        dataset = self.get(name)
        terms = dataset.terms(urgent_second)
        check_second(terms, by)
        terms.check(mapping)
        version_id = new_id(self._random_bytes)
        try:
            report, changes, details = self._next_version(dataset, version_id, table, terms, mapping, uses, progress)
        except StateDamaged:
            if self._rows.is_current(dataset):
                raise
            raise changed_meanwhile() from None
        details |= {"source": source, "opened": opened or {}}
        try:
            with self._store.transaction() as tx:
                self._rows.replace(tx, dataset, version_id, report, details)
                self._audit.append(
                    tx,
                    "dataset-refreshed",
                    dataset_id=dataset.dataset_id,
                    by=by,
                    taken_over=changes.taken_over,
                    gone=changes.gone,
                    withdrawn=changes.withdrawn,
                    rounds=len({round_id for one in changes.told for round_id in one.rounds}),
                    **_audited(report),
                    **_urgent(report, terms),
                )
                self.memory.remember(tx, table.header, mapping)
        except BaseException:
            remove_file(self._folder, version_id)
            raise
        self._replaced.add(dataset.version_id)
        self.drop_unneeded()
        return self.get(name), report, changes

    def _next_version(
        self,
        dataset: Dataset,
        version_id: str,
        table: Table,
        terms: Terms,
        mapping: Mapping,
        uses: Sequence[Use],
        progress: Progress | None,
    ) -> tuple[Report, Changes, dict[str, Any]]:
        """Write the record file of the next version; what was found, what changed, and the new details."""
        old = Old(dataset.usable, lambda: read_blocks(self._folder, dataset.version_id, self._store.cells))
        past = Past(old, dataset.details.get("rounds", ()), uses, dataset.version_id)
        today = self._clock.now().date()
        stop = self.stop_lists.everything()
        key = bytes.fromhex(dataset.details.get("key", "")) or self._random_bytes(KEY_BYTES)
        digests = row_key(key, mapping, terms, stop_digest(stop))
        binding = mapping.bind(table.header)
        known = Known(old, Heads(digests, binding, len(table.header)), binding, today)
        with RecordWriter(self._folder, version_id, self._store.cells) as file:
            writer = Writer(file, past)
            kept_out = self._kept_out(writer)
            report = prepare(
                table,
                mapping,
                terms,
                kept_out,
                today=today,
                key=digests,
                stop=stop,
                known=known,
                progress=progress,
                processes=self._processes,
            )
            writer.flush()
            if isinstance(kept_out, KeptOut):
                kept_out.settle(report)
            if not report.rows:
                raise UserError(
                    "The table has no rows below its header. The data set stays as it was.",
                    advice="Check that the right file was saved. `blindmatch dataset remove` removes a data set.",
                )
            gone, lost, told = withdrawn(old, past, writer)
            file.finish()
        changes = Changes(known.taken_over, report.usable - known.taken_over, gone, lost, told)
        details = details_of(table, mapping, terms, report, "", {}, key, stop_digest(stop))
        details |= {"rounds": past.rounds, "refresh": changes.to_dict()}
        return report, changes, details

    def list(self) -> tuple[Dataset, ...]:
        """All data sets in the order of their names."""
        return self._rows.everything()

    def get(self, name: str) -> Dataset:
        """One data set by its name; NotFound."""
        return self._rows.by_name(name)

    def by_id(self, dataset_id: str) -> Dataset:
        """One data set by its id, which a round keeps and a name does not outlive; NotFound."""
        return self._rows.by_id(dataset_id)

    def check_name(self, name: str) -> None:
        """UserError for a name that is impossible or taken."""
        self._rows.check_name(name)

    def outdated(self, dataset: Dataset) -> tuple[str, ...]:
        """Why a data set should be refreshed, one sentence each."""
        found = []
        if dataset.normaliser_version != NORMALISER_VERSION:
            found.append("It was prepared by another version of blindmatch, so no round takes it.")
        if self.before_stop_list(dataset):
            found.append("It was prepared before the stop-list changed.")
        return tuple(found)

    def before_stop_list(self, dataset: Dataset) -> bool:
        """Was it prepared when the stop-lists held other values?"""
        return bool(dataset.details.get("stop", NO_STOP) != stop_digest(self.stop_lists.everything()))

    def remove(self, name: str, *, by: str) -> None:
        """Forget a data set and delete its file; NotFound."""
        dataset = self.get(name)
        with self._store.transaction() as tx:
            self._removed_lists.keep(tx, dataset.dataset_id)
            if self._rows.delete(tx, dataset):
                self._audit.append(tx, "dataset-removed", dataset_id=dataset.dataset_id, by=by, usable=dataset.usable)
        remove_file(self._folder, dataset.version_id)

    def _kept_out(self, writer: LineWriter) -> LineWriter:
        """The writer, with what keeps erased records out before it, where any were erased here."""
        erased = self.erased.test()
        return writer if erased is None else KeptOut(writer, erased)

    def cut(self, dataset: Dataset, wanted: frozenset[str]) -> Cut | None:
        """A version of a data set without the records of these references, written and not yet in force: see `take`.
        None if it holds none of them and names none."""
        version_id = new_id(self._random_bytes)
        return cut(
            dataset,
            lambda: self._version(dataset.version_id),
            wanted,
            lambda: RecordWriter(self._folder, version_id, self._store.cells),
            version_id,
        )

    def take(self, tx: Connection, made: Cut) -> None:
        """Put a version in force. UserError if the data set was changed meanwhile. Then `settle`, whatever came."""
        self._rows.cut(tx, made.dataset, made.version_id, made.dataset.usable - made.records, made.counts, made.details)

    def settle(self, made: Cut) -> None:
        """After the transaction of `take`: delete the file that is not in force."""
        now = {one.version_id for one in self.list()}
        if made.version_id not in now:
            remove_file(self._folder, made.version_id)
        elif made.dataset.version_id not in now | self._rows.versions_of_rounds():
            remove_file(self._folder, made.dataset.version_id)
        else:
            self._replaced.add(made.dataset.version_id)

    def holds(self, dataset: Dataset, wanted: frozenset[str]) -> int:
        """How many records of a data set carry one of these references, and how often its last refresh names one."""
        lines = sum(name in wanted for block in self._version(dataset.version_id) for name in references(block))
        told = dataset.details.get("refresh", {}).get("told", ())
        return lines + sum(name in wanted for one in told for name in one["references"])

    def carrying(self, dataset: Dataset, reference: str) -> tuple[Sequence[PreparedRecord], Sequence[str]]:
        """The records of a data set with this reference, and the ids of the rounds that earlier versions of them took
        part in, in order. StateDamaged if the file is missing or altered."""
        lines = [
            line
            for block in self._version(dataset.version_id)
            for line, name in zip(block, references(block), strict=True)
            if name == reference
        ]
        masks = [0 if (past := Head(line).past) == NO_PAST else int(past, 16) for line in lines]
        names = dataset.details.get("rounds", ())
        rounds = [name for bit, name in enumerate(names) if any(mask >> bit & 1 for mask in masks)]
        return PreparedRecord.from_lines(lines), rounds

    def held_by_rounds(self, wanted: frozenset[str], looked: dict[str, bool]) -> set[str]:
        """The versions that running rounds made their lists from and that hold one of these references. `looked`: what
        is known of versions from an earlier look for the same references; what this one reads is added."""
        running = self._rows.versions_of_rounds()
        for version_id in running - set(looked):
            looked[version_id] = any(wanted.intersection(references(lines)) for lines in self._version(version_id))
        return {version_id for version_id in running if looked[version_id]}

    def _version(self, version_id: str) -> Iterator[Sequence[bytes]]:
        return read_blocks(self._folder, version_id, self._store.cells)

    def exclude(self, name: str, wanted: frozenset[str], *, by: str, peer: str = EVERYBODY) -> int:
        """Keep the records of these references out of every list that is made from now on: withdrawn, or withheld from
        one member (member id); how many references that was not so of before. NotFound; UserError for too many."""
        with self._store.transaction() as tx:
            return self.exclude_in(tx, self.get(name), wanted, by=by, peer=peer)

    def exclude_in(
        self, tx: Connection, dataset: Dataset, wanted: frozenset[str], *, by: str, peer: str = EVERYBODY
    ) -> int:
        """`exclude` in the transaction of whoever does something else about these records with it."""
        return self._exclude(tx, dataset.dataset_id, wanted, by, peer)

    def _exclude(self, tx: Connection, dataset_id: str, wanted: frozenset[str], by: str, peer: str) -> int:
        added = self.exclusions.add(tx, dataset_id, peer, wanted)
        if peer == EVERYBODY:
            self._audit.append(tx, "consent-withdrawn", dataset_id=dataset_id, by=by, withdrawn=added)
        else:  # from whom is not said here: members show each other their logs
            self._audit.append(tx, "records-withheld", dataset_id=dataset_id, by=by, withheld=added)
        return added

    def readmit(self, name: str, wanted: frozenset[str], *, by: str, peer: str = EVERYBODY) -> int:
        """Undo `exclude`; how many references took no part until now. NotFound."""
        dataset = self.get(name)
        with self._store.transaction() as tx:
            back = self.exclusions.remove(tx, dataset.dataset_id, peer, wanted)
            self._removed_lists.readmit(tx, peer, wanted)
            event = "consent-withdrawn" if peer == EVERYBODY else "records-withheld"
            self._audit.append(tx, event, dataset_id=dataset.dataset_id, by=by, state="readmitted", records=back)
        return back

    def found_in(self, dataset: Dataset, wanted: frozenset[str]) -> frozenset[str]:
        """Which of these references stand on a record of a data set."""
        found: set[str] = set()
        for lines in self._version(dataset.version_id):
            found |= wanted.intersection(references(lines))
        return frozenset(found)

    def records_with(self, version_id: str, wanted: frozenset[str]) -> Iterator[PreparedRecord]:
        """The records of one version that carry one of these references."""
        for lines in self._version(version_id):
            if found := [line for line, name in zip(lines, references(lines), strict=True) if name in wanted]:
                yield from PreparedRecord.from_lines(found)

    def change_stop_list(self, name: str, entries: frozenset[tuple[str, str]] | None, *, by: str) -> int:
        """Add entries to a stop-list, or with None remove it; how many entries that were. Errors of `StopLists`."""
        with self._store.transaction() as tx:
            if entries is None:
                changed = self.stop_lists.remove(tx, name)
            else:
                changed = self.stop_lists.add(tx, name, entries)
            state = "removed" if entries is None else "added"
            self._audit.append(tx, "stop-list-changed", by=by, entries=changed, state=state)
        return changed

    def read_stop_list(self, name: str, *, by: str) -> tuple[tuple[str, str], ...]:
        """The values of a stop-list, which its owner asked to see. NotFound."""
        values = self.stop_lists.values(name)
        with self._store.transaction() as tx:
            self._audit.append(tx, "stop-list-read", by=by, entries=len(values))
        return values

    def drop_unneeded(self) -> None:
        """Delete the files of versions that were replaced and that no running round needs any more."""
        if self._replaced:
            for version_id in self._replaced - self._rows.versions_of_rounds():
                remove_file(self._folder, version_id)
                self._replaced.discard(version_id)

    def records(self, name: str) -> Iterator[PreparedRecord]:
        """Every stored record, in the order of the file, as a stream that holds one block in memory.

        Children, and records whose consent does not cover the round, are among them: the caller asks each record.
        NotFound; UserError if another normaliser prepared it; StateDamaged if its file is missing or altered.
        """
        return chain.from_iterable(map(PreparedRecord.from_lines, map(_lines, self._blocks_of(self.get(name)))))

    def stretches(self, name: str) -> Iterator[PreparedRecord | Alike]:
        """As `records`; those that are alike in columns, which is much faster."""
        return chain.from_iterable(map(read_records, self._blocks_of(self.get(name))))

    def marks(self, version_id: str, numbers: NDArray[np.int64]) -> Iterator[tuple[str, str]]:
        """Reference and person mark (`records.marks`) of the records with these numbers (ascending, the first record
        is 0) in one version. StateDamaged if its file is missing or altered."""
        first = at = 0
        for block in read_layouts(self._folder, version_id, self._store.cells):
            stop = int(np.searchsorted(numbers, first + len(block)))
            if stop > at:
                wanted = (numbers[at:stop] - first).tolist()
                if isinstance(block, Columns):  # of records that name nobody, with nothing to parse
                    texts = block.columns[-1].encoded
                    yield from zip([texts[number].decode() for number in wanted], repeat(""), strict=False)
                else:
                    yield from marks(block[number] for number in wanted)
            first, at = first + len(block), stop

    def _blocks_of(self, dataset: Dataset) -> Iterator[Columns | Sequence[bytes]]:
        """The record file of a data set, a block at a time."""
        if dataset.normaliser_version != NORMALISER_VERSION:
            raise UserError(
                "This data set was prepared by another version of blindmatch, whose spellings may differ.",
                advice="Prepare it again from its source file: `blindmatch dataset refresh`.",
            )
        return self._blocks(dataset)

    def _blocks(self, dataset: Dataset) -> Iterator[Columns | Sequence[bytes]]:
        blocks = read_layouts(self._folder, dataset.version_id, self._store.cells)
        try:
            first = next(blocks, None)
        except StateDamaged:
            now = self.by_id(dataset.dataset_id)
            if now.version_id == dataset.version_id:
                raise
            yield from self._blocks(now)  # refreshed since the caller looked
            return
        if first is not None:
            yield first
        yield from blocks


def _lines(block: Columns | Sequence[bytes]) -> Sequence[bytes]:
    return block.lines() if isinstance(block, Columns) else block


def _audited(report: Report) -> dict[str, int]:
    return {"rows": report.rows, "usable": report.usable, "refused": report.left_out}


def _urgent(report: Report, terms: Terms) -> dict[str, Any]:
    return {"urgent": report.urgent, "second": terms.urgent_second} if report.urgent else {}

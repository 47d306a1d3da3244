"""The book of data sets: all or nothing, sealed, audited with counts only, readable as a stream."""

import hashlib
import os
import random
from itertools import chain

import numpy as np
import pytest

from node.clock import ManualClock
from node.datasets import Mapping, Terms, open_table
from node.datasets import recordfile as recordfile_module
from node.datasets.layout import columns_of
from node.datasets.recordfile import BLOCK_RECORDS, MAX_RECORD_BYTES, RecordWriter, read_blocks, remove_leftovers
from node.datasets.records import PreparedRecord, marks
from node.errors import NotFound, StateDamaged, UserError
from psi.identifiers import Person
from tests.support.intake import CANARIES, NOW, PHONE_TERMS, PHONES, Recorder, make_book, write_csv

FILE = "table.csv"


def add(book, path, name="cases", mapping=PHONES, **options):
    with open_table(path) as table:
        return book.add(name, table, PHONE_TERMS, mapping, by="anna", source=path.name, **options)


def numbers(folder, count):
    return write_csv(folder, "ref,tel\n" + "".join(f"R{i},0721{i:06d}\n" for i in range(count)))


def files(folder):
    return sorted(path.name for path in (folder / "state" / "datasets").iterdir())


def state_digest(folder):
    paths = sorted(path for path in (folder / "state").rglob("*") if path.is_file() and "db" not in path.name)
    return [(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in paths]


def test_a_data_set_is_added_listed_read_and_removed(tmp_path):
    audit = Recorder()
    book = make_book(tmp_path, audit=audit)
    dataset, report = add(book, write_csv(tmp_path, "ref,tel\nA,0721123456\nB,12\n"))
    assert (dataset.name, dataset.records, dataset.usable, dataset.counts) == ("cases", 2, 1, report.counts())
    assert (dataset.record_class, dataset.basis, dataset.region) == ("contact", "legal_duty", "RO")
    assert dataset.details["source"] == FILE
    assert dataset.details["mapping"] == PHONES.columns
    assert [problem["address"] for problem in dataset.details["problems"]] == ["B3", "row 3"]
    assert book.list() == (dataset,)
    assert book.get("cases") == book.by_id(dataset.dataset_id) == dataset
    assert [(r.reference, r.identifiers) for r in book.records("cases")] == [("A", {"phone": ("+40721123456",)})]
    book.remove("cases", by="anna")
    assert (book.list(), files(tmp_path)) == ((), [])
    assert audit.entries == [
        (
            "dataset-added",
            {"dataset_id": dataset.dataset_id, "by": "anna", "rows": 2, "usable": 1, "refused": 1},
        ),
        ("dataset-removed", {"dataset_id": dataset.dataset_id, "by": "anna", "usable": 1}),
    ]


def test_references_of_some_records_by_number(tmp_path):
    book = make_book(tmp_path)
    count = 2 * BLOCK_RECORDS + 3
    add(book, numbers(tmp_path, count))
    dataset_id = book.get("cases").dataset_id
    every = [f"R{number}" for number in range(count)]
    for wanted in ([], [0], [count - 1], [BLOCK_RECORDS - 1, BLOCK_RECORDS], [5, 2 * BLOCK_RECORDS], range(count)):
        assert [one for one, _ in book.marks(dataset_id, np.array(wanted, dtype=np.int64))] == [
            every[at] for at in wanted
        ]


@pytest.mark.parametrize("named", [False, True], ids=["columns", "lines"])
def test_marks_are_those_of_the_lines_however_a_block_is_stored(tmp_path, monkeypatch, named):
    """With a person among them, records are stored as lines; without, as columns. References of any alphabet."""
    records = [PreparedRecord(f"Ω {number}\x85", {"phone": (f"+4072112345{number}",)}) for number in range(9)]
    if named:
        records[4].person = Person({"given_name": "AN", "family_name": "PPSK"})
    lines = [record.to_line() for record in records]
    block = columns_of(lines)
    assert (block is None) is named
    monkeypatch.setattr("node.datasets.book.read_layouts", lambda *_: iter([lines[:3], block or lines]))
    found = list(make_book(tmp_path).marks("version", np.array([0, 2, 3, 7, 8, 11], dtype=np.int64)))
    assert found == marks([*lines[:3], *lines][number] for number in (0, 2, 3, 7, 8, 11))
    assert any(person for _, person in found) is named


def test_it_survives_a_restart(tmp_path):
    add(make_book(tmp_path), numbers(tmp_path, 3))
    assert [record.reference for record in make_book(tmp_path).records("cases")] == ["R0", "R1", "R2"]


@pytest.mark.tm("TM-85")
def test_nothing_readable_is_on_the_disk(tmp_path):
    reference, name, phone, mail = CANARIES
    path = write_csv(tmp_path, f"ref,tel,mail,name\n{reference},{phone},{mail},{name}\n")
    mapping = Mapping.of({"ref": "reference", "tel": "phone", "mail": "email", "name": "family_name"})
    add(make_book(tmp_path), path, mapping=mapping)
    everything = b"".join(p.read_bytes() for p in (tmp_path / "state").rglob("*") if p.is_file())
    for canary in (*CANARIES, phone[1:], "family_name", FILE, PHONE_TERMS.legal_reference):
        assert canary.encode() not in everything
        assert canary.encode("utf-16-le") not in everything
    assert b"contact" in everything, "the check does look at the database"


def test_a_remembered_mapping_serves_the_next_export(tmp_path):
    book = make_book(tmp_path)
    with pytest.raises(UserError, match="not known yet"):
        add(book, numbers(tmp_path, 2), mapping=None)
    add(book, numbers(tmp_path, 2))
    dataset, _ = add(book, numbers(tmp_path, 5), name="cases-2", mapping=None)
    assert dataset.usable == 5


@pytest.mark.parametrize("name", ["", "Cases", "a b", "-a", "a-", "../x", "ä", "a" * 65, "a\n"])
def test_impossible_names_are_refused(tmp_path, name):
    with pytest.raises(UserError, match="small letters"):
        add(make_book(tmp_path), numbers(tmp_path, 1), name=name)


def test_what_does_not_exist_is_not_found(tmp_path):
    book = make_book(tmp_path)
    for ask in (book.get, book.by_id, book.records, lambda name: book.remove(name, by="anna")):
        with pytest.raises(NotFound):
            ask("cases")


def test_a_name_is_taken_once(tmp_path):
    book = make_book(tmp_path)
    add(book, numbers(tmp_path, 1))
    before = files(tmp_path)
    with pytest.raises(UserError, match="already"):
        add(book, numbers(tmp_path, 2))
    assert files(tmp_path) == before


def test_two_adds_of_one_name_at_the_same_time_leave_one(tmp_path):
    book = make_book(tmp_path)
    path = numbers(tmp_path, 1000)
    with pytest.raises(UserError, match="already"):
        add(book, path, progress=lambda rows: add(book, path) if not book.list() else None)
    assert len(files(tmp_path)) == len(book.list()) == 1


def failing_progress(rows):
    raise KeyboardInterrupt


FAILURES = [
    ("no usable row", {"text": "ref,tel\n1,12\n"}, UserError),
    ("header only", {"text": "ref,tel\n"}, UserError),
    ("a column that is missing", {"text": "ref,mail\n1,2\n"}, UserError),
    ("an open quotation mark after many rows", {"text": "ref,tel\n" + "1,0721123456\n" * 3000 + '2,"0721'}, UserError),
    ("Ctrl-C", {"text": "ref,tel\n" + "1,0721123456\n" * 3000, "progress": failing_progress}, KeyboardInterrupt),
]


@pytest.mark.tm("TM-84")
@pytest.mark.parametrize(("name", "given", "error"), FAILURES, ids=[case[0] for case in FAILURES])
def test_a_failure_leaves_nothing(tmp_path, name, given, error):
    audit = Recorder()
    book = make_book(tmp_path, audit=audit)
    add(book, numbers(tmp_path, 1), name="kept")
    before, entries = state_digest(tmp_path), list(audit.entries)
    with pytest.raises(error):
        add(book, write_csv(tmp_path, given["text"]), progress=given.get("progress"))
    assert state_digest(tmp_path) == before
    assert audit.entries == entries
    assert [dataset.name for dataset in book.list()] == ["kept"]


@pytest.mark.tm("TM-84")
def test_a_failing_audit_entry_leaves_nothing(tmp_path):
    class Refusing:
        def append(self, _tx, _event, **_facts):
            raise UserError("no")

    book = make_book(tmp_path, audit=Refusing())
    with pytest.raises(UserError):
        add(book, numbers(tmp_path, 1))
    assert (files(tmp_path), book.list()) == ([], ())
    assert book.memory.recall(["ref", "tel"]) is None


@pytest.mark.tm("TM-84")
def test_a_full_disk_is_a_sentence_and_leaves_nothing(tmp_path, monkeypatch):
    book = make_book(tmp_path)

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recordfile_module.os, "fsync", full)
    with pytest.raises(UserError, match="no space left") as caught:
        add(book, numbers(tmp_path, 1))
    assert "Nothing was stored" in caught.value.sentence
    monkeypatch.undo()
    assert (files(tmp_path), book.list()) == ([], ())


@pytest.mark.tm("TM-84")
def test_what_a_power_cut_left_is_removed_at_the_next_start(tmp_path):
    book = make_book(tmp_path)
    add(book, numbers(tmp_path, 1))
    kept = files(tmp_path)
    for left in ("0" * 32 + ".part", "1" * 32 + ".records"):
        (tmp_path / "state" / "datasets" / left).write_bytes(b"x")
    make_book(tmp_path)
    assert files(tmp_path) == kept


def test_another_normaliser_version_is_refused(tmp_path, monkeypatch):
    book = make_book(tmp_path)
    add(book, numbers(tmp_path, 1))
    monkeypatch.setattr("node.datasets.book.NORMALISER_VERSION", "bm0")
    with pytest.raises(UserError, match="another version"):
        book.records("cases")


def test_today_is_the_clocks(tmp_path):
    text = "ref,mail,ok,until\n1,a@example.org,yes,2026-03-02\n"
    mapping = Mapping.of({"ref": "reference", "mail": "email", "ok": "consent", "until": "consent_until"})
    clock = ManualClock(NOW)
    book = make_book(tmp_path, clock=clock)
    with open_table(write_csv(tmp_path, text)) as table:
        book.add("first", table, Terms("victim"), mapping, by="anna")
        clock.advance(2 * 86400)
        with pytest.raises(UserError, match="has ended"):
            book.add("second", table, Terms("victim"), mapping, by="anna")


class TestRecordFile:
    def write(self, tmp_path, lines):
        self.cells = make_book(tmp_path)._store.cells
        with RecordWriter(tmp_path, "f", self.cells) as writer:
            for line in lines:
                writer.append(line)
            writer.finish()
        return tmp_path / "f.records"

    def read(self, tmp_path, file_id="f"):
        return list(chain.from_iterable(read_blocks(tmp_path, file_id, self.cells)))

    @pytest.mark.parametrize("count", [0, 1, BLOCK_RECORDS - 1, BLOCK_RECORDS, BLOCK_RECORDS + 1, 3 * BLOCK_RECORDS])
    def test_lines_come_back_in_order(self, tmp_path, count):
        lines = [b"%d" % i for i in range(count)]
        path = self.write(tmp_path, lines)
        assert self.read(tmp_path) == lines
        assert path.stat().st_mode & 0o777 == 0o600

    def test_a_line_of_the_greatest_length_fits_and_a_longer_one_does_not(self, tmp_path):
        line = b"x" * MAX_RECORD_BYTES
        self.write(tmp_path, [b"a", line, line, b"b"])
        assert self.read(tmp_path) == [b"a", line, line, b"b"]
        for bad in (line + b"x", b"a\nb"):
            with RecordWriter(tmp_path, "g", self.cells) as writer, pytest.raises(ValueError, match="one record"):
                writer.append(bad)

    @pytest.mark.tm("TM-85")
    def test_every_cut_is_noticed(self, tmp_path):
        path = self.write(tmp_path, [b"%d" % i for i in range(2 * BLOCK_RECORDS + 5)])
        whole = path.read_bytes()
        for length in {*random.Random(1).sample(range(len(whole)), 200), 0, 9, len(whole) - 1}:
            path.write_bytes(whole[:length])
            with pytest.raises(StateDamaged):
                self.read(tmp_path)

    @pytest.mark.tm("TM-85")
    def test_every_changed_byte_is_noticed(self, tmp_path):
        path = self.write(tmp_path, [b"abc", b"def"])
        whole = path.read_bytes()
        for place in range(len(whole)):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            with pytest.raises(StateDamaged):
                self.read(tmp_path)

    @pytest.mark.tm("TM-85")
    def test_blocks_cannot_be_swapped_dropped_added_or_moved_to_another_file(self, tmp_path):
        path = self.write(tmp_path, [b"%07d" % i for i in range(2 * BLOCK_RECORDS)])
        whole = path.read_bytes()
        length = int.from_bytes(whole[:4], "big") + 9
        first, second, last = whole[:length], whole[length : 2 * length], whole[2 * length :]
        assert self.read(tmp_path)
        for data in (second + first + last, first + last, first + second, first + second + last + last, last):
            path.write_bytes(data)
            with pytest.raises(StateDamaged):
                self.read(tmp_path)
        path.write_bytes(whole)
        path.rename(tmp_path / "g.records")
        for name in ("f", "g"):
            with pytest.raises(StateDamaged):
                self.read(tmp_path, name)

    def test_a_writer_that_is_left_early_leaves_no_file(self, tmp_path):
        cells = make_book(tmp_path)._store.cells
        with RecordWriter(tmp_path, "f", cells) as writer:
            writer.append(b"x")
        assert not list(tmp_path.glob("f.*"))

    def test_a_folder_that_refuses_is_a_sentence(self, tmp_path):
        cells = make_book(tmp_path)._store.cells
        with pytest.raises(UserError, match="cannot be written"):
            RecordWriter(tmp_path / "missing", "f", cells)

    def test_reading_holds_one_block(self, tmp_path):
        self.write(tmp_path, [b"%d" % i for i in range(10 * BLOCK_RECORDS)])
        stream = chain.from_iterable(read_blocks(tmp_path, "f", self.cells))
        assert next(stream) == b"0"
        remove_leftovers(tmp_path, [])
        assert not os.path.exists(tmp_path / "f.records")
        assert sum(1 for _ in stream) == 10 * BLOCK_RECORDS - 1

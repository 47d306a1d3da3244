"""Any bytes and any table: a reader gives rows or a sentence, never another exception, never a lost row."""

import csv
import io
import json
import tempfile
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from node.datasets import Consent, Mapping, PreparedRecord, open_table, suggest
from node.datasets.rows import RowReader
from node.datasets.words import fold, yes_or_no
from node.errors import UserError
from tests.support.intake import PHONE_TERMS, PHONES, TODAY

cells = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
tables = st.integers(1, 5).flatmap(
    lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=8)
)


def read(data: bytes, *, suffix=".csv", **options):
    with tempfile.NamedTemporaryFile(suffix=suffix) as file:
        file.write(data)
        file.flush()
        with open_table(Path(file.name), **options) as table:
            return table, list(table.rows())


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
@example(b"\xff\xfe")
@example(b"\xef\xbb\xbf")
@example(b"sep=;")
@example(b"PK\x03\x04")
@example(b'"')
@example(b"\r\n")
@example(b"\x00a\x00\n")
def test_any_bytes_are_rows_or_a_sentence(data):
    try:
        table, rows = read(data)
    except UserError as error:
        told = error.sentence and error.advice
    else:
        told = all(row.number > table.facts.header_row for row in rows)
    assert told


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([b"{", b'{"a":', b'\xef\xbb\xbf{"a":1}\n', b'{"m":[{"x":1}],"a":']), st.binary(max_size=300))
def test_any_bytes_after_a_brace_are_rows_or_a_sentence(start, data):
    try:
        table, rows = read(start + data, explode="m" if b"m" in start else None)
    except UserError as error:
        told = error.sentence and error.advice
    else:
        told = all(len(row.cells) == (0 if row.problem else len(table.header)) for row in rows)
    assert told


whole = st.integers(-(2**80), 2**80)
names = st.text(st.characters(codec="utf-8", exclude_characters="."), min_size=1, max_size=6)


def exact(value):
    """What a whole number must become: itself as a number, or from 16 digits on its digits."""
    return float(value) if abs(value) < 10**15 else str(value)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.dictionaries(names, st.one_of(cells, whole, st.booleans(), st.none()), min_size=1), min_size=1, max_size=6
    )
)
def test_written_json_lines_are_read_back_value_by_value(objects):
    table, rows = read("".join(json.dumps(one) + "\n" for one in objects).encode())
    assert [row.number for row in rows] == list(range(1, len(objects) + 1))
    for row, one in zip(rows, objects, strict=True):
        found = dict(zip(table.header, row.cells, strict=True))
        for name, value in one.items():
            if isinstance(value, bool):
                assert found[name] == str(value).upper()
            elif isinstance(value, int):
                assert found[name] == exact(value)
            else:
                assert found[name] == (value or "")


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(cells, st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1))), min_size=1, max_size=9))
def test_a_written_parquet_file_is_read_back_value_by_value(rows):
    columns = {"text": pa.array([text for text, _ in rows]), "number": pa.array([n for _, n in rows], pa.int64())}
    held = io.BytesIO()
    pq.write_table(pa.table(columns), held)
    _, found = read(held.getvalue(), suffix=".parquet")
    assert [row.cells for row in found] == [(text, "" if n is None else exact(n)) for text, n in rows]


@settings(max_examples=15, deadline=None)
@given(st.sampled_from([b"PK\x03\x04", bytes.fromhex("d0cf11e0a1b11ae1"), b"PAR1"]), st.binary(max_size=2000))
def test_any_bytes_after_the_mark_of_a_workbook_or_a_parquet_file_are_a_sentence(start, data):
    with pytest.raises(UserError) as caught:
        read(start + data)
    assert caught.value.advice


@settings(max_examples=200, deadline=None)
@given(tables, st.sampled_from([",", ";", "\t", "|"]), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
def test_a_written_table_is_read_back_cell_by_cell(rows, mark, encoding):
    # A row of known column names below one of unknown words is taken for the header: that is wanted, and tested there.
    assume(all(len(suggest(row)) < 2 for row in rows))
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=mark, quoting=csv.QUOTE_ALL).writerows([["h"] * len(rows[0]), *rows])
    table, found = read(text.getvalue().encode(encoding), encoding=encoding, delimiter=mark)
    assert table.header == ("h",) * len(rows[0])
    assert [(row.number, list(row.cells), row.problem) for row in found] == [
        (number, row, "") for number, row in enumerate(rows, start=2)
    ]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(cells, st.floats()), max_size=4))
def test_any_row_is_a_record_or_a_reason(values):
    from node.datasets.tables import Row

    reader = RowReader(PHONES.bind(["ref", "tel"]), PHONE_TERMS, 2, TODAY)
    reading = reader.read(Row(2, tuple(values)))
    if reading.record is not None:
        assert reading.record.reference
        assert reading.record.identifiers["phone"]
    else:
        assert reading.blank or reading.problems
    shown = repr(reading.problems)
    assert not any(isinstance(value, str) and len(value) > 8 and value.isdigit() and value in shown for value in values)


@settings(max_examples=300, deadline=None)
@given(cells)
def test_folding_is_stable_and_a_word_never_means_both(text):
    assert fold(fold(text)) == fold(text)
    assert yes_or_no(text) in (None, True, False)
    if yes_or_no(text) is not None:
        assert yes_or_no(f"{text} {text}x") is None


@settings(max_examples=200, deadline=None)
@given(st.lists(cells, max_size=6))
def test_suggestions_are_always_roles_of_their_header(header):
    found = suggest(header)
    assert set(found) <= set(header)
    if "reference" in found.values() and "phone" in found.values():
        Mapping.of(found)


@settings(max_examples=200, deadline=None)
@given(
    cells.filter(bool),
    st.dictionaries(st.sampled_from(["phone", "email"]), st.lists(cells, max_size=3).map(tuple), max_size=2),
    st.booleans(),
    st.one_of(st.none(), st.frozensets(st.sampled_from(["phone", "person"]))),
    st.one_of(st.none(), st.dates(date(2000, 1, 1), date(2100, 1, 1))),
)
def test_a_record_comes_back_from_its_line(reference, identifiers, child, kinds, until):
    record = PreparedRecord(reference, identifiers, None, Consent(True, kinds, None, until), child)
    line = record.to_line()
    assert b"\n" not in line
    assert PreparedRecord.from_line(line) == record

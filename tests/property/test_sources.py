"""Any bytes and any table: a reader gives rows or a sentence, never another exception, never a lost row."""

import csv
import io
import tempfile
from datetime import date
from pathlib import Path

from hypothesis import example, given, settings
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


def read(data: bytes, **options):
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
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


@settings(max_examples=200, deadline=None)
@given(tables, st.sampled_from([",", ";", "\t", "|"]), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
def test_a_written_table_is_read_back_cell_by_cell(rows, mark, encoding):
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

"""Records that are read as columns are the records that the lines hold, whatever stands in them."""

import re
from collections.abc import Sequence
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.datasets.alike import Alike, read_records
from node.datasets.records import Consent, PreparedRecord
from psi.identifiers import Person

HEAD = b"0123456789abcdef.a/phone.-"
YES = Consent(True)
LIMITED = Consent(True, frozenset({"phone"}), None, date(2026, 5, 1))


def one(number: int = 0, **changes: object) -> PreparedRecord:
    said: dict[str, object] = {"identifiers": {"phone": (f"+4072112345{number}",)}, "consent": LIMITED, "child": False}
    return PreparedRecord(f"A-{number}", **{**said, **changes})  # type: ignore[arg-type]


def lines_of(records: Sequence[PreparedRecord], head: bytes = HEAD) -> list[bytes]:
    return [head + record.to_line() for record in records]


def flat(lines: Sequence[bytes]) -> list[PreparedRecord]:
    return [record for part in read_records(lines) for record in ([part] if isinstance(part, PreparedRecord) else part)]


def in_columns(lines: Sequence[bytes]) -> bool:
    return any(isinstance(part, Alike) for part in read_records(lines))


@pytest.mark.parametrize(
    "odd",
    [
        one(3, child=True),
        one(3, consent=YES),
        one(3, identifiers={"phone": ("+40721123453", "+40721123459")}),
        one(3, identifiers={"phone": ()}),
        one(3, identifiers={}),
        one(3, identifiers={"email": ("a@example.org",)}),
        one(3, identifiers={"phone": ("+40721123453",), "email": ("a@example.org",)}),
        one(3, person=Person({"given_name": "AN"})),
        one(3, identifiers={"alias": ('the "doctor"',)}),
        one(3, identifiers={"phone": ("",)}),
        PreparedRecord("", {"phone": ("+40721123453",)}, None, LIMITED, False),
        PreparedRecord('A"3', {"phone": ("+40721123453",)}, None, LIMITED, False),
        PreparedRecord("A\\3", {"phone": ("+40721123453",)}, None, LIMITED, False),
        PreparedRecord("A\n3", {"phone": ("+40721123453",)}, None, LIMITED, False),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_that_is_different_anywhere_and_the_block_is_read_line_by_line(odd: PreparedRecord, place: int) -> None:
    records = [one(0), one(1)]
    records.insert(place, odd)
    assert not in_columns(lines_of(records))
    assert flat(lines_of(records)) == records


def test_what_is_alike_is_read_as_columns() -> None:
    records = [one(number) for number in range(5)]
    (found,) = read_records(lines_of(records))
    assert isinstance(found, Alike)
    assert list(found.values["phone"]) == [record.identifiers["phone"][0] for record in records]
    assert (found.consent, found.child, len(found)) == (LIMITED, False, 5)
    assert list(found) == records
    assert list(found.only([1, 4])) == [records[1], records[4]]
    assert list(read_records([])) == []


def test_kinds_stand_by_name_whatever_order_they_were_given_in() -> None:
    records = [one(n, identifiers={"phone": (f"+4{n}",), "email": (f"{n}@example.org",)}) for n in range(3)]
    (found,) = read_records(lines_of(records, b""))
    assert list(found) == records
    assert in_columns(lines_of([one(n, identifiers={}) for n in range(3)])), "records that hold nothing are alike, too"


def test_its_repr_shows_no_value() -> None:
    (found,) = read_records(lines_of([one(1), one(2)]))
    assert not re.search("A-1|4072", repr(found))


# Texts with everything that could be taken for a part of a line.
_texts = st.text(st.sampled_from('abc+0123"\\{}[]:,.\n\r\t\u2028\u0085\x00\x1cäЖ\ue000 '), min_size=0, max_size=8) | (
    st.sampled_from(['"],"person":null,"reference":"', '"}', "{", '{"child":true'])
)


@settings(max_examples=400)
@given(st.lists(st.tuples(_texts, _texts, st.booleans()), max_size=6), st.sampled_from([b"", HEAD]))
def test_any_texts_read_as_they_were_written(rows: list[tuple[str, str, bool]], head: bytes) -> None:
    records = [
        PreparedRecord(name, {"alias": (text,)} if held else {"phone": (text,), "alias": (text,)}, None, YES, False)
        for name, text, held in rows
    ]
    assert flat(lines_of(records, head)) == records == PreparedRecord.from_lines(lines_of(records, head))


def test_twin_a_cut_that_takes_any_text_reads_another_record(monkeypatch: pytest.MonkeyPatch) -> None:
    records = [one(1), PreparedRecord('A"3', {"phone": ("+40721123453",)}, None, LIMITED, False), one(2)]
    records.insert(0, one(0))  # the odd one is not among those that are looked at first
    records.insert(0, one(3))
    assert flat(lines_of(records)) == records
    monkeypatch.setattr("node.datasets.layout._NOT_IN_VALUES", ())
    assert flat(lines_of(records)) != records

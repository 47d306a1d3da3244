"""Lines come out of a block as they went in, byte for byte, whichever form it has; a damaged block is an error."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.datasets import recordfile
from node.datasets.alike import Alike, read_records
from node.datasets.layout import Columns, columns_of, pack, unpack
from node.datasets.recordfile import BLOCK_RECORDS, RecordWriter, read_blocks, read_layouts
from node.datasets.records import Consent, PreparedRecord
from node.errors import StateDamaged
from node.store import KeyRing
from node.store.cells import Cells
from psi.identifiers import Person
from tests.support.agreements import seeded

YES = Consent(True)
LIMITED = Consent(True, frozenset({"phone"}), frozenset({'"odd"]},{'}), date(2026, 5, 1), purposes=frozenset({""}))


def line(number: int, *, past: str = "-", digest: str | None = None, **changes: Any) -> bytes:
    said = {"identifiers": {"phone": (f"+4072112{number:04}",)}, "consent": LIMITED, "child": False, **changes}
    record = PreparedRecord(said.pop("reference", f"A-{number}"), **said)
    head = f"{number:032x}" if digest is None else digest
    return f"{head}.a/phone.{past}".encode() + record.to_line()


def unpacked(lines: Sequence[bytes]) -> list[bytes]:
    found = unpack(pack(lines))
    return found.lines() if isinstance(found, Columns) else found


ODD = [
    line(9, child=True),
    line(9, consent=YES),
    line(9, past="1f"),
    line(9, digest=""),
    line(9, identifiers={"phone": ("+407", "+408")}),
    line(9, identifiers={"phone": ()}),
    line(9, identifiers={"phone": ("",)}),
    line(9, identifiers={"phone": ("+40721123459",), "email": ("a@example.org",)}),
    line(9, identifiers={}),
    line(9, person=Person({"given_name": "AN"})),
    line(9, reference=""),
    line(9, reference='A"9'),
    line(9, reference="A\\9"),
    line(9, reference="A\n9"),
    line(9, reference="Ж-%s-9 {}"),
    PreparedRecord("A-9", {"phone": ("+40721129999",)}, None, LIMITED, False).to_line(),
    b"",
    b"{}",
    b'{"child":false,"consent":{},"identifiers":{},"person":null}',
    b"\xff",
    line(9).replace(b"A-9", b"A\xff9"),
    line(9).replace(b'"reference"', b'"other"'),
]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("place", [0, 1, 2, 3, 7])
def test_one_odd_line_anywhere(odd: bytes, place: int) -> None:
    lines = [line(number) for number in range(7)]
    lines.insert(place, odd)
    if odd != b"\xff":  # which a writer refuses
        assert unpacked(lines) == lines
    found = columns_of(lines)
    assert found is None or found.lines() == lines


@pytest.mark.parametrize(
    "lines",
    [
        [line(n) for n in range(50)],
        [line(n, past="-" if n % 2 else f"{n:x}") for n in range(50)],
        [line(n, digest="" if n % 3 else None) for n in range(50)],
        [line(n, reference=f"Fäll 100%s {n} {{}}[]") for n in range(50)],
        [line(n, identifiers={"phone": (f"+{n}",), "email": (f"{n}@é.example",), "alias": ("%d",)}) for n in range(50)],
        [line(n, identifiers={}) for n in range(50)],
        [line(n).partition(b".-")[2] for n in range(50)],
    ],
)
def test_alike_lines_are_stored_as_columns_and_are_shorter(lines: list[bytes]) -> None:
    packed = pack(lines)
    assert isinstance(unpack(packed), Columns)
    assert len(packed) < len(b"\n".join(lines)) // 2
    assert unpacked(lines) == lines
    (found,) = read_records(unpack(packed))
    assert isinstance(found, Alike)
    assert list(found) == PreparedRecord.from_lines(lines)


def test_a_single_line_stays_as_it_is() -> None:
    assert pack([line(1)]) == line(1)
    assert (pack([]), pack([b""])) == (b"", b"")


_texts = st.text(st.sampled_from('ab+01"\\{}[]:,.%s\n\r\u2028\x00äЖ'), max_size=6) | (
    st.sampled_from(['"],"person":null,"reference":"', '"}', "{", '{"child":true', '"]},"person":null,"reference":"'])
)
_consents = st.sampled_from([YES, YES, YES, LIMITED, Consent()])


@st.composite
def _lines(draw: st.DrawFn) -> list[bytes]:
    kinds = draw(st.sampled_from([["phone"], ["alias", "phone"], []]))
    plain = draw(st.booleans())
    texts = st.text("ab01Ж%.", min_size=1, max_size=5) if plain else _texts
    made = []
    for number in range(draw(st.integers(1, 12))):
        found = {kind: (draw(texts),) for kind in kinds}
        changes: dict[str, Any] = {} if plain else {"consent": draw(_consents), "child": draw(st.booleans())}
        past = draw(st.sampled_from(["-", "-", "3"]))
        made.append(line(number, past=past, identifiers=found, reference=draw(texts), **changes))
    return made


@settings(max_examples=400)
@given(_lines())
def test_any_lines_come_back_byte_for_byte_and_say_the_same(lines: list[bytes]) -> None:
    assert unpacked(lines) == lines
    assert len(pack(lines)) <= len(b"\n".join(lines))
    found = columns_of(lines)
    parts = read_records(lines if found is None else Columns.unpacked(found.packed()))
    records = [record for part in parts for record in ([part] if isinstance(part, PreparedRecord) else part)]
    assert records == PreparedRecord.from_lines(lines)


@given(st.lists(st.binary(max_size=12).map(lambda data: data.replace(b"\n", b"")), min_size=1, max_size=5))
def test_any_other_lines_come_back_too(lines: list[bytes]) -> None:
    if not any(one.startswith(b"\xff") for one in lines):
        assert unpacked(lines) == lines


_packed = pack([line(n) for n in range(4)])


@settings(max_examples=400)
@given(
    st.binary(max_size=60).map(b"\xff".__add__)
    | st.tuples(st.integers(1, len(_packed)), st.binary(max_size=3)).map(lambda at: _packed[: at[0]] + at[1])
    | st.lists(st.sampled_from([b"0", b"1", b"2", b" ", b"\n", b"\xff", b"a"]), max_size=14).map(
        lambda parts: b"\xff" + b"".join(parts)
    )
)
def test_any_bytes_are_columns_of_one_form_or_an_error(plain: bytes) -> None:
    try:
        found = unpack(plain)
    except ValueError:
        return
    assert isinstance(found, Columns)
    assert found.packed() == plain
    assert len(found.lines()) == len(found)


@pytest.fixture
def cells(tmp_path: Path) -> Cells:
    return Cells(KeyRing.create(tmp_path / "key", None, seeded("keys")), seeded("nonces"))


def write(folder: Path, cells: Cells, lines: Sequence[bytes]) -> bytes:
    with RecordWriter(folder, "f", cells) as writer:
        for one in lines:
            writer.append(one)
        writer.finish()
    return (folder / "f.records").read_bytes()


@pytest.mark.parametrize("count", [0, 1, 2, BLOCK_RECORDS, 2 * BLOCK_RECORDS + 5])
def test_a_file_gives_its_lines_and_nothing_in_it_can_be_read(tmp_path: Path, cells: Cells, count: int) -> None:
    lines = [line(n) for n in range(count)]
    stored = write(tmp_path, cells, lines)
    assert [one for block in read_blocks(tmp_path, "f", cells) for one in block] == lines
    assert [len(block) for block in read_layouts(tmp_path, "f", cells)] == [
        min(BLOCK_RECORDS, count - at) for at in range(0, count, BLOCK_RECORDS)
    ]
    assert not any(part in stored for part in (b"+4072", b"A-1", b"consent", b"identifiers"))


def test_blocks_of_lines_that_an_earlier_version_wrote_are_read(
    tmp_path: Path, cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [line(n) for n in range(BLOCK_RECORDS + 5)]
    monkeypatch.setattr(recordfile, "pack", b"\n".join)
    write(tmp_path, cells, lines)
    blocks = list(read_layouts(tmp_path, "f", cells))
    assert not any(isinstance(block, Columns) for block in blocks)
    assert [one for block in read_blocks(tmp_path, "f", cells) for one in block] == lines
    parts = [part for block in blocks for part in read_records(block)]
    assert [type(part) for part in parts] == [Alike, Alike], "the same columns are made of them"
    assert [record for part in parts for record in part] == PreparedRecord.from_lines(lines)  # type: ignore[union-attr]


@pytest.mark.parametrize("plain", [b"\xff", b"\xff1 1\na\nb\nxy", b"\xff1 3\na\nb\nx1\xff2", b"one line"])
def test_a_block_that_holds_something_else_is_damaged(
    tmp_path: Path, cells: Cells, monkeypatch: pytest.MonkeyPatch, plain: bytes
) -> None:
    monkeypatch.setattr(recordfile, "pack", lambda _lines: plain)
    write(tmp_path, cells, [line(1), line(2)])
    with pytest.raises(StateDamaged):
        list(read_blocks(tmp_path, "f", cells))


def test_a_line_that_would_be_taken_for_columns_is_refused(tmp_path: Path, cells: Cells) -> None:
    with RecordWriter(tmp_path, "g", cells) as writer, pytest.raises(ValueError, match="one record"):
        writer.append(b"\xff1")


def test_its_repr_shows_no_value() -> None:
    found = columns_of([line(n) for n in range(4)])
    assert "4072" not in repr(found)

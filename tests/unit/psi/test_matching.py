"""Sorting and comparing rows, against the obvious way with Python sets."""

import hashlib
import random
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psi import matching
from psi.matching import TAGS_IN_MEMORY, first_disorder, match, shared_row, sorted_rows
from psi.spool import CHUNK_ROWS, MemorySpool, chunk_count, chunk_rows, chunks


def rows(name: str, count: int, width: int = 32) -> list[bytes]:
    return [hashlib.sha512(f"{name}/{number}".encode()).digest()[:width] for number in range(count)]


def spool(items: list[bytes], width: int = 32) -> MemorySpool:
    made = MemorySpool(width)
    for start in range(0, len(items), CHUNK_ROWS):
        made.append(b"".join(items[start : start + CHUNK_ROWS]))
    return made


def in_order(items: list[bytes], *, run_rows: int) -> list[bytes]:
    found = list(sorted_rows([b"".join(items)], 32, MemorySpool, run_rows=run_rows))
    assert all(len(chunk) == CHUNK_ROWS * 32 for chunk in found[:-1])
    data = b"".join(found)
    return [data[start : start + 32] for start in range(0, len(data), 32)]


@pytest.mark.parametrize("run_rows", [1, 7, 100, 101])
@pytest.mark.parametrize("count", [0, 1, 2, 100])
def test_rows_are_sorted_as_python_sorts_bytes_in_memory_and_in_runs(count: int, run_rows: int) -> None:
    items = rows("sort", count)
    assert in_order(items, run_rows=run_rows) == sorted(items)


@pytest.mark.parametrize(("count", "spilled"), [(0, 0), (99, 0), (100, 0), (101, 100), (200, 100), (201, 200)])
def test_what_is_in_memory_at_the_end_is_not_written_to_the_disk(count: int, spilled: int) -> None:
    made: list[MemorySpool] = []

    def scratch(width: int) -> MemorySpool:
        made.append(MemorySpool(width))
        return made[-1]

    items = rows("spill", count)
    assert b"".join(sorted_rows([b"".join(items)], 32, scratch, run_rows=100)) == b"".join(sorted(items))
    assert sum(spool.rows for spool in made) == spilled


@pytest.mark.parametrize("run_rows", [2, 100])
def test_sorting_looks_at_every_byte(run_rows: int) -> None:
    items = [bytes(31) + bytes([value]) for value in (255, 0, 128, 1)]
    assert in_order(items, run_rows=run_rows) == sorted(items)


@pytest.mark.parametrize("run_rows", [5_000, 10_000, 1 << 19])
def test_runs_of_many_chunks_are_merged(run_rows: int) -> None:
    """Every fourth row begins as 4,000 others do: more of them than a chunk holds together with their neighbours."""
    items = [row if number % 4 else bytes(8) + row[8:] for number, row in enumerate(rows("merge", 16_000))]
    assert in_order(items, run_rows=run_rows) == sorted(items)


short_rows = st.lists(st.binary(min_size=1, max_size=2), max_size=60)


@given(short_rows, st.integers(1, 20))
def test_rows_that_repeat_and_begin_alike_are_sorted(heads: list[bytes], run_rows: int) -> None:
    items = [head.rjust(8, b"\0") + bytes(24) if at % 3 else bytes(24) + head.rjust(8) for at, head in enumerate(heads)]
    assert in_order(items, run_rows=run_rows) == sorted(items)


@given(
    st.sets(st.integers(0, 300), max_size=80),
    st.sets(st.integers(0, 300), max_size=80),
    st.integers(1, 40),
    st.sampled_from([0, 1, 50, 100, 160]),
)
def test_match_is_what_sets_say_in_memory_and_in_runs(
    one: set[int], other: set[int], run_rows: int, in_memory: int
) -> None:
    """Tags of which many begin with the same 8 bytes."""
    ours, theirs = ([(n // 7).to_bytes(8, "big") + (n % 7).to_bytes(8, "big") for n in found] for found in (one, other))
    random.Random(run_rows).shuffle(theirs)
    mine, others = ([b"".join(tags[at : at + 9]) for at in range(0, len(tags), 9)] for tags in (ours, theirs))
    found = b"".join(match(mine, others, MemorySpool, run_rows=run_rows, in_memory=in_memory))
    expected = [(number, theirs.index(row)) for number, row in enumerate(ours) if row in theirs]
    assert pairs_of(found) == expected


@pytest.mark.parametrize(
    ("letters", "before", "index"),
    [
        ("abc", "", None),
        ("", "", None),
        ("aab", "", 1),
        ("acb", "", 2),
        ("abc", "a", 0),
        ("abc", "b", 0),
        ("bc", "a", None),
    ],
)
def test_the_first_row_out_of_order(letters: str, before: str, index: int | None) -> None:
    data = b"".join(letter.encode() * 32 for letter in letters)
    assert first_disorder(data, 32, before.encode() * 32) == index


SIZES = [(1, 1), (10, 10), (4095, 4097), (4096, 4096), (9000, 5), (5, 9000)]


@pytest.mark.parametrize(("one", "other"), SIZES)
def test_a_shared_row_is_found_wherever_it_stands(one: int, other: int) -> None:
    mine, theirs = sorted(rows("mine", one)), sorted(rows("theirs", other))
    assert shared_row(spool(mine), spool(theirs)) is None
    for place in {0, one // 2, one - 1}:
        copied = sorted([*theirs[1:], mine[place]])
        assert shared_row(spool(mine), spool(copied)) == place


@pytest.mark.parametrize("shift", [-1, 0, 1])
def test_a_shared_row_at_the_border_of_two_chunks(shift: int) -> None:
    mine = sorted(rows("mine", 3 * CHUNK_ROWS))
    place = CHUNK_ROWS + shift
    assert shared_row(spool(mine), spool([mine[place]])) == place
    assert shared_row(spool([mine[place]]), spool(mine)) == 0


def test_nothing_is_shared_with_an_empty_list() -> None:
    assert shared_row(MemorySpool(32), spool(rows("a", 3))) is None
    assert shared_row(spool(sorted(rows("a", 3))), MemorySpool(32)) is None


def pairs_of(found: bytes) -> list[tuple[int, int]]:
    return [
        (int.from_bytes(found[at : at + 8], "big"), int.from_bytes(found[at + 8 : at + 16], "big"))
        for at in range(0, len(found), 16)
    ]


@pytest.mark.parametrize(
    ("mine", "theirs", "both"), [(0, 0, 0), (5, 0, 0), (0, 5, 0), (5, 5, 5), (50, 70, 20), (5000, 6000, 4500)]
)
@pytest.mark.parametrize("in_memory", [0, 4096, 9000, TAGS_IN_MEMORY])
def test_match_finds_each_pair_once_in_order(mine: int, theirs: int, both: int, in_memory: int) -> None:
    shared = rows("shared", both, 16)
    ours = shared + rows("ours", mine - both, 16) if mine >= both else []
    others = shared + rows("others", theirs - both, 16)
    random.Random(1).shuffle(ours)
    random.Random(2).shuffle(others)
    place = {row: number for number, row in enumerate(others)}
    expected = [(number, place[row]) for number, row in enumerate(ours) if row in place]
    found = list(match(chunks(spool(ours, 16)), chunks(spool(others, 16)), MemorySpool, in_memory=in_memory))
    assert [pair for chunk in found for pair in pairs_of(chunk)] == expected
    assert all(len(chunk) == CHUNK_ROWS * 16 for chunk in found[:-1])


@pytest.mark.parametrize("mine", [1, 10_000, 19_999])
def test_what_does_not_fit_into_memory_is_sorted_a_chunk_at_a_time(mine: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tags that are held already are not given on as one part, with positions for all of them at once."""
    total, lengths, real = 20_000, [], matching.sorted_rows

    def watched(parts: Iterable[bytes], width: int, scratch: matching.Scratch, **how: int) -> Iterator[bytes]:
        return real((part for part in parts if lengths.append(len(part) // width) is None), width, scratch, **how)

    monkeypatch.setattr(matching, "sorted_rows", watched)
    tags = rows("tags", total, 16)
    both = match(chunks(spool(tags[:mine], 16)), chunks(spool(tags[mine - 1 :], 16)), MemorySpool, in_memory=total - 1)
    assert pairs_of(b"".join(both)) == [(mine - 1, 0)]
    assert sum(lengths) > total
    assert max(lengths) <= CHUNK_ROWS


def test_what_agrees_within_one_side_is_no_pair() -> None:
    """Elements are distinct, and so are their tags, but for a chance of 2^-128; nothing rests on it here."""
    twice, once = b"\x01" * 16, b"\x02" * 16
    assert b"".join(match([twice + twice + once], [b"\x03" * 16], MemorySpool)) == b""
    assert pairs_of(b"".join(match([twice + once], [once + b"\x03" * 16 + b"\x03" * 16], MemorySpool))) == [(1, 0)]


def test_tags_that_agree_in_half_do_not_match() -> None:
    ours = [bytes(8) + b"\x01" * 8, b"\x01" * 8 + bytes(8)]
    theirs = [bytes(8) + b"\x02" * 8, b"\x02" * 8 + bytes(8)]
    assert b"".join(match([b"".join(ours)], [b"".join(theirs)], MemorySpool)) == b""


class TestSpool:
    @pytest.mark.parametrize("count", [0, 1, 4095, 4096, 4097, 8192])
    def test_rows_come_back_in_chunks(self, count: int) -> None:
        items = rows("spool", count, 16)
        made = spool(items, 16)
        assert made.rows == count
        assert b"".join(chunks(made)) == b"".join(items)
        assert [len(chunk) // 16 for chunk in chunks(made)] == [
            chunk_rows(count, number) for number in range(chunk_count(count))
        ]

    @pytest.mark.parametrize("data", [bytes(15), bytes(16 * (CHUNK_ROWS + 1))])
    def test_a_chunk_of_the_wrong_length_is_refused(self, data: bytes) -> None:
        with pytest.raises(ValueError, match="chunk"):
            MemorySpool(16).append(data)

    def test_nothing_follows_a_short_chunk(self) -> None:
        made = spool(rows("spool", 3, 16), 16)
        with pytest.raises(ValueError, match="chunk"):
            made.append(bytes(16))

    def test_truncate_keeps_whole_chunks(self) -> None:
        made = spool(rows("spool", CHUNK_ROWS + 3, 16), 16)
        made.truncate(CHUNK_ROWS + 3)
        assert made.rows == CHUNK_ROWS + 3
        made.truncate(CHUNK_ROWS)
        assert made.rows == CHUNK_ROWS
        with pytest.raises(ValueError, match="border"):
            made.truncate(5)

    @pytest.mark.parametrize("chunk", [-1, 1])
    def test_a_chunk_that_is_not_there(self, chunk: int) -> None:
        with pytest.raises(IndexError):
            spool(rows("spool", 3, 16), 16).read(chunk)

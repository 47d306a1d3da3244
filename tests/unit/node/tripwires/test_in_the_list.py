"""Decoys in a list: behind the identifiers, never more than the padding has room for; nothing gets longer by them."""

from collections.abc import Sequence
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from node.datasets.records import Consent, PreparedRecord
from node.rounds.preparing import LINK_BYTES, SAMPLE_VALUES, Taking
from node.rounds.tripwires import Laying
from node.tripwires import Decoy
from psi.backend import choose
from psi.padding import size_class
from psi.protocol.listing import PADDING, blind_list
from psi.spool import CHUNK_ROWS, MemorySpool, chunks
from tests.support.agreements import NGO, agreement
from tests.support.pairs import counting_random

PHONES = agreement("J2", match=[{"kind": "phone", "per_record": 1}])
YES = Consent(given=True)
SIZE = size_class(64, 1)


def records(count: int) -> list[PreparedRecord]:
    return [PreparedRecord(f"S-{at}", {"phone": (f"+4072112{at:04}",)}, None, YES, False) for at in range(count)]


class _Drawing:
    """Draws always the same decoys, as far as there is room."""

    def __init__(self, numbers: Sequence[str]) -> None:
        self.numbers = numbers
        self.rooms: list[int] = []

    def draw(self, _found: Any, _walk: Taking, room: int) -> list[Decoy]:
        self.rooms.append(room)
        return [Decoy("phone", "phone", number) for number in self.numbers][:room]


def listed(count: int, numbers: Sequence[str]) -> tuple[Laying, list[int], list[bytes], MemorySpool]:
    """The decoys of a list with so many records, the numbers of what stands in it, its chunks, and its links."""
    drawing = _Drawing(numbers)
    laying = Laying(drawing, SimpleNamespace(round_id="-"))  # type: ignore[arg-type]
    links, mine, order = MemorySpool(LINK_BYTES), MemorySpool(32), MemorySpool(8)
    backend = choose()
    walk = Taking(PHONES, me=NGO.member_id, today=date(2026, 3, 1), links=links, backend=backend)

    def batches() -> Any:
        yield from walk.batches(records(count))
        yield from laying.messages(walk, SIZE)

    blind_list(
        batches(),
        size=SIZE,
        scalar=backend.new_scalar(),
        backend=backend,
        random_bytes=counting_random("list"),
        mine=mine,
        order=order,
    )
    rows = b"".join(chunks(order))
    numbered = [int.from_bytes(rows[at : at + 8], "big") for at in range(0, len(rows), 8)]
    assert drawing.rooms == [SIZE - count]
    return laying, sorted(number for number in numbered if number != PADDING), list(chunks(mine)), links


DECOYS = [f"+4072113{at:04}" for at in range(32)]


@pytest.mark.tm("TM-205")
def test_decoys_stand_among_the_padding_and_nothing_gets_longer() -> None:
    with_them, numbers, sent, links = listed(10, DECOYS)
    _without, plain, sent_without, links_without = listed(10, [])
    assert (with_them.first, len(with_them.laid)) == (10, 32)
    assert numbers == list(range(42))
    assert plain == list(range(10))
    assert [len(chunk) for chunk in sent] == [len(chunk) for chunk in sent_without] == [32 * SIZE]
    assert links.rows == links_without.rows == 10, "a decoy belongs to no record"


@pytest.mark.tm("TM-205")
@pytest.mark.parametrize(("count", "laid"), [(64, 0), (60, 4), (32, 32), (0, 32)])
def test_there_are_never_more_decoys_than_free_places(count: int, laid: int) -> None:
    laying, numbers, sent, _links = listed(count, DECOYS)
    assert len(laying.laid) == laid
    assert len(numbers) == count + laid <= SIZE
    assert sum(map(len, sent)) == 32 * SIZE


def test_a_decoy_that_a_record_has_or_that_comes_twice_is_left_out() -> None:
    laying, numbers, _sent, _links = listed(10, ["+40721120003", DECOYS[0], DECOYS[0], DECOYS[1]])
    assert [decoy.value for decoy in laying.laid] == DECOYS[:2]
    assert numbers == list(range(12))


def test_the_sample_of_a_long_list_is_small_and_from_all_over_it() -> None:
    """Of a million records some tens of values are looked at: the fast path stays what it was."""
    many = 20 * CHUNK_ROWS
    walk = Taking(
        agreement("J2", match=[{"kind": "phone", "per_record": 1}], members={NGO.member_id: {"records": many}}),
        me=NGO.member_id,
        today=date(2026, 3, 1),
        links=MemorySpool(LINK_BYTES),
        backend=choose(),
    )
    source = (PreparedRecord("S", {"phone": (f"+407{at:08}",)}, None, YES, False) for at in range(many))
    for _ in walk.batches(source):
        pass
    kept = sorted(int(value[4:]) for value in walk.samples["phone"])
    assert SAMPLE_VALUES // 2 <= len(kept) <= 2 * SAMPLE_VALUES
    assert kept[0] < many // 4
    assert kept[-1] > 3 * many // 4

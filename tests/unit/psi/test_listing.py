"""From identifiers to the list that goes out."""

from dataclasses import replace

import pytest

from psi.backend import choose
from psi.errors import ListDoesNotFit, LocalError
from psi.group import GENERATOR
from psi.hash_to_group import DST
from psi.messages import Checkpoint, Open
from psi.padding import MAX_ELEMENTS
from psi.protocol.listing import PADDING, Listing, blind_list, commitment, identifier_message
from psi.spool import CHUNK_ROWS, MemorySpool, chunks
from psi.transcript import MerkleEdge
from tests.support.pairs import AGREEMENT, counting_random, elements_of, messages_of

SCALAR = choose().new_scalar(counting_random("listing"))


def listed(values: list[str], size: int, seed: str = "") -> tuple[Listing, MemorySpool, MemorySpool]:
    mine, order = MemorySpool(32), MemorySpool(8)
    listing = blind_list(
        messages_of(values),
        size=size,
        scalar=SCALAR,
        backend=choose(),
        random_bytes=counting_random(seed),
        mine=mine,
        order=order,
    )
    return listing, mine, order


def numbers(order: MemorySpool) -> list[int]:
    data = b"".join(chunks(order))
    return [int.from_bytes(data[at : at + 8], "big") for at in range(0, len(data), 8)]


@pytest.mark.parametrize(("count", "size"), [(0, 1), (1, 1), (3, 8), (8, 8), (5, 64)])
def test_a_list_is_sorted_padded_and_knows_who_stands_where(count: int, size: int) -> None:
    values = [f"+1{number}" for number in range(count)]
    listing, mine, order = listed(values, size)
    rows = elements_of(b"".join(chunks(mine)))
    assert (listing.size, listing.identifiers) == (size, count)
    assert len(rows) == size
    assert rows == sorted(set(rows))
    for number, row in zip(numbers(order), rows, strict=True):
        if number != PADDING:
            message = identifier_message(AGREEMENT, "phone", "test/1", values[number])
            assert choose().hash_and_multiply(SCALAR, [message], DST) == row
    assert sorted(numbers(order)) == [*range(count), *[PADDING] * (size - count)]
    choose().validate(b"".join(rows))


@pytest.mark.parametrize("size", [CHUNK_ROWS - 1, CHUNK_ROWS, CHUNK_ROWS + 1])
def test_the_root_is_over_the_chunks_that_go_out(size: int) -> None:
    listing, mine, _order = listed(["+1"], size)
    edge = MerkleEdge()
    for chunk in chunks(mine):
        edge.add(chunk)
    assert listing.root == edge.root()
    assert edge.count == -(-size // CHUNK_ROWS)


def test_padding_is_fresh_each_time_and_identifiers_are_not() -> None:
    one, other = (set(elements_of(listed(["+1", "+2"], 8, seed)[1].read(0))) for seed in ("a", "b"))
    assert len(one & other) == 2


@pytest.mark.parametrize("size", [0, -1, MAX_ELEMENTS + 1])
def test_a_size_outside_the_limits_is_refused(size: int) -> None:
    with pytest.raises(ListDoesNotFit):
        listed([], size)


def test_a_list_that_does_not_fit_is_refused_before_anything_is_written() -> None:
    mine, order = MemorySpool(32), MemorySpool(8)
    with pytest.raises(ListDoesNotFit, match="more identifiers than the 2"):
        blind_list(
            messages_of(["+1", "+2", "+3"]),
            size=2,
            scalar=SCALAR,
            backend=choose(),
            random_bytes=counting_random(""),
            mine=mine,
            order=order,
        )
    assert mine.rows == order.rows == 0


def test_the_same_identifier_twice_is_a_defect_of_ours() -> None:
    with pytest.raises(LocalError, match="twice"):
        listed(["+1", "+2", "+1"], 8)


def test_an_identifier_is_bound_to_scope_kind_and_normaliser() -> None:
    forms = {
        identifier_message(scope, kind, normaliser, value)
        for scope in (bytes(64), b"\x01" * 64)
        for kind in ("phone", "email")
        for normaliser in ("n/1", "n/2")
        for value in ("a", "b")
    }
    assert len(forms) == 16
    assert identifier_message(b"", "ab", "c", "d") != identifier_message(b"", "a", "bc", "d")


def test_a_commitment_is_bound_to_everything_but_itself_and_the_checkpoint() -> None:
    opening = Open(
        "a", "b", bytes(16), bytes(32), bytes(64), "s", GENERATOR, 64, Checkpoint(0, bytes(32), bytes(64)), b""
    )
    base = commitment(opening, bytes(64))
    assert len(base) == 64
    changes = [
        {"sender": "c"},
        {"recipient": "c"},
        {"run": b"\x01" * 16},
        {"nonce": b"\x01" * 32},
        {"agreement": b"\x01" * 64},
        {"public_key": bytes(32)},
        {"size": 65},
    ]
    values = [commitment(replace(opening, **change), bytes(64)) for change in changes]  # type: ignore[arg-type]
    values += [base, commitment(opening, b"\x01" * 64)]
    assert len(set(values)) == len(values)
    assert commitment(replace(opening, commitment=b"\x01" * 64), bytes(64)) == base

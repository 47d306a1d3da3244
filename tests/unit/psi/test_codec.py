"""The one byte form: what a Writer writes a Reader reads, and nothing else."""

import pytest

from psi.codec import Reader, Writer, length_prefixed
from psi.errors import MalformedMessage, PeerError


def test_fields_stand_in_order_big_endian_behind_their_lengths() -> None:
    data = Writer().uint(258, 2).fixed(b"ab", 2).var(b"xyz", 8).bytes()
    assert data == b"\x01\x02" + b"ab" + b"\x00\x00\x00\x03xyz"
    reader = Reader(data)
    assert (reader.uint(2), reader.fixed(2), reader.var(8)) == (258, b"ab", b"xyz")
    reader.finish()


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(lambda r: r.uint(4), id="integer-cut-off"),
        pytest.param(lambda r: r.fixed(4), id="field-cut-off"),
        pytest.param(lambda r: r.var(9), id="length-cut-off"),
        pytest.param(lambda r: r.finish(), id="bytes-left-over"),
    ],
)
def test_what_does_not_end_where_it_should_is_malformed(read: object) -> None:
    with pytest.raises(MalformedMessage) as caught:
        read(Reader(b"\x00\x00\x01"))  # type: ignore[operator]
    assert isinstance(caught.value, PeerError)


@pytest.mark.parametrize("claimed", [4, 2**31, 2**32 - 1])
def test_a_length_beyond_what_is_there_is_malformed_and_nothing_is_allocated(claimed: int) -> None:
    with pytest.raises(MalformedMessage, match="too early"):
        Reader(claimed.to_bytes(4, "big") + b"abc").var(2**32)


def test_a_field_above_its_cap_is_malformed_even_if_it_is_all_there() -> None:
    with pytest.raises(MalformedMessage, match="longer"):
        Reader(Writer().var(bytes(9), 9).bytes()).var(8)


@pytest.mark.parametrize(
    "write",
    [
        lambda w: w.fixed(b"abc", 2),
        lambda w: w.fixed(b"", 2),
        lambda w: w.var(b"abc", 2),
        lambda w: w.uint(256, 1),
        lambda w: w.uint(-1, 1),
    ],
)
def test_our_own_mistakes_are_found_when_writing(write: object) -> None:
    with pytest.raises((ValueError, OverflowError)):
        write(Writer())  # type: ignore[operator]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((b"ab", b"c"), (b"a", b"bc")),
        ((b"abc",), (b"abc", b"")),
        ((), (b"",)),
        ((b"\x00\x00\x00\x00",), (b"", b"")),
    ],
)
def test_different_parts_never_give_the_same_bytes(one: tuple[bytes, ...], other: tuple[bytes, ...]) -> None:
    assert length_prefixed(*one) != length_prefixed(*other)

"""Sums of multiples against discrete logarithms: P_i = a_i*G with a_i known here, so that the sum is (sum s_i*a_i)*G.

The truth so costs one multiplication of libsodium whatever the length, and shares no line with what is tested.
Lengths stand at the borders of windows, lanes, blocks and passes; scalars at the edges of digits: half a window, one
less, one more, none; all points in one bucket; points that cancel. And the inputs of the one-way map for which the map
of RFC 9496 section 4.3.4 divides by zero.
"""

import random
from collections.abc import Iterator

import pytest

from psi.group import IDENTITY, ORDER, PRIME
from tests.support.backends import backend_called, known_scalar

_SIZES = (0, 1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 257, 1023, 1024, 1025, 4095, 4096, 4097)
_MOST = max(_SIZES)
_LOGS = [random.Random(7).randrange(1, ORDER) for _ in range(_MOST)]


def _encoded(value: int) -> bytes:
    return value.to_bytes(32, "little")


def _times_base(value: int) -> bytes:
    value %= ORDER
    return backend_called("sodium").base_multiply(known_scalar(value)) if value else IDENTITY


@pytest.fixture(scope="module")
def points() -> list[bytes]:
    return [_times_base(log) for log in _LOGS]


def _scalars(size: int) -> Iterator[tuple[str, list[int]]]:
    draw = random.Random(size)
    yield "random, full", [draw.randrange(ORDER) for _ in range(size)]
    yield "random, 128 bits", [draw.getrandbits(128) for _ in range(size)]
    yield "all largest", [ORDER - 1] * size
    yield "all 2^128 - 1", [2**128 - 1] * size
    yield "edges", [draw.choice([0, 1, 2**127, 2**128 - 1, 2**252, ORDER - 2]) for _ in range(size)]
    for byte in (0x7F, 0x80, 0x81, 0x88, 0x77, 0xFF):
        yield f"bytes {byte:x}, 128 bits", [int(f"{byte:02x}" * 16, 16)] * size
    for width in (4, 6, 8):
        half = 1 << (width - 1)
        for digit in (half - 1, half, half + 1):
            yield f"digits {digit} of {width} bits", [sum(digit << width * at for at in range(126 // width))] * size


@pytest.mark.tm("TM-101")
@pytest.mark.parametrize("size", _SIZES)
def test_a_sum_is_the_sum_of_the_logarithms(name: str, size: int, points: list[bytes]) -> None:
    backend = backend_called(f"native-{name}")
    elements = b"".join(points[:size])
    cases = list(_scalars(size))
    if name != "avx512ifma" and size > 1100:
        cases = cases[:4]  # its windows do not change any more, and each case takes a while
    for what, scalars in cases:
        expected = _times_base(sum(scalar * log for scalar, log in zip(scalars, _LOGS, strict=False)))
        assert backend.multi_scalar(b"".join(map(_encoded, scalars)), elements) == expected, what
    assert backend.sum(elements) == _times_base(sum(_LOGS[:size]))


@pytest.mark.tm("TM-101")
@pytest.mark.parametrize("size", [2, 16, 40, 130, 1100, 4096])
def test_one_point_many_times_and_points_that_cancel(name: str, size: int, points: list[bytes]) -> None:
    backend = backend_called(f"native-{name}")
    for scalar in (1, 2**127 + 2**64, ORDER - 1):
        row = _encoded(scalar)
        assert backend.multi_scalar(row * size, points[0] * size) == _times_base(scalar * size * _LOGS[0])
        opposite = points[0] + _times_base(-_LOGS[0])
        assert backend.multi_scalar(row * size, opposite * (size // 2)) == IDENTITY
        assert backend.sum(opposite * (size // 2)) == IDENTITY


def test_the_logarithms_find_a_lost_sign(points: list[bytes]) -> None:
    """The twin: what a sum would be whose highest digits, or one sign, were lost is told apart."""
    scalars = [random.Random(1).getrandbits(128) for _ in range(1024)]
    right = sum(scalar * log for scalar, log in zip(scalars, _LOGS, strict=False))
    sum_of = backend_called("native-portable").multi_scalar
    elements = b"".join(points[:1024])
    low = [scalar % 2**64 for scalar in scalars]
    assert sum_of(b"".join(map(_encoded, low)), elements) != _times_base(right)
    flipped = b"".join([_times_base(-_LOGS[0]), *points[1:1024]])
    assert sum_of(b"".join(map(_encoded, scalars)), flipped) != _times_base(right)


_EXCEPTIONAL = (
    0x5B35558F47BEB977534549973EB6E15CDBCA92D0EEA6DAA75302ACB4A5C1BA8,
    0xC4BA48A0AC8D5965C35B01D94AAB62430CF920516D7C05F63AC7E4C56A2540,
)
"""t for which sqrt(-1)*t^2 is -d or -1/d: then v = 0 in the map."""


@pytest.mark.tm("TM-101")
def test_the_map_where_it_divides_by_zero(name: str) -> None:
    d = -121665 * pow(121666, -1, PRIME) % PRIME
    root = pow(2, (PRIME - 1) // 4, PRIME)
    halves = [value for t in _EXCEPTIONAL for value in (t, PRIME - t)]
    for t in halves:
        r = root * t * t % PRIME
        assert (-1 - r * d) * (r + d) % PRIME == 0
    others = [_encoded(5), _encoded(0), *map(_encoded, halves)]
    uniform = b"".join(one + other for t in map(_encoded, halves) for other in others for one in (t, other))
    uniform += b"".join(other + t for t in map(_encoded, halves) for other in others)
    expected = backend_called("sodium").map_to_group(uniform)
    assert backend_called("reference").map_to_group(uniform) == expected
    assert backend_called(f"native-{name}").map_to_group(uniform) == expected

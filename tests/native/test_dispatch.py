"""All backends give the same bytes and refuse the same row: at random, at every batch size, at the edges.

The cores are asked in two ways: through the extension, where the choice of a core is forced by its name, and as C
programs of their own (tests/native/harness/driver.c), where the IFMA core also runs with its vector instructions
emulated, on machines that do not have them. Judges are libsodium and, for some hundred cases, `psi/_reference.py`,
which shares no code with either.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from psi.errors import InvalidElement
from psi.group import IDENTITY, ORDER, PRIME
from psi.hash_to_group import expand_messages
from tests.support.backends import backend_called, known_scalar
from tests.support.native_build import EMULATED, HARNESS, NATIVE, RELEASE, has_ifma, need_ifma, program, run
from tests.support.native_driver import Driver, Refused, cut

pytestmark = pytest.mark.tm("TM-101")

RANDOM_PAIRS = 100_000
SOAK_PAIRS = 10_000_000
CHUNK = 20_000
BY_REFERENCE = 300
LANES = 8
SIZES = range(4 * LANES + 2)
"""0 to 4 x lanes + 1 rows."""

SODIUM = backend_called("sodium")
FIGURES = json.loads((Path(__file__).parents[1] / "vectors" / "rfc9496.json").read_text())
MULTIPLES = [bytes.fromhex(case["element"]) for case in FIGURES["multiples"]]
EDGE_SCALARS = (1, 2, 3, 7, 8, 9, 15, 16, 17, ORDER - 1, ORDER - 2, ORDER // 2, ORDER // 2 + 1, 2**252, 2**252 - 1)
EDGE_SCALARS += (*(int(nibble * 62, 16) for nibble in "123456789abcdef"), int("78" * 31, 16), int("87" * 31, 16))
BAD = [bytes.fromhex(case["element"]) for case in FIGURES["bad_encodings"]]
BAD += [IDENTITY, *((PRIME + extra).to_bytes(32, "little") for extra in (0, 1, 2, 3, 18)), b"\xff" * 32]
BAD += [good[:-1] + bytes([good[-1] | 0x80]) for good in MULTIPLES]


def stream(label: str, size: int) -> bytes:
    """Repeatable uniform bytes."""
    return hashlib.shake_256(b"tests/native/dispatch " + label.encode()).digest(size)


def scalars(label: str, count: int) -> bytes:
    """Uniform scalars, none zero."""
    wide = stream(label, 64 * count)
    made = (int.from_bytes(wide[at : at + 64], "little") % (ORDER - 1) + 1 for at in range(0, len(wide), 64))
    return b"".join(number.to_bytes(32, "little") for number in made)


KINDS = ("portable", "avx512ifma", "avx512ifma-emulated")


@cache
def place_of(kind: str) -> tuple[Path, str]:
    if kind == "avx512ifma":
        need_ifma()
    core = kind.removesuffix("-emulated")
    return program("driver", EMULATED if kind.endswith("emulated") else RELEASE), core


def asked(kind: str, **how: bool) -> Driver:
    return Driver(*place_of(kind), **how)


@pytest.fixture(params=KINDS)
def core(request: pytest.FixtureRequest) -> Iterator[Driver]:
    with asked(request.param) as made:
        yield made


def agree(label: str, count: int) -> int:
    """`count` random elements and scalars through both native backends and libsodium; how many were compared."""
    names = ["portable", "avx512ifma"] if has_ifma() else ["portable"]
    uniform, factors = stream(label + " uniform", 64 * count), scalars(label + " scalars", count)
    elements = SODIUM.map_to_group(uniform)
    products = []
    with known_scalar(1) as scalar:
        for factor, element in zip(cut(factors), cut(elements), strict=True):
            scalar.view()[:] = factor
            products.append(SODIUM.multiply(scalar, element))
        few = count // 5  # one scalar for all rows
        multiplied = SODIUM.multiply(scalar, elements[: 32 * few])
    for name in names:
        with asked(name) as native:
            assert native.map(uniform) == elements, name
            assert native.multiply_each(factors, elements) == b"".join(products), name
            assert native.multiply(factors[-32:], elements[: 32 * few]) == multiplied, name
            assert native.map_and_multiply(factors[-32:], uniform[: 64 * few]) == multiplied, name
    return count


@pytest.mark.ci
def test_random_pairs() -> None:
    assert sum(agree(f"ci {start}", CHUNK) for start in range(0, RANDOM_PAIRS, CHUNK)) == RANDOM_PAIRS


@pytest.mark.soak
@pytest.mark.timeout(14_400)
def test_random_pairs_in_millions() -> None:
    assert sum(agree(f"soak {start}", CHUNK) for start in range(0, SOAK_PAIRS, CHUNK)) == SOAK_PAIRS


@pytest.mark.ci
def test_a_single_wrong_bit_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin: one bit of one row of one answer."""
    multiply_each = Driver.multiply_each

    def wrong(self: Driver, factors: bytes, elements: bytes) -> bytes:
        rows = bytearray(multiply_each(self, factors, elements))
        rows[32 * 77 + 5] ^= 1
        return bytes(rows)

    monkeypatch.setattr(Driver, "multiply_each", wrong)
    with pytest.raises(AssertionError, match="portable"):
        agree("twin", 100)


@pytest.mark.parametrize("name", ["native-portable", "native-avx512ifma"])
def test_the_extension_with_the_core_forced(name: str) -> None:
    """The choice by name is what BLINDMATCH_BACKEND does; here against libsodium, messages in and elements out."""
    backend = backend_called(name)
    messages = [stream(f"message {index}", index % 300) for index in range(2_000)]
    with known_scalar(scalars("forced", 1)) as scalar:
        assert backend.name == name
        assert backend.hash_to_group(messages, b"tag") == SODIUM.hash_to_group(messages, b"tag")
        assert backend.hash_and_multiply(scalar, messages, b"tag") == SODIUM.hash_and_multiply(scalar, messages, b"tag")


def test_some_hundred_by_the_slow_twin(core: Driver) -> None:
    reference = backend_called("reference")
    uniform, factors = stream("slow", 64 * BY_REFERENCE), scalars("slow", BY_REFERENCE)
    elements = core.map(uniform)
    assert elements == reference.map_to_group(uniform)
    products = [
        reference.multiply(known_scalar(factor), element)
        for factor, element in zip(cut(factors), cut(elements), strict=True)
    ]
    assert core.multiply_each(factors, elements) == b"".join(products)
    assert len(products) == BY_REFERENCE


ELEMENTS = SODIUM.map_to_group(stream("sizes", 64 * SIZES[-1]))
FACTORS = scalars("sizes", SIZES[-1])


@pytest.mark.parametrize("how", ["apart", "in_place", "unaligned"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_batch_size(kind: str, how: str) -> None:
    """Each row is what it is alone, whatever stands beside it; results may lie where the rows came from."""
    k = FACTORS[:32]
    with known_scalar(k) as scalar:
        multiplied = SODIUM.multiply(scalar, ELEMENTS)
    each = b"".join(SODIUM.multiply(known_scalar(f), e) for f, e in zip(cut(FACTORS), cut(ELEMENTS), strict=True))
    messages = [stream(f"{index}", index) for index in range(SIZES[-1])]
    uniform = expand_messages(messages, b"tag")
    mapped = SODIUM.map_to_group(uniform)
    options = {how: True} if how != "apart" else {}
    with asked(kind, **options) as core, known_scalar(k) as scalar:
        hashed = SODIUM.multiply(scalar, mapped)
        for n in SIZES:
            rows, end = ELEMENTS[: 32 * n], 32 * n
            assert core.multiply(k, rows) == multiplied[:end]
            assert core.multiply_each(FACTORS[:end], rows) == each[:end]
            assert core.map(uniform[: 64 * n]) == mapped[:end]
            assert core.map_and_multiply(k, uniform[: 64 * n]) == hashed[:end]
            assert core.hash_and_multiply(k, messages[:n], b"tag") == hashed[:end]
            core.validate(rows)
            assert core.sum(rows) == SODIUM.sum(rows)
            assert core.multi_scalar(FACTORS[:end], rows) == SODIUM.multi_scalar(FACTORS[:end], rows)


@pytest.mark.parametrize("size", [100, 255, 256, 257, 513, 1_000, 4_096])
def test_sums_of_larger_batches(core: Driver, size: int) -> None:
    """Where a multi-scalar product changes its method, and whole blocks and beyond."""
    if core.name == "avx512ifma" and size > 1_000 and not has_ifma():
        pytest.skip("too slow without the real instructions")
    elements, factors = SODIUM.map_to_group(stream("larger", 64 * size)), scalars("larger", size)
    assert core.sum(elements) == SODIUM.sum(elements)
    if size <= 1_000:
        assert core.multi_scalar(factors, elements) == SODIUM.multi_scalar(factors, elements)
    # The same element often, scalars with long runs of zeros, and zero itself.
    same, short = elements[:32] * size, b"".join((index % 5).to_bytes(32, "little") for index in range(size))
    total = sum(index % 5 for index in range(size))
    assert core.multi_scalar(short, same) == SODIUM.multiply(known_scalar(total), elements[:32])


@pytest.mark.parametrize("element", [*MULTIPLES[1:], ELEMENTS[:32]], ids=range(len(MULTIPLES)))
def test_edge_scalars_times_small_multiples(core: Driver, element: bytes) -> None:
    factors = b"".join(number.to_bytes(32, "little") for number in EDGE_SCALARS)
    expected = [SODIUM.multiply(known_scalar(number), element) for number in EDGE_SCALARS]
    assert core.multiply_each(factors, element * len(EDGE_SCALARS)) == b"".join(expected)
    for number, product in zip(EDGE_SCALARS[:12], expected, strict=False):
        assert core.multiply(number.to_bytes(32, "little"), element) == product
    # k*P - k*P is the identity, from sum and from the product; an element and its opposite in one list too.
    opposite = SODIUM.multiply(known_scalar(ORDER - 1), element)
    assert core.sum(element + opposite) == IDENTITY
    assert core.multi_scalar(factors[:32] * 2, element + opposite) == IDENTITY
    assert core.multi_scalar(bytes(64), element + opposite) == IDENTITY


def test_the_one_way_map_at_its_edges(core: Driver) -> None:
    """The RFC's inputs, and halves that are 0, 1, p and its neighbours, with and without bit 255."""
    edges = [number.to_bytes(32, "little") for number in (0, 1, 2, PRIME - 1, PRIME, PRIME + 1, 2**255 - 1, 2**256 - 1)]
    cases = FIGURES["one_way_map"] + FIGURES["one_way_map_same_element"]
    inputs = [bytes.fromhex(case["uniform"]) for case in cases]
    inputs += [low + high for low in edges for high in edges]
    uniform = b"".join(inputs)
    assert core.map(uniform) == SODIUM.map_to_group(uniform)
    # One that maps to the identity stays it under every scalar, and its neighbours in the lanes do not notice.
    mixed = inputs[0] + bytes(64) + inputs[1]
    with known_scalar(5) as five:
        one, two = (SODIUM.multiply(five, SODIUM.map_to_group(each)) for each in inputs[:2])
    assert core.map_and_multiply((5).to_bytes(32, "little"), mixed) == one + IDENTITY + two


TAKERS: dict[str, Callable[[Driver, bytes], object]] = {
    "validate": lambda core, rows: core.validate(rows),
    "multiply": lambda core, rows: core.multiply(FACTORS[:32], rows),
    "multiply_each": lambda core, rows: core.multiply_each((FACTORS * 2)[: len(rows)], rows),
    "sum": lambda core, rows: core.sum(rows),
    "multi_scalar": lambda core, rows: core.multi_scalar((FACTORS * 2)[: len(rows)], rows),
    "multi_scalar by zero": lambda core, rows: core.multi_scalar(bytes(len(rows)), rows),
}


def refused(take: Callable[[Driver, bytes], object], core: Driver, rows: bytes) -> int | None:
    try:
        take(core, rows)
    except Refused as refusal:
        return refusal.index
    return None


@pytest.mark.parametrize("name", TAKERS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_bad_encoding_in_every_lane(kind: str, name: str) -> None:
    """And the first of several is named, in its own group of eight and beyond; in place and apart."""
    tried = 0
    with asked(kind) as apart, asked(kind, in_place=True) as in_place:
        for number, bad in enumerate(BAD):
            lanes = range(2 * LANES) if number % 8 == 0 else [number % (2 * LANES)]
            for lane in lanes:
                rows = cut(ELEMENTS[: 32 * (2 * LANES + 3)])
                rows[lane] = bad
                rows[lane + 2] = BAD[-number]
                for core in (apart, in_place):
                    assert refused(TAKERS[name], core, b"".join(rows)) == lane, bad.hex()
                tried += 1
    assert tried >= len(BAD)


def test_every_lane_and_every_pair_of_lanes(core: Driver) -> None:
    """One bad and two bad ones, one kind each, at all places of three groups."""
    size, bad = 3 * LANES, BAD[:5]
    for first in range(size):
        for second in range(first, size):
            rows = cut(ELEMENTS[: 32 * size])
            rows[first], rows[second] = bad[first % 5], bad[second % 5]
            assert refused(TAKERS["validate"], core, b"".join(rows)) == first
    assert refused(TAKERS["validate"], core, ELEMENTS) is None


def test_random_bytes_are_judged_alike(core: Driver) -> None:
    """One in sixteen or so is an element; libsodium and its wrapper say which."""
    good = 0
    for row in cut(stream("arbitrary", 32 * 2_000)):
        even = bytes([row[0] & 0xFE]) + row[1:31] + bytes([row[31] & 0x7F])
        for candidate in (row, even):
            try:
                SODIUM.validate(candidate)
                expected = None
                good += 1
            except InvalidElement:
                expected = 0
            assert refused(TAKERS["validate"], core, candidate) == expected, candidate.hex()
    assert good > 300


def test_the_emulated_instructions_are_the_real_ones() -> None:
    """What emulated runs show of the source, they show of the machine only if each instruction does the same."""
    need_ifma()
    emulated, real = (run([program("vector_operations", way)]).stdout.splitlines() for way in (EMULATED, RELEASE))
    assert len(emulated) == 35
    assert emulated == real
    assert len({line.split()[-1] for line in emulated}) == len(emulated)  # a hash of nothing would be the same for all
    shown = set(re.findall(r"\b_mm\d*_\w+", (HARNESS / "vector_operations.c").read_text()))
    sources = [NATIVE / "avx512ifma.c", *NATIVE.glob("*52x8.h")]
    used = {name for path in sources for name in re.findall(r"\b_mm\d*_\w+", path.read_text())}
    assert used
    assert used <= shown

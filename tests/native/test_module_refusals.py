"""What psi._native._core refuses, and how: TypeError and ValueError for arguments, an index for a row that is bad."""

import numpy as np
import pytest

from psi.group import GENERATOR, IDENTITY, ORDER
from tests.support.backends import backend_called, known_scalar

core = pytest.importorskip("psi._native._core", reason="the curve core was not built")

KEY = (7).to_bytes(32, "little")
DST = b"tests/native"
SODIUM = backend_called("sodium")
ELEMENTS = SODIUM.hash_to_group([bytes([number % 256, number // 256]) for number in range(257)], DST)


@pytest.mark.parametrize(
    "rows",
    [
        memoryview(ELEMENTS[:64])[::2],
        np.frombuffer(ELEMENTS[:128], dtype=np.uint8)[::2],
        np.asfortranarray(np.frombuffer(ELEMENTS[:128], dtype=np.uint8).reshape(4, 32)),
    ],
    ids=["memoryview with steps", "numpy with steps", "columns first"],
)
def test_a_buffer_with_gaps_is_refused(name, rows):
    with pytest.raises(ValueError, match="contiguous"):
        core.validate(name, rows)


def moved(shift: int, size: int = 64) -> tuple[memoryview, memoryview]:
    whole = memoryview(bytearray(ELEMENTS[: 32 * 8]))
    return whole[64 : 64 + size], whole[64 + shift : 64 + shift + 64]


@pytest.mark.parametrize("shift", [-63, -32, -1, 1, 31, 32, 63])
def test_an_output_that_overlaps_otherwise_is_refused(name, shift):
    rows, out = moved(shift)
    with pytest.raises(ValueError, match="overlaps"):
        core.multiply(name, KEY, rows, out)
    with pytest.raises(ValueError, match="overlaps"):
        core.multiply_each(name, out, ELEMENTS[:64], rows)
    with pytest.raises(ValueError, match="overlaps"):
        core.hash_rows(name, b"", rows, 32, 32, out)
    uniform, out = moved(shift, 128)
    with pytest.raises(ValueError, match="overlaps"):
        core.map_to_group(name, uniform, out)


def test_an_output_may_lie_side_by_side_with_the_input(name):
    for shift in (-64, 64):
        rows, out = moved(shift)
        assert core.multiply(name, KEY, rows, out) is None


def test_an_output_over_a_scalar_or_a_label_is_refused(name):
    secret = bytearray(KEY)
    for call in (
        lambda: core.multiply(name, secret, ELEMENTS[:32], secret),
        lambda: core.map_and_multiply(name, secret, bytes(64), secret),
        lambda: core.hash_and_multiply(name, secret, [b""], DST, secret),
        lambda: core.hash_to_group(name, [b""], secret, secret),
        lambda: core.hash_rows(name, secret, ELEMENTS[:32], 32, 32, secret),
    ):
        with pytest.raises(ValueError, match="overlaps"):
            call()
    assert secret == KEY


@pytest.mark.parametrize("out", [bytes(64), memoryview(bytes(64)), np.frombuffer(bytes(64), dtype=np.uint8)])
def test_an_output_that_cannot_be_written_is_refused(name, out):
    with pytest.raises(ValueError, match=r"writable|read-only"):
        core.multiply(name, KEY, ELEMENTS[:64], out)


@pytest.mark.parametrize("size", [0, 63, 65, 128])
def test_an_output_of_another_size_is_refused(name, size):
    for call in (
        lambda out: core.multiply(name, KEY, ELEMENTS[:64], out),
        lambda out: core.hash_to_group(name, [b"", b""], DST, out),
        lambda out: core.hash_rows(name, b"", ELEMENTS[:64], 32, 32, out),
    ):
        with pytest.raises(ValueError, match="must have 64 bytes"):
            call(bytearray(size))


@pytest.mark.parametrize("size", [1, 31, 33, 63])
def test_rows_that_are_not_whole_are_refused(name, size):
    rows = bytes(size)
    for call in (
        lambda: core.validate(name, rows),
        lambda: core.multiply(name, KEY, rows),
        lambda: core.multiply_each(name, KEY, rows),
        lambda: core.multiply_each(name, rows, GENERATOR),
        lambda: core.map_to_group(name, rows),
        lambda: core.map_and_multiply(name, KEY, rows),
        lambda: core.sum(name, rows),
        lambda: core.multi_scalar(name, KEY, rows),
        lambda: core.multiply_keeping(name, KEY, rows),
        lambda: core.multi_scalar_kept(name, KEY, rows),
        lambda: core.multi_scalar_kept(name, rows, b""),
        lambda: core.multi_scalar(name, rows, GENERATOR),
        lambda: core.hash_rows(name, b"", rows, 32, 16),
    ):
        with pytest.raises(ValueError, match="whole rows"):
            call()


@pytest.mark.parametrize("scalar", [b"", KEY[:31], KEY + b"\0", KEY * 2])
def test_a_scalar_of_another_size_is_refused(name, scalar):
    with pytest.raises(ValueError, match="32 bytes"):
        core.multiply(name, scalar, GENERATOR)


@pytest.mark.parametrize("value", [0, ORDER, ORDER + 1, 2**252 * 2, 2**255, 2**256 - 1])
def test_a_secret_scalar_is_from_1_to_the_order(name, value):
    scalar = value.to_bytes(32, "little")
    for call in (
        lambda: core.multiply(name, scalar, GENERATOR),
        lambda: core.multiply(name, scalar, b""),
        lambda: core.map_and_multiply(name, scalar, bytes(64)),
        lambda: core.hash_and_multiply(name, scalar, [b""], DST),
        lambda: core.multiply_each(name, KEY * 8 + scalar, GENERATOR * 9),
    ):
        with pytest.raises(ValueError, match="from 1 to L-1"):
            call()


def test_the_largest_scalars_are_taken(name):
    with known_scalar(ORDER - 1) as scalar:
        assert core.multiply(name, scalar.view(), GENERATOR) == SODIUM.base_multiply(scalar)


@pytest.mark.parametrize("value", [ORDER, 2**255, 2**256 - 1])
@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_a_public_scalar_is_below_the_order_and_the_first_that_is_not_is_named(name, value, kind):
    scalars = kind(KEY * 3 + value.to_bytes(32, "little") * 2)
    with pytest.raises(ValueError, match="scalar 3 is not below L"):
        core.multi_scalar(name, scalars, GENERATOR * 5)


@pytest.mark.parametrize(("scalars", "elements"), [(0, 1), (1, 0), (3, 2), (2, 3)])
def test_scalars_and_elements_come_in_pairs(name, scalars, elements):
    for operation in (core.multi_scalar, core.multiply_each):
        with pytest.raises(ValueError, match="one scalar per element"):
            operation(name, KEY * scalars, GENERATOR * elements)


@pytest.mark.parametrize("size", [0, 256, 300])
def test_a_tag_has_1_to_255_bytes(name, size):
    for call in (
        lambda: core.expand(name, [b""], bytes(size)),
        lambda: core.hash_to_group(name, [], bytes(size)),
        lambda: core.hash_and_multiply(name, KEY, [b""], bytes(size)),
    ):
        with pytest.raises(ValueError, match="1 to 255"):
            call()


@pytest.mark.parametrize("texts", [b"bytes", "text", 5, None, [b"a", "b"], [b"a", None], [bytearray(b"a")], [[b"a"]]])
def test_messages_are_a_sequence_of_bytes(name, texts):
    for call in (
        lambda: core.expand(name, texts, DST),
        lambda: core.hash_to_group(name, texts, DST),
        lambda: core.hash_and_multiply(name, KEY, texts, DST),
    ):
        with pytest.raises(TypeError):
            call()


def test_messages_may_be_anything_that_gives_bytes_in_order(name):
    expected = core.expand(name, [b"a", b"b"], DST)
    assert core.expand(name, (b"a", b"b"), DST) == expected
    assert core.expand(name, iter([b"a", b"b"]), DST) == expected

    def broken():
        yield b"a"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        core.expand(name, broken(), DST)


@pytest.mark.parametrize(
    ("width", "length"), [(0, 16), (-1, 16), (-(2**63), 16), (32, 0), (32, 65), (32, -1), (32, 2**63 - 1)]
)
def test_impossible_widths_and_lengths_are_refused(name, width, length):
    with pytest.raises(ValueError, match="at least one byte"):
        core.hash_rows(name, b"", bytes(64), width, length)


@pytest.mark.parametrize("huge", [2**63, 2**64, -(2**70)])
def test_a_number_beyond_the_machine_is_refused(name, huge):
    with pytest.raises(OverflowError):
        core.hash_rows(name, b"", bytes(64), huge, 16)


@pytest.mark.parametrize("wrong", ["", "avx2", "PORTABLE", "portable\0", "\udc80", "портал"])
def test_a_core_that_is_not_there_is_refused(wrong):
    with pytest.raises(ValueError, match=r"."):
        core.validate(wrong, b"")


NOT_BUFFERS = [None, "text", 5, 1.5, [GENERATOR], object()]


@pytest.mark.parametrize("wrong", NOT_BUFFERS, ids=lambda value: type(value).__name__)
def test_something_else_in_place_of_a_buffer_is_refused(name, wrong):
    for call in (
        lambda: core.validate(name, wrong),
        lambda: core.multiply(name, wrong, GENERATOR),
        lambda: core.multiply(name, KEY, wrong),
        lambda: core.multiply_each(name, KEY, wrong),
        lambda: core.multi_scalar(name, wrong, GENERATOR),
        lambda: core.multiply_keeping(name, wrong, GENERATOR),
        lambda: core.multiply_keeping(name, KEY, wrong),
        lambda: core.multi_scalar_kept(name, wrong, b""),
        lambda: core.multi_scalar_kept(name, b"", wrong),
        lambda: core.map_to_group(name, wrong),
        lambda: core.hash_rows(name, wrong, GENERATOR, 32, 16),
        lambda: core.hash_to_group(name, [b""], wrong),
        lambda: core.sum(name, wrong),
    ):
        with pytest.raises(TypeError):
            call()
    if wrong is not None:
        with pytest.raises(TypeError):
            core.multiply(name, KEY, GENERATOR, wrong)


@pytest.mark.parametrize("wrong", [None, 5, b"portable", object()], ids=lambda value: type(value).__name__)
def test_a_core_is_named_by_a_str(wrong):
    with pytest.raises(TypeError):
        core.validate(wrong, b"")


OPERATIONS = [
    "validate", "multiply", "multiply_each", "map_to_group", "map_and_multiply", "expand", "hash_to_group",
    "hash_and_multiply", "hash_rows", "sum", "multi_scalar", "multiply_keeping", "multi_scalar_kept",
]  # fmt: skip


@pytest.mark.parametrize("operation", OPERATIONS)
def test_too_few_and_too_many_arguments_are_refused(name, operation):
    function = getattr(core, operation)
    for arguments in ((), (name,), (name, *[b""] * 9)):
        with pytest.raises(TypeError):
            function(*arguments)
    with pytest.raises(TypeError):
        function(core=name)


def test_all_operations_are_known_here():
    public = {entry for entry in dir(core) if not entry.startswith("__")}
    assert public == {*OPERATIONS, "cores", "built_with"}


# Bad rows are named by index

BAD = [IDENTITY, GENERATOR[:-1] + bytes([GENERATOR[-1] | 0x80]), b"\xff" * 32, b"\1" + bytes(31)]


@pytest.mark.parametrize("bad", BAD, ids=lambda row: row.hex()[:8])
@pytest.mark.parametrize("place", [0, 1, 7, 8, 9, 15, 16, 31, 32, 255, 256])
def test_the_first_bad_row_is_named(name, place, bad):
    rows = bytearray(ELEMENTS)
    for at in {place, 256}:
        rows[32 * at : 32 * at + 32] = bad
    assert core.validate(name, rows) == place
    assert core.multiply(name, KEY, rows) == place
    assert core.multiply(name, KEY, rows, bytearray(len(rows))) == place
    assert core.multiply(name, KEY, rows[:], rows[:]) == place
    assert core.multiply_each(name, KEY * 257, rows) == place
    assert core.sum(name, rows) == place
    assert core.multi_scalar(name, KEY * 257, rows) == place
    assert core.multi_scalar(name, bytes(32 * 257), rows) == place


def test_what_does_not_fit_what_was_kept_is_refused(name):
    _, kept = core.multiply_keeping(name, KEY, GENERATOR * 3)
    for scalars in (KEY * 2, KEY * 4, b""):
        with pytest.raises(ValueError, match="as many scalars"):
            core.multi_scalar_kept(name, scalars, kept)
    with pytest.raises(ValueError, match="scalar 1 is not below L"):
        core.multi_scalar_kept(name, KEY + ORDER.to_bytes(32, "little") + KEY, kept)
    for scalar in (bytes(32), ORDER.to_bytes(32, "little")):
        with pytest.raises(ValueError, match="from 1 to L-1"):
            core.multiply_keeping(name, scalar, GENERATOR)
    assert core.multiply_keeping(name, KEY, GENERATOR + bytes(32)) == 1


def test_rows_that_nobody_kept_give_some_sum_and_nothing_worse(name):
    _, kept = core.multiply_keeping(name, KEY, GENERATOR)
    for filled in (b"\0", b"\xff", b"\x5a"):
        for count in (1, 20, 300):
            assert len(core.multi_scalar_kept(name, KEY * count, filled * (len(kept) * count))) == 32

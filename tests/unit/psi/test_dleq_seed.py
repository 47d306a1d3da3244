"""The seed of the batch proof covers the whole statement, and what happens to those who hash less."""

import hashlib

import pytest

from psi.dleq import batch_coefficients, batch_seed
from psi.group import GENERATOR, ORDER
from tests.support import rfc9497
from tests.support.backends import known_scalar
from tests.support.batches import BACKEND, CONTEXT, LABEL, Batch, moved


def parts_that_do_not_count(seed_of, n: int) -> list[str]:
    """Which parts of a statement can change without every coefficient changing."""
    batch = Batch(n)
    statement = {
        "label": LABEL,
        "context": CONTEXT,
        "public_key": batch.key,
        "inputs": batch.inputs,
        "outputs": batch.outputs,
    }

    def coefficients(changes):
        flat = batch_coefficients(BACKEND, seed_of(**(statement | changes)), n)
        return {flat[at : at + 16] for at in range(0, len(flat), 32)}

    before = coefficients({})
    trials = {name: {name: statement[name][:-1] + b"\0"} for name in ("label", "context", "public_key")}
    for side in ("inputs", "outputs"):
        for index in range(n):
            for name, place in (("first", 32 * index), ("last", 32 * index + 31)):
                flipped = bytearray(statement[side])
                flipped[place] ^= 1
                trials[f"{name} byte of {side} {index}"] = {side: bytes(flipped)}
    return [name for name, changes in trials.items() if coefficients(changes) & before]


@pytest.mark.parametrize("n", [1, 2, 3, 64])
def test_every_part_changes_every_coefficient(n):
    assert parts_that_do_not_count(batch_seed, n) == []


@pytest.mark.parametrize(
    ("careless", "missed"),
    [
        (lambda label, context, public_key, inputs, outputs: batch_seed(b"", context, public_key, inputs, outputs), 1),
        (lambda label, context, public_key, inputs, outputs: batch_seed(label, b"", public_key, inputs, outputs), 1),
        (lambda label, context, public_key, inputs, outputs: batch_seed(label, context, b"", inputs, outputs), 1),
        (lambda label, context, public_key, inputs, outputs: batch_seed(label, context, public_key, b"", outputs), 6),
        (lambda label, context, public_key, inputs, outputs: batch_seed(label, context, public_key, inputs, b""), 6),
        (
            lambda label, context, public_key, inputs, outputs: batch_seed(
                label, context, public_key, inputs, outputs[:-32]
            ),
            2,
        ),
        (
            lambda label, context, public_key, inputs, outputs: batch_seed(
                label, context, public_key, inputs[32:], outputs
            ),
            2,
        ),
        (lambda label, context, public_key, inputs, outputs: hashlib.sha512(public_key).digest(), 14),
    ],
)
def test_a_seed_that_leaves_something_out_is_noticed(careless, missed):
    assert len(parts_that_do_not_count(careless, 3)) == missed


def test_how_many_pairs_and_the_borders_between_fields_count():
    batch = Batch(4)
    seeds = {
        batch_seed(LABEL, CONTEXT, batch.key, batch.inputs[:64], batch.inputs[64:]),
        batch_seed(LABEL, CONTEXT, batch.key, batch.inputs[:32], batch.inputs[32:]),
        batch_seed(LABEL, CONTEXT, batch.key, batch.inputs, b""),
        batch_seed(LABEL + CONTEXT, b"", batch.key, batch.inputs[:64], batch.inputs[64:]),
    }
    assert len(seeds) == 4


def test_coefficients_have_128_bits_and_differ():
    flat = batch_coefficients(BACKEND, bytes(64), 500)
    assert {flat[at + 16 : at + 32] for at in range(0, len(flat), 32)} == {bytes(16)}
    assert len({flat[at : at + 16] for at in range(0, len(flat), 32)}) == 500
    assert any(flat[15::32])  # the top byte is used


# Why not the seed of RFC 9497


def test_in_the_rfcs_batch_a_coefficient_depends_on_its_own_pair_only():
    batch = Batch(4)
    changed = moved(batch.outputs, 2)
    before, after = (
        rfc9497.pieces(rfc9497.coefficients(BACKEND, batch.key, batch.inputs, outputs, 1))
        for outputs in (batch.outputs, changed)
    )
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, True, False, True]


def test_pair_by_pair_coefficients_let_a_cheat_collect_errors_that_cancel():
    """The attack in miniature, with 12-bit coefficients; with 128 bits and 4,096 pairs it takes about 2^31 steps.

    The cheat answers k*C_0 + a*G and k*C_1 - b*G. Each coefficient depends on its own pair, so it lists a*d_0(a) and
    b*d_1(b) apart and looks for a match: 2 x 4,096 trials instead of 4,096 x 4,096. Under a seed over the whole
    statement, d_0 depends on b as well: there is nothing to list, and the match found is worthless.
    """
    tries = 4096
    batch = Batch(2)
    minus = BACKEND.base_multiply(known_scalar(ORDER - 1))

    def short(*parts: bytes) -> int:
        return int.from_bytes(hashlib.sha512(b"".join(parts)).digest()[:2], "big") >> 4

    def own_pair(index: int, outputs: bytes) -> int:
        at = 32 * index
        return short(batch.key, bytes([index]), batch.inputs[at : at + 32], outputs[at : at + 32])

    def whole(index: int, outputs: bytes) -> int:
        return short(bytes([index]), batch_seed(LABEL, CONTEXT, batch.key, batch.inputs, outputs))

    def passes(coefficient, outputs: bytes) -> bool:
        scalars = b"".join(coefficient(index, outputs).to_bytes(32, "little") for index in range(2))
        m = BACKEND.multi_scalar(scalars, batch.inputs)
        return BACKEND.multiply(batch.scalar, m) == BACKEND.multi_scalar(scalars, outputs)

    listed, first = {}, batch.outputs[:32]
    for a in range(1, tries):
        first = BACKEND.sum(first + GENERATOR)
        listed[a * own_pair(0, first)] = first
    second, forged = batch.outputs[32:], b""
    for b in range(1, tries):
        second = BACKEND.sum(second + minus)
        match = b * own_pair(1, bytes(32) + second)
        if match and match in listed:
            forged = listed[match] + second
            break
    assert forged
    assert forged[:32] != batch.outputs[:32]
    assert passes(own_pair, forged)  # two wrong answers, accepted
    assert not passes(whole, forged)
    assert passes(whole, batch.outputs)

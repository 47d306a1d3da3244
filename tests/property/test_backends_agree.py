"""sodium and the slow twin give the same bytes, and refuse the same row, for every batch operation."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from psi.errors import InvalidElement
from psi.group import IDENTITY, ORDER
from tests.support.backends import backend_called, known_scalar, shown

FAST, SLOW = backend_called("sodium"), backend_called("reference")
SIZES = st.sampled_from([0, 1, 2, 5])
SCALARS = st.one_of(st.sampled_from([1, 2, ORDER - 1, ORDER // 2]), st.integers(1, ORDER - 1))
ELEMENTS = st.lists(st.binary(max_size=8), max_size=5).map(lambda messages: SLOW.hash_to_group(messages, b"tag"))
FEW = settings(max_examples=20, deadline=None)


@st.composite
def batches(draw):
    """0, 1, 2 or 5 rows of 64 bytes."""
    return b"".join(draw(st.binary(min_size=64, max_size=64)) for _ in range(draw(SIZES)))


@FEW
@given(batches())
@example(bytes(64))
@example(b"\xff" * 64)
def test_map_to_group(uniform):
    """The map may give the identity (64 zero bytes do); what takes elements refuses it then."""
    assert FAST.map_to_group(uniform) == SLOW.map_to_group(uniform)


@FEW
@given(SCALARS, ELEMENTS)
def test_multiply(number, elements):
    with known_scalar(number) as scalar:
        assert FAST.multiply(scalar, elements) == SLOW.multiply(scalar, elements)


@FEW
@given(SCALARS)
def test_base_multiply(number):
    with known_scalar(number) as scalar:
        assert FAST.base_multiply(scalar) == SLOW.base_multiply(scalar)


@FEW
@given(SCALARS, st.lists(st.binary(max_size=40), max_size=5), st.binary(min_size=1, max_size=255))
def test_hashing(number, messages, dst):
    mapped = FAST.hash_to_group(messages, dst)
    assert mapped == SLOW.hash_to_group(messages, dst)
    with known_scalar(number) as scalar:
        fused = FAST.hash_and_multiply(scalar, messages, dst)
        assert fused == SLOW.hash_and_multiply(scalar, messages, dst) == FAST.multiply(scalar, mapped)


@FEW
@given(ELEMENTS)
def test_sum_and_validate(elements):
    assert FAST.sum(elements) == SLOW.sum(elements)
    FAST.validate(elements)
    SLOW.validate(elements)


@FEW
@given(ELEMENTS, st.data())
def test_multi_scalar(elements, data):
    numbers = [data.draw(st.one_of(st.just(0), SCALARS)) for _ in range(len(elements) // 32)]
    scalars = b"".join(number.to_bytes(32, "little") for number in numbers)
    assert FAST.multi_scalar(scalars, elements) == SLOW.multi_scalar(scalars, elements)


@FEW
@given(SCALARS)
def test_a_sum_that_cancels_is_the_identity_on_both(number):
    with known_scalar(number) as scalar, known_scalar(ORDER - number) as opposite:
        pair = FAST.base_multiply(scalar) + FAST.base_multiply(opposite)
    assert FAST.sum(pair) == SLOW.sum(pair) == IDENTITY
    twice = number.to_bytes(32, "little") * 2
    assert FAST.multi_scalar(twice, pair) == SLOW.multi_scalar(twice, pair) == IDENTITY


@FEW
@given(st.binary(min_size=64, max_size=64), SCALARS, SCALARS, st.integers(0, ORDER - 1), st.binary(max_size=80))
def test_scalars_of_proofs(wide, k, r, c, statement):
    assert FAST.reduce(wide) == SLOW.reduce(wide)
    with known_scalar(k) as scalar, known_scalar(r) as nonce:
        challenge = c.to_bytes(32, "little")
        answer = FAST.response(nonce, challenge, scalar)
        assert answer == SLOW.response(nonce, challenge, scalar) == ((r - c * k) % ORDER).to_bytes(32, "little")
        fast, slow = (one.derive_nonce(scalar, statement, wide[:32]) for one in (FAST, SLOW))
        assert shown(fast) == shown(slow)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.just(True), st.binary(min_size=32, max_size=32)), min_size=1, max_size=5))
def test_arbitrary_bytes_are_refused_alike(parts):
    """True stands for a good element; random bytes are one in about one case of eight."""
    good = SLOW.map_to_group(b"\x07" * 64)
    elements = b"".join(good if part is True else part for part in parts)
    verdicts = []
    for one in (FAST, SLOW):
        try:
            one.validate(elements)
            verdicts.append(None)
        except InvalidElement as refusal:
            verdicts.append(refusal.index)
    assert verdicts[0] == verdicts[1]
    if verdicts[0] is not None:
        with known_scalar(3) as scalar:
            for refused in (lambda: FAST.multiply(scalar, elements), lambda: FAST.sum(elements)):
                with pytest.raises(InvalidElement) as refusal:
                    refused()
                assert refusal.value.index == verdicts[0]

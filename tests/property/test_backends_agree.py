"""Every backend and the slow twin give the same bytes, and refuse the same row, for every batch operation."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from psi.backend import BACKENDS
from psi.errors import InvalidElement
from psi.group import IDENTITY, ORDER
from tests.support.backends import backend_called, known_scalar, shown

SLOW = backend_called("reference")
SIZES = st.sampled_from([0, 1, 2, 5])
SCALARS = st.one_of(st.sampled_from([1, 2, ORDER - 1, ORDER // 2]), st.integers(1, ORDER - 1))
ELEMENTS = st.lists(st.binary(max_size=8), max_size=5).map(lambda messages: SLOW.hash_to_group(messages, b"tag"))
FEW = settings(max_examples=20, deadline=None)

each = pytest.mark.parametrize("name", BACKENDS)


@st.composite
def batches(draw):
    """0, 1, 2 or 5 rows of 64 bytes."""
    return b"".join(draw(st.binary(min_size=64, max_size=64)) for _ in range(draw(SIZES)))


@each
@FEW
@given(batches())
@example(bytes(64))
@example(b"\xff" * 64)
def test_map_to_group(name, uniform):
    """The map may give the identity (64 zero bytes do); what takes elements refuses it then."""
    assert backend_called(name).map_to_group(uniform) == SLOW.map_to_group(uniform)


@each
@FEW
@given(SCALARS, ELEMENTS)
def test_multiply(name, number, elements):
    with known_scalar(number) as scalar:
        assert backend_called(name).multiply(scalar, elements) == SLOW.multiply(scalar, elements)


@each
@FEW
@given(SCALARS)
def test_base_multiply(name, number):
    with known_scalar(number) as scalar:
        assert backend_called(name).base_multiply(scalar) == SLOW.base_multiply(scalar)


@each
@FEW
@given(SCALARS, st.lists(st.binary(max_size=40), max_size=5), st.binary(min_size=1, max_size=255))
def test_hashing(name, number, messages, dst):
    fast = backend_called(name)
    mapped = fast.hash_to_group(messages, dst)
    assert mapped == SLOW.hash_to_group(messages, dst)
    with known_scalar(number) as scalar:
        fused = fast.hash_and_multiply(scalar, messages, dst)
        assert fused == SLOW.hash_and_multiply(scalar, messages, dst) == fast.multiply(scalar, mapped)


@each
@FEW
@given(ELEMENTS)
def test_sum_and_validate(name, elements):
    assert backend_called(name).sum(elements) == SLOW.sum(elements)
    backend_called(name).validate(elements)
    SLOW.validate(elements)


@each
@FEW
@given(ELEMENTS, st.data())
def test_multi_scalar(name, elements, data):
    numbers = [data.draw(st.one_of(st.just(0), SCALARS)) for _ in range(len(elements) // 32)]
    scalars = b"".join(number.to_bytes(32, "little") for number in numbers)
    assert backend_called(name).multi_scalar(scalars, elements) == SLOW.multi_scalar(scalars, elements)


@each
@FEW
@given(SCALARS)
def test_a_sum_that_cancels_is_the_identity_on_both(name, number):
    with known_scalar(number) as scalar, known_scalar(ORDER - number) as opposite:
        pair = backend_called(name).base_multiply(scalar) + backend_called(name).base_multiply(opposite)
    assert backend_called(name).sum(pair) == SLOW.sum(pair) == IDENTITY
    twice = number.to_bytes(32, "little") * 2
    assert backend_called(name).multi_scalar(twice, pair) == SLOW.multi_scalar(twice, pair) == IDENTITY


@each
@FEW
@given(st.binary(min_size=64, max_size=64), SCALARS, SCALARS, st.integers(0, ORDER - 1), st.binary(max_size=80))
def test_scalars_of_proofs(name, wide, k, r, c, statement):
    assert backend_called(name).reduce(wide) == SLOW.reduce(wide)
    with known_scalar(k) as scalar, known_scalar(r) as nonce:
        challenge = c.to_bytes(32, "little")
        answer = backend_called(name).response(nonce, challenge, scalar)
        assert answer == SLOW.response(nonce, challenge, scalar) == ((r - c * k) % ORDER).to_bytes(32, "little")
        fast, slow = (one.derive_nonce(scalar, statement, wide[:32]) for one in (backend_called(name), SLOW))
        assert shown(fast) == shown(slow)


@each
@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.just(True), st.binary(min_size=32, max_size=32)), min_size=1, max_size=5))
def test_arbitrary_bytes_are_refused_alike(name, parts):
    """True stands for a good element; random bytes are one in about one case of eight."""
    good = SLOW.map_to_group(b"\x07" * 64)
    elements = b"".join(good if part is True else part for part in parts)
    fast, verdicts = backend_called(name), []
    for one in (fast, SLOW):
        try:
            one.validate(elements)
            verdicts.append(None)
        except InvalidElement as refusal:
            verdicts.append(refusal.index)
    assert verdicts[0] == verdicts[1]
    if verdicts[0] is not None:
        with known_scalar(3) as scalar:
            for refused in (lambda: fast.multiply(scalar, elements), lambda: fast.sum(elements)):
                with pytest.raises(InvalidElement) as refusal:
                    refused()
                assert refusal.value.index == verdicts[0]

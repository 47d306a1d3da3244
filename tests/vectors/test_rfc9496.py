"""RFC 9496 appendix A on every backend: multiples of G, bad encodings, the one-way map."""

import json
from pathlib import Path

import pytest

from psi.errors import InvalidElement
from psi.group import GENERATOR, IDENTITY
from tests.support.backends import BACKENDS, backend_called, known_scalar

FIGURES = json.loads((Path(__file__).parent / "rfc9496.json").read_text())
MULTIPLES = FIGURES["multiples"]
BAD = FIGURES["bad_encodings"]
MAPS = FIGURES["one_way_map"]
SAME = FIGURES["one_way_map_same_element"]


@pytest.fixture(params=BACKENDS)
def backend(request):
    return backend_called(request.param)


def test_all_figures_of_the_appendix_are_here():
    assert (len(MULTIPLES), len(BAD), len(MAPS), len(SAME)) == (16, 29, 7, 4)
    assert {case["reason"] for case in BAD} == {"not-canonical", "negative", "not-square", "negative-xy", "minus-one"}


@pytest.mark.parametrize("case", MULTIPLES, ids=lambda case: f"{case['scalar']}G")
def test_multiple_of_the_base(backend, case):
    number, element = case["scalar"], bytes.fromhex(case["element"])
    assert backend.multi_scalar(number.to_bytes(32, "little"), GENERATOR) == element
    assert backend.sum(GENERATOR * number) == element
    if number:
        with known_scalar(number) as scalar:
            assert backend.base_multiply(scalar) == element
            assert backend.multiply(scalar, GENERATOR) == element
        backend.validate(element)


OPERATIONS = {
    "validate": lambda backend, scalar, elements: backend.validate(elements),
    "multiply": lambda backend, scalar, elements: backend.multiply(scalar, elements),
    "sum": lambda backend, scalar, elements: backend.sum(elements),
    "multi_scalar": lambda backend, scalar, elements: backend.multi_scalar(SEVEN * 3, elements),
    "multi_scalar by zero": lambda backend, scalar, elements: backend.multi_scalar(bytes(96), elements),
}
SEVEN = (7).to_bytes(32, "little")


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("case", BAD, ids=lambda case: f"{case['reason']}-{case['element'][:8]}")
def test_bad_encoding_is_refused_by_every_operation(backend, case, operation):
    elements = GENERATOR + bytes.fromhex(case["element"]) + IDENTITY  # the first offender is named, not the last
    with known_scalar(5) as scalar, pytest.raises(InvalidElement) as refusal:
        OPERATIONS[operation](backend, scalar, elements)
    assert refusal.value.index == 1


@pytest.mark.parametrize("case", MULTIPLES[1:], ids=lambda case: f"{case['scalar']}G")
def test_bit_255_of_a_good_encoding_is_refused(backend, case):
    """Not in the RFC's list: libsodium 1.0.18 lets these pass."""
    element = bytearray.fromhex(case["element"])
    element[31] |= 0x80
    with pytest.raises(InvalidElement) as refusal:
        backend.validate(element)
    assert refusal.value.index == 0


@pytest.mark.parametrize("case", MAPS, ids=lambda case: case["name"][:30])
def test_one_way_map(backend, case):
    assert backend.map_to_group(bytes.fromhex(case["uniform"])).hex() == case["element"]


@pytest.mark.parametrize("case", SAME, ids=range(len(SAME)))
def test_one_way_map_of_different_inputs_to_one_element(backend, case):
    assert backend.map_to_group(bytes.fromhex(case["uniform"])).hex() == case["element"]


def test_one_way_map_takes_a_batch(backend):
    batch = b"".join(bytes.fromhex(case["uniform"]) for case in MAPS + SAME)
    assert backend.map_to_group(batch).hex() == "".join(case["element"] for case in MAPS + SAME)

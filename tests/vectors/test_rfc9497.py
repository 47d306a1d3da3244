"""RFC 9497 appendix A.1 (ristretto255-SHA512) on every backend: OPRF and VOPRF.

The third mode, POPRF, adds a public input to the key. blindmatch has no such mode and no code for it, so its figures
are not here.
"""

import json
from pathlib import Path

import pytest

from psi.errors import BadProof
from tests.support import rfc9497
from tests.support.backends import BACKENDS, backend_called, known_scalar

FIGURES = json.loads((Path(__file__).parent / "rfc9497.json").read_text())
CASES = [(mode, case) for mode in FIGURES["modes"] for case in mode["cases"]]
NAMES = [f"{mode['name']}-{number}" for mode in FIGURES["modes"] for number in range(len(mode["cases"]))]
PROVEN = [pair for pair in CASES if "proof" in pair[1]]


@pytest.fixture(params=BACKENDS)
def backend(request):
    return backend_called(request.param)


def joined(values: list[str]) -> bytes:
    return bytes.fromhex("".join(values))


def test_all_figures_of_the_two_modes_are_here():
    assert [(mode["name"], len(mode["cases"])) for mode in FIGURES["modes"]] == [("OPRF", 2), ("VOPRF", 3)]
    assert len(PROVEN) == 3
    assert [len(case["inputs"]) for _, case in CASES] == [1, 1, 1, 1, 2]


@pytest.mark.parametrize("mode", FIGURES["modes"], ids=lambda mode: mode["name"])
def test_keys(backend, mode):
    key = rfc9497.derive_key(backend, bytes.fromhex(mode["seed"]), bytes.fromhex(mode["key_info"]), mode["mode"])
    assert key.hex() == mode["secret_key"]
    assert b"HashToGroup-" + rfc9497.context_string(mode["mode"]) == bytes.fromhex(mode["hash_to_group_dst"])
    if "public_key" in mode:
        assert backend.base_multiply(known_scalar(key)).hex() == mode["public_key"]


@pytest.mark.parametrize(("mode", "case"), CASES, ids=NAMES)
def test_blinded_elements(backend, mode, case):
    inputs = [bytes.fromhex(value) for value in case["inputs"]]
    assert rfc9497.blind(backend, inputs, case["blinds"], mode["mode"]) == joined(case["blinded"])


@pytest.mark.parametrize(("mode", "case"), CASES, ids=NAMES)
def test_evaluated_elements(backend, mode, case):
    evaluated = backend.multiply(known_scalar(mode["secret_key"]), joined(case["blinded"]))
    assert evaluated == joined(case["evaluated"])


@pytest.mark.parametrize(("mode", "case"), CASES, ids=NAMES)
def test_outputs(backend, mode, case):
    for message, factor, evaluated, output in zip(
        case["inputs"], case["blinds"], case["evaluated"], case["outputs"], strict=True
    ):
        result = rfc9497.finalize(backend, bytes.fromhex(message), factor, bytes.fromhex(evaluated))
        assert result.hex() == output


@pytest.mark.parametrize(("mode", "case"), PROVEN, ids=range(len(PROVEN)))
def test_proofs_with_the_given_randomness(backend, mode, case):
    public_key, blinded, evaluated = (
        bytes.fromhex(mode["public_key"]),
        joined(case["blinded"]),
        joined(case["evaluated"]),
    )
    proof = rfc9497.prove(backend, mode["secret_key"], case["nonce"], public_key, blinded, evaluated, mode["mode"])
    assert proof.hex() == case["proof"]
    rfc9497.verify(backend, public_key, blinded, evaluated, proof, mode["mode"])


@pytest.mark.parametrize("position", [0, 31, 32, 63])
@pytest.mark.parametrize(("mode", "case"), PROVEN, ids=range(len(PROVEN)))
def test_a_changed_proof_is_refused(backend, mode, case, position):
    public_key, blinded, evaluated = (
        bytes.fromhex(mode["public_key"]),
        joined(case["blinded"]),
        joined(case["evaluated"]),
    )
    proof = bytearray.fromhex(case["proof"])
    proof[position] ^= 1
    with pytest.raises(BadProof):
        rfc9497.verify(backend, public_key, blinded, evaluated, bytes(proof), mode["mode"])


@pytest.mark.parametrize(("mode", "case"), PROVEN, ids=range(len(PROVEN)))
def test_a_proof_does_not_hold_in_another_mode(backend, mode, case):
    public_key, blinded, evaluated = (
        bytes.fromhex(mode["public_key"]),
        joined(case["blinded"]),
        joined(case["evaluated"]),
    )
    with pytest.raises(BadProof):
        rfc9497.verify(backend, public_key, blinded, evaluated, bytes.fromhex(case["proof"]), 2)

"""Figures of our own batch proof on every backend: 3 accepted, 21 refused, each with its class of failure."""

import json
from pathlib import Path

import pytest

from psi import dleq, errors
from tests.support.backends import BACKENDS, backend_called, known_scalar

FIGURES = json.loads((Path(__file__).parent / "dleq.json").read_text())
ACCEPTED = {case["name"]: case for case in FIGURES["accepted"]}
REFUSED = FIGURES["refused"]


@pytest.fixture(params=BACKENDS)
def backend(request):
    return backend_called(request.param)


def raw(value: str | list[str]) -> bytes:
    return bytes.fromhex("".join(value))


def verify(backend, case) -> None:
    key, inputs, outputs, proof = (raw(case[name]) for name in ("public_key", "inputs", "outputs", "proof"))
    dleq.verify_batch(backend, key, inputs, outputs, proof, label=raw(case["label"]), context=raw(case["context"]))


def test_all_figures_are_here():
    assert (len(ACCEPTED), len(REFUSED)) == (3, 21)
    assert len({case["name"] for case in REFUSED}) == 21


@pytest.mark.parametrize("case", ACCEPTED.values(), ids=ACCEPTED)
def test_seed_coefficients_and_proof(backend, case):
    key, inputs, outputs = raw(case["public_key"]), raw(case["inputs"]), raw(case["outputs"])
    label, context = raw(case["label"]), raw(case["context"])
    seed = dleq.batch_seed(label, context, key, inputs, outputs)
    assert seed.hex() == case["seed"]
    padded = "".join(one + "00" * 16 for one in case["coefficients"])
    assert dleq.batch_coefficients(backend, seed, len(case["inputs"])).hex() == padded
    with known_scalar(case["secret_key"]) as scalar:
        assert backend.base_multiply(scalar) == key
        proof = dleq.prove_batch(
            backend,
            scalar,
            key,
            inputs,
            outputs,
            label=label,
            context=context,
            random_bytes=lambda _: raw(case["fresh"]),
        )
    assert proof.hex() == case["proof"]
    verify(backend, case)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case["name"])
def test_refused(backend, case):
    changed = {**ACCEPTED[case["changes"]], **case["with"]}
    with pytest.raises(getattr(errors, case["refused_with"])) as refusal:
        verify(backend, changed)
    assert type(refusal.value).__name__ == case["refused_with"]

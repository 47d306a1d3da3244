"""Honest batches of multiplied elements, for tests of their proofs."""

import os

from psi.backend import choose
from psi.dleq import prove_batch, verify_batch
from psi.group import GENERATOR
from tests.support.backends import known_scalar

BACKEND = choose()
LABEL, CONTEXT = b"a label", b"a context"


class Batch:
    """An honest batch of n pairs, with its proof."""

    def __init__(self, n: int, key: int = 1234567) -> None:
        self.scalar = known_scalar(key)
        self.key = BACKEND.base_multiply(self.scalar)
        self.inputs = BACKEND.hash_to_group([bytes([n % 256, i % 256, i // 256]) for i in range(n)], b"tag")
        self.outputs = BACKEND.multiply(self.scalar, self.inputs)
        self.proof = self.prove()

    def prove(self, random_bytes=os.urandom, **changes) -> bytes:
        given = {"label": LABEL, "context": CONTEXT, "inputs": self.inputs, "outputs": self.outputs, "key": self.key}
        given |= changes
        return prove_batch(
            BACKEND,
            self.scalar,
            given["key"],
            given["inputs"],
            given["outputs"],
            label=given["label"],
            context=given["context"],
            random_bytes=random_bytes,
        )

    def verify(self, **changes) -> None:
        given = {
            "key": self.key,
            "inputs": self.inputs,
            "outputs": self.outputs,
            "proof": self.proof,
            "label": LABEL,
            "context": CONTEXT,
        } | changes
        verify_batch(
            BACKEND,
            given["key"],
            given["inputs"],
            given["outputs"],
            given["proof"],
            label=given["label"],
            context=given["context"],
        )


def moved(elements: bytes, index: int) -> bytes:
    """The list with G added to one element: valid, but another one."""
    at = 32 * index
    return elements[:at] + BACKEND.sum(elements[at : at + 32] + GENERATOR) + elements[at + 32 :]

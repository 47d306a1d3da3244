"""The parts of RFC 9497 that the protocol does not use, so that its figures can be run through the parts it does.

Blinding with one blind per input, the RFC's batch composites (whose seed hashes only the key: see psi/dleq.py for why
ours does not), unblinding and the final hash. For figures only: not constant time, and blinds are Python ints.
"""

import hashlib
from itertools import count

from psi.backend import Backend
from psi.dleq import prove_composite, verify_composite
from psi.group import ORDER
from psi.hash_to_group import expand_message
from tests.support.backends import known_scalar

SUITE = b"ristretto255-SHA512"


def context_string(mode: int) -> bytes:
    """CreateContextString, section 3.1."""
    return b"OPRFV1-" + bytes([mode]) + b"-" + SUITE


def prefixed(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


def pieces(elements: bytes) -> list[bytes]:
    return [elements[at : at + 32] for at in range(0, len(elements), 32)]


def derive_key(backend: Backend, seed: bytes, info: bytes, mode: int) -> bytes:
    """DeriveKeyPair, section 3.2.1; the secret half."""
    for counter in count():
        wide = expand_message(seed + prefixed(info) + bytes([counter]), b"DeriveKeyPair" + context_string(mode), 64)
        key = backend.reduce(wide)
        if any(key):
            return key
    raise AssertionError


def blind(backend: Backend, inputs: list[bytes], blinds: list[str], mode: int) -> bytes:
    """Blind, section 3.3.1, for each input with its own blind."""
    dst = b"HashToGroup-" + context_string(mode)
    return b"".join(
        backend.hash_and_multiply(known_scalar(factor), [message], dst)
        for message, factor in zip(inputs, blinds, strict=True)
    )


def finalize(backend: Backend, message: bytes, blind_hex: str, evaluated: bytes) -> bytes:
    """Finalize, section 3.3.1, with the inverse of the blind as an ordinary scalar."""
    inverse = pow(int.from_bytes(bytes.fromhex(blind_hex), "little"), -1, ORDER)
    unblinded = backend.multiply(known_scalar(inverse), evaluated)
    return hashlib.sha512(prefixed(message) + prefixed(unblinded) + b"Finalize").digest()


def coefficients(backend: Backend, public_key: bytes, inputs: bytes, outputs: bytes, mode: int) -> bytes:
    """The d_i of ComputeComposites, section 2.2.1."""
    context = context_string(mode)
    seed = hashlib.sha512(prefixed(public_key) + prefixed(b"Seed-" + context)).digest()
    out = b""
    for index, (c, d) in enumerate(zip(pieces(inputs), pieces(outputs), strict=True)):
        transcript = prefixed(seed) + index.to_bytes(2, "big") + prefixed(c) + prefixed(d) + b"Composite"
        out += backend.reduce(expand_message(transcript, b"HashToScalar-" + context, 64))
    return out


def prove(backend: Backend, key: str, nonce: str, public_key: bytes, inputs: bytes, outputs: bytes, mode: int) -> bytes:
    """GenerateProof, section 2.2.1, with the given nonce: the RFC's composites, then our own second half."""
    m = backend.multi_scalar(coefficients(backend, public_key, inputs, outputs, mode), inputs)
    return prove_composite(backend, known_scalar(key), known_scalar(nonce), public_key, m, context_string(mode))


def verify(backend: Backend, public_key: bytes, inputs: bytes, outputs: bytes, proof: bytes, mode: int) -> None:
    """VerifyProof, section 2.2.2."""
    d = coefficients(backend, public_key, inputs, outputs, mode)
    m, z = backend.multi_scalar(d, inputs), backend.multi_scalar(d, outputs)
    verify_composite(backend, public_key, m, z, proof, context_string(mode))

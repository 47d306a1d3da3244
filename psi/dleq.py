"""Proofs that a whole batch was multiplied by the key that was shown (batched DLEQ; RFC 9497 section 2.2).

The prover has K = k*G and D_i = k*C_i for i = 0..n-1. One proof of 64 bytes, c || s, shows that all D_i come from the
same k as K, and nothing about k:

    seed  = SHA-512(domain, label, context, K, n, C_0..C_n-1, D_0..D_n-1)         ours; fields behind their lengths
    d_i   = first 16 bytes of SHA-512(domain, seed, i)                            ours; 128 bits, little-endian
    M     = sum d_i*C_i        Z = k*M  (the verifier: sum d_i*D_i)               the composites
    t2    = r*G                t3 = r*M                                           r: a nonce
    c     = HashToScalar(K, M, Z, t2, t3, "Challenge")                            RFC 9497 2.2.1
    s     = r - c*k
    check: c again from t2 = s*G + c*K and t3 = s*M + c*Z                         RFC 9497 2.2.2

Why the seed is not the RFC's: there it hashes only the key, and each d_i then only its own pair. So in a batch of
thousands a cheat can collect wrong pairs one by one and search for a subset whose errors cancel (generalised
birthday, about 2^31 steps at 4,096 pairs). Here one changed bit anywhere changes every coefficient, so there is
nothing to collect. The seed also ends the context string of the challenge, so that c names the whole statement.

`label` separates uses (a chunk, a single release); `context` is the caller's transcript. What a proof does not say:
that the C_i were made with any key, or that K is the key of an earlier round.
"""

import hashlib

import numpy as np

from psi.codec import length_prefixed
from psi.errors import BadProof, InvalidElement, LocalError
from psi.group import (
    ELEMENT_BYTES,
    GENERATOR,
    IDENTITY,
    SCALAR_BYTES,
    WIDE_BYTES,
    Backend,
    Buffer,
    RandomBytes,
    invalid_element,
    is_canonical_scalar,
    rows,
)
from psi.hash_to_group import expand_message
from psi.secret import SecretBytes
from psi.spool import CHUNK_ROWS

__all__ = [
    "COEFFICIENT_BYTES",
    "FRESH_BYTES",
    "MAX_PAIRS",
    "PROOF_BYTES",
    "batch_coefficients",
    "batch_seed",
    "challenge",
    "evaluate_batch",
    "prove_batch",
    "prove_composite",
    "verify_batch",
    "verify_composite",
]

PROOF_BYTES = 2 * SCALAR_BYTES
"""Length of a proof, in bytes: the challenge, then the response."""

MAX_PAIRS = CHUNK_ROWS
"""Most pairs under one proof: a chunk."""

COEFFICIENT_BYTES = 16
"""Length of a batch coefficient, in bytes: a false batch passes with probability 2^-128."""

FRESH_BYTES = 32
"""Fresh randomness in a proof nonce, in bytes."""

_SEED_DOMAIN = b"blindmatch/1 dleq seed"
_COEFFICIENT_DOMAIN = b"blindmatch/1 dleq coefficient"
_CONTEXT_STRING = b"blindmatch/1-ristretto255-SHA512-"


def prove_batch(
    backend: Backend,
    scalar: SecretBytes,
    public_key: bytes,
    inputs: Buffer,
    outputs: Buffer,
    *,
    label: bytes,
    context: bytes,
    random_bytes: RandomBytes,
) -> bytes:
    """Prove outputs = scalar * inputs (n x 32 bytes each) under public_key = scalar * G: PROOF_BYTES.

    Takes the caller's word that outputs and key belong to the scalar; if not, the proof simply does not verify. The
    outputs are not recomputed or checked here. LocalError for no pairs, more than MAX_PAIRS, or lists of different
    length; InvalidElement with the index of a bad input.
    """
    count = _count(inputs)
    if len(outputs) != len(inputs) or len(public_key) != ELEMENT_BYTES:
        raise _misuse()
    seed = batch_seed(label, context, public_key, inputs, outputs)
    m = backend.multi_scalar(batch_coefficients(backend, seed, count), inputs)
    with backend.derive_nonce(scalar, seed, random_bytes(FRESH_BYTES)) as nonce:
        return prove_composite(backend, scalar, nonce, public_key, m, _CONTEXT_STRING + seed)


def evaluate_batch(
    backend: Backend,
    scalar: SecretBytes,
    public_key: bytes,
    inputs: Buffer,
    *,
    label: bytes,
    context: bytes,
    random_bytes: RandomBytes,
) -> tuple[bytes, bytes]:
    """outputs = scalar * inputs (n x 32 bytes) and the proof of it: what `prove_batch` gives, in less time.

    The inputs are decoded once for both. Raises as `prove_batch` and `Backend.multiply` do.
    """
    fixed, count = bytes(inputs), _count(inputs)
    if len(public_key) != ELEMENT_BYTES:
        raise _misuse()
    outputs, kept = backend.multiply_keeping(scalar, fixed)
    seed = batch_seed(label, context, public_key, fixed, outputs)
    m = backend.multi_scalar_kept(batch_coefficients(backend, seed, count), kept)
    with backend.derive_nonce(scalar, seed, random_bytes(FRESH_BYTES)) as nonce:
        return outputs, prove_composite(backend, scalar, nonce, public_key, m, _CONTEXT_STRING + seed)


def verify_batch(
    backend: Backend,
    public_key: bytes,
    inputs: Buffer,
    outputs: Buffer,
    proof: bytes,
    *,
    label: bytes,
    context: bytes,
) -> None:
    """Refuse with BadProof unless the proof covers exactly these inputs, outputs, key, label and context.

    `inputs` are what we asked for, `outputs`, `public_key` and `proof` what the peer answered. InvalidElement with
    the index of a bad output (or input), without index for a bad key; LocalError for no or too many inputs.
    """
    count = _count(inputs)
    if len(outputs) != len(inputs):
        raise _bad_proof()
    _check_key(backend, public_key)
    _split(proof)
    seed = batch_seed(label, context, public_key, inputs, outputs)
    coefficients = batch_coefficients(backend, seed, count)
    z = backend.multi_scalar(coefficients, outputs)
    m = backend.multi_scalar(coefficients, inputs)
    verify_composite(backend, public_key, m, z, proof, _CONTEXT_STRING + seed)


def batch_seed(label: bytes, context: bytes, public_key: bytes, inputs: Buffer, outputs: Buffer) -> bytes:
    """64 bytes that depend on every bit of the statement."""
    seed = hashlib.sha512(length_prefixed(_SEED_DOMAIN, label, context, public_key))
    seed.update((len(inputs) // ELEMENT_BYTES).to_bytes(4, "big"))
    seed.update(inputs)
    seed.update(outputs)
    return seed.digest()


def batch_coefficients(backend: Backend, seed: bytes, count: int) -> bytes:
    """The coefficients as scalars: count x 32 bytes, of which the upper 16 are zero."""
    indices = np.arange(count, dtype=">u4").tobytes()
    short = backend.hash_rows(length_prefixed(_COEFFICIENT_DOMAIN) + seed, indices, 4, COEFFICIENT_BYTES)
    scalars = np.zeros((count, SCALAR_BYTES // COEFFICIENT_BYTES), dtype=f"V{COEFFICIENT_BYTES}")
    scalars[:, 0] = np.frombuffer(short, dtype=scalars.dtype)
    return scalars.tobytes()


def prove_composite(
    backend: Backend, scalar: SecretBytes, nonce: SecretBytes, public_key: bytes, m: bytes, context_string: bytes
) -> bytes:
    """The second half of GenerateProof (RFC 9497 section 2.2.1), for composite M and a nonce used only here."""
    # One call for three multiplications: they stand beside each other in a register.
    products = backend.multiply_each([scalar, nonce, nonce], m + GENERATOR + m)
    z, t2, t3 = (products[at : at + ELEMENT_BYTES] for at in range(0, len(products), ELEMENT_BYTES))
    c = challenge(backend, context_string, public_key, m, z, t2, t3)
    return c + backend.response(nonce, c, scalar)


def verify_composite(
    backend: Backend, public_key: bytes, m: bytes, z: bytes, proof: bytes, context_string: bytes
) -> None:
    """The second half of VerifyProof (RFC 9497 section 2.2.2). BadProof if it does not hold."""
    _check_key(backend, public_key)
    c, s = _split(proof)
    if IDENTITY in (m, z):
        raise _bad_proof()
    t2 = backend.multi_scalar(s + c, GENERATOR + public_key)
    t3 = backend.multi_scalar(s + c, m + z)
    # Everything here is public, so an ordinary comparison is enough.
    if challenge(backend, context_string, public_key, m, z, t2, t3) != c:
        raise _bad_proof()


def challenge(
    backend: Backend, context_string: bytes, public_key: bytes, m: bytes, z: bytes, t2: bytes, t3: bytes
) -> bytes:
    """HashToScalar over the challenge transcript of RFC 9497 section 2.2.1; 32 bytes."""
    transcript = b"".join(len(part).to_bytes(2, "big") + part for part in (public_key, m, z, t2, t3)) + b"Challenge"
    return backend.reduce(expand_message(transcript, b"HashToScalar-" + context_string, WIDE_BYTES))


def _count(inputs: Buffer) -> int:
    _, count = rows(inputs, ELEMENT_BYTES)
    if not 1 <= count <= MAX_PAIRS:
        raise _misuse()
    return count


def _check_key(backend: Backend, public_key: bytes) -> None:
    """The key is one element and not the identity; its refusal has no index, since it stands in no list."""
    if len(public_key) != ELEMENT_BYTES:
        raise invalid_element(None)
    try:
        backend.validate(public_key)
    except InvalidElement as error:
        raise invalid_element(None) from error


def _split(proof: bytes) -> tuple[bytes, bytes]:
    """Challenge and response; both canonical, so that a proof has one form."""
    c, s = proof[:SCALAR_BYTES], proof[SCALAR_BYTES:]
    if not (is_canonical_scalar(c) and is_canonical_scalar(s)):
        raise _bad_proof()
    return c, s


def _bad_proof() -> BadProof:
    return BadProof(
        "The other organisation's answer does not match its proof: it was not made with the key it showed.",
        advice="The answer was not used. Ask the other organisation to check its program before a new round.",
    )


def _misuse() -> LocalError:
    return LocalError(
        "This program tried to prove or check a list of the wrong length.",
        advice="This is a fault in blindmatch. Please report it; no data was sent.",
    )

"""The scalar half of every backend: secret scalars, their proofs and k*G, by libsodium 1.0.18 through ctypes.

A round multiplies thousands of elements, but makes few scalars. So backends differ in how they multiply, and share this
class for the rest: one place where secrets are made, reduced and checked, all of it by libsodium in constant time.

Secrets stay in `SecretBytes` and go to the library as addresses. Scalars are checked inside the library
(`sodium_is_zero`, `sodium_compare`), because a comparison in Python would make an int of them. What a step needs on its
way stands in pages of the same kind, which are kept and hold zeros between two steps.

What it does not promise: that libsodium never leaves a part of a scalar on its stack. A test looks through the whole
process after each operation and finds scalars in their own page only; the test is a measurement, not a proof.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

from psi._libsodium import load
from psi.codec import length_prefixed
from psi.errors import BackendUnavailable, LocalError, WrongState
from psi.group import (
    ELEMENT_BYTES,
    MAX_SCALARS,
    ORDER,
    SCALAR_BYTES,
    WIDE_BYTES,
    Buffer,
    RandomBytes,
    is_canonical_scalar,
    rows,
)
from psi.secret import SecretBytes

__all__ = ["NONCE_DOMAIN", "SCRATCH_BYTES", "SodiumScalars", "address_of", "misuse", "output_of"]

NONCE_DOMAIN = b"blindmatch/1 proof nonce"
"""What separates proof nonces from every other hash that takes a scalar."""

SCRATCH_BYTES = 512
"""What a step may leave on its way, in bytes: the state of a hash and what it gives, or the scalars of one call."""

_ORDER_BYTES = ORDER.to_bytes(SCALAR_BYTES, "little")


class SodiumScalars:
    """The operations of `psi.group.Backend` on scalars. BackendUnavailable if the library cannot be loaded."""

    def __init__(self) -> None:
        self._library = load()
        pointer, size = ctypes.c_void_p, ctypes.c_size_t
        if self._bind("sodium_init")() < 0:
            raise BackendUnavailable(
                "The cryptographic library found no source of randomness on this computer.",
                advice="Ask your administrator whether the system's random generator is available.",
            )
        bind, group = self._bind, "crypto_core_ristretto255_"
        self._base = bind("crypto_scalarmult_ristretto255_base", pointer, pointer)
        self._scalar_random = bind(group + "scalar_random", pointer, result=None)
        self._scalar_reduce = bind(group + "scalar_reduce", pointer, pointer, result=None)
        self._scalar_negate = bind(group + "scalar_negate", pointer, pointer, result=None)
        self._scalar_multiply = bind(group + "scalar_mul", pointer, pointer, pointer, result=None)
        self._scalar_add = bind(group + "scalar_add", pointer, pointer, pointer, result=None)
        self._is_zero = bind("sodium_is_zero", pointer, size)
        self._compare = bind("sodium_compare", pointer, pointer, size)
        self._hash_state_bytes: int = bind("crypto_hash_sha512_statebytes", result=size)()
        if WIDE_BYTES + self._hash_state_bytes > SCRATCH_BYTES or MAX_SCALARS * SCALAR_BYTES > SCRATCH_BYTES:
            raise BackendUnavailable(
                "The cryptographic library is of an unknown version.", advice="Install blindmatch again."
            )
        self._spare: list[SecretBytes] = []
        self._hash_init = bind("crypto_hash_sha512_init", pointer)
        self._hash_update = bind("crypto_hash_sha512_update", pointer, pointer, ctypes.c_ulonglong)
        self._hash_final = bind("crypto_hash_sha512_final", pointer, pointer)

    def _bind(self, name: str, *arguments: type, result: type | None = ctypes.c_int) -> "ctypes._NamedFuncPointer":
        function: ctypes._NamedFuncPointer = getattr(self._library, name)
        function.argtypes = arguments
        function.restype = result
        return function

    def new_scalar(self, random_bytes: RandomBytes | None = None) -> SecretBytes:
        scalar = SecretBytes(SCALAR_BYTES)
        if random_bytes is None:
            self._scalar_random(scalar.address)
            return scalar
        while self._is_zero(scalar.address, SCALAR_BYTES):
            wide, _ = _sized(random_bytes(WIDE_BYTES), WIDE_BYTES)
            self._scalar_reduce(scalar.address, address_of(wide))
        return scalar

    def derive_nonce(self, scalar: SecretBytes, statement: bytes, fresh: bytes) -> SecretBytes:
        key = self._usable(scalar)
        nonce = SecretBytes(SCALAR_BYTES)
        with self._scratch() as scratch:
            wide = scratch.address
            state = wide + WIDE_BYTES
            self._hash_init(state)
            self._update(state, length_prefixed(NONCE_DOMAIN))
            self._hash_update(state, key, SCALAR_BYTES)
            self._update(state, length_prefixed(statement, fresh))
            self._hash_final(state, wide)
            self._scalar_reduce(nonce.address, wide)
        return nonce

    def response(self, nonce: SecretBytes, challenge: bytes, scalar: SecretBytes) -> bytes:
        r, k = self._usable(nonce), self._usable(scalar)
        if not is_canonical_scalar(challenge):
            raise misuse()
        out, start = output_of(SCALAR_BYTES)
        with self._scratch() as product:
            # r - c*k as r + (-c)*k: negating copies its argument, and -c is public where c*k is not.
            self._scalar_negate(start, address_of(challenge))
            self._scalar_multiply(product.address, start, k)
            self._scalar_add(start, r, product.address)
        return out.raw

    @contextmanager
    def _scratch(self) -> Iterator[SecretBytes]:
        """SCRATCH_BYTES of zeros in a page of their own, for steps on the way to a result; zeros again when given back.

        A new page takes the system longer than most of what is done in it, so they are kept: one for each thread that
        is in such a step at the same moment (a list gives one up, or takes one, at once).
        """
        try:
            scratch = self._spare.pop()
        except IndexError:
            scratch = SecretBytes(SCRATCH_BYTES)
        try:
            yield scratch
        finally:
            ctypes.memset(scratch.address, 0, SCRATCH_BYTES)  # a call into C: nothing drops it as a dead store
            self._spare.append(scratch)

    def _usable(self, scalar: SecretBytes) -> int:
        """The address of a scalar that is between 1 and L-1; WrongState if it was wiped or damaged."""
        address = scalar.address
        if (
            scalar.size != SCALAR_BYTES
            or self._is_zero(address, SCALAR_BYTES)
            or self._compare(address, address_of(_ORDER_BYTES), SCALAR_BYTES) >= 0
        ):
            raise WrongState(
                "The secret key of this round is damaged.",
                advice="Cancel the round and start a new one; nothing was sent with this key.",
            )
        return address

    def _update(self, state: int, data: bytes) -> None:
        self._hash_update(state, address_of(data), len(data))

    def base_multiply(self, scalar: SecretBytes) -> bytes:
        out, start = output_of(ELEMENT_BYTES)
        self._base(start, self._usable(scalar))
        return out.raw

    def reduce(self, wide: Buffer) -> bytes:
        data, _ = _sized(wide, WIDE_BYTES)
        out, start = output_of(SCALAR_BYTES)
        self._scalar_reduce(start, address_of(data))
        return out.raw


def address_of(data: bytes) -> int:
    """Where bytes lie. The caller keeps them alive, and the library only reads there."""
    return ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value or 0


def output_of(size: int) -> tuple["ctypes.Array[ctypes.c_char]", int]:
    """A zeroed buffer for public output and its address."""
    buffer = (ctypes.c_char * size)()
    return buffer, ctypes.addressof(buffer)


def _sized(data: Buffer, size: int) -> tuple[bytes, int]:
    """Exactly one row of `size` bytes."""
    fixed, count = rows(data, size)
    if count != 1:
        raise misuse()
    return fixed, count


def misuse() -> LocalError:
    return LocalError(
        "This program used its cryptographic library in a wrong way.",
        advice="This is a fault in blindmatch. Please report it; no data was sent.",
    )

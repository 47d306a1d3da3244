"""The backend `sodium`: ristretto255 by libsodium 1.0.18, through ctypes.

libsodium computes in constant time; this file only moves addresses. Each batch is a loop of calls on consecutive
rows, with prebound functions and addresses by arithmetic, so that Python costs under 2 % of a multiplication. ctypes
gives up the interpreter lock during each call. Every call works on buffers of its own, so threads do not meet.

Secrets stay in `SecretBytes` and go to the library as addresses. Scalars are checked inside the library
(`sodium_is_zero`, `sodium_compare`), because a comparison in Python would make an int of them.

Where 1.0.18 is looser than RFC 9496 we check first: it ignores bit 255 of an element. Where a multiplication gives
the identity it answers -1, as it does for bytes that are no element; with an element checked and a scalar between 1
and L-1 the first cannot happen, so -1 means the second.

What it does not promise: that libsodium never leaves a part of a scalar on its stack. A test looks through the whole
process after each operation and finds scalars in their own page only; the test is a measurement, not a proof.
"""

import ctypes
from collections.abc import Sequence

from psi._libsodium import load
from psi.codec import length_prefixed
from psi.errors import BackendUnavailable, LocalError, WrongState
from psi.group import (
    ELEMENT_BYTES,
    ORDER,
    SCALAR_BYTES,
    WIDE_BYTES,
    Buffer,
    RandomBytes,
    invalid_element,
    is_canonical_element,
    is_canonical_scalar,
    rows,
)
from psi.hash_to_group import expand_messages
from psi.secret import SecretBytes

__all__ = ["NONCE_DOMAIN", "SodiumBackend"]

NONCE_DOMAIN = b"blindmatch/1 proof nonce"
"""What separates proof nonces from every other hash that takes a scalar."""

_ORDER_BYTES = ORDER.to_bytes(SCALAR_BYTES, "little")
_ZERO = bytes(SCALAR_BYTES)


class SodiumBackend:
    """`psi.group.Backend` on libsodium. BackendUnavailable if the library cannot be loaded."""

    name = "sodium"

    def __init__(self) -> None:
        library = load()

        def bind(name: str, *arguments: type, result: type | None = ctypes.c_int) -> "ctypes._NamedFuncPointer":
            function: ctypes._NamedFuncPointer = getattr(library, name)
            function.argtypes = arguments
            function.restype = result
            return function

        pointer, size = ctypes.c_void_p, ctypes.c_size_t
        if bind("sodium_init")() < 0:
            raise BackendUnavailable(
                "The cryptographic library found no source of randomness on this computer.",
                advice="Ask your administrator whether the system's random generator is available.",
            )
        group = "crypto_core_ristretto255_"
        self._map = bind(group + "from_hash", pointer, pointer)
        self._is_valid = bind(group + "is_valid_point", pointer)
        self._add = bind(group + "add", pointer, pointer, pointer)
        self._multiply = bind("crypto_scalarmult_ristretto255", pointer, pointer, pointer)
        self._base = bind("crypto_scalarmult_ristretto255_base", pointer, pointer)
        self._scalar_random = bind(group + "scalar_random", pointer, result=None)
        self._scalar_reduce = bind(group + "scalar_reduce", pointer, pointer, result=None)
        self._scalar_negate = bind(group + "scalar_negate", pointer, pointer, result=None)
        self._scalar_multiply = bind(group + "scalar_mul", pointer, pointer, pointer, result=None)
        self._scalar_add = bind(group + "scalar_add", pointer, pointer, pointer, result=None)
        self._is_zero = bind("sodium_is_zero", pointer, size)
        self._compare = bind("sodium_compare", pointer, pointer, size)
        self._hash_state_bytes: int = bind("crypto_hash_sha512_statebytes", result=size)()
        self._hash_init = bind("crypto_hash_sha512_init", pointer)
        self._hash_update = bind("crypto_hash_sha512_update", pointer, pointer, ctypes.c_ulonglong)
        self._hash_final = bind("crypto_hash_sha512_final", pointer, pointer)

    # Secret scalars

    def new_scalar(self, random_bytes: RandomBytes | None = None) -> SecretBytes:
        scalar = SecretBytes(SCALAR_BYTES)
        if random_bytes is None:
            self._scalar_random(scalar.address)
            return scalar
        while self._is_zero(scalar.address, SCALAR_BYTES):
            wide, _ = _sized(random_bytes(WIDE_BYTES), WIDE_BYTES)
            self._scalar_reduce(scalar.address, _address(wide))
        return scalar

    def derive_nonce(self, scalar: SecretBytes, statement: bytes, fresh: bytes) -> SecretBytes:
        key = self._usable(scalar)
        nonce = SecretBytes(SCALAR_BYTES)
        with SecretBytes(self._hash_state_bytes) as state, SecretBytes(WIDE_BYTES) as wide:
            self._hash_init(state.address)
            self._update(state, length_prefixed(NONCE_DOMAIN))
            self._hash_update(state.address, key, SCALAR_BYTES)
            self._update(state, length_prefixed(statement, fresh))
            self._hash_final(state.address, wide.address)
            self._scalar_reduce(nonce.address, wide.address)
        return nonce

    def response(self, nonce: SecretBytes, challenge: bytes, scalar: SecretBytes) -> bytes:
        r, k = self._usable(nonce), self._usable(scalar)
        if not is_canonical_scalar(challenge):
            raise _misuse()
        out, start = _output(SCALAR_BYTES)
        with SecretBytes(SCALAR_BYTES) as product:
            # r - c*k as r + (-c)*k: negating copies its argument, and -c is public where c*k is not.
            self._scalar_negate(start, _address(challenge))
            self._scalar_multiply(product.address, start, k)
            self._scalar_add(start, r, product.address)
        return out.raw

    def _usable(self, scalar: SecretBytes) -> int:
        """The address of a scalar that is between 1 and L-1; WrongState if it was wiped or damaged."""
        address = scalar.address
        if (
            scalar.size != SCALAR_BYTES
            or self._is_zero(address, SCALAR_BYTES)
            or self._compare(address, _address(_ORDER_BYTES), SCALAR_BYTES) >= 0
        ):
            raise WrongState(
                "The secret key of this round is damaged.",
                advice="Cancel the round and start a new one; nothing was sent with this key.",
            )
        return address

    def _update(self, state: SecretBytes, data: bytes) -> None:
        self._hash_update(state.address, _address(data), len(data))

    # Elements

    def base_multiply(self, scalar: SecretBytes) -> bytes:
        out, start = _output(ELEMENT_BYTES)
        self._base(start, self._usable(scalar))
        return out.raw

    def map_to_group(self, uniform: Buffer) -> bytes:
        data, count = rows(uniform, WIDE_BYTES)
        source, map_one = _address(data), self._map
        out, start = _output(count * ELEMENT_BYTES)
        for index in range(count):
            map_one(start + index * ELEMENT_BYTES, source + index * WIDE_BYTES)
        return out.raw

    def hash_to_group(self, messages: Sequence[bytes], dst: bytes) -> bytes:
        return self.map_to_group(expand_messages(messages, dst))

    def hash_and_multiply(self, scalar: SecretBytes, messages: Sequence[bytes], dst: bytes) -> bytes:
        key = self._usable(scalar)
        data, count = rows(expand_messages(messages, dst), WIDE_BYTES)
        source, map_one, multiply = _address(data), self._map, self._multiply
        out, start = _output(count * ELEMENT_BYTES)
        with SecretBytes(ELEMENT_BYTES) as unblinded:
            middle = unblinded.address
            for index in range(count):
                map_one(middle, source + index * WIDE_BYTES)
                if multiply(start + index * ELEMENT_BYTES, key, middle):
                    raise _misuse()  # a hash that gives the identity: never, unless expand_messages is broken
        return out.raw

    def multiply(self, scalar: SecretBytes, elements: Buffer) -> bytes:
        key = self._usable(scalar)
        data, count = rows(elements, ELEMENT_BYTES)
        source, multiply = _address(data), self._multiply
        out, start = _output(count * ELEMENT_BYTES)
        for index in range(count):
            offset = index * ELEMENT_BYTES
            if not is_canonical_element(data[offset : offset + ELEMENT_BYTES]) or multiply(
                start + offset, key, source + offset
            ):
                raise invalid_element(index)
        return out.raw

    def validate(self, elements: Buffer) -> None:
        data, count = rows(elements, ELEMENT_BYTES)
        source, is_valid = _address(data), self._is_valid
        for index in range(count):
            offset = index * ELEMENT_BYTES
            if not is_canonical_element(data[offset : offset + ELEMENT_BYTES]) or not is_valid(source + offset):
                raise invalid_element(index)

    def sum(self, elements: Buffer) -> bytes:
        data, count = rows(elements, ELEMENT_BYTES)
        source, add = _address(data), self._add
        total, start = _output(ELEMENT_BYTES)
        for index in range(count):
            offset = index * ELEMENT_BYTES
            if not is_canonical_element(data[offset : offset + ELEMENT_BYTES]) or add(start, start, source + offset):
                raise invalid_element(index)
        return total.raw

    def multi_scalar(self, scalars: Buffer, elements: Buffer) -> bytes:
        factors, factor_count = rows(scalars, SCALAR_BYTES)
        data, count = rows(elements, ELEMENT_BYTES)
        if factor_count != count:
            raise _misuse()
        source, factor, add, multiply = _address(data), _address(factors), self._add, self._multiply
        total, start = _output(ELEMENT_BYTES)
        _term, middle = _output(ELEMENT_BYTES)
        for index in range(count):
            offset = index * ELEMENT_BYTES
            number = factors[offset : offset + SCALAR_BYTES]
            if not is_canonical_scalar(number):
                raise _misuse()
            element = data[offset : offset + ELEMENT_BYTES]
            if number == _ZERO:  # zero times an element is nothing, but the element must still be one
                if not is_canonical_element(element) or not self._is_valid(source + offset):
                    raise invalid_element(index)
                continue
            if not is_canonical_element(element) or multiply(middle, factor + offset, source + offset):
                raise invalid_element(index)
            add(start, start, middle)
        return total.raw

    def reduce(self, wide: Buffer) -> bytes:
        data, _ = _sized(wide, WIDE_BYTES)
        out, start = _output(SCALAR_BYTES)
        self._scalar_reduce(start, _address(data))
        return out.raw


def _address(data: bytes) -> int:
    """Where the bytes lie. The caller keeps them alive, and the library only reads there."""
    return ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value or 0


def _output(size: int) -> tuple["ctypes.Array[ctypes.c_char]", int]:
    """A zeroed buffer for public output and its address."""
    buffer = (ctypes.c_char * size)()
    return buffer, ctypes.addressof(buffer)


def _sized(data: Buffer, size: int) -> tuple[bytes, int]:
    """Exactly one row of `size` bytes."""
    fixed, count = rows(data, size)
    if count != 1:
        raise _misuse()
    return fixed, count


def _misuse() -> LocalError:
    return LocalError(
        "This program used its cryptographic library in a wrong way.",
        advice="This is a fault in blindmatch. Please report it; no data was sent.",
    )

"""The backend `sodium`: ristretto255 by libsodium 1.0.18, through ctypes. Always there, and the slowest.

libsodium computes in constant time; this file only moves addresses. Each batch is a loop of calls on consecutive
rows, with prebound functions and addresses by arithmetic, so that Python costs under 2 % of a multiplication. ctypes
gives up the interpreter lock during each call. Every call works on buffers of its own, so threads do not meet.
Scalars are in `_scalars.py`, which all backends share.

Where 1.0.18 is looser than RFC 9496 we check first: it ignores bit 255 of an element. Where a multiplication gives
the identity it answers -1, as it does for bytes that are no element; with an element checked and a scalar between 1
and L-1 the first cannot happen, so -1 means the second.
"""

import ctypes
import hashlib
from collections.abc import Sequence

from psi._scalars import SodiumScalars, address_of, misuse, output_of
from psi.errors import InvalidElement
from psi.group import (
    ELEMENT_BYTES,
    MAX_SCALARS,
    SCALAR_BYTES,
    WIDE_BYTES,
    Buffer,
    invalid_element,
    is_canonical_element,
    is_canonical_scalar,
    rows,
    rows_to_hash,
)
from psi.hash_to_group import expand_messages
from psi.secret import SecretBytes

__all__ = ["SodiumBackend"]

_ZERO = bytes(SCALAR_BYTES)


class SodiumBackend(SodiumScalars):
    """`psi.group.Backend` on libsodium. BackendUnavailable if the library cannot be loaded."""

    name = "sodium"

    def __init__(self) -> None:
        super().__init__()
        pointer = ctypes.c_void_p
        self._map = self._bind("crypto_core_ristretto255_from_hash", pointer, pointer)
        self._is_valid = self._bind("crypto_core_ristretto255_is_valid_point", pointer)
        self._add = self._bind("crypto_core_ristretto255_add", pointer, pointer, pointer)
        self._multiply = self._bind("crypto_scalarmult_ristretto255", pointer, pointer, pointer)

    def map_to_group(self, uniform: Buffer) -> bytes:
        data, count = rows(uniform, WIDE_BYTES)
        source, map_one = address_of(data), self._map
        out, start = output_of(count * ELEMENT_BYTES)
        for index in range(count):
            map_one(start + index * ELEMENT_BYTES, source + index * WIDE_BYTES)
        return out.raw

    def hash_to_group(self, messages: Sequence[bytes], dst: bytes) -> bytes:
        return self.map_to_group(expand_messages(messages, dst))

    def hash_and_multiply(self, scalar: SecretBytes, messages: Sequence[bytes], dst: bytes) -> bytes:
        key = self._usable(scalar)
        data, count = rows(expand_messages(messages, dst), WIDE_BYTES)
        source, map_one, multiply = address_of(data), self._map, self._multiply
        out, start = output_of(count * ELEMENT_BYTES)
        with SecretBytes(ELEMENT_BYTES) as unblinded:
            middle = unblinded.address
            for index in range(count):
                map_one(middle, source + index * WIDE_BYTES)
                if multiply(start + index * ELEMENT_BYTES, key, middle):
                    raise misuse()  # a hash that gives the identity: never, unless expand_messages is broken
        return out.raw

    def multiply(self, scalar: SecretBytes, elements: Buffer) -> bytes:
        key = self._usable(scalar)
        data, count = rows(elements, ELEMENT_BYTES)
        source, multiply = address_of(data), self._multiply
        out, start = output_of(count * ELEMENT_BYTES)
        for index in range(count):
            offset = index * ELEMENT_BYTES
            if not is_canonical_element(data[offset : offset + ELEMENT_BYTES]) or multiply(
                start + offset, key, source + offset
            ):
                raise invalid_element(index)
        return out.raw

    def multiply_keeping(self, scalar: SecretBytes, elements: Buffer) -> tuple[bytes, bytes]:
        fixed = bytes(elements)  # decoding is a small part of the work here: what is kept are the elements
        return self.multiply(scalar, fixed), fixed

    def multiply_each(self, scalars: Sequence[SecretBytes], elements: Buffer) -> bytes:
        data, count = rows(elements, ELEMENT_BYTES)
        if len(scalars) != count or count > MAX_SCALARS:
            raise misuse()
        parts = []
        for index, scalar in enumerate(scalars):
            try:
                parts.append(self.multiply(scalar, data[index * ELEMENT_BYTES : (index + 1) * ELEMENT_BYTES]))
            except InvalidElement:
                raise invalid_element(index) from None
        return b"".join(parts)

    def validate(self, elements: Buffer) -> None:
        data, count = rows(elements, ELEMENT_BYTES)
        source, is_valid = address_of(data), self._is_valid
        for index in range(count):
            offset = index * ELEMENT_BYTES
            if not is_canonical_element(data[offset : offset + ELEMENT_BYTES]) or not is_valid(source + offset):
                raise invalid_element(index)

    def sum(self, elements: Buffer) -> bytes:
        data, count = rows(elements, ELEMENT_BYTES)
        source, add = address_of(data), self._add
        total, start = output_of(ELEMENT_BYTES)
        for index in range(count):
            offset = index * ELEMENT_BYTES
            if not is_canonical_element(data[offset : offset + ELEMENT_BYTES]) or add(start, start, source + offset):
                raise invalid_element(index)
        return total.raw

    def multi_scalar(self, scalars: Buffer, elements: Buffer) -> bytes:
        factors, factor_count = rows(scalars, SCALAR_BYTES)
        data, count = rows(elements, ELEMENT_BYTES)
        if factor_count != count:
            raise misuse()
        source, factor, add, multiply = address_of(data), address_of(factors), self._add, self._multiply
        total, start = output_of(ELEMENT_BYTES)
        _term, middle = output_of(ELEMENT_BYTES)
        for index in range(count):
            offset = index * ELEMENT_BYTES
            number = factors[offset : offset + SCALAR_BYTES]
            if not is_canonical_scalar(number):
                raise misuse()
            element = data[offset : offset + ELEMENT_BYTES]
            if number == _ZERO:  # zero times an element is nothing, but the element must still be one
                if not is_canonical_element(element) or not self._is_valid(source + offset):
                    raise invalid_element(index)
                continue
            if not is_canonical_element(element) or multiply(middle, factor + offset, source + offset):
                raise invalid_element(index)
            add(start, start, middle)
        return total.raw

    def multi_scalar_kept(self, scalars: Buffer, kept: Buffer) -> bytes:
        return self.multi_scalar(scalars, kept)

    def hash_rows(self, prefix: bytes, rows: Buffer, width: int, length: int) -> bytes:
        fixed, count = rows_to_hash(rows, width, length)
        front = hashlib.sha512(prefix)
        parts = []
        for index in range(count):
            one = front.copy()
            one.update(fixed[index * width : (index + 1) * width])
            parts.append(one.digest()[:length])
        return b"".join(parts)

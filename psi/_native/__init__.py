"""The native backends: ristretto255 and SHA-512 in C, in batches, as fast as this processor can (README.md).

`_core` is compiled at installation (setup.py). Where it is not, importing this package fails, and `psi.backend` goes on
without it. Several cores may run on one processor; they differ in speed only, never in a bit.

Scalars are libsodium's here too (`psi/_scalars.py`): what is made once in a round does not need a second
implementation. The C code reads a scalar in its own page, or several beside each other in a page that is
wiped after the call, and wipes what it derives from them.
"""

import ctypes
from collections.abc import Sequence
from typing import TypeVar

import psi._native._core as _core
from psi._scalars import SodiumScalars, misuse
from psi.errors import BackendUnavailable
from psi.group import (
    ELEMENT_BYTES,
    MAX_SCALARS,
    SCALAR_BYTES,
    WIDE_BYTES,
    Buffer,
    check_batch,
    invalid_element,
    is_canonical_scalar,
    rows,
    rows_to_hash,
)
from psi.hash_to_group import check_dst
from psi.secret import SecretBytes

__all__ = ["NativeBackend", "built_with", "cores"]

_Result = TypeVar("_Result", bytes, tuple[bytes, bytes])

try:
    cores = _core.cores
    built_with = _core.built_with
except AttributeError as error:
    raise ImportError("the compiled curve core is of another version of blindmatch") from error


class NativeBackend(SodiumScalars):
    """`psi.group.Backend` on one core. BackendUnavailable if this processor cannot run it, or without libsodium."""

    def __init__(self, core: str) -> None:
        if core not in cores():
            raise BackendUnavailable(f"This computer's processor cannot run the curve core '{core}'.")
        super().__init__()
        self.name = f"native-{core}"
        self._core = core

    def map_to_group(self, uniform: Buffer) -> bytes:
        data, _ = rows(uniform, WIDE_BYTES)
        return _core.map_to_group(self._core, data)

    def hash_to_group(self, messages: Sequence[bytes], dst: bytes) -> bytes:
        _check_messages(messages, dst)
        return _core.hash_to_group(self._core, messages, dst)

    def hash_and_multiply(self, scalar: SecretBytes, messages: Sequence[bytes], dst: bytes) -> bytes:
        key = self._view(scalar)
        _check_messages(messages, dst)
        result = _core.hash_and_multiply(self._core, key, messages, dst)
        if isinstance(result, int):
            raise misuse()  # a hash that gives the identity: never, unless the hashing is broken
        return result

    def multiply(self, scalar: SecretBytes, elements: Buffer) -> bytes:
        key = self._view(scalar)
        data, _ = rows(elements, ELEMENT_BYTES)
        return _accepted(_core.multiply(self._core, key, data))

    def multiply_keeping(self, scalar: SecretBytes, elements: Buffer) -> tuple[bytes, bytes]:
        key = self._view(scalar)
        data, _ = rows(elements, ELEMENT_BYTES)
        return _accepted(_core.multiply_keeping(self._core, key, data))

    def multiply_each(self, scalars: Sequence[SecretBytes], elements: Buffer) -> bytes:
        keys = [self._usable(scalar) for scalar in scalars]
        data, count = rows(elements, ELEMENT_BYTES)
        if len(keys) != count or count > MAX_SCALARS:
            raise misuse()
        with self._scratch() as scratch:
            for number, key in enumerate(keys):
                ctypes.memmove(scratch.address + number * SCALAR_BYTES, key, SCALAR_BYTES)
            return _accepted(_core.multiply_each(self._core, scratch.view()[: count * SCALAR_BYTES], data))

    def validate(self, elements: Buffer) -> None:
        data, _ = rows(elements, ELEMENT_BYTES)
        bad = _core.validate(self._core, data)
        if bad is not None:
            raise invalid_element(bad)

    def sum(self, elements: Buffer) -> bytes:
        data, _ = rows(elements, ELEMENT_BYTES)
        return _accepted(_core.sum(self._core, data))

    def multi_scalar(self, scalars: Buffer, elements: Buffer) -> bytes:
        factors, factor_count = rows(scalars, SCALAR_BYTES)
        data, count = rows(elements, ELEMENT_BYTES)
        if factor_count != count:
            raise misuse()
        try:
            return _accepted(_core.multi_scalar(self._core, factors, data))
        except ValueError as error:  # a scalar is not canonical; a bad element before it comes first
            starts = range(0, len(factors), SCALAR_BYTES)
            first = next(at for at in starts if not is_canonical_scalar(factors[at : at + SCALAR_BYTES]))
            self.validate(data[:first])
            raise misuse() from error

    def multi_scalar_kept(self, scalars: Buffer, kept: Buffer) -> bytes:
        factors, _ = rows(scalars, SCALAR_BYTES)
        try:
            return _core.multi_scalar_kept(self._core, factors, kept)
        except ValueError as error:
            raise misuse() from error

    def hash_rows(self, prefix: bytes, rows: Buffer, width: int, length: int) -> bytes:
        data, _ = rows_to_hash(rows, width, length)
        return _core.hash_rows(self._core, prefix, data, width, length)

    def _view(self, scalar: SecretBytes) -> memoryview:
        """The scalar in its own memory, once libsodium has found it usable."""
        self._usable(scalar)
        return scalar.view()


def _check_messages(messages: Sequence[bytes], dst: bytes) -> None:
    check_dst(dst)
    check_batch(len(messages))


def _accepted(result: _Result | int) -> _Result:
    """The result; InvalidElement where it is the index of a bad row."""
    if isinstance(result, int):
        raise invalid_element(result)
    return result

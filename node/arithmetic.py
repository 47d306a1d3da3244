"""The arithmetic of `psi.backend`, spread over several processors.

psi starts no threads. A backend lets go of the interpreter's lock while it computes, so a batch that is cut into as
many contiguous parts as there are workers takes that much less time. The result is what one call would have given,
byte for byte: rows do not depend on each other, a sum is the sum of the parts' sums, and of several bad rows the first
one is reported, by its index in the whole batch. Secret scalars are shared, never copied.

    four workers        rows 0..1023 | 1024..2047 | 2048..3071 | 3072..4095
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from psi.backend import Backend, Buffer, RandomBytes
from psi.errors import InvalidElement
from psi.group import ELEMENT_BYTES, IDENTITY, SCALAR_BYTES, WIDE_BYTES, check_batch
from psi.secret import SecretBytes

__all__ = ["MOST_WORKERS", "SMALLEST_PART_ROWS", "ParallelBackend", "usable_processors"]

MOST_WORKERS = 32
"""Most threads that compute, in number: with more, a chunk of 4,096 rows gives each too little to do."""

SMALLEST_PART_ROWS = 128
"""A part has at least so many rows: below a millisecond of work, handing it over costs more than it saves."""

_Result = TypeVar("_Result")
_Part = tuple[int, int | None]
"""First row, and the first row that is not in it any more; None: all that follow."""


def usable_processors() -> int:
    """Processors that this process may run on, at most MOST_WORKERS."""
    return max(1, min(len(os.sched_getaffinity(0)), MOST_WORKERS))


class ParallelBackend:
    """A `Backend` that lets `workers` threads share the rows of each call. Close it when the node stops."""

    def __init__(self, backend: Backend, workers: int) -> None:
        if not 1 <= workers <= MOST_WORKERS:
            raise ValueError(f"1 to {MOST_WORKERS} workers")
        self.workers = workers
        self._backend = backend
        # The caller's thread computes as well.
        self._pool = ThreadPoolExecutor(workers - 1, thread_name_prefix="arithmetic") if workers > 1 else None

    def close(self) -> None:
        """Let the threads end. What is called after that is computed in the caller's thread."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown()

    # Cut into parts.

    def map_to_group(self, uniform: Buffer) -> bytes:
        work = self._backend.map_to_group
        return self._joined(len(uniform) // WIDE_BYTES, lambda part: work(_cut(uniform, part, WIDE_BYTES)))

    def hash_to_group(self, messages: Sequence[bytes], dst: bytes) -> bytes:
        work = self._backend.hash_to_group
        return self._joined(len(messages), lambda part: work(messages[slice(*part)], dst))

    def hash_and_multiply(self, scalar: SecretBytes, messages: Sequence[bytes], dst: bytes) -> bytes:
        work = self._backend.hash_and_multiply
        return self._joined(len(messages), lambda part: work(scalar, messages[slice(*part)], dst))

    def multiply(self, scalar: SecretBytes, elements: Buffer) -> bytes:
        work = self._backend.multiply
        return self._joined(
            len(elements) // ELEMENT_BYTES, lambda part: work(scalar, _cut(elements, part, ELEMENT_BYTES))
        )

    def multiply_keeping(self, scalar: SecretBytes, elements: Buffer) -> tuple[bytes, bytes]:
        work = self._backend.multiply_keeping
        parts = self._spread(
            len(elements) // ELEMENT_BYTES, lambda part: work(scalar, _cut(elements, part, ELEMENT_BYTES))
        )
        if len(parts) == 1:
            return parts[0]
        return b"".join(outputs for outputs, _ in parts), b"".join(kept for _, kept in parts)

    def validate(self, elements: Buffer) -> None:
        work = self._backend.validate
        self._spread(len(elements) // ELEMENT_BYTES, lambda part: work(_cut(elements, part, ELEMENT_BYTES)))

    def sum(self, elements: Buffer) -> bytes:
        work = self._backend.sum
        return self._added(len(elements) // ELEMENT_BYTES, lambda part: work(_cut(elements, part, ELEMENT_BYTES)))

    def multi_scalar(self, scalars: Buffer, elements: Buffer) -> bytes:
        work = self._backend.multi_scalar
        if len(scalars) != len(elements):
            return work(scalars, elements)  # it says what is wrong with that
        return self._added(
            len(elements) // ELEMENT_BYTES,
            lambda part: work(_cut(scalars, part, SCALAR_BYTES), _cut(elements, part, ELEMENT_BYTES)),
        )

    def multi_scalar_kept(self, scalars: Buffer, kept: Buffer) -> bytes:
        work, count = self._backend.multi_scalar_kept, len(scalars) // SCALAR_BYTES
        if not count or len(scalars) % SCALAR_BYTES or len(kept) % count:
            return work(scalars, kept)  # it says what is wrong with that
        width = len(kept) // count
        return self._added(count, lambda part: work(_cut(scalars, part, SCALAR_BYTES), _cut(kept, part, width)))

    # One value, or too little work: nothing to cut.

    @property
    def name(self) -> str:
        return self._backend.name

    def new_scalar(self, random_bytes: RandomBytes | None = None) -> SecretBytes:
        return self._backend.new_scalar(random_bytes)

    def base_multiply(self, scalar: SecretBytes) -> bytes:
        return self._backend.base_multiply(scalar)

    def multiply_each(self, scalars: Sequence[SecretBytes], elements: Buffer) -> bytes:
        return self._backend.multiply_each(scalars, elements)

    def hash_rows(self, prefix: bytes, rows: Buffer, width: int, length: int) -> bytes:
        return self._backend.hash_rows(prefix, rows, width, length)

    def reduce(self, wide: Buffer) -> bytes:
        return self._backend.reduce(wide)

    def response(self, nonce: SecretBytes, challenge: bytes, scalar: SecretBytes) -> bytes:
        return self._backend.response(nonce, challenge, scalar)

    def derive_nonce(self, scalar: SecretBytes, statement: bytes, fresh: bytes) -> SecretBytes:
        return self._backend.derive_nonce(scalar, statement, fresh)

    # How.

    def _joined(self, count: int, work: Callable[[_Part], bytes]) -> bytes:
        return b"".join(self._spread(count, work))

    def _added(self, count: int, work: Callable[[_Part], bytes]) -> bytes:
        parts = self._spread(count, work)
        if len(parts) == 1:
            return parts[0]
        return self._backend.sum(b"".join(part for part in parts if part != IDENTITY))

    def _spread(self, count: int, work: Callable[[_Part], _Result]) -> list[_Result]:
        """The results for the parts of 0..count, in order; of several errors, that of the first part.

        Every part goes on to its end whatever becomes of the others, so that none computes on a scalar that its owner
        has wiped meanwhile.
        """
        check_batch(count)
        pool = self._pool
        parts = max(1, min(self.workers, count // SMALLEST_PART_ROWS)) if pool is not None else 1
        begins = [count * number // parts for number in range(parts)]
        # The last part is whatever is left, so that the backend sees, and refuses, what is not a whole row.
        places: list[_Part] = list(zip(begins, [*begins[1:], None], strict=True))
        if pool is None or parts == 1:
            return [work(places[0])]
        others: list[Future[_Result]] = []
        try:
            others.extend(pool.submit(work, place) for place in places[1:])
            results = [work(places[0])]
        finally:
            wait(others)
        for (begin, _), other in zip(places[1:], others, strict=True):
            try:
                results.append(other.result())
            except InvalidElement as error:
                index = None if error.index is None else begin + error.index
                raise InvalidElement(error.sentence, advice=error.advice, index=index) from None
        return results


def _cut(data: Buffer, part: _Part, width: int) -> memoryview:
    begin, end = part
    return memoryview(data)[begin * width : None if end is None else end * width]

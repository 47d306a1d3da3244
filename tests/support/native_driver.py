"""A core of psi/_native as a process of its own (tests/native/harness/driver.c), asked over pipes.

That keeps sanitizers, emulation and crashes out of the test process. `Driver` has the operations of psi/_native's
batch.h and impl.h; a list with a bad element raises `Refused` with the index that the core gave.
"""

import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

__all__ = ["Driver", "Refused", "cut"]

VALIDATE, MULTIPLY, MULTIPLY_EACH, MAP, MAP_AND_MULTIPLY, SUM, MULTI_SCALAR = range(1, 8)
HASHING, HASH_ROWS, CHECK_SCALARS, KEEPING = range(8, 12)
IN_PLACE, UNALIGNED = 1, 2
_REQUEST, _ANSWER = struct.Struct("<IIQ"), struct.Struct("<qQ")
_ACCEPTED = -1


def cut(rows: bytes, width: int = 32) -> list[bytes]:
    """The rows one by one."""
    return [rows[at : at + width] for at in range(0, len(rows), width)]


class Refused(Exception):
    """The first bad row of a list."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


class Driver:
    """A core; `in_place` and `unaligned` say where every operation finds and leaves its rows."""

    def __init__(self, program: Path, core: str, *, in_place: bool = False, unaligned: bool = False) -> None:
        self.name = core
        self._options = IN_PLACE * in_place | UNALIGNED * unaligned
        self._ended: tuple[int, str] | None = None
        self._process = subprocess.Popen(
            [program, core], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def validate(self, elements: bytes) -> None:
        self._ask(VALIDATE, len(elements) // 32, elements)

    def multiply(self, scalar: bytes, elements: bytes) -> bytes:
        return self._ask(MULTIPLY, len(elements) // 32, scalar + elements)

    def multiply_each(self, scalars: bytes, elements: bytes) -> bytes:
        return self._ask(MULTIPLY_EACH, len(elements) // 32, scalars + elements)

    def map(self, uniform: bytes) -> bytes:
        return self._ask(MAP, len(uniform) // 64, uniform)

    def map_and_multiply(self, scalar: bytes, uniform: bytes) -> bytes:
        return self._ask(MAP_AND_MULTIPLY, len(uniform) // 64, scalar + uniform)

    def sum(self, elements: bytes) -> bytes:
        return self._ask(SUM, len(elements) // 32, elements)

    def multi_scalar(self, scalars: bytes, elements: bytes) -> bytes:
        return self._ask(MULTI_SCALAR, len(elements) // 32, scalars + elements)

    def keeping(self, scalar: bytes, scalars: bytes, elements: bytes) -> tuple[bytes, bytes]:
        """k*P for all elements, and the sum of s_i*P_i over what that kept of them."""
        found = self._ask(KEEPING, len(elements) // 32, scalar + scalars + elements)
        return found[:-32], found[-32:]

    def expand(self, messages: Sequence[bytes], tag: bytes) -> bytes:
        return self._hashing(0, bytes(32), messages, tag)

    def hash_to_group(self, messages: Sequence[bytes], tag: bytes) -> bytes:
        return self._hashing(1, bytes(32), messages, tag)

    def hash_and_multiply(self, scalar: bytes, messages: Sequence[bytes], tag: bytes) -> bytes:
        return self._hashing(2, scalar, messages, tag)

    def hash_rows(self, prefix: bytes, rows: bytes, width: int, length: int) -> bytes:
        sizes = struct.pack("<QQQ", length, width, len(prefix))
        return self._ask(HASH_ROWS, len(rows) // width, sizes + prefix + rows)

    def check_scalars(self, scalars: bytes) -> bool:
        """Whether all are from 1 to L-1."""
        return self._ask(CHECK_SCALARS, len(scalars) // 32, scalars) == b"\1"

    def _hashing(self, kind: int, scalar: bytes, messages: Sequence[bytes], tag: bytes) -> bytes:
        parts = [struct.pack("<Q", kind), scalar, struct.pack("<Q", len(tag)), tag]
        for message in messages:
            parts += [struct.pack("<Q", len(message)), message]
        return self._ask(HASHING, len(messages), b"".join(parts))

    def close(self) -> tuple[int, str]:
        """Exit code and what was said on standard error."""
        if self._ended is None:
            _, said = self._process.communicate()
            self._ended = self._process.returncode, said.decode(errors="replace")
        return self._ended

    def __enter__(self) -> "Driver":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        code, said = self.close()
        if kind is None:
            assert code == 0, said
        elif said:
            print(said)  # a sanitizer's report; pytest shows it with the failure

    def _ask(self, operation: int, count: int, data: bytes) -> bytes:
        source, sink = self._pipes()
        source.write(_REQUEST.pack(operation, self._options, count) + data)
        source.flush()
        head = sink.read(_ANSWER.size)
        if len(head) < _ANSWER.size:
            code, said = self.close()
            raise AssertionError(f"the driver ended with {code}\n{said}")
        verdict, length = _ANSWER.unpack(head)
        if verdict != _ACCEPTED:
            raise Refused(verdict)
        out = sink.read(length)
        assert len(out) == length
        return out

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        return self._process.stdin, self._process.stdout

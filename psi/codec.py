"""The one byte form: big-endian integers, fixed fields and length-prefixed fields, in a fixed order.

Everything that is hashed, signed or sent by psi is written with `Writer` and read with `Reader`. There is exactly one
encoding of a message, so that decode(encode(m)) == m and encode(decode(b)) == b for every b that decodes: a reader
refuses what is short, too long, or longer than what it holds ("trailing bytes"). Nothing is optional and nothing is
skipped. Integers are unsigned and big-endian; `var` fields carry a four-byte length and have a named cap.
"""

from psi.errors import MalformedMessage

__all__ = ["Reader", "Writer", "length_prefixed"]

_LENGTH_BYTES = 4


class Writer:
    """Collects fields; every method returns the writer, so that a message reads as one expression."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def uint(self, value: int, size: int) -> "Writer":
        self._parts.append(value.to_bytes(size, "big"))
        return self

    def fixed(self, data: bytes, size: int) -> "Writer":
        if len(data) != size:
            raise ValueError(f"a field of {size} bytes was given {len(data)}")
        self._parts.append(bytes(data))
        return self

    def var(self, data: bytes, cap: int) -> "Writer":
        if len(data) > cap:
            raise ValueError(f"a field of at most {cap} bytes was given {len(data)}")
        self._parts.append(len(data).to_bytes(_LENGTH_BYTES, "big"))
        self._parts.append(bytes(data))
        return self

    def bytes(self) -> bytes:
        return b"".join(self._parts)


class Reader:
    """Takes fields off the front; raises MalformedMessage for anything a Writer would not have written."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def _take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._data):
            raise MalformedMessage("The other side sent a message that ends too early.")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def uint(self, size: int) -> int:
        return int.from_bytes(self._take(size), "big")

    def fixed(self, size: int) -> bytes:
        return self._take(size)

    def var(self, cap: int) -> bytes:
        size = self.uint(_LENGTH_BYTES)
        if size > cap:
            raise MalformedMessage("The other side sent a field that is longer than the protocol allows.")
        return self._take(size)

    def finish(self) -> None:
        if self._at != len(self._data):
            raise MalformedMessage("The other side sent a message with bytes left over.")


def length_prefixed(*parts: bytes) -> bytes:
    """The parts, each behind its length: no two different tuples of parts give the same bytes."""
    fields: list[bytes] = []
    for part in parts:  # a part may be long: it is copied once, by the join
        fields += (len(part).to_bytes(_LENGTH_BYTES, "big"), part)
    return b"".join(fields)

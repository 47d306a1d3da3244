"""Names for things that need one nobody else has."""

from collections.abc import Callable

__all__ = ["ID_BYTES", "RandomBytes", "new_id"]

RandomBytes = Callable[[int], bytes]

ID_BYTES = 16
"""Bytes of randomness in an id: no two nodes choose the same one by accident."""


def new_id(random_bytes: RandomBytes) -> str:
    """A fresh id: 32 lower-case hex characters."""
    return random_bytes(ID_BYTES).hex()

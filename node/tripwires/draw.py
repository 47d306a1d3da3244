"""Choices made of the node's own random bytes, each as likely as the other: how decoys are drawn.

Not `random`: whoever saw some of its numbers could work out the rest, and a decoy that is known is none.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from node.ids import RandomBytes

__all__ = ["Draw"]

_BLOCK_BYTES = 4096
_WORD_BYTES = 8
_WORDS = 1 << (8 * _WORD_BYTES)

T = TypeVar("T")


class Draw:
    """Not safe for use by several threads at once."""

    def __init__(self, random_bytes: RandomBytes) -> None:
        self._random_bytes = random_bytes
        self._block = b""
        self._at = 0

    def below(self, bound: int) -> int:
        """A number from 0 up to `bound`, which it never is; `bound` is at most 2^64."""
        fair = _WORDS - _WORDS % bound  # what lies above would make the small numbers a little likelier
        while True:
            if self._at >= len(self._block):
                self._block, self._at = self._random_bytes(_BLOCK_BYTES), 0
            word = int.from_bytes(self._block[self._at : self._at + _WORD_BYTES], "big")
            self._at += _WORD_BYTES
            if word < fair:
                return word % bound

    def block_below(self, bound: int) -> Any:
        """What calls of `below` would give until the block at hand is used up (a fresh one if it is): an array of
        unsigned numbers, at most `_BLOCK_BYTES / _WORD_BYTES` of them. For those who draw many and keep few."""
        largest = _WORDS - _WORDS % bound - 1
        while True:
            if self._at >= len(self._block):
                self._block, self._at = self._random_bytes(_BLOCK_BYTES), 0
            words = np.frombuffer(self._block, ">u8", offset=self._at).astype(np.uint64)
            self._at = len(self._block)
            if len(fair := words[words <= largest]):
                return fair % np.uint64(bound)

    def one_of(self, choices: Sequence[T]) -> T:
        """One of these, of which there is at least one."""
        return choices[self.below(len(choices))]

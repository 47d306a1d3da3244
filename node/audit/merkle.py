"""The Merkle tree of RFC 6962, section 2.1 (the same as RFC 9162), with SHA-256.

    leaf = SHA-256(0x00 | entry)        node = SHA-256(0x01 | left | right)        empty tree = SHA-256("")

The left side of every node is the largest full subtree that fits, so a tree of n leaves is fixed by n and the leaves.
Inclusion proofs follow RFC 9162, 2.1.3; consistency proofs 2.1.4. Consistency from the empty tree has no proof in the
RFC; here it is the empty proof, since every log begins there.

Nothing here is secret and nothing is constant-time. A proof says that an entry is in the tree with that root; who
vouches for the root is the business of checkpoints.
"""

from collections.abc import Sequence
from hashlib import sha256

__all__ = ["EMPTY_ROOT", "HASH_BYTES", "RightEdge", "Tree", "leaf_hash", "verify_consistency", "verify_inclusion"]

HASH_BYTES = 32
"""Bytes of a hash."""

EMPTY_ROOT = sha256(b"").digest()
"""The root of the tree without leaves."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one entry."""
    return sha256(b"\x00" + entry).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


class RightEdge:
    """The roots of the full subtrees that a tree consists of, largest first: all that appending needs."""

    def __init__(self) -> None:
        self.size = 0
        self._roots: list[bytes] = []

    @classmethod
    def resumed(cls, size: int, roots: Sequence[bytes]) -> "RightEdge":
        """An edge that `roots` was read from. ValueError if a tree of `size` leaves has not that many."""
        if size < 0 or len(roots) != size.bit_count() or any(len(root) != HASH_BYTES for root in roots):
            raise ValueError("not the right edge of a tree of that size")
        edge = cls()
        edge.size, edge._roots = size, list(roots)
        return edge

    @property
    def roots(self) -> list[bytes]:
        """The roots of the full subtrees, largest first."""
        return list(self._roots)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        # As in binary counting: every trailing 1 of the old size is a full subtree that now doubles.
        carry, size = leaf, self.size
        while size & 1:
            carry = _node(self._roots.pop(), carry)
            size >>= 1
        self._roots.append(carry)
        self.size += 1

    def root(self) -> bytes:
        """The root of the tree so far."""
        if not self._roots:
            return EMPTY_ROOT
        root = self._roots[-1]
        for left in reversed(self._roots[:-1]):
            root = _node(left, root)
        return root


class Tree:
    """A whole tree in memory, about 64 bytes a leaf and Python's own overhead: for making proofs."""

    def __init__(self, leaves: Sequence[bytes] = ()) -> None:
        # _levels[h][i] is the root of the full subtree over leaves i * 2^h to (i + 1) * 2^h.
        self._levels: list[list[bytes]] = [[]]
        for leaf in leaves:
            self.append(leaf)

    @property
    def size(self) -> int:
        """Leaves in the tree."""
        return len(self._levels[0])

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        self._levels[0].append(leaf)
        for height, level in enumerate(self._levels):
            if len(level) % 2:
                return
            if height + 1 == len(self._levels):
                self._levels.append([])
            self._levels[height + 1].append(_node(level[-2], level[-1]))

    def root(self, size: int | None = None) -> bytes:
        """The root of the first `size` leaves (all of them by default)."""
        size = self._checked(self.size if size is None else size)
        return self._range(0, size) if size else EMPTY_ROOT

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """The proof that leaf `index` is in the tree of the first `size` leaves. IndexError if it is not."""
        if not 0 <= index < self._checked(size):
            raise IndexError(index)
        proof: list[bytes] = []
        start, end = 0, size
        while end - start > 1:
            middle = start + _split(end - start)
            if index < middle:
                proof.append(self._range(middle, end))
                end = middle
            else:
                proof.append(self._range(start, middle))
                start = middle
        return proof[::-1]

    def consistency(self, old: int, new: int) -> list[bytes]:
        """The proof that the tree of `old` leaves is the beginning of the tree of `new`. IndexError if it cannot be."""
        if not 0 <= old <= self._checked(new):
            raise IndexError(old)
        if old in (0, new):
            return []
        proof: list[bytes] = []
        start, end, whole = 0, new, True
        while old < end:
            middle = start + _split(end - start)
            if old <= middle:
                proof.append(self._range(middle, end))
                end = middle
            else:
                proof.append(self._range(start, middle))
                start, whole = middle, False
        if not whole:
            proof.append(self._range(start, end))
        return proof[::-1]

    def _checked(self, size: int) -> int:
        if not 0 <= size <= self.size:
            raise IndexError(size)
        return size

    def _range(self, start: int, end: int) -> bytes:
        """The root over leaves start..end, where start is a multiple of the power of two that holds the range."""
        length = end - start
        if length & (length - 1) == 0:
            height = length.bit_length() - 1
            return self._levels[height][start >> height]
        middle = start + _split(length)
        return _node(self._range(start, middle), self._range(middle, end))


def _split(length: int) -> int:
    """The largest power of two below `length`."""
    return 1 << ((length - 1).bit_length() - 1)


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` shows that the leaf hash stands at `index` of the tree of `size` leaves (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size or any(len(part) != HASH_BYTES for part in proof):
        return False
    at, last, seen = index, size - 1, leaf
    for part in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            seen = _node(part, seen)
            while at and not at & 1:
                at >>= 1
                last >>= 1
        else:
            seen = _node(seen, part)
        at >>= 1
        last >>= 1
    return last == 0 and seen == root


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that the tree of `old` leaves is the beginning of that of `new` (RFC 9162, 2.1.4.2)."""
    if not 0 <= old <= new or any(len(part) != HASH_BYTES for part in proof):
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    path = list(proof)
    if old & (old - 1) == 0:
        # The old tree is one full subtree: its root is part of the path and need not be sent.
        path.insert(0, old_root)
    if not path:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at >>= 1
        last >>= 1
    seen_old = seen_new = path[0]
    for part in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            seen_old = _node(part, seen_old)
            seen_new = _node(part, seen_new)
            while at and not at & 1:
                at >>= 1
                last >>= 1
        else:
            seen_new = _node(seen_new, part)
        at >>= 1
        last >>= 1
    return last == 0 and seen_old == old_root and seen_new == new_root

"""What is hashed, and under which label.

Every hash of the protocol is SHA-512 over a label and length-prefixed parts. The label names the protocol version and
the use, so that no value computed for one purpose can stand in for another (PROTOCOL.md, "Labels"). The **context** of
a round hangs on the agreement and on both opening messages; every proof, tag and signature that follows contains it,
so nothing from one round means anything in another.

`MerkleEdge` is the root over a list's chunks, computed as the chunks pass by: it keeps only the right edge of the tree
(RFC 9162 section 2.1.1 gives the shape), never the list.
"""

import hashlib
from dataclasses import dataclass, field

from psi.codec import length_prefixed
from psi.group import ELEMENT_BYTES, Backend, Buffer

__all__ = ["DIGEST_BYTES", "TAG_BYTES", "Label", "MerkleEdge", "digest", "tags"]

DIGEST_BYTES = 64
"""Bytes of every digest of the protocol (SHA-512)."""

TAG_BYTES = 16
"""Bytes of a tag. Two different elements share one with probability 2^-128 a pair."""

_VERSION = b"blindmatch/1 "


class Label:
    """The closed list of uses. A label is never reused for another purpose."""

    AGREEMENT = _VERSION + b"manifest"
    IDENTIFIER = _VERSION + b"identifier"
    COMMITMENT = _VERSION + b"commitment"
    LEAF = _VERSION + b"leaf"
    NODE = _VERSION + b"node"
    CONTEXT = _VERSION + b"context"
    TAG = _VERSION + b"tag"
    HANDLE = _VERSION + b"handle"
    PROOF_ANSWER = _VERSION + b"proof answer"
    PROOF_RELEASE = _VERSION + b"proof release"
    SAID = _VERSION + b"said"
    TRANSCRIPT = _VERSION + b"transcript"
    SIGN_COUNT = _VERSION + b"sign count"
    SIGN_CLOSE = _VERSION + b"sign close"


def digest(label: bytes, *parts: bytes) -> bytes:
    """SHA-512 over the length-prefixed label and parts: 64 bytes."""
    return hashlib.sha512(length_prefixed(label, *parts)).digest()


def tags(backend: Backend, context: bytes, elements: Buffer) -> bytes:
    """The tags of n elements: 32n bytes in, 16n bytes out.

    Each is the first 16 bytes of `digest(Label.TAG, context, element)`; the common front is hashed once.
    """
    front = length_prefixed(Label.TAG, context) + ELEMENT_BYTES.to_bytes(4, "big")
    return backend.hash_rows(front, elements, ELEMENT_BYTES, TAG_BYTES)


@dataclass
class MerkleEdge:
    """Root over chunks in order: leaf = H(leaf label, index, chunk), inner node = H(node label, left, right).

    `edge` holds the roots of the complete subtrees, largest first, as (leaves in the subtree, root).
    """

    count: int = 0
    edge: list[tuple[int, bytes]] = field(default_factory=list)

    def add(self, chunk: bytes) -> None:
        self.edge.append((1, digest(Label.LEAF, self.count.to_bytes(4, "big"), chunk)))
        self.count += 1
        while len(self.edge) > 1 and self.edge[-1][0] == self.edge[-2][0]:
            size, right = self.edge.pop()
            _, left = self.edge.pop()
            self.edge.append((2 * size, digest(Label.NODE, left, right)))

    def root(self) -> bytes:
        """64 bytes; of no chunks at all, the digest of nothing under the node label."""
        if not self.edge:
            return digest(Label.NODE)
        _, root = self.edge[-1]
        for _, left in reversed(self.edge[:-1]):
            root = digest(Label.NODE, left, root)
        return root

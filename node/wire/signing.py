"""Signatures with a purpose: Ed25519 (RFC 8032) over a length-prefixed label and the data.

    message = I2OSP(len(label), 4) || label || I2OSP(len(data), 4) || data

One identity key signs cards, manifests, envelopes, transcripts and checkpoints. Each has its own fixed label, and
the lengths make the split between label and data unambiguous, so that a signature given for one purpose never
passes for another. What is signed is always a canonical byte form of ours, never protobuf bytes: those may be
written in more than one way.
"""

from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from psi.codec import length_prefixed

__all__ = ["MAX_LABEL_BYTES", "PUBLIC_KEY_BYTES", "SIGNATURE_BYTES", "Signer", "labelled", "verify"]

PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64
MAX_LABEL_BYTES = 64
"""A label is a constant of the source code; a longer one is data in the wrong place."""


class Signer(Protocol):
    """Whoever holds an identity key; `node.identity.keys.Identity` is the one there is."""

    @property
    def member_id(self) -> str: ...

    def sign(self, label: bytes, data: bytes) -> bytes: ...


def labelled(label: bytes, data: bytes) -> bytes:
    """The bytes that are signed. Raises ValueError for an empty or over-long label: a mistake in our own code."""
    if not 0 < len(label) <= MAX_LABEL_BYTES:
        raise ValueError("a signature label has 1 to 64 bytes")
    return length_prefixed(label, data)


def verify(public_key: bytes, label: bytes, data: bytes, signature: bytes) -> bool:
    """Whether `signature` (64 bytes) was made by the owner of `public_key` (32 bytes) for this label and data."""
    if len(public_key) != PUBLIC_KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    message = labelled(label, data)
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True

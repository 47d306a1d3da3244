"""Hashing to the group: expand_message_xmd with SHA-512 (RFC 9380 section 5.3.1).

    hash_to_ristretto255(m) = one-way map of RFC 9496 4.3.4 (expand_message_xmd(m, DST, 64))     RFC 9380 appendix B
    hash_to_scalar(m)       = expand_message_xmd(m, DST, 64) as a little-endian integer mod L    RFC 9497 section 4.1

The second half of both lines is the backend's; this module is the first, in hashlib. (The native backends compute
both halves themselves, several messages at once; tests hold them against this.) DST, the domain separation tag,
says which use of the hash this is, so that one protocol's elements never mean anything in another. RFC 9380 lets a
tag over 255 bytes be hashed first. Ours are short, so a longer one is refused as the mistake that it is.

Not constant time in the length of a message, which the RFC does not ask for either.
"""

import hashlib
from collections.abc import Sequence

from psi.errors import LocalError
from psi.group import WIDE_BYTES

__all__ = ["DST", "MAX_DST_BYTES", "MAX_EXPANDED_BYTES", "check_dst", "expand_message", "expand_messages"]

DST = b"blindmatch/1 identifier ristretto255_XMD:SHA-512_R255MAP_RO_"
"""Our tag for identifiers: protocol version, use, and the suite's name from RFC 9380 appendix B."""

MAX_DST_BYTES = 255
"""Longest domain separation tag, in bytes: its length is written into one byte."""

_DIGEST_BYTES = 64
_BLOCK_BYTES = 128

MAX_EXPANDED_BYTES = 255 * _DIGEST_BYTES
"""Longest output of `expand_message`, in bytes: the counter of blocks is one byte."""

# Every message starts with a block of zeros (Z_pad). Its state is computed once and copied.
_PADDED = hashlib.sha512(bytes(_BLOCK_BYTES))


def expand_message(message: bytes, dst: bytes, length: int) -> bytes:
    """`length` uniform bytes from a message; RFC 9380 section 5.3.1 with SHA-512.

    LocalError if the tag has not 1..MAX_DST_BYTES bytes or the length is not in 1..MAX_EXPANDED_BYTES.
    """
    tag = _tag(dst)
    if not 1 <= length <= MAX_EXPANDED_BYTES:
        raise _misuse("This program asked for an impossible amount of hash output.")
    first = _PADDED.copy()
    first.update(message + length.to_bytes(2, "big") + b"\0" + tag)
    seed = first.digest()
    block = hashlib.sha512(seed + b"\x01" + tag).digest()
    blocks = [block]
    for number in range(2, -(-length // _DIGEST_BYTES) + 1):
        mixed = int.from_bytes(seed, "big") ^ int.from_bytes(block, "big")
        block = hashlib.sha512(mixed.to_bytes(_DIGEST_BYTES, "big") + bytes([number]) + tag).digest()
        blocks.append(block)
    return b"".join(blocks)[:length]


def expand_messages(messages: Sequence[bytes], dst: bytes) -> bytes:
    """n messages to n x 64 uniform bytes: `expand_message(m, dst, 64)` for each, in one buffer.

    LocalError as `expand_message`.
    """
    tag = _tag(dst)
    sha512 = hashlib.sha512
    padded = _PADDED
    first_end = WIDE_BYTES.to_bytes(2, "big") + b"\0" + tag
    second_end = b"\x01" + tag
    out = []
    for message in messages:
        first = padded.copy()
        first.update(message + first_end)
        out.append(sha512(first.digest() + second_end).digest())
    return b"".join(out)


def check_dst(dst: bytes) -> None:
    """LocalError unless the tag has 1..MAX_DST_BYTES bytes."""
    if not 1 <= len(dst) <= MAX_DST_BYTES:
        raise _misuse("This program used a hash label of the wrong length.")


def _tag(dst: bytes) -> bytes:
    """DST_prime: the tag and its length."""
    check_dst(dst)
    return dst + bytes([len(dst)])


def _misuse(sentence: str) -> LocalError:
    return LocalError(sentence, advice="This is a fault in blindmatch. Please report it; no data was sent.")

"""Hashes of image files, canonical as `algorithm:hex`. Two files agree only if they are equal to the last bit.

MD5, SHA-1, SHA-256 and SHA-512 are read, in hexadecimal, or in base64 or base32 where no other reading fits. A hash
without its algorithm is known by its length. What this cannot reach: a picture that was scaled, cut or saved again has
another hash, and perceptual hashes (PhotoDNA, PDQ, aHash ...), which are compared by distance and never by equality,
are refused. Nor can it tell a bare 64-digit PDQ value from SHA-256: it is compared as the latter and meets nothing.

MD5 and SHA-1 can be forged: two different pictures of one hash exist for whoever makes them. A hit is a lead.
"""

import base64
import binascii
import hashlib
import re
from typing import Final

from psi.errors import RefusedValue
from psi.identifiers.cells import Cell, Hints
from psi.identifiers.several import LOST_DIGITS, read_each, refuser

__all__ = ["image_hashes"]

_BYTES: Final = {"md5": 16, "sha1": 20, "sha256": 32, "sha512": 64}
_BY_DIGITS: Final = {2 * size: name for name, size in _BYTES.items()}
_BY_BASE64: Final = {4 * ((size + 2) // 3): name for name, size in _BYTES.items()}
_EMPTY_FILES: Final = frozenset(hashlib.new(name, usedforsecurity=False).hexdigest() for name in _BYTES)

_PERCEPTUAL_DIGITS: Final = frozenset({16, 288})
"""Hexadecimal digits: the usual 64 bits of aHash and its like, and PhotoDNA's 144 bytes."""

_LABELLED: Final = re.compile(
    r"(?:urn:)?\s*(md-?5|sha-?1|sha-?2?-?256|sha-?2?-?512|[a-z-]*dna|v?pdqf?|tmk[+a-z]*|[apdw]-?hash|blockhash|neuralhash"
    r"|ssdeep|tlsh)(?:\s*[:=]\s*|\s+|-)(\S+)",
    re.IGNORECASE,
)
_BETWEEN: Final = re.compile(r"[;,|]|(?<=[0-9A-Fa-f]{32})\s+")
_HEX: Final = re.compile(r"[0-9a-f]+")

_refuse = refuser("image_hash")


def image_hashes(cell: Cell, _hints: Hints) -> tuple[str, ...]:
    """The hashes of a cell; () for a blank.

    Raises `RefusedValue`: `image_hash/not-a-hash`, `image_hash/near-copy` (a perceptual hash),
    `image_hash/empty-file`, `image_hash/wrong-length`, `image_hash/lost-digits`, `image_hash/too-many`.
    """
    if cell.number is not None or LOST_DIGITS.fullmatch(cell.text.strip()):
        raise _refuse(
            "lost-digits",
            "The spreadsheet took this hash for a number and has lost its digits.",
            "Format the column as text and enter the hash again.",
        )
    return read_each(cell, "image_hash", lambda part: (_hash(part),), _BETWEEN)


def _hash(text: str) -> str:
    labelled = _LABELLED.fullmatch(text)
    label = re.sub(r"[^a-z0-9]", "", labelled[1].casefold()).replace("sha2", "sha") if labelled else ""
    label = {"sha56": "sha256", "sha": "sha256"}.get(label, label)
    value = labelled[2] if labelled else text
    if label and label not in _BYTES:
        raise _near_copy()
    digits = value.casefold().removeprefix("0x")
    if _HEX.fullmatch(digits):
        name = _BY_DIGITS.get(len(digits), "")
        if not label and len(digits) in _PERCEPTUAL_DIGITS:
            raise _near_copy()
    else:
        name, digits = _from_base(value, label)
    if not name or (label and label != name):
        raise _refuse(
            "wrong-length",
            "This hash is longer or shorter than its algorithm makes them.",
            "Check it against the original; MD5, SHA-1, SHA-256 and SHA-512 are read.",
        )
    if len(set(digits)) == 1:
        raise _not_a_hash()
    if digits in _EMPTY_FILES:
        raise _refuse(
            "empty-file",
            "This is the hash of an empty file, which every damaged copy has.",
            "Make the hash again from the whole picture.",
        )
    return f"{name}:{digits}"


def _from_base(value: str, label: str) -> tuple[str, str]:
    """The algorithm and the hexadecimal digits of base64 with its padding, or of base32 that says it is SHA-1."""
    try:
        if label == "sha1" and len(value) == 32:
            raw = base64.b32decode(value, casefold=True)
            return "sha1", raw.hex()
        name = _BY_BASE64.get(len(value), "") if value.endswith("=") else ""
        raw = base64.b64decode(value, altchars=b"-_" if re.search("[-_]", value) else None, validate=True)
    except (binascii.Error, ValueError):
        raise _not_a_hash() from None
    if not name or len(raw) != _BYTES[name]:
        raise _not_a_hash()
    return name, raw.hex()


def _near_copy() -> RefusedValue:
    return _refuse(
        "near-copy",
        "This is a hash for similar pictures, and only hashes of equal files can be compared.",
        "Use the MD5, SHA-1, SHA-256 or SHA-512 of the file; near copies are out of reach.",
    )


def _not_a_hash() -> RefusedValue:
    return _refuse(
        "not-a-hash", "This cell holds no hash of a file.", "Write the hash in hexadecimal, such as sha256:9f86d0..."
    )

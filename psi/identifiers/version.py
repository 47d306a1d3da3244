"""The normaliser version: everything whose change could turn the same cell into another token.

That is our own tables and code (`TABLES`, raised by hand with every change of a result), the Unicode cap, and the
libraries whose data decide: phonenumbers (valid numbers, country names), anyascii (romanisation), idna and
email-validator (addresses). Two nodes whose strings differ cannot hold a round: they would miss matches silently.
"""

from importlib.metadata import version
from typing import Final

from psi.identifiers.unicode14 import UNICODE_CAP

__all__ = ["NORMALISER_VERSION"]

TABLES: Final = 1
"""Version of this package's own tables and rules."""

_LIBRARIES: Final = (
    ("pn", "phonenumbers"),
    ("aa", "anyascii"),
    ("id", "idna"),
    ("ev", "email-validator"),
)

NORMALISER_VERSION: Final = "-".join(
    [f"bm{TABLES}", *(f"{short}{version(name)}" for short, name in _LIBRARIES), f"uc{UNICODE_CAP}"]
)
"""For example `bm1-pn9.0.43-aa0.3.3-id3.20-ev2.4.0-uc14`."""

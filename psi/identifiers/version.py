"""The normaliser version: everything whose change could turn the same cell into another token.

That is our own tables and code (`TABLES`, raised by hand with every change of a result), the Unicode cap, and the
libraries whose data decide: phonenumbers (valid numbers, country names), anyascii (romanisation), idna and
email-validator (addresses), python-stdnum (check digits), ada-url and publicsuffixlist (web addresses), hijridate and
jdatetime (calendars). Two nodes whose strings differ cannot hold a round: they would miss matches silently.
"""

from importlib.metadata import version
from typing import Final

from psi.identifiers.unicode14 import UNICODE_CAP

__all__ = ["NORMALISER_VERSION"]

TABLES: Final = 2
"""Version of this package's own tables and rules."""

_LIBRARIES: Final = (
    ("pn", "phonenumbers"),
    ("aa", "anyascii"),
    ("id", "idna"),
    ("ev", "email-validator"),
    ("sn", "python-stdnum"),
    ("au", "ada-url"),
    ("ps", "publicsuffixlist"),
    ("hd", "hijridate"),
    ("jd", "jdatetime"),
)

NORMALISER_VERSION: Final = "-".join(
    [f"bm{TABLES}", *(f"{short}{version(name)}" for short, name in _LIBRARIES), f"uc{UNICODE_CAP}"]
)
"""For example `bm2-pn9.0.43-aa0.3.3-...-uc14`."""

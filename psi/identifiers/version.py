"""The normaliser version: everything whose change could turn the same cell into another token.

That is our own tables and code (`TABLES`, raised by hand with every change of a result), the Unicode cap, and the
libraries whose data decide: phonenumbers (valid numbers, country names), anyascii (romanisation), idna and
email-validator (addresses), python-stdnum (check digits), ada-url and publicsuffixlist (web addresses), hijridate and
jdatetime (calendars). Two nodes whose strings differ cannot hold a round: they would miss matches silently.
"""

import re
from importlib.metadata import version
from typing import Final, Literal

from psi.identifiers.unicode14 import UNICODE_CAP

__all__ = ["NORMALISER_VERSION", "newer"]

TABLES: Final = 3
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
"""For example `bm3-pn9.0.43-aa0.3.3-...-uc14`."""

_PART: Final = re.compile(r"([a-z]+)([0-9]+(?:\.[0-9]+)*)")


def newer(first: str, second: str) -> Literal["first", "second", "neither"]:
    """Which of two versions is the newer one: every part of it at least as new as in the other, and one newer.

    "neither" if they are equal, if each is newer in another part, or if one of them is no normaliser version.
    """
    parts = [_parts(one) for one in (first, second)]
    if not parts[0] or not parts[1]:
        return "neither"
    # A part that one of them lacks came with a later version, or was dropped by one: older than any number.
    pairs = [(parts[0].get(name, ()), parts[1].get(name, ())) for name in parts[0] | parts[1]]
    if parts[0] != parts[1]:
        if all(one >= other for one, other in pairs):
            return "first"
        if all(one <= other for one, other in pairs):
            return "second"
    return "neither"


def _parts(text: str) -> dict[str, tuple[int, ...]]:
    """Name -> version of every part; {} if the text is no normaliser version."""
    found = [_PART.fullmatch(part) for part in text.split("-")]
    if any(match is None for match in found):
        return {}
    return {match[1]: tuple(int(number) for number in match[2].split(".")) for match in found if match}

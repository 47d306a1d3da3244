"""Near matches: identifiers that differ by one slip of the hand, met by comparing a bounded set of variants exactly.

A round compares for equality and nothing else. So each value gives, beside its exact token, every string that is left
when one character of its telling part is deleted. Two values share such a string if they differ by one wrong digit, by
two neighbours swapped, or by one digit too many:

    +40721123456  ->  40|72112345, 40|72112356, ...        +40721123466 shares 40|72112346

The price is that many tokens and a weaker word: a pair of strangers shares a variant of a telephone number about once
in a million, and numbers of one switchboard or series do so all the time. So a near token has a key of its own
(`phone:near`), never meets an exact one, and is shown as near, never as the same.

What does not meet: two slips in one value, a slip in the country code or in the domain of an address, and names shorter
than `SHORTEST` letters, whose variants half the world shares.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from psi.errors import RefusedValue
from psi.identifiers.spelling import latin_words

__all__ = ["NEAR_VARIANTS", "near_key", "near_variants"]

SHORTEST: Final = 5
"""Characters of a name below which it has no variants but itself."""

LONGEST: Final = 16
"""Characters of a name above which it has no variants but itself: a bound on tokens, and long names repeat less."""

_NATIONAL_DIGITS: Final = 14
"""E.164 has 15 digits, at least one of them the country's."""

NEAR_VARIANTS: Final[Mapping[str, int]] = MappingProxyType(
    {"phone": _NATIONAL_DIGITS, "email": 1 + LONGEST, "handle": 1 + LONGEST, "alias": 1 + LONGEST}
)
"""Kinds that have near matches, and the most variants of one value, in tokens."""

_COUNTRY_CODES: Final = """
    20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91
    92 93 94 95 98
"""
_TWO_DIGIT_COUNTRIES: Final = frozenset(_COUNTRY_CODES.split())
"""E.164 country codes of two digits; 1 and 7 have one, all others three (ITU-T E.164, annex)."""

_SEPARATORS: Final = re.compile(r"[._\-\s]")


def near_key(kind: str) -> str:
    """The key id of a kind's near tokens. Raises `RefusedValue` `rule/no-near-matches` for a kind that has none."""
    if kind not in NEAR_VARIANTS:
        raise RefusedValue(
            f"There are no near matches of the kind {kind}.",
            advice=f"Use them for {', '.join(NEAR_VARIANTS)}, or leave them out.",
            reason="rule/no-near-matches",
        )
    return f"{kind}:near"


def near_variants(kind: str, value: str) -> tuple[str, ...]:
    """The variants of a canonical value: sorted, unique, at most `NEAR_VARIANTS[kind]`."""
    return tuple(sorted(_VARIANTS[kind](value)))


def _phone(value: str) -> set[str]:
    digits = value.removeprefix("+")
    length = 1 if digits[:1] in ("1", "7") else 2 if digits[:2] in _TWO_DIGIT_COUNTRIES else 3
    country, national = digits[:length], digits[length:][:_NATIONAL_DIGITS]
    return {f"{country}|{shorter}" for shorter in _one_deleted(national)}


def _email(value: str) -> set[str]:
    """Without the tag, dots and hyphens of the account, which people leave out."""
    account, _, domain = value.rpartition("@")
    return {f"{name}@{domain}" for name in _neighbourhood(_SEPARATORS.sub("", account.partition("+")[0]) or account)}


def _handle(value: str) -> set[str]:
    platform, _, account = value.partition(":")
    return {f"{platform}:{name}" for name in _neighbourhood(_SEPARATORS.sub("", account) or account)}


def _alias(value: str) -> set[str]:
    """In Latin letters and without spaces, so that Белла and Bella meet as well.

    What looks like an article stays: the slip may be in it.
    """
    return _neighbourhood("".join(latin_words(value)) or value)


def _neighbourhood(name: str) -> set[str]:
    """The name, and what remains of it without one character."""
    return {name} | (_one_deleted(name) if SHORTEST <= len(name) <= LONGEST else set())


def _one_deleted(text: str) -> set[str]:
    return {text[:place] + text[place + 1 :] for place in range(len(text))}


_VARIANTS: Final[Mapping[str, Callable[[str], set[str]]]] = MappingProxyType(
    {"phone": _phone, "email": _email, "handle": _handle, "alias": _alias}
)

"""E-mail addresses: checked for form by email-validator (RFC 5321, 5322, 6531), never by asking the network.

Canonical is `local@domain` with both sides case-folded and the domain in its ASCII form (IDNA 2008). RFC 5321 lets a
server tell `Anna@` from `anna@`; no provider of note does, and people type both. What providers do differ in is kept
as written: dots and plus tags. `anna+1@` is another address than `anna@`, because for some providers it is.

The library takes thirty times as long for an address as a telephone number takes here, so a cell that holds one plain
ASCII address and nothing else is read by one expression (`plain_address`). It accepts less than the library, and what
it does not accept is left to the library: the tests compare the two (`tests/property/test_fast_mail.py`).
"""

import re
from typing import Final

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from psi.errors import RefusedValue
from psi.identifiers.cells import Cell, Hints, clean, fold, is_placeholder, placeholder_endings

__all__ = ["email_addresses", "plain_address"]

MAX_ADDRESSES_IN_A_CELL: Final = 8
"""Addresses. More in one cell are a list that lost its rows."""

_BETWEEN: Final = re.compile(r"[;,|\s]+")

_PLAIN: Final = re.compile(
    r"""
    (?=[^@]{1,64}@ .{3,63}\Z)                                                    # RFC 5321, 4.5.3.1, and one label
    [a-z0-9_!#$%&'*+\-/=?^`{}~]+ (?:\.[a-z0-9_!#$%&'*+\-/=?^`{}~]+)*             # RFC 5322, 3.2.3: dot-atom, without |
    @ ((?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+)                                          # RFC 952: labels; no double hyphen
    ([a-z0-9]*[a-z])
    """,
    re.VERBOSE,
)
_SPECIAL: Final = tuple(f".{name}" for name in SPECIAL_USE_DOMAIN_NAMES)
_PLACEHOLDER_ENDINGS: Final = placeholder_endings()


def email_addresses(cell: Cell, _hints: Hints) -> tuple[str, ...]:
    """The addresses of one cell in the order they stand; () for a blank.

    One unreadable address refuses the whole cell. Raises `RefusedValue` `email/not-an-address`, `email/too-many`.
    """
    if cell.number is None and (address := plain_address(cell.text)):
        return (address,)
    text = clean(cell)
    if not text:
        return ()
    if cell.number is not None:
        raise _not_an_address()
    parts = [part for part in _BETWEEN.split(text) if part]
    if len(parts) > MAX_ADDRESSES_IN_A_CELL:
        raise RefusedValue(
            f"This cell holds more than {MAX_ADDRESSES_IN_A_CELL} words where e-mail addresses are expected.",
            advice="Keep only the addresses, and use one row each.",
            reason="email/too-many",
        )
    return tuple(dict.fromkeys(_one(part) for part in parts))


def plain_address(text: str) -> str:
    """The canonical form of a cell that holds one ASCII address of the usual form; "" for "ask the library"."""
    if not text.isascii():
        return ""
    address = text.strip().lower()
    found = _PLAIN.fullmatch(address)
    # The dot keeps "latest.org" apart from the special name "test".
    if not found or f".{found[1]}{found[2]}".endswith(_SPECIAL):
        return ""
    # un@kno.wn is an address, and what people write who have none.
    if found[2] in _PLACEHOLDER_ENDINGS and is_placeholder(address):
        return ""
    return address


def _one(part: str) -> str:
    address = fold(part)
    address = address.removeprefix("mailto:")
    if address.startswith("<") and address.endswith(">"):
        address = address[1:-1]
    try:
        checked = validate_email(address, check_deliverability=False, strict=True)
    except (EmailNotValidError, ValueError):
        raise _not_an_address() from None
    return f"{fold(checked.local_part)}@{checked.ascii_domain}"


def _not_an_address() -> RefusedValue:
    return RefusedValue(
        "This cell holds something that is no e-mail address.",
        advice="Keep only addresses of the form name@example.org, with a semicolon between two.",
        reason="email/not-an-address",
    )

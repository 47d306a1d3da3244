"""E-mail addresses: checked for form by email-validator (RFC 5321, 5322, 6531), never by asking the network.

Canonical is `local@domain` with both sides case-folded and the domain in its ASCII form (IDNA 2008). RFC 5321 lets a
server tell `Anna@` from `anna@`; no provider of note does, and people type both. What providers do differ in is kept
as written: dots and plus tags. `anna+1@` is another address than `anna@`, because for some providers it is.
"""

import re
from typing import Final

from email_validator import EmailNotValidError, validate_email

from psi.errors import RefusedValue
from psi.identifiers.cells import Cell, Hints, clean, fold

__all__ = ["email_addresses"]

MAX_ADDRESSES_IN_A_CELL: Final = 8
"""Addresses. More in one cell are a list that lost its rows."""

_BETWEEN: Final = re.compile(r"[;,|\s]+")


def email_addresses(cell: Cell, _hints: Hints) -> tuple[str, ...]:
    """The addresses of one cell in the order they stand; () for a blank.

    One unreadable address refuses the whole cell. Raises `RefusedValue` `email/not-an-address`, `email/too-many`.
    """
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

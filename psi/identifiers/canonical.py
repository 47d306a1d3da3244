"""One door for all kinds that are a single value: a raw cell in, canonical values out."""

from psi.errors import RefusedValue
from psi.identifiers.catalogue import find_kind
from psi.identifiers.cells import Cell
from psi.identifiers.handle import handles
from psi.identifiers.mail import email_addresses
from psi.identifiers.phone import phone_numbers

__all__ = ["canonicalise"]


def canonicalise(kind: str, cell: Cell, *, region: str | None = None, platform: str | None = None) -> tuple[str, ...]:
    """The canonical values of one cell: none for a blank or a placeholder, several if it holds several.

    `region` is the two-letter country code for national telephone numbers, `platform` the platform of a handle
    column. A canonical value read again gives itself. Raises `RefusedValue` and nothing else; a person is not a
    single value (`Person.from_cells`).
    """
    name = find_kind(kind).name
    if name == "phone":
        return phone_numbers(cell, region)
    if name == "email":
        return email_addresses(cell)
    if name == "handle":
        return handles(cell, platform)
    raise RefusedValue(
        "A person is compared by several fields together, not by one cell.",
        advice="Map the columns to person fields.",
        reason="kind/person-has-fields",
    )

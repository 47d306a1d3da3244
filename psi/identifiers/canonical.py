"""One door for all kinds that are a single value: a raw cell in, canonical values out.

Which function reads which kind stands in one table. A family of kinds, and the libraries it needs, is loaded when the
first cell of it is read: a node that only compares telephone numbers never loads the registers of companies.
"""

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Final, cast

from psi.errors import RefusedValue
from psi.identifiers.catalogue import find_kind
from psi.identifiers.cells import Cell, Hints

__all__ = ["MIXED_KINDS", "Reader", "canonicalise", "identifiers_in", "reader_of"]

Reader = Callable[[Cell, Hints], tuple[str, ...]]
"""Reads one cell: its canonical values in the order they stand, () for a blank or a placeholder. A canonical value read
again, with the same hints or none, gives itself. Raises `RefusedValue` and nothing else."""

_READERS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "phone": ("phone", "phone_numbers"),
        "email": ("mail", "email_addresses"),
        "handle": ("handle", "handles"),
        "alias": ("aliases", "aliases"),
        "document": ("documents", "documents"),
        "national_id": ("national_ids", "national_ids"),
        "url": ("web", "urls"),
        "advert": ("web", "adverts"),
        "domain": ("web", "domains"),
        "ip_window": ("network", "ip_windows"),
        "iban": ("money", "ibans"),
        "card": ("money", "cards"),
        "payment_ref": ("money", "payment_refs"),
        "wallet": ("money", "wallets"),
        "plate": ("vehicles", "plates"),
        "vin": ("vehicles", "vins"),
        "imei": ("devices", "imeis"),
        "imsi": ("devices", "imsis"),
        "mac": ("devices", "macs"),
        "address": ("addresses", "addresses"),
        "employer": ("employers", "employers"),
        "image_hash": ("hashes", "image_hashes"),
        "shared_case_ref": ("case_refs", "shared_case_refs"),
    }
)
"""Kind -> (module of this package, function)."""

_ALSO: Final[Mapping[str, tuple[tuple[str, str, str], ...]]] = MappingProxyType(
    {
        "handle": (("phone", "handle", "phones_in_handles"),),
        "url": (("phone", "handle", "phones_in_handles"),),
    }
)
"""Kind of the column -> what else its cells can hold: (kind, module, function). A wa.me address is a telephone
number."""

MIXED_KINDS: Final = frozenset(_ALSO)
"""Kinds whose cells can hold values of another kind. For all others `reader_of(kind)`, fetched once for a column, gives
what `identifiers_in` gives, without its overhead for each cell."""


@cache
def _load(module: str, function: str) -> Reader:
    return cast(Reader, getattr(import_module(f"psi.identifiers.{module}"), function))


def reader_of(kind: str) -> Reader:
    """The function that reads cells of a kind. Raises `RefusedValue` (`kind/...`), also for a person, which is no
    single value (`Person.from_cells`)."""
    name = find_kind(kind).name
    if name == "person":
        raise RefusedValue(
            "A person is compared by several fields together, not by one cell.",
            advice="Map the columns to person fields.",
            reason="kind/person-has-fields",
        )
    return _load(*_READERS[name])


def canonicalise(kind: str, cell: Cell, *, region: str | None = None, qualifier: str | None = None) -> tuple[str, ...]:
    """The canonical values of one cell: none for a blank or a placeholder, several if it holds several.

    `region` is the two-letter code of the country whose national numbers the source holds, `qualifier` the second word
    of the kind for a whole column (`Kind.qualifier`), such as the platform of a handle column. A canonical value read
    again gives itself. Raises `RefusedValue` and nothing else.
    """
    return reader_of(kind)(cell, Hints(region, qualifier))


def identifiers_in(kind: str, cell: Cell, hints: Hints) -> tuple[tuple[str, str], ...]:
    """Everything that a cell of a column of this kind holds, as (kind, canonical value): mostly values of the kind
    itself, but an address of wa.me among accounts is a telephone number. Raises `RefusedValue` as `canonicalise`."""
    also = tuple(
        (other, value)
        for other, module, function in _ALSO.get(kind, ())
        for value in _load(module, function)(cell, hints)
    )
    if also:
        return also
    return tuple((kind, value) for value in reader_of(kind)(cell, hints))

"""The closed list of what may be compared, and the list of what never may.

Every kind of the domain stands here, also those this version cannot read yet, so that an agreement which names one is
refused with a sentence instead of a guess. A kind that is not listed does not exist. Facts about health, belief or
origin are refused by name: they do not identify anyone, and their overlap would harm the people in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from psi.errors import RefusedValue

__all__ = ["CATALOGUE", "FORBIDDEN", "Kind", "find_kind"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of identifier: its name, what it is for a person, and whether this version reads it."""

    name: str
    title: str
    supported: bool


_ROWS: Final = (
    Kind("phone", "telephone number", True),
    Kind("email", "e-mail address", True),
    Kind("handle", "account on a platform", True),
    Kind("person", "person, by several fields together", True),
    Kind("alias", "alias or working name", False),
    Kind("document", "identity document", False),
    Kind("national_id", "national identity number", False),
    Kind("url", "web address", False),
    Kind("advert", "advertisement on a site", False),
    Kind("domain", "internet domain", False),
    Kind("ip_window", "IP address within a time window", False),
    Kind("iban", "bank account (IBAN)", False),
    Kind("card", "payment card", False),
    Kind("payment_ref", "payment reference", False),
    Kind("wallet", "cryptocurrency wallet", False),
    Kind("plate", "vehicle registration plate", False),
    Kind("vin", "vehicle identification number", False),
    Kind("imei", "handset number (IMEI)", False),
    Kind("imsi", "SIM number (IMSI)", False),
    Kind("mac", "network card address", False),
    Kind("address", "postal address", False),
    Kind("employer", "employer (register and number)", False),
    Kind("image_hash", "exact image hash", False),
    Kind("shared_case_ref", "case number that both sides were given", False),
)

CATALOGUE: Final[Mapping[str, Kind]] = MappingProxyType({row.name: row for row in _ROWS})
"""All kinds by name, in the order of the domain."""

_HARMS: Final = "its overlap would reveal a protected fact about people and identifies no one"
_NOT_OURS: Final = "it must never leave the organisation, in any form"

FORBIDDEN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "health": _HARMS,
        "sexual_orientation": _HARMS,
        "religion": _HARMS,
        "politics": _HARMS,
        "ethnicity": _HARMS,
        "password": _NOT_OURS,
        "message_content": _NOT_OURS,
        "record_reference": _NOT_OURS,
        "free_text": "free text cannot be compared and holds what nobody meant to share",
        "face_template": "a body cannot be changed once its template has leaked",
        "voice_template": "a body cannot be changed once its template has leaked",
        "fingerprint": "a body cannot be changed once its template has leaked",
        "dna": "a body cannot be changed once its template has leaked",
        "location_trace": "where someone has been tells how they live",
    }
)
"""What is refused outright: name -> why, as the end of a sentence."""


def find_kind(name: str) -> Kind:
    """The kind of that name, if this version can read it.

    Raises `RefusedValue`: `kind/forbidden`, `kind/unknown`, `kind/not-yet`.
    """
    if name in FORBIDDEN:
        raise RefusedValue(
            f'Matching on "{name}" is refused: {FORBIDDEN[name]}.',
            advice="Take it out of the agreement.",
            reason="kind/forbidden",
        )
    kind = CATALOGUE.get(name)
    if kind is None:
        raise RefusedValue(
            "This kind of identifier is not in the catalogue.",
            advice=f"Use one of: {', '.join(row.name for row in _ROWS if row.supported)}.",
            reason="kind/unknown",
        )
    if not kind.supported:
        raise RefusedValue(
            f"This version cannot compare a {kind.title} yet.",
            advice=f"Use one of: {', '.join(row.name for row in _ROWS if row.supported)}.",
            reason="kind/not-yet",
        )
    return kind

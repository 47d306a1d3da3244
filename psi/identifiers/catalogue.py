"""The closed list of what may be compared, and the list of what never may.

A kind that is not listed does not exist. Facts about health, belief or origin are refused by name: they do not
identify anyone, and their overlap would harm the people in it.

Some kinds mean nothing without a second word: an account name without its platform, a document number without the
state that issued it. That word is the kind's **qualifier**. It stands in the cell, or the source says it for a whole
column (`Hints.qualifier`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from psi.errors import RefusedValue

__all__ = ["CATALOGUE", "FORBIDDEN", "Kind", "find_kind"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of identifier: its name and what it is for a person.

    `qualifier` names the second word that a value needs ("" for none). `guessable` says how hard a value is to guess,
    for whoever weighs a budget: a person with a list of all numbers of a country can test each of them.
    """

    name: str
    title: str
    guessable: str
    qualifier: str = ""


_COUNTRY_NUMBERS: Final = "easily: a country has 10 to 100 million"
_ROWS: Final = (
    Kind("phone", "telephone number", _COUNTRY_NUMBERS),
    Kind("email", "e-mail address", "from names and lists of leaked addresses"),
    Kind("handle", "account on a platform", "from names and public lists", "platform"),
    Kind("person", "person, by several fields together", "from registers and public pages"),
    Kind("alias", "alias or working name", "easily: working names repeat"),
    Kind("document", "identity document", "hardly one by one; a series can be walked", "issuer"),
    Kind("national_id", "national identity number", "easily where it holds the date of birth", "country"),
    Kind("url", "web address", "by whoever has crawled the site"),
    Kind("advert", "advertisement on a site", "easily: sites count their advertisements", "site"),
    Kind("domain", "internet domain", "easily: registered domains are public"),
    Kind("ip_window", "IP address within a time window", "easily: 4,000 million addresses times the hours", "time"),
    Kind("iban", "bank account (IBAN)", "hardly one by one; a bank's numbers can be walked"),
    Kind("card", "payment card", "easily once the issuer is known: 1,000 million numbers each"),
    Kind("payment_ref", "payment reference", "by walking a service's ten digits", "service"),
    Kind("wallet", "cryptocurrency wallet", "not at random, but every used one is public"),
    Kind("plate", "vehicle registration plate", "easily: a country has some ten million", "country"),
    Kind("vin", "vehicle identification number", "by walking a maker's series"),
    Kind("imei", "handset number (IMEI)", "easily once the model is known: a million numbers each"),
    Kind("imsi", "SIM number (IMSI)", "easily once the network is known: 1,000 million numbers each"),
    Kind("mac", "network card address", "easily once the maker is known: 17 million each"),
    Kind("address", "postal address", "easily: addresses are public"),
    Kind("employer", "employer (register and number)", "easily: company registers are public", "register"),
    Kind("image_hash", "exact image hash", "only by whoever has the picture"),
    Kind("shared_case_ref", "case number that both sides were given", "by counting on from a known one"),
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
    """The kind of that name. Raises `RefusedValue`: `kind/forbidden`, `kind/unknown`."""
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
            advice=f"Use one of: {', '.join(row.name for row in _ROWS)}.",
            reason="kind/unknown",
        )
    return kind

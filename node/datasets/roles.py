"""What a column can be: the grammar of roles, and one line about each for `--help`.

    role                                       example                       columns
    reference                                  the organisation's number     exactly one
    KIND                                       phone                         any number
    KIND:QUALIFIER                             handle:telegram, document:RO  any number: the qualifier of every cell
    KIND_QUALIFIERNAME   (a companion)         document_issuer               one a kind: the qualifier row by row
    FIELD of a person                          family_name                   one each
    birth_date:CALENDAR                        birth_date:hijri              one, with or without a calendar
    consent ... urgent_danger child class      consent_until                 one each: about the row, never compared
    ignore                                                                   the same as leaving the column out

The kinds and their qualifiers are those of the catalogue (`psi.identifiers.CATALOGUE`), the fields those of
`PERSON_FIELDS`: nothing here adds to either list. `alias` is in both, and one column feeds both.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from psi.identifiers import CATALOGUE, PERSON_FIELDS, PLATFORMS
from psi.identifiers.country_codes import issuer_code, state_code
from psi.identifiers.employers import REGISTERS
from psi.identifiers.payment_services import SERVICE_NAMES

__all__ = [
    "CALENDARS",
    "COMPANIONS",
    "IDENTIFIER_ROLES",
    "ROLES",
    "ROW_ROLES",
    "Family",
    "Role",
    "explain_roles",
    "qualifier_advice",
    "read_role",
    "role_example",
    "slot",
    "takes_several",
]

CALENDARS = ("hijri", "jalali", "buddhist", "ethiopian")
"""Calendars of a birth date column that is not Gregorian: `birth_date:jalali`."""

ROW_ROLES = (
    "consent",
    "consent_until",
    "consent_kinds",
    "consent_receivers",
    "consent_purposes",
    "urgent_danger",
    "child",
    "record_class",
)
"""Roles that say something about the row; they decide whether it takes part and are never compared."""

COMPANIONS: Mapping[str, str] = MappingProxyType(
    {f"{kind.name}_{kind.qualifier}": kind.name for kind in CATALOGUE.values() if kind.qualifier}
)
"""Companion role -> the kind whose qualifier its column gives, row by row."""

IDENTIFIER_ROLES = (
    *(name for name in CATALOGUE if name != "person"),
    *(f"handle:{platform}" for platform in PLATFORMS),
)
"""The kinds that a column can hold by itself, a handle also with its platform. Person fields are mapped one by one."""

ROLES = tuple(
    dict.fromkeys(
        (
            "reference",
            *IDENTIFIER_ROLES,
            *COMPANIONS,
            *PERSON_FIELDS,
            *(f"birth_date:{calendar}" for calendar in CALENDARS),
            *ROW_ROLES,
            "ignore",
        )
    )
)
"""Every role that can be written down in a list; kinds with another qualifier (`document:RO`) come on top."""


class Family(Enum):
    """What a role is for."""

    REFERENCE = "reference"
    IDENTIFIER = "identifier"
    COMPANION = "companion"
    PERSON = "person"
    ROW = "row"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class Role:
    """A role taken apart: `document:ro` has the text "document:RO", the name "document" and the qualifier "RO"."""

    text: str
    name: str
    family: Family
    qualifier: str | None = None

    @property
    def compared(self) -> bool:
        """Does a column of this role take part in a comparison?"""
        return self.family in (Family.IDENTIFIER, Family.PERSON)


def read_role(text: str) -> Role | None:
    """The role of that text, None if there is none."""
    name, colon, qualifier = text.partition(":")
    family = _FAMILIES.get(name)
    if family is None or not colon:
        return None if family is None else Role(name, name, family)
    if name == "birth_date":
        calendar = qualifier.strip().lower()
        return Role(f"{name}:{calendar}", name, family, calendar) if calendar in CALENDARS else None
    kind = CATALOGUE.get(name)
    if kind is None or not kind.qualifier:
        return None
    said = _qualifier(kind.qualifier, qualifier.strip())
    return Role(f"{name}:{said}", name, Family.IDENTIFIER, said) if said else None


def slot(role: str) -> str:
    """What two columns may not both be, where only one may be: a birth date in any calendar is one birth date."""
    return role.partition(":")[0] if role.startswith("birth_date:") else role


def takes_several(role: str) -> bool:
    """May more than one column have this role? All kinds may; what says something about a row stands in one place."""
    found = read_role(role)
    return found is not None and found.family in (Family.IDENTIFIER, Family.IGNORE)


def qualifier_advice(role: str) -> str:
    """How the qualifier of this role is written, "" for a role that has none."""
    name = role.partition(":")[0]
    if name == "birth_date":
        return f"Calendars are written like birth_date:{CALENDARS[0]}; known are {', '.join(CALENDARS)}."
    kind = CATALOGUE.get(name)
    if kind is None or not kind.qualifier or ":" not in role:
        return ""
    known = f"; known are {', '.join(PLATFORMS)}" if kind.qualifier == "platform" else ""
    return f"The {kind.qualifier} is written like {role_example(name)}{known}."


def role_example(kind: str) -> str:
    """A role of a kind with a second word for the whole column, as an example: `document:RO`."""
    return f"{kind}:{_QUALIFIERS[CATALOGUE[kind].qualifier][1]}"


def explain_roles() -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """Every role with a few words, in groups with a title: what `--help` shows."""
    kinds = [(kind.name, kind.title) for kind in CATALOGUE.values() if kind.name != "person"]
    return (
        ("Your own number", (("reference", "your own case number; never leaves this node"),)),
        ("Compared", tuple(kinds)),
        (
            "Compared, where every cell of the column has the same second word",
            (
                *((f"handle:{platform}", f"bare account names on {platform}") for platform in PLATFORMS),
                *(
                    (role_example(kind.name), f"the {kind.qualifier} of the whole column")
                    for kind in CATALOGUE.values()
                    if kind.qualifier and kind.name != "handle"
                ),
            ),
        ),
        (
            "The second word, row by row",
            tuple((role, f"the {CATALOGUE[kind].qualifier} of each {kind}") for role, kind in COMPANIONS.items()),
        ),
        (
            "Fields of a person, compared together",
            (
                *((field, _FIELD_WORDS.get(field, field.replace("_", " "))) for field in PERSON_FIELDS),
                *(
                    (f"birth_date:{calendar}", f"dates of the {_CALENDARS[calendar]} calendar")
                    for calendar in CALENDARS
                ),
            ),
        ),
        ("About the row, never compared", tuple((role, _ROW_WORDS[role]) for role in ROW_ROLES)),
        ("Left out", (("ignore", "leave the column out"),)),
    )


_FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "reference": Family.REFERENCE,
        "ignore": Family.IGNORE,
        **dict.fromkeys(ROW_ROLES, Family.ROW),
        **dict.fromkeys(COMPANIONS, Family.COMPANION),
        **dict.fromkeys(PERSON_FIELDS, Family.PERSON),
        # After the fields: `alias` is a field and a kind, and as a kind several columns may have it.
        **{name: Family.IDENTIFIER for name in CATALOGUE if name != "person"},
    }
)

_SITE = re.compile(r"\w(?:[\w-]{0,61}\w)?(?:\.\w(?:[\w-]{0,61}\w)?)+")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.]{2,15}(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?")
_NOT_LETTER = re.compile(r"[^A-Z0-9]")

# Name of a qualifier -> (how it is written, an example).
_QUALIFIERS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "platform": ("platform", "telegram"),
        "issuer": ("issuer", "RO"),
        "country": ("country", "RO"),
        "site": ("site", "example.com"),
        "time": ("time", "2026-03-01T14:30Z"),
        "service": ("service", "western_union"),
        "register": ("register", "RO"),
    }
)

_CALENDARS: Mapping[str, str] = MappingProxyType(
    {"hijri": "Islamic", "jalali": "Persian", "buddhist": "Thai Buddhist", "ethiopian": "Ethiopian"}
)

_FIELD_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "full_name": "the whole name in one cell",
        "father_name": "father's name or patronymic",
        "mother_name": "mother's name",
        "alias": "alias or working name",
        "id_number": "a number that one register gave the person",
        "birth_date": "date or year of birth",
        "birth_place": "town of birth",
        "sex": "F, M or X",
        "nationality": "country",
        "address_1": "first line of the address",
        "address_2": "second line of the address",
        "locality": "town",
    }
)

_ROW_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "consent": "yes or no, row by row",
        "consent_until": "last day of the consent, as 2027-12-31",
        "consent_kinds": "what may be compared, as phone; person",
        "consent_receivers": "with whom, as ngo; shelter",
        "consent_purposes": "what for, as protect victims",
        "urgent_danger": "yes: the person is in urgent danger and could not be asked; takes a second person",
        "child": "yes or no: children are kept out of rounds",
        "record_class": "what kind of record the row is: victim, suspect, advert, employer, tip ...",
    }
)


def _qualifier(what: str, text: str) -> str | None:
    """The qualifier in its one spelling, None if it is none."""
    how = _QUALIFIERS[what][0]
    if how == "platform":
        return text.lower() if text.lower() in PLATFORMS else None
    if how == "country":
        return state_code(text)
    if how == "issuer":
        return issuer_code(text)
    if how == "site":
        return text.lower() if _SITE.fullmatch(text) else None
    if how == "service":
        return SERVICE_NAMES.get(_NOT_LETTER.sub("", text.upper()))
    if how == "register":
        return text.lower() if text.lower() in REGISTERS else state_code(text)
    return text if _TIME.fullmatch(text) else None

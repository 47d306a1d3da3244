"""From raw cells to what is compared: canonical identifiers, persons, rules and tokens.

This is part of the protocol. Both sides must agree bit for bit, so it has a version (`NORMALISER_VERSION`, part of
every agreement and of every hashed message) and its own vectors (tests/vectors/identifiers). README.md says, kind by
kind, what counts as the same.

    value = canonicalise("phone", Cell("0721 123 456"), region="RO")     # ("+40721123456",)
    person, refused = Person.from_cells({"given_name": Cell("Олена"), "birth_date": Cell("05.03.1987")})
    tokens(Rule.person(("given_name", "family_name", "birth_date"), 2), {}, person)
"""

from psi.errors import RefusedValue
from psi.identifiers.calendars import CALENDARS
from psi.identifiers.canonical import canonicalise, identifiers_in
from psi.identifiers.catalogue import CATALOGUE, FORBIDDEN, Kind, find_kind
from psi.identifiers.cells import MAX_CELL_CHARACTERS, Cell, Hints
from psi.identifiers.forms import PERSON_FIELDS
from psi.identifiers.handle import PLATFORMS
from psi.identifiers.match_keys import MAX_TOKENS_PER_RECORD, NOT_COUNTED, RULE_FIELDS, Rule, Token, tokens
from psi.identifiers.near import NEAR_VARIANTS
from psi.identifiers.person import Person
from psi.identifiers.strength import STRENGTHS, Strength, strength
from psi.identifiers.version import NORMALISER_VERSION
from psi.identifiers.weights import FLOOR_BITS, POPULATION

__all__ = [
    "CALENDARS",
    "CATALOGUE",
    "FLOOR_BITS",
    "FORBIDDEN",
    "MAX_CELL_CHARACTERS",
    "MAX_TOKENS_PER_RECORD",
    "NEAR_VARIANTS",
    "NORMALISER_VERSION",
    "NOT_COUNTED",
    "PERSON_FIELDS",
    "PLATFORMS",
    "POPULATION",
    "RULE_FIELDS",
    "STRENGTHS",
    "Cell",
    "Hints",
    "Kind",
    "Person",
    "RefusedValue",
    "Rule",
    "Strength",
    "Token",
    "canonicalise",
    "find_kind",
    "identifiers_in",
    "strength",
    "tokens",
]

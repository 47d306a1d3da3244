"""The key sets that `make quality` tries on one half of the data, alone and together.

Each is one rule "any k of these fields agree" or a few that belong together. A rule that psi.identifiers refuses (too
common to identify anybody, too many tokens) is no candidate. Telephone numbers and other kinds are candidates by
themselves, but for an alias, which is too common to be one.
"""

from collections.abc import Mapping
from itertools import combinations
from typing import Final

from psi.errors import RefusedValue
from psi.identifiers import Rule

__all__ = ["candidates"]

_NAMES: Final = ("given_name", "family_name")
_CASE_FILE: Final = (*_NAMES, "birth_date", "address_1", "locality", "postcode")
_FEBRL_ALL: Final = (*_CASE_FILE, "address_2", "street_number")

_FEBRL: Final = (
    (_CASE_FILE, 3),
    (_CASE_FILE, 4),
    ((*_CASE_FILE, "address_2"), 3),
    ((*_CASE_FILE, "address_2"), 4),
    ((*_CASE_FILE, "street_number"), 3),
    ((*_CASE_FILE, "street_number"), 4),
    (_FEBRL_ALL, 3),
    (_FEBRL_ALL, 4),
    (_FEBRL_ALL, 5),
)

_FEBRL_ID: Final = (
    *_FEBRL,
    *(((*fields, "id_number"), at_least) for fields, at_least in _FEBRL if len(fields) < len(_FEBRL_ALL)),
    ((*_FEBRL_ALL, "id_number"), 3),
    ((*_FEBRL_ALL, "id_number"), 4),
    ((*_NAMES, "birth_date", "id_number"), 2),
    ((*_CASE_FILE, "id_number"), 2),
)

_TELLING: Final = (
    "family_name",
    "birth_date",
    "birth_year",
    "birth_place",
    "father_name",
    "mother_name",
    "locality",
)
"""What a register of people who are helped or sought holds beside the given name. The year alone is a field of its own,
for those whose day of birth one side does not know."""

_LITTLE: Final = ((), ("sex",), ("nationality",), ("nationality", "sex"))
"""Fields that say little, and keep some strangers apart all the same."""

_SIZES: Final = (1, 2, 3)
_SIZES_WITHOUT_NAME: Final = (2, 3)


def _own() -> list[tuple[tuple[tuple[str, ...], int], ...]]:
    """One key each: the given name (and in a second rule the alias in its place) with one to three telling fields.

    Twins and households agree on everything else, so a key without the given name has at least its first sound.
    """
    found: list[tuple[tuple[tuple[str, ...], int], ...]] = []
    for others in _combined(_SIZES):
        found.append(tuple(((name, *others), len(others) + 1) for name in ("given_name", "alias")))
    for others in _combined(_SIZES_WITHOUT_NAME):
        found.append((((*others, "given_initial"), len(others)),))
    return found


def _combined(sizes: tuple[int, ...]) -> list[tuple[str, ...]]:
    """So many telling fields, never the date beside its year, with and without those that say little."""
    return [
        (*telling, *little)
        for size in sizes
        for telling in combinations(_TELLING, size)
        if not {"birth_date", "birth_year"} <= set(telling)
        for little in _LITTLE
    ]


def candidates(family: str, fields: frozenset[str], kinds: Mapping[str, int]) -> list[tuple[Rule, ...]]:
    """The key sets of `febrl`, `febrl-id`, `own` or `any` over person fields and kinds that the records hold.

    `kinds` says how many values of each kind a record holds at most; each is a candidate by itself.
    """
    usable = fields | {"given_initial"} if "given_name" in fields else fields
    usable = usable | {"birth_year"} if "birth_date" in fields else usable
    febrl = [(rule,) for rule in (_FEBRL if family == "febrl" else _FEBRL_ID)]
    lists = {"febrl": febrl, "febrl-id": febrl, "own": _own(), "any": [*febrl, *_own()]}
    found = []
    for parts in lists[family]:
        rules = [_rule(names, at_least) for names, at_least in parts if usable.issuperset(names)]
        found.append(tuple(rule for rule in rules if rule is not None))
    found += [(Rule(kind, most),) for kind, most in sorted(kinds.items()) if kind != "alias"]
    return [rules for rules in dict.fromkeys(found) if rules]


def _rule(fields: tuple[str, ...], at_least: int) -> Rule | None:
    try:
        return Rule.person(fields, at_least)
    except RefusedValue:
        return None

"""The key sets that `make quality` tries on one half of the data, alone and together.

Each is one rule "any k of these fields agree" or a few that belong together. A rule that psi.identifiers refuses (too
common to identify anybody, too many tokens) is no candidate. Telephone numbers and other kinds are candidates by
themselves, but for an alias, which is too common to be one.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Final

from psi.errors import RefusedValue
from psi.identifiers import NOT_COUNTED, Rule

__all__ = ["MADE_OF", "candidates"]

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

MADE_OF: Final[Mapping[str, frozenset[str]]] = {
    "given_name": frozenset(("given_initial", "called", "called_letters", "given_slip")),
    "family_name": frozenset(("family_letters", "family_slip", "family_start")),
    "birth_date": frozenset(("birth_year", "birth_near", "birth_day", "birth_check")),
    "sex": frozenset(("sex_check",)),
}
"""Fields of a rule that no column holds, by the one that they are made of."""

_SIZES: Final = (1, 2, 3)
_SIZES_WITHOUT_NAME: Final = (2, 3)


_LETTERS: Final = {
    "f": "father_name", "m": "mother_name", "b": "birth_place", "t": "locality", "n": "nationality", "s": "sex",
    "c": "sex_check",
}  # fmt: skip

_SINGLE: Final = """
    called birth_date: f fs tn tnc mn nc bs bc
    called birth_year: ftns fbts mtn mts bt bts
    called birth_near: fbts
    called birth_day: fbt fbs
    called family_slip birth_date: s
    called family_name birth_date: - s c
    called family_name birth_year: fs ts tc mns ms nc bs bc
    called family_name birth_near: fm mbs bt bts btc
    called family_name birth_day: tns tnc
    called family_name birth_check: fts fbns mt mts mb bt btns bts btc
    called family_name: fmn btc
    called family_start birth_date: nc s
    called family_start birth_near: fts fb
    called family_start: fbts
    called family_letters birth_year: b
    called family_letters birth_near: fb
    called family_letters birth_day: b
    called family_letters birth_check: mb
    called family_letters: mbc
    called_letters birth_date: fs ts ns b
    called_letters birth_year: fb
    called_letters birth_day: ft
    called_letters: fmb
    called_letters family_slip birth_near: bts
    called_letters family_name birth_year: f
    called_letters family_name birth_check: bt bts
    called_letters family_name: mb
    called_letters family_start birth_year: fs
    called_letters family_start birth_near: mt
    called_letters family_start birth_day: bc
    called_letters family_letters birth_year: b s c
    called_letters family_letters birth_near: ft t tnc tc mb c
    called_letters family_letters birth_day: b bc
    called_letters family_letters birth_check: f ft fb fbs t ts tc
    called_letters family_letters: ft ftn fbc mbs mbc bts
    given_slip birth_date: tns bs bc
    given_slip birth_day: ftn
    given_slip family_name birth_date: s c
    given_slip family_name birth_near: ft btns bts
    given_slip family_start birth_date: c
    given_slip family_letters birth_date: -
    given_slip family_letters birth_near: ts
    given_slip family_letters: fbs
"""
"""Keys by name and date, and beside them by one or several of the fields in `_LETTERS`; "-" is none. Each is "all of
these agree". Of some five thousand such keys, these are the ones that a search on tuning populations took up for one
price of a false pair or another (seeds 1, 3, 4, 5 and 6, none of which is reported)."""


def _own() -> list[tuple[tuple[tuple[str, ...], int], ...]]:
    """One key each."""
    found: list[tuple[tuple[tuple[str, ...], int], ...]] = []
    for line in _SINGLE.strip().splitlines():
        names, _, others = line.partition(":")
        for letters in others.split():
            fields = (*names.split(), *(_LETTERS[letter] for letter in letters if letter in _LETTERS))
            found.append(((fields, len([name for name in fields if name not in NOT_COUNTED])),))
    return found


def _any() -> list[tuple[tuple[tuple[str, ...], int], ...]]:
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
    usable = fields.union(*(made for base, made in MADE_OF.items() if base in fields))
    febrl = [(rule,) for rule in (_FEBRL if family == "febrl" else _FEBRL_ID)]
    own = _own()
    lists: Mapping[str, Sequence[tuple[tuple[tuple[str, ...], int], ...]]]
    lists = {"febrl": febrl, "febrl-id": febrl, "own": own, "any": [*febrl, *_any(), *own]}
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

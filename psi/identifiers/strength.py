"""How strong an agreement is, in words: from the keys on which two records agree, and from nothing else.

    strength(("person:birth_date+name+name", "person:birth_date+locality+name"))
        label "several fields", fields ("two names", "date of birth", "town")

It is a label of a closed list and never a probability: how likely a hit is right depends on who is in the two files,
which no one here knows. Two cautions go with it:

    near         nothing but variants agree (`near`): a slip of the hand, or two people with similar numbers
    household    what agrees, twins, siblings or a household share too: no given name is known to agree, or no date of
                 birth. A single name is no given name here: it may be the family's
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from psi.identifiers.catalogue import find_kind

__all__ = ["STRENGTHS", "Strength", "strength"]

EXACT: Final = "exact identifier"
SEVERAL: Final = "several fields"
FEW: Final = "few fields"
NEAR: Final = "near"

STRENGTHS: Final = (EXACT, SEVERAL, FEW, NEAR)
"""Every label, the strongest first."""

SEVERAL_FIELDS: Final = 4
"""Fields of a person from which on they are several."""

_PERSON: Final = "person:"
_NEAR: Final = ":near"
_NAME: Final = "name"
_NUMBER: Final = "id_number"
_BIRTH: Final = frozenset(("birth_date", "birth_year", "birth_near", "birth_day"))
_NAMES: Final = ("", "one name", "two names", "names and alias")
_GIVEN: Final = "given_slip"
_FAMILY: Final = ("family_slip", "family_start")

_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "id_number": "personal number",
        "name": "name",
        "letters": "name, letter by letter",
        "given_slip": "given name, nearly",
        "family_slip": "family name, nearly",
        "family_start": "beginning of the family name",
        "given_initial": "first sound of the given name",
        "birth_date": "date of birth",
        "birth_year": "year of birth",
        "birth_near": "year of birth, or the next",
        "birth_day": "birthday",
        "birth_place": "place of birth",
        "father_name": "father's name",
        "mother_name": "mother's name",
        "sex": "sex",
        "nationality": "nationality",
        "address": "address",
        "street_number": "house number",
        "locality": "town",
        "postcode": "postcode",
        "region": "region",
    }
)
"""Slots of a person key in the words of a caseworker, in the order in which they are told."""


@dataclass(frozen=True, slots=True)
class Strength:
    """One of `STRENGTHS`, what agrees in words, and the two cautions."""

    label: str
    fields: tuple[str, ...]
    near: bool
    household: bool


def strength(keys: Iterable[str]) -> Strength:
    """The strength of an agreement on these keys (`Token.key`), whatever their order; at least one.

    Raises ValueError without a key, and for a key that no rule makes; `RefusedValue` for an unknown kind.
    """
    exact, near, slots = set(), set(), Counter[str]()
    for key in keys:
        if key.startswith(_PERSON):
            slots |= Counter(key.removeprefix(_PERSON).split("+"))
        elif key.endswith(_NEAR):
            near.add(key.removesuffix(_NEAR))
        else:
            exact.add(key)
    if not (exact or near or slots):
        raise ValueError("an agreement has at least one key")
    # A check can only speak against an agreement, so it says nothing for it.
    del slots["birth_check"], slots["sex_check"]
    if unknown := set(slots) - set(_WORDS):
        raise ValueError(f"no person key has {len(unknown)} of these fields")
    fields = [find_kind(kind).title for kind in sorted(exact)]
    fields += [_words(slot, slots[slot]) for slot in _WORDS if slots[slot]]
    # What agrees exactly agrees nearly as well, which is no news.
    fields += [f"{find_kind(kind).title}, nearly" for kind in sorted(near - exact)]
    counted = slots.total() - slots["given_initial"]
    if exact:
        label = EXACT
    elif slots:
        label = SEVERAL if counted >= SEVERAL_FIELDS else FEW
    else:
        label = NEAR
    # Letter by letter is a finer word for a name, so of two keys that hold one each only the greater number counts.
    names = max(slots[_NAME], slots["letters"]) + slots[_GIVEN] + any(slots[name] for name in _FAMILY)
    told_apart = exact or slots[_NUMBER] or (names > 1 and _BIRTH & set(slots))
    return Strength(label, tuple(fields), near=label == NEAR, household=bool(slots) and not told_apart)


def _words(slot: str, times: int) -> str:
    if slot == _NAME:
        return _NAMES[min(times, len(_NAMES) - 1)]
    return "both address lines" if slot == "address" and times > 1 else _WORDS[slot]

"""How telling a form is, a combination of forms, and how many people would share one: the entropy floor in numbers.

The weights are collision entropies in bits (minus the logarithm of the chance that two strangers agree) as measured on
the FEBRL population, lowered where real sets are less varied than that one: case files of one service share towns and
years of birth. Sex, nationality and region are guesses on the low side, a personal number is what remains after the
mistakes of copying one. Fields that share a slot of a match key (`match_keys`) weigh the same, or swapping them would
change which keys exist.

Facts that follow from one another are not weighed twice. A postcode says little about someone whose town is known, and
many live where they were born: of the places of one key the most telling counts in full, each further one at most
`_NEXT_PLACE_BITS`. A bare year weighs as a year, a name of one sound as one sound.

    people who share a key, by estimate = POPULATION / 2 ** bits
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["FLOOR_BITS", "POPULATION", "greatest_bits", "people_sharing", "weigh"]

FLOOR_BITS: Final = 20
"""Bits a key must weigh: by chance at most one pair of people in a million agrees on it."""

POPULATION: Final = 10_000_000
"""People of the country that estimates speak of."""

_BITS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "given_name": 7,
        "family_name": 7,
        "alias": 7,
        "father_name": 6,
        "mother_name": 6,
        "birth_date": 13,
        "birth_year": 6,
        "birth_place": 6,
        "sex": 1,
        "nationality": 2,
        "id_number": 18,
        "street_number": 5,
        "address_1": 8,
        "address_2": 8,
        "locality": 8,
        "postcode": 8,
        "region": 2,
        "called": 7,
        "called_letters": 8,
        "family_letters": 8,
        "given_slip": 6,
        "family_slip": 6,
        "family_start": 4,
        "birth_near": 5,
        "birth_day": 7,
        "sex_check": 0,
    }
)
_PLACES: Final = frozenset(("birth_place", "nationality", "locality", "postcode", "region"))
_NEXT_PLACE_BITS: Final = 3
_YEAR_BITS: Final = _BITS["birth_year"]
_SOUND_BITS: Final = (0, 3, 5)
"""Bits of a sound code of that many sounds: "Ia" and "Li" are one sound, and many people share it."""
_LETTER_BITS: Final = (0, 2, 5, 7)
"""The same of letters, vowels among them."""
_SPELT_BY_LETTERS: Final = frozenset(("called_letters", "family_letters"))
_SPELT_BY_SOUND: Final = (
    frozenset(_BITS)
    - _SPELT_BY_LETTERS
    - {
        "birth_date", "birth_year", "birth_near", "birth_day", "sex", "sex_check", "nationality", "id_number",
        "street_number", "postcode",
    }
)  # fmt: skip
_ID_BITS_PER_CHARACTER: Final = 2
"""A short "personal number" is a running number, which every register counts from one."""


def greatest_bits(names: Iterable[str]) -> int:
    """How telling these fields can be together, in bits."""
    return _together((name, _BITS[name]) for name in names)


def weigh(forms: Mapping[str, str]) -> int:
    """How telling these forms are together, in bits, by field: a bare year or a very short code weighs less."""
    return _together((name, _weigh_one(name, form)) for name, form in forms.items())


def people_sharing(bits: int) -> int:
    """The estimated number of people of a country of `POPULATION` who share a key of so many bits, to two digits."""
    people = max(1, POPULATION >> bits)
    unit: int = 10 ** max(0, len(str(people)) - 2)
    return people // unit * unit


def _weigh_one(name: str, form: str) -> int:
    most = _BITS[name]
    if name == "birth_date":
        return most if "-" in form else _YEAR_BITS
    if name == "id_number":
        return min(most, _ID_BITS_PER_CHARACTER * len(form))
    if name in _SPELT_BY_LETTERS and len(form) < len(_LETTER_BITS):
        return _LETTER_BITS[len(form)]
    if name in _SPELT_BY_SOUND and len(form) < len(_SOUND_BITS):
        return min(most, _SOUND_BITS[len(form)])
    return most


def _together(weights: Iterable[tuple[str, int]]) -> int:
    bits = place = further = 0
    for name, weight in weights:
        if name not in _PLACES:
            bits += weight
        elif weight > place:
            further += min(place, _NEXT_PLACE_BITS)
            place = weight
        else:
            further += min(weight, _NEXT_PLACE_BITS)
    return bits + place + further

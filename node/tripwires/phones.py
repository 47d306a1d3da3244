"""Telephone decoys: numbers of a country's mobile plan, in ranges that operators use and in ranges that none does.

    plan        every number that the country's rules allow; our normaliser takes these and no others
    taken       an operator has this range (metadata of phonenumbers, file `carrier`): it may be somebody's number
    free        the plan allows the range and no operator has it: nobody has this number

Whoever walks a whole plan meets both. Whoever walks only the ranges that operators use meets the taken ones. An honest
list holds free numbers only by a slip of the pen, and a taken one by chance: so of the taken there are few where the
other side's list is long (`decoys`). Numbers outside the plan would be of no use: the normaliser of the other side
refuses them, so no unmodified program can ask for one.

Of countries without operators in the metadata (the United States are one) every number counts as taken.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumber, PhoneNumberType

from node.tripwires.draw import Draw

__all__ = ["MOST_COUNTRIES", "MobilePlan", "Pool", "countries_of", "draw_numbers"]

MOST_COUNTRIES = 4
"""Countries from which decoys are taken, in number: those of which the own list has most numbers."""

_MOST_VALID = 600
"""Numbers of a plan that are looked at before the search for one kind is given up."""

_MOST_DRAWS = 100_000
"""Numbers that are drawn before it is, in the plan or not: plans take up a hundredth of the numbers of their length."""

_SHORTEST_PLAN = 1_000_000
"""Numbers that a plan of one length has at least, if there is another length."""


@dataclass(frozen=True)
class MobilePlan:
    """The mobile numbers of a country that have so many digits behind the calling code."""

    region: str
    calling_code: int
    digits: int


@dataclass
class Pool:
    """What was drawn. `plan_size`: how many numbers the plan has, by the share of the drawn ones that were in it;
    `taken_share`: how much of that operators use."""

    taken: list[str] = field(default_factory=list)
    free: list[str] = field(default_factory=list)
    plan_size: float = 0.0
    taken_share: float = 1.0


def countries_of(numbers: Sequence[str], region: str | None) -> list[MobilePlan]:
    """The plans of the countries that these canonical numbers are of, most numbers first; of `region` if there are
    none. Empty if nothing is known."""
    seen: Counter[MobilePlan] = Counter()
    for text in numbers:
        number = phonenumbers.parse(text)
        country = phonenumbers.region_code_for_number(number)
        if country is not None and (plan := _plan(country, len(str(number.national_number)))) is not None:
            seen[plan] += 1
    if not seen and region is not None and (plan := _plan(region, 0)) is not None:
        seen[plan] += 1
    return [plan for plan, _ in seen.most_common(MOST_COUNTRIES)]


def draw_numbers(plan: MobilePlan, taken: int, free: int, draw: Draw) -> Pool:
    """So many numbers of each sort, as far as they are found; canonical."""
    pool = Pool()
    lowest, span = 10 ** (plan.digits - 1), 9 * 10 ** (plan.digits - 1)
    draws = valid = used = 0
    seen: set[str] = set()
    operators = _has_operators(plan.region)

    def enough() -> bool:
        return valid >= _MOST_VALID or (len(pool.taken) >= taken and len(pool.free) >= free and bool(valid))

    while draws < _MOST_DRAWS and not enough():
        before, block = draws, (draw.block_below(span) + lowest)[: _MOST_DRAWS - draws]
        draws += len(block)
        for place, national in _of_plan(plan, block.tolist()):
            valid += 1
            number = PhoneNumber(country_code=plan.calling_code, national_number=national)
            named = operators and bool(_operators().name_for_number(number, "en"))
            if named or phonenumbers.is_valid_number(number):  # what has a name is valid
                operated = named or not operators
                used += operated
                found, wanted = (pool.taken, taken) if operated else (pool.free, free)
                text = f"+{plan.calling_code}{national}"
                if len(found) < wanted and text not in seen:
                    seen.add(text)
                    found.append(text)
            if enough():
                draws = before + place + 1
                break
    pool.plan_size = span * valid / draws if draws else 0.0
    pool.taken_share = used / valid if valid else 1.0
    return pool


def _of_plan(plan: MobilePlan, numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """(place, number) of those that the plan has. One search through all of them: it has one in a hundred, and a call
    for each of the others takes most of the time of a small list."""
    for hit in _lines(plan.region).finditer("\n".join(map(str, numbers))):
        place = hit.start() // (plan.digits + 1)  # all are of this length
        yield place, numbers[place]


def _plan(region: str, digits: int) -> MobilePlan | None:
    """The plan for numbers of this length if there are mobile numbers of it, else of the country's usual length."""
    metadata = PhoneMetadata.metadata_for_region(region)
    example = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
    if metadata is None or metadata.mobile is None or example is None:
        return None
    lengths = [length for length in metadata.mobile.possible_length if 6 <= length <= 11]
    if digits not in lengths:
        usual = len(str(example.national_number))
        digits = max(lengths, default=usual) if _is_small(region, usual) else usual
    return MobilePlan(region, phonenumbers.country_code_for_region(region), digits)


@cache
def _is_small(region: str, digits: int) -> bool:
    """Does hardly any number of this length belong to the plan? A look at two thousand of them says so."""
    pattern, lowest = _pattern(region), 10 ** (digits - 1)
    step = max(1, 9 * lowest // 2_003)
    hits = sum(pattern.fullmatch(str(number)) is not None for number in range(lowest, 10 * lowest, step))
    return bool(hits * step < _SHORTEST_PLAN)


@cache
def _lines(region: str) -> re.Pattern[str]:
    """The pattern for numbers that stand one on a line."""
    return re.compile(f"^(?:{_pattern(region).pattern})$", re.MULTILINE)


@cache
def _pattern(region: str) -> re.Pattern[str]:
    metadata = PhoneMetadata.metadata_for_region(region)
    assert metadata is not None
    assert metadata.mobile is not None
    return re.compile(metadata.mobile.national_number_pattern or "")


@cache
def _has_operators(region: str) -> bool:
    """Does the metadata name any operator of this country?"""
    code = phonenumbers.country_code_for_region(region)
    prefixes: dict[str, Any] = _operators().CARRIER_DATA
    return code != _NORTH_AMERICA and any(name.startswith(f"{code}") for name in prefixes)


@cache
def _operators() -> Any:
    """Loaded when the first decoy is drawn: it takes a third of a second and 15 MB, and few commands draw any."""
    return import_module("phonenumbers.carrier")


_NORTH_AMERICA = 1
"""Calling code that many countries share: operators of some of them say nothing about the others."""

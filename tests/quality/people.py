"""Who the generator's people are: origin, names in their own script, parents, birth, town, household. The truth.

Surnames, given names and towns are drawn by rank (the chance falls as 1/(rank + 3) to a power), so that strangers do
share a name, a town and a year of birth as often as in a real register of one field of work. Twins and siblings are
drawn with their household: one surname, parents, town and telephone.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from random import Random
from typing import Final

from tests.quality import names_cyrillic as cyrillic
from tests.quality.names_latin import LATIN
from tests.quality.names_other import OTHER
from tests.quality.places import BIRTH_PLACES, DESTINATIONS

__all__ = ["ORIGINS", "TWINS", "Somebody", "Word", "draw_people", "working_name"]

ORIGINS: Final[dict[str, int]] = {
    "UA": 11, "RU": 5, "BG": 8, "RS": 3, "GE": 3, "GR": 1, "SY": 5, "IQ": 3, "MA": 4, "IR": 3, "CN": 5, "TH": 4,
    "IN": 3, "ET": 2, "RO": 10, "MD": 4, "AL": 4, "TR": 3, "NG": 6, "VN": 5, "BR": 3, "CO": 2, "PH": 3,
}  # fmt: skip
"""Country of origin -> per cent of the people. Sixty in a hundred have a script of their own that is not Latin."""

TWINS: Final = 0.06
"""Share of people who are one of twins: the same surname, birth, parents and household, another given name."""

_SIBLINGS: Final = 0.05
_SAME_SEX_TWINS: Final = 0.7
_WOMEN: Final = 0.7
_BIRTHS_UNKNOWN: Final = 0.125
_WITH_ALIAS: Final = 0.125
_WITH_PHONE: Final = 0.4
_FORENAMES_AS_ALIAS: Final = 0.35
_EARLIEST, _LATEST, _MEDIAN = date(1955, 1, 1), date(2008, 12, 31), date(1996, 1, 1)

_MOVED: Final = 0.16
"""Share of people whom the two registers may have met in different towns."""
_GIVEN_POWER, _FAMILY_POWER, _TOWN_POWER = 0.6, 0.55, 0.9
"""How fast names and towns become rare with their rank. The tables hold tens of names where life has thousands, so a
steeper fall would make strangers alike more often than they are."""

_AREA_CODES: Final = """
201 202 203 205 206 207 208 209 210 212 213 214 215 216 217 218 219 224 225 228 229 231 234 239 240 248 251 252 253
254 256 260 262 267 269 270 276 281 301 302 303 304 305 307 308 309 310 312 313 314 315 316 317 318 319 320 321 323
325 330 331 334 336 337 339 347 351 352 360 361 386 401 402 404 405 406 407 408 409 410 412 413 414 415 417 419 423
425 430 432 434 435 440 443 469 478 479 480 484 501 502 503 504 505 507 508 509 510 512 513 515 516 517 518 520
"""
"""Each has the numbers 555-0100 to 555-0199, kept for fiction."""

_WORKING_NAMES: Final = """
Jessica Bella Mia Lola Sofia Angel Diana Carmen Nikki Melissa Vanessa Lisa Samantha Alexa Bianca Crystal Jasmine Kim
Luna Monica Natasha Paris Roxy Sabrina Tina Valentina Victoria Candy Coco Emma Kelly Laura Maya Nina Olivia Sandy
Sara Stella
"""


@dataclass(frozen=True)
class Word:
    """A name or town: in its own script, and how it is spelt in Latin letters where a table says so (else systems do).

    `russian` is the form of a Ukrainian name in Russian.
    """

    native: str
    latin: tuple[str, ...] = ()
    russian: str = ""

    @classmethod
    def read(cls, entry: str) -> "Word":
        """From `native=latin,latin` with `_` for a space, or `native/russian`."""
        native, _, latin = entry.replace("_", " ").partition("=")
        native, _, russian = native.partition("/")
        return cls(native, tuple(latin.split(",")) if latin else (), russian)


@dataclass(frozen=True)
class Somebody:
    """One person as she is. `alias` is "" or a name by which only some know her; `towns` those of register A and B."""

    number: int
    origin: str
    sex: str
    given: tuple[Word, ...]
    family: tuple[Word, ...]
    father: Word
    father_word: Word
    mother: Word
    born: date
    birth_known: bool
    birth_place: Word
    towns: tuple[Word, Word]
    phones: tuple[str, str]
    alias: str
    household: int
    twin: bool = False


@lru_cache(maxsize=256)
def _weights(count: int, power: float) -> tuple[float, ...]:
    return tuple(itertools.accumulate((rank + 3) ** -power for rank in range(count)))


def _by_rank(entries: Sequence[str], rng: Random, power: float = 1.0) -> str:
    return rng.choices(entries, cum_weights=_weights(len(entries), power))[0]


def _tables(origin: str) -> tuple[Sequence[str], Sequence[str], Sequence[str]]:
    """Women's names, men's names, surnames."""
    own = {
        "UA": (cyrillic.UA_FEMALE.split(), cyrillic.UA_MALE.split(), cyrillic.UA_FAMILIES),
        "RU": (cyrillic.RU_FEMALE.split(), cyrillic.RU_MALE.split(), cyrillic.RU_FAMILIES),
        "BG": (cyrillic.BG_FEMALE.split(), cyrillic.BG_MALE.split(), cyrillic.BG_FAMILIES),
        "RS": (cyrillic.RS_FEMALE.split(), cyrillic.RS_MALE.split(), cyrillic.RS_FAMILIES),
    }
    return own[origin] if origin in own else (OTHER | LATIN)[origin]


def _given(origin: str, sex: str, rng: Random) -> tuple[Word, ...]:
    """The given name, and a second one where that is usual; of Viet Nam the middle name comes first."""
    names = _tables(origin)[sex == "M"]
    first = Word.read(_by_rank(names, rng, _GIVEN_POWER))
    if origin == "VN":
        middle = rng.choice(("Thị", "Thị", "Thị", "Ngọc", "Thu") if sex == "F" else ("Văn", "Văn", "Đức", "Minh"))
        return (Word(middle), first)
    if origin in ("BR", "CO", "PH") and rng.random() < 0.35:
        second = Word.read(_by_rank(names, rng, _GIVEN_POWER))
        return (first, second) if second != first else (first,)
    return (first,)


def _family(origin: str, sex: str, rng: Random) -> tuple[Word, ...]:
    """The surname in the form for this sex; two of them in Brazil and Colombia."""
    families = _tables(origin)[2]
    count = 2 if origin == "CO" or (origin == "BR" and rng.random() < 0.7) else 1
    return tuple(Word.read(_by_rank(families, rng, _FAMILY_POWER)) for _ in range(count))


def in_form_of(sex: str, family: Word) -> Word:
    """Коваленко for both; Іванівський and Іванівська."""
    return Word(family.russian if sex == "F" and family.russian else family.native, family.latin)


def working_name(origin: str, sex: str, rng: Random) -> str:
    """A name used at work: from advertisements, or another given name from home in Latin letters."""
    word = _given(origin, sex, rng)[-1]
    if rng.random() < _FORENAMES_AS_ALIAS and word.latin:
        return word.latin[0]
    return rng.choice(_WORKING_NAMES.split())


def _somebody(number: int, household: int, phones: Iterator[str], rng: Random) -> Somebody:
    origin = rng.choices(list(ORIGINS), weights=list(ORIGINS.values()))[0]
    sex = "F" if rng.random() < _WOMEN else "M"
    given, father = _given(origin, sex, rng), _given(origin, "M", rng)[-1]
    family = (father,) if origin == "ET" else _family(origin, sex, rng)
    days = (_LATEST - _EARLIEST).days
    born = _EARLIEST + timedelta(days=int(rng.triangular(0, days, (_MEDIAN - _EARLIEST).days)))
    here = Word.read(_by_rank(DESTINATIONS, rng, _TOWN_POWER))
    there = here if rng.random() >= _MOVED else Word.read(_by_rank(DESTINATIONS, rng, _TOWN_POWER))
    phone = next(phones) if rng.random() < _WITH_PHONE else ""
    other = next(phones) if phone and rng.random() < 0.25 else phone
    return Somebody(
        number=number,
        origin=origin,
        sex=sex,
        given=given,
        family=tuple(in_form_of(sex, part) for part in family) if origin != "ET" else family,
        father=father,
        father_word=_father_word(origin, father, sex),
        mother=_given(origin, "F", rng)[-1],
        born=born,
        birth_known=rng.random() >= _BIRTHS_UNKNOWN,
        birth_place=Word.read(_by_rank(BIRTH_PLACES[origin], rng, _TOWN_POWER)),
        towns=(here, there),
        phones=(phone, other),
        alias=working_name(origin, sex, rng) if rng.random() < _WITH_ALIAS else "",
        household=household,
    )


def _father_word(origin: str, father: Word, sex: str) -> Word:
    """The patronymic; its Russian form where the father's name has one."""
    russian = cyrillic.father_word("RU", father.russian, sex) if father.russian else ""
    return replace(father, native=cyrillic.father_word(origin, father.native, sex), russian=russian)


def _relative(model: Somebody, number: int, twin: bool, rng: Random) -> Somebody:
    """A twin, or a brother or sister, of the same household."""
    sex = model.sex if rng.random() < (_SAME_SEX_TWINS if twin else 0.5) else "FM"[model.sex == "F"]
    while (given := _given(model.origin, sex, rng))[-1] == model.given[-1] and sex == model.sex:
        pass
    years = rng.choice((-7, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 7))
    born = model.born if twin else model.born + timedelta(days=365 * years + rng.randrange(-160, 160))
    # The surname of the household in the form for the other sex: found again by its place in the table.
    return replace(
        model,
        number=number,
        sex=sex,
        given=given,
        family=tuple(_reformed(model, part, sex) for part in model.family),
        father_word=_father_word(model.origin, model.father, sex),
        born=born,
        alias=working_name(model.origin, sex, rng) if rng.random() < _WITH_ALIAS else "",
        twin=twin,
    )


def _reformed(model: Somebody, family: Word, sex: str) -> Word:
    if sex == model.sex or model.origin not in ("UA", "RU", "BG", "GR"):
        return family
    entries = _both_forms(model.origin)
    return Word(entries[family.native][sex == "F"])


@lru_cache(maxsize=8)
def _both_forms(origin: str) -> dict[str, tuple[str, str]]:
    forms = {}
    for entry in _tables(origin)[2]:
        he, _, she = entry.partition("/")
        forms[he] = forms[she] = (he, she)
    return forms


def draw_people(count: int, rng: Random) -> list[Somebody]:
    """`count` people; those of one household follow each other."""
    areas = _AREA_CODES.split()
    numbers = [f"+1 {area} 555 {line:04}" for area in areas for line in range(100, 200)]
    rng.shuffle(numbers)
    phones = itertools.cycle(numbers)
    people: list[Somebody] = []
    for household in itertools.count():
        if len(people) >= count:
            return people[:count]
        first = _somebody(len(people), household, phones, rng)
        chance = rng.random()
        # Two people come of such a household, so its chance is half of the share of people.
        if chance < (TWINS + _SIBLINGS) / 2 and len(people) + 1 < count:
            twin = chance < TWINS / 2
            people += [replace(first, twin=twin), _relative(first, len(people) + 1, twin, rng)]
        else:
            people.append(first)
    raise AssertionError("not reached")

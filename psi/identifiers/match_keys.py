"""Rules and tokens: what of a record takes part in a round, and under which name.

    identifiers    phone, email, handle ...: one token per canonical value, key = kind
    near           with near matches, also one per variant (`near`), key = kind + ":near"
    person         "any k of n fields agree": one token per combination of k fields that are all present,
                   key = "person:" + the sorted slots, value = slot=form, joined by "|"

Given name, family name and alias share the slot `name`, and the two address lines the slot `address`: whichever way
round a form was filled in, the tokens are the same, and it costs no extra token.

**Entropy floor.** Each combination weighs some bits (`weights`). A key under `FLOOR_BITS` would agree by chance, so its
combination is never generated: surname + birth year, or sex + nationality + birth date, cannot become a token whatever
a rule says. `left_out` names such keys with the estimated number of people who share one, and a rule of which nothing
remains is refused with that number. A weak *value* (only a year, a name of one sound) is weighed by what it is, so it
may fall under the floor in a combination that others reach.

**Fields that no column holds** can be named in a rule:

    birth_year     the year of birth, so that "1987" and 5 March 1987 can agree. It counts as a field, never beside the
                   full date of the same key. A full date gives the year and a fifth (day + month, modulo 5), a bare
                   year all five fifths: so it meets every date of its year, and two full dates that differ, as
                   namesakes have them, meet only once in five times
    given_initial  the first sound of the given name. It is not counted: it joins every key that holds neither given
                   name nor alias nor personal number. Twins and siblings share everything else, so with it they meet
                   only if their names begin alike; the price is the keys of whoever has no given name at all
    birth_check    the year of birth modulo 5. It is not counted: it joins every key without a date of birth, where it
                   keeps namesakes apart. Whoever has no date gives all five, so nothing is lost: such a key stands by
                   the fields that it has, and a known year can only speak against it

and those of `finer`: other ways to compare a name, a date or a sex, of which a key holds one at most.

`tokens_per_record` is the worst case over all data: it depends on the rule alone, so padding to it tells nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, product
from typing import Final, NamedTuple

from psi.errors import RefusedValue
from psi.identifiers.catalogue import find_kind
from psi.identifiers.finer import FINER_FIELDS, MOST_VALUES, SAME_FACT, finer_values, names_apart
from psi.identifiers.forms import PERSON_FIELDS
from psi.identifiers.near import NEAR_VARIANTS, near_key, near_variants
from psi.identifiers.person import Person
from psi.identifiers.weights import FLOOR_BITS, POPULATION, greatest_bits, people_sharing, weigh

__all__ = ["MAX_TOKENS_PER_RECORD", "NOT_COUNTED", "RULE_FIELDS", "Rule", "Token", "tokens"]

MAX_TOKENS_PER_RECORD: Final = 256
"""Tokens. Each costs both sides curve work and 64 bytes on the wire, for every record and every padding row."""

_SLOTS: Final = {
    "given_name": "name",
    "family_name": "name",
    "alias": "name",
    "called": "name",
    "called_letters": "letters",
    "family_letters": "letters",
    "address_1": "address",
    "address_2": "address",
}
"""Fields that people fill in either way round."""

_NAMES: Final = ("given_name", "family_name", "alias")
_SPELT: Final = frozenset(("name", "letters"))
"""Slots whose values are one fact where they are equal."""
_CHECK: Final = "birth_check"
_INITIAL: Final = "given_initial"
_YEAR: Final = "birth_year"
NOT_COUNTED: Final = frozenset((_CHECK, _INITIAL))
"""Fields that a rule names beside those of which so many have to agree."""
_DATES: Final = frozenset(("birth_date", _YEAR, "birth_near", "birth_day"))
FIFTHS: Final = 5
"""Parts of a year, and of all years, that tell namesakes apart. More would tell better, and whoever has no full date
pays them all in tokens."""

_ONE_PERSONS: Final = frozenset(("given_name", "alias", "id_number", "called", "called_letters", "given_slip"))
"""Fields in which the members of one household differ."""

_MADE: Final = (_YEAR, _INITIAL, _CHECK, *FINER_FIELDS)
RULE_FIELDS: Final = (*(field for field in PERSON_FIELDS if field != "full_name"), *_MADE)
"""What a person rule may name: every field but the whole name, which reading splits, and those made from others."""


class _Key(NamedTuple):
    """One combination of fields: their sorted names, what joins them uncounted, and the id of its tokens."""

    fields: tuple[str, ...]
    initial: bool
    check: bool
    id: str

    def most_tokens(self) -> int:
        most = FIFTHS if self.check or _YEAR in self.fields else 1
        for name in self.fields:
            most *= MOST_VALUES.get(name, 1)
        return most


@dataclass(frozen=True, slots=True)
class Rule:
    """What one kind contributes to a record. Raises `RefusedValue` (`kind/...`, `rule/...`) if it cannot stand.

    `per_record` caps the values of one record. `fields` and `at_least` belong to the kind `person` alone, and there
    `per_record` has to leave room for every combination; `Rule.person` computes it. `near` adds the variants of each
    value (`near.NEAR_VARIANTS` says of which kinds).
    """

    kind: str
    per_record: int
    fields: tuple[str, ...] = ()
    at_least: int = 0
    near: bool = False

    @classmethod
    def person(cls, fields: tuple[str, ...], at_least: int) -> "Rule":
        """The rule "any `at_least` of `fields` agree", with the cap it needs."""
        _check_fields(fields, at_least)
        return cls("person", _most_tokens(fields, at_least), fields, at_least)

    def __post_init__(self) -> None:
        find_kind(self.kind)
        if self.near:
            near_key(self.kind)
        if self.kind == "person":
            _check_fields(self.fields, self.at_least)
            if self.per_record < _most_tokens(self.fields, self.at_least) <= MAX_TOKENS_PER_RECORD:
                raise RefusedValue(
                    "This person rule makes more tokens per record than it allows itself.",
                    advice="Raise per_record to the number of its keys, or choose fewer fields.",
                    reason="rule/cap-below-keys",
                )
        elif self.fields or self.at_least:
            raise RefusedValue(
                f"Only the kind person is compared by fields, not {self.kind}.",
                advice="Leave fields and at_least out.",
                reason="rule/fields-without-person",
            )
        if self.per_record < 1 or max(self.per_record, self.tokens_per_record()) > MAX_TOKENS_PER_RECORD:
            raise RefusedValue(
                f"A rule takes between 1 and {MAX_TOKENS_PER_RECORD} tokens from a record.",
                advice="Choose fewer fields, or a smaller number of values per record.",
                reason="rule/size",
            )

    def tokens_per_record(self) -> int:
        """The most tokens one record can give under this rule, whatever the data."""
        if self.kind == "person":
            return _most_tokens(self.fields, self.at_least)
        return self.per_record * (1 + NEAR_VARIANTS[self.kind] if self.near else 1)

    def key_ids(self) -> tuple[str, ...]:
        """The ids of all keys this rule can make, sorted; what an agreement shows to those who sign it."""
        if self.kind != "person":
            return (self.kind, near_key(self.kind)) if self.near else (self.kind,)
        return tuple(sorted({key.id for key in _keys(self.fields, self.at_least)}))

    def left_out(self) -> tuple[tuple[str, int], ...]:
        """The combinations too common to become keys: (key id, estimated people who share one), sorted.

        The estimate is for a country of `POPULATION` people, by the weights of the protocol and not by your data.
        """
        if self.kind != "person":
            return ()
        weak = (key for key in _combined(self.fields, self.at_least) if greatest_bits(key.fields) < FLOOR_BITS)
        return tuple(sorted({(key.id, people_sharing(greatest_bits(key.fields))) for key in weak}))

    def weakest(self) -> tuple[tuple[str, ...], int] | None:
        """The fields of the key that weighs least, and its bits; None for a kind whose values are not combined."""
        if self.kind != "person":
            return None
        keys = _keys(self.fields, self.at_least)
        return min(((key.fields, greatest_bits(key.fields)) for key in keys), key=lambda one: (one[1], one[0]))


class Token(NamedTuple):
    """One thing to compare: the key it belongs to and its canonical value. The value stays out of `repr`."""

    key: str
    value: str

    def __repr__(self) -> str:
        return f"Token(key={self.key!r})"


def tokens(rule: Rule, identifiers: Mapping[str, tuple[str, ...]], person: Person | None) -> tuple[Token, ...]:
    """What one record contributes under `rule`: sorted, unique, at most `rule.tokens_per_record()`.

    `identifiers` holds canonical values by kind. A missing value gives no token, ever. A record with more values than
    the rule allows raises `RefusedValue` `rule/too-many-values`: dropping some would lose matches without a word.
    """
    if rule.kind == "person":
        found = set(_person_tokens(rule, person)) if person is not None else set()
    else:
        values = identifiers.get(rule.kind, ())
        if len(values) == 1 and values[0] and not rule.near:  # most records: no set, no sorting
            return (Token(rule.kind, values[0]),)
        found = {Token(rule.kind, value) for value in values if value}
        if len(found) > rule.per_record:
            raise RefusedValue(
                f"A record holds more values of the kind {rule.kind} than the agreement allows ({rule.per_record}).",
                advice="Keep the values that matter most, or agree on a larger number.",
                reason="rule/too-many-values",
            )
        if rule.near:
            key = near_key(rule.kind)
            found |= {Token(key, variant) for value in values if value for variant in near_variants(rule.kind, value)}
    return tuple(sorted(found))


def _person_tokens(rule: Rule, person: Person) -> Iterator[Token]:
    forms = dict(person.forms)
    several = {name: values for name in rule.fields if name in FINER_FIELDS and (values := finer_values(name, forms))}
    born = forms.get("birth_date", "")
    years: tuple[str, ...] = ()
    if born and _YEAR in rule.fields:
        years = _fifths(born)
        forms[_YEAR] = born[:4]
        if len(years) > 1:
            del forms["birth_date"]  # the same fact as the year, and it would only double the keys
    checks = (str(int(born[:4]) % FIFTHS),) if born else tuple(map(str, range(FIFTHS)))
    initial = forms.get("given_name", "")[:1]
    parts = {name: f"{_SLOTS.get(name, name)}={form}" for name, form in forms.items()}
    names = [forms[name] for name in _NAMES if name in forms]
    # Most forms weigh what their field can weigh; only where one does not need its keys be weighed again.
    doubtful = {name for name in rule.fields if name in forms and weigh({name: forms[name]}) < greatest_bits((name,))}
    if len(set(names)) < len(names):
        doubtful.update(_NAMES)
    for name, values in several.items():
        most = greatest_bits((name,))
        if not names_apart(name, values, forms) or any(weigh({name: value}) < most for value in values):
            doubtful.add(name)
    present = {*forms, *several}
    for key in _keys(rule.fields, rule.at_least):
        if not present.issuperset(key.fields) or (key.initial and not initial):
            continue
        if not several.keys().isdisjoint(key.fields):
            more = tuple(f"{_YEAR}={year}" for year in years) if _YEAR in key.fields else ()
            more = more or (tuple(f"{_CHECK}={check}" for check in checks) if key.check else ())
            doubt = not doubtful.isdisjoint(key.fields)
            yield from _finer_tokens(key, forms, several, more, f"{_INITIAL}={initial}" if key.initial else "", doubt)
            continue
        if not doubtful.isdisjoint(key.fields) and _weight(forms, key.fields) < FLOOR_BITS:
            continue
        held = [parts[name] for name in key.fields if name != _YEAR]
        if key.initial:
            held.append(f"{_INITIAL}={initial}")
        if len(held) < len(key.fields) + key.initial:
            alternatives = [f"{_YEAR}={year}" for year in years]
        elif key.check:
            alternatives = [f"{_CHECK}={check}" for check in checks]
        else:
            yield Token(key.id, "|".join(sorted(held)))
            continue
        for alternative in alternatives:
            yield Token(key.id, "|".join(sorted([*held, alternative])))


def _finer_tokens(
    key: _Key,
    forms: Mapping[str, str],
    several: Mapping[str, tuple[str, ...]],
    alternatives: tuple[str, ...],
    initial: str,
    doubt: bool,
) -> Iterator[Token]:
    """The tokens of a key with fields of which one record can give several values: one token per combination.

    `doubt` says that some combination may weigh too little.
    """
    names = [name for name in key.fields if name != _YEAR]
    slots = [_SLOTS.get(name, name) for name in names]
    further = [[alternative, initial] if initial else [alternative] for alternative in alternatives]
    for values in product(*(several.get(name) or (forms[name],) for name in names)):
        if doubt:
            year = {_YEAR: forms[_YEAR]} if _YEAR in key.fields else {}
            if _weight(dict(zip(names, values, strict=True)) | year, key.fields) < FLOOR_BITS:
                continue
        held = [f"{slot}={value}" for slot, value in zip(slots, values, strict=True)]
        for more in further or [[initial] if initial else []]:
            yield Token(key.id, "|".join(sorted(held + more)))


def _fifths(born: str) -> tuple[str, ...]:
    """The year and the fifth of a full date, in which day and month may be swapped; every fifth of a bare year."""
    year, _, rest = born.partition("-")
    if rest:
        return (f"{year}.{sum(map(int, rest.split('-'))) % FIFTHS}",)
    return tuple(f"{year}.{fifth}" for fifth in range(FIFTHS))


def _weight(forms: Mapping[str, str], fields: tuple[str, ...]) -> int:
    """The bits of these forms together; two names that sound alike, such as an alias that repeats one, are one fact."""
    chosen = {name: forms[name] for name in fields}
    heard: set[str] = set()
    for name in sorted(chosen, key=_ORDER.__getitem__):
        if _SLOTS.get(name) not in _SPELT:
            continue
        if chosen[name] in heard:
            del chosen[name]
        else:
            heard.add(chosen[name])
    return weigh(chosen)


_ORDER: Final = {name: place for place, name in enumerate(RULE_FIELDS)}


@lru_cache(maxsize=64)
def _combined(fields: tuple[str, ...], at_least: int) -> tuple[_Key, ...]:
    """Every combination of so many fields, with the initial and the check where the rule names them."""
    counted = sorted(set(fields) - NOT_COUNTED)
    found = []
    for chosen in combinations(counted, at_least):
        if any(len(same.intersection(chosen)) > 1 for same in SAME_FACT):
            continue
        initial = _INITIAL in fields and not _ONE_PERSONS.intersection(chosen)
        check = _CHECK in fields and _DATES.isdisjoint(chosen)
        slots = [_SLOTS.get(name, name) for name in chosen] + [_INITIAL] * initial + [_CHECK] * check
        found.append(_Key(chosen, initial, check, "person:" + "+".join(sorted(slots))))
    return tuple(found)


@lru_cache(maxsize=64)
def _keys(fields: tuple[str, ...], at_least: int) -> tuple[_Key, ...]:
    """The combinations that weigh enough to be keys."""
    return tuple(key for key in _combined(fields, at_least) if greatest_bits(key.fields) >= FLOOR_BITS)


def _most_tokens(fields: tuple[str, ...], at_least: int) -> int:
    return sum(key.most_tokens() for key in _keys(fields, at_least))


def _check_fields(fields: tuple[str, ...], at_least: int) -> None:
    for name in fields:
        if name not in RULE_FIELDS:
            raise RefusedValue(
                "This person rule names a field that cannot be compared.",
                advice=f"Use: {', '.join(RULE_FIELDS)}.",
                reason="rule/unknown-field",
            )
    if len(set(fields)) != len(fields):
        raise RefusedValue(
            "This person rule names a field twice.", advice="Name it once.", reason="rule/repeated-field"
        )
    if not 1 <= at_least <= len(set(fields) - NOT_COUNTED):
        raise RefusedValue(
            "A person rule needs at least one field, and no more agreeing fields than it names.",
            advice="Set at_least to a number between 1 and the number of fields.",
            reason="rule/at-least",
        )
    if not _keys(fields, at_least):
        if not (combined := _combined(fields, at_least)):
            raise RefusedValue(
                "This person rule has no key: two of its fields state one fact, as a date of birth and its year do.",
                advice="Lower at_least, or name more fields.",
                reason="rule/at-least",
            )
        best = max((key.fields for key in combined), key=greatest_bits)
        people = people_sharing(greatest_bits(best))
        raise RefusedValue(
            f"Every key of this person rule is so common that strangers would match: about {people:,} people of a"
            f" country of {POPULATION // 1_000_000} million share {_spoken(best)}.",
            advice="Ask for more agreeing fields, or add telling ones such as the birth date.",
            reason="rule/too-weak",
        )


def _spoken(fields: tuple[str, ...]) -> str:
    words = [name.replace("_", " ") for name in fields]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"

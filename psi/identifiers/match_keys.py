"""Rules and tokens: what of a record takes part in a round, and under which name.

    identifiers    phone, email, handle: one token per canonical value, key = kind
    person         "any k of n fields agree": one token per combination of k fields that are all present,
                   key = "person:" + the sorted slots, value = slot=form, joined by "|"

Given and family name share the slot `name`, and the two address lines the slot `address`: whichever way round a form
was filled in, the tokens are the same, and it costs no extra token.

**Entropy floor.** Each form weighs some bits (`forms`). A key under `FLOOR_BITS` would agree by chance, so its
combination is never generated: surname + birth year, or sex + nationality + birth date, cannot become a token whatever
a rule says. A rule from which nothing remains is refused. A weak *value* (only a year, a name of one sound) is weighed
by what it is, so it may fall under the floor in a combination that others reach.

`tokens_per_record` is the worst case over all data: it depends on the rule alone, so padding to it tells nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Final, NamedTuple

from psi.errors import RefusedValue
from psi.identifiers.catalogue import find_kind
from psi.identifiers.forms import PERSON_FIELDS, greatest_bits, weigh
from psi.identifiers.person import Person

__all__ = ["FLOOR_BITS", "MAX_TOKENS_PER_RECORD", "Rule", "Token", "tokens"]

FLOOR_BITS: Final = 20
"""Bits a key must weigh: by chance at most one pair of people in a million agrees on it."""

MAX_TOKENS_PER_RECORD: Final = 256
"""Tokens. Each costs both sides curve work and 64 bytes on the wire, for every record and every padding row."""

_SLOTS: Final = {
    "given_name": "name",
    "family_name": "name",
    "address_1": "address",
    "address_2": "address",
}
"""Fields that people fill in either way round."""

_SPLIT_ON_READING: Final = "full_name"
"""The one person field that is not compared: reading a person splits it into given and family name."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What one kind contributes to a record. Raises `RefusedValue` (`kind/...`, `rule/...`) if it cannot stand.

    `per_record` caps the tokens of one record. `fields` and `at_least` belong to the kind `person` alone, and
    there `per_record` has to leave room for every combination; `Rule.person` computes it.
    """

    kind: str
    per_record: int
    fields: tuple[str, ...] = ()
    at_least: int = 0

    @classmethod
    def person(cls, fields: tuple[str, ...], at_least: int) -> "Rule":
        """The rule "any `at_least` of `fields` agree", with the cap it needs."""
        _check_fields(fields, at_least)
        return cls("person", len(_combinations(fields, at_least)), fields, at_least)

    def __post_init__(self) -> None:
        find_kind(self.kind)
        if not 1 <= self.per_record <= MAX_TOKENS_PER_RECORD:
            raise RefusedValue(
                f"A rule takes between 1 and {MAX_TOKENS_PER_RECORD} tokens from a record.",
                advice="Choose fewer fields, or a smaller number of values per record.",
                reason="rule/size",
            )
        if self.kind != "person":
            if self.fields or self.at_least:
                raise RefusedValue(
                    f"Only the kind person is compared by fields, not {self.kind}.",
                    advice="Leave fields and at_least out.",
                    reason="rule/fields-without-person",
                )
            return
        _check_fields(self.fields, self.at_least)
        if self.per_record < len(_combinations(self.fields, self.at_least)):
            raise RefusedValue(
                "This person rule makes more tokens per record than it allows itself.",
                advice="Raise per_record to the number of its keys, or choose fewer fields.",
                reason="rule/cap-below-keys",
            )

    def tokens_per_record(self) -> int:
        """The most tokens one record can give under this rule, whatever the data."""
        if self.kind == "person":
            return len(_combinations(self.fields, self.at_least))
        return self.per_record

    def key_ids(self) -> tuple[str, ...]:
        """The ids of all keys this rule can make, sorted; what an agreement shows to those who sign it."""
        if self.kind != "person":
            return (self.kind,)
        return tuple(sorted({_key(fields) for fields in _combinations(self.fields, self.at_least)}))


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
        if len(values) == 1 and values[0]:  # most records: no set, no sorting
            return (Token(rule.kind, values[0]),)
        found = {Token(rule.kind, value) for value in values if value}
        if len(found) > rule.per_record:
            raise RefusedValue(
                f"A record holds more values of the kind {rule.kind} than the agreement allows ({rule.per_record}).",
                advice="Keep the values that matter most, or agree on a larger number.",
                reason="rule/too-many-values",
            )
    return tuple(sorted(found))


def _person_tokens(rule: Rule, person: Person) -> Iterator[Token]:
    forms = person.to_dict()
    for fields in _combinations(rule.fields, rule.at_least):
        if not all(name in forms for name in fields):
            continue
        if sum(weigh(name, forms[name]) for name in fields) < FLOOR_BITS:
            continue
        parts = sorted((_SLOTS.get(name, name), forms[name]) for name in fields)
        yield Token(_key(fields), "|".join(f"{slot}={form}" for slot, form in parts))


def _key(fields: tuple[str, ...]) -> str:
    return "person:" + "+".join(sorted(_SLOTS.get(name, name) for name in fields))


@lru_cache(maxsize=64)
def _combinations(fields: tuple[str, ...], at_least: int) -> tuple[tuple[str, ...], ...]:
    return tuple(
        chosen
        for chosen in combinations(sorted(fields), at_least)
        if sum(greatest_bits(name) for name in chosen) >= FLOOR_BITS
    )


def _check_fields(fields: tuple[str, ...], at_least: int) -> None:
    for name in fields:
        if name not in PERSON_FIELDS or name == _SPLIT_ON_READING:
            raise RefusedValue(
                "This person rule names a field that cannot be compared.",
                advice=f"Use: {', '.join(f for f in PERSON_FIELDS if f != _SPLIT_ON_READING)}.",
                reason="rule/unknown-field",
            )
    if len(set(fields)) != len(fields):
        raise RefusedValue(
            "This person rule names a field twice.", advice="Name it once.", reason="rule/repeated-field"
        )
    if not 1 <= at_least <= len(fields):
        raise RefusedValue(
            "A person rule needs at least one field, and no more agreeing fields than it names.",
            advice="Set at_least to a number between 1 and the number of fields.",
            reason="rule/at-least",
        )
    if not _combinations(fields, at_least):
        raise RefusedValue(
            "Every key of this person rule is so common that strangers would match.",
            advice="Ask for more agreeing fields, or add telling ones such as the birth date.",
            reason="rule/too-weak",
        )

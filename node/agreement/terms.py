"""The parts of an agreement: the closed lists it chooses from, and the terms of each member, match and reply.

Everything here is a value: frozen, strict (no number for a text, no text for a number), and without defaults, because
the signed bytes must hold every field. Each part refuses what contradicts itself; `node.agreement.manifest` refuses
what contradicts another part, and `node.policy` what this node or this version does not allow.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from node.clock import timestamp
from node.identity.cards import MAX_NAME_CHARACTERS, MemberClass, check_text
from psi.identifiers import NEAR_VARIANTS, Rule
from psi.padding import MAX_ELEMENTS, MAX_RECORDS, MAX_TOKENS_PER_RECORD, is_record_class

__all__ = [
    "MAX_MEMBERS",
    "Basis",
    "CardDigest",
    "CountForm",
    "Group",
    "Learns",
    "LegalRegime",
    "Lookup",
    "Match",
    "MemberId",
    "MemberTerms",
    "Mode",
    "Part",
    "Plain",
    "Purpose",
    "RecordClass",
    "Reply",
    "Series",
    "Time",
    "Word",
    "moment",
    "second_learns",
]

MAX_MEMBERS = 100
MAX_BANDS = 16
MAX_BASIS_CHARACTERS = 200
MAX_DAYS = 3650
"""Longest retention or series interval that can be written down, in days; policy bounds them far lower."""

RecordClass = Literal["victim", "missing", "suspect", "mixed", "advert", "contact", "employer", "tip"]
"""What a record of a data set is. `mixed` holds victims and suspects in one register, and is treated as both."""

Basis = Literal["consent", "legal_duty"]
LegalRegime = Literal["gdpr", "law_enforcement_directive", "convention_108", "eu_institutions", "national"]
Purpose = Literal[
    "protect_victims",
    "find_missing_persons",
    "deconflict_cases",
    "find_recurring_contacts",
    "check_employers",
    "count_without_duplicates",
]
Mode = Literal["ordered", "released", "count", "none"]
CountForm = Literal["none", "yes_no", "banded", "exact"]
Learns = Literal["own_rows", "released_rows", "count", "nothing"]

_MOMENTS_KEPT = 1_000
"""Times of manifests that are kept parsed, in number: every step of a round looks at its deadline."""


@lru_cache(maxsize=_MOMENTS_KEPT)
def moment(text: str) -> datetime:
    """The time behind a timestamp of a manifest, aware, in UTC; ValueError for any other spelling."""
    parsed = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    if timestamp(parsed) != text:
        raise ValueError("write times as 2026-01-31T12:00:00Z")
    return parsed


def _time(text: str) -> str:
    try:
        moment(text)
    except ValueError:
        raise ValueError("write times as 2026-01-31T12:00:00Z") from None
    return text


def _class(records: int) -> int:
    if not is_record_class(records):
        raise ValueError("declare a record class (64, 128, 256, ...), not a number of records")
    return records


MemberId = Annotated[str, Field(pattern=r"^[a-z2-7]{32}$")]
CardDigest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Time = Annotated[str, AfterValidator(_time)]
Plain = Annotated[str, AfterValidator(check_text)]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)


class Match(Part):
    """One thing that is compared: a kind, and for `person` which fields and how many of them must agree."""

    kind: Word
    per_record: Annotated[int, Field(ge=1, le=MAX_TOKENS_PER_RECORD)]
    fields: Annotated[tuple[Word, ...], Field(max_length=32)]
    at_least: Annotated[int, Field(ge=0, le=32)]

    def rule(self, *, near: bool = False) -> Rule:
        """The same for psi, which refuses unknown kinds and keys that are too weak: RefusedValue. `near`: with near
        matches, where the kind has such."""
        return Rule(self.kind, self.per_record, self.fields, self.at_least, near and self.kind in NEAR_VARIANTS)


class Reply(Part):
    """What the side that is answered second gets.

    `bands` are the lowest numbers of the bands of a banded count, from 0 upward. `max_released` is in records.
    """

    mode: Mode
    count: CountForm
    bands: Annotated[tuple[Annotated[int, Field(ge=0, le=MAX_RECORDS)], ...], Field(max_length=MAX_BANDS)]
    count_then_release: bool
    max_released: Annotated[int, Field(ge=0, le=MAX_RECORDS)]

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.count_then_release and self.mode != "released":
            raise ValueError("a count comes before a release only where the reply is 'released'")
        if (self.mode == "count" or self.count_then_release) != (self.count != "none"):
            raise ValueError("the form of the count is given where a count is, and only there")
        if (self.count == "banded") != bool(self.bands):
            raise ValueError("bands are given for a banded count, and only there")
        if self.bands and (self.bands[0] != 0 or list(self.bands) != sorted(set(self.bands))):
            raise ValueError("bands begin at 0 and rise")
        if (self.mode == "released") != (self.max_released > 0):
            raise ValueError("the most records that may be released is given for 'released', and only there")
        return self


def second_learns(mode: str, count_then_release: bool) -> tuple[Learns, ...]:
    """What the side that is answered second gets under a reply; nothing under a mode that does not exist."""
    if count_then_release:
        return ("count", "released_rows")
    return _SECOND_LEARNS.get(mode, ("nothing",))


_SECOND_LEARNS: dict[str, tuple[Learns, ...]] = {
    "ordered": ("own_rows",),
    "released": ("released_rows",),
    "count": ("count",),
    "none": ("nothing",),
}


class MemberTerms(Part):
    """What one member brings, promises and gets.

    `records` is its record class, `minimum_records` the least true number it declares to bring, `max_elements` the most
    elements that the other side may evaluate for it under this agreement, `learns` what it gets.
    """

    member_id: MemberId
    card_digest: CardDigest
    name: Annotated[Plain, Field(max_length=MAX_NAME_CHARACTERS)]
    member_class: MemberClass
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    legal_basis: Annotated[Plain, Field(max_length=MAX_BASIS_CHARACTERS)]
    legal_regime: LegalRegime
    record_class: RecordClass
    basis: Basis
    records: Annotated[int, AfterValidator(_class)]
    minimum_records: Annotated[int, Field(ge=1, le=MAX_RECORDS)]
    retention_days: Annotated[int, Field(ge=1, le=MAX_DAYS)]
    approvers: Annotated[int, Field(ge=1, le=9)]
    max_elements: Annotated[int, Field(ge=0, le=MAX_ELEMENTS)]
    learns: Annotated[tuple[Learns, ...], Field(min_length=1, max_length=2)]

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.minimum_records > self.records:
            raise ValueError("the least number of records is larger than the record class")
        return self


class Series(Part):
    """A standing watch: the same round again every so many days. Not built yet."""

    every_days: Annotated[int, Field(ge=1, le=MAX_DAYS)]
    rounds: Annotated[int, Field(ge=2, le=1000)]


class Lookup(Part):
    """Terms of protocol `lookup`. Not built yet."""

    epoch_days: Annotated[int, Field(ge=1, le=MAX_DAYS)]


class Group(Part):
    """Terms of protocol `group`. Not built yet."""

    tallier: MemberId
    key_holders: Annotated[tuple[MemberId, ...], Field(min_length=1, max_length=MAX_MEMBERS)]

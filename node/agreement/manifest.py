"""The manifest: the agreement of one round, signed by every member, void as soon as one byte changes.

It says who takes part with which records, on what legal ground, what is compared, who learns what, in which order, how
much at most, and until when. Everything a round does follows from it; nothing that matters is a local setting.

There is exactly one byte form: canonical JSON (RFC 8785), every field present. `parse` refuses duplicate keys, unknown
fields, another spelling of the same content, and text that could disguise itself on a screen. The **digest** of the
bytes is what members sign and what every element of the round hangs on, and the nonce makes each agreement another one:
two rounds with the same words share no element.

Fields for things that are not built yet (protocols `group` and `lookup`, series) exist and parse, so that an agreement
can be shown; `node.policy` refuses each with a sentence. A manifest is not a proof: what a member declares here (legal
basis, minimum sizes, record class) is its word, recorded and signed.
"""

from typing import Annotated, Literal, NoReturn, Self

from pydantic import Field, ValidationError, model_validator

from node.agreement.terms import (
    MAX_MEMBERS,
    Group,
    Learns,
    Lookup,
    Match,
    MemberId,
    MemberTerms,
    Mode,
    Part,
    Plain,
    Purpose,
    Reply,
    Series,
    Time,
    Word,
    second_learns,
)
from node.errors import NotFound, RefusedByPolicy
from node.wire import strict_json
from node.wire.older import mismatch, number_of, reader_is_older
from psi.codec import length_prefixed
from psi.errors import RefusedValue, VersionMismatch
from psi.identifiers import Rule
from psi.padding import size_class
from psi.protocol.limits import MAX_RELEASED
from psi.transcript import Label, digest

__all__ = [
    "ASK_CONVENER",
    "FORMAT",
    "MAX_MANIFEST_BYTES",
    "MAX_MATCH_RULES",
    "REFUSE_LABEL",
    "SIGN_LABEL",
    "Manifest",
    "OtherForm",
]

FORMAT = "blindmatch-manifest/1"

SIGN_LABEL = b"blindmatch/2 manifest signed"
"""Label of a member's signature over the digest: "we take part"."""

REFUSE_LABEL = b"blindmatch/1 manifest refused"
"""Label of a member's signature over the digest: "we do not"."""

MAX_MANIFEST_BYTES = 64 * 1024
"""Longest manifest, in bytes. A manifest of two members is about 3 KiB."""

_PROPOSE = "; then propose the round again"

_TIMES = (
    "its times are out of order: first it is made, then lists are exchanged between two times, and last, or with the "
    "second of these, it ends"
)

ASK_CONVENER = "Ask the convener to propose it again."
"""What a member can do about an agreement that cannot be used; who proposes it is told something else."""

MAX_MATCH_RULES = 32
MAX_TITLE_CHARACTERS = 120
MAX_PURPOSE_CHARACTERS = 300


class OtherForm(RefusedByPolicy):
    """It was written by a newer or an older version; `mismatch` is what its sender is told."""

    def __init__(self, mismatch: VersionMismatch) -> None:
        super().__init__(mismatch.sentence, advice=mismatch.advice)
        self.mismatch = mismatch


class Manifest(Part):
    """The agreement. Lists and answers are exchanged by `deadline`; nothing is released after `expires_at`."""

    format: Literal["blindmatch-manifest/1"]
    nonce: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    template: Annotated[str, Field(pattern=r"^J(?:[1-9]|1[0-6])$")]
    title: Annotated[Plain, Field(max_length=MAX_TITLE_CHARACTERS)]
    purpose: Purpose
    purpose_text: Annotated[Plain, Field(max_length=MAX_PURPOSE_CHARACTERS)]
    onward_use: Literal["purpose_only", "ask_first"]
    convener: MemberId
    members: Annotated[tuple[MemberTerms, ...], Field(min_length=2, max_length=MAX_MEMBERS)]
    first_learner: MemberId
    reply: Reply
    protocol: Literal["pair", "lookup", "group"]
    protocol_version: Annotated[int, Field(ge=1, le=255)]
    suite: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]
    normaliser_version: Annotated[str, Field(pattern=r"^[A-Za-z0-9.+-]{1,128}$")]
    match: Annotated[tuple[Match, ...], Field(min_length=1, max_length=MAX_MATCH_RULES)]
    children: Literal["excluded", "only"]
    created_at: Time
    start_not_before: Time
    deadline: Time
    expires_at: Time
    series: Series | None
    lookup: Lookup | None
    group: Group | None
    contact_card: bool
    near_matches: bool
    payload: Annotated[tuple[Word, ...], Field(max_length=16)]

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        ids = [member.member_id for member in self.members]
        if ids != sorted(set(ids)):
            raise ValueError("members stand in the order of their ids, each once")
        if self.first_learner not in ids:
            raise ValueError("the first learner is not one of the members")
        if self.protocol == "pair" and len(ids) != 2:
            raise ValueError("protocol 'pair' has exactly two members")
        if (self.protocol == "lookup") != (self.lookup is not None):
            raise ValueError("terms of 'lookup' are given for protocol 'lookup', and only there")
        if (self.protocol == "group") != (self.group is not None):
            raise ValueError("terms of 'group' are given for protocol 'group', and only there")
        if not self.created_at <= self.start_not_before < self.deadline <= self.expires_at:
            raise ValueError(_TIMES)
        for member in self.members:
            if member.learns != self._learns(member.member_id):
                raise ValueError("what a member learns does not follow from the first learner and the reply")
        rules = self.rules()
        single = [rule.kind for rule in rules if rule.kind != "person"]
        if len(set(self.match)) != len(self.match) or len(set(single)) != len(single):
            raise ValueError("each kind is matched once")
        if self.near_matches and not any(rule.near for rule in rules):
            raise ValueError("near matches are asked for, and no kind that is compared has any")
        if self.reply.max_released * self.tokens_per_record > MAX_RELEASED:
            raise ValueError(
                f"so many released records could take more than the {MAX_RELEASED:,} elements that a round releases"
            )
        for member in self.members:
            size_class(member.records, self.tokens_per_record)
        return self

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The manifest of these bytes; RefusedByPolicy with a sentence for anything that is not its one byte form."""
        try:
            raw = strict_json.parse(data, max_bytes=MAX_MANIFEST_BYTES)
        except ValueError as error:
            _refuse(f"it is {error}")
        _check_form(raw)
        try:
            manifest = cls.model_validate_json(data)
        except ValidationError as error:
            if _unknown_field(error):
                sentence = (
                    "This agreement cannot be used: it has a field that the organisation that got it does not know yet."
                )
                raise OtherForm(mismatch(sentence, older_reader=True, then=_PROPOSE)) from None
            _refuse(_reason(error))
        except RefusedValue as error:
            raise RefusedByPolicy(f"This agreement cannot be used: {error.sentence}", advice=error.advice) from None
        if manifest.canonical() != data:
            _refuse("its bytes are not in the canonical form, so signatures over it would not hold")
        return manifest

    def canonical(self) -> bytes:
        """The one byte form (RFC 8785)."""
        return strict_json.canonical(self.model_dump(mode="json"))

    def digest(self) -> bytes:
        """64 bytes: SHA-512 over the length-prefixed label and canonical bytes."""
        return digest(Label.AGREEMENT, self.canonical())

    def accepted_with(self, round_key: bytes) -> bytes:
        """What a member signs to accept: this agreement, and under which key it wants the round's messages sealed."""
        return length_prefixed(self.digest(), round_key)

    @property
    def mode(self) -> Mode:
        """How the second side is answered."""
        return self.reply.mode

    def member(self, member_id: str) -> MemberTerms:
        """The terms of a member; NotFound if it is none."""
        for member in self.members:
            if member.member_id == member_id:
                return member
        raise NotFound("This node is not a member of the agreement.", advice="Ask the convener who was named.")

    def other(self, member_id: str) -> MemberTerms:
        """The other member of a pair; NotFound if `member_id` is no member or there is not exactly one other."""
        self.member(member_id)
        others = [member for member in self.members if member.member_id != member_id]
        if len(others) != 1:
            raise NotFound("This agreement has more than two members, so there is no single other side.")
        return others[0]

    def position(self, member_id: str) -> Literal["first", "second"]:
        """Whether a member is answered first or second; NotFound if it is none."""
        return "first" if self.member(member_id).member_id == self.first_learner else "second"

    def rules(self) -> tuple[Rule, ...]:
        """What is compared, for `psi.identifiers`, in the order of the manifest."""
        return tuple(match.rule(near=self.near_matches) for match in self.match)

    @property
    def tokens_per_record(self) -> int:
        """Tokens that one record has at most, and is counted with always."""
        return sum(rule.tokens_per_record() for rule in self.rules())

    def size_class(self, member_id: str) -> int:
        """Elements on the padded list of a member."""
        return size_class(self.member(member_id).records, self.tokens_per_record)

    def count_bands(self) -> tuple[tuple[int, int], ...]:
        """The only counts that may be said, lowest and highest both included; empty where counts are exact or none."""
        return () if self.reply.count == "exact" else tuple(self._count_ranges(0))

    def allows_count(self, low: int, high: int) -> bool:
        """Whether a declared range is one that the agreement provides for."""
        return (low, high) in self._count_ranges(low)

    def _count_ranges(self, exact: int) -> list[tuple[int, int]]:
        most = self.member(self.first_learner).records
        match self.reply.count:
            case "exact":
                return [(exact, exact)] if 0 <= exact <= most else []
            case "yes_no":
                return [(0, 0), (1, most)]
            case "banded":
                lows = [low for low in self.reply.bands if low <= most]
                return list(zip(lows, [low - 1 for low in lows[1:]] + [most], strict=True))
            case _:
                return []

    def _learns(self, member_id: str) -> tuple[Learns, ...]:
        if member_id == self.first_learner:
            return ("own_rows",)
        return second_learns(self.reply.mode, self.reply.count_then_release)


def _refuse(reason: str) -> NoReturn:
    raise RefusedByPolicy(f"This agreement cannot be used: {reason}.", advice=ASK_CONVENER) from None


def _check_form(raw: object) -> None:
    """OtherForm for the agreement of another version; what is none at all is left to the model."""
    number = number_of(raw.get("format"), FORMAT) if isinstance(raw, dict) else None
    known = number_of(FORMAT, FORMAT)
    if number is None or known is None or number == known:
        return
    raise OtherForm(
        mismatch(
            f"This agreement cannot be used: its format is {number}, and the organisation that got it reads format "
            f"{known}.",
            older_reader=reader_is_older(number, known),
            then=_PROPOSE,
        )
    )


def _unknown_field(error: ValidationError) -> bool:
    return error.errors(include_url=False, include_input=False)[0]["type"] == "extra_forbidden"


def _reason(error: ValidationError) -> str:
    """One sentence part for the first fault. Only names of our own fields are repeated, never what was sent."""
    first = error.errors(include_url=False, include_input=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    place = ".".join(str(step) for step in first["loc"] if isinstance(step, int) or step in _FIELDS)
    return f"{place}: {message}" if place else message


_FIELDS = frozenset(
    name for part in (Manifest, MemberTerms, Reply, Match, Series, Lookup, Group) for name in part.model_fields
)

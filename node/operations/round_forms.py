"""What the operations on rounds take and give: the forms of `node.operations.rounds`, and so of `--json`."""

from typing import Any

from pydantic import Field

from node.operations.table import Reply, Request
from psi.padding import MAX_RECORDS

__all__ = [
    "MAX_LEADS_AT_ONCE",
    "AgreementView",
    "ByRequest",
    "ContactView",
    "ContactsReply",
    "CoverageView",
    "LeadView",
    "MemberView",
    "PartyView",
    "ProposeRequest",
    "ReleaseReply",
    "ReleaseRequest",
    "ResultsReply",
    "ResultsRequest",
    "RoundList",
    "RoundReply",
    "RoundRequest",
    "RoundView",
    "ShowReply",
    "SignRequest",
    "StretchView",
    "VerdictView",
]

MAX_LEADS_AT_ONCE = 5_000
"""Leads in one reply. Each may hold dozens of agreements of some 100 bytes; a reply holds at most 64 MiB."""


class RoundRequest(Request):
    """`round` is the beginning of a round's id, as long as needed to tell it from others."""

    round: str


class ProposeRequest(Request):
    """`members`: two aliases (or `me`). `settings`: see `node.rounds.templates.SETTINGS`; members by alias."""

    template: str
    members: list[str]
    settings: dict[str, Any] = Field(default_factory=dict)
    by: str
    dry_run: bool = False


class SignRequest(RoundRequest):
    """`urgent`: without the second person, where it takes two."""

    dataset: str
    by: str
    urgent: bool = False


class ByRequest(RoundRequest):
    by: str


class ReleaseRequest(RoundRequest):
    """`leads`: numbers of leads to release, as `round.results` gives them; None with `everything` releases all; an
    empty list none. Numbers, because several records may carry one reference."""

    leads: list[int] | None = None
    everything: bool = False
    by: str


class MemberView(Reply):
    member_id: str
    name: str
    member_class: str
    answered: str


class StretchView(Reply):
    """A list or an answer that is under way: see `node.rounds.progress.Stretch`."""

    what: str
    ours: bool
    done: int
    total: int
    records_per_second: float | None
    seconds_left: float | None


class PartyView(Reply):
    """Another node of the round, as far as this one knows since it started. `sentence`: when it was last heard of and
    what is tried next; `clock_ahead_seconds`: as it told us; `clock`: a sentence if that is too much, else empty."""

    member_id: str
    name: str
    heard_at: str | None
    failing_since: str | None
    next_try_seconds: float | None
    clock_ahead_seconds: float | None
    sentence: str
    clock: str


class RoundView(Reply):
    """`turn` says in words whose turn it is, `whose` in one of `node.operations.turns.Whose`, `since` from when on.
    `seconds_left` and `time_left`: until the end that applies now; 0 and empty for a round that is over. `approval`: a
    sentence while something of it waits for a second person here, or was signed without one; else empty.
    `shown_before`: a warning where the other side saw some of our records in earlier rounds, else empty."""

    round_id: str
    state: str
    template: str
    title: str
    position: str
    convener: str
    members: list[MemberView]
    turn: str
    whose: str
    approval: str = ""
    since: str
    seconds_left: float
    time_left: str
    parties: list[PartyView]
    progress: list[StretchView]
    deadline: str
    expires_at: str
    shown_before: str
    failure: str | None
    blamed: str | None
    reports: dict[str, str]


class RoundReply(Reply):
    round: RoundView


class ReleaseReply(RoundReply):
    """`released` and `withheld` count leads. `seen_with`: numbers of withheld leads of which the other side will see
    something all the same: an identifier that a released lead holds too."""

    released: int
    withheld: int
    seen_with: list[int]


class RoundList(Reply):
    rounds: list[RoundView]


class VerdictView(Reply):
    rule: str
    ok: bool
    sentence: str
    advice: str


class CoverageView(Reply):
    """`node.rounds.participation.Coverage`, in records; `enough`: as many as were declared take part."""

    dataset: str
    records: int
    taking_part: int
    ending: int
    out: dict[str, int]
    kinds: dict[str, int]
    minimum: int
    maximum: int
    enough: bool


class ShowReply(Reply):
    """`sentences`: who would learn what; `verdicts`: what the rules of this node say; `coverage`: how much of the data
    set takes part, of a round that is signed here."""

    round: RoundView | None
    manifest: dict[str, Any]
    sentences: list[str]
    verdicts: list[VerdictView]
    elements: dict[str, int]
    coverage: CoverageView | None = None


class ResultsRequest(RoundRequest):
    """Leads `first` (counted from 1) and following, at most `limit` of them."""

    first: int = Field(default=1, ge=1, le=MAX_RECORDS)
    limit: int = Field(default=MAX_LEADS_AT_ONCE, ge=1, le=MAX_LEADS_AT_ONCE)


class AgreementView(Reply):
    key: str
    handle: str


class LeadView(Reply):
    """`shares_with`: other leads that hold one of its agreeing identifiers too; at most `results.MOST_SHARING`.

    `strength` is one of `psi.identifiers.STRENGTHS`, `agrees_in` what agrees, in words; `near` and `household` are the
    two cautions: nothing agrees exactly; what agrees is what a household shares too.
    """

    number: int
    status: str
    reference: str
    strength: str
    agrees_in: list[str]
    near: bool
    household: bool
    agreements: list[AgreementView]
    shares_with: list[int]


class ContactView(Reply):
    """`records`, `references` (distinct case numbers) and `people` count our own records with that identifier."""

    key: str
    handle: str
    records: int
    references: int
    people: int


class ContactsReply(Reply):
    round: RoundView
    contacts: list[ContactView]
    note: str


class ResultsReply(Reply):
    """`leads` are records of ours, `total` how many there are; `count` is what the other side declared of its own,
    `advice` what to bear in mind before anybody acts on what agrees;
    `deleted_at`: when all that was deleted, because the time for which it was to be kept was over."""

    round: RoundView
    learned: bool
    total: int
    leads: list[LeadView]
    count: tuple[int, int] | None
    deleted_at: str | None = None
    note: str
    advice: list[str]

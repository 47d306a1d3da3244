"""Rules on the form of an agreement: who, which versions, which features, how long, how much."""

from dataclasses import dataclass
from datetime import timedelta

from node.agreement.manifest import Manifest
from node.agreement.terms import moment
from node.policy.budgets import charge_for
from node.policy.verdict import Context, NamedRule, Verdict
from psi.identifiers import NORMALISER_VERSION
from psi.identifiers.version import newer
from psi.messages import PROTOCOL_VERSION, SUITE

__all__ = [
    "CLOCK_SKEW",
    "Caps",
    "ConfirmedMembers",
    "MinimumDeclared",
    "OurRound",
    "Purposes",
    "Retention",
    "SameVersions",
    "Supported",
    "Times",
]

CLOCK_SKEW = timedelta(hours=1)
"""How far ahead of ours another node's clock may be."""


@dataclass(frozen=True)
class OurRound(NamedRule):
    """This node is a member, or convenes and holds nothing."""

    name = "our-round"

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        ids = {member.member_id for member in manifest.members} | {manifest.convener}
        if context.me in ids:
            return self._yes()
        return self._no("This node is not a member of the agreement and does not convene it.")


@dataclass(frozen=True)
class ConfirmedMembers(NamedRule):
    """Everyone named is confirmed here, with the very card that the agreement names: our own pins decide."""

    name = "confirmed-members"

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        if manifest.convener not in context.cards:
            return self._no(
                "The convener of the agreement is not a confirmed member here.",
                "Exchange cards with the convener, compare the check words, and let a second person confirm.",
            )
        for member in manifest.members:
            card = context.cards.get(member.member_id)
            if card is None:
                return self._no(
                    f"{member.name} is not a confirmed member here.",
                    "Exchange cards, compare the check words, and let a second person confirm.",
                )
            named = (member.card_digest, member.name, member.member_class, member.country)
            if named != (card.digest.hex(), card.name, card.member_class, card.country):
                return self._no(
                    f"The agreement names another card of {member.name} than the one confirmed here.",
                    "One side has an old card: exchange cards again and propose the round anew.",
                )
        return self._yes()


@dataclass(frozen=True)
class SameVersions(NamedRule):
    """Both ends must turn a cell into the same element, bit for bit, or a shared person would be missed silently."""

    name = "same-versions"
    protocol: int = PROTOCOL_VERSION
    suite: str = SUITE
    normaliser: str = NORMALISER_VERSION

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        theirs = (manifest.protocol_version, manifest.suite, manifest.normaliser_version)
        for what, asked, have in zip(
            ("protocol", "suite", "normaliser"), theirs, (self.protocol, self.suite, self.normaliser), strict=True
        ):
            if asked != have:
                return self._no(
                    f"The agreement asks for {what} version {asked}; this node has {have}.",
                    _who_updates(manifest, what),
                )
        return self._yes()


def _who_updates(manifest: Manifest, what: str) -> str:
    """Whose software is the older one, as far as two versions of the normaliser can tell."""
    again = "then propose the round again."
    if what == "normaliser":
        proposer = next(
            (one.name for one in manifest.members if one.member_id == manifest.convener), "whoever proposed the round"
        )
        match newer(manifest.normaliser_version, NORMALISER_VERSION):
            case "first":
                return f"This node is the older one: update blindmatch here, `blindmatch dataset refresh`, {again}"
            case "second":
                return f"The older one is that of {proposer}, who should update blindmatch; {again}"
            case _:
                return f"Each is older in some part: both sides should update blindmatch; {again}"
    return f"The side with the older software should update it; {again}"


@dataclass(frozen=True)
class Supported(NamedRule):
    """Refuses what an agreement can say and this version cannot do."""

    name = "supported"

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        missing = (
            (manifest.protocol == "group", "rounds of more than two members (protocol 'group')"),
            (manifest.protocol == "lookup", "one-sided look-ups (protocol 'lookup')"),
            (manifest.series is not None, "a standing watch (a series of rounds)"),
            (manifest.contact_card, "contact cards"),
            (bool(manifest.payload), "sending agreed fields along with a match"),
            (any(member.approvers > 1 for member in manifest.members), "more than one approver per member"),
        )
        for asked, what in missing:
            if asked:
                return self._no(
                    f"The agreement asks for {what}; this version does not have that yet.",
                    "Propose the round without it.",
                )
        return self._yes()


@dataclass(frozen=True)
class Purposes(NamedRule):
    """The purpose is one that this node takes part in."""

    name = "purposes"
    allowed: frozenset[str]

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        if manifest.purpose in self.allowed:
            return self._yes()
        purpose = manifest.purpose.replace("_", " ")
        return self._no(f"This node takes part in no round whose purpose is to {purpose}.")


@dataclass(frozen=True)
class Times(NamedRule):
    """The agreement is not over, not from the future, and does not run for years."""

    name = "times"
    longest_days: int

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        created, deadline, expires = map(moment, (manifest.created_at, manifest.deadline, manifest.expires_at))
        if deadline <= context.now:
            return self._no(f"The deadline of the agreement, {manifest.deadline}, is over.", "Propose it again.")
        if created > context.now + CLOCK_SKEW:
            return self._no(
                f"The agreement was made at {manifest.created_at}, which is in the future here.",
                "One of the two clocks is wrong: set it and propose the round again.",
            )
        if expires > created + timedelta(days=self.longest_days):
            return self._no(f"The agreement would hold for more than {self.longest_days} days.", "Shorten it.")
        return self._yes()


@dataclass(frozen=True)
class Retention(NamedRule):
    """Nobody keeps results longer than this."""

    name = "retention"
    longest_days: int

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        for member in manifest.members:
            if member.retention_days > self.longest_days:
                return self._no(
                    f"{member.name} would keep results for {member.retention_days} days; "
                    f"at most {self.longest_days} are allowed.",
                    "Propose the round with a shorter time.",
                )
        return self._yes()


@dataclass(frozen=True)
class MinimumDeclared(NamedRule):
    """A list of one or two asks about a person, not about an overlap. It is a declaration, not a proof."""

    name = "minimum-declared"
    least: int

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        for member in manifest.members:
            if member.minimum_records < self.least:
                return self._no(
                    f"{member.name} declares to bring at least {member.minimum_records} records; "
                    f"{self.least} is the least, because a hit on a shorter list would point at a person.",
                )
        return self._yes()


@dataclass(frozen=True)
class Caps(NamedRule):
    """The cap of each member is enough for what the agreement lets it have evaluated, and no more."""

    name = "caps"

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        for member in manifest.members:
            needed = charge_for(manifest, member.member_id)
            if member.max_elements != needed:
                return self._no(
                    f"The cap of {member.name} is {member.max_elements:,} elements; the agreement needs {needed:,}.",
                    "Propose the round with matching caps.",
                )
        return self._yes()

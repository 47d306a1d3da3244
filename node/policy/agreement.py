"""Rules on the form of an agreement: who, which versions, which features, how long, how much."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from node.agreement.manifest import Manifest
from node.policy.budgets import charge_for
from node.policy.verdict import Context, Verdict
from psi.identifiers import NORMALISER_VERSION
from psi.messages import PROTOCOL_VERSION, SUITE

__all__ = [
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
class OurRound:
    """This node is a member, or convenes and holds nothing."""

    name: str = "our-round"

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        ids = {member.member_id for member in manifest.members} | {manifest.convener}
        if context.me in ids:
            return Verdict(self.name, ok=True)
        return Verdict(self.name, False, "This node is not a member of the agreement and does not convene it.")


@dataclass(frozen=True)
class ConfirmedMembers:
    """Everyone named is confirmed here, with the very card that the agreement names: our own pins decide."""

    name: str = "confirmed-members"

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        if manifest.convener not in context.cards:
            return Verdict(
                self.name,
                False,
                "The convener of the agreement is not a confirmed member here.",
                "Exchange cards with the convener, compare the check words, and let a second person confirm.",
            )
        for member in manifest.members:
            card = context.cards.get(member.member_id)
            if card is None:
                return Verdict(
                    self.name,
                    False,
                    f"{member.name} is not a confirmed member here.",
                    "Exchange cards, compare the check words, and let a second person confirm.",
                )
            named = (member.card_digest, member.name, member.member_class, member.country)
            if named != (card.digest.hex(), card.name, card.member_class, card.country):
                return Verdict(
                    self.name,
                    False,
                    f"The agreement names another card of {member.name} than the one confirmed here.",
                    "One side has an old card: exchange cards again and propose the round anew.",
                )
        return Verdict(self.name, ok=True)


@dataclass(frozen=True)
class SameVersions:
    """Both ends must turn a cell into the same element, bit for bit, or a shared person would be missed silently."""

    name: str = "same-versions"
    protocol: int = PROTOCOL_VERSION
    suite: str = SUITE
    normaliser: str = NORMALISER_VERSION

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        theirs = (manifest.protocol_version, manifest.suite, manifest.normaliser_version)
        for what, asked, have in zip(
            ("protocol", "suite", "normaliser"), theirs, (self.protocol, self.suite, self.normaliser), strict=True
        ):
            if asked != have:
                return Verdict(
                    self.name,
                    False,
                    f"The agreement asks for {what} version {asked}; this node has {have}.",
                    "The side with the older software should update it; then propose the round again.",
                )
        return Verdict(self.name, ok=True)


@dataclass(frozen=True)
class Supported:
    """Refuses what an agreement can say and this version cannot do."""

    name: str = "supported"

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        missing = (
            (manifest.protocol == "group", "rounds of more than two members (protocol 'group')"),
            (manifest.protocol == "lookup", "one-sided look-ups (protocol 'lookup')"),
            (manifest.series is not None, "a standing watch (a series of rounds)"),
            (manifest.contact_card, "contact cards"),
            (manifest.near_matches, "near matches"),
            (bool(manifest.payload), "sending agreed fields along with a match"),
            (any(member.approvers > 1 for member in manifest.members), "more than one approver per member"),
        )
        for asked, what in missing:
            if asked:
                return Verdict(
                    self.name,
                    False,
                    f"The agreement asks for {what}; this version does not have that yet.",
                    "Propose the round without it.",
                )
        return Verdict(self.name, ok=True)


@dataclass(frozen=True)
class Purposes:
    """The purpose is one that this node takes part in."""

    allowed: frozenset[str]
    name: str = "purposes"

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        if manifest.purpose in self.allowed:
            return Verdict(self.name, ok=True)
        purpose = manifest.purpose.replace("_", " ")
        return Verdict(self.name, False, f"This node takes part in no round whose purpose is to {purpose}.")


@dataclass(frozen=True)
class Times:
    """The agreement is not over, not from the future, and does not run for years."""

    longest_days: int
    name: str = "times"

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        created, deadline, expires = map(_time, (manifest.created_at, manifest.deadline, manifest.expires_at))
        if deadline <= context.now:
            return Verdict(
                self.name, False, f"The deadline of the agreement, {manifest.deadline}, is over.", "Propose it again."
            )
        if created > context.now + CLOCK_SKEW:
            return Verdict(
                self.name,
                False,
                f"The agreement was made at {manifest.created_at}, which is in the future here.",
                "One of the two clocks is wrong: set it and propose the round again.",
            )
        if expires > created + timedelta(days=self.longest_days):
            return Verdict(
                self.name, False, f"The agreement would hold for more than {self.longest_days} days.", "Shorten it."
            )
        return Verdict(self.name, ok=True)


@dataclass(frozen=True)
class Retention:
    """Nobody keeps results longer than this."""

    longest_days: int
    name: str = "retention"

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        for member in manifest.members:
            if member.retention_days > self.longest_days:
                return Verdict(
                    self.name,
                    False,
                    f"{member.name} would keep results for {member.retention_days} days; "
                    f"at most {self.longest_days} are allowed.",
                    "Propose the round with a shorter time.",
                )
        return Verdict(self.name, ok=True)


@dataclass(frozen=True)
class MinimumDeclared:
    """A list of one or two asks about a person, not about an overlap. It is a declaration, not a proof."""

    least: int
    name: str = "minimum-declared"

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        for member in manifest.members:
            if member.minimum_records < self.least:
                return Verdict(
                    self.name,
                    False,
                    f"{member.name} declares to bring at least {member.minimum_records} records; "
                    f"{self.least} is the least, because a hit on a shorter list would point at a person.",
                )
        return Verdict(self.name, ok=True)


@dataclass(frozen=True)
class Caps:
    """The cap of each member is enough for what the agreement lets it have evaluated, and no more."""

    name: str = "caps"

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        for member in manifest.members:
            needed = charge_for(manifest, member.member_id)
            if member.max_elements != needed:
                return Verdict(
                    self.name,
                    False,
                    f"The cap of {member.name} is {member.max_elements:,} elements; the agreement needs {needed:,}.",
                    "Propose the round with matching caps.",
                )
        return Verdict(self.name, ok=True)


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)

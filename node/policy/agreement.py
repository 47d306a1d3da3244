"""Rules on the form of an agreement: who, which versions, which features, how long, how much."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from node.agreement.manifest import Manifest
from node.agreement.terms import moment
from node.policy.budgets import charge_for
from node.policy.narrowing import MOST_APPROVERS
from node.policy.verdict import Context, NamedRule, Verdict
from psi.identifiers import NORMALISER_VERSION
from psi.identifiers.version import newer
from psi.messages import PROTOCOL_VERSION, SUITE

__all__ = [
    "CLOCK_SKEW",
    "Approvers",
    "Caps",
    "ConfirmedMembers",
    "EntropyFloor",
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
                    "Exchange cards, compare the check words, and let a second person confirm: "
                    "`blindmatch member list` shows how far that is.",
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
                    self._who_updates(manifest, what, context.me),
                )
        return self._yes()

    def _who_updates(self, manifest: Manifest, what: str, me: str) -> str:
        """Whose software is the older one. An agreement keeps the versions of the day on which it was proposed."""
        again = "then propose the round again."
        proposer = next((one.name for one in manifest.members if one.member_id == manifest.convener), "the convener")
        match self._newer(manifest, what):
            case "first":
                return f"This node is the older one: update blindmatch here, `blindmatch dataset refresh`, {again}"
            case "second" if manifest.convener == me:
                return "This node was updated since it proposed the round: propose it again."
            case "second":
                return (
                    f"The older one is that of {proposer}, who should update blindmatch, if that was not done since; "
                    f"{again}"
                )
            case _ if what == "normaliser":
                return f"Each is older in some part: both sides should update blindmatch; {again}"
            case _:
                return (
                    f"Compare `blindmatch --version` with that of {proposer}: the side with the lower one should "
                    f"update; {again}"
                )

    def _newer(self, manifest: Manifest, what: str) -> Literal["first", "second", "neither"]:
        """Whether the agreement's version of something is the newer one ("first") or ours."""
        match what:
            case "normaliser":
                return newer(manifest.normaliser_version, self.normaliser)
            case "protocol":
                return "first" if manifest.protocol_version > self.protocol else "second"
            case _:
                return "neither"  # suites have no order


@dataclass(frozen=True)
class Supported(NamedRule):
    """Refuses what an agreement can say and this version cannot do."""

    name = "supported"

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        missing = (
            (manifest.protocol == "group", "rounds of more than two members (protocol 'group')"),
            (manifest.protocol == "lookup", "one-sided look-ups (protocol 'lookup')"),
            (manifest.series is not None, "a standing watch (a series of rounds)"),
            (any(one.approvers > MOST_APPROVERS for one in manifest.members), "more than two approvers at a member"),
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
    """The purpose is one that this node takes part in, and results are used for nothing that it does not allow."""

    name = "purposes"

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        limits = context.policy.limits
        if manifest.purpose not in limits.purposes:
            purpose = manifest.purpose.replace("_", " ")
            return self._no(f"This node takes part in no round whose purpose is to {purpose}.")
        if manifest.onward_use == "ask_first" and limits.onward_use == "purpose_only":
            return self._no(
                "The agreement lets results be used for other things after asking; this node allows its purpose only.",
                "Propose the round with --set onward_use=purpose_only.",
            )
        return self._yes()


@dataclass(frozen=True)
class Times(NamedRule):
    """The agreement is not over, not from the future, and does not run for years."""

    name = "times"

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        longest = context.policy.limits.agreement_days
        created, deadline, expires = map(moment, (manifest.created_at, manifest.deadline, manifest.expires_at))
        if deadline <= context.now:
            return self._no(f"The deadline of the agreement, {manifest.deadline}, is over.", "Propose it again.")
        if created > context.now + CLOCK_SKEW:
            return self._no(
                f"The agreement was made at {manifest.created_at}, which is in the future here.",
                "One of the two clocks is wrong: set it and propose the round again.",
            )
        if expires > created + timedelta(days=longest):
            return self._no(f"The agreement would hold for more than {longest} days.", "Shorten it.")
        return self._yes()


@dataclass(frozen=True)
class Retention(NamedRule):
    """Nobody keeps results longer than this."""

    name = "retention"

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        longest = context.policy.limits.retention_days
        for member in manifest.members:
            if member.retention_days > longest:
                return self._no(
                    f"{member.name} would keep results for {member.retention_days} days; "
                    f"at most {longest} are allowed.",
                    "Propose the round with a shorter time.",
                )
        return self._yes()


@dataclass(frozen=True)
class MinimumDeclared(NamedRule):
    """A list of one or two asks about a person, not about an overlap. It is a declaration, not a proof."""

    name = "minimum-declared"

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        least = context.policy.limits.least_records
        for member in manifest.members:
            if member.minimum_records < least:
                return self._no(
                    f"{member.name} declares to bring at least {member.minimum_records} records; "
                    f"{least} is the least, because a hit on a shorter list would point at a person.",
                    "Compare when there are more records, or set members.ALIAS.minimum_records to what is there.",
                )
        return self._yes()


@dataclass(frozen=True)
class EntropyFloor(NamedRule):
    """No combination of person fields that is compared is so common that strangers share it. The floor of the protocol
    itself is checked before: an agreement below it does not parse."""

    name = "entropy-floor"

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        floor = context.policy.limits.least_key_bits
        weakest = [found for rule in manifest.rules() if (found := rule.weakest()) is not None]
        if not weakest or min(bits for _, bits in weakest) >= floor:
            return self._yes()
        fields, bits = min(weakest, key=lambda one: one[1])
        shared = " and ".join(name.replace("_", " ") for name in fields)
        return self._no(
            f"The agreement compares {shared}, which weighs {bits} bits; this node compares no combination below "
            f"{floor}, because strangers would agree by chance.",
            "Propose the round with more agreeing fields, or with more telling ones such as the date of birth.",
        )


@dataclass(frozen=True)
class Approvers(NamedRule):
    """As many people of this organisation have to agree to the round as it demands of itself."""

    name = "approvers"

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        least = context.policy.limits.least_approvers
        for member in manifest.members:
            if member.member_id == context.me and member.approvers < least:
                return self._no(
                    f"The agreement is signed by {member.approvers} person of {member.name}; this organisation asks "
                    f"for {least}.",
                    "Propose the round with as many approvers: --set members.ALIAS.approvers=2.",
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

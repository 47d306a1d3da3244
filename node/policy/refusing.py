"""The right to refuse: members, kinds and rounds that this organisation takes no part in, by its own policy file.

A refusal of these is visible: the other members see that this node refused the round, not by which rule. Single records
are refused without anybody seeing it (`node.datasets.exclusions`).
"""

from dataclasses import dataclass

from node.agreement.manifest import Manifest
from node.policy.verdict import Context, NamedRule, Verdict

__all__ = ["RefusedKinds", "RefusedMembers", "RefusedRounds"]

_OWN = "That is this organisation's own decision (`blindmatch policy show`)."


@dataclass(frozen=True)
class RefusedMembers(NamedRule):
    """No member, class of members or country that this organisation refuses."""

    name = "refused-members"

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        refuse = context.policy.refuse
        for member in manifest.members:
            if member.member_id == context.me:
                continue
            if member.member_id in context.refused:
                return self._no(f"This node takes part in no round with {member.name}.", _OWN)
            if member.member_class in refuse.member_classes:
                kind = member.member_class.replace("_", " ")
                return self._no(
                    f"This node takes part in no round with organisations of the class {kind}, as {member.name} is.",
                    _OWN,
                )
            if member.country in refuse.countries:
                return self._no(
                    f"This node takes part in no round with members from {member.country}, as {member.name} is.", _OWN
                )
        if manifest.convener in context.refused:
            return self._no("This node takes part in no round that this convener proposes.", _OWN)
        return self._yes()


@dataclass(frozen=True)
class RefusedKinds(NamedRule):
    """No kind of identifier that this organisation never compares."""

    name = "refused-kinds"

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        for rule in manifest.rules():
            if rule.kind in context.policy.refuse.kinds:
                kind = rule.kind.replace("_", " ")
                return self._no(f"The agreement compares the kind {kind}, which this node never compares.", _OWN)
        return self._yes()


@dataclass(frozen=True)
class RefusedRounds(NamedRule):
    """No job, kind of reply or near matches that this organisation refuses."""

    name = "refused-rounds"

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        refuse = context.policy.refuse
        if manifest.template in refuse.templates:
            return self._no(f"This node takes part in no round of the job {manifest.template}.", _OWN)
        if manifest.mode in refuse.replies:
            return self._no(f"This node takes part in no round with the reply '{manifest.mode}'.", _OWN)
        if manifest.near_matches and refuse.near_matches:
            return self._no("This node takes part in no round that compares near matches too.", _OWN)
        return self._yes()

"""Rules that protect the people in the records: who may meet whom, who learns first, and how rows leave.

**Protected** records are those of victims, of missing persons, and registers that hold victims among others. The
defaults are narrow on purpose: what is refused here needs another kind of round, not a switch.
"""

from dataclasses import dataclass

from node.agreement.manifest import Manifest
from node.identity.cards import MemberClass
from node.policy.verdict import Context, NamedRule, Verdict

__all__ = [
    "PROTECTED",
    "SUPPORT",
    "ChildrenApart",
    "ClassTable",
    "CoarseCounts",
    "FirstLearner",
    "PoliceKinds",
    "ReleasedByHand",
]

PROTECTED = frozenset({"victim", "missing", "mixed"})
"""Record classes whose records are, or may be, about people who need protection."""

SUSPECTS = frozenset({"suspect", "mixed"})

SUPPORT = frozenset({MemberClass.NGO, MemberClass.SHELTER, MemberClass.HOTLINE})
"""Member classes that people turn to for help."""


POLICE = frozenset({MemberClass.POLICE, MemberClass.PROSECUTOR})

POLICE_KINDS = frozenset({"image_hash"})
"""Kinds that only police and prosecutors compare."""


@dataclass(frozen=True)
class ClassTable(NamedRule):
    """Which member classes and record classes never meet."""

    name = "class-table"

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        protected = [member for member in manifest.members if member.record_class in PROTECTED]
        for member in manifest.members:
            if member.member_class == MemberClass.COORDINATOR:
                return self._never(f"{member.name} is a coordinator, and a coordinator brings no records.")
            if member.member_class == MemberClass.RELAY:
                return self._never(f"{member.name} is a relay, and a relay is no party of a round.")
            if protected and member.member_class == MemberClass.IMMIGRATION:
                return self._never(
                    "An immigration authority never takes part in a round that holds records of victims."
                )
            if member.record_class in SUSPECTS and any(other is not member for other in protected):
                return self._never("Records of victims are not compared with records of suspects.")
        return self._yes()

    def _never(self, sentence: str) -> Verdict:
        return self._no(sentence, "There is no setting that allows it: propose another round.")


@dataclass(frozen=True)
class PoliceKinds(NamedRule):
    """Hashes of pictures of abuse are compared between police and prosecutors alone: holding such a list is lawful for
    nobody else."""

    name = "police-kinds"

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        if not any(rule.kind in POLICE_KINDS for rule in manifest.rules()):
            return self._yes()
        for member in manifest.members:
            if member.member_class not in POLICE:
                return self._no(
                    f"{member.name} is no police unit and no prosecutor; image hashes are compared between these only.",
                    "There is no setting that allows it: propose the round without image hashes.",
                )
        return self._yes()


@dataclass(frozen=True)
class ChildrenApart(NamedRule):
    """Records of children stay out of every round that is not about children alone, and in such a round only members
    take part that two people here chose for it."""

    name = "children-apart"

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        if manifest.children == "excluded":
            return self._yes()
        if context.policy.refuse.children:
            return self._no("This node takes part in no round about children.", "Propose it with children excluded.")
        for member in manifest.members:
            if member.member_id != context.me and member.member_id not in context.children:
                return self._no(
                    f"{member.name} is not among the members that take part in rounds about children here.",
                    "`blindmatch member children ALIAS --by NAME` asks for that, and a second person with the role "
                    "children approves it; or propose the round with children excluded.",
                )
        return self._yes()


@dataclass(frozen=True)
class FirstLearner(NamedRule):
    """Who is answered first can stop before the other side learns anything: that is the side that holds victims.

    Where both hold them and exactly one is an organisation that people turn to for help, it is that one.
    """

    name = "first-learner"

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        holders = [member for member in manifest.members if member.record_class in PROTECTED]
        support = [member for member in holders if member.member_class in SUPPORT]
        should = support or holders
        if not should or any(member.member_id == manifest.first_learner for member in should):
            return self._yes()
        return self._no(
            f"{should[0].name} holds the records that need protection and must be answered first.",
            f"Propose the round with {should[0].name} as first learner.",
        )


@dataclass(frozen=True)
class ReleasedByHand(NamedRule):
    """No reply in order out of protected records to a side that does not hold such records itself or that is no
    organisation people turn to for help while the answering one is: it could walk the register with guesses."""

    name = "released-by-hand"

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        if manifest.mode != "ordered":
            return self._yes()
        answering = manifest.member(manifest.first_learner)
        if answering.record_class in PROTECTED:
            for member in manifest.members:
                outside = answering.member_class in SUPPORT and member.member_class not in SUPPORT
                if outside or member.record_class not in PROTECTED:
                    return self._no(
                        f"The records of {answering.name} need protection: {member.name} may get a count, or the rows "
                        "that a person releases, but not an answer to its whole list.",
                        "Propose the round with the reply 'released', 'count' or 'none'.",
                    )
        return self._yes()


@dataclass(frozen=True)
class CoarseCounts(NamedRule):
    """A count over protected records is "none" or a band of so many numbers, the last one too: a finer one would say
    of a list of guesses how many of them are right."""

    name = "coarse-counts"

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        least = context.policy.limits.least_records
        if not any(member.record_class in PROTECTED for member in manifest.members):
            return self._yes()
        if manifest.reply.count == "exact":
            return self._no(
                "The agreement asks for an exact count of records that need protection.",
                "Propose the round with a banded count.",
            )
        for low, high in manifest.count_bands():
            if low and high - low + 1 < least:
                band = f"{low:,} to {high:,}" if high > low else f"{low:,} alone"
                return self._no(
                    f"The agreement counts records that need protection in bands as narrow as {band}; a band has to "
                    f"hold {least} numbers or more.",
                    "Propose the round with wider bands.",
                )
        return self._yes()

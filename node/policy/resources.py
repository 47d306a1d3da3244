"""Rules on what this node has: a data set that is what the agreement says, and a budget that is enough for it."""

from dataclasses import dataclass

from node.agreement.manifest import Manifest
from node.policy.budgets import ASK_FOR_GRANT, charge_for
from node.policy.verdict import Context, Verdict

__all__ = ["BudgetSuffices", "DatasetFits", "PeerListSize"]


@dataclass(frozen=True)
class DatasetFits:
    """The chosen data set is of the class and basis agreed, made by the same normaliser, neither too long nor too
    short. Agrees while no data set is chosen: it is asked again before the round opens."""

    name: str = "dataset-fits"

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        own = [member for member in manifest.members if member.member_id == context.me]
        if context.dataset is None or not own:
            return Verdict(self.name, ok=True)
        terms, dataset = own[0], context.dataset
        problems = (
            (
                dataset.record_class != terms.record_class,
                f"The agreement is about {terms.record_class} records; the data set holds {dataset.record_class} ones.",
            ),
            (
                dataset.basis != terms.basis,
                f"The agreement rests on {_words(terms.basis)}; the data set was added on {_words(dataset.basis)}.",
            ),
            (
                dataset.normaliser_version != manifest.normaliser_version,
                "The data set was prepared by another version of the normaliser; `blindmatch dataset refresh` "
                "prepares it again.",
            ),
            (
                dataset.usable > terms.records,
                f"The data set has {dataset.usable:,} usable records; the agreement takes {terms.records:,} at most.",
            ),
            (
                dataset.usable < terms.minimum_records,
                f"The data set has {dataset.usable:,} usable records; the agreement promises at least "
                f"{terms.minimum_records:,}.",
            ),
        )
        for problem, sentence in problems:
            if problem:
                return Verdict(
                    self.name, False, sentence, "Choose another data set, or agree on a round that fits this one."
                )
        return Verdict(self.name, ok=True)


@dataclass(frozen=True)
class PeerListSize:
    """The other side's list is no longer than what it may have tested in a whole window, whatever it is answered: a
    count of a long list of guesses is an answer too, and is not charged."""

    name: str = "peer-list-size"

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        ids = [member.member_id for member in manifest.members]
        if context.me not in ids:
            return Verdict(self.name, ok=True)
        for peer in ids:
            elements = manifest.size_class(peer)
            if peer != context.me and elements > context.budget:
                return Verdict(
                    self.name,
                    False,
                    f"{manifest.member(peer).name} would bring a list of {elements:,} elements; its budget here is "
                    f"{context.budget:,}, grants included, and no list is longer than that, whatever the reply.",
                    f"Agree on smaller lists or on fewer things to compare, or {ASK_FOR_GRANT}.",
                )
        return Verdict(self.name, ok=True)


@dataclass(frozen=True)
class BudgetSuffices:
    """What the agreement would charge to the other side is left in its budget here. Asked before signing; a round that
    has started waits for its budget instead (`Budget.check`)."""

    name: str = "budget-suffices"

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        ids = [member.member_id for member in manifest.members]
        if context.me not in ids:
            return Verdict(self.name, ok=True)
        for peer in ids:
            needed = charge_for(manifest, peer)
            if peer != context.me and needed and context.closed:
                return Verdict(
                    self.name, False, context.closed, "Sign then, or agree on a round in which nothing is charged here."
                )
            if peer != context.me and needed > context.remaining:
                return Verdict(
                    self.name,
                    False,
                    f"The round would use {needed:,} elements of the budget of {manifest.member(peer).name}; "
                    f"{context.remaining:,} are left.",
                    f"Wait until enough of it is free and sign then, agree on smaller lists, or {ASK_FOR_GRANT}.",
                )
        return Verdict(self.name, ok=True)


def _words(slug: str) -> str:
    return slug.replace("_", " ")

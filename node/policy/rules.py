"""The rules of this node, in the order in which their sentences are most useful, and how they are asked.

Both ends ask them before a manifest is signed and again before any element leaves. All rules are asked every time, so
that a person sees every objection at once. An organisation narrows them with its own file (`narrowing`); nothing
widens them. What is not here because a manifest that breaks it does not parse: size classes and their floor, match
keys that are too weak, and text that disguises itself (`node.agreement.manifest`).
"""

from collections.abc import Sequence

from node.agreement.manifest import Manifest
from node.errors import RefusedByPolicy
from node.policy.agreement import (
    Approvers,
    Caps,
    ConfirmedMembers,
    EntropyFloor,
    MinimumDeclared,
    OurRound,
    Purposes,
    Retention,
    SameVersions,
    Supported,
    Times,
)
from node.policy.firewall import (
    ChildrenApart,
    ClassTable,
    CoarseCounts,
    FirstLearner,
    PoliceKinds,
    ReleasedByHand,
)
from node.policy.frozen import NotFrozen
from node.policy.ladder import OutputLadder
from node.policy.narrowing import ALLOWED_PURPOSES, LEAST_RECORDS, LONGEST_AGREEMENT_DAYS
from node.policy.refusing import RefusedKinds, RefusedMembers, RefusedRounds
from node.policy.resources import BudgetSuffices, DatasetFits, PeerListSize
from node.policy.verdict import Context, Rule, Verdict

__all__ = ["ALLOWED_PURPOSES", "LEAST_RECORDS", "LONGEST_AGREEMENT_DAYS", "RULES", "enforce", "evaluate"]

RULES: tuple[Rule, ...] = (
    OurRound(),
    ConfirmedMembers(),
    NotFrozen(),
    RefusedMembers(),
    RefusedKinds(),
    RefusedRounds(),
    ClassTable(),
    PoliceKinds(),
    SameVersions(),
    Supported(),
    ChildrenApart(),
    EntropyFloor(),
    Purposes(),
    FirstLearner(),
    ReleasedByHand(),
    CoarseCounts(),
    OutputLadder(),
    MinimumDeclared(),
    Times(),
    Retention(),
    Approvers(),
    Caps(),
    DatasetFits(),
    PeerListSize(),
    BudgetSuffices(),
)


def evaluate(manifest: Manifest, context: Context, rules: Sequence[Rule] = RULES) -> list[Verdict]:
    """The verdict of every rule, in order."""
    return [rule.check(manifest, context) for rule in rules]


def enforce(manifest: Manifest, context: Context, rules: Sequence[Rule] = RULES) -> None:
    """RefusedByPolicy with every objection in one message; nothing where all rules agree."""
    refusals = [verdict for verdict in evaluate(manifest, context, rules) if not verdict.ok]
    if refusals:
        advice = dict.fromkeys(verdict.advice for verdict in refusals if verdict.advice)
        raise RefusedByPolicy(" ".join(verdict.sentence for verdict in refusals), advice=" ".join(advice))

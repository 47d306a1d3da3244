"""The rules of this node, in the order in which their sentences are most useful, and how they are asked.

Both ends ask them before a manifest is signed and again before any element leaves. All rules are asked every time, so
that a person sees every objection at once. What is not here because a manifest that breaks it does not parse: size
classes and their floor, match keys that are too weak, and text that disguises itself (`node.agreement.manifest`).
"""

from collections.abc import Sequence

from node.agreement.manifest import Manifest
from node.errors import RefusedByPolicy
from node.policy.agreement import (
    Caps,
    ConfirmedMembers,
    MinimumDeclared,
    OurRound,
    Purposes,
    Retention,
    SameVersions,
    Supported,
    Times,
)
from node.policy.firewall import ChildrenExcluded, ClassTable, CoarseCounts, FirstLearner, PoliceKinds, ReleasedByHand
from node.policy.resources import BudgetSuffices, DatasetFits, PeerListSize
from node.policy.verdict import Context, Rule, Verdict

__all__ = ["ALLOWED_PURPOSES", "LEAST_RECORDS", "LONGEST_AGREEMENT_DAYS", "RULES", "enforce", "evaluate"]

LONGEST_AGREEMENT_DAYS = 180
LONGEST_RETENTION_DAYS = 365

LEAST_RECORDS = 3
"""Least number of records that a member has to declare, and of numbers in a band of a count."""

ALLOWED_PURPOSES = frozenset(
    {"protect_victims", "find_missing_persons", "deconflict_cases", "find_recurring_contacts", "check_employers"}
)

RULES: tuple[Rule, ...] = (
    OurRound(),
    ConfirmedMembers(),
    ClassTable(),
    PoliceKinds(),
    SameVersions(),
    Supported(),
    ChildrenExcluded(),
    Purposes(ALLOWED_PURPOSES),
    FirstLearner(),
    ReleasedByHand(),
    CoarseCounts(LEAST_RECORDS),
    MinimumDeclared(LEAST_RECORDS),
    Times(LONGEST_AGREEMENT_DAYS),
    Retention(LONGEST_RETENTION_DAYS),
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

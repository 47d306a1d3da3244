"""What this node agrees to: small rules over an agreement, each with the sentence it prints, and budgets."""

from node.policy.budgets import Budget, charge_for
from node.policy.limits import Limits, years_to_walk
from node.policy.rules import RULES, enforce, evaluate
from node.policy.verdict import Context, DatasetFacts, Rule, Verdict

__all__ = [
    "RULES",
    "Budget",
    "Context",
    "DatasetFacts",
    "Limits",
    "Rule",
    "Verdict",
    "charge_for",
    "enforce",
    "evaluate",
    "years_to_walk",
]

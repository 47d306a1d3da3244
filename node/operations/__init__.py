"""What the owner of a node can ask of it, as one table: see `table`."""

from types import MappingProxyType

from node.operations import (
    audit,
    budgets,
    carrying,
    certificates,
    consent,
    datasets,
    impact,
    keeping,
    leads,
    leaving,
    members,
    person_report,
    policies,
    reports,
    retention,
    rounds,
    service,
    staff,
    stop_lists,
    tripwires,
    witnessing,
)
from node.operations.parts import Parts, Progress
from node.operations.table import Dispatcher

__all__ = ["OPERATIONS", "Dispatcher", "Parts", "Progress"]

OPERATIONS = MappingProxyType(
    {
        operation.name: operation
        for module in (
            service,
            audit,
            certificates,
            staff,
            members,
            datasets,
            stop_lists,
            rounds,
            policies,
            budgets,
            consent,
            leads,
            carrying,
            keeping,
            leaving,
            person_report,
            impact,
            reports,
            retention,
            tripwires,
            witnessing,
        )
        for operation in module.OPERATIONS
    }
)
"""Every operation by name."""

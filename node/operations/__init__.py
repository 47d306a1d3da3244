"""What the owner of a node can ask of it, as one table: see `table`."""

from types import MappingProxyType

from node.operations import carrying, datasets, keeping, members, rounds, service, stop_lists
from node.operations.parts import Parts, Progress
from node.operations.table import Dispatcher

__all__ = ["OPERATIONS", "Dispatcher", "Parts", "Progress"]

OPERATIONS = MappingProxyType(
    {
        operation.name: operation
        for module in (service, members, datasets, stop_lists, rounds, carrying, keeping)
        for operation in module.OPERATIONS
    }
)
"""Every operation by name."""

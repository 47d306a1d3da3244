"""What people may do at a node, and whose yes each decision of two people needs.

Roles are separate on purpose (domain rule: whoever prepares a round does not approve it), but one person may hold
several: it is the second *person* that counts, not the second role. `children` is for rounds about children.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

from node.errors import UserError

__all__ = ["SECOND", "Role", "Subject", "parse_roles"]


class Role(StrEnum):
    """`operator`: data sets, members, rounds. `approver`: the second person. `reviewer`: leads, and what is released.
    `children`: the second person where the records are about children."""

    OPERATOR = "operator"
    APPROVER = "approver"
    REVIEWER = "reviewer"
    CHILDREN = "children"


class Subject(StrEnum):
    """What can wait for a second person. The id that goes with each is named behind it."""

    ROUND_SIGN = "round-sign"  # the round's id
    BUDGET_SETTINGS = "budget-settings"  # "settings"
    GRANT = "grant"  # the grant's id
    UNFREEZE = "unfreeze"  # the member's id
    CHILDREN_MEMBER = "children-member"  # the member's id
    STAFF = "staff"  # the label
    ERASE = "erase"  # the keyed digest of a record's reference
    URGENT_ROWS = "urgent-rows"  # the data set's name


SECOND: Mapping[Subject, Role] = MappingProxyType(
    {
        Subject.ROUND_SIGN: Role.APPROVER,
        Subject.BUDGET_SETTINGS: Role.APPROVER,
        Subject.GRANT: Role.APPROVER,
        Subject.UNFREEZE: Role.APPROVER,
        Subject.CHILDREN_MEMBER: Role.CHILDREN,
        Subject.STAFF: Role.APPROVER,
        Subject.ERASE: Role.APPROVER,
        Subject.URGENT_ROWS: Role.APPROVER,
    }
)
"""The role that the second person needs, where staff is registered."""


def parse_roles(words: Iterable[str]) -> frozenset[Role]:
    """The roles that these words name, at least one; UserError for another word."""
    known = {role.value for role in Role}
    given = set(words)
    if not given or given - known:
        raise UserError(
            "A person has one or more of the roles operator, approver, reviewer and children.",
            advice="Name each with --role.",
        )
    return frozenset(Role(word) for word in given)

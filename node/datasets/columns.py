"""The columns of a table on the way to a mapping: what was said on top of what is known, what is still needed.

A preview never refuses a table because its mapping is not whole yet: it shows what was found and what is `needed`.
`warnings` say what a whole mapping cannot do; the gravest is that nobody can be left out as a child.
"""

from collections.abc import Mapping, Sequence

from node.datasets.mapping import IDENTIFIER_ROLES, ROW_ROLES, SEVERAL, check_column, find_column
from node.datasets.terms import Terms
from node.errors import UserError

__all__ = ["merged", "needed", "placed", "warnings"]

PERSON_CLASSES = frozenset(("victim", "missing", "mixed"))
"""Record classes whose records are about people who may be children in need of protection."""


def merged(header: Sequence[str], base: Mapping[str, str], said: Mapping[str, str]) -> dict[str, str]:
    """Column -> role: `said` on top of `base`, under the names as the header spells them.

    A role that only one column may have goes to the column it was said for. UserError for a column that the header
    does not have, and for one or a role that cannot be mapped.
    """
    columns: dict[str, str] = {}
    for name, role in said.items():
        check_column(name, role)
        place = name if role == "ignore" and name not in header else header[find_column(name, header)]
        if columns.setdefault(place, role) != role:
            raise UserError(f'The column "{place}" was given two roles.', advice="Keep one of them.")
    taken = set(columns.values()) - SEVERAL
    return {name: role for name, role in base.items() if name not in columns and role not in taken} | columns


def placed(header: Sequence[str], columns: Mapping[str, str]) -> dict[int, str]:
    """Column index -> role, without the columns that are not used."""
    return {find_column(name, header): role for name, role in columns.items() if role != "ignore"}


def needed(columns: Mapping[str, str], terms: Terms) -> tuple[str, ...]:
    """What must still be said before a data set can be made, one sentence each, with the option that says it."""
    roles = set(columns.values())
    found = []
    if "reference" not in roles:
        found.append("the column with your own case numbers: --map 'COLUMN=reference' (it never leaves this node)")
    if not roles - {"reference", "ignore", *ROW_ROLES}:
        found.append(
            f"at least one column to compare: --map 'COLUMN={IDENTIFIER_ROLES[0]}', or another kind or person field"
        )
    if "consent" not in roles and (terms.basis == "consent" or any(role.startswith("consent_") for role in roles)):
        found.append(
            "the column that says yes or no in each row: --map 'COLUMN=consent'"
            + (" (or --basis legal_duty, if a law obliges you)" if terms.basis == "consent" else "")
        )
    if "phone" in roles and terms.region is None:
        found.append("the country of the phone numbers that are written without one: --region RO, for example")
    return tuple(found)


def warnings(columns: Mapping[str, str], terms: Terms) -> tuple[str, ...]:
    """What the owner should know about this mapping before the data set takes part in anything."""
    if terms.record_class in PERSON_CLASSES and not {"birth_date", "child"} & set(columns.values()):
        return (
            "No column says who is a child, so nobody can be left out as one. If a column holds dates of birth, or "
            "says yes or no for children, name it: --map 'COLUMN=birth_date' or --map 'COLUMN=child'.",
        )
    return ()

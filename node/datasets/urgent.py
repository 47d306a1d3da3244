"""Who said no: an urgent danger never overrules that, on whichever row of a person it stands (decision 0012).

Rows are read one by one, and the row that says no may come after the one that claims a danger. So a table with an
urgent-danger column is walked once more beforehand, for its case numbers and answers alone.
"""

from node.datasets.mapping import Binding
from node.datasets.tables import Table, plain
from node.datasets.words import yes_or_no

__all__ = ["those_who_refused"]


def those_who_refused(table: Table, binding: Binding) -> frozenset[str]:
    """The case numbers under which some row says no; none for a table without an urgent-danger column."""
    reference, consent = binding.one("reference"), binding.one("consent")
    if reference is None or consent is None or binding.one("urgent_danger") is None:
        return frozenset()
    found = set()
    for row in table.rows():
        if len(row.cells) > max(reference, consent) and yes_or_no(plain(row.cells[consent])) is False:
            found.add(" ".join(plain(row.cells[reference]).split()))
    return frozenset(found)

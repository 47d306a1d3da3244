"""Who said no: an urgent danger never overrules that, on whichever row of a person it stands (decision 0012).

Rows are read one by one, and the row that says no may come after the one that claims a danger. So a table with an
urgent-danger column is walked beforehand, for its case numbers and answers alone: once for the claims, which are few,
and if there are any, once more for a "no" under one of their case numbers.
"""

from collections.abc import Iterator

from node.datasets.mapping import Binding
from node.datasets.tables import Table, plain
from node.datasets.words import yes_or_no

__all__ = ["those_who_refused"]


def those_who_refused(table: Table, binding: Binding) -> frozenset[str]:
    """The case numbers under which one row claims an urgent danger and another says no."""
    urgent, consent = binding.one("urgent_danger"), binding.one("consent")
    if urgent is None or consent is None:
        return frozenset()
    claimed = {reference for reference, said in _answers(table, binding, urgent) if said}
    if not claimed:
        return frozenset()
    return frozenset(ref for ref, said in _answers(table, binding, consent) if said is False and ref in claimed)


def _answers(table: Table, binding: Binding, column: int) -> Iterator[tuple[str, bool | None]]:
    """Case number and answer of every row that reaches so far."""
    reference = binding.one("reference")
    assert reference is not None, "a mapping has a reference"
    for row in table.rows():
        if len(row.cells) > max(reference, column):
            yield " ".join(plain(row.cells[reference]).split()), yes_or_no(plain(row.cells[column]))

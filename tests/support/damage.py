"""Cells as damaged as real ones, and what a reader makes of a cell: its values, or the reason of its refusal.

A damaged cell is a vector of its kind with a few characters put in, taken out or changed.
"""

from functools import cache

from hypothesis import strategies as st

from psi.errors import RefusedValue
from psi.identifiers.canonical import Reader
from psi.identifiers.cells import Cell, Hints
from tests.support.identifier_seeds import VECTORS

CHARACTERS = "0123456789ABCDEFGXYZabcx0O1Il <>:-./+*#;,|&@?=АВСЖЯабвΑΩÄßÜüŠ١٢٣№«\n\t"


@cache
def _vectors(kind: str) -> list[tuple[str, Hints]]:
    return [
        (vector["cell"]["text"], Hints(vector["region"], vector["qualifier"]))
        for vector in VECTORS.values()
        if vector.get("kind") == kind and "cell" in vector
    ]


@st.composite
def damaged(draw: st.DrawFn, kind: str) -> tuple[Cell, Hints]:
    """A cell of that kind with at most three changes, or any text, or a number; and what its source says of it."""
    text, hints = draw(st.sampled_from(_vectors(kind)))
    if draw(st.integers(0, 9)) == 0:
        text = draw(st.text(max_size=60))
    if draw(st.integers(0, 9)) == 0:
        return Cell("", draw(st.one_of(st.floats(), st.integers(0, 10**16).map(float)))), hints
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(text)))
        width = draw(st.integers(0, 1))
        text = text[:place] + draw(st.sampled_from(("", *CHARACTERS))) + text[place + width :]
    return Cell(text), hints


def outcome(reader: Reader, cell: Cell | str, hints: Hints | None = None) -> tuple[str, ...] | str:
    """The values of a cell, or the reason of its refusal. Anything but `RefusedValue` leaves and fails the test."""
    try:
        return reader(Cell(cell) if isinstance(cell, str) else cell, hints or Hints())
    except RefusedValue as refused:
        return refused.reason

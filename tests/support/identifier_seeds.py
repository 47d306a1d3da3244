"""The house vectors of identifiers as a start for fuzzing: cells, and the columns they stood in."""

import json
from pathlib import Path

from psi.identifiers import CATALOGUE

__all__ = ["COLUMNS", "KINDS", "MAX_SECONDS", "SEEDS", "VECTORS", "as_input"]

MAX_SECONDS = 1.0
"""For one cell of at most 1,000 characters, on a busy machine, with an instrumented reader. Most take under 1 ms."""

FOLDER = Path(__file__).parents[1] / "vectors" / "identifiers"
VECTORS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}
KINDS = tuple(name for name in CATALOGUE if name != "person")
"""The kinds that are one value of one cell."""


def _of(kind: str) -> list[dict[str, object]]:
    return [row for row in VECTORS.values() if row.get("kind") == kind]


SEEDS = {kind: sorted({row["cell"]["text"] for row in _of(kind)}) for kind in KINDS}  # type: ignore[index]
COLUMNS = {
    kind: sorted({(row["region"], row["qualifier"]) for row in _of(kind)}, key=repr) or [(None, None)] for kind in KINDS
}
"""Kind -> (region, qualifier) of every column in the vectors."""


def as_input(kind: int, column: int, text: str) -> bytes:
    """The bytes that tests/fuzz/identifier_target.py reads as this cell."""
    return bytes((kind, column, 0)) + text.encode("utf-8", "surrogatepass")

"""The house vectors of identifiers: one file, one scenario; another implementation must give the same."""

import json
from pathlib import Path
from typing import Any

import pytest

from psi.identifiers import Cell, Person, RefusedValue, Rule, canonicalise
from psi.identifiers.near import near_variants

FOLDER = Path(__file__).parents[3] / "vectors" / "identifiers"
VECTORS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}


def _having(part: str) -> list[Any]:
    return [pytest.param(vector, id=name) for name, vector in VECTORS.items() if part in vector]


def test_most_vectors_are_refusals_or_traps() -> None:
    assert len(VECTORS) >= 120
    assert sum(vector["class"] != "accept" for vector in VECTORS.values()) >= 0.7 * len(VECTORS)
    assert all(vector["source"] and vector["scenario"] for vector in VECTORS.values())


@pytest.mark.parametrize("vector", _having("cell"))
def test_cell(vector: dict[str, Any]) -> None:
    cell = Cell(vector["cell"]["text"], vector["cell"]["number"])
    where = {"region": vector["region"], "qualifier": vector["qualifier"]}
    if "refused" not in vector:
        assert list(canonicalise(vector["kind"], cell, **where)) == vector["values"]
        return
    with pytest.raises(RefusedValue) as refusal:
        canonicalise(vector["kind"], cell, **where)
    assert refusal.value.reason == vector["refused"]
    assert refusal.value.advice
    if len(cell.text) > 2:
        assert cell.text not in refusal.value.diagnostics()


@pytest.mark.parametrize("vector", _having("cells"))
def test_person(vector: dict[str, Any]) -> None:
    cells = {name: Cell(text) for name, text in vector["cells"].items()}
    person, refused = Person.from_cells(cells, calendar=vector.get("calendar"))
    assert person.to_dict() == vector["forms"]
    assert {name: refusal.reason for name, refusal in refused.items()} == vector["unreadable"]


@pytest.mark.parametrize("vector", _having("rule"))
def test_rule(vector: dict[str, Any]) -> None:
    row = {"near": False, **vector["rule"]}
    if "refused" in vector:
        with pytest.raises(RefusedValue) as refusal:
            Rule(row["kind"], row["per_record"], tuple(row["fields"]), row["at_least"], row["near"])
        assert refusal.value.reason == vector["refused"]
        return
    rule = Rule(row["kind"], row["per_record"], tuple(row["fields"]), row["at_least"], row["near"])
    assert list(rule.key_ids()) == vector["keys"]
    assert rule.tokens_per_record() == vector["tokens_per_record"]
    assert [list(pair) for pair in rule.left_out()] == vector.get("left_out", [list(pair) for pair in rule.left_out()])


@pytest.mark.parametrize("vector", _having("near"))
def test_near(vector: dict[str, Any]) -> None:
    assert list(near_variants(vector["near"]["kind"], vector["near"]["value"])) == vector["variants"]

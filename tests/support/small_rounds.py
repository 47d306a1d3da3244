"""Small rounds between whole nodes: ten telephone numbers a side, three of them shared, 64 elements a list.

plant(shelter, police)                       both take in a data set
round_id = agree(board, shelter, police)     proposed, signed by both
go(board, round_id); decide(shelter, round_id); finish(...)
"""

import csv
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest

from node.app import open_node
from tests.support.nodes import Running, introduce, make_folder, wait_for
from tests.support.signing import sign

__all__ = [
    "OURS",
    "SHARED",
    "THEIRS",
    "Asked",
    "agree",
    "check",
    "decide",
    "go",
    "knows",
    "lead_numbers",
    "learned",
    "plant",
    "run_through",
    "write_numbers",
]

OURS = [f"S-{number}" for number in range(10)]
THEIRS = [f"P-{number}" for number in range(10)]
SHARED = 3
"""The last three of ours are the first three of theirs."""

SETTINGS: dict[str, Any] = {"match": [{"kind": "phone", "per_record": 1}]}


class Asked(Protocol):
    """A node that can be asked: in this process or in another."""

    alias: str

    def ask(self, operation: str, **request: Any) -> Any: ...

    def state(self, round_id: str) -> str: ...


def write_numbers(path: Path, references: list[str], first: int) -> Path:
    """A CSV with one telephone number for each reference."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["Case", "Phone", "Consent"])
        rows.writerows([reference, f"+49 30 9018 {first + at:04}", "yes"] for at, reference in enumerate(references))
    return path


def plant(folder: Path, ngo: Asked, police: Asked) -> None:
    """Give both sides their data."""
    mapping = {"Case": "reference", "Phone": "phone", "Consent": "consent"}
    ours = write_numbers(folder / "ours.csv", OURS, 0)
    theirs = write_numbers(folder / "theirs.csv", THEIRS, len(OURS) - SHARED)
    terms = {"record_class": "victim", "region": "DE", "mapping": mapping, "by": "ada"}
    ngo.ask("dataset.add", path=str(ours), name="cases", **terms)
    police.ask("dataset.add", path=str(theirs), name="files", basis="legal_duty", legal_reference="Article 1", **terms)


def agree(convener: Asked, ngo: Asked, police: Asked, *, template: str = "J1", **settings: Any) -> str:
    """Propose a round between these two and sign it on both sides; the round's id."""
    names = ["me" if node is convener else node.alias for node in (ngo, police)]
    proposed = convener.ask("round.propose", template=template, members=names, settings=SETTINGS | settings, by="carl")
    round_id = str(proposed["round"]["round_id"])
    for node, dataset in ((ngo, "cases"), (police, "files")):
        wait_for(lambda node=node: knows(node, round_id))  # type: ignore[misc]
        sign(node, round_id, dataset)
    wait_for(lambda: all(node.state(round_id) == "agreed" for node in (convener, ngo, police)))
    return round_id


def knows(node: Asked, round_id: str) -> bool:
    return any(found["round_id"] == round_id for found in node.ask("round.list")["rounds"])


def go(convener: Asked, round_id: str) -> None:
    convener.ask("round.start", round=round_id, by="carl")


def decide(ngo: Asked, round_id: str, references: list[str] | None = None) -> None:
    """Wait for the first learner's leads and release those with these references; None releases all."""
    wait_for(lambda: ngo.state(round_id) == "deciding")
    asked: dict[str, Any] = {"everything": True}
    if references is not None:
        asked = {"leads": lead_numbers(ngo, round_id, references)}
    ngo.ask("round.release", round=round_id, by="ada", **asked)


def lead_numbers(node: Asked, round_id: str, references: list[str]) -> list[int]:
    """The numbers of a round's leads that carry these references of ours."""
    leads = node.ask("round.results", round=round_id)["leads"]
    assert set(references) <= {lead["reference"] for lead in leads}
    return [lead["number"] for lead in leads if lead["reference"] in references]


def learned(node: Asked, round_id: str) -> list[str]:
    """Our own references that agree, sorted."""
    return sorted(lead["reference"] for lead in node.ask("round.results", round=round_id)["leads"])


def run_through(convener: Asked, ngo: Asked, police: Asked, **settings: Any) -> str:
    """One whole round, checked: both sides learn exactly the three shared records."""
    round_id = agree(convener, ngo, police, **settings)
    go(convener, round_id)
    decide(ngo, round_id)
    wait_for(lambda: ngo.state(round_id) == police.state(round_id) == "finished")
    check(ngo, police, round_id)
    return round_id


def check(ngo: Asked, police: Asked, round_id: str) -> None:
    """Both have learned the whole overlap and nothing but it."""
    assert learned(ngo, round_id) == OURS[-SHARED:]
    assert learned(police, round_id) == THEIRS[:SHARED]


@contextmanager
def at_rest(folder: Path, *others: str) -> Iterator[list[Running]]:
    """A shelter with a planted data set, and the units it knows. None of them runs: what goes out waits."""
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setattr("node.identity.words.SCRYPT_COST", 2)
        nodes = []
        for alias in ("shelter", *others):
            make_folder(folder / alias, alias, "police" if alias in others else "ngo")
            nodes.append(Running(alias, stack.enter_context(open_node(folder / alias, None))))
        for other in nodes[1:]:
            introduce(nodes[0], other)
        plant(folder, nodes[0], nodes[1])
        yield nodes

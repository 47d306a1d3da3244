"""A whole round with answers in order between two nodes, in this process or not, and what comes of it as pairs.

The two sides' leads are put together here, and only here: each side's own record references meet in the match handle,
which is the same at both. No node ever sees such a pair.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from tests.support.signing import sign

__all__ = ["AMPLE_BUDGET", "Office", "add_dataset", "agree", "carry_out", "leads", "pairs"]

AMPLE_BUDGET = "[budget]\nelements = 10_000_000\nelements_in_all = 10_000_000\n"
"""Settings of a node that may answer the large lists of these rounds; the default is 20,000 elements."""

POLL_SECONDS = 0.05
"""Between two looks at a node. Each costs it a few milliseconds; a measurement looks less often."""

_PAGE = 5_000
"""Leads asked for at once."""


class Office(Protocol):
    """A node that answers: `tests.support.nodes.Running` or `tests.support.node_process.NodeProcess`."""

    alias: str

    def ask(self, operation: str, **request: Any) -> Any: ...

    def state(self, round_id: str) -> str: ...


def add_dataset(
    node: Office, path: Path, mapping: Mapping[str, str], *, record_class: str, region: str | None = None
) -> dict[str, Any]:
    """Prepare one file as the data set `list`; the counts of the report. Nothing in the file may be refused."""
    added = node.ask(
        "dataset.add",
        path=str(path),
        mapping=mapping,
        record_class=record_class,
        basis="legal_duty",
        legal_reference="Art. 1",
        region=region,
        name="list",
        by="ada",
    )
    return dict(added["dataset"])


def agree(
    first: Office,
    second: Office,
    *,
    match: list[dict[str, Any]],
    records: int,
    record_class: str,
    purpose: str = "find_recurring_contacts",
) -> str:
    """`first` proposes to be the first learner of at most `records` records a side, both sign; the round's id."""
    terms = {"records": records, "record_class": record_class}
    proposed = first.ask(
        "round.propose",
        template="J2",
        members=["me", second.alias],
        settings={
            "first_learner": "me",
            "purpose": purpose,
            "match": match,
            "members": {"me": terms, second.alias: terms},
        },
        by="ada",
    )
    objections = [verdict["sentence"] for verdict in proposed["verdicts"] if not verdict["ok"]]
    assert not objections, objections
    round_id = str(proposed["round"]["round_id"])
    _until(lambda: any(found["round_id"] == round_id for found in second.ask("round.list")["rounds"]), 30)
    for node in (first, second):
        sign(node, round_id, "list")
    _until(lambda: first.state(round_id) == second.state(round_id) == "agreed", 30)
    return round_id


def carry_out(
    first: Office, second: Office, round_id: str, *, seconds: float = 120, poll_seconds: float = POLL_SECONDS
) -> None:
    """Start the round, release everything as soon as a person is asked to, and wait until both sides have closed."""
    first.ask("round.start", round=round_id, by="ada")
    _until(lambda: _state(first, round_id) == "deciding", seconds, poll_seconds)
    first.ask("round.release", round=round_id, everything=True, by="ada")
    _until(lambda: _state(second, round_id) == "finished", seconds, poll_seconds)
    _until(lambda: _state(first, round_id) == "finished", seconds, poll_seconds)


def leads(node: Office, round_id: str) -> Iterator[Any]:
    """All leads of one side, page by page."""
    first, total = 1, 1
    while first <= total:
        reply = node.ask("round.results", round=round_id, first=first, limit=_PAGE)
        total = reply["total"]
        yield from reply["leads"]
        first += _PAGE


def pairs(first: Office, second: Office, round_id: str) -> set[tuple[str, str]]:
    """(reference at `first`, reference at `second`) of all records that agree in at least one key."""
    owners: dict[str, list[str]] = defaultdict(list)
    for lead in leads(first, round_id):
        for agreement in lead["agreements"]:
            owners[agreement["handle"]].append(lead["reference"])
    return {
        (owner, lead["reference"])
        for lead in leads(second, round_id)
        for agreement in lead["agreements"]
        for owner in owners[agreement["handle"]]
    }


def _state(node: Office, round_id: str) -> str:
    state = node.state(round_id)
    if state in ("failed", "cancelled", "refused"):
        raise AssertionError(f"the round ended at {node.alias}: {node.ask('round.status', round=round_id)['round']}")
    return state


def _until(done: Callable[[], bool], seconds: float, poll_seconds: float = POLL_SECONDS) -> None:
    limit = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(poll_seconds)

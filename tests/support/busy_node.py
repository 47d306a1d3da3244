"""A shelter's node after a busy year, for those who have to answer questions about it; and what is true of it.

    with busy_year(folder, rounds=200) as year: year.harbour, year.river, year.truth

Every round is a real one, between two nodes in this process, some side by side; the clock jumps from these to the next,
so that all lie in a hundred days. One in five runs to its end, one is signed and cancelled, three are refused.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from node.tripwires import Decoy
from tests.support.nodes import Running, introduce, make_folder, run, wait_for
from tests.support.signing import sign
from tests.support.small_rounds import SETTINGS, knows, write_numbers
from tests.support.two_nodes import ShiftedClock

__all__ = ["RELEASED", "Truth", "Year", "busy_year"]

DAYS = 100.0
"""How long ago the first round was, in days."""

BATCHES = 16
"""In so many parts the rounds come, each of three rounds at least, which are on their way side by side."""

RELEASED = 2
"""Of three leads of a round so many are released."""

CLIENTS = [f"HS-{number:02}" for number in range(14)]
"""The last three of the first ten are with River too. Of the other four: one said no, one consent has ended, one is for
other NGOs alone, one person took the consent back."""


@dataclass
class Truth:
    """What the questions are answered with, as whoever made the rounds knows it."""

    finished: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    urgent: str = ""
    waiting: str = ""
    frozen: str = ""
    erased: str = ""

    @property
    def rounds(self) -> int:
        return len(self.finished) + len(self.refused) + len(self.cancelled) + 3


@dataclass
class Year:
    harbour: Running
    river: Running
    clock: ShiftedClock
    truth: Truth


@contextmanager
def busy_year(folder: Path, rounds: int) -> Iterator[Year]:
    """`rounds` in all, at least 12; the last three are one signed by one person alone because it was urgent, one that
    met decoys, and one that waits for a second person."""
    clock = ShiftedClock()
    clock.days = -DAYS
    with ExitStack() as stack:
        stack.enter_context(patch("node.identity.words.SCRYPT_COST", 2))
        stack.enter_context(patch("node.rounds.scheduler.TICK_SECONDS", 0.2))
        nodes = []
        for alias, member_class in (("harbour", "ngo"), ("river", "police")):
            make_folder(folder / alias, alias, member_class, clock=clock)
            nodes.append(stack.enter_context(run(folder / alias, alias, clock=clock)))
        introduce(*nodes)
        year = Year(nodes[0], nodes[1], clock, Truth())
        _fill(folder, *nodes)
        at_once = max(3, rounds // BATCHES)
        for first in range(0, rounds - 3, at_once):
            clock.days = -DAYS * (1 - first / (rounds - 3))
            _batch(year, range(first, min(first + at_once, rounds - 3)))
        clock.days = 0.0
        _special(year)
        yield year


def _fill(folder: Path, harbour: Running, river: Running) -> None:
    lines = ["Case,Phone,Consent,Until,Receivers"]
    for number, reference in enumerate(CLIENTS):
        said = {10: "no,,", 11: "yes,2026-01-01,", 12: "yes,,ngo"}.get(number, "yes,,")
        lines.append(f"{reference},+49 30 9018 {number if number < 10 else number + 900:04},{said}")
    ours = folder / "clients.csv"
    ours.write_text("\n".join(lines) + "\n")
    roles = {"Case": "reference", "Phone": "phone", "Consent": "consent", "Until": "consent_until"}
    terms: dict[str, Any] = {"record_class": "victim", "region": "DE", "by": "anna"}
    mapping = roles | {"Receivers": "consent_receivers"}
    harbour.ask("dataset.add", path=str(ours), name="clients", mapping=mapping, **terms)
    theirs = write_numbers(folder / "cases.csv", [f"RP-{number:03}" for number in range(10)], 7)
    few = {"Case": "reference", "Phone": "phone", "Consent": "consent"}
    duty = {"basis": "legal_duty", "legal_reference": "Police Act, section 4"}
    river.ask("dataset.add", path=str(theirs), name="cases", mapping=few, **terms, **duty)
    harbour.ask("dataset.withdraw", name="clients", text="HS-13", by="anna")


def _proposed(year: Year, **settings: Any) -> str:
    made = year.river.ask(
        "round.propose", template="J1", members=["harbour", "me"], settings=SETTINGS | settings, by="carl"
    )
    round_id = str(made["round"]["round_id"])
    wait_for(lambda: knows(year.harbour, round_id))
    return round_id


def _agreed(year: Year) -> str:
    round_id = _proposed(year)
    sign(year.harbour, round_id, "clients", by="anna", second="bela")
    sign(year.river, round_id, "cases", by="milan", second="vera")
    wait_for(lambda: year.river.parts.book.get(round_id).state == "agreed")
    return round_id


def _batch(year: Year, numbers: range) -> None:
    """These rounds side by side, each step of all of them before the next: waiting costs once."""
    harbour, river, truth = year.harbour, year.river, year.truth
    proposed = {number: _proposed(year) for number in numbers}
    refused = [round_id for number, round_id in proposed.items() if number % 5 not in (0, 4)]
    agreed = [round_id for number, round_id in proposed.items() if number % 5 in (0, 4)]
    for round_id in refused:
        harbour.ask("round.refuse", round=round_id, by="bela")
    for round_id in agreed:
        sign(harbour, round_id, "clients", by="anna", second="bela")
        sign(river, round_id, "cases", by="milan", second="vera")
    for round_id in agreed:
        _until(year, round_id, "agreed")
    cancelled = [round_id for number, round_id in proposed.items() if number % 5 == 4]
    finished = [round_id for round_id in agreed if round_id not in cancelled]
    for round_id in cancelled:
        river.ask("round.cancel", round=round_id, by="carl")
    for round_id in finished:
        river.ask("round.start", round=round_id, by="carl")
    for round_id in finished:
        wait_for(lambda round_id=round_id: _state(harbour, round_id) == "deciding")  # type: ignore[misc]
        harbour.ask("round.release", round=round_id, leads=list(range(1, RELEASED + 1)), by="bela")
    for round_ids, state in ((refused, "refused"), (cancelled, "cancelled"), (finished, "finished")):
        for round_id in round_ids:
            _until(year, round_id, state)
    truth.refused += refused
    truth.cancelled += cancelled
    truth.finished += finished


def _state(node: Running, round_id: str) -> str:
    return str(node.parts.book.get(round_id).state)


def _until(year: Year, round_id: str, state: str) -> None:
    """Until both sides have a round in this state."""
    wait_for(lambda: _state(year.harbour, round_id) == _state(year.river, round_id) == state)


def _special(year: Year) -> None:
    harbour, river, truth = year.harbour, year.river, year.truth
    truth.urgent = _proposed(year)
    harbour.ask("round.sign", round=truth.urgent, dataset="clients", by="anna", urgent=True)
    truth.waiting = _proposed(year)
    harbour.ask("round.sign", round=truth.waiting, dataset="clients", by="anna")
    truth.frozen = _agreed(year)
    decoys = [Decoy("phone", "phone", f"+49309018{number:04}", free=True) for number in (11, 12)]
    with patch.object(harbour.parts.engine.tripwires, "draw", lambda _found, _walk, room: decoys[:room]):
        river.ask("round.start", round=truth.frozen, by="carl")
        wait_for(lambda: harbour.parts.book.get(truth.frozen).over)
    truth.erased = CLIENTS[0]
    harbour.ask("record.erase", record=truth.erased, by="anna", second="bela")
    harbour.ask("retention.run")

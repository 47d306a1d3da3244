"""Clocks that are apart: borne up to an hour, reported with advice, and beyond that refused in words."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from node.errors import RefusedByPolicy
from node.rounds import presence
from tests.support.nodes import Running, introduce, make_folder, run, wait_for
from tests.support.small_rounds import agree, plant, run_through
from tests.support.two_nodes import ShiftedClock

MINUTES = 1 / 1440


@contextmanager
def pair(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Running, Running, ShiftedClock]]:
    """A shelter, and a police unit whose clock can be set wrong once they know each other."""
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    monkeypatch.setattr(presence, "CLOCK_PAUSE_SECONDS", 0.1)
    wrong = ShiftedClock()
    with ExitStack() as stack:
        nodes = []
        for alias, kind, clock in (("shelter", "ngo", None), ("police", "police", wrong)):
            make_folder(folder / alias, alias, kind)
            nodes.append(stack.enter_context(run(folder / alias, alias, clock=clock)))
        introduce(*nodes)
        plant(folder, *nodes)
        yield nodes[0], nodes[1], wrong


def party(node: Running, round_id: str) -> Any:
    (found,) = node.ask("round.status", round=round_id)["round"]["parties"]
    return found


@pytest.mark.tm("TM-143")
@pytest.mark.parametrize("minutes", [50, -50])
def test_a_round_runs_over_clocks_that_are_apart_and_both_sides_are_told(
    minutes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pair(tmp_path, monkeypatch) as (shelter, police, wrong):
        wrong.days = minutes * MINUTES
        round_id = agree(shelter, shelter, police)
        wait_for(lambda: party(shelter, round_id)["clock"] != "" and party(police, round_id)["clock"] != "", 20)
        words = ("ahead of", "behind") if minutes > 0 else ("behind", "ahead of")
        for node, said in zip((shelter, police), words, strict=True):
            assert (
                f"50 minutes {said} ours; up to 1 hour is borne. Set the wrong one right"
                in party(node, round_id)["clock"]
            )
        run_through(shelter, shelter, police)


@pytest.mark.tm("TM-143")
def test_beyond_the_limit_a_new_agreement_is_refused_and_the_clock_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pair(tmp_path, monkeypatch) as (shelter, police, wrong):
        wrong.days = 90 * MINUTES
        with pytest.raises(RefusedByPolicy, match="in the future here") as caught:
            agree(police, shelter, police)
        assert "One of the two clocks is wrong" in caught.value.advice
        with monkeypatch.context() as sabotage:  # the twin: without the limit it is signed
            sabotage.setattr("node.policy.agreement.CLOCK_SKEW", 24 * presence.TOLERATED_SKEW)
            agree(police, shelter, police)

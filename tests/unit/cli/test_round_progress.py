"""How far a round is, as a person and a program read it."""

from typing import Any

import pytest

from cli._rounds_shown import how_far, progress_line, show_list, show_round
from tests.unit.cli.test_output import ROUND, printed

LIST: dict[str, Any] = {
    "what": "list", "ours": True, "done": 250_000, "total": 1_000_000, "records_per_second": 12_500.0,
    "seconds_left": 60.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "250,000 of 1,000,000 elements (25 %), 12,500 a second, about 60 seconds left"),
        ({"records_per_second": None, "seconds_left": None}, "250,000 of 1,000,000 elements (25 %)"),
        ({"what": "preparing", "seconds_left": 7200.0}, "250,000 of 1,000,000 records (25 %), 12,500 a second, about 2 "
                                                        "hours left"),
        ({"total": 0, "records_per_second": None, "seconds_left": None}, "250,000 of 0 elements"),
    ],
)  # fmt: skip
def test_a_list_on_its_way_is_one_line(changes: dict[str, Any], line: str) -> None:
    assert how_far({**LIST, **changes}) == line


def test_a_round_in_one_line_says_its_state_and_how_far_or_whose_turn() -> None:
    found = {**ROUND, "state": "running", "progress": [LIST]}
    assert progress_line(found).startswith("running: our list goes out: 250,000 of 1,000,000 elements")
    assert progress_line({**found, "progress": []}) == "running: Somebody must."


def test_the_page_of_a_round_tells_all_of_it() -> None:
    party = {"member_id": "a" * 32, "name": "River", "heard_at": None, "failing_since": "2026-01-02T03:04:05Z",
             "next_try_seconds": 12.0, "clock_ahead_seconds": 1800.0,
             "sentence": "River: last heard of 3 hours ago. The next try is in 12 seconds.",
             "clock": "The clock of River is 30 minutes ahead of ours."}  # fmt: skip
    found = {**ROUND, "state": "running", "progress": [LIST], "parties": [party]}
    text = " ".join(printed(show_round, {"round": found}).split())
    for words in ("Somebody must.", "2026-01-02T03:04:05Z", "time left", "3 days until", "our list goes out", "25 %",
                  "The next try is in 12 seconds.", "30 minutes ahead of ours."):  # fmt: skip
        assert words in text


def test_the_list_of_rounds_says_whose_turn_it_is_since_when_and_how_long_yet() -> None:
    text = " ".join(printed(show_list, {"rounds": [{**ROUND, "state": "deciding"}]}).split())
    assert "4f1c2d3e deciding J1 - you 2026-01-02 3 days" in text


def test_a_round_to_be_signed_reads_the_commands_for_it() -> None:
    text = " ".join(printed(show_round, {"round": {**ROUND, "state": "proposed"}}).split())
    assert "`blindmatch round sign 4f1c2d3e --dataset NAME --by NAME`" in text
    text = " ".join(printed(show_round, {"round": {**ROUND, "state": "proposed", "whose": "another member"}}).split())
    assert "round sign" not in text

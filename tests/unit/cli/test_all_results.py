"""`round results` and `round release` see every lead, however many pages the node gives them in."""

from collections.abc import Mapping
from typing import Any

import pytest

from cli._release import all_results, chosen_leads
from node.errors import UserError

PAGE = 5


def asking(total: int, calls: list[Mapping[str, Any]]) -> Any:
    """A node with `total` leads that gives five at a time."""

    def ask(operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        assert operation == "round.results"
        calls.append(request)
        first = request.get("first", 1)
        numbers = range(first, min(first + PAGE, total + 1))
        leads = [{"number": number, "reference": f"C-{number}"} for number in numbers]
        return {"total": total, "leads": leads, "count": None}

    return ask


@pytest.mark.parametrize(("total", "pages"), [(0, 1), (1, 1), (5, 1), (6, 2), (23, 5)])
def test_all_pages_are_read_once_each(total: int, pages: int) -> None:
    calls: list[Mapping[str, Any]] = []
    results = all_results(asking(total, calls), "4f1c")
    assert [lead["number"] for lead in results["leads"]] == list(range(1, total + 1))
    assert len(calls) == pages


def test_a_lead_of_a_later_page_can_be_released() -> None:
    assert chosen_leads(asking(23, []), "4f1c", lead=[2, 22], records_file=None) == (
        [2, 22],
        "2 of 23 leads (2, 22)",
    )


def test_a_lead_beyond_the_last_is_refused() -> None:
    with pytest.raises(UserError, match="no lead number 24"):
        chosen_leads(asking(23, []), "4f1c", lead=[1, 24], records_file=None)


def test_a_node_that_promises_more_than_it_gives_does_not_hang_the_command() -> None:
    def ask(_operation: str, _request: Mapping[str, Any]) -> dict[str, Any]:
        return {"total": 9, "leads": [], "count": None}

    assert all_results(ask, "4f1c")["leads"] == []

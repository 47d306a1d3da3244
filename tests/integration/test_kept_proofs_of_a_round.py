"""A round whose lists were begun by a version that kept no proofs goes on: it gets an empty list for them."""

from pathlib import Path
from typing import Any

import pytest

from node.rounds.conversation import Workshop
from node.store import SpoolFolder
from tests.support.small_rounds import check, run_through
from tests.support.two_nodes import two


def test_a_round_goes_on_without_the_list_of_its_proofs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resume = Workshop.resume
    found_before: list[bool] = []
    made: list[str] = []

    def resumed(shop: Workshop, found: Any, voice: Any) -> Any:
        name = f"{found.round_id}.proofs"
        found_before.append(name in shop._spools.names())
        shop._spools.delete(name)
        made.clear()
        conversation = resume(shop, found, voice)
        assert made == [name]
        return conversation

    create = SpoolFolder.create
    monkeypatch.setattr(Workshop, "resume", resumed)
    monkeypatch.setattr(SpoolFolder, "create", lambda *given: (made.append(given[1]), create(*given))[1])
    with two(tmp_path) as (shelter, police):
        round_id = run_through(shelter, shelter, police)
        check(shelter, police, round_id)
    assert found_before
    assert all(found_before)

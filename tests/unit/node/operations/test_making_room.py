"""A message of a carried file that comes too early is tried again as soon as anything has moved, and never later."""

from types import SimpleNamespace
from typing import Any

import pytest

from node.operations import carrying

ROUND = "4c30aff7a7ad0bce295b39678e576f36"
UNREAD, MADE = (None, 0, True, 0), ("proposed", 0, False, 0)


class _Node:
    """A proposal waits unread; `at` says while what it is looked at it becomes a round."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: str) -> None:
        self.now, self.at = UNREAD, at
        monkeypatch.setattr(carrying, "_mark", lambda _parts, _round: self.now)
        monkeypatch.setattr(carrying, "_works", lambda _parts, _round: self._looked_at("works"))
        monkeypatch.setattr(carrying, "_prepares", lambda _parts, _round: False)
        monkeypatch.setattr(carrying, "STALL_SECONDS", 0.0)

    def _looked_at(self, what: str) -> bool:
        if self.at == what:
            self.now = MADE
        return self.now == UNREAD and self.at != "never works"  # of what is read, nothing waits

    @property
    def parts(self) -> Any:
        return SimpleNamespace(running=True, wake=lambda _round: self._looked_at("wake"))


@pytest.mark.parametrize("at", ["wake", "works"])
def test_what_moves_while_it_is_looked_at_counts(monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    assert carrying._make_room(_Node(monkeypatch, at).parts, ROUND, UNREAD)


@pytest.mark.parametrize("at", ["never", "never works"])
def test_a_node_that_does_not_move_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    assert not carrying._make_room(_Node(monkeypatch, at).parts, ROUND, UNREAD)

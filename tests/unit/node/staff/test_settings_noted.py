"""A settings or policy file that was changed is told in the log, once, before anything happens under it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.errors import StateDamaged, UserError
from node.staff import settings_noted
from node.staff.settings_noted import (
    note_policy,
    note_settings,
    remember_policy,
    remember_settings,
    settings_digest,
)
from node.store.schema import settings
from tests.support.nodes import make_folder, run
from tests.support.stores import SmallNode, small_node


@pytest.fixture
def node(tmp_path: Path) -> Iterator[SmallNode]:
    with small_node(tmp_path / "state") as node:
        node.state.config.write_text("")
        with node.store.transaction() as tx:
            remember_settings(tx, node.store, settings_digest(node.state.config))
        yield node


def told(node: SmallNode, event: str = "settings-changed") -> int:
    return sum(entry.event == event for entry in node.audit.entries())


@pytest.mark.tm("TM-189")
def test_each_change_is_told_once_and_the_way_back_too(node: SmallNode) -> None:
    assert not note_settings(node.store, node.audit, node.state.config)
    for number, text in enumerate(["[budget]\nelements = 9\n", ""], start=1):
        node.state.config.write_text(text)
        assert note_settings(node.store, node.audit, node.state.config)
        assert not note_settings(node.store, node.audit, node.state.config)
        assert told(node) == number
    entry = list(node.audit.entries())[-1]
    assert entry.facts == {"kind": "settings", "digest": settings_digest(node.state.config).hex()}


@pytest.mark.tm("TM-189")
def test_a_node_whose_settings_nobody_noted_yet_tells_them(node: SmallNode) -> None:
    with node.store.transaction() as tx:
        tx.execute(settings.delete())
    assert note_settings(node.store, node.audit, node.state.config)


@pytest.mark.tm("TM-189")
def test_what_was_noted_cannot_be_changed_without_a_key(node: SmallNode) -> None:
    node.state.config.write_text("[budget]\nelements = 9\n")
    with node.store.transaction() as tx:
        tx.execute(settings.update().values(value=settings_digest(node.state.config)))
    with pytest.raises(Exception, match=r"altered|damaged|changed"):
        note_settings(node.store, node.audit, node.state.config)


@pytest.mark.tm("TM-189")
def test_sabotaged_an_open_note_hides_the_change(node: SmallNode, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin of the test above: a note that is not sealed is whatever somebody wrote there."""
    node.state.config.write_text("[budget]\nelements = 9\n")
    with node.store.transaction() as tx:
        tx.execute(settings.update().values(value=settings_digest(node.state.config)))
    monkeypatch.setattr(node.store.cells, "unseal", lambda *place: place[-1])
    assert not note_settings(node.store, node.audit, node.state.config)
    assert told(node) == 0


@pytest.mark.tm("TM-191")
@pytest.mark.parametrize("sabotaged", [False, True])
def test_whoever_writes_the_database_without_a_key_hides_no_policy(
    node: SmallNode, monkeypatch: pytest.MonkeyPatch, sabotaged: bool
) -> None:
    """The twin takes a note that is not sealed for what the log knows."""
    now, before = bytes(32), bytes(range(32))
    with node.store.transaction() as tx:
        remember_policy(tx, node.store, before)
    assert not note_policy(node.store, node.audit, before)
    with node.store.transaction() as tx:
        tx.execute(settings.update().where(settings.c.key == "policy-noted").values(value=now))
    if sabotaged:
        monkeypatch.setattr(node.store.cells, "unseal", lambda *place: place[-1])
        assert not note_policy(node.store, node.audit, now)
        assert told(node, "policy-changed") == 0
        return
    with pytest.raises(StateDamaged):
        note_policy(node.store, node.audit, now)
    with node.store.transaction() as tx:
        tx.execute(settings.delete().where(settings.c.key == "policy-noted"))
    assert note_policy(node.store, node.audit, now)
    assert told(node, "policy-changed") == 1


@pytest.mark.tm("TM-189")
def test_a_node_tells_it_before_it_serves(tmp_path: Path) -> None:
    make_folder(tmp_path / "shelter", "shelter", "ngo")
    with run(tmp_path / "shelter", "shelter") as node:
        assert "settings-changed" not in node.events()
    with (tmp_path / "shelter" / "config.toml").open("a") as file:
        file.write("# another word\n")
    with run(tmp_path / "shelter", "shelter") as node:
        events = node.events()
    assert events[-2:] == ["settings-changed", "node-started"]
    with run(tmp_path / "shelter", "shelter") as node:
        assert node.events().count("settings-changed") == 1


def test_a_file_that_is_not_there_is_told_in_a_sentence(node: SmallNode) -> None:
    node.state.config.unlink()
    with pytest.raises(UserError, match="cannot be read"):
        settings_noted.note_settings(node.store, node.audit, node.state.config)

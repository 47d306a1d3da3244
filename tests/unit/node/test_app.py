"""Making a node: all of it or nothing."""

from pathlib import Path

import pytest

from node.app import create_node, open_node
from node.errors import UserError
from node.identity.cards import Profile
from tests.support.offices import profile


def made(folder: Path, listen: str = "127.0.0.1:0", who: Profile | None = None) -> str:
    return create_node(folder, who or profile(), None, listen=listen)


def test_a_node_that_was_made_opens(tmp_path: Path) -> None:
    member_id = made(tmp_path / "node")
    with open_node(tmp_path / "node", None) as parts:
        assert parts.identity.member_id == member_id
        assert [entry.event.value for entry in parts.audit.entries()] == ["node-created"]


def test_a_folder_with_a_very_long_name_will_do(tmp_path: Path) -> None:
    made(tmp_path / ("a" * 100) / ("b" * 100))


def test_after_a_failure_the_next_try_finds_nothing_in_its_way(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="listen"):
        made(tmp_path / "node", listen="nowhere")
    assert list(tmp_path.iterdir()) == []
    made(tmp_path / "node")


def test_an_interrupted_making_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("node.app.Identity.create", interrupt)
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path / "node")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_that_was_there_stays(tmp_path: Path) -> None:
    (tmp_path / "node").mkdir()
    with pytest.raises(UserError, match="listen"):
        made(tmp_path / "node", listen="nowhere")
    assert list(tmp_path.iterdir()) == [tmp_path / "node"]
    assert list((tmp_path / "node").iterdir()) == []


def test_a_folder_that_holds_something_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("keep me")
    with pytest.raises(UserError, match="not empty"):
        made(tmp_path)
    assert (tmp_path / "letter.txt").read_text() == "keep me"


def test_a_node_is_not_made_twice(tmp_path: Path) -> None:
    member_id = made(tmp_path / "node")
    with pytest.raises(UserError, match="already a node"):
        made(tmp_path / "node")
    with open_node(tmp_path / "node", None) as parts:
        assert parts.identity.member_id == member_id

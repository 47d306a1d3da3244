"""What a command says of a node that it could neither ask nor open in time."""

from pathlib import Path

import pytest

from cli import _session
from cli._session import Session
from node.errors import Busy, FolderInUse


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FolderInUse("Another blindmatch node is already using the folder."), "still starts, or another command"),
        (Busy("The database server cannot be reached."), "The database server cannot be reached."),
    ],
)
def test_what_it_waited_for_is_told_and_nothing_else(
    error: Busy, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(*_: object) -> None:
        raise error

    monkeypatch.setattr(Session, "_opened", opened)
    monkeypatch.setattr(_session, "FOLDER_WAIT_SECONDS", 0.0)
    monkeypatch.setattr(_session, "POLL_SECONDS", 0.01)
    with pytest.raises(Busy, match=said):
        Session(tmp_path, None).call("node.status", {})

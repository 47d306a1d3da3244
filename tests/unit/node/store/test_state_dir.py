import errno
import fcntl
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from node.errors import Busy, NotFound, StateDamaged, UserError
from node.store import StateDir, files
from node.store.files import replace_file


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    made = StateDir(tmp_path / "node")
    made.create()
    replace_file(made.key, b"{}")
    return made


def test_a_new_folder_is_closed_to_others(state: StateDir) -> None:
    state.check()
    assert (state.path.stat().st_mode & 0o777, state.spools.stat().st_mode & 0o777) == (0o700, 0o700)
    assert state.lock_file.stat().st_mode & 0o777 == 0o600


def test_an_existing_empty_folder_is_taken_and_closed(tmp_path: Path) -> None:
    (tmp_path / "node").mkdir(mode=0o755)
    StateDir(tmp_path / "node").create()
    assert (tmp_path / "node").stat().st_mode & 0o777 == 0o700


def test_a_folder_with_a_node_in_it_is_not_made_again(state: StateDir) -> None:
    with pytest.raises(UserError, match="already a node"):
        state.create()


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        StateDir(tmp_path).create()
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "node").write_text("")
    with pytest.raises(UserError, match="cannot be used"):
        StateDir(tmp_path / "node").create()


def test_no_node_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no node"):
        StateDir(tmp_path).check()
    with pytest.raises(NotFound), StateDir(tmp_path / "missing").lock():
        pass


ANOTHER = 65_534
"""An account that owns nothing here."""

AS_ANOTHER = """
import os, sys
from pathlib import Path
from node.errors import NodeError
from node.store import KeyRing, StateDir

state = StateDir(Path(sys.argv[1]))
if os.geteuid() == 0:
    os.seteuid(int(sys.argv[2]))
actions = {"create": state.create, "check": state.check, "lock": lambda: state.lock().__enter__(),
           "key": lambda: KeyRing.open(state.key, None), "needs": lambda: KeyRing.needs_passphrase(state.key)}
try:
    actions[sys.argv[3]]()
except NodeError as error:
    print(error.code, error.diagnostics())
"""


def said_to_another(folder: Path, action: str) -> str:
    """What an account reads that does not own the folder; root would be let in, so there it becomes nobody."""
    command = [sys.executable, "-c", AS_ANOTHER, str(folder), str(ANOTHER), action]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[4])
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("action", ["create", "check", "lock"])
def test_a_folder_that_this_account_may_not_enter(state: StateDir, action: str) -> None:
    state.path.chmod(0o000)
    try:
        said = said_to_another(state.path, action)
    finally:
        state.path.chmod(0o700)
    assert said.startswith(f"user-error You may not enter the folder {state.path}. ")
    assert "as the account that it belongs to" in said


@pytest.mark.parametrize("action", ["key", "needs"])
def test_a_key_file_that_this_account_may_not_read(action: str) -> None:
    with tempfile.TemporaryDirectory() as folder:  # one that everybody can come to, unlike pytest's
        os.chmod(folder, 0o755)
        key = Path(folder) / "key"
        key.write_text("{}")
        key.chmod(0o000)
        said = said_to_another(Path(folder), action)
    assert said.startswith(f"user-error You may not read the key file {key}. ")
    assert "account" in said
    assert "backup" not in said


def test_a_name_that_no_folder_can_have(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be used"):
        StateDir(tmp_path / ("x" * 300)).create()


def test_a_lock_file_that_is_something_else(state: StateDir) -> None:
    state.lock_file.unlink()
    state.lock_file.mkdir()
    with pytest.raises(StateDamaged, match="lock cannot be used"), state.lock():
        pass


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701, 0o770])
def test_a_folder_that_others_can_enter_is_refused(state: StateDir, mode: int) -> None:
    state.path.chmod(mode)
    with pytest.raises(StateDamaged, match="Other accounts"):
        state.check()


def test_a_missing_spool_folder_is_damage(state: StateDir) -> None:
    state.spools.rmdir()
    with pytest.raises(StateDamaged, match="missing"):
        state.check()


def test_a_folder_of_another_account_is_refused(state: StateDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with pytest.raises(StateDamaged, match="another account"):
        state.check()


def test_a_second_holder_is_told_what_to_do(state: StateDir) -> None:
    with state.lock():
        with pytest.raises(Busy) as caught, state.lock():
            pass
        assert "Stop that one first" in caught.value.diagnostics()
    with state.lock():
        pass


def test_another_process_is_kept_out_and_its_death_lets_go(state: StateDir) -> None:
    hold = (
        "import sys, time; from pathlib import Path; from node.store import StateDir\n"
        "with StateDir(Path(sys.argv[1])).lock(): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", hold, str(state.path)], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(Busy), state.lock():
            pass
    finally:
        holder.kill()
        holder.communicate()
    with state.lock():
        pass


@pytest.mark.tm("TM-179")
def test_who_deletes_the_lock_file_lets_nobody_in(state: StateDir) -> None:
    with state.lock():
        state.lock_file.unlink()
        with pytest.raises(Busy), state.lock():
            pass
    with state.lock():
        pass


@pytest.mark.tm("TM-179")
def test_twin_that_locks_the_file_alone_lets_a_second_one_in(state: StateDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_lock_folder", lambda _descriptor: None)
    with state.lock():
        state.lock_file.unlink()
        with state.lock():
            pass


def test_where_folders_cannot_be_locked_the_file_has_to_do(state: StateDir, monkeypatch: pytest.MonkeyPatch) -> None:
    real = fcntl.flock
    asked = 0

    def files_only(descriptor: int, how: int) -> None:
        nonlocal asked
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            asked += 1
            raise OSError(errno.EINVAL, "Invalid argument")
        real(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", files_only)
    with state.lock(), pytest.raises(Busy), state.lock():
        pass
    assert asked == 2


def test_a_folder_that_is_taken_away_at_the_door_is_not_held(state: StateDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_lock_folder", lambda _descriptor: state.lock_file.unlink())
    with pytest.raises(Busy), state.lock():
        pass


def test_a_file_is_flushed_before_it_is_renamed_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    real_sync, real_rename = os.fsync, Path.replace

    def sync(descriptor: int) -> None:
        steps.append("folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file")
        real_sync(descriptor)

    def rename(path: Path, target: Path) -> Path:
        steps.append("rename")
        return real_rename(path, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "replace", rename)
    replace_file(tmp_path / "a", b"one")
    assert steps == ["file", "rename", "folder"]


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_file(tmp_path / "a", b"old")

    def broken(*args: object) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "pwrite", broken)
    with pytest.raises(OSError, match="Input"):
        replace_file(tmp_path / "a", b"new")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"old")]


def test_a_left_over_of_a_crash_is_replaced(tmp_path: Path) -> None:
    (tmp_path / ".a.new").write_bytes(b"half")
    replace_file(tmp_path / "a", b"whole")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"whole")]


def test_a_short_write_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwrite
    monkeypatch.setattr(files.os, "pwrite", lambda fd, data, offset: real(fd, data[:3], offset))
    replace_file(tmp_path / "a", b"ten bytes!")
    assert (tmp_path / "a").read_bytes() == b"ten bytes!"

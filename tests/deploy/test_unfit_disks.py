"""A disk that keeps no access rights, or takes no local socket, holds no node: said before a key is written. The disk
is a Windows disk (NTFS); what WSL itself makes of one can only be seen on Windows."""

import os
import shutil
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli._passphrase import read_file
from node.errors import StateDamaged, UserError
from node.store import StateDir, place
from node.store.place import refuse_unfit

Mount = Callable[[str], Path]


@pytest.fixture
def windows_disk(tmp_path: Path) -> Iterator[Mount]:
    """Mounts a new NTFS disk with these options; away again afterwards."""
    if os.geteuid() != 0:
        pytest.skip("mounting a disk takes root")
    if shutil.which("ntfs-3g") is None or shutil.which("mkntfs") is None:
        pytest.skip("ntfs-3g is not installed (Debian: ntfs-3g), so there is no Windows disk to try")
    image, mounted = tmp_path / "disk", tmp_path / "windows"
    mounted.mkdir()
    with image.open("wb") as file:
        file.truncate(16 * 1024 * 1024)
    subprocess.run(["mkntfs", "-q", "-Q", "-F", str(image)], check=True, capture_output=True, timeout=60)

    def mount(options: str) -> Path:
        command = ["ntfs-3g", "-o", options, str(image), str(mounted)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode:
            pytest.skip("this system mounts no disk through FUSE")
        return mounted

    yield mount
    if os.path.ismount(mounted):
        subprocess.run(["umount", str(mounted)], check=True, timeout=60)


@pytest.mark.tm("TM-269")
@pytest.mark.parametrize("options", ["umask=000", "umask=077", "uid=12345,umask=077"])
def test_no_node_is_made_on_a_disk_without_access_rights(windows_disk: Mount, options: str) -> None:
    disk = windows_disk(options)
    with pytest.raises(UserError, match="access rights of files") as refusal:
        StateDir(disk / "node").create()
    assert "/mnt/c" in refusal.value.advice
    assert list((disk / "node").iterdir()) == []


def test_the_same_disk_holds_one_where_it_keeps_access_rights(windows_disk: Mount) -> None:
    disk = windows_disk("permissions")
    StateDir(disk / "node").create()
    assert stat.S_IMODE((disk / "node").stat().st_mode) == 0o700


@pytest.mark.tm("TM-269")
def test_a_twin_that_does_not_look_makes_one_there(windows_disk: Mount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.store.state_dir.refuse_unfit", lambda folder: None)
    disk = windows_disk("umask=000")
    StateDir(disk / "node").create()
    assert stat.S_IMODE((disk / "node").stat().st_mode) == 0o777


@pytest.mark.tm("TM-269")
def test_a_node_that_was_copied_there_is_not_opened(windows_disk: Mount, tmp_path: Path) -> None:
    state = StateDir(tmp_path / "node")
    state.create()
    state.key.write_bytes(b"")
    state.key.chmod(0o600)
    copied = shutil.copytree(state.path, windows_disk("umask=000") / "node")
    with pytest.raises(StateDamaged) as refusal:
        StateDir(copied).check()
    assert "Linux disk" in refusal.value.advice


def test_a_passphrase_file_there_is_not_read(windows_disk: Mount) -> None:
    file = windows_disk("umask=000") / "passphrase"
    file.write_text("correct horse\n")
    file.chmod(0o600)
    with pytest.raises(UserError, match="not used") as refusal:
        read_file(file)
    assert "elsewhere" in refusal.value.advice


def test_a_disk_that_takes_no_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the Windows disk of WSL, where it was told to remember modes."""

    class NoSocket(socket.socket):
        def bind(self, address: object) -> None:
            raise OSError(95, "Operation not supported")

    monkeypatch.setattr(place.socket, "socket", NoSocket)
    with pytest.raises(UserError, match="No local socket"):
        StateDir(tmp_path / "node").create()
    tmp_path.chmod(0o700)
    refuse_unfit(tmp_path, sockets=False)


def test_a_good_folder_is_left_as_it_was(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 120)  # longer than the path of a socket may be
    deep.mkdir(mode=0o700)
    (deep / ".blindmatch-probe").touch()  # of a try that was killed
    refuse_unfit(deep)
    assert list(deep.iterdir()) == []

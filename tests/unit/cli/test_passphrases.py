"""Passphrases come from private files or a silent terminal, and from nowhere else."""

import os
import pty
import threading
from pathlib import Path

import pytest

from cli._passphrase import MAX_PASSPHRASE_BYTES, read_file
from node.errors import UserError

CANARY = "canary-of-the-passphrase"


def private(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    path = folder / "passphrase"
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    "content", [b"correct horse battery", b"correct horse battery\n", b"correct horse battery\r\nsecond line\n"]
)
def test_the_first_line_is_the_passphrase(tmp_path: Path, content: bytes) -> None:
    with read_file(private(tmp_path, content)) as passphrase:
        assert passphrase.view().tobytes() == b"correct horse battery"
    assert passphrase.wiped


def test_blanks_belong_to_it(tmp_path: Path) -> None:
    with read_file(private(tmp_path, b" two  blanks \n")) as passphrase:
        assert passphrase.size == len(" two  blanks ")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o666, 0o601])
def test_a_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(UserError, match="Other accounts") as refusal:
        read_file(private(tmp_path, CANARY.encode(), mode))
    assert CANARY not in refusal.value.diagnostics()
    assert "chmod 600" in refusal.value.advice


def test_a_credential_of_the_service_manager_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = private(tmp_path, b"from systemd\n", 0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    read_file(path).wipe()
    path.chmod(0o444)
    with pytest.raises(UserError, match="Other accounts"):
        read_file(path)


def test_a_credential_s_right_holds_for_its_folder_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "elsewhere"))
    with pytest.raises(UserError, match="Other accounts"):
        read_file(private(tmp_path, b"from systemd\n", 0o440))


@pytest.mark.parametrize("content", [b"", b"\n", b"\nsecond line\n"])
def test_an_empty_passphrase_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UserError, match="empty"):
        read_file(private(tmp_path, content))


@pytest.mark.parametrize("size", [MAX_PASSPHRASE_BYTES + 1, 10 * MAX_PASSPHRASE_BYTES])
def test_a_passphrase_that_is_too_long_is_refused(tmp_path: Path, size: int) -> None:
    with pytest.raises(UserError, match="longer"):
        read_file(private(tmp_path, b"x" * size))


def test_the_longest_passphrase_is_accepted(tmp_path: Path) -> None:
    with read_file(private(tmp_path, b"x" * MAX_PASSPHRASE_BYTES + b"\n")) as passphrase:
        assert passphrase.size == MAX_PASSPHRASE_BYTES


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read: No such file"):
        read_file(tmp_path / "gone")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a file"):
        read_file(tmp_path)


def test_a_pipe_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path, 0o600)
    writer = threading.Thread(target=lambda: path.write_bytes(b"through a pipe\n"))
    writer.start()
    with read_file(path) as passphrase:
        assert passphrase.view().tobytes() == b"through a pipe"
    writer.join()


def at_a_terminal(typed: list[bytes], body: str) -> tuple[int, bytes]:
    """Run Python code in a child with a terminal of its own; exit code and all that the terminal showed."""
    import sys

    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-c", body])
    shown = b""
    for line in typed:
        while not shown.endswith(b": "):
            shown += os.read(terminal, 1024)
        os.write(terminal, line)
        shown += os.read(terminal, 1)
    try:
        while more := os.read(terminal, 1024):
            shown += more
    except OSError:
        pass  # Linux says so when the child has gone
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown


def test_a_new_passphrase_is_asked_twice_and_never_shown() -> None:
    body = "from cli._passphrase import ask_twice; p = ask_twice(); print(p.size)"
    code, shown = at_a_terminal([f"{CANARY}\n".encode()] * 2, body)
    assert code == 0
    assert CANARY.encode() not in shown
    assert str(len(CANARY)).encode() in shown


def test_two_that_differ_are_refused() -> None:
    body = """
from cli._passphrase import ask_twice
from node.errors import UserError
try:
    ask_twice()
except UserError as error:
    print(error.sentence)
"""
    code, shown = at_a_terminal([b"first passphrase\n", b"other passphrase\n"] * 3, body)
    assert code == 0
    assert shown.count(b"The two passphrases differ.") == 3
    assert b"first" not in shown


def test_after_a_slip_the_passphrase_is_asked_again() -> None:
    body = "from cli._passphrase import ask_twice; print(ask_twice(12).size)"
    typed = [b"short\n", b"first passphrase\n", b"other passphrase\n", b"first passphrase\n", b"first passphrase\n"]
    code, shown = at_a_terminal(typed, body)
    assert code == 0
    assert b"That is too short." in shown
    assert b"The two passphrases differ." in shown
    assert b"16" in shown

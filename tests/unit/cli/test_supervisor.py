"""A program says once to systemd that it serves, in a datagram, and only if somebody waits for it."""

import socket
from contextlib import suppress
from pathlib import Path

import pytest

from cli._supervisor import tell_ready


@pytest.mark.parametrize("abstract", [False, True])
def test_whoever_waits_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool) -> None:
    name = f"@blindmatch-{tmp_path.name}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind("\0" + name[1:] if abstract else name)
        ear.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        tell_ready()
        assert ear.recv(64) == b"READY=1"
        ear.setblocking(False)
        with pytest.raises(BlockingIOError):
            ear.recv(64)


@pytest.mark.parametrize("address", ["", "relative/socket", "/nobody/is/here", "@nobody-is-here", "/" + "x" * 300])
def test_a_supervisor_that_is_not_there_stops_nobody(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    tell_ready()


def test_one_that_takes_nothing_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its queue is full: who waited for it would never serve."""
    name = str(tmp_path / "notify")
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filler,
    ):
        ear.bind(name)
        filler.setblocking(False)
        sent = 0
        with suppress(BlockingIOError):
            while sent < 100_000:
                sent += filler.sendto(b"x", name)
        assert 0 < sent < 100_000
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        tell_ready()

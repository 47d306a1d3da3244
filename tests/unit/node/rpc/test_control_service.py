"""The control socket: every folder name works, only the owner gets in, errors arrive as sentences."""

import json
import os
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from node.errors import NotFound, StateDamaged, UserError
from node.rpc.control import PROGRESS_BACKLOG, ControlServer, Progress
from node.rpc.control_client import ControlClient, NodeNotRunning, RemoteError
from node.rpc.control_socket import SOCKET_NAME
from node.wire.services import DELIVER, INVOKE
from psi.errors import BadProof
from psi.secret import SecretBytes
from tests.support.stores import secret


class Operations:
    def __init__(self) -> None:
        self.finished = threading.Event()
        self.go_on = threading.Event()
        self.kept: list[SecretBytes] = []

    def invoke(
        self,
        name: str,
        request: bytes,
        progress: Progress,
        *,
        credential: SecretBytes | None = None,
        new_credential: SecretBytes | None = None,
    ) -> bytes:
        if name == "who":
            given = [None if one is None else bytes(one.view()).decode() for one in (credential, new_credential)]
            self.kept += [one for one in (credential, new_credential) if one is not None]
            return json.dumps({"given": given}).encode()
        if name == "echo":
            return json.dumps({"got": json.loads(request)}).encode()
        if name == "count":
            for step in range(json.loads(request)["steps"]):
                progress({"step": step})
            return b'{"done": true}'
        if name == "slow":
            progress({"step": 0})
            self.go_on.wait(10)
            self.finished.set()
            return b"{}"
        if name == "long":
            return b'"' + b"x" * (64 * 1024 * 1024) + b'"'
        if name == "user-error":
            raise UserError("That is not right.", advice="Do this.")
        if name == "peer-error":
            raise BadProof("The proof does not hold.")
        raise KeyError("+31612345678")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / ("a rather long name % 20?#&ü " * 8)
    made.mkdir(mode=0o700)
    return made


@pytest.fixture
def operations(folder: Path) -> Iterator[Operations]:
    offered = Operations()
    server = ControlServer(folder, offered)
    server.start()
    try:
        yield offered
    finally:
        offered.go_on.set()
        server.stop(1)


def call(folder: Path, name: str, request: dict[str, Any] | None = None) -> Any:
    with ControlClient(folder) as client:
        return client.call(name, request or {})


def test_a_request_and_its_reply(folder: Path, operations: Operations) -> None:
    odd = {"text": "é\u202e\ud800", "number": 2**60, "nothing": None}
    assert call(folder, "echo", odd) == {"got": odd}


def test_a_quick_operation_is_quick(folder: Path, operations: Operations) -> None:
    started = time.monotonic()
    for _ in range(5):
        call(folder, "echo")
    assert time.monotonic() - started < 2


def test_progress_comes_in_order_before_the_reply(folder: Path, operations: Operations) -> None:
    steps: list[int] = []
    with ControlClient(folder) as client:
        assert client.call("count", {"steps": 10}, lambda step: steps.append(step["step"])) == {"done": True}
    assert steps == list(range(10))


def test_too_much_progress_is_left_out_and_the_operation_never_waits(folder: Path, operations: Operations) -> None:
    steps: list[int] = []

    def read_slowly(step: Any) -> None:
        if len(steps) < 3:
            time.sleep(0.1)
        steps.append(step["step"])

    with ControlClient(folder) as client:
        assert client.call("count", {"steps": 200_000}, read_slowly) == {"done": True}
    assert steps == sorted(steps)
    assert len(steps) >= PROGRESS_BACKLOG


@pytest.mark.parametrize(
    ("name", "code", "sentence"),
    [
        ("user-error", "user-error", "That is not right."),
        ("peer-error", "bad-proof", "The proof does not hold."),
        ("boom", "internal", "does not know how to explain"),
        ("long", "user-error", "too long"),
        ("", "user-error", "no operation"),
        ("UPPER", "user-error", "no operation"),
        ("a b", "user-error", "no operation"),
        ("x" * 65, "user-error", "no operation"),
        ("../etc", "user-error", "no operation"),
    ],
)
def test_errors_arrive_as_code_and_sentence(
    folder: Path, operations: Operations, name: str, code: str, sentence: str
) -> None:
    with pytest.raises(RemoteError, match=sentence) as caught:
        call(folder, name)
    assert caught.value.code == code
    assert "+316" not in caught.value.diagnostics()
    call(folder, "echo")  # the node goes on


def test_an_operation_outlives_its_caller(folder: Path, operations: Operations) -> None:
    def interrupt(_step: Any) -> None:
        raise KeyboardInterrupt

    with ControlClient(folder) as client, pytest.raises(KeyboardInterrupt):
        client.call("slow", {}, interrupt)
    operations.go_on.set()
    assert operations.finished.wait(5)


def test_a_deadline_is_said(folder: Path, operations: Operations) -> None:
    with ControlClient(folder) as client, pytest.raises(RemoteError) as caught:
        client.call("slow", {}, timeout_seconds=0.3)
    assert caught.value.code == "deadline"


@pytest.mark.tm("TM-65")
def test_the_socket_is_the_owners_alone(folder: Path, operations: Operations) -> None:
    assert stat.S_IMODE((folder / SOCKET_NAME).stat().st_mode) == 0o600


@pytest.mark.tm("TM-65")
@pytest.mark.parametrize("mode", [0o750, 0o701, 0o777])
def test_an_open_folder_is_refused_by_both_ends(folder: Path, mode: int) -> None:
    folder.chmod(mode)
    with pytest.raises(StateDamaged, match="Other accounts"):
        ControlServer(folder, Operations())
    with pytest.raises(StateDamaged, match="Other accounts"):
        ControlClient(folder)


def test_no_folder_and_no_node_are_told_apart(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        ControlClient(tmp_path / "nothing")
    with pytest.raises(NodeNotRunning, match="not running"):
        call(folder, "echo")


def test_a_socket_left_by_a_crash_is_no_obstacle(folder: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as left_over:
        here = os.open(folder, os.O_PATH)
        left_over.bind(f"/proc/self/fd/{here}/{SOCKET_NAME}")
        os.close(here)
    with pytest.raises(NodeNotRunning):
        call(folder, "echo")
    server = ControlServer(folder, Operations())
    server.start()
    try:
        assert call(folder, "echo") == {"got": {}}
    finally:
        server.stop(1)
    assert not (folder / SOCKET_NAME).exists()
    with pytest.raises(NodeNotRunning):
        call(folder, "echo")


@pytest.mark.tm("TM-65")
@pytest.mark.parametrize("method", [DELIVER, INVOKE.replace("Invoke", "Other"), "/x.Y/Z"])
def test_only_the_owners_calls_are_here(folder: Path, operations: Operations, method: str) -> None:
    with ControlClient(folder) as client:
        future = client._channel.unary_unary(method).future(b"", timeout=5)
        assert future.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.tm("TM-187")
def test_a_passphrase_goes_beside_the_request_and_is_wiped(folder: Path, operations: Operations) -> None:
    with ControlClient(folder) as client, secret(b"anna has a long one") as own, secret(b"a new one") as new:
        assert client.call("who", {}) == {"given": [None, None]}
        assert client.call("who", {}, credential=own) == {"given": ["anna has a long one", None]}
        given = client.call("who", {}, credential=own, new_credential=new)["given"]
        assert given == ["anna has a long one", "a new one"]
    assert [one.wiped for one in operations.kept] == [True] * 3

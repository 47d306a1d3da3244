"""`blindmatch doctor` names the arithmetic that runs, and says in plain words when a faster one is missing."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import psi.backend
from cli._node_checks import Check, members, running, watching
from cli.doctor import examine
from node import config
from node.clock import SystemClock
from node.errors import PeerUnreachable
from node.watch import WatchServer
from psi.backend import BACKENDS, PRICE_OF_PORTABLE, PRICE_OF_SODIUM, usable


def checks() -> dict[str, Check]:
    return {check.name: check for check in examine(None)}


@pytest.mark.parametrize("name", BACKENDS)
def test_the_backend_and_its_speed_are_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name not in usable():
        pytest.skip(f"{name} does not run here")
    monkeypatch.setenv("BLINDMATCH_BACKEND", name)
    found = checks()
    assert found["backend"].ok
    assert found["backend"].says.startswith(f"{name};")
    assert found["speed"].says.startswith(f"{name}: ")


def test_with_the_fastest_core_doctor_says_what_it_was_compiled_with() -> None:
    if usable()[0] != BACKENDS[0]:
        pytest.skip("the fastest core does not run here")
    check = checks()["curve core"]
    assert check.ok
    assert "-O3" in check.says


def test_without_the_core_doctor_says_why_and_what_it_costs_and_is_content(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is there and the compiled file is not, as after an installation without a compiler."""
    for name in ("psi._native", "psi._native._core"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(psi.backend, "_chosen", {})
    found = checks()
    assert found["backend"].ok
    assert found["backend"].says.startswith("sodium;")
    check = found["curve core"]
    assert check.ok is None
    assert "no C compiler" in check.says
    assert f"{PRICE_OF_SODIUM} times as long" in check.says
    assert "gcc and python3-dev" in check.advice


def test_without_the_core_a_forced_native_backend_is_explained_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("psi._native", "psi._native._core"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setenv("BLINDMATCH_BACKEND", "native")
    found = checks()
    assert [name for name, check in found.items() if "no C compiler" in check.says] == ["backend"]
    assert [name for name, check in found.items() if "gcc and python3-dev" in check.advice] == ["backend"]
    assert [name for name, check in found.items() if check.ok is False] == ["backend"]
    assert "backend" in found["curve core"].says
    assert "backend" in found["speed"].says


def test_a_backend_that_does_not_exist_hides_no_missing_core(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("psi._native", "psi._native._core"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setenv("BLINDMATCH_BACKEND", "fastest")
    found = checks()
    assert "does not exist" in found["backend"].says
    assert "no C compiler" in found["curve core"].says


def test_on_another_processor_doctor_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("psi._native", reason="the core was not built")
    monkeypatch.setattr(psi.backend, "_cores", lambda: ("portable",))
    found = checks()
    assert found["backend"].says.startswith("native-portable;")
    check = found["curve core"]
    assert check.ok is None
    assert "AVX-512 IFMA" in check.says
    assert f"{PRICE_OF_PORTABLE} times as long" in check.says


def test_a_forced_backend_that_is_not_there_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLINDMATCH_BACKEND", "native")
    monkeypatch.setattr(psi.backend, "_cores", lambda: ())
    check = checks()["backend"]
    assert check.ok is False
    assert "native, is not there" in check.says


def test_the_command_exits_8_for_a_backend_that_does_not_exist() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli", "doctor", "--json"],
        env=os.environ | {"BLINDMATCH_BACKEND": "fastest"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 8
    assert "does not exist" in done.stdout


def test_before_there_is_a_node_doctor_says_one_sentence_and_what_to_do(tmp_path: Path) -> None:
    for place in (tmp_path / "nothing", tmp_path):  # not there, and empty
        found = list(examine(place))
        (row,) = [check for check in found if check.name == "node"]
        assert row.ok is None
        assert row.says == f"There is no node in {place} yet."
        assert "blindmatch node init" in row.advice
        assert not [check.name for check in found if check.ok is False]
        assert {check.name for check in found}.isdisjoint({"folder", "key file", "settings", "database", "certificate"})


def test_a_folder_that_lost_its_key_file_is_no_new_folder(tmp_path: Path) -> None:
    (tmp_path / "db").write_bytes(b"")
    found = {check.name: check for check in examine(tmp_path)}
    assert found["folder"].ok is False


def test_members_are_rows_and_their_trouble_is_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the node says of each member, without a node: real servers stand in test_connection_causes.py."""
    replies: dict[str, Any] = {
        "fine": {"software": "0.1.0", "clock_ahead_seconds": 0.4},
        "late": {"software": "0.1.0", "clock_ahead_seconds": -1800.0},
        "lost": {"software": "0.1.0", "clock_ahead_seconds": 7200.0},
        "away": PeerUnreachable("Nobody listens at away:1.", advice="Ask them."),
    }
    # What is not called from here is no member that cannot be reached: it is not asked, and nothing is wrong with it.
    ways = dict.fromkeys(replies, "direct") | {"shy": "collects", "far": "relay:post", "island": "file"}

    class Client:
        def __init__(self, _place: Path) -> None: ...
        def __enter__(self) -> "Client":
            return self

        def __exit__(self, *_error: object) -> None: ...

        def call(self, operation: str, request: dict[str, str], **_options: Any) -> Any:
            if operation == "member.list":
                shown = [{"alias": alias, "state": "confirmed", "reach": ways[alias]} for alias in ways]
                return {"members": [*shown, {"alias": "new", "state": "pending", "reach": "direct"}]}
            reply = replies[request["name"]]
            if isinstance(reply, Exception):
                raise reply
            return reply

    monkeypatch.setattr("node.rpc.control_client.ControlClient", Client)
    found = {check.name: check for check in members(tmp_path)}
    assert list(found) == [f"member {alias}" for alias in ways]
    assert [check.ok for check in found.values()] == [True, True, False, None, True, True, True]
    assert found["member shy"].says == "not called from here: it calls this node"
    assert found["member far"].says == "not called from here: messages go through relay:post"
    assert "30 minutes behind ours; up to 1 hour is borne" in found["member late"].advice
    assert "120 minutes ahead of ours; more than the 1 hour" in found["member lost"].advice
    assert (found["member away"].says, found["member away"].advice) == ("Nobody listens at away:1.", "Ask them.")


@pytest.mark.parametrize(
    ("port", "says"), [(7443, "runs on port 7443"), (None, "runs without a port (it calls others)")]
)
def test_a_node_that_nobody_can_call_runs_without_a_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: int | None, says: str
) -> None:
    reply = {"port": port, "versions": {"software": "0.2.0"}}
    monkeypatch.setattr("node.rpc.control_client.ControlClient.call", lambda *_words, **_options: reply)
    assert running(tmp_path).says == f"{says}, version 0.2.0"


@pytest.mark.parametrize(
    ("problems", "ok", "says"),
    [((), True, "ready; figures at 127.0.0.1:"), (("disk-low",), False, "not ready: disk-low"), (None, None, "nobody")],
    ids=["ready", "not ready", "not running"],
)
def test_what_those_who_watch_the_node_are_told_is_a_row(
    tmp_path: Path, problems: tuple[str, ...] | None, ok: bool | None, says: str
) -> None:
    checks = {problem: lambda: True for problem in problems or ()}
    server = WatchServer("127.0.0.1:0", SystemClock(), checks, lambda _metrics: None)
    config.write_default(tmp_path / "config.toml", watch=f"127.0.0.1:{server.port}")
    server.start()
    if problems is None:
        server.stop()
    try:
        row = watching(tmp_path)
    finally:
        if problems is not None:
            server.stop()
    assert (row.name, row.ok) == ("watching", ok)
    assert row.says.startswith(says)


def test_a_node_that_nobody_watches_is_told_how_it_could_be(tmp_path: Path) -> None:
    config.write_default(tmp_path / "config.toml")
    row = watching(tmp_path)
    assert row.ok is None
    assert "`watch` under [node]" in row.says

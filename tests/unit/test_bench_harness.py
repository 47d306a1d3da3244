"""The bench harness: its rows have the agreed form, and a broken measurement neither hides nor passes for good."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from psi import dleq
from psi.backend import choose
from psi.group import GENERATOR
from tests.bench import _bench, _peers, _references, no_proofs_node
from tests.bench._bench import Line, Note, Result, Skip, measurement
from tests.bench._turns import in_turns, one_core
from tests.bench.peers import environments


@pytest.fixture
def _empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No registered measurement, no bench module found, and an output of our own."""
    monkeypatch.setattr(_bench, "_registered", {})
    monkeypatch.setattr(_bench, "_by_name", set())
    monkeypatch.setattr(_bench, "__file__", str(tmp_path / "_bench.py"))
    monkeypatch.setattr(_bench, "ROOT", tmp_path)
    monkeypatch.setattr(_bench, "OUTPUT", tmp_path / "build" / "bench.json")
    monkeypatch.setattr(sys, "argv", ["bench"])


def steady() -> Iterator[Result]:
    yield Result("steady", 3.0, "s", reference=2.0, n=10, runs=5)
    yield Result("alone", 1.0, "s")


def broken() -> Iterator[Result]:
    yield Result("begun", 1.0, "s")
    raise RuntimeError("no measurement today")


@pytest.mark.usefixtures("_empty")
def test_the_file_is_a_list_of_rows_of_the_agreed_form() -> None:
    measurement("steady")(steady)
    _bench.main()
    assert json.loads(_bench.OUTPUT.read_text()) == [
        {"name": "steady", "value": 3.0, "unit": "s", "reference": 2.0, "ratio": 1.5, "n": 10, "runs": 5},
        {"name": "alone", "value": 1.0, "unit": "s", "reference": None, "ratio": None, "n": 1, "runs": 1},
    ]


@pytest.mark.usefixtures("_empty")
def test_a_failure_is_named_the_others_are_shown_and_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    measurement("broken")(broken)
    measurement("steady")(steady)
    with pytest.raises(SystemExit, match="broken"):
        _bench.main()
    assert "steady" in capsys.readouterr().out
    assert not _bench.OUTPUT.exists()


@pytest.mark.usefixtures("_empty")
def test_a_part_of_the_bench_does_not_overwrite_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    measurement("steady")(steady)
    monkeypatch.setattr(sys, "argv", ["bench", "stea"])
    _bench.main()
    assert not _bench.OUTPUT.exists()


@pytest.mark.usefixtures("_empty")
def test_an_unknown_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    measurement("steady")(steady)
    monkeypatch.setattr(sys, "argv", ["bench", "stdy"])
    with pytest.raises(SystemExit, match="steady"):
        _bench.main()


@pytest.mark.usefixtures("_empty")
def test_two_measurements_of_one_name_are_refused() -> None:
    measurement("steady")(steady)
    with pytest.raises(ValueError, match="steady"):
        measurement("steady")(broken)


@pytest.mark.usefixtures("_empty")
def test_a_whole_name_chooses_that_measurement_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    measurement("round.1")(steady)
    measurement("round.10")(broken)
    assert list(_bench.chosen("round")) == ["round.1", "round.10"]
    assert list(_bench.chosen("round.1")) == ["round.1"]


@pytest.mark.usefixtures("_empty")
def test_a_name_with_others_under_it_chooses_them_too() -> None:
    measurement("kinds")(steady)
    measurement("kinds.whole")(broken)
    assert list(_bench.chosen("kinds")) == ["kinds", "kinds.whole"]
    assert list(_bench.chosen("kinds.phone")) == ["kinds"]


@pytest.mark.usefixtures("_empty")
def test_one_that_takes_long_runs_by_its_whole_name_only() -> None:
    measurement("kinds")(steady)
    measurement("kinds.whole.day", by_name=True)(broken)
    assert list(_bench.chosen("")) == list(_bench.chosen("kinds")) == ["kinds"]
    assert list(_bench.chosen("kinds.whole.day")) == ["kinds.whole.day"]


@pytest.mark.usefixtures("_empty")
@pytest.mark.parametrize("row", ["core.evaluate.ifma", "core.evaluate, alone"])
def test_the_name_of_a_row_chooses_its_measurement_and_shows_that_row_alone(
    row: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("core.evaluate.ifma", "core.evaluate.sodium", "core.evaluate, alone")
    measurement("core.evaluate")(
        lambda: (*(Result(name, 1.0, "/s") for name in names), Skip("core.evaluate.portable", "none"))
    )
    measurement("core.evaluate_all")(broken)
    monkeypatch.setattr(sys, "argv", ["bench", *row.split()])
    _bench.main()
    shown = capsys.readouterr().out
    assert [name for name in (*names, "core.evaluate.portable") if name in shown] == [row]
    assert not _bench.OUTPUT.exists()


@pytest.mark.usefixtures("_empty")
def test_a_row_that_was_not_yielded_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    measurement("alone")(lambda: [Result("alone.first", 1.0, "s")])
    monkeypatch.setattr(sys, "argv", ["bench", "alone.second"])
    with pytest.raises(SystemExit, match=r"No row is called like 'alone\.second'.*alone\.first"):
        _bench.main()


def judged() -> Iterator[Line]:
    yield Note("other: version 1")
    yield Result("fast", 7.0, "/s", reference=1.0, at_least=6.5)
    yield Note("other: version 1")
    yield Result("slow", 6.0, "/s", reference=1.0, at_least=6.5)
    yield Result("small", 0.1, "s", reference=1.0, at_most=0.1)
    yield Skip("absent", "no such processor")


@pytest.mark.usefixtures("_empty")
def test_the_table_says_what_was_reached_what_was_skipped_and_what_the_references_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    measurement("judged")(judged)
    _bench.main()
    shown = capsys.readouterr().out
    lines = {line.split()[0]: line for line in shown.splitlines() if line}
    assert lines["fast"].endswith(">= 6.5: reached")
    assert lines["slow"].endswith(">= 6.5: NOT reached")
    assert lines["small"].endswith("<= 0.1: reached")
    assert "Skipped: absent: no such processor" in shown
    assert shown.count("other: version 1") == 1
    assert [row["name"] for row in json.loads(_bench.OUTPUT.read_text())] == ["fast", "slow", "small"]


def test_actions_take_turns_after_one_unmeasured_turn_each_and_the_best_counts() -> None:
    calls: list[str] = []

    def action(name: str, times: list[float]) -> float:
        calls.append(name)
        return times.pop(0)

    ours, theirs = [0.0, 3.0, 2.0, 4.0], [0.0, 7.0, 8.0, 9.0]
    assert in_turns(lambda: action("a", ours), lambda: action("b", theirs), runs=3) == (2.0, 7.0)
    assert calls == ["a", "b"] * 4


def test_one_core_is_given_back() -> None:
    before = os.sched_getaffinity(0)
    with one_core():
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before


@pytest.mark.skipif(not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="there is no C compiler here")
@pytest.mark.parametrize(("kind", "name"), [("x25519", "OpenSSL"), ("ristretto255", "libsodium 1.0.18")])
def test_the_references_run_and_say_their_version(kind: _references.Kind, name: str) -> None:
    with _references.reference(kind) as reference:
        assert reference.version.startswith(name)
        assert reference.note.startswith(kind)
        few, many = reference.seconds(1), reference.seconds(200)
    assert 0 < few < many


def test_without_a_compiler_the_references_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    _references.compiled.cache_clear()
    monkeypatch.setattr(_references.shutil, "which", lambda _name: None)
    with pytest.raises(_references.Missing, match="no C compiler"), _references.reference("x25519"):
        pass


def test_a_library_that_cannot_be_opened_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_references, "_crypto", lambda: "libno-such-thing.so")
    if not any(map(shutil.which, ("cc", "gcc", "clang"))):
        pytest.skip("there is no C compiler here")
    with pytest.raises(_references.Missing, match="no-such-thing"), _references.reference("x25519"):
        pass


@pytest.mark.parametrize("peer", _peers.PEERS)
def test_a_peer_without_its_environment_is_absent(peer: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_peers, "_PLACE", tmp_path)
    with pytest.raises(_peers.Absent, match="make bench-peers"):
        _peers.run(peer, tmp_path, tmp_path / "one.csv", tmp_path / "other.csv")


def test_a_peer_that_fails_is_absent_with_its_last_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    python = tmp_path / "openmined" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho no such library\nexit 1\n")
    python.chmod(0o755)
    (tmp_path / "openmined" / "blindmatch-stamp").touch()
    monkeypatch.setattr(_peers, "_PLACE", tmp_path)
    with pytest.raises(_peers.Absent, match="no such library"):
        _peers.run("openmined", tmp_path, tmp_path / "one.csv", tmp_path / "other.csv")


def test_each_peer_has_a_lock_with_hashes() -> None:
    for name in environments.TRIALS:
        assert "--hash=sha256:" in (environments.HERE / f"{name}.lock").read_text()
        assert len(environments.wanted(name).split()[1]) == 64


def test_the_variant_without_proofs_is_out_of_reach_of_what_is_shipped() -> None:
    for package in ("psi", "node", "cli"):
        for path in (_bench.ROOT / package).rglob("*.py"):
            assert "tests.bench" not in path.read_text(encoding="utf-8"), path


def test_the_variant_without_proofs_replaces_what_the_protocol_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dleq, "prove_batch", dleq.prove_batch)  # given back at the end
    monkeypatch.setattr(dleq, "evaluate_batch", dleq.evaluate_batch)
    monkeypatch.setattr(dleq, "verify_batch", dleq.verify_batch)
    started: list[object] = []
    monkeypatch.setattr(no_proofs_node, "run_node", lambda *arguments, **_: started.append(arguments))
    monkeypatch.setattr(sys, "argv", ["no_proofs_node", "folder"])
    no_proofs_node.main()
    assert started
    assert dleq.prove_batch() == bytes(dleq.PROOF_BYTES)  # type: ignore[call-arg]
    backend = choose()
    with backend.new_scalar() as scalar:
        evaluated = dleq.evaluate_batch(backend, scalar, b"", GENERATOR, label=b"", context=b"", random_bytes=bytes)
        assert evaluated == (backend.multiply(scalar, GENERATOR), bytes(dleq.PROOF_BYTES))
    assert dleq.verify_batch() is None  # type: ignore[call-arg, func-returns-value]

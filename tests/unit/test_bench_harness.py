"""The bench harness: its rows have the agreed form, and a broken measurement neither hides nor passes for good."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench import _bench
from tests.bench._bench import Result, interleaved, measurement


@pytest.fixture
def _empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No registered measurement, no bench module found, and an output of our own."""
    monkeypatch.setattr(_bench, "_registered", {})
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


def test_subject_and_reference_take_turns_after_one_unmeasured_call_each() -> None:
    calls: list[str] = []
    result = interleaved("x", "/s", 100, lambda: calls.append("s"), lambda: calls.append("r"), reference_n=50, runs=3)
    assert calls == ["s", "r"] * 4
    assert (result.n, result.runs) == (100, 3)
    assert result.value > 0
    assert (result.reference or 0) > 0

"""The set-up of the checkout's environment: made once, again when it must be, never taken for whole when it is not."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.tree import ROOT


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """.ci/environment.py on an empty checkout of its own; `steps` lists what it would have run."""
    spec = importlib.util.spec_from_file_location("environment", ROOT / ".ci" / "environment.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    venv = tmp_path / ".venv"
    for name, value in {
        "ROOT": tmp_path,
        "VENV": venv,
        "STAMP": venv / "stamp.json",
        "PYTHON": venv / "python",
    }.items():
        monkeypatch.setattr(module, name, value)
    for lock in ("requirements.lock", "requirements-dev.lock"):
        (tmp_path / lock).write_text("first")
    module.steps = []

    def run(*command: str | Path) -> None:
        what = "venv" if "venv" in command else Path(command[-1]).name
        if what == getattr(module, "fails", None):
            raise SystemExit("no network")
        module.steps.append(what)
        venv.mkdir(exist_ok=True)
        module.PYTHON.touch()

    monkeypatch.setattr(module, "run", run)
    monkeypatch.setattr(module, "point_at_checkout", lambda: None)
    return module


RUNTIME = ["venv", "requirements.lock"]
DEV = ["requirements-dev.lock"]


def test_the_demo_needs_the_runtime_packages_only_and_a_second_run_needs_nothing(setup: ModuleType) -> None:
    setup.ensure("runtime")
    setup.ensure("runtime")
    assert setup.steps == RUNTIME


def test_the_tools_go_on_top_and_the_demo_does_not_mind_them(setup: ModuleType) -> None:
    setup.ensure("runtime")
    setup.ensure("dev")
    setup.ensure("dev")
    setup.ensure("runtime")
    assert setup.steps == RUNTIME + DEV


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_a_changed_lock_makes_it_again_from_nothing(setup: ModuleType, lock: str) -> None:
    setup.ensure("dev")
    (setup.ROOT / lock).write_text("second")
    setup.ensure("dev")
    assert setup.steps == (RUNTIME + DEV) * 2


@pytest.mark.parametrize("step", RUNTIME + DEV)
def test_an_interrupted_set_up_is_not_taken_for_a_whole_one(setup: ModuleType, step: str) -> None:
    setup.fails = step
    with pytest.raises(SystemExit):
        setup.ensure("dev")
    assert "dev" not in setup.in_place()
    assert ("runtime" in setup.in_place()) == (step in DEV)
    setup.fails = None
    setup.ensure("dev")
    assert setup.steps[-1:] == DEV
    assert "dev" in setup.in_place()


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"python": "3.11.0"}'])
def test_a_damaged_stamp_counts_as_none(setup: ModuleType, damage: str) -> None:
    setup.ensure("runtime")
    setup.STAMP.write_text(damage)
    setup.ensure("runtime")
    assert setup.steps == RUNTIME * 2


def test_a_python_without_venv_is_told_what_to_install(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="python3-venv"):
        setup.ensure("runtime")
    assert setup.steps == []

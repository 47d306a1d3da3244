"""The set-up of the checkout's environment: made once, again when it must be, never taken for whole when it is not."""

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from psi.backend import PRICE_OF_SODIUM
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


class Recipe:
    """In place of setup.py: compiles nothing, counts, and fails when told to."""

    FILE = Path("psi", "_native", "_core.abi3.so")
    WORDS = ("CC", "CFLAGS", "LDFLAGS")

    class NotCompiled(Exception):
        pass

    def __init__(self) -> None:
        self.tried = 0
        self.made_from = "one"
        self.reason: str | None = None

    def fingerprint(self, words: Mapping[str, str]) -> str:
        return f"{self.made_from} {sorted(words.items())}"

    def compile_core(self, target: Path, words: Mapping[str, str]) -> None:
        self.tried += 1
        if self.reason:
            raise self.NotCompiled(self.reason)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(" ".join([self.made_from, *words.values()]))


@pytest.fixture
def recipe(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    made = Recipe()
    for name in made.WORDS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(setup, "core_recipe", lambda: made)
    monkeypatch.setattr(setup, "CORE_STAMP", setup.VENV / "core.json")
    setup.ensure("runtime")
    return made


def test_the_core_is_compiled_once_and_again_after_an_edit_or_when_asked(setup: ModuleType, recipe: Recipe) -> None:
    target = setup.ROOT / recipe.FILE
    for _ in range(2):
        setup.ensure_core()
    assert (recipe.tried, target.read_text()) == (1, "one")
    recipe.made_from = "two"
    for _ in range(2):
        setup.ensure_core()
    assert (recipe.tried, target.read_text()) == (2, "two")
    setup.ensure_core(anew=True)
    assert recipe.tried == 3


def test_a_core_that_was_removed_is_compiled_again(setup: ModuleType, recipe: Recipe) -> None:
    setup.ensure_core()
    (setup.ROOT / recipe.FILE).unlink()
    setup.ensure_core()
    assert recipe.tried == 2


def test_without_a_compiler_the_set_up_goes_on_and_says_what_it_costs_once(
    setup: ModuleType, recipe: Recipe, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe.reason = "there is no C compiler"
    setup.ensure_core()
    said = capsys.readouterr().out
    assert "there is no C compiler" in said
    assert f"{PRICE_OF_SODIUM} times as long" in said
    setup.ensure_core()
    assert (recipe.tried, capsys.readouterr().out) == (1, "")
    assert not (setup.ROOT / recipe.FILE).exists()


def test_a_core_of_other_sources_does_not_stay_when_the_new_ones_fail(setup: ModuleType, recipe: Recipe) -> None:
    setup.ensure_core()
    recipe.made_from, recipe.reason = "two", "the C compiler refused: error"
    setup.ensure_core()
    assert not (setup.ROOT / recipe.FILE).exists()


def test_the_words_of_make_native_hold_until_the_next_one(
    setup: ModuleType, recipe: Recipe, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = setup.ROOT / recipe.FILE
    monkeypatch.setenv("CC", "clang")
    monkeypatch.setenv("CFLAGS", "-g -O1")
    setup.ensure_core(anew=True)
    assert "CC=clang CFLAGS='-g -O1'" in capsys.readouterr().out
    monkeypatch.delenv("CC")
    monkeypatch.setenv("CFLAGS", "")
    for _ in range(2):
        setup.ensure_core()
    assert (recipe.tried, target.read_text()) == (1, "one clang -g -O1")
    recipe.made_from = "two"
    setup.ensure_core()
    assert (recipe.tried, target.read_text()) == (2, "two clang -g -O1")
    assert "CC=clang" in capsys.readouterr().out
    setup.ensure_core(anew=True)
    for _ in range(2):
        setup.ensure_core()
    assert (recipe.tried, target.read_text()) == (3, "two")


def test_other_words_count_for_as_long_as_they_are_given(
    setup: ModuleType, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = setup.ROOT / recipe.FILE
    monkeypatch.setenv("CC", "clang")
    setup.ensure_core(anew=True)
    monkeypatch.setenv("CC", "gcc")
    for _ in range(2):
        setup.ensure_core()
    assert (recipe.tried, target.read_text()) == (2, "one gcc")
    monkeypatch.delenv("CC")
    setup.ensure_core()
    assert target.read_text() == "one clang"


@pytest.mark.parametrize("kept", ["[]", '"clang"', '{"CC": 5}', '{"PATH": "/tmp"}'])
def test_damaged_words_count_as_none(setup: ModuleType, recipe: Recipe, kept: str) -> None:
    setup.ensure_core()
    setup.CORE_STAMP.write_text(f'{{"{setup.KEPT}": {kept}}}')
    setup.ensure_core()
    assert (setup.ROOT / recipe.FILE).read_text() == "one"


@pytest.mark.parametrize("lacking", ["compiler", "version", "headers", "sources"])
def test_the_check_of_the_wheel_says_first_that_nothing_can_be_compiled(
    lacking: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NotCompiled(Exception):
        pass

    def lack(*_: object) -> None:
        raise NotCompiled("there is no such thing")

    questions = {name: lambda *_: None for name in ("compiler", "version", "headers", "sources")} | {lacking: lack}
    monkeypatch.syspath_prepend(str(ROOT / ".ci"))
    spec = importlib.util.spec_from_file_location("wheel_check", ROOT / ".ci" / "wheel_check.py")
    assert spec is not None
    assert spec.loader is not None
    check = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(check)
    sys.modules.pop("environment")
    monkeypatch.setattr(check, "core_recipe", lambda: SimpleNamespace(NotCompiled=NotCompiled, **questions))
    monkeypatch.setattr(check, "run", lambda *_, **__: pytest.fail("it went on"))
    with pytest.raises(SystemExit, match=r"cannot be compiled here: there is no such thing\.$"):
        check.main()


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"made": true}'])
def test_a_damaged_stamp_of_the_core_counts_as_none(setup: ModuleType, recipe: Recipe, damage: str) -> None:
    setup.ensure_core()
    setup.CORE_STAMP.write_text(damage)
    setup.ensure_core()
    assert recipe.tried == 2

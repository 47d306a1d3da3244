"""setup.py: how the curve core is compiled, and that no compiler, a broken one or missing headers stop nothing."""

import hashlib
import importlib.util
import platform
import shutil
import sys
import sysconfig
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.tree import ROOT

SMALL = """
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
static PyObject *where(PyObject *module, PyObject *nothing)
{
    (void)module, (void)nothing;
    return PyUnicode_FromString(__FILE__);
}
static PyMethodDef METHODS[] = {{"where", where, METH_NOARGS, 0}, {0, 0, 0, 0}};
static struct PyModuleDef DEFINITION = {PyModuleDef_HEAD_INIT, "_core", 0, 0, METHODS, 0, 0, 0, 0};
PyMODINIT_FUNC PyInit__core(void) { return PyModuleDef_Init(&DEFINITION); }
"""


def checkout(folder: Path, source: str = SMALL) -> ModuleType:
    """A checkout with one small source: its setup.py, loaded."""
    (folder / "psi" / "_native").mkdir(parents=True)
    (folder / "psi" / "_native" / "small.c").write_text(source)
    shutil.copy(ROOT / "setup.py", folder)
    spec = importlib.util.spec_from_file_location("setup", folder / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.SOURCES = [module.FOLDER / "small.c"]
    module.BY_MACHINE = {platform.machine(): []}
    return module


@pytest.fixture
def recipe(tmp_path: Path) -> ModuleType:
    return checkout(tmp_path / "checkout")


@pytest.fixture
def can_compile(recipe: ModuleType) -> None:
    try:
        recipe.compiler()
        recipe.headers()
    except recipe.NotCompiled as reason:
        pytest.skip(f"nothing can be compiled here: {reason}")


@pytest.mark.usefixtures("can_compile")
def test_it_compiles_loads_and_names_no_folder(recipe: ModuleType) -> None:
    target = recipe.ROOT / recipe.FILE
    recipe.compile_core(target)
    spec = importlib.util.spec_from_file_location("_core", target)
    assert spec is not None
    loaded = importlib.util.module_from_spec(spec)
    assert loaded.where() == "psi/_native/small.c"
    assert str(recipe.ROOT).encode() not in target.read_bytes()
    assert sorted(path.name for path in target.parent.iterdir()) == ["_core.abi3.so", "small.c"]


@pytest.mark.usefixtures("can_compile")
def test_two_builds_in_different_places_are_the_same_bytes(tmp_path: Path) -> None:
    digests = set()
    for name in ("one", "another/and/deeper"):
        recipe = checkout(tmp_path / name)
        recipe.compile_core(recipe.ROOT / recipe.FILE)
        digests.add(hashlib.sha256((recipe.ROOT / recipe.FILE).read_bytes()).digest())
    assert len(digests) == 1


def refusal(recipe: ModuleType) -> str:
    with pytest.raises(recipe.NotCompiled) as refused:
        recipe.compile_core(recipe.ROOT / recipe.FILE)
    assert not (recipe.ROOT / recipe.FILE).exists()
    return str(refused.value)


def test_no_compiler(recipe: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", "")
    assert refusal(recipe) == "there is no C compiler"


def test_a_compiler_that_is_not_there(recipe: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "headers", lambda: recipe.ROOT)
    monkeypatch.setenv("CC", "/nowhere/cc -pipe")
    assert "cannot be started" in refusal(recipe)


def test_a_compiler_that_fails(recipe: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "headers", lambda: recipe.ROOT)
    monkeypatch.setenv("CC", shutil.which("false") or "")
    assert refusal(recipe) == "the C compiler refused: it said nothing"


@pytest.mark.usefixtures("can_compile")
def test_sources_that_are_wrong(tmp_path: Path) -> None:
    reason = refusal(checkout(tmp_path / "wrong", "#error no words of 64 bits\n"))
    assert "no words of 64 bits" in reason
    assert "\n" not in reason


def test_no_headers(recipe: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CC", "cc")
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    assert "Python.h is missing" in refusal(recipe)


@pytest.mark.parametrize(("system", "machine"), [("linux", "riscv64"), ("linux", "s390x"), ("darwin", "arm64")])
def test_another_kind_of_computer(
    recipe: ModuleType, monkeypatch: pytest.MonkeyPatch, system: str, machine: str
) -> None:
    monkeypatch.setattr(recipe, "headers", lambda: recipe.ROOT)
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert f"({system}, {machine})" in refusal(recipe)


def test_the_fingerprint_changes_with_sources_compiler_and_recipe(
    recipe: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = [recipe.fingerprint()]
    assert recipe.fingerprint() == seen[0]
    source = recipe.ROOT / recipe.FOLDER / "small.c"
    source.write_text(SMALL + "\n")
    seen.append(recipe.fingerprint())
    (recipe.ROOT / recipe.FOLDER / "new.h").write_text("")
    seen.append(recipe.fingerprint())
    monkeypatch.setattr(recipe, "version", lambda cc: f"{cc[0]} 13")
    monkeypatch.setenv("CC", "one")
    seen.append(recipe.fingerprint())
    monkeypatch.setattr(recipe, "version", lambda cc: f"{cc[0]} 14")
    seen.append(recipe.fingerprint())
    monkeypatch.setenv("CC", "another")
    seen.append(recipe.fingerprint())
    monkeypatch.setenv("CFLAGS", "-O1")
    seen.append(recipe.fingerprint())
    (recipe.ROOT / "setup.py").write_text("# another recipe")
    seen.append(recipe.fingerprint())
    assert len(set(seen)) == len(seen)


def test_the_version_is_the_first_line_that_the_compiler_says(recipe: ModuleType, tmp_path: Path) -> None:
    cc = tmp_path / "cc"
    cc.write_text('#!/bin/sh\n[ "$*" = "-pipe --version" ] && printf "cc 14.1\\nno warranty\\n"\n')
    cc.chmod(0o755)
    assert recipe.version([str(cc), "-pipe"]) == "cc 14.1"
    assert recipe.version([str(cc)]) == ""
    with pytest.raises(recipe.NotCompiled, match="cannot be started"):
        recipe.version(["/nowhere/cc"])


def test_words_that_are_handed_over_count_and_not_the_environment(
    recipe: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = {"CC": "/nowhere/cc -pipe", "CFLAGS": "-O1"}
    before = recipe.fingerprint(words)
    monkeypatch.setenv("CC", "another")
    monkeypatch.setenv("CFLAGS", "-O2")
    assert recipe.compiler(words) == ["/nowhere/cc", "-pipe"]
    assert recipe.fingerprint(words) == before != recipe.fingerprint()
    monkeypatch.setattr(recipe, "headers", lambda: recipe.ROOT)
    with pytest.raises(recipe.NotCompiled, match="cannot be started"):
        recipe.compile_core(recipe.ROOT / recipe.FILE, words)


def test_every_source_is_compiled_on_some_machine_and_none_for_a_processor_by_name() -> None:
    spec = importlib.util.spec_from_file_location("setup", ROOT / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    named = {*recipe.SOURCES, *(source for extra in recipe.BY_MACHINE.values() for source in extra)}
    assert named == {path.relative_to(ROOT) for path in (ROOT / "psi" / "_native").glob("*.c")}
    assert not [flag for flag in recipe.FLAGS + recipe.IF_KNOWN if flag.startswith(("-march", "-mtune", "-mavx"))]


def test_the_wheel_is_for_python_3_11_and_later() -> None:
    """The same version in three places: the tag, the limited interface, and what the project requires."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["distutils"]["bdist_wheel"]["py_limited_api"] == "cp311"
    assert project["project"]["requires-python"] == ">=3.11"
    assert "#define Py_LIMITED_API 0x030B0000" in (ROOT / "psi/_native/arguments.h").read_text(encoding="utf-8")

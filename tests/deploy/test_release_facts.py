"""What forbids a release, before anything is built: versions that differ, a section without a day, a file that nobody
committed, no key."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.release_tools import tool
from tests.support.tree import ROOT

facts = tool("release_facts")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GIT = ("git", "-c", "user.name=Nobody", "-c", "user.email=nobody@blindmatch.invalid", "-c", "commit.gpgsign=false")
FILES = {
    "pyproject.toml": '[project]\nname = "blindmatch"\nversion = "1.2.3"\n',
    "node/__init__.py": '__version__ = "1.2.3"\n',
    "CHANGELOG.md": "# Changes\n\n## [1.2.3] - 2026-03-01\n\n### Fixed\n\n- This.\n\n## [1.2.2] - 2026-01-01\n\nOld.\n",
}


def git(folder: Path, *words: str) -> None:
    subprocess.run([*GIT, *words], cwd=folder, check=True, capture_output=True, timeout=60)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "All of it")
    return tmp_path


def test_a_checkout_in_order_may_be_released(checkout: Path) -> None:
    said = facts.facts(checkout)
    assert facts.objections(said, NOW) == []
    assert (said.version, said.notes, len(said.commit)) == ("1.2.3", "### Fixed\n\n- This.", 40)
    assert list(facts.tracked(checkout)) == sorted(FILES)


def put(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(checkout: Path) -> None:
        path = checkout / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (put("node/__init__.py", "1.2.3", "1.2.2"), "says version 1.2.2, pyproject.toml 1.2.3"),
        (put("node/__init__.py", "__version__", "version"), "says version nothing"),
        (put("pyproject.toml", "1.2.3", "1.3.0"), "begins with version 1.2.3, not with 1.3.0"),
        (put("CHANGELOG.md", "## [1.2.3] - 2026-03-01\n\n### Fixed\n\n- This.\n\n", ""), "begins with version 1.2.2"),
        (put("CHANGELOG.md", "2026-03-01", "unreleased"), "has no day for 1.2.3"),
        (put("CHANGELOG.md", "2026-03-01", "2026-02-30"), "has no day for 1.2.3"),
        (put("CHANGELOG.md", "2026-03-01", "2026-03-02"), "has not come yet"),
        (put("CHANGELOG.md", "2026-03-01", "1979-03-02"), "never was"),
        (put("CHANGELOG.md", "### Fixed\n\n- This.\n\n", ""), "says nothing about 1.2.3"),
        (put("CHANGELOG.md", "## [1.2.3]", "## 1.2.3"), "begins with version 1.2.2"),
    ],
)
def test_a_checkout_that_is_not_in_order_is_refused(checkout: Path, change: Callable[[Path], None], says: str) -> None:
    change(checkout)
    git(checkout, "commit", "-q", "-a", "-m", "A change")
    said = facts.objections(facts.facts(checkout), NOW)
    assert any(says in sentence for sentence in said), said


@pytest.mark.parametrize("name", ["CHANGELOG.md", "cli/new.py"])
def test_what_is_not_committed_is_not_released(checkout: Path, name: str) -> None:
    (checkout / name).parent.mkdir(exist_ok=True)
    with (checkout / name).open("a", encoding="utf-8") as file:
        file.write("# more\n")
    assert facts.objections(facts.facts(checkout), NOW) == [
        "1 files are not as they were committed (git status). Commit them first."
    ]


def test_what_git_ignores_is_neither_a_change_nor_part_of_it(checkout: Path) -> None:
    (checkout / ".gitignore").write_text("build/\n")
    git(checkout, "add", ".")
    git(checkout, "commit", "-q", "-m", "Ignore")
    (checkout / "build").mkdir()
    (checkout / "build" / "left-over.so").write_bytes(b"old")
    assert facts.objections(facts.facts(checkout), NOW) == []
    assert "build/left-over.so" not in facts.tracked(checkout)


def test_a_program_stays_a_program(checkout: Path) -> None:
    (checkout / "run").write_text("#!/bin/sh\n")
    (checkout / "run").chmod(0o755)
    assert {name for name, program in facts.tracked(checkout).items() if program} == {"run"}


def test_without_a_key_nothing_is_built(tmp_path: Path) -> None:
    """The whole program, on the scripts and the few files that it reads first; it would need a compiler to go on."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(FILES[name], encoding="utf-8")
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(ROOT / "setup.py", tmp_path / "setup.py")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "All of it")
    command = [sys.executable, "-B", str(tmp_path / ".ci" / "release.py")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stderr
    assert done.stderr.splitlines()[0] == "There is no release."
    assert "There is no key" in done.stderr
    assert not (tmp_path / "build").exists()


def test_the_version_is_one() -> None:
    """Here and now: pyproject.toml, the code and the newest section of CHANGELOG.md name the same one."""
    said = facts.facts()
    assert said.version == said.in_code == said.newest

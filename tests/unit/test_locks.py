"""The locks: every package pinned and hashed, nothing that names a machine, and they fit pyproject.toml."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.tree import ROOT

RUNTIME, DEV, FEBRL = "requirements.lock", "requirements-dev.lock", "requirements-febrl.lock"
RELEASE = "requirements-release.lock"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
COOL_DOWN = re.compile(r"^#    uv pip compile .*--exclude-newer \d{4}-\d\d-\d\d .*--generate-hashes", re.MULTILINE)


def unhashed(lock: str) -> list[str]:
    """Entries of the text of a lock that lack an exact version or a SHA-256."""
    entries = re.sub(r"^\s*#.*\n?", "", lock, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    entry = re.compile(r"[\w.\-]+==[\w.+!]+( ; .*?)?(\s+--hash=sha256:[0-9a-f]{64})+\s*")
    return [line for line in entries if line.strip() and not entry.fullmatch(line)]


def versions(name: str) -> dict[str, set[str]]:
    """The locked versions of each package: more than one where the Python decides (numpy)."""
    found: dict[str, set[str]] = {}
    for package, version in re.findall(r"^([\w.\-]+)==([^ \\;]+)", (ROOT / name).read_text("utf-8"), re.MULTILINE):
        found.setdefault(canonicalize_name(package), set()).add(version)
    return found


@pytest.mark.parametrize("name", [RUNTIME, DEV, FEBRL, RELEASE, "tests/deploy/helm.lock"])
def test_every_entry_is_pinned_and_hashed_after_a_cool_down(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert versions(name)
    assert unhashed(text) == []
    assert COOL_DOWN.search(text), f"the first lines of {name} must say how it was made, with its date"


@pytest.mark.parametrize(
    "line",
    [
        "grpcio==1.80.0",
        "grpcio>=1.80.0 --hash=sha256:" + "0" * 64,
        "grpcio==1.80.0 --hash=md5:" + "0" * 32,
        "grpcio @ file:///somewhere/grpcio.whl",
        "--index-url https://packages.example/simple",
    ],
)
def test_a_loose_entry_is_found(line: str) -> None:
    assert unhashed(f"# a comment\n{line}\n") == [line]


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        (RUNTIME, PROJECT["project"]["dependencies"]),
        (DEV, PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["dev"]),
        (FEBRL, PROJECT["dependency-groups"]["febrl"]),
        (RELEASE, PROJECT["dependency-groups"]["release"] + PROJECT["build-system"]["requires"]),
        (DEV, PROJECT["build-system"]["requires"]),
    ],
)
def test_the_lock_satisfies_the_project(lock: str, wanted: list[str]) -> None:
    locked = versions(lock)
    needs = [Requirement(text) for text in wanted]
    missing = [
        str(need)
        for need in needs
        if not (found := locked.get(canonicalize_name(need.name))) or not all(map(need.specifier.contains, found))
    ]
    assert missing == [], "run `make lock`"


def test_the_dev_lock_has_the_very_versions_that_users_run() -> None:
    assert versions(RUNTIME).items() <= versions(DEV).items()


def test_the_generated_files_run_on_the_oldest_protobuf_that_the_project_allows() -> None:
    """Generated code refuses a run-time older than its generator."""
    floor = next(need for text in PROJECT["project"]["dependencies"] if (need := Requirement(text)).name == "protobuf")
    generated = sorted((ROOT / "node" / "wire").glob("*_pb2.py"))
    assert generated
    for path in generated:
        made_for = re.search(r"^# Protobuf Python Version: (\S+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert made_for, path.name
        assert str(floor.specifier) == f">={made_for[1]}", path.name

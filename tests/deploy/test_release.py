"""`make release`, whole: a copy of this checkout gets a day and a signer, and is released. What comes out was built two
times with the same bytes, installs and starts on the Pythons that are here, and is what its signature says.

Nothing is asked for known weaknesses: no advisory service is promised where tests run. The wheels for macOS, Windows
and ARM are looked at here and not started: test_cross*.py starts their cores, as far as this machine can.
"""

import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.release_tools import ALLOWED, commands_of, signing_key, tool
from tests.support.tree import ROOT, project_files

release_environment, checksums, wheels, cross = map(tool, ("release_environment", "checksums", "wheels", "cross"))
sbom, facts = tool("sbom"), tool("release_facts")
GIT = ("git", "-c", "user.name=Nobody", "-c", "user.email=nobody@blindmatch.invalid", "-c", "commit.gpgsign=false")
DAY = "2026-01-31"
REASON = "this is a test, and no advisory service is promised here"
MAX_SECONDS = 1500

pytestmark = [
    pytest.mark.ci,
    pytest.mark.tm("TM-265"),
    pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not here (Debian: openssh-client)"),
]


@dataclass(frozen=True)
class Released:
    folder: Path
    checkout: Path
    version: str

    def named(self, end: str) -> Path:
        (path,) = self.folder.glob(f"*{end}")
        return path


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Released]:
    """Made once. The copy uses the environments of this checkout, through links."""
    try:
        tools = release_environment.ensure()
    except release_environment.Missing as reason:
        pytest.skip(str(reason))
    work = tmp_path_factory.mktemp("release")
    checkout, version = work / "checkout", facts.facts().version
    for file in project_files():
        (checkout / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, checkout / file)
    log = checkout / "CHANGELOG.md"
    text = re.sub(rf"^## \[{re.escape(version)}\] - .*$", f"## [{version}] - {DAY}", log.read_text("utf-8"), flags=re.M)
    log.write_text(text, encoding="utf-8")
    key, public = signing_key(work)
    signers = checkout / "deploy" / "release" / "allowed_signers"
    signers.write_text(signers.read_text("utf-8") + ALLOWED.format(extra="", key=public), encoding="utf-8")
    (checkout / "build").mkdir()
    (checkout / "build" / "release-env").symlink_to(tools.parent.parent)
    (ROOT / "build" / "cross").mkdir(exist_ok=True)  # what zig compiled of its own, for test_cross*.py too
    (checkout / "build" / "cross").symlink_to(ROOT / "build" / "cross")
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / "lib").symlink_to(ROOT / ".venv" / "lib")
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "A release"]):
        subprocess.run([*GIT, *words], cwd=checkout, check=True, capture_output=True, timeout=60)
    command = [str(tools), "-B", ".ci/release.py", "--key", str(key), "--without-advisories", REASON]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, timeout=MAX_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    yield Released(checkout / "build" / "release", checkout, version)
    shutil.rmtree(work)


def test_everything_is_there(released: Released) -> None:
    prefix = f"blindmatch-{released.version}"
    papers = {f"{prefix}.{end}" for end in ("cdx.json", "licences.md", "notes.md", "requirements.txt", "build.json")}
    built = {f"{prefix}.tar.gz", *(f"{prefix}-cp311-abi3-{target.tag}.whl" for target in cross.TARGETS)}
    assert {path.name for path in released.folder.iterdir()} == papers | built | {"SHA256SUMS", "SHA256SUMS.sig"}


def test_each_wheel_holds_the_core_of_its_system_and_the_same_program(
    released: Released, record_property: Callable[[str, object], None]
) -> None:
    programs = []
    for target in cross.TARGETS:
        held = wheels.unpack(released.named(f"-{target.tag}.whl"))
        wheels.check_core(target, held.pop(target.core))
        programs.append({name: data for name, data in held.items() if not name.endswith(("/WHEEL", "/RECORD"))})
    assert all(program == programs[0] for program in programs)
    sizes = {target.name: released.named(f"-{target.tag}.whl").stat().st_size for target in cross.TARGETS}
    record_property("ran", f"{len(programs)} wheels of {sum(sizes.values()) // len(sizes) // 1000} kB")


def test_the_sources_are_what_git_has(released: Released) -> None:
    with tarfile.open(released.named(".tar.gz")) as tar:
        held = {entry.name.partition("/")[2]: entry for entry in tar.getmembers()}
    assert held.keys() == {path.as_posix() for path in project_files()} | {"PKG-INFO"}
    assert held[".ci/run"].mode & 0o100
    assert {entry.mtime for entry in held.values()} == {1769817600}  # DAY


def test_the_first_wheel_needs_no_newer_system_than_it_says(released: Released) -> None:
    for target in cross.TARGETS[:2]:
        core = released.folder / "core"
        core.write_bytes(wheels.unpack(released.named(f"-{target.tag}.whl"))[target.core])
        try:
            needs = cross.glibc_needed(core)
        finally:
            core.unlink()
        assert needs is not None
        assert needs <= (2, 17)


def test_it_was_installed_and_started_on_the_pythons_that_are_here(
    released: Released, record_property: Callable[[str, object], None]
) -> None:
    about = json.loads(released.named(".build.json").read_text(encoding="utf-8"))
    tried = about["installed and started on"]
    assert tried.keys() == {"Python 3.11", "Python 3.12", "Python 3.13"}
    here = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    assert tried.get(here, "native-").startswith("native-")
    assert {backend for backend in tried.values() if backend != "not here"} <= {"native-portable", "native-avx512ifma"}
    assert about["known weaknesses"] == f"not asked: {REASON}"
    commit = subprocess.run([*GIT, "rev-parse", "HEAD"], cwd=released.checkout, capture_output=True, text=True)
    assert about["commit"] == commit.stdout.strip()
    record_property("ran", ", ".join(f"{name}: {backend}" for name, backend in tried.items()))


def test_the_bill_and_the_requirements_are_the_lock(released: Released) -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert sbom.problems(released.named(".cdx.json").read_text(encoding="utf-8"), lock) == []
    assert released.named(".requirements.txt").read_text(encoding="utf-8").endswith(lock)


def test_the_notes_are_the_section_of_the_changelog(released: Released) -> None:
    notes = released.named(".notes.md").read_text(encoding="utf-8").strip()
    assert notes
    assert notes in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_whoever_installs_it_can_check_it_as_the_document_says(released: Released, tmp_path: Path) -> None:
    place = shutil.copytree(released.folder, tmp_path / "release")
    shutil.copy(released.checkout / "deploy" / "release" / "allowed_signers", place)
    for line in commands_of("deploy/release/README.md", "Check one and install it"):
        done = subprocess.run(["sh", "-c", line], cwd=place, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
    wheel = next(place.glob("*manylinux*x86_64.whl"))
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("node/more.py", "")
    done = subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=place, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert f"{wheel.name}: FAILED" in done.stdout


def test_pip_refuses_a_wheel_with_other_bytes(released: Released, tmp_path: Path) -> None:
    """Also without a look at the signature: the requirements name the hash."""
    place = shutil.copytree(released.folder, tmp_path / "release")
    target = next(one for one in cross.TARGETS if one.tag.endswith("manylinux2014_x86_64"))
    entries = re.split(r"(?m)^(?=\S)", released.named(".requirements.txt").read_text(encoding="utf-8"))
    (place / "own.txt").write_text("".join(entry for entry in entries if entry.startswith("./")))
    command = [sys.executable, "-I", "-m", "pip", "install", "--dry-run", "--no-deps", "--no-index", "--require-hashes"]
    command += ["--ignore-installed", "--disable-pip-version-check", "--only-binary", ":all:", "-r", "own.txt"]
    if sys.platform == "linux":
        good = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=120)
        assert good.returncode == 0, good.stderr
    with zipfile.ZipFile(next(place.glob(f"*-{target.tag}.whl")), "a") as archive:
        archive.writestr("node/more.py", "")
    bad = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=120)
    assert bad.returncode == 1
    assert "DO NOT MATCH THE HASHES" in bad.stderr


def test_a_build_that_depends_on_more_than_its_sources_is_found(
    released: Released, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sabotaged twin: the second build gives one file with one byte more."""
    release, builds = tool("release"), iter([{"a": b"1", "b": b"2"}, {"a": b"1", "b": b"2."}])

    def build(files: object, epoch: int, work: Path) -> dict[str, bytes]:
        (work / "made").mkdir(parents=True)
        shutil.copy(released.named(".tar.gz"), work / "made")
        return next(builds)

    monkeypatch.setattr(release, "build", build)
    with pytest.raises(release.Stop, match=r"differ: b\."):
        release.build_twice(0, tmp_path)

"""Who installs a release finds out that it is not what a maintainer signed: by the two commands that stand in
deploy/release/README.md, and by the check that `make release` runs itself."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.release_tools import ALLOWED, commands_of, signing_key, tool
from tests.support.tree import ROOT

checksums = tool("checksums")
COMMANDS = commands_of("deploy/release/README.md", "Check one and install it")
INSTALLS = commands_of("deploy/release/README.md", "Check one and install it", block=2)

pytestmark = [
    pytest.mark.tm("TM-266"),
    pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not here (Debian: openssh-client)"),
]


@pytest.fixture
def key(tmp_path: Path) -> tuple[Path, str]:
    return signing_key(tmp_path)


@pytest.fixture
def folder(tmp_path: Path, key: tuple[Path, str]) -> Path:
    """A small release, signed, with the list of signers that its reader already had."""
    place = tmp_path / "release"
    place.mkdir()
    (place / "blindmatch-9.8.7.tar.gz").write_bytes(b"the sources")
    (place / "blindmatch-9.8.7-cp311-abi3-win_amd64.whl").write_bytes(b"a wheel")
    checksums.write(place)
    checksums.sign(place, key[0], ROOT)
    (tmp_path / "allowed_signers").write_text(ALLOWED.format(extra="", key=key[1]), encoding="utf-8")
    return place


def refused(folder: Path) -> bool:
    """Whether our own check refuses it."""
    try:
        checksums.verify(folder, folder.parent / "allowed_signers")
    except (checksums.Unsigned, OSError):
        return True
    return False


def refused_by_commands(folder: Path) -> bool:
    """Whether one of the two commands of the document does, run as they stand there."""
    shutil.copy(folder.parent / "allowed_signers", folder / "allowed_signers")
    try:
        done = [subprocess.run(["sh", "-c", line], cwd=folder, capture_output=True, timeout=60) for line in COMMANDS]
    finally:
        (folder / "allowed_signers").unlink()
    return any(one.returncode for one in done)


def test_the_document_has_the_two_commands() -> None:
    assert [line.split()[0] for line in COMMANDS] == ["ssh-keygen", "sha256sum"]
    assert f"-n {checksums.NAMESPACE} " in COMMANDS[0]
    assert f"-I {checksums.SIGNER} " in COMMANDS[0]


def test_what_was_signed_is_accepted(folder: Path) -> None:
    assert not refused(folder)
    assert not refused_by_commands(folder)


def runs_what_was_added(folder: Path, command: str) -> bool:
    """Whether a file that somebody added to a signed release is run by the command that makes the environment."""
    hint = folder.parent / "ran"
    for name in ("argparse", "optparse", "logging", "sysconfig"):
        (folder / f"{name}.py").write_text(f"open({str(hint)!r}, 'w').close()\nraise SystemExit\n", encoding="utf-8")
    assert not refused_by_commands(folder), "the two commands look at the files of the list alone"
    words = command.split()
    assert words[0] == "python3"
    words[0], words[-1:] = sys.executable, ["--without-pip", str(folder.parent / "made")]
    subprocess.run(words, cwd=folder, capture_output=True, timeout=60)
    return hint.exists()


def test_a_file_that_was_added_is_not_run_when_it_is_installed(folder: Path) -> None:
    assert all(" -I -m " in line for line in INSTALLS[:2])
    assert not runs_what_was_added(folder, INSTALLS[0])


def test_twin_a_python_that_looks_into_the_folder_runs_it(folder: Path) -> None:
    assert runs_what_was_added(folder, INSTALLS[0].replace(" -I", ""))


def test_what_is_installed_is_named_by_the_signed_list(folder: Path) -> None:
    for name in ("blindmatch-9.8.7", "blindmatch-9.8.8"):
        (folder / f"{name}.requirements.txt").write_text("", encoding="utf-8")
        if name.endswith("7"):
            checksums.write(folder)
    name = INSTALLS[1].partition(" -r ")[2]
    said = subprocess.run(["sh", "-c", f"echo {name}"], cwd=folder, capture_output=True, text=True, timeout=60)
    assert said.stdout == "blindmatch-9.8.7.requirements.txt\n"


def flip(path: Path, at: int = 0) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))


def relist(folder: Path) -> None:
    """What somebody does who changed a file and hopes that nobody looks at the signature."""
    flip(folder / "blindmatch-9.8.7.tar.gz")
    checksums.write(folder)


def by_another_key(folder: Path) -> None:
    checksums.sign(folder, signing_key(folder.parent, "stranger")[0], ROOT)


def for_another_purpose(folder: Path) -> None:
    sums = folder / "SHA256SUMS"
    (folder / "SHA256SUMS.sig").unlink()
    command = ["ssh-keygen", "-Y", "sign", "-f", str(folder.parent / "key"), "-n", "git", str(sums)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def by_a_key_that_ended(folder: Path) -> None:
    text = (folder.parent / "key.pub").read_text(encoding="utf-8")
    line = ALLOWED.format(extra=',valid-before="20200101"', key=text.strip())
    (folder.parent / "allowed_signers").write_text(line, encoding="utf-8")


def nobody_is_allowed(folder: Path) -> None:
    shutil.copy(ROOT / "deploy" / "release" / "allowed_signers", folder.parent / "allowed_signers")


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a byte of a wheel": lambda folder: flip(folder / "blindmatch-9.8.7-cp311-abi3-win_amd64.whl"),
    "a byte of the sources": lambda folder: flip(folder / "blindmatch-9.8.7.tar.gz", 4),
    "a file is missing": lambda folder: (folder / "blindmatch-9.8.7.tar.gz").unlink(),
    "an empty list": lambda folder: (folder / "SHA256SUMS").write_text(""),
    "a byte of the list": lambda folder: flip(folder / "SHA256SUMS"),
    "a byte of the signature": lambda folder: flip(folder / "SHA256SUMS.sig", 60),
    "no signature": lambda folder: (folder / "SHA256SUMS.sig").unlink(),
    "a changed file in a new list": relist,
    "another key": by_another_key,
    "the right key for another purpose": for_another_purpose,
    "a key that has ended": by_a_key_that_ended,
    "a key that nobody was told of": nobody_is_allowed,
}


@pytest.mark.parametrize("what", DAMAGE)
def test_what_was_not_signed_is_refused(folder: Path, what: str) -> None:
    DAMAGE[what](folder)
    assert refused(folder)
    assert refused_by_commands(folder)


def test_a_file_that_was_added_is_refused_by_our_own_check(folder: Path) -> None:
    (folder / "install-me-first.sh").write_text("echo\n")
    assert refused(folder)


def test_without_the_signature_a_rewritten_list_would_pass(folder: Path) -> None:
    """The sabotaged twin: checksums alone show damage, and no intent."""
    relist(folder)
    checksums.check(folder)
    assert refused(folder)


def test_a_key_inside_the_checkout_is_not_used(folder: Path, key: tuple[Path, str]) -> None:
    before = (folder / "SHA256SUMS.sig").read_bytes()
    with pytest.raises(checksums.Unsigned, match="inside the checkout"):
        checksums.sign(folder, key[0], folder.parent)
    link = folder.parent.parent / f"{folder.parent.name}-link"
    link.symlink_to(key[0])
    with pytest.raises(checksums.Unsigned, match="inside the checkout"):
        checksums.sign(folder, link, folder.parent)
    link.unlink()
    assert (folder / "SHA256SUMS.sig").read_bytes() == before


def test_a_key_that_is_not_there_is_told(folder: Path) -> None:
    with pytest.raises(checksums.Unsigned, match="did not sign"):
        checksums.sign(folder, folder.parent / "nothing", ROOT)
    assert refused(folder)
    assert "SHA256SUMS.sig" not in {path.name for path in folder.iterdir()}


def test_nobody_may_sign_by_default() -> None:
    """The list in the repository names no key until a maintainer's line comes in a change of its own."""
    lines = (ROOT / "deploy" / "release" / "allowed_signers").read_text(encoding="utf-8").splitlines()
    keys = [line for line in lines if line.strip() and not line.startswith("#")]
    assert all(line.startswith(f'{checksums.SIGNER} namespaces="{checksums.NAMESPACE}",valid-after=') for line in keys)

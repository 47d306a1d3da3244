"""On Windows and macOS no node runs, and what needs none works: certificates and logs are checked there, and every
other command says what to do. Here the system is a Linux one without what those lack, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli._exit import Exit
from tests.support.tree import ROOT

RELEASE = ROOT / "tests" / "data" / "releases" / "0.1.0"

MODULES = "fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog"
FUNCTIONS = (
    "memfd_create", "getuid", "geteuid", "getgid", "fork", "register_at_fork", "sched_getaffinity", "statvfs",
    "preadv", "pread", "pwrite", "readv", "fdatasync", "fchmod", "O_CLOEXEC", "O_NOFOLLOW", "O_NOCTTY", "O_DIRECTORY",
    "O_NONBLOCK", "O_PATH", "MFD_CLOEXEC", "MFD_ALLOW_SEALING",
)  # fmt: skip

WITHOUT = f"""
# The standard library is loaded first: Windows has its own ways to do what is taken away here.
import asyncio, importlib.metadata, mmap, os, shutil, socket, ssl, subprocess, sys, tempfile, types
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in {MODULES!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
for name in {MODULES!r}:
    sys.modules.pop(name, None)
for name in {FUNCTIONS!r}:
    if hasattr(os, name):
        delattr(os, name)
del socket.AF_UNIX
shutil._use_fd_functions = False  # found out when shutil was loaded
import cli._elsewhere
cli._elsewhere.sys = types.SimpleNamespace(platform=sys.argv.pop(1))
"""
RUN = WITHOUT + "from cli.main import main\nsys.exit(main(sys.argv[1:]))\n"


def run(system: str, *words: str | Path, program: str = RUN, home: Path | None = None) -> "subprocess.CompletedProcess":
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", "HOME": str(home or ROOT / "nowhere")}
    command = [sys.executable, "-B", "-c", program, system, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=120)


@pytest.mark.tm("TM-270")
@pytest.mark.parametrize("file", ["round.certificate", "log.jsonl"])
def test_what_a_node_wrote_is_checked_there_with_the_same_words(file: str) -> None:
    there = run("win32", "verify", RELEASE / file)
    here = subprocess.run(
        [sys.executable, "-B", "-m", "cli", "verify", str(RELEASE / file)],
        cwd=ROOT, env={**os.environ, "COLUMNS": "200"}, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (there.returncode, there.stderr) == (Exit.OK, "")
    assert there.stdout == here.stdout


@pytest.mark.tm("TM-270")
def test_a_changed_log_is_found_there(tmp_path: Path) -> None:
    lines = (RELEASE / "log.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "log").write_text("".join(lines[:2] + lines[3:]))
    assert run("darwin", "verify", tmp_path / "log").returncode == Exit.NOT_VERIFIED


def test_a_certificate_is_written_as_pdf_there(tmp_path: Path) -> None:
    done = run("win32", "verify", RELEASE / "round.certificate", "--pdf", tmp_path / "page.pdf")
    assert done.returncode == Exit.OK, done.stderr
    assert (tmp_path / "page.pdf").read_bytes()[:5] == b"%PDF-"
    again = run("win32", "verify", RELEASE / "round.certificate", "--pdf", tmp_path / "page.pdf")
    assert again.returncode == Exit.USER  # goes over no file


@pytest.mark.parametrize("words", [["--version"], ["node", "run", "--help"]])
def test_help_and_version_work_there(words: list[str]) -> None:
    done = run("win32", *words)
    assert (done.returncode, done.stderr) == (Exit.OK, "")
    assert "blindmatch" in done.stdout


@pytest.mark.tm("TM-270")
@pytest.mark.parametrize(
    ("system", "way", "words"),
    [
        ("win32", "deploy/windows/README.md", ["node", "init"]),
        ("win32", "deploy/windows/README.md", ["restore", "a", "b"]),
        ("darwin", "Linux", ["relay", "run"]),
    ],
)
def test_every_other_command_says_what_to_do_and_makes_nothing(
    system: str, way: str, words: list[str], tmp_path: Path
) -> None:
    done = run(system, *words, home=tmp_path)
    assert (done.returncode, done.stdout) == (Exit.USER, "")
    assert "does not run on" in done.stderr
    assert "blindmatch verify" in done.stderr
    assert way in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_twin_without_that_sentence_ends_as_a_defect(tmp_path: Path) -> None:
    """Why it is said before the command begins, and that these processes lack what a node needs."""
    careless = WITHOUT + "cli._elsewhere.refuse_elsewhere = lambda command: None\n" + RUN.removeprefix(WITHOUT)
    done = run("win32", "node", "status", program=careless, home=tmp_path)
    assert done.returncode == Exit.DEFECT


LIBRARY_ON_A_MAC = """
import platform, psi._libsodium as found
found.PINNED["darwin", platform.machine()] = found.PINNED["linux", platform.machine()]
found.sys = types.SimpleNamespace(platform="darwin")
"""


def test_doctor_says_there_that_no_node_runs_and_tries_the_arithmetic(tmp_path: Path) -> None:
    done = run("darwin", "doctor", program=WITHOUT + LIBRARY_ON_A_MAC + RUN.removeprefix(WITHOUT), home=tmp_path)
    assert done.returncode == Exit.OK, done.stdout
    assert "a node does not run on macOS." in done.stdout
    assert "its self-test agrees with RFC 9496" in done.stdout
    assert "There is no node in" not in done.stdout


SECRETS_ON_WINDOWS = """
import ctypes, mmap, sys, types
del mmap.MAP_PRIVATE, mmap.MAP_ANONYMOUS
asked = []
def answer(name):
    return lambda address, size: asked.append((name, size)) or 1
kernel = types.SimpleNamespace(VirtualLock=answer("lock"), VirtualUnlock=answer("unlock"))
ctypes.WinDLL = lambda library: kernel
sys.platform = "win32"
from psi.secret import SecretBytes
secret = SecretBytes(40)
view = secret.view()
view[:] = b"x" * 40
assert secret.locked
secret.wipe()
assert bytes(view) == bytes(40)
assert asked == [("lock", 40), ("unlock", 40)], asked
for function in vars(kernel).values():  # without them an address is cut to 32 bits
    assert function.argtypes == (ctypes.c_void_p, ctypes.c_size_t)
print("wiped")
"""


def test_a_secret_has_its_page_there_too() -> None:
    done = run("", program=SECRETS_ON_WINDOWS)
    assert done.stdout == "wiped\n", done.stderr

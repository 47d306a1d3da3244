"""Where the library comes from, what is refused, and that nothing is left behind."""

import errno
import fcntl
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from psi import _libsodium
from psi.errors import BackendUnavailable

ROOT = Path(__file__).parents[3]
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="memory files exist on Linux only")

USE = "from psi.backend import choose; choose(); import sys; assert 'rbcl' not in sys.modules; print('works')"
CARELESS = "import rbcl; print('works')"


def run(program: str, folder: Path) -> subprocess.CompletedProcess:
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=folder, env=environment, check=False
    )


def libraries(*folders: Path) -> set[str]:
    """Loadable files; other programs may write other files to a shared folder meanwhile."""
    found = set()
    for folder in folders:
        for path in folder.iterdir():
            if not path.is_file():  # to open a pipe that somebody left there would wait for ever
                continue
            try:
                with path.open("rb") as file:
                    if file.read(4) == b"\x7fELF":
                        found.add(str(path))
            except OSError:  # a folder, or gone
                continue
    return found


MOUNTED = """
mount -t tmpfs -o noexec,size=16m tmpfs "$1" && cd "$1" || exit 99
"$2" -c "$3"
code=$?
echo "left: $(ls -A .)"
exit $code
"""
"""In a mount namespace of its own: a noexec folder ($1) as TMPDIR, the program ($3), then what it left there."""


def run_where_nothing_may_be_loaded(namespace: list[str], program: str, folder: Path) -> subprocess.CompletedProcess:
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [*namespace, "sh", "-c", MOUNTED, "sh", str(folder), sys.executable, program]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.fixture
def namespace(tmp_path):
    """How this account gets a mount namespace: as an administrator, or as one inside a user namespace."""
    if shutil.which("unshare"):
        for way in (["unshare", "-m"], ["unshare", "-rm"]):
            if run_where_nothing_may_be_loaded(way, "print('ready')", tmp_path).stdout == "ready\nleft: \n":
                return way
    pytest.skip("no way to mount a noexec folder here: neither `unshare -m` nor `unshare -rm` works")


@pytest.mark.tm("TM-95")
@linux_only
def test_it_loads_where_tmpdir_is_noexec_and_leaves_no_file(namespace, tmp_path):
    before = libraries(Path("/tmp"))
    done = run_where_nothing_may_be_loaded(namespace, USE, tmp_path)
    assert done.stdout == "works\nleft: \n", done.stderr
    assert libraries(Path("/tmp")) == before


@linux_only
def test_the_careless_twin_fails_where_tmpdir_is_noexec(namespace, tmp_path):
    done = run_where_nothing_may_be_loaded(namespace, CARELESS, tmp_path)
    assert "works" not in done.stdout
    assert done.returncode not in (0, 99)


@linux_only
@pytest.mark.parametrize("mode", [0o700, 0o500])
def test_it_loads_whatever_tmpdir_allows_and_leaves_no_file(tmp_path, mode):
    tmp_path.chmod(mode)
    before = libraries(Path("/tmp"))
    done = run(USE, tmp_path)
    assert done.stdout == "works\n", done.stderr
    assert list(tmp_path.iterdir()) == []
    assert libraries(Path("/tmp")) == before


@pytest.mark.tm("TM-95")
@linux_only
def test_the_careless_twin_leaves_a_file(tmp_path):
    """Why rbcl is never imported, and that the test above would notice."""
    assert run(CARELESS, tmp_path).stdout == "works\n"
    assert libraries(tmp_path)


def never(*_):
    raise AssertionError("bytes that were not checked reached the loader")


@pytest.fixture
def text() -> bytes:
    return _libsodium._read()


@pytest.mark.tm("TM-95")
@pytest.mark.parametrize("position", [0, 1000, 2_000_001, -1])
def test_a_changed_library_is_not_loaded(monkeypatch, text, position):
    start = text.index(b"fromhex('") + len(b"fromhex('")
    end = text.index(b"'", start)
    changed = bytearray(text)
    at = start + position if position >= 0 else end + position
    changed[at] = ord("0") if changed[at] != ord("0") else ord("1")
    monkeypatch.setattr(_libsodium, "_read", lambda: bytes(changed))
    monkeypatch.setattr(_libsodium.ctypes, "CDLL", never)
    with pytest.raises(BackendUnavailable, match="not the one blindmatch was tested with") as refusal:
        _libsodium.load()
    assert refusal.value.advice


@pytest.mark.tm("TM-95")
@linux_only
def test_a_twin_without_the_check_would_load_it(monkeypatch, text):
    changed = text.replace(b"7f454c46", b"7f454c47", 1)
    unchecked = _libsodium.hashlib.sha256(_libsodium._cut(changed)).hexdigest()
    monkeypatch.setattr(_libsodium, "_read", lambda: changed)
    monkeypatch.setitem(_libsodium.PINNED, ("linux", platform.machine()), frozenset({unchecked}))
    monkeypatch.setattr(_libsodium.ctypes, "CDLL", never)
    with pytest.raises(AssertionError, match="reached the loader"):
        _libsodium.load()


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"import os\n",
        b"sodium_bs = bytes.fromhex('7f45",  # cut off
        b"sodium_bs = bytes.fromhex('7f4')",  # half a byte
        b"sodium_bs = bytes.fromhex('zz')",
        b"sodium_bs = bytes.fromhex('' + __import__('os').abort())",
    ],
)
def test_a_text_of_another_shape_is_refused_and_never_run(monkeypatch, damaged):
    monkeypatch.setattr(_libsodium, "_read", lambda: damaged)
    monkeypatch.setattr(_libsodium.ctypes, "CDLL", never)
    with pytest.raises(BackendUnavailable, match=r"damaged|not the one"):
        _libsodium.load()


def test_a_missing_package_is_said_plainly(monkeypatch):
    def absent(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(_libsodium, "distribution", absent)
    with pytest.raises(BackendUnavailable, match="not installed") as refusal:
        _libsodium.load()
    assert "Install" in refusal.value.advice


def test_a_missing_file_is_said_plainly(monkeypatch, tmp_path):
    here = type("Here", (), {"locate_file": lambda *_: tmp_path / "absent"})
    monkeypatch.setattr(_libsodium, "distribution", lambda _: here())
    with pytest.raises(BackendUnavailable, match="not installed"):
        _libsodium.load()


def test_an_endless_file_is_read_up_to_the_limit(monkeypatch):
    here = type("Here", (), {"locate_file": lambda *_: "/dev/zero"})
    monkeypatch.setattr(_libsodium, "distribution", lambda _: here())
    with pytest.raises(BackendUnavailable, match="damaged"):
        _libsodium.load()


@pytest.mark.parametrize(
    ("system", "machine"),
    [
        ("win32", "ARM64"),
        ("win32", "x86"),
        ("linux", "riscv64"),
        ("linux", "i686"),
        ("darwin", "i386"),
        ("aix", "x86_64"),
    ],
)
def test_a_machine_without_a_pinned_library_is_refused(monkeypatch, system, machine):
    monkeypatch.setattr(_libsodium.sys, "platform", system)
    monkeypatch.setattr(_libsodium.platform, "machine", lambda: machine)
    with pytest.raises(BackendUnavailable, match="kind of computer"):
        _libsodium.load()


def other_system(monkeypatch, text, system, load):
    """`load` on another system, whose library is this one's here."""
    library = _libsodium._cut(text)
    digest = _libsodium.hashlib.sha256(library).hexdigest()
    monkeypatch.setattr(_libsodium.sys, "platform", system)
    monkeypatch.setattr(_libsodium.platform, "machine", lambda: "some")
    monkeypatch.setitem(_libsodium.PINNED, (system, "some"), frozenset({digest}))
    return load()


@pytest.mark.tm("TM-95")
@linux_only
def test_where_there_are_no_memory_files_a_closed_folder_is_used_and_removed(monkeypatch, text, tmp_path):
    real, seen = _libsodium.ctypes.CDLL, []

    def look(path):
        folder = Path(path).parent
        seen.append((folder.parent, folder.stat().st_mode & 0o777, sorted(one.name for one in folder.iterdir())))
        return real(path)

    monkeypatch.setattr(_libsodium.ctypes, "CDLL", look)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delattr(os, "memfd_create")
    library = other_system(monkeypatch, text, "darwin", _libsodium.load)
    assert library.sodium_init() >= 0
    assert seen == [(tmp_path, 0o700, ["libsodium.dll"])]
    assert list(tmp_path.iterdir()) == []


@linux_only
def test_on_windows_the_folder_goes_when_the_process_ends(monkeypatch, text, tmp_path):
    at_end, freed = [], []
    system = type("System", (), {"FreeLibrary": staticmethod(lambda handle: freed.append(handle.value))})
    monkeypatch.setattr(_libsodium.atexit, "register", lambda *what: at_end.append(what))
    monkeypatch.setattr(_libsodium.ctypes, "WinDLL", lambda name: system, raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    library = other_system(monkeypatch, text, "win32", _libsodium.load)
    assert len(list(tmp_path.iterdir())) == 1
    [(what, *words)] = at_end
    what(*words)
    assert freed == [library._handle]
    assert list(tmp_path.iterdir()) == []


@linux_only
def test_a_library_that_does_not_load_leaves_no_folder(monkeypatch, text, tmp_path):
    def refuse(path):
        raise OSError(errno.EPERM, "no")

    monkeypatch.setattr(_libsodium.ctypes, "CDLL", refuse)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(BackendUnavailable, match="did not allow") as refusal:
        other_system(monkeypatch, text, "darwin", _libsodium.load)
    assert "temporary folder" in refusal.value.advice
    assert list(tmp_path.iterdir()) == []


@linux_only
@pytest.mark.parametrize("cause", [errno.EPERM, errno.ENOSYS])
def test_a_system_that_forbids_memory_files_is_said_plainly_and_no_folder_is_tried(monkeypatch, cause):
    def forbidden(*_):
        raise OSError(cause, "no")

    monkeypatch.setattr(_libsodium.os, "memfd_create", forbidden)
    monkeypatch.setattr(tempfile, "mkdtemp", never)
    with pytest.raises(BackendUnavailable, match="did not allow") as refusal:
        _libsodium.load()
    assert "memfd_create" in refusal.value.advice


@linux_only
def test_a_kernel_before_6_3_gets_an_ordinary_memory_file(monkeypatch, text):
    real, asked = os.memfd_create, []

    def older(name, flags):
        asked.append(flags)
        if flags & _libsodium._MFD_NOEXEC_SEAL:
            raise OSError(errno.EINVAL, "unknown flag")
        return real(name, flags)

    monkeypatch.setattr(_libsodium.os, "memfd_create", older)
    library = _libsodium._load_from_memory(_libsodium._cut(text))
    assert library.sodium_init() >= 0
    assert len(asked) == 2


@linux_only
def test_the_memory_file_is_sealed_before_it_is_loaded(monkeypatch):
    seen = {}

    def look(path):
        file = int(path.rsplit("/", 1)[1])
        seen["seals"] = fcntl.fcntl(file, fcntl.F_GET_SEALS)
        try:
            os.pwrite(file, b"x", 0)
        except PermissionError:
            seen["write"] = "refused"
        seen["file"] = file

    monkeypatch.setattr(_libsodium.ctypes, "CDLL", look)
    _libsodium._load_from_memory(b"some bytes")
    wanted = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
    assert seen["seals"] & wanted == wanted
    assert seen["write"] == "refused"
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(seen["file"])


@linux_only
def test_a_short_write_is_continued(monkeypatch):
    real = os.write
    monkeypatch.setattr(_libsodium.os, "write", lambda file, data: real(file, bytes(data[:3])))
    read_end, write_end = os.pipe()
    _libsodium._write(write_end, b"0123456789")
    assert os.read(read_end, 100) == b"0123456789"
    os.close(read_end)
    os.close(write_end)


@linux_only
def test_the_text_does_not_stay_in_memory():
    """Peak and rest in a process of its own: the text (5.6 MB) and the bytes (2.8 MB) are released."""
    program = (
        "import tracemalloc\nfrom psi import _libsodium\n"
        "tracemalloc.start()\nlibrary = _libsodium.load()\nprint(tracemalloc.get_traced_memory()[0] < 1_000_000)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "True\n"

"""The cores of the wheels for other systems are what their systems ask for, and give the published results: the one for
Windows under wine, the one for arm64 in a Python for arm64 under qemu. Nothing here can run a core for macOS."""

import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import psi._libsodium
from psi._sodium import SodiumBackend
from psi.backend import self_test
from psi.errors import BackendUnavailable, PsiError
from psi.hash_to_group import expand_messages
from tests.support.cross_built import CALL_SECONDS, WINE, ForeignCore, built
from tests.support.tree import ROOT
from tests.support.vectors_only import vectors_hold

pytestmark = [pytest.mark.ci, pytest.mark.timeout(1500)]

FIGURES = ROOT / "tests" / "vectors" / "rfc9496.json"
ALL_FIGURES = 16 + 29 + 7 + 4
SQRT_M1_LIMB = (0x61B274A0EA0B0).to_bytes(8, "little")
"""The lowest limb of a constant of the curve, as it stands in every core (psi/_native/fe51.h)."""

COUNTED = """
import json, platform, sys
from pathlib import Path
from psi.backend import built_with, choose, usable
from tests.support.vectors_only import vectors_hold
backend = choose("native-portable")
print(json.dumps([platform.machine(), usable(), backend.name, vectors_hold(backend, Path(sys.argv[1]))]))
"""


def python_names(core: bytes, underscore: bytes = b"") -> set[str]:
    """The names of Python in a compiled file."""
    found = re.findall(rb"(?<![A-Za-z0-9_])" + underscore + rb"(_?Py[A-Z_][A-Za-z0-9_]*)\0", core)
    return {name.decode() for name in found if not name.endswith(b"__thunk")}  # the linker's own way to a name


def listed() -> set[str]:
    lines = (ROOT / ".ci" / "cross" / "python3.def").read_text().split("EXPORTS\n")[1].splitlines()
    return {line.split()[0] for line in lines}


@pytest.mark.tm("TM-268")
@pytest.mark.parametrize(
    ("name", "underscore"), [("windows-amd64", b""), ("linux-aarch64", b""), ("macos-arm64", b"_")]
)
def test_a_core_uses_the_stable_names_and_no_others_and_names_no_folder(name: str, underscore: bytes) -> None:
    core = built(name).read_bytes()
    assert python_names(core, underscore) == listed() | {"PyInit__core"}
    assert str(ROOT).encode() not in core
    assert python_names(core + b"\0" + underscore + b"PyUnicode_AsUTF8\0", underscore) > listed()  # it would be seen


def test_the_core_for_windows_asks_for_python_3_and_the_system_alone() -> None:
    core = built("windows-amd64").read_bytes()
    libraries = {name.decode().lower() for name in re.findall(rb"[A-Za-z0-9_-]+\.dll", core)}
    assert "python3.dll" in libraries
    assert {one for one in libraries if not one.startswith("api-ms-win-crt-")} == {"python3.dll", "kernel32.dll"}
    (start,) = struct.unpack_from("<I", core, 0x3C)
    machine, _, stamp = struct.unpack_from("<HHI", core, start + 4)
    (flags,) = struct.unpack_from("<H", core, start + 24 + 70)
    assert (machine, stamp) == (0x8664, 0)
    assert flags & 0x160 == 0x160  # placed at random, in 64 bits; no data is run


def load_commands(core: bytes) -> Iterator[tuple[int, bytes]]:
    assert core[:4] == b"\xcf\xfa\xed\xfe"
    (count,) = struct.unpack_from("<I", core, 16)
    at = 32
    for _ in range(count):
        kind, size = struct.unpack_from("<II", core, at)
        yield kind, core[at : at + size]
        at += size


def pages_signed(core: bytes) -> int:
    """How many pages the signature covers, each with the right hash; 0 if one is wrong. arm64 runs nothing else."""
    command = next(said for kind, said in load_commands(core) if kind == 0x1D)
    (start,) = struct.unpack_from("<I", command, 8)
    magic, _, _, _, offset = struct.unpack_from(">IIIII", core, start)
    directory = start + offset
    fields = struct.unpack_from(">IIIIIIIIIBBBB", core, directory)
    hashes, slots, limit, width, page = fields[4], fields[7], fields[8], fields[9], 1 << fields[12]
    assert (magic, fields[0], fields[10]) == (0xFADE0CC0, 0xFADE0C02, 2)
    for slot in range(slots):
        found = hashlib.sha256(core[slot * page : min((slot + 1) * page, limit)]).digest()
        at = directory + hashes + slot * width
        if core[at : at + width] != found:
            return 0
    return slots


def test_the_core_for_macos_is_for_11_and_later_and_signed() -> None:
    core = built("macos-arm64").read_bytes()
    (oldest,) = {struct.unpack_from("<I", said, 12)[0] for kind, said in load_commands(core) if kind == 0x32}
    assert oldest == 11 << 16
    assert pages_signed(core) > 10
    changed = bytearray(core)
    changed[20_000] ^= 1
    assert pages_signed(bytes(changed)) == 0


# ---- Windows, under wine ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., ForeignCore]]:
    """Starts the program for Windows on a core; a prefix of wine's own, and its server ended afterwards."""
    if not WINE.exists():
        pytest.skip("wine64 is not installed (Debian: wine64), so the core for Windows cannot be run")
    prefix, place = tmp_path_factory.mktemp("prefix"), tmp_path_factory.mktemp("windows")
    environment = {"WINEPREFIX": str(prefix), "WINEDEBUG": "-all", "DISPLAY": "", "HOME": str(prefix)}
    environment["WINEDLLOVERRIDES"] = "mscoree,mshtml="
    core, started = built("windows-amd64"), []
    for name in ("python3.dll", "starter.exe"):
        shutil.copy(core.with_name(name), place)

    def start(data: bytes, *more: str) -> ForeignCore:
        (place / "_core.pyd").write_bytes(data)
        started.append(ForeignCore([WINE, "starter.exe", "_core.pyd", *more], environment, place))
        return started[-1]

    start.place = place  # type: ignore[attr-defined]
    yield start
    for one in started:
        one._running.kill()
        one._running.wait()
    server = WINE.with_name("wineserver64")
    subprocess.run([server, "-k"], env={**os.environ, **environment}, check=False, timeout=CALL_SECONDS)
    subprocess.run([server, "-w"], env={**os.environ, **environment}, check=False, timeout=CALL_SECONDS)


def as_backend(core: ForeignCore, name: str, monkeypatch: pytest.MonkeyPatch) -> SodiumBackend:
    """Our own backend on a core that lies elsewhere; its scalars are this machine's."""
    native = pytest.importorskip("psi._native", reason="the curve core was not built here")
    monkeypatch.setattr(native, "_core", core)
    monkeypatch.setattr(native, "cores", core.cores)
    return native.NativeBackend(name)


@pytest.mark.tm("TM-268")
def test_the_core_for_windows_gives_the_published_results(
    windows: Callable[..., ForeignCore],
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    core = windows(built("windows-amd64").read_bytes())
    here, names, ran = SodiumBackend(), core.cores(), 0
    assert names[-1] == "portable"
    uniform = expand_messages([b"%d" % number for number in range(300)], b"blindmatch cross")
    with here.new_scalar() as scalar:
        elements = here.map_to_group(uniform)
        expected = here.multiply(scalar, elements)
        for name in names:
            backend = as_backend(core, name, monkeypatch)
            self_test(backend)
            ran += vectors_hold(backend, FIGURES)
            assert backend.map_to_group(uniform) == elements
            assert backend.multiply(scalar, elements) == expected
    assert core.close() == "left alive: 0"
    assert ran == ALL_FIGURES * len(names)
    record_property("ran", f"{ran} figures of RFC 9496 in {core.calls} calls under wine: {', '.join(names)}")


@pytest.mark.tm("TM-268")
def test_a_core_for_windows_with_a_wrong_constant_is_found(
    windows: Callable[..., ForeignCore], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = built("windows-amd64").read_bytes()
    assert SQRT_M1_LIMB in data
    wrong = data.replace(SQRT_M1_LIMB, (0x61B274A0EA0B1).to_bytes(8, "little"))
    backend = as_backend(windows(wrong), "portable", monkeypatch)
    with pytest.raises(BackendUnavailable, match="wrong answers"):
        self_test(backend)
    with pytest.raises((AssertionError, PsiError)):
        vectors_hold(backend, FIGURES)


def pinned_wheels(packages: list[str], platforms: list[str], python: str, into: Path) -> list[Path]:
    """Wheels for another machine, by the versions and hashes of our lock."""
    lock = (ROOT / "requirements.lock").read_text()
    wanted = into / "wanted.txt"
    with wanted.open("w") as file:
        for package in packages:
            stanza = re.search(rf"^{package}==.*?(?=^\S|\Z)", lock, re.MULTILINE | re.DOTALL)
            assert stanza is not None
            file.writelines(f"{line}\n" for line in stanza[0].splitlines() if line.strip() and "# via" not in line)
    options = ["--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--python-version", python]
    options += [word for platform in platforms for word in ("--platform", platform)]
    command = [sys.executable, "-m", "pip", "download", *options, "-d", str(into), "-r", str(wanted)]
    if subprocess.run(command, capture_output=True, check=False, timeout=300).returncode:
        pytest.skip("the packages for another system cannot be had here (no package index)")
    return sorted(into.glob("*.whl"))


def test_the_pinned_library_for_windows_agrees(windows: Callable[..., ForeignCore], tmp_path: Path) -> None:
    [path] = pinned_wheels(["rbcl"], ["win_amd64"], "3.11", tmp_path)
    with zipfile.ZipFile(path) as wheel:
        text = wheel.read(next(name for name in wheel.namelist() if name.endswith("rbcl/_sodium.py")))
    library = psi._libsodium._cut(text)
    assert hashlib.sha256(library).hexdigest() in psi._libsodium.PINNED[("win32", "AMD64")]
    (windows.place / "libsodium.dll").write_bytes(library)  # type: ignore[attr-defined]
    core = windows(built("windows-amd64").read_bytes(), "libsodium.dll")
    here = SodiumBackend()
    with here.new_scalar() as scalar:
        secret = bytes(scalar.view())
        assert core.sodium("base", secret) == here.base_multiply(scalar)
        element = here.base_multiply(scalar)
        assert core.sodium("multiply", secret, element) == here.multiply(scalar, element)
        assert core.sodium("reduce", b"\xff" * 64) == here.reduce(b"\xff" * 64)


# ---- arm64, under qemu -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def arm64(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command of a Python for arm64."""
    for tool in ("qemu-aarch64", "mmdebstrap"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed, so the core for arm64 cannot be run")
    if os.geteuid() != 0:
        pytest.skip("unpacking a system for arm64 takes root")
    system = dict(re.findall(r'^(\w+)="?([^"\n]*)', Path("/etc/os-release").read_text(), re.MULTILINE))
    root = tmp_path_factory.mktemp("arm64") / "root"
    command = ["mmdebstrap", "--quiet", "--variant=extract", "--architectures=arm64"]
    command += [
        "--include=python3-minimal,libpython3-stdlib,libstdc++6",
        system.get("VERSION_CODENAME", "stable"),
        str(root),
    ]
    if subprocess.run(command, capture_output=True, check=False, timeout=600).returncode:
        pytest.skip("Debian's packages for arm64 cannot be had here")
    found = sorted(path for path in (root / "usr" / "bin").glob("python3.*") if path.name.count(".") == 1)
    return ["qemu-aarch64", "-L", str(root), str(found[-1])]


@pytest.mark.tm("TM-268")
def test_the_core_for_arm64_runs_in_a_python_for_arm64(
    arm64: list[str], tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    version = Path(arm64[-1]).name.removeprefix("python")
    platforms = ["manylinux2014_aarch64", "manylinux_2_28_aarch64"]
    for path in pinned_wheels(["rbcl", "numpy"], platforms, version, tmp_path):
        with zipfile.ZipFile(path) as wheel:
            wheel.extractall(tmp_path / "site")
    for part in (tmp_path / "site").glob("*.data"):  # what an installer does
        shutil.copytree(part / "purelib", tmp_path / "site", dirs_exist_ok=True)
    shutil.copytree(ROOT / "psi", tmp_path / "site" / "psi", ignore=shutil.ignore_patterns("_core*", "__pycache__"))
    shutil.copy(built("linux-aarch64"), tmp_path / "site" / "psi" / "_native")
    support = tmp_path / "site" / "tests" / "support"
    support.mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "support" / "vectors_only.py", support)
    done = subprocess.run(
        [*arm64, "-B", "-c", COUNTED, str(FIGURES)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site"), "PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    machine, usable, name, ran = json.loads(done.stdout)
    assert (machine, usable, name) == ("aarch64", ["native-portable", "sodium"], "native-portable")
    assert ran == ALL_FIGURES
    record_property("ran", f"{ran} figures of RFC 9496 and the self-test, in a Python for arm64")

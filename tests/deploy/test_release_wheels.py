"""How a release is packed: each wheel holds the core of its own system and says so truly, and the same contents are the
same bytes. The cores here are headers only; test_release.py packs real ones."""

import base64
import csv
import hashlib
import io
import random
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.utils import parse_sdist_filename, parse_wheel_filename

from tests.support.release_tools import tool

wheels, cross, release = tool("wheels"), tool("cross"), tool("release")
TARGETS = {target.name: target for target in cross.TARGETS}
EPOCH = 1_767_225_600  # 2026-01-01
INFO = "blindmatch-9.8.7.dist-info"
BASE = {
    "psi/__init__.py": b"",
    "node/__init__.py": b"__version__ = '9.8.7'\n",
    f"{INFO}/METADATA": b"Metadata-Version: 2.4\nName: blindmatch\nVersion: 9.8.7\n",
    f"{INFO}/WHEEL": b"Wheel-Version: 1.0\nGenerator: setuptools\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    f"{INFO}/RECORD": b"of another wheel,,\n",
}


def core_for(name: str, glibc: str = "2.4", start: bytes = b"PyInit__core") -> bytes:
    """The beginning of a compiled file as that system wants it."""
    said = b"\0" + start + b"\0GLIBC_" + glibc.encode() + b"\0"
    if name.startswith("linux"):
        machine = {"linux-x86_64": 62, "linux-aarch64": 183}[name]
        return b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack("<HH", 3, machine).ljust(64, b"\0") + said
    if name.startswith("macos"):
        machine = {"macos-x86_64": 0x01000007, "macos-arm64": 0x0100000C}[name]
        return b"\xcf\xfa\xed\xfe" + struct.pack("<I", machine).ljust(64, b"\0") + said
    return b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x80).ljust(0x44, b"\0") + b"PE\0\0\x64\x86" + said


def digest(data: bytes) -> str:
    """As RECORD writes it."""
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def record_of(wheel: Path) -> dict[str, tuple[str, str]]:
    """What RECORD says of each file."""
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(f"{INFO}/RECORD").decode()
    return {row[0]: (row[1], row[2]) for row in csv.reader(io.StringIO(text))}


def test_a_release_has_wheels_for_the_five_systems() -> None:
    assert list(TARGETS) == ["linux-x86_64", "linux-aarch64", "macos-x86_64", "macos-arm64", "windows-amd64"]


@pytest.mark.parametrize("name", TARGETS)
def test_a_wheel_says_truly_what_it_holds_and_where_it_runs(name: str, tmp_path: Path) -> None:
    target, core = TARGETS[name], core_for(name)
    path = wheels.pack_wheel(BASE, target, core, tmp_path, EPOCH)
    project, version, _, tags = parse_wheel_filename(path.name)
    assert (project, str(version)) == ("blindmatch", "9.8.7")
    held = wheels.unpack(path)
    assert held[target.core] == core
    assert held.keys() == BASE.keys() | {target.core}
    lines = held[f"{INFO}/WHEEL"].decode().splitlines()
    assert {line.removeprefix("Tag: ") for line in lines if line.startswith("Tag: ")} == {str(tag) for tag in tags}
    assert {(tag.interpreter, tag.abi) for tag in tags} == {("cp311", "abi3")}
    assert "Root-Is-Purelib: false" in lines
    assert "Root-Is-Purelib: true" not in lines
    said = record_of(path)
    assert said.pop(f"{INFO}/RECORD") == ("", "")
    assert said == {
        member: (
            "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode(),
            str(len(data)),
        )
        for member, data in held.items()
        if member != f"{INFO}/RECORD"
    }


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("other", TARGETS)
def test_the_core_of_another_system_is_refused(name: str, other: str, tmp_path: Path) -> None:
    if name == other:
        wheels.check_core(TARGETS[name], core_for(name))
        return
    with pytest.raises(wheels.Unfit, match=f"{name} is for another system: {other}"):
        wheels.pack_wheel(BASE, TARGETS[name], core_for(other), tmp_path, EPOCH)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "core"),
    [
        ("linux-x86_64", b""),
        ("linux-x86_64", b"\x7fELF"),
        ("macos-arm64", b"\xcf\xfa\xed\xfe"),
        ("windows-amd64", b"MZ".ljust(70, b"\xff")),
        ("windows-amd64", b"MZ"),
        ("linux-x86_64", b"#!/bin/sh\nPyInit__core" + b" " * 100),
        ("linux-aarch64", core_for("linux-aarch64", start=b"main")),
        ("windows-amd64", core_for("windows-amd64", start=b"main")),
    ],
)
def test_what_is_no_module_is_refused(name: str, core: bytes) -> None:
    with pytest.raises(wheels.Unfit):
        wheels.check_core(TARGETS[name], core)


@pytest.mark.parametrize("name", ["linux-x86_64", "linux-aarch64"])
def test_a_core_that_needs_a_newer_c_library_than_its_tag_says_is_refused(name: str) -> None:
    promised = wheels.MAX_GLIBC.match(TARGETS[name].tag)
    wheels.check_core(TARGETS[name], core_for(name, glibc=f"2.{promised[2]}"))
    with pytest.raises(wheels.Unfit, match=f"needs glibc 2.{int(promised[2]) + 1}"):
        wheels.check_core(TARGETS[name], core_for(name, glibc=f"2.{int(promised[2]) + 1}"))


def test_the_order_in_which_things_are_found_changes_nothing(tmp_path: Path) -> None:
    target, made = TARGETS["linux-x86_64"], set()
    for seed in range(8):
        names = list(BASE)
        random.Random(seed).shuffle(names)
        folder = tmp_path / str(seed)
        folder.mkdir()
        shuffled = {name: BASE[name] for name in names}
        wheel = wheels.pack_wheel(shuffled, target, core_for(target.name), folder, EPOCH)
        sources = wheels.pack_sources(shuffled, "blindmatch-9.8.7", folder, EPOCH, frozenset({"psi/__init__.py"}))
        made.add((wheel.read_bytes(), sources.read_bytes()))
    assert len(made) == 1


def test_another_time_content_or_permission_is_other_bytes(tmp_path: Path) -> None:
    """So that the comparison of two builds compares something."""
    target, made = TARGETS["linux-x86_64"], []
    for number, (epoch, extra, programs) in enumerate(
        [(EPOCH, {}, {"a"}), (EPOCH + 2, {}, {"a"}), (EPOCH, {"cli/new.py": b""}, {"a"}), (EPOCH, {}, set())]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        wheel = wheels.pack_wheel(BASE | extra, target, core_for(target.name), folder, epoch)
        sources = wheels.pack_sources(BASE | extra | {"a": b""}, "x-1", folder, epoch, frozenset(programs))
        made.append((wheel.read_bytes(), sources.read_bytes()))
    assert len({wheel for wheel, _ in made}) == 3
    assert len({sources for _, sources in made}) == 4


def test_nothing_of_the_machine_is_in_the_sources(tmp_path: Path) -> None:
    path = wheels.pack_sources({"b": b"1", "a/c": b"2"}, "blindmatch-9.8.7", tmp_path, EPOCH, frozenset({"b"}))
    assert parse_sdist_filename(path.name)[0] == "blindmatch"
    with tarfile.open(path) as tar:
        entries = tar.getmembers()
    assert [(one.name, one.mode) for one in entries] == [("blindmatch-9.8.7/a/c", 0o644), ("blindmatch-9.8.7/b", 0o755)]
    assert {(one.uid, one.gid, one.uname, one.gname, one.mtime) for one in entries} == {(0, 0, "", "", EPOCH)}
    assert release.sources_in(path) == {"b": (b"1", True), "a/c": (b"2", False)}


def test_each_system_finds_its_own_wheel_and_no_other_in_the_requirements() -> None:
    built = {f"blindmatch-9.8.7-cp311-abi3-{target.tag}.whl": target.name.encode() for target in cross.TARGETS}
    text = release.requirements(
        "9.8.7", built | {"blindmatch-9.8.7.tar.gz": b"sources"}, "# the lock\nada-url==4.0.0\n"
    )
    assert text.endswith("# the lock\nada-url==4.0.0\n")
    lines = text.replace(" \\\n", " ").splitlines()
    ours = [line for line in lines if line.startswith("./")]
    assert len(ours) == len(TARGETS)
    for target in cross.TARGETS:
        system, machine = release.MARKERS[target.name]
        environment = {"sys_platform": system, "platform_machine": machine}
        (fits,) = (one for one in ours if Marker(one.split(" ; ")[1].split(" --hash")[0]).evaluate(environment))
        assert fits.startswith(f"./blindmatch-9.8.7-cp311-abi3-{target.tag}.whl ; ")
        assert fits.endswith(f" --hash=sha256:{hashlib.sha256(target.name.encode()).hexdigest()}")
    # No line asks an index for a package of our name, which anybody could have put there.
    assert not [line for line in lines if line.startswith("blindmatch")]

"""Packs the files of a release so that the same contents are the same bytes: wheels for each system, and the sources.

A wheel is a zip file with a list of its contents (RECORD) and a note of what it runs on (WHEEL). setuptools builds one
wheel without the curve core; here the core of one system is put in, the tag of that system is written, and all of it is
packed in a fixed order, with a fixed time and fixed permissions. The specification is "Binary distribution format" of
the Python packaging guide, with PEP 425 and PEP 600 for the tags.

What depends on the machine is zlib, which packs: another version may pack the same contents into other bytes. `make
release` notes which one it had.
"""

import base64
import gzip
import hashlib
import io
import re
import struct
import tarfile
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

from cross import Target

__all__ = ["Unfit", "check_core", "pack_sources", "pack_wheel", "unpack"]

PYTHON_TAG = "cp311-abi3"
MODE = 0o644
MAX_GLIBC = re.compile(r"manylinux_(\d+)_(\d+)_")
GLIBC = re.compile(rb"GLIBC_(\d+)\.(\d+)")
STARTS_AT = b"PyInit__core"
ELF_MACHINES = {"linux-x86_64": 62, "linux-aarch64": 183}
MACH_MACHINES = {"macos-x86_64": 0x01000007, "macos-arm64": 0x0100000C}
PE_MACHINES = {"windows-amd64": 0x8664}


class Unfit(Exception):
    """Why a file does not go into this wheel, as a sentence."""


def check_core(target: Target, core: bytes) -> None:
    """Unfit unless `core` is a module for that system, and needs no newer C library than the tag promises."""
    if _kind(core) != target.name:
        raise Unfit(f"The core of {target.name} is for another system: {_kind(core)}.")
    if STARTS_AT not in core:
        raise Unfit(f"The core of {target.name} is no Python module.")
    if promised := MAX_GLIBC.match(target.tag):
        limit = (int(promised[1]), int(promised[2]))
        needs = max(((int(major), int(minor)) for major, minor in GLIBC.findall(core)), default=(0, 0))
        if needs > limit:
            raise Unfit(f"The core of {target.name} needs glibc {needs[0]}.{needs[1]}, and {target.tag} promises less.")


def _kind(core: bytes) -> str:
    """The name of the target that a compiled file is for, from its header; words for what else it is."""
    number, names = None, dict[str, int]()
    if core[:4] == b"\x7fELF" and len(core) > 64:
        number, names = struct.unpack_from("<H", core, 18)[0], ELF_MACHINES
    elif core[:4] == b"\xcf\xfa\xed\xfe" and len(core) > 32:
        number, names = struct.unpack_from("<I", core, 4)[0], MACH_MACHINES
    elif core[:2] == b"MZ" and len(core) > 64:
        start = struct.unpack_from("<I", core, 0x3C)[0]
        if core[start : start + 4] == b"PE\0\0" and len(core) > start + 6:
            number, names = struct.unpack_from("<H", core, start + 4)[0], PE_MACHINES
    return next((name for name, machine in names.items() if machine == number), "none that we know")


def unpack(wheel: Path) -> dict[str, bytes]:
    """The contents of a wheel, by path."""
    with zipfile.ZipFile(wheel) as archive:
        return {one.filename: archive.read(one) for one in archive.infolist() if not one.is_dir()}


def pack_wheel(base: Mapping[str, bytes], target: Target, core: bytes, folder: Path, epoch: int) -> Path:
    """The wheel for `target`: the contents `base` of a wheel without a core, and the core. Returns its path."""
    check_core(target, core)
    inside = next(name.split("/")[0] for name in base if name.endswith(".dist-info/WHEEL"))
    contents = dict(base) | {target.core: core, f"{inside}/WHEEL": _note(base[f"{inside}/WHEEL"], target)}
    del contents[f"{inside}/RECORD"]
    # The specification asks for the information to stand at the end of the archive.
    order = sorted(contents, key=lambda name: (name.startswith(f"{inside}/"), name))
    record = "".join(f"{name},sha256={_digest(contents[name])},{len(contents[name])}\n" for name in order)
    contents[f"{inside}/RECORD"] = (record + f"{inside}/RECORD,,\n").encode()
    path = folder / f"{inside.removesuffix('.dist-info')}-{PYTHON_TAG}-{target.tag}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in [*order, f"{inside}/RECORD"]:
            entry = zipfile.ZipInfo(name, time.gmtime(epoch)[:6])
            entry.create_system, entry.external_attr = 3, (0o100000 | MODE) << 16
            archive.writestr(entry, contents[name], zipfile.ZIP_DEFLATED, 9)
    return path


def _note(text: bytes, target: Target) -> bytes:
    kept = [line for line in text.decode().splitlines() if line and not line.startswith(("Tag:", "Root-Is-Purelib:"))]
    tags = [f"Tag: {PYTHON_TAG}-{platform}" for platform in target.tag.split(".")]
    return "\n".join([*kept, "Root-Is-Purelib: false", *tags, ""]).encode()


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def pack_sources(files: Mapping[str, bytes], name: str, folder: Path, epoch: int, executable: frozenset[str]) -> Path:
    """The source distribution `name`.tar.gz, with every file below a folder of that name. Returns its path."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path in sorted(files):
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.size, entry.mtime, entry.mode = len(files[path]), epoch, 0o755 if path in executable else MODE
            archive.addfile(entry, io.BytesIO(files[path]))
    made = folder / f"{name}.tar.gz"
    with made.open("wb") as out, gzip.GzipFile("", "wb", 9, out, mtime=epoch) as press:
        press.write(packed.getvalue())
    return made

"""Finds, checks and loads the libsodium 1.0.18 that the wheel of rbcl carries.

rbcl is the one package whose wheels hold a libsodium with ristretto255 for machines without a compiler. It keeps the
library as one long hexadecimal literal in `rbcl/_sodium.py`. Importing rbcl writes 2.8 MB into the temporary folder,
each time, and fails where programs may not be loaded from there. So rbcl is never imported here:

    find    the text, by the metadata of the installed wheel
    cut     the literal out of it; nothing is evaluated
    check   SHA-256 of the library against the table below: other bytes are never loaded
    load    from a sealed memory file (memfd), which has no name and is on no disk

On Linux no folder is ever used, so there is nothing to find in TMPDIR and a noexec mount does not matter. macOS and
Windows have no memory files: there the bytes go into a new folder that only this account can enter, and leave it,
on macOS as soon as they are loaded, on Windows when the process ends (one that is killed leaves 300 KB). The text and
the bytes are released before `load` returns; only the mapped library stays.

Limits: Linux with glibc is what is tested. The libraries for macOS and Windows are those of the wheels of the same
release; the one for Windows has been run under wine, those for macOS nowhere yet. Another machine (musl, 32 bit) gets
`BackendUnavailable` and no attempt. The check covers the bytes we load, not the interpreter or the kernel that loads
them.
"""

import atexit
import binascii
import ctypes
import hashlib
import os
import platform
import shutil
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, distribution

from psi.errors import BackendUnavailable

__all__ = ["MAX_TEXT_BYTES", "PINNED", "load"]

MAX_TEXT_BYTES = 16 * 1024 * 1024
"""Largest text we read, in bytes; rbcl 1.1.2 has 5.6 million."""

PINNED = {
    ("linux", "x86_64"): frozenset(
        {
            "e6d9b7f1cf7688f86702e2d370cfaa2a4a979d79492ae2e35196ca661c44f726",  # the wheel for Python 3.11
            "b756e6628f69a0d916b0b7c6e0c2d1d3b079ec19d262f305a0be01de96dd5242",  # those for 3.12 and later
        }
    ),
    ("linux", "aarch64"): frozenset(
        {
            "d62c1611a973526a66c84f77f0ecadc6a8cdc52eefaaae3e63518ddd03193317",  # the wheel for Python 3.11
            "216e323326d9489f4ea001fa22f4b751d6f8e081d8055a3127545a43cf15d189",  # those for 3.12 and later
        }
    ),
    ("darwin", "arm64"): frozenset(
        {
            "dfd1d75ba8b49847fb3e389fbdf986a43b83ca9209608a4c60040d988e49d8c2",  # the wheel for Python 3.11
            "ea221f43fa9048cc4745d9adb26c21dd29038315368467882a4fc392850ad0da",  # 3.12
            "87e460d62a4b1291058f3b97c72fd9d4ead1492023a4237cd5fe68ae8ef7a21b",  # 3.13
            "d485c0717485d9b3c054be9e8f4e98e0eac4668668d4e908fcbd594a7f794972",  # 3.14
        }
    ),
    ("darwin", "x86_64"): frozenset(
        {
            "f645413a071b046351d032a922e646e457acfeac0146d6861fe809188ae97d63",  # the wheel for Python 3.11
            "3a32326cbe7ba662ef7f3d7f566754d61ba47c618be991be310e72b7faf2175b",  # 3.12
            "70a8f1be60c9f4da762cd5f806f073770a77cba1ea8a1c79984390a00bd634a6",  # 3.13
            "ba29f2ad08008d0b497abe646ae879711ffc198920763a69df4610e5d5af19cf",  # 3.14
        }
    ),
    ("win32", "AMD64"): frozenset({"c65f7b4f7c16941ee8e19c9f311e2d8c976aef56d7f96567fcc35f2f447801be"}),
}
"""SHA-256 of the library in the wheels of rbcl 1.1.2 that we load, by `sys.platform` and `platform.machine()`."""

_BEFORE = b"sodium_bs = bytes.fromhex('"
_AFTER = b"')"

# Linux 6.3: the memory file can never be made an executable program. Mapping a library needs no such right, and
# systems hardened with vm.memfd_noexec=2 refuse memory files without this flag. Python has no name for it yet.
_MFD_NOEXEC_SEAL = 0x0008

_REINSTALL = "Install blindmatch again in a fresh environment, then run `blindmatch doctor`."


def load() -> ctypes.CDLL:
    """The library, checked and loaded. BackendUnavailable, with what to do, where that is not possible."""
    pins = PINNED.get((sys.platform, platform.machine()))
    if pins is None:
        raise BackendUnavailable(
            "There is no tested cryptographic library for this kind of computer.",
            advice="Use Linux with glibc, on x86-64 or 64-bit ARM; on Windows, WSL2 gives you one.",
        )
    library = _cut(_read())
    if hashlib.sha256(library).hexdigest() not in pins:
        raise BackendUnavailable(
            "The cryptographic library on this computer is not the one blindmatch was tested with. It was not used.",
            advice=_REINSTALL,
        )
    in_memory = sys.platform == "linux"
    try:
        return _load_from_memory(library) if in_memory else _load_from_folder(library)
    except OSError as error:
        raise BackendUnavailable(
            "This computer did not allow blindmatch to load its cryptographic library.",
            advice="Ask your administrator: /proc must be mounted and memory files (memfd_create) allowed."
            if in_memory
            else "Ask your administrator: libraries must be allowed in your own temporary folder.",
        ) from error


def _read() -> bytes:
    """The text of rbcl/_sodium.py."""
    try:
        place = distribution("rbcl").locate_file("rbcl/_sodium.py")
        with open(os.fspath(str(place)), "rb") as text:  # noqa: PTH123 - psi does not import pathlib
            return text.read(MAX_TEXT_BYTES)
    except (PackageNotFoundError, OSError) as error:
        raise BackendUnavailable(
            "The cryptographic library (package rbcl) is not installed.", advice=_REINSTALL
        ) from error


def _cut(text: bytes) -> bytes:
    """The bytes of the one hexadecimal literal in the text."""
    start = text.find(_BEFORE) + len(_BEFORE)
    end = text.find(_AFTER, start)
    try:
        if start < len(_BEFORE) or end < 0:
            raise ValueError("no literal")
        return binascii.unhexlify(memoryview(text)[start:end])
    except ValueError as error:
        raise BackendUnavailable(
            "The package rbcl on this computer is damaged or of another version.", advice=_REINSTALL
        ) from error


def _load_from_memory(library: bytes) -> ctypes.CDLL:
    """Load from a sealed memory file: no name, no disk, and no change after the check."""
    import fcntl  # does not exist on every system that can import this module

    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        file = os.memfd_create("blindmatch-libsodium", flags | _MFD_NOEXEC_SEAL)
    except OSError:  # before Linux 6.3
        file = os.memfd_create("blindmatch-libsodium", flags)
    try:
        _write(file, library)
        seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, seals)
        return ctypes.CDLL(f"/proc/self/fd/{file}")
    finally:
        os.close(file)  # the mapping keeps the memory alive


def _write(file: int, data: bytes) -> None:
    """Write all of it; the system may take less at a time."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def _load_from_folder(library: bytes) -> ctypes.CDLL:
    """Load from a file in a new folder that only this account can enter; both go as soon as the system allows it."""
    folder = tempfile.mkdtemp(prefix="blindmatch-")
    try:
        path = os.path.join(folder, "libsodium.dll")  # noqa: PTH118 - psi does not import pathlib
        with open(path, "xb") as file:  # noqa: PTH123
            file.write(library)
        loaded = ctypes.CDLL(path)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if sys.platform == "win32":  # a loaded library cannot be removed there
        atexit.register(_unload, loaded, folder)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return loaded


def _unload(library: ctypes.CDLL, folder: str) -> None:
    """At the end of a process on Windows: nothing calls the library any more."""
    free = ctypes.WinDLL("kernel32").FreeLibrary  # type: ignore[attr-defined, unused-ignore]
    free(ctypes.c_void_p(library._handle))
    shutil.rmtree(folder, ignore_errors=True)

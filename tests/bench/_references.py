"""The reference implementations that are called from C: `references.c`, compiled here and run beside us.

    with reference("x25519") as x25519:
        x25519.version            "OpenSSL 3.0.19 27 Jan 2026"
        x25519.seconds(4096)      processor seconds of so many operations, just now

The program waits for each order on a pipe, so it takes its turn and uses no processor in between; started inside
`one_core` it shares our processor. `Missing` says what this machine lacks: a compiler, or the library.
"""

import ctypes.util
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Literal

from psi import _libsodium
from psi.errors import BackendUnavailable
from tests.bench._bench import ROOT

__all__ = ["Kind", "Missing", "Reference", "reference"]

Kind = Literal["x25519", "ristretto255"]

_SOURCE = Path(__file__).parent / "references.c"
_PROGRAM = ROOT / "build" / "bench-references"
_CALLED = {"x25519": "EVP_PKEY_derive (X25519)", "ristretto255": "crypto_scalarmult_ristretto255"}


class Missing(Exception):
    """A reference cannot run on this machine; the text says what is missing."""


class Reference:
    """A running reference."""

    def __init__(self, kind: Kind, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.version = self._line()
        if kind == "ristretto255":
            self.version = f"libsodium {self.version}"
        self.note = f"{kind}: {_CALLED[kind]} of {self.version}, called from C ({compiler_version()})"

    def seconds(self, operations: int) -> float:
        """Do so many operations: the processor seconds they took."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{operations}\n")
        self._process.stdin.flush()
        return float(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            assert self._process.stderr is not None
            raise Missing(self._process.stderr.read().strip() or "the reference program ended at once")
        return line.strip()


@contextmanager
def reference(kind: Kind) -> Iterator[Reference]:
    """Start a reference; `Missing` where that is not possible."""
    program = compiled()
    library = _crypto() if kind == "x25519" else _sodium()
    inherited = [library] if isinstance(library, int) else []
    path = f"/proc/self/fd/{library}" if isinstance(library, int) else library
    try:
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            [program, kind, path], stdin=pipe, stdout=pipe, stderr=pipe, pass_fds=inherited, text=True
        )
    finally:
        for descriptor in inherited:
            os.close(descriptor)
    with process:
        try:
            yield Reference(kind, process)
        finally:
            assert process.stdin is not None
            process.stdin.close()  # the program ends at the end of its input


@cache
def compiled() -> Path:
    """The program, made by this machine's C compiler."""
    compiler = _compiler()
    _PROGRAM.parent.mkdir(exist_ok=True)
    command = [compiler, "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-o", _PROGRAM, _SOURCE, "-ldl"]
    made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode:
        raise Missing(f"{compiler} does not compile references.c: {made.stderr.strip()}")
    return _PROGRAM


@cache
def compiler_version() -> str:
    said = subprocess.run([_compiler(), "--version"], capture_output=True, text=True).stdout
    return said.partition("\n")[0]


def _compiler() -> str:
    for name in (os.environ.get("CC"), "cc", "gcc", "clang"):
        if name and (found := shutil.which(name)):
            return found
    raise Missing("there is no C compiler (cc, gcc, clang) on this machine")


def _crypto() -> str:
    name = ctypes.util.find_library("crypto")
    if name is None:
        raise Missing("there is no OpenSSL (libcrypto) on this machine")
    return name


def _sodium() -> int:
    """A memory file with the library that the pinned wheel carries: the very one the backend `sodium` runs on."""
    try:
        library = _libsodium._cut(_libsodium._read())
    except BackendUnavailable as unavailable:
        raise Missing(str(unavailable)) from unavailable
    if hashlib.sha256(library).hexdigest() not in set().union(*_libsodium.PINNED.values()):
        raise Missing("the libsodium on this machine is not the pinned one")
    descriptor = os.memfd_create("bench-libsodium", 0)
    _libsodium._write(descriptor, library)
    return descriptor

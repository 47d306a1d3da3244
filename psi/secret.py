"""Memory for secrets that can be wiped.

A Python `bytes` or `int` cannot be erased: it is copied freely and lies in the heap until something else lands on it.
`SecretBytes` is one private memory mapping of its own, a whole page, filled and read in place:

    with SecretBytes(32) as key:
        read_into(key.view())           # or hand key.address to a C function
    # zeros from here on

The page is kept out of swap (`mlock`; on Windows `VirtualLock`) and out of core dumps (`MADV_DONTDUMP`) where the
system allows it, and is overwritten by `wipe()`, at the end of a `with` block, and when the object goes. Having its own
page matters: page locks do not nest, so two secrets in one page would unlock each other.

What this does not promise: that C code did not leave a copy on its stack, that a hypervisor, a hibernating laptop or
a debugger saw nothing, or that the lock was granted (`locked` says so). A `SecretBytes` has no `bytes()`, `==`, hash,
pickle or copy, and its repr shows the size only, so a secret does not leave by accident.
"""

import ctypes
import mmap
import sys
from contextlib import suppress
from types import TracebackType
from typing import NoReturn

from psi.errors import WrongState

__all__ = ["MAX_SECRET_BYTES", "SecretBytes"]

MAX_SECRET_BYTES = 65_536
"""Largest secret, in bytes. Scalars have 32 and sealing keys 32; the rest is room for a passphrase or a key file."""

_ANONYMOUS: int | None = getattr(mmap, "MAP_PRIVATE", 0) | getattr(mmap, "MAP_ANONYMOUS", 0) or None
"""Private, not shared: a forked child that ends must not wipe its parent's secret. None on Windows: nothing forks."""


def _page_locks() -> "tuple[ctypes._NamedFuncPointer, ctypes._NamedFuncPointer, bool]":
    """What locks and unlocks pages, from a library that the interpreter already runs on; and what it says for yes."""
    if sys.platform == "win32":
        system = ctypes.WinDLL("kernel32")
        lock, unlock, yes = system.VirtualLock, system.VirtualUnlock, True
    else:
        library = ctypes.CDLL(None)
        lock, unlock, yes = library.mlock, library.munlock, False
    for function in (lock, unlock):
        function.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
    return lock, unlock, yes


_LOCK, _UNLOCK, _YES = _page_locks()


class SecretBytes:
    """A secret of `size` bytes in its own page, zero at first.

    Raises ValueError for a size outside 1..MAX_SECRET_BYTES. Not safe against two threads that wipe and use the same
    secret at the same moment: the user of an address keeps the object alive and unwiped.
    """

    __slots__ = ("_address", "_export", "_page", "_size", "_wiped", "locked")

    locked: bool
    """Whether the system agreed to keep the page out of swap."""

    # With the class and not the module: a secret that lives until the interpreter ends is wiped when every name of this
    # module is None already. A class stays whole as long as anything of it lives.
    _memset = staticmethod(ctypes.memset)
    _unlock = staticmethod(_UNLOCK)

    def __init__(self, size: int) -> None:
        self._wiped, self.locked = True, False  # for __del__, should the mapping fail
        if not 1 <= size <= MAX_SECRET_BYTES:
            raise ValueError(f"a secret has 1 to {MAX_SECRET_BYTES} bytes")
        self._size = size
        self._page = mmap.mmap(-1, size) if _ANONYMOUS is None else mmap.mmap(-1, size, flags=_ANONYMOUS)
        self._export = ctypes.c_char.from_buffer(self._page)
        self._address = ctypes.addressof(self._export)
        self._wiped = False
        self.locked = _lock(self._address, size)
        if hasattr(mmap, "MADV_DONTDUMP"):
            with suppress(OSError):  # a sandbox may not know it; then the lock and the wiping remain
                self._page.madvise(mmap.MADV_DONTDUMP)

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self._size

    @property
    def address(self) -> int:
        """Where the secret lies, for a C function. WrongState once wiped."""
        self._refuse_if_wiped()
        return self._address

    @property
    def wiped(self) -> bool:
        """True once the secret is gone."""
        return self._wiped

    def view(self) -> memoryview:
        """The secret itself, writable, without a copy. WrongState once wiped.

        A view taken before `wipe()` stays usable and shows zeros after it.
        """
        self._refuse_if_wiped()
        return memoryview(self._page)[: self._size]

    def wipe(self) -> None:
        """Overwrite the secret with zeros. Wiping twice is fine."""
        if self._wiped:
            return
        self._wiped = True
        # A real call into C on memory that others can reach: unlike a C compiler, ctypes drops no dead store.
        self._memset(self._address, 0, self._size)
        if self.locked:
            self._unlock(self._address, self._size)

    def __enter__(self) -> "SecretBytes":
        self._refuse_if_wiped()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wipe()

    def __del__(self) -> None:
        self.wipe()

    def __repr__(self) -> str:
        return f"<SecretBytes of {self._size} bytes>"

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError("secrets are not compared in Python: the time it takes would tell how much agrees")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not copied or pickled")

    def _refuse_if_wiped(self) -> None:
        if self._wiped:
            raise WrongState(
                "The secret key for this step has already been erased.",
                advice="Start a new round; an erased key never comes back.",
            )


def _lock(address: int, size: int) -> bool:
    """Keep a page out of swap; False where the system refuses (its limit is `ulimit -l`)."""
    return bool(_LOCK(address, size)) is _YES

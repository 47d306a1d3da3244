"""All backends, for tests that must hold on each, and scalars that are no secret.

A native backend that was not built, or that this processor cannot run, is a visible skip. One that is there and fails
its self-test is a failure.
"""

from functools import cache

import pytest

from psi._reference import ReferenceBackend
from psi.backend import BACKENDS as REAL
from psi.backend import Backend, choose, shortfall, usable
from psi.secret import SecretBytes

BACKENDS = (*REAL, "reference")


def backend_called(name: str) -> Backend:
    """A backend by name, the same at every call; here, unlike in `choose`, the reference is one of them."""
    if name == "reference":
        return _reference()
    if name not in usable():
        pytest.skip(f"{name} is not there: {' '.join(shortfall() or ())}")
    return choose(name)


@cache
def _reference() -> ReferenceBackend:
    return ReferenceBackend()


def known_scalar(value: int | str | bytes) -> SecretBytes:
    """A scalar from an int, from hexadecimal or from 32 bytes."""
    if isinstance(value, int):
        value = value.to_bytes(32, "little")
    secret = SecretBytes(32)
    secret.view()[:] = bytes.fromhex(value) if isinstance(value, str) else value
    return secret


def shown(secret: SecretBytes) -> bytes:
    """A copy of a secret, for tests to compare."""
    return bytes(secret.view())

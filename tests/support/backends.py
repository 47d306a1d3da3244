"""Both backends, for tests that must hold on each, and scalars that are no secret."""

from functools import cache

from psi._reference import ReferenceBackend
from psi.backend import Backend, choose
from psi.secret import SecretBytes

BACKENDS = ("sodium", "reference")


@cache
def backend_called(name: str) -> Backend:
    """A backend by name; here, unlike in `choose`, the reference is one of them."""
    return ReferenceBackend() if name == "reference" else choose(name)


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

"""The curve core: elements per second on one processor, against X25519 of OpenSSL in the same run.

X25519 is the nearest well-tuned relative: one variable-base multiplication on the same curve, called from Python in
the same way. Ours does more per element: it decodes, checks and encodes in ristretto255; `hash_and_multiply` also
hashes with expand_message_xmd and maps to the group.
"""

import os
from collections.abc import Iterator
from functools import partial

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from psi.backend import BACKENDS, choose
from tests.bench._bench import Result, interleaved, measurement

N = 4096  # elements: one chunk
DST = b"blindmatch-bench"


def x25519() -> None:
    """N key agreements of one private key with one public key: N multiplications."""
    key, peer = X25519PrivateKey.generate(), X25519PrivateKey.generate().public_key()
    for _ in range(N):
        key.exchange(peer)


@measurement("core: multiply")
def multiply() -> Iterator[Result]:
    for name in BACKENDS:
        backend = choose(name)
        elements = backend.map_to_group(os.urandom(64 * N))
        with backend.new_scalar(os.urandom) as scalar:
            work = partial(backend.multiply, scalar, elements)
            yield interleaved(f"{name}: multiply, against OpenSSL X25519", "/s", N, work, x25519)


@measurement("core: hash_and_multiply")
def hash_and_multiply() -> Iterator[Result]:
    messages = [b"+4072112%07d" % i for i in range(N)]
    for name in BACKENDS:
        backend = choose(name)
        with backend.new_scalar(os.urandom) as scalar:
            work = partial(backend.hash_and_multiply, scalar, messages, DST)
            yield interleaved(f"{name}: hash and multiply, against OpenSSL X25519", "/s", N, work, x25519)

"""The curve core on one processor: each operation of each backend, in turns with its references.

The main reference is X25519 of OpenSSL: the nearest well-tuned relative, one variable-base multiplication on the same
curve, without decoding to and encoding from ristretto255. The other is ristretto255 of libsodium, which does what
`evaluate` does. Both are called from C in processes of their own (`_references`). Ours is called through `Backend`,
from Python, as the protocol calls it: a chunk at a time.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial

from psi import dleq
from psi.backend import Backend, choose, usable
from psi.errors import BackendUnavailable
from psi.secret import SecretBytes
from psi.spool import CHUNK_ROWS
from tests.bench._bench import Line, Note, Result, Skip, measurement
from tests.bench._references import Kind, Missing, Reference, reference
from tests.bench._turns import cpu_seconds, in_turns, one_core

N = CHUNK_ROWS
RUNS = 5
DST = b"blindmatch-bench"
SUFFIXES = {"native-avx512ifma": "ifma", "native-portable": "portable", "sodium": "sodium"}
"""How rows call the backends."""

Work = Callable[[], object]
Prepare = Callable[[Backend, SecretBytes], Work]
Bounds = Mapping[tuple[str, Kind], float]
"""(backend's suffix, reference) -> the least ratio."""


def _messages() -> list[bytes]:
    return [b"+4072112%07d" % number for number in range(N)]


def _elements(backend: Backend) -> bytes:
    return backend.map_to_group(os.urandom(64 * N))


@measurement("core.evaluate")
def evaluate() -> Iterator[Line]:
    """32 bytes in, 32 bytes out: decode, multiply, encode."""
    bounds: Bounds = {("ifma", "x25519"): 6.5, ("ifma", "ristretto255"): 8.5, ("portable", "x25519"): 0.65}
    yield from _against(
        "core.evaluate", lambda backend, scalar: partial(backend.multiply, scalar, _elements(backend)), bounds
    )


@measurement("core.hash_and_multiply")
def hash_and_multiply() -> Iterator[Line]:
    """A message in, 32 bytes out, SHA-512 included."""
    yield from _against(
        "core.hash_and_multiply",
        lambda backend, scalar: partial(backend.hash_and_multiply, scalar, _messages(), DST),
        {("ifma", "x25519"): 6.0},
    )


@measurement("core.map")
def map_to_group() -> Iterator[Line]:
    """64 uniform bytes in, an encoded element out."""
    yield from _against("core.map", lambda backend, _: partial(backend.map_to_group, os.urandom(64 * N)))


@measurement("core.validate")
def validate() -> Iterator[Line]:
    """Decode and throw away."""
    yield from _against("core.validate", lambda backend, _: partial(backend.validate, _elements(backend)))


@measurement("core.multi_scalar")
def multi_scalar() -> Iterator[Line]:
    """The sum of products by public numbers of 128 bits, as in a proof; the figure is products a second."""

    def prepare(backend: Backend, _: SecretBytes) -> Work:
        return partial(backend.multi_scalar, dleq_coefficients(), _elements(backend))

    yield from _against("core.multi_scalar", prepare)


def dleq_coefficients() -> bytes:
    padding = bytes(32 - dleq.COEFFICIENT_BYTES)
    return b"".join(os.urandom(dleq.COEFFICIENT_BYTES) + padding for _ in range(N))


@measurement("core.hash_rows")
def hash_rows() -> Iterator[Line]:
    """16 bytes of SHA-512 over a common front and one element, as tags are made; hashlib does one row at a time."""
    front, elements = os.urandom(100), os.urandom(32 * N)

    def one_by_one() -> None:
        begun = hashlib.sha512(front)
        for start in range(0, 32 * N, 32):
            row = begun.copy()
            row.update(elements[start : start + 32])
            row.digest()

    for backend, suffix in _here("core.hash_rows"):
        if isinstance(backend, Skip):
            yield backend
            continue
        work = partial(backend.hash_rows, front, elements, 32, 16)
        with one_core():
            ours, theirs = in_turns(partial(cpu_seconds, work), partial(cpu_seconds, one_by_one), runs=RUNS)
        yield Result(f"core.hash_rows.{suffix}, hashlib", N / ours, "/s", N / theirs, n=N, runs=RUNS)


@measurement("core.dleq")
def proofs() -> Iterator[Line]:
    """One proof over a chunk, held against the evaluation of that chunk. The best backend's rows have the bare name.

    A node proves a chunk while it evaluates it: `prove` is what that adds. `prove_alone` proves it afterwards.
    """
    best = choose().name
    for backend, suffix in _here("core.dleq"):
        if isinstance(backend, Skip):
            yield backend
            continue
        said = {"label": b"bench", "context": bytes(64)}
        with backend.new_scalar() as scalar, one_core():
            key, inputs = backend.base_multiply(scalar), _elements(backend)
            outputs = backend.multiply(scalar, inputs)
            prove = partial(dleq.prove_batch, backend, scalar, key, inputs, outputs, random_bytes=os.urandom, **said)
            verify = partial(dleq.verify_batch, backend, key, inputs, outputs, prove(), **said)
            both = partial(dleq.evaluate_batch, backend, scalar, key, inputs, random_bytes=os.urandom, **said)
            work = (both, prove, verify, partial(backend.multiply, scalar, inputs))
            together, alone, verifying, pass_ = in_turns(*(partial(cpu_seconds, one) for one in work), runs=RUNS)
        is_best = backend.name == best
        end = "" if is_best else f".{suffix}"
        bounds = (0.12, 0.22) if is_best else (None, None)
        added = together - pass_
        yield Result(f"core.dleq.prove{end}", added, "s", pass_, n=N, runs=RUNS, at_most=bounds[0])
        yield Result(f"core.dleq.prove_alone{end}", alone, "s", pass_, n=N, runs=RUNS)
        yield Result(f"core.dleq.verify{end}", verifying, "s", pass_, n=N, runs=RUNS, at_most=bounds[1])


def _against(name: str, prepare: Prepare, bounds: Bounds | None = None) -> Iterator[Line]:
    """Rows `name.suffix` against X25519 and, where `bounds` asks for it, `name.suffix, libsodium`; all in turns."""
    bounds = bounds or {}
    kinds: list[Kind] = ["x25519", *(["ristretto255"] if any(kind == "ristretto255" for _, kind in bounds) else [])]
    with ExitStack() as stack:
        stack.enter_context(one_core())
        started: dict[Kind, Reference] = {}
        missing: dict[Kind, str] = {}
        for kind in kinds:
            try:
                started[kind] = stack.enter_context(reference(kind))
            except Missing as lack:
                missing[kind] = str(lack)
        works: dict[str, Work] = {}
        for backend, suffix in _here(name):
            if isinstance(backend, Skip):
                yield backend
            else:
                works[suffix] = prepare(backend, stack.enter_context(backend.new_scalar()))
        times = in_turns(
            *(partial(running.seconds, N) for running in started.values()),
            *(partial(cpu_seconds, work) for work in works.values()),
            runs=RUNS,
        )
    theirs = dict(zip(started, times, strict=False))
    ours = dict(zip(works, times[len(started) :], strict=True))
    yield from (Note(running.note) for running in started.values())
    for kind in kinds:
        for suffix, seconds in ours.items():
            row = f"{name}.{suffix}" if kind == "x25519" else f"{name}.{suffix}, libsodium"
            if kind in missing:
                yield Skip(row, missing[kind])
                continue
            bound = bounds.get((suffix, kind))
            yield Result(row, N / seconds, "/s", N / theirs[kind], n=N, runs=RUNS, at_least=bound)


def _here(name: str) -> Iterator[tuple[Backend | Skip, str]]:
    """Each backend and its suffix, or why this machine has none of that name. One that is here and gives wrong answers
    is no gap but a fault, and ends the measurement."""
    for called, suffix in SUFFIXES.items():
        try:
            yield choose(called), suffix
        except BackendUnavailable as unavailable:
            if called in usable():
                raise
            yield Skip(f"{name}.{suffix}", str(unavailable)), suffix

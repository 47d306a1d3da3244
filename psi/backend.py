"""Which arithmetic runs, and the proof at start-up that it is right.

    native-avx512ifma    our C core, eight elements at a time      x86-64 with AVX-512 IFMA, where it was compiled
    native-portable      our C core, one at a time                 where it was compiled
    sodium               libsodium (rbcl's wheel)                  always: no compiler is needed to install blindmatch

`choose()` is called once, when the program starts. It makes the backend, runs the self-test below and keeps the
result. The test covers every operation of `Backend` with figures of RFC 9496 or figures computed by the slow twin in
`_reference.py` (which is for tests and is not used here), and then with a list long enough to pass through every block,
lane and window width that a round uses: 30 to 100 ms. A backend that gives one wrong byte there, or lets one bad
encoding pass, is not used: there is no fallback that nobody chose. An error that shows in fewer than one of some
thousand inputs may pass; the suite looks for it. That a faster backend is missing is no fault, but it costs time:
`shortfall()` says why and how much, for `blindmatch doctor`.
"""

import hashlib
from collections.abc import Callable
from functools import partial

from psi._sodium import SodiumBackend
from psi.dleq import prove_batch, verify_batch
from psi.errors import BackendUnavailable, BadProof, InvalidElement
from psi.group import GENERATOR, IDENTITY, PRIME, Backend, Buffer, RandomBytes
from psi.secret import SecretBytes

__all__ = [
    "BACKENDS",
    "NATIVE",
    "Backend",
    "Buffer",
    "RandomBytes",
    "built_with",
    "choose",
    "self_test",
    "shortfall",
    "usable",
]

NATIVE = "native"
"""Stands for the best native backend of this computer."""

PRICE_OF_SODIUM = "about 9"
"""How many times as long the arithmetic takes without any native backend as with the one for AVX-512 IFMA. Both figures
were measured on an AMD EPYC that has it, in one thread, on multiplications by one scalar."""

PRICE_OF_PORTABLE = "about 7"
"""How many times as long it takes with the portable native backend instead of the one for AVX-512 IFMA."""


def _native(core: str) -> Backend:
    from psi._native import NativeBackend

    return NativeBackend(core)


_MAKERS: dict[str, Callable[[], Backend]] = {
    "native-avx512ifma": partial(_native, "avx512ifma"),
    "native-portable": partial(_native, "portable"),
    "sodium": SodiumBackend,
}

BACKENDS = tuple(_MAKERS)
"""The names that `choose` knows, the preferred one first."""

_chosen: dict[str, Backend] = {}


def choose(name: str | None = None) -> Backend:
    """The backend of that name, or the best there is, after its self-test; the same object at every call.

    BackendUnavailable if the name is unknown, if that backend was not compiled or does not run on this processor, if
    the library cannot be loaded or if the self-test finds a wrong answer.
    """
    wanted = _resolved(name)
    if wanted not in _chosen:
        backend = _MAKERS[wanted]()
        self_test(backend)
        _chosen[wanted] = backend  # two threads here at once would do the same work twice, no more
    return _chosen[wanted]


def usable() -> tuple[str, ...]:
    """The backends that were built and that this processor can run, best first. Nothing is tested yet."""
    here = {f"native-{core}" for core in _cores()} | {"sodium"}
    return tuple(name for name in BACKENDS if name in here)


def built_with() -> str | None:
    """Compiler and flags of the native backends; None if there are none."""
    try:
        from psi._native import built_with as said
    except ImportError:
        return None
    return said()


def shortfall() -> tuple[str, str] | None:
    """Why the fastest backend does not run here, with the price, and what to do about it; None if it does."""
    if BACKENDS[0] in usable():
        return None
    sentence, advice = _absence()
    price = PRICE_OF_PORTABLE if _cores() else PRICE_OF_SODIUM
    return f"{sentence} Everything works, but the arithmetic takes {price} times as long.", advice


def _resolved(name: str | None) -> str:
    here = usable()
    if name is None:
        return here[0]
    if name != NATIVE and name not in BACKENDS:
        raise BackendUnavailable(
            "The chosen cryptographic backend does not exist.",
            advice=f"Choose one of: {NATIVE}, {', '.join(BACKENDS)}; or choose none, and blindmatch takes the best.",
        )
    found = next((one for one in here if one == name or (name == NATIVE and one != "sodium")), None)
    if found is None:
        sentence, advice = _absence()
        raise BackendUnavailable(
            f"The chosen cryptographic backend, {name}, is not there. {sentence}",
            advice=f"{advice} Or choose none, and blindmatch takes the best that runs here: {here[0]}.",
        )
    return found


def _cores() -> tuple[str, ...]:
    """The native cores that run here; none where they were not compiled."""
    try:
        from psi._native import cores
    except ImportError:
        return ()
    return cores()


def _absence() -> tuple[str, str]:
    """Why a native backend is missing, and what to do."""
    try:
        import psi._native  # noqa: F401
    except ModuleNotFoundError:
        return (
            "The fast curve core was not compiled. Probably there was no C compiler or no Python.h when blindmatch was "
            "installed, or the compiler refused.",
            "To have it, install both (on Debian and Ubuntu: gcc and python3-dev), then install blindmatch again; in a "
            "checkout, run `make native`, which also says what was wrong.",
        )
    except ImportError:
        return (
            "The fast curve core was compiled, but this system could not load it.",
            "To have it, install blindmatch again on this very system; in a checkout, run `make native`.",
        )
    return (
        "This computer's processor or system does not offer AVX-512 IFMA, which the fastest curve core needs.",
        "There is nothing to repair: Intel servers since 2021 and AMD processors since 2022 have it.",
    )


_MULTIPLES = (
    GENERATOR,
    bytes.fromhex("6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919"),
    bytes.fromhex("94741f5d5d52755ece4f23f044ee27d5d1ea1e2bd196b462166b16152a9d0259"),
)
"""1*G, 2*G and 3*G (RFC 9496 appendix A.1)."""

_BAD = (
    IDENTITY,
    GENERATOR[:-1] + bytes([GENERATOR[-1] | 0x80]),  # a good element with bit 255 set
    bytes(31) + b"\x80",  # the identity with bit 255 set
    (PRIME + 1 + 1).to_bytes(32, "little"),  # not below p
    bytes.fromhex("ed57ffd8c914fb201471d1c3d245ce3c746fcbe63a3679d51b6a516ebebe0e20"),  # A.2: negative
    bytes.fromhex("26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371"),  # A.2: no square
    bytes.fromhex("3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e"),  # A.2: negative x*y
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),  # A.2: s = -1, y = 0
)

_UNIFORM = bytes.fromhex(
    "5d1be09e3d0c82fc538112490e35701979d99e06ca3e2b5b54bffe8b4dc772c1"
    "4d98b696a1bbfb5ca32c436cc61c16563790306c79eaca7705668b47dffe5bb6"
)
_MAPPED = bytes.fromhex("3066f82a1a747d45120d1740f14358531a8f04bbffe6a819f86dfe50f44a0a46")
"""The first pair of RFC 9496 appendix A.3."""

_REDUCED = bytes.fromhex("000f9c44e31106a447938568a71b0ed065bef517d273ecce3d9a307c1b419903")
"""2^512 - 1 mod L."""

_HASHED = bytes.fromhex("046ec6c3439a97c70a83dbe5095a474382a10967abfcbf7eca82a728d28a6c65")
"""3 * hash_to_ristretto255("blindmatch", tag below)."""

_HASH_TAG = b"blindmatch/1 self-test"

_MESSAGES = [b"blindmatch" * times for times in range(0, 110, 10)]
_MESSAGES_HASHED = bytes.fromhex(
    "cb138aab1216ec0231389bdb1056779160474d7cf55e9549e2c2e7de1dbb69a4"
    "377ea1c10d06443e4ac587c14f6e433efcd9693afdd8a66e8b2e1fc00bd9be9c"
)
"""SHA-512 of 3 * hash_to_ristretto255 of each, joined. More than eight, and of all lengths: every lane has its turn."""

_ROWS = bytes(range(160))
_ROWS_HASHED = bytes.fromhex(
    "d0efdaae35a0d84265a27b84e243521bd4a0933dba2666f1ab2d5a20f46b1225"
    "fb11ce0bdcf14e1d4936d9f13f570c8d8ea36177298f34ceb9c2e5d30905cc47"
)
"""SHA-512 of the first 16 bytes of SHA-512(130 zeros || row) for the 20 rows of 8 bytes, joined."""

_PROOF = bytes.fromhex(
    "e02a2a5b78f5196ac873cc27eff21b7fd72fe7a2e327fd187d83a05da8e8d805"
    "60ae6ac4887bc69014f2c02b6fd80dc490480b76a877cf2d1043a25eb6eda404"
)
"""The proof of 3*(1*G, 2*G) for the fresh bytes below."""

_FRESH = bytes(range(32))


def self_test(backend: Backend) -> None:
    """Run the figures above through a backend; BackendUnavailable at the first wrong answer."""
    try:
        good = _right(backend)
    except Exception as error:
        raise _wrong() from error
    if not good:
        raise _wrong()


_LONG_ROWS = {"native-avx512ifma": 1050, "native-portable": 150}
_SHORT_ROWS = 40
"""Rows of the long list: more than any block of the backend has, and enough for its widest windows."""

_LONG_DIGESTS = {
    1050: "a831b29bc7fb81186ca1af02eb5c914b",
    150: "060b95cf0656d7c6e4595509fa810851",
    40: "f61a81cf40562633062c2521e5621dc0",
}
"""First 16 bytes of the SHA-512 over all results of `_long_results`, computed by `_reference.py`."""

_BAD_ROWS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 31, 32, 63, 64, 255, 256)
"""Where a bad row must be found: each lane, and the borders of blocks."""


def _long_results(backend: Backend, count: int) -> bytes:
    """What every operation makes of a list of `count` rows, one after the other. Nothing in it is secret."""
    numbers = b"".join(number.to_bytes(4, "big") for number in range(count))
    messages = [numbers[4 * row : 4 * row + 4] * (1 + row % 60) for row in range(count)]  # one to four blocks
    uniform = backend.hash_rows(b"uniform", numbers, 4, 64)
    short = backend.hash_rows(b"short", numbers, 4, 16)
    long = backend.hash_rows(b"long", numbers, 4, 32)
    coefficients = b"".join(short[16 * row : 16 * row + 16] + bytes(16) for row in range(count))
    scalars = b"".join(long[32 * row : 32 * row + 31] + bytes([long[32 * row + 31] & 15]) for row in range(count))
    elements = backend.map_to_group(uniform)
    with _small(int.from_bytes(backend.reduce(uniform[:64]), "little")) as k:
        results = [
            uniform,
            elements,
            backend.multiply(k, elements),
            backend.hash_and_multiply(k, messages, _HASH_TAG),
            backend.sum(elements),
            backend.multi_scalar(coefficients, elements),
            backend.multi_scalar(scalars, elements),
        ]
        outputs, kept = backend.multiply_keeping(k, elements)
        if [outputs, backend.multi_scalar_kept(scalars, kept)] != [results[2], results[-1]]:
            results.append(b"what was kept is not what was multiplied")
        bad_rows = [row for row in {*_BAD_ROWS, count - 1} if row < count]
        for row in bad_rows:
            broken = elements[: 32 * row] + _BAD[row % len(_BAD)] + elements[32 * row + 32 :]
            multiply, multi_scalar = partial(backend.multiply, k), partial(backend.multi_scalar, scalars)
            operations = (backend.validate, multiply, backend.sum, multi_scalar)
            keeping = partial(backend.multiply_keeping, k, broken)
            if not _refuses(keeping, InvalidElement, index=row):
                results.append(b"what is no element was kept")
            found = [_refuses(partial(operation, broken), InvalidElement, index=row) for operation in operations]
            results.append(bytes(found))
    return b"".join(results)


def _long_list_is_right(backend: Backend) -> bool:
    count = _LONG_ROWS.get(backend.name, _SHORT_ROWS)
    return hashlib.sha512(_long_results(backend, count)).digest()[:16].hex() == _LONG_DIGESTS[count]


def _right(backend: Backend) -> bool:
    one, two, three = _MULTIPLES
    with _small(3) as k, _small(2) as nonce, backend.new_scalar() as fresh:
        key = backend.base_multiply(k)
        inputs = one + two
        outputs = backend.multiply(k, inputs)
        statement = (backend, key, inputs, outputs)
        proof = prove_batch(
            backend, k, key, inputs, outputs, label=b"self-test", context=b"", random_bytes=lambda n: _FRESH[:n]
        )
        verify_batch(*statement, proof, label=b"self-test", context=b"")
        backend.validate(backend.base_multiply(fresh))
        return (
            key == three
            and outputs[:32] == three
            and backend.sum(one + two) == three
            and backend.sum(b"") == IDENTITY
            and backend.multi_scalar(_encoded(4) + _encoded(1), one + two) == outputs[32:]
            and backend.multiply_each([nonce, k], GENERATOR * 2) == two + three
            and backend.map_to_group(_UNIFORM) == _MAPPED
            and backend.multiply(k, backend.hash_to_group([b"blindmatch"], _HASH_TAG)) == _HASHED
            and backend.hash_and_multiply(k, [b"blindmatch"], _HASH_TAG) == _HASHED
            and _digest(backend.hash_and_multiply(k, _MESSAGES, _HASH_TAG)) == _MESSAGES_HASHED
            and _digest(backend.multiply(k, backend.hash_to_group(_MESSAGES, _HASH_TAG))) == _MESSAGES_HASHED
            and _digest(backend.hash_rows(bytes(130), _ROWS, 8, 16)) == _ROWS_HASHED
            and backend.reduce(b"\xff" * 64) == _REDUCED
            and backend.response(nonce, _encoded(0), k) == _encoded(2)
            and proof == _PROOF
            and _refuses(lambda: verify_batch(*statement, proof, label=b"other", context=b""), BadProof)
            and all(_refuses_element(backend, k, bad) for bad in _BAD)
            and _long_list_is_right(backend)
        )


def _refuses_element(backend: Backend, k: SecretBytes, bad: bytes) -> bool:
    """Every operation that takes elements refuses this one, in the second place of a list, with its index."""
    elements = GENERATOR + bad
    return all(
        _refuses(operation, InvalidElement, index=1)
        for operation in (
            lambda: backend.validate(elements),
            lambda: backend.multiply(k, elements),
            lambda: backend.multiply_keeping(k, elements),
            lambda: backend.multiply_each([k, k], elements),
            lambda: backend.sum(elements),
            lambda: backend.multi_scalar(_encoded(1) + _encoded(2), elements),
            lambda: backend.multi_scalar(_encoded(1) + _encoded(0), elements),
        )
    )


def _refuses(
    operation: Callable[[], object], error: type[InvalidElement] | type[BadProof], index: int | None = None
) -> bool:
    try:
        operation()
    except error as refusal:
        return refusal.index == index
    return False


def _digest(data: bytes) -> bytes:
    return hashlib.sha512(data).digest()


def _encoded(value: int) -> bytes:
    return value.to_bytes(32, "little")


def _small(value: int) -> SecretBytes:
    """A scalar that is no secret."""
    scalar = SecretBytes(32)
    scalar.view()[:] = _encoded(value)
    return scalar


def _wrong() -> BackendUnavailable:
    return BackendUnavailable(
        "The cryptographic library gives wrong answers on this computer, so blindmatch does not start.",
        advice="Install blindmatch again. If that does not help, test the computer's memory and tell us.",
    )

"""choose(), the self-test and the edges of the sodium backend. Figures are in tests/vectors, agreement in property."""

import hashlib
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from copy import copy

import pytest

import psi
import psi.backend
from psi import _scalars, _sodium, group
from psi._sodium import SodiumBackend
from psi.backend import BACKENDS, built_with, choose, self_test, shortfall, usable
from psi.errors import BackendUnavailable, InvalidElement, LocalError, WrongState
from psi.group import GENERATOR, IDENTITY, ORDER, is_canonical_scalar
from psi.secret import SecretBytes
from tests.support.backends import BACKENDS as BOTH
from tests.support.backends import backend_called, known_scalar, shown

ONE = (1).to_bytes(32, "little")


@pytest.fixture(params=BOTH)
def backend(request):
    return backend_called(request.param)


@pytest.fixture
def sodium():
    return choose("sodium")


# choose


def test_the_choice_is_made_once_and_is_the_best_that_runs_here():
    assert choose() is choose() is choose(usable()[0])
    assert choose("sodium") is choose("sodium")
    assert choose().name == usable()[0] in BACKENDS
    assert usable() == tuple(name for name in BACKENDS if name in usable())


@pytest.mark.parametrize("name", BACKENDS)
def test_a_backend_can_be_chosen_by_its_name(name):
    assert backend_called(name).name == name


def test_native_is_the_best_native_one():
    if usable() == ("sodium",):
        pytest.skip("no native backend was built")
    assert choose("native") is choose(usable()[0])
    assert "native" not in BACKENDS


@pytest.mark.parametrize("name", ["", "natives", "native-", "native-avx2", "reference", "SODIUM", "_reference"])
def test_no_other_name_is_known_least_of_all_the_reference(name):
    with pytest.raises(BackendUnavailable, match="does not exist") as refusal:
        choose(name)
    assert all(known in refusal.value.advice for known in (*BACKENDS, "native"))


def without_core(monkeypatch, error):
    """As where psi._native cannot be imported."""

    class Missing:
        def find_spec(self, name, path=None, target=None):
            if name.startswith("psi._native"):
                raise error
            return

    for name in [name for name in sys.modules if name.startswith("psi._native")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(psi, "_native", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    monkeypatch.setattr(psi.backend, "_chosen", {})


NOT_BUILT = ModuleNotFoundError("No module named 'psi._native._core'")
NOT_LOADED = ImportError("_core.abi3.so: undefined symbol: PyObject_New")


@pytest.mark.parametrize(
    ("error", "reason", "cure"), [(NOT_BUILT, "not compiled", "python3-dev"), (NOT_LOADED, "could not load", "again")]
)
def test_without_the_compiled_core_sodium_does_the_work_and_says_why(monkeypatch, error, reason, cure):
    without_core(monkeypatch, error)
    assert usable() == ("sodium",)
    assert choose().name == "sodium"
    assert built_with() is None
    says, advice = shortfall()
    assert reason in says
    assert psi.backend.PRICE_OF_SODIUM in says
    assert cure in advice
    assert "in a checkout, run `make native`" in advice


@pytest.mark.parametrize("name", ["native", "native-portable", "native-avx512ifma"])
def test_a_forced_backend_that_was_not_built_is_refused_with_the_reason_and_the_cure(monkeypatch, name):
    without_core(monkeypatch, NOT_BUILT)
    with pytest.raises(BackendUnavailable, match=f"{name}, is not there.*not compiled") as refusal:
        choose(name)
    assert "gcc and python3-dev" in refusal.value.advice
    assert "sodium" in refusal.value.advice


def test_a_processor_without_ifma_runs_the_portable_core_and_says_why(monkeypatch):
    pytest.importorskip("psi._native", reason="the core was not built")
    monkeypatch.setattr(psi.backend, "_cores", lambda: ("portable",))
    assert usable() == ("native-portable", "sodium")
    assert choose("native").name == choose().name == "native-portable"
    says, _ = shortfall()
    assert "AVX-512 IFMA" in says
    assert psi.backend.PRICE_OF_PORTABLE in says
    with pytest.raises(BackendUnavailable, match=r"does not offer AVX-512 IFMA") as refusal:
        choose("native-avx512ifma")
    assert "native-portable" in refusal.value.advice


def test_a_core_that_this_processor_lacks_is_no_backend():
    native = pytest.importorskip("psi._native", reason="the core was not built")
    with pytest.raises(BackendUnavailable, match="avx1024"):
        native.NativeBackend("avx1024")


def test_the_fastest_backend_has_no_shortfall(monkeypatch):
    monkeypatch.setattr(psi.backend, "_cores", lambda: ("avx512ifma", "portable"))
    assert shortfall() is None


def test_no_backend_slides_to_another_when_its_self_test_fails(monkeypatch):
    """There is no fallback that nobody chose: with a broken best backend blindmatch does not start."""
    best = usable()[0]
    monkeypatch.setattr(psi.backend, "_chosen", {})
    monkeypatch.setattr(psi.backend, "self_test", lambda backend: (_ for _ in ()).throw(psi.backend._wrong()))
    with pytest.raises(BackendUnavailable, match="wrong answers"):
        choose()
    assert best not in psi.backend._chosen


@pytest.mark.tm("TM-95")
def test_a_backend_that_fails_its_self_test_is_never_returned(monkeypatch):
    class Wrong(SodiumBackend):
        def base_multiply(self, scalar):
            return GENERATOR

    monkeypatch.setattr(psi.backend, "_chosen", {})
    monkeypatch.setitem(psi.backend._MAKERS, "sodium", Wrong)
    for _ in range(2):
        with pytest.raises(BackendUnavailable, match="wrong answers"):
            choose("sodium")


def test_a_library_that_finds_no_randomness_is_not_used(monkeypatch):
    class NoRandomness:
        def __getattr__(self, name):
            return type("Function", (), {"__call__": lambda *_: -1})()

    monkeypatch.setattr(_scalars, "load", NoRandomness)
    with pytest.raises(BackendUnavailable, match="randomness"):
        SodiumBackend()


# The self-test: one sabotaged twin for every operation

SABOTAGE = {
    "base_multiply": lambda real: lambda k: GENERATOR,
    "map_to_group": lambda real: lambda uniform: real(bytes(uniform)[::-1]),
    "hash_to_group": lambda real: lambda messages, dst: real(messages, dst + b"x"),
    "hash_and_multiply": lambda real: lambda k, messages, dst: real(k, messages, dst + b"x"),
    "multiply": lambda real: lambda k, elements: bytes(elements),
    "validate": lambda real: lambda elements: None,
    "sum": lambda real: lambda elements: real(bytes(elements)[32:]),
    "multi_scalar": lambda real: lambda scalars, elements: real(scalars, elements)[::-1],
    "multiply_keeping": lambda real: lambda k, elements: (elements, real(k, elements)[1]),
    "multi_scalar_kept": lambda real: lambda scalars, kept: real(scalars, kept)[::-1],
    "multiply_each": lambda real: lambda scalars, elements: real(scalars[::-1], elements),
    "hash_rows": lambda real: lambda prefix, rows, width, length: real(prefix[1:], rows, width, length),
    "reduce": lambda real: lambda wide: bytes(wide)[:32],
    "response": lambda real: lambda nonce, challenge, k: real(k, challenge, nonce),
    "derive_nonce": lambda real: lambda k, statement, fresh: real(k, b"", fresh),
    "new_scalar": lambda real: lambda: SecretBytes(32),
}


@pytest.mark.tm("TM-95")
@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("operation", SABOTAGE)
def test_the_self_test_catches_one_wrong_operation(name, operation):
    twin = copy(backend_called(name))
    setattr(twin, operation, SABOTAGE[operation](getattr(twin, operation)))
    with pytest.raises(BackendUnavailable, match="wrong answers") as refusal:
        self_test(twin)
    assert refusal.value.advice


def passing_bad_rows_from(first, real):
    def validate(elements):
        try:
            real(elements)
        except InvalidElement as refusal:
            if refusal.index < first:
                raise

    return validate


# What is wrong only in a long list: from the second block of 256 on, in one lane, in the widest windows.
LONG = {
    "multiply_keeping": lambda real: (
        lambda k, rows: (real(k, rows)[0], real(k, bytes(rows)[:8192] * 9)[1][: 128 * 1050])
    ),
    "multiply": lambda real: lambda k, rows: real(k, rows)[: 32 * 256] + bytes(rows)[32 * 256 :],
    "hash_and_multiply": lambda real: lambda k, ms, dst: real(k, (list(ms[:256]) * 9)[: len(ms)], dst),
    "map_to_group": lambda real: lambda uniform: real(bytes(uniform)[:65536]) + real(bytes(uniform)[65536:][::-1]),
    "validate": lambda real: passing_bad_rows_from(256, real),
    "sum": lambda real: lambda rows: real(bytes(rows)[: 32 * 1024]),
    "multi_scalar": lambda real: (
        lambda scalars, rows: real(
            b"".join(bytes(scalars)[at : at + 8] + bytes(24) for at in range(0, len(scalars), 32))
            if len(rows) > 32 * 1023
            else scalars,
            rows,
        )
    ),
    "hash_rows": lambda real: (
        lambda prefix, rows, width, length: real(prefix, (bytes(rows)[: 256 * width] * 9)[: len(rows)], width, length)
    ),
}


@pytest.mark.tm("TM-95")
@pytest.mark.parametrize("operation", LONG)
def test_the_self_test_catches_what_is_wrong_only_in_a_long_list(operation):
    twin = copy(backend_called("native-avx512ifma"))
    setattr(twin, operation, LONG[operation](getattr(twin, operation)))
    with pytest.raises(BackendUnavailable, match="wrong answers"):
        self_test(twin)


def test_the_self_test_catches_a_library_that_lets_bit_255_pass(monkeypatch):
    """What libsodium 1.0.18 does when nobody checks before it."""
    monkeypatch.setattr(_sodium, "is_canonical_element", lambda encoding: any(encoding))
    twin = SodiumBackend()
    loose = GENERATOR[:-1] + bytes([GENERATOR[-1] | 0x80])
    assert twin.multiply(known_scalar(2), loose) == twin.multiply(known_scalar(2), GENERATOR)
    with pytest.raises(BackendUnavailable):
        self_test(twin)


def test_the_self_test_catches_a_wrong_index():
    """Blame needs the right place."""

    def misplaced(elements):
        try:
            SodiumBackend.validate(twin, elements)
        except InvalidElement as refusal:
            refusal.index = 0
            raise

    twin = SodiumBackend()
    twin.validate = misplaced
    with pytest.raises(BackendUnavailable):
        self_test(twin)


def test_the_self_test_catches_a_crash():
    twin = SodiumBackend()
    twin.sum = lambda _: 1 // 0
    with pytest.raises(BackendUnavailable):
        self_test(twin)


@pytest.mark.parametrize("name", BOTH)
def test_the_figures_of_the_self_test_hold_on_the_slow_twin(name, monkeypatch):
    backend = backend_called(name)
    if name == "reference":  # it makes no secrets without given randomness
        monkeypatch.setattr(backend, "new_scalar", lambda: known_scalar(9), raising=False)
    self_test(backend)


# Scalars


def test_new_scalars_differ_and_are_scalars(sodium):
    made = {shown(sodium.new_scalar()) for _ in range(50)}
    assert len(made) == 50
    assert all(is_canonical_scalar(one) and any(one) for one in made)


def test_injected_randomness_gives_a_known_scalar(backend):
    wide = bytes(range(64))
    assert shown(backend.new_scalar(lambda n: wide[:n])) == backend.reduce(wide)


def test_zero_is_drawn_again(backend):
    draws = [ORDER.to_bytes(64, "little"), bytes(64), (5).to_bytes(64, "little")]
    assert shown(backend.new_scalar(lambda _: draws.pop(0))) == (5).to_bytes(32, "little")


def test_too_little_randomness_is_refused(sodium):
    with pytest.raises(LocalError):
        sodium.new_scalar(lambda n: bytes(n - 1))


def test_the_slow_twin_makes_no_secrets_of_its_own():
    with pytest.raises(LocalError, match="no secrets"):
        backend_called("reference").new_scalar()


USES = {
    "base_multiply": lambda b, k: b.base_multiply(k),
    "multiply": lambda b, k: b.multiply(k, GENERATOR),
    "multiply nothing": lambda b, k: b.multiply(k, b""),
    "hash_and_multiply": lambda b, k: b.hash_and_multiply(k, [b"m"], b"tag"),
    "response as key": lambda b, k: b.response(known_scalar(3), ONE, k),
    "response as nonce": lambda b, k: b.response(k, ONE, known_scalar(3)),
    "derive_nonce": lambda b, k: b.derive_nonce(k, b"", bytes(32)),
}


@pytest.mark.parametrize("use", USES)
def test_a_wiped_scalar_is_refused(backend, use):
    scalar = known_scalar(7)
    scalar.wipe()
    with pytest.raises(WrongState):
        USES[use](backend, scalar)


@pytest.mark.parametrize("value", [0, ORDER, ORDER + 1, 2**255, 2**256 - 1])
@pytest.mark.parametrize("use", USES)
def test_a_damaged_scalar_is_refused(backend, use, value):
    with pytest.raises(LocalError):
        USES[use](backend, known_scalar(value))


@pytest.mark.parametrize("size", [1, 31, 33, 64])
def test_a_secret_of_another_size_is_no_scalar(backend, size):
    secret = SecretBytes(size)
    secret.view()[0] = 1
    with pytest.raises(LocalError):
        backend.base_multiply(secret)


@pytest.mark.parametrize("challenge", [b"", ONE[:31], ONE + b"\0", ORDER.to_bytes(32, "little"), b"\xff" * 32])
def test_a_challenge_that_is_no_scalar_is_refused(backend, challenge):
    with pytest.raises(LocalError):
        backend.response(known_scalar(3), challenge, known_scalar(5))


def test_a_nonce_depends_on_key_statement_and_fresh_bytes(backend):
    cases = [(3, b"ab", b"c"), (4, b"ab", b"c"), (3, b"a", b"bc"), (3, b"ab", b"d"), (3, b"", b"abc")]
    nonces = [shown(backend.derive_nonce(known_scalar(k), statement, fresh)) for k, statement, fresh in cases]
    assert len(set(nonces)) == len(cases)
    assert all(is_canonical_scalar(one) and any(one) for one in nonces)


@pytest.mark.parametrize("wide", [b"", bytes(63), bytes(65), bytes(128)])
def test_reduce_takes_64_bytes(backend, wide):
    with pytest.raises(LocalError):
        backend.reduce(wide)


# Elements


def test_nothing_in_nothing_out(backend):
    scalar = known_scalar(3)
    assert backend.map_to_group(b"") == backend.multiply(scalar, b"") == b""
    assert backend.hash_to_group([], b"tag") == backend.hash_and_multiply(scalar, [], b"tag") == b""
    assert backend.sum(b"") == backend.multi_scalar(b"", b"") == IDENTITY
    assert backend.hash_rows(b"prefix", b"", 32, 16) == b""
    backend.validate(b"")


@pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview, lambda data: memoryview(bytearray(data))])
def test_any_buffer_will_do(backend, wrap):
    scalar = known_scalar(2)
    pair = GENERATOR * 2
    assert backend.multiply(scalar, wrap(pair)) == backend.multi_scalar(wrap(ONE * 2), wrap(pair)) * 2
    assert backend.sum(wrap(pair)) == backend.base_multiply(scalar)
    backend.validate(wrap(pair))
    assert len(backend.map_to_group(wrap(bytes(128)))) == 64


@pytest.mark.parametrize("length", [1, 31, 33, 65])
def test_broken_rows_are_refused(backend, length):
    with known_scalar(2) as scalar:
        for use in (
            backend.validate,
            backend.sum,
            backend.map_to_group,
            lambda data: backend.multiply(scalar, data),
            lambda data: backend.multi_scalar(data, GENERATOR),
            lambda data: backend.multi_scalar(ONE, data),
        ):
            with pytest.raises(LocalError):
                use(bytes(length))


@pytest.mark.parametrize(
    ("width", "length", "size"), [(32, 16, 33), (0, 16, 32), (-1, 16, 32), (32, 0, 32), (32, 65, 32)]
)
def test_rows_to_hash_have_a_width_and_a_length(backend, width, length, size):
    with pytest.raises(LocalError):
        backend.hash_rows(b"", bytes(size), width, length)


@pytest.mark.parametrize("width", [1, 4, 16, 32, 200])
@pytest.mark.parametrize("length", [1, 16, 64])
def test_rows_are_hashed_behind_the_prefix(backend, width, length):
    rows = os.urandom(19 * width)
    each = [hashlib.sha512(b"prefix" + rows[at : at + width]).digest()[:length] for at in range(0, len(rows), width)]
    assert backend.hash_rows(b"prefix", rows, width, length) == b"".join(each)
    assert backend.hash_rows(b"prefix", bytearray(rows), width, length) == b"".join(each)


@pytest.mark.parametrize("name", BACKENDS)
def test_a_bad_element_before_a_bad_scalar_comes_first(name):
    backend = backend_called(name)
    big = ORDER.to_bytes(32, "little")
    with pytest.raises(InvalidElement) as refusal:
        backend.multi_scalar(ONE + ONE + big, GENERATOR + IDENTITY + GENERATOR)
    assert refusal.value.index == 1
    with pytest.raises(LocalError):
        backend.multi_scalar(ONE + big + ONE, GENERATOR * 2 + IDENTITY)


@pytest.mark.parametrize("dst", [b"", bytes(256)])
def test_a_label_of_the_wrong_length_is_refused(dst):
    for name in usable():
        with pytest.raises(LocalError):
            choose(name).hash_to_group([b"m"], dst)


def test_too_many_rows_are_refused(backend, monkeypatch):
    monkeypatch.setattr(group, "MAX_BATCH", 3)
    with pytest.raises(LocalError):
        backend.validate(GENERATOR * 4)


def test_too_many_messages_are_refused(monkeypatch):
    monkeypatch.setattr(group, "MAX_BATCH", 3)
    for name in usable():
        with pytest.raises(LocalError):
            choose(name).hash_to_group([b"m"] * 4, b"tag")


@pytest.mark.parametrize("scalars", [b"", ONE, ONE * 3])
def test_a_sum_needs_one_scalar_per_element(backend, scalars):
    with pytest.raises(LocalError):
        backend.multi_scalar(scalars, GENERATOR * 2)


@pytest.mark.parametrize("value", [ORDER, 2**255, 2**255 + 1, 2**256 - 1])
def test_a_public_scalar_must_be_canonical(backend, value):
    with pytest.raises(LocalError):
        backend.multi_scalar(ONE + value.to_bytes(32, "little"), GENERATOR * 2)


@pytest.mark.parametrize("place", [0, 1, 4])
def test_the_first_offender_is_named(backend, place):
    elements = bytearray(GENERATOR * 5)
    elements[32 * place : 32 * place + 32] = IDENTITY
    elements[-1] |= 0x80  # a later one, of another kind
    with pytest.raises(InvalidElement) as refusal:
        backend.validate(elements)
    assert refusal.value.index == place
    assert GENERATOR.hex() not in refusal.value.diagnostics()


def test_the_map_can_give_the_identity_and_nothing_takes_it(backend):
    identity = backend.map_to_group(bytes(64))
    assert identity == IDENTITY
    with pytest.raises(InvalidElement):
        backend.multiply(known_scalar(2), identity)


def test_a_hash_that_gives_the_identity_stops(monkeypatch, sodium):
    monkeypatch.setattr(_sodium, "expand_messages", lambda messages, dst: bytes(64 * len(messages)))
    with pytest.raises(LocalError):
        sodium.hash_and_multiply(known_scalar(2), [b"m"], b"tag")


@pytest.mark.parametrize("name", BACKENDS)
def test_several_threads_may_share_it(name):
    shared = backend_called(name)
    with known_scalar(11) as scalar:
        lists = [shared.hash_to_group([os.urandom(8) for _ in range(60)], b"tag") for _ in range(8)]
        alone = [shared.multiply(scalar, elements) for elements in lists]
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda elements: shared.multiply(scalar, elements), lists))
            fused = list(pool.map(lambda n: shared.hash_and_multiply(scalar, [bytes([n])] * 40, b"tag"), range(8)))
    assert together == alone
    assert all(len({one[at : at + 32] for at in range(0, len(one), 32)}) == 1 for one in fused)
